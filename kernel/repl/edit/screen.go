package edit

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// tracker follows the cursor through output.
type tracker struct {
	width, col int
	rows       int  // since the last mark
	lost       bool // col is not known: the cursor was moved in a way that is not followed
	uncounted  bool // rows is not known
	state      byte
}

// follow is told what is written.
func (c *tracker) follow(text string) {
	for text != "" {
		seq, width, n, state := ansi.DecodeSequence(text, c.state, nil)
		text, c.state = text[n:], state
		switch {
		case seq == "\n":
			c.rows++
			c.col, c.lost = 0, false
		case seq == "\r":
			c.col, c.lost = 0, false
		case seq == "\b":
			c.col = max(0, c.col-1)
		case seq == "\t":
			c.col = min(c.width-1, c.col/8*8+8)
		case width > 0:
			if c.col+width > c.width {
				c.rows++
				c.col = 0
			}
			c.col += width
		case strings.HasPrefix(seq, "\x1b[") && strings.IndexByte("mKJhl", seq[len(seq)-1]) < 0:
			c.lost, c.uncounted = true, true
		}
	}
}

// fresh reports whether the cursor is at the start of a line.
func (c *tracker) fresh() bool { return c.col == 0 && !c.lost }

// crlf is what a line break is in raw mode.
func crlf(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
}

// begin and end make the terminal show what is between them at once, where it can.
const begin, end = "\x1b[?2026h", "\x1b[?2026l"

// Print writes output above the prompt, if one is shown.
func (t *Terminal) Print(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.print(text, crlf(text))
}

// Picture writes a picture of the given number of rows, which are below the cursor's row when it ends.
func (t *Terminal) Picture(sequence string, rows int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.print(strings.Repeat("\n", rows), sequence)
}

func (t *Terminal) print(follow, raw string) {
	if !t.shown {
		t.cursor.follow(follow)
		t.write(raw)
		return
	}
	block, row, col := t.block, t.row, t.col
	var b strings.Builder
	b.WriteString(begin + t.erased())
	if t.broke && !t.cursor.lost { // go on with the line that was not finished
		fmt.Fprintf(&b, "\x1b[A\x1b[%dG", t.cursor.col+1)
		if t.cursor.col == t.width { // it was full
			b.WriteString("\r\n")
		}
	}
	t.broke = false
	t.cursor.follow(follow)
	b.WriteString(raw)
	b.WriteString(t.drawn(block, row, col))
	t.write(b.String() + end)
}

// FreshLine ends a line of output that was not finished.
func (t *Terminal) FreshLine() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.shown && !t.cursor.fresh() {
		t.write("\r\n")
		t.cursor.follow("\n")
	}
}

// Mark starts counting rows of output; Rewind goes back to the mark and clears what came since, if it is
// known where the mark is and it is still on the screen.
func (t *Terminal) Mark() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cursor.rows = 0
	t.cursor.uncounted = !t.cursor.fresh()
}

// Rewind: see Mark; replace is written in the place of what is cleared.
func (t *Terminal) Rewind(replace string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.shown || t.cursor.uncounted || t.cursor.rows >= t.height {
		return false
	}
	up := ""
	if t.cursor.rows > 0 {
		up = fmt.Sprintf("\x1b[%dA", t.cursor.rows)
	}
	t.cursor.rows, t.cursor.col = 0, 0
	t.cursor.follow(replace)
	t.write(begin + up + "\r\x1b[J" + crlf(replace) + end)
	return true
}

// Show draws a block of rows below the output, with the cursor at row and col of it. Rows are narrower than
// the terminal.
func (t *Terminal) Show(block []string, row, col int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(block) > t.height { // cannot be taken away again
		block = block[len(block)-t.height:]
		row = max(0, row-(len(block)-t.height))
	}
	if !t.shown {
		t.write(begin + t.drawn(block, row, col) + end)
		return
	}
	var b strings.Builder
	b.WriteString(begin + "\x1b[?25l\r")
	if t.row > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", t.row)
	}
	for i, line := range block {
		if i > 0 {
			b.WriteString("\r\n")
		}
		if i >= len(t.block) || t.block[i] != line {
			b.WriteString(line + "\x1b[m\x1b[K")
		}
	}
	if len(t.block) > len(block) {
		b.WriteString("\r\n\x1b[J\x1b[A")
	}
	b.WriteString(placed(len(block), row, col))
	t.block, t.row, t.col = block, row, col
	t.write(b.String() + "\x1b[?25h" + end)
}

// drawn is the text that draws a block from nothing.
func (t *Terminal) drawn(block []string, row, col int) string {
	var b strings.Builder
	b.WriteString("\x1b[m")
	if !t.cursor.fresh() {
		b.WriteString("\r\n")
		t.broke = true
	}
	for i, line := range block {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(line + "\x1b[m\x1b[K")
	}
	b.WriteString(placed(len(block), row, col))
	t.block, t.row, t.col, t.shown = block, row, col, true
	return b.String()
}

// placed moves the cursor from the last row of a block to its place.
func placed(rows, row, col int) string {
	up := ""
	if n := rows - 1 - row; n > 0 {
		up = fmt.Sprintf("\x1b[%dA", n)
	}
	return up + fmt.Sprintf("\x1b[%dG", col+1)
}

// erased is the text that takes the block away.
func (t *Terminal) erased() string {
	up := ""
	if t.row > 0 {
		up = fmt.Sprintf("\x1b[%dA", t.row)
	}
	t.shown, t.block = false, nil
	return "\r" + up + "\x1b[J"
}

// Hide takes the block away.
func (t *Terminal) Hide() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hide()
}

func (t *Terminal) hide() {
	if !t.shown {
		return
	}
	t.write(t.erased())
	if t.broke { // the line break stays
		t.cursor.follow("\n")
		t.broke = false
	}
}

// Keep leaves a block on the screen as output, in place of the one that is shown.
func (t *Terminal) Keep(block []string) {
	t.Hide()
	t.Print(strings.Join(block, "\x1b[m\n") + "\x1b[m\n")
}

// Clear clears the screen; the block moves to its top.
func (t *Terminal) Clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	block, row, col, shown := t.block, t.row, t.col, t.shown
	t.cursor.col, t.cursor.rows, t.cursor.lost, t.broke = 0, 0, false, false
	t.write("\x1b[H\x1b[2J")
	if shown {
		t.write(t.drawn(block, row, col))
	}
}
