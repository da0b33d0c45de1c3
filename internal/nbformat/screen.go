// A small terminal screen: it shows a stream as a terminal does, where text may overwrite itself.

package nbformat

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Screen is the text of a stream as a terminal shows it: of a progress bar, only the last state is
// left. It follows carriage returns, backspaces, and the sequences that erase and move the cursor.
// Colours stay in the text as SGR sequences, as in notebooks. All other sequences are dropped. The
// zero value is an empty screen.
//
// Lines keep their original text until something overwrites them, so text without such controls
// comes out unchanged.
type Screen struct {
	lines  []screenLine
	row    int // of the cursor, which may be below the last line
	col    int // of the cursor, unless atEnd is set
	atEnd  bool
	top    int // the line that a terminal of screenRows would show first
	style  style
	styles palette
	saved  struct{ row, col int }
	rest   string // the start of a sequence that has not ended yet
}

// The size that programs assume for a terminal that does not tell its size.
const (
	screenRows = 24
	screenCols = 80
)

// maxRest is how long an unfinished sequence may become.
const maxRest = 1 << 20

// screenLine is a line as it was written or, once something has overwritten it, as cells.
type screenLine struct {
	text       []byte
	start, end style // of text
	cells      []screenCell
	edited     bool
}

// screenCell is one column. A wide character, or a tab, is followed by cells without text.
type screenCell struct {
	text  string
	style style
}

// Overwritten is what a terminal shows of a text, see Screen.
func Overwritten(text string) string {
	if !strings.ContainsAny(text, "\r\b\x1b") {
		return text
	}
	var s Screen
	s.Write(text)
	return s.String()
}

// Write adds what a program printed.
func (s *Screen) Write(text string) {
	if s.lines == nil {
		s.lines, s.atEnd = []screenLine{{}}, true
	}
	text = s.rest + text
	s.rest = ""
	for text != "" {
		i := strings.IndexAny(text, "\n\r\b\x1b")
		if i < 0 {
			i = len(text)
		}
		if i > 0 {
			s.put(text[:i])
			text = text[i:]
			continue
		}
		switch text[0] {
		case '\n':
			s.newline()
		case '\r':
			s.col, s.atEnd = 0, s.row < len(s.lines) && s.lines[s.row].empty()
		case '\b':
			s.place(s.row, s.column()-1)
		case '\x1b':
			n := sequenceLen(text)
			if n == 0 {
				if len(text) < maxRest {
					s.rest = text
				}
				return
			}
			s.sequence(text[:n])
			text = text[n:]
			continue
		}
		text = text[1:]
	}
}

// Len is roughly the number of bytes that String returns.
func (s *Screen) Len() int {
	n := 0
	for i := range s.lines {
		n += len(s.lines[i].text) + len(s.lines[i].cells) + 1
	}
	return n
}

// String is the text on the screen and above it.
func (s *Screen) String() string {
	var b strings.Builder
	now := style(0)
	show := func(to style) {
		b.WriteString(s.styles.change(now, to))
		now = to
	}
	for i := range s.lines {
		l := &s.lines[i]
		if i > 0 {
			b.WriteByte('\n')
		}
		if !l.edited {
			if len(l.text) > 0 {
				show(l.start)
				b.Write(l.text)
				now = l.end
			}
			continue
		}
		for _, c := range l.cells {
			if c.text != "" {
				show(c.style)
				b.WriteString(c.text)
			}
		}
		if len(l.cells) > 0 {
			show(l.end)
		}
	}
	if last := len(s.lines) - 1; last >= 0 && s.row == last && s.col == 0 && !s.atEnd && !s.lines[last].empty() {
		b.WriteByte('\r') // what comes next is written over the line
	}
	show(s.style)
	return b.String()
}

// Fresh reports whether the cursor is on an empty line.
func (s *Screen) Fresh() bool { return s.row >= len(s.lines) || s.lines[s.row].empty() }

func (l *screenLine) empty() bool { return len(l.text) == 0 && len(l.cells) == 0 }

