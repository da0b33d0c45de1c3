// What is on the screen: it follows the cursor through all output, replaces pieces in place, and
// keeps the prompt at the bottom.

package edit

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// tracker follows the cursor through output.
type tracker struct {
	width, col int
	rows       int    // rows since the last mark
	lost       bool   // col is not known: the cursor moved in a way that is not followed
	uncounted  bool   // rows is not known
	line       string // the text since the line began, if it is short
	state      byte
}

// maxLine limits a remembered line.
const maxLine = 4096

// follow is told everything that is written.
func (c *tracker) follow(text string) {
	if i := strings.LastIndexAny(text, "\r\n"); i >= 0 {
		c.line = text[i+1:]
	} else if len(c.line) < maxLine {
		c.line += text
	}
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
			c.col = max(0, min(c.col, c.width-1)-1)
		case seq == "\t":
			if c.col < c.width { // else the line is full and stays full
				c.col = min(c.width-1, c.col/8*8+8)
			}
		case width > 0:
			if c.col+width > c.width {
				c.rows++
				c.col = 0
			}
			c.col += width
		case strings.HasPrefix(seq, "\x1b[") && strings.IndexByte("KJ", seq[len(seq)-1]) >= 0:
			c.col = min(c.col, c.width-1) // a full line is no longer about to break
		case strings.HasPrefix(seq, "\x1b[") && strings.IndexByte("mhl", seq[len(seq)-1]) < 0:
			c.lost, c.uncounted = true, true
		}
	}
}

// fresh reports whether the cursor is at the start of a line.
func (c *tracker) fresh() bool { return c.col == 0 && !c.lost }

// crlf returns text with the line breaks that raw mode needs.
func crlf(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
}

// begin and end make the terminal show what is between them at once, if it can.
const begin, end = "\x1b[?2026h", "\x1b[?2026l"

// Piece is output: text, or, with rows, a sequence that draws a picture and leaves the cursor at the start of
// the line that is so many rows further down.
type Piece struct {
	Text string
	Rows int
}

func (p Piece) raw() string {
	if p.Rows > 0 {
		return p.Text
	}
	return crlf(p.Text)
}

func (p Piece) followed() string {
	if p.Rows > 0 {
		return strings.Repeat("\n", p.Rows)
	}
	return p.Text
}

// Print writes output above the prompt, if one is shown.
func (t *Terminal) Print(text string) { t.Write(Piece{Text: text}) }

// Write writes output above the prompt, if one is shown.
func (t *Terminal) Write(pieces ...Piece) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.put(false, pieces)
}

// put writes pieces, either in place of everything since the mark or after it.
func (t *Terminal) put(replace bool, pieces []Piece) {
	block, row, col, shown := t.block, t.row, t.col, t.shown
	var b strings.Builder
	if shown {
		b.WriteString(begin + t.lifted())
	}
	if replace {
		if t.cursor.rows > 0 {
			fmt.Fprintf(&b, "\x1b[%dA", t.cursor.rows)
		}
		b.WriteString("\r\x1b[J")
		t.cursor.rows, t.cursor.col, t.cursor.lost = 0, 0, false
	}
	for _, p := range pieces {
		t.cursor.follow(p.followed())
		b.WriteString(p.raw())
	}
	if shown {
		b.WriteString(t.drawn(block, row, col) + end)
	}
	t.write(b.String())
}

// lifted is the text that removes the block and continues where the output ended.
func (t *Terminal) lifted() string {
	text := t.erased()
	if !t.broke {
		return text
	}
	t.broke = false
	if t.cursor.lost {
		t.cursor.follow("\n")
		return text
	}
	text += fmt.Sprintf("\x1b[A\x1b[%dG", t.cursor.col+1)
	if t.cursor.col == t.cursor.width { // the line was full
		text += "\r\n"
		t.cursor.follow("\n")
	}
	return text
}

// FreshLine ends an unfinished line of output.
func (t *Terminal) FreshLine() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.shown && !t.cursor.fresh() {
		t.write("\r\n")
		t.cursor.follow("\n")
	}
}

// Mark starts counting rows of output, for Replace.
func (t *Terminal) Mark() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cursor.rows = 0
	t.cursor.uncounted = !t.cursor.fresh()
}

// Replace writes pieces in place of all output since Mark. If it is not known how much that was, or
// its start has left the screen, Replace does nothing and returns false.
func (t *Terminal) Replace(pieces ...Piece) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	below := 0
	if t.shown {
		below = len(t.block)
	}
	if t.cursor.uncounted || t.cursor.rows+below >= t.height {
		return false
	}
	t.put(true, pieces)
	return true
}

// Show draws a block of rows below the output, with the cursor at row and col of it. Rows are
// narrower than the terminal.
func (t *Terminal) Show(block []string, row, col int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if above := len(block) - t.height; above > 0 { // rows above the screen cannot be removed again
		block, row = block[above:], max(0, row-above)
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

// drawn is the text that draws a block from scratch.
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

// erased is the text that removes the block.
func (t *Terminal) erased() string {
	up := ""
	if t.row > 0 {
		up = fmt.Sprintf("\x1b[%dA", t.row)
	}
	t.shown, t.block = false, nil
	return "\r" + up + "\x1b[J"
}

// Hide removes the block.
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

// Keep leaves a block on the screen as output, in place of the current one.
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