// newline moves to the start of the next line.
func (s *Screen) newline() {
	s.grow(s.row + 1)
	if l := &s.lines[s.row]; l.edited {
		l.end = s.style
	}
	s.row++
	s.col = 0
	s.atEnd = s.lines[s.row].empty()
}

// grow adds lines until the given row exists.
func (s *Screen) grow(row int) {
	for len(s.lines) <= row {
		s.lines = append(s.lines, screenLine{start: s.style, end: s.style})
	}
	s.top = max(s.top, len(s.lines)-screenRows)
}

// column returns the column of the cursor.
func (s *Screen) column() int {
	if s.atEnd {
		return len(s.edit(s.row).cells)
	}
	return s.col
}

// place moves the cursor, but not beyond the edges of a terminal or of the existing text.
func (s *Screen) place(row, col int) {
	s.row = min(max(row, 0), max(len(s.lines)-1, s.top+screenRows-1))
	wide := screenCols
	if s.row < len(s.lines) {
		wide = max(wide, len(s.edit(s.row).cells)+1)
	}
	s.col, s.atEnd = min(max(col, 0), wide-1), false
}

// edit returns the line of a row as cells.
func (s *Screen) edit(row int) *screenLine {
	s.grow(row)
	l := &s.lines[row]
	if l.edited {
		return l
	}
	l.edited = true
	now, text := l.start, string(l.text)
	l.text = nil
	for text != "" {
		if text[0] == '\x1b' { // a line's text holds only SGR sequences
			n := sequenceLen(text)
			now = s.styles.apply(now, text[2:n-1])
			text = text[n:]
			continue
		}
		i := strings.IndexByte(text, '\x1b')
		if i < 0 {
			i = len(text)
		}
		l.cells = appendCells(l.cells, text[:i], now)
		text = text[i:]
	}
	return l
}

// put writes text without controls at the cursor.
func (s *Screen) put(text string) {
	s.grow(s.row)
	if l := &s.lines[s.row]; s.atEnd && !l.edited {
		l.text = append(l.text, text...)
		return
	}
	col := s.column()
	l := s.edit(s.row)
	for len(l.cells) < col {
		l.cells = append(l.cells, screenCell{text: " "})
	}
	var room [128]screenCell
	written := appendCells(room[:0], text, s.style)
	end := min(col+len(written), len(l.cells))
	l.cut(col)
	l.cut(end)
	copy(l.cells[col:end], written)
	l.cells = append(l.cells, written[end-col:]...)
	l.end = s.style
	s.col, s.atEnd = col+len(written), false
}

// cut blanks a wide character that begins before a column and ends after it.
func (l *screenLine) cut(col int) {
	if col >= len(l.cells) || l.cells[col].text != "" {
		return
	}
	start := col
	for start > 0 && l.cells[start].text == "" {
		start--
	}
	for i := start; i < len(l.cells) && (i == start || l.cells[i].text == ""); i++ {
		l.cells[i].text = " "
	}
}

// ascii holds the strings of single bytes, so that cells with them need no extra memory.
var ascii = func() (all [128]string) {
	for i := range all {
		all[i] = string(rune(i))
	}
	return all
}()

func appendCells(cells []screenCell, text string, now style) []screenCell {
	for text != "" {
		if c := text[0]; c >= ' ' && c < 0x7f && (len(text) == 1 || text[1] < 0x80) {
			cells = append(cells, screenCell{ascii[c], now})
			text = text[1:]
			continue
		} else if c == '\t' {
			cells = append(cells, screenCell{"\t", now})
			for len(cells)%8 != 0 {
				cells = append(cells, screenCell{"", now})
			}
			text = text[1:]
			continue
		}
		cluster, width := ansi.FirstGraphemeCluster(text, ansi.GraphemeWidth)
		if width > 0 {
			cells = append(cells, screenCell{strings.Clone(cluster), now})
			for range width - 1 {
				cells = append(cells, screenCell{"", now})
			}
		}
		text = text[max(len(cluster), 1):]
	}
	return cells
}
