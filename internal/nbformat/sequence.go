// The escape sequences that a Screen carries out.

package nbformat

import (
	"errors"
	"strconv"
	"strings"
)

// sequenceLen is the length of the escape sequence at the start of text, or 0 if its end is still
// missing.
func sequenceLen(text string) int {
	if len(text) < 2 {
		return 0
	}
	switch text[1] {
	case '[':
		for i := 2; i < len(text); i++ {
			if c := text[i]; c >= 0x40 && c <= 0x7e {
				return i + 1
			} else if c < 0x20 || c > 0x7e {
				return i // broken
			}
		}
		return 0
	case ']', 'P', '_', '^', 'X':
		for i := 2; i < len(text); i++ {
			switch {
			case text[i] == '\a' && text[1] == ']':
				return i + 1
			case text[i] == '\x1b' && i+1 == len(text):
				return 0
			case text[i] == '\x1b' && text[i+1] == '\\':
				return i + 2
			case text[i] == '\x1b': // another one begins
				return i
			}
		}
		return 0
	case '(', ')', '*', '+', '#', '%', ' ':
		if len(text) < 3 {
			return 0
		}
		return 3
	}
	return 2
}

// sequence carries out an escape sequence.
func (s *Screen) sequence(seq string) {
	switch {
	case seq == "\x1b7":
		s.saved.row, s.saved.col = s.row, s.column()
	case seq == "\x1b8":
		s.place(s.saved.row, s.saved.col)
	case seq == "\x1bM":
		s.place(s.row-1, s.column())
	case seq == "\x1bc":
		s.erase(2)
		s.place(s.top, 0)
		s.style = 0
	case len(seq) > 2 && seq[1] == '[':
		s.control(seq[2:len(seq)-1], seq[len(seq)-1])
	}
}

// control carries out a control sequence.
func (s *Screen) control(parameters string, final byte) {
	if final == 'm' {
		if parameters != "" && strings.IndexByte("<=>?", parameters[0]) >= 0 {
			return
		}
		s.style = s.styles.apply(s.style, parameters)
		s.grow(s.row)
		l := &s.lines[s.row]
		if s.atEnd && !l.edited {
			l.text = append(append(append(l.text, "\x1b["...), parameters...), 'm')
		}
		if s.atEnd || l.edited {
			l.end = s.style
		}
		return
	}
	first, second, _ := strings.Cut(parameters, ";")
	number := func(text string, missing int) int {
		n, err := strconv.Atoi(text)
		if n == 0 || err != nil && !errors.Is(err, strconv.ErrRange) {
			return missing
		}
		return min(n, 10_000)
	}
	n := number(first, 1)
	switch final {
	case 'A':
		s.place(s.row-n, s.column())
	case 'B', 'e':
		s.place(s.row+n, s.column())
	case 'C', 'a':
		s.place(s.row, s.column()+n)
	case 'D':
		s.place(s.row, s.column()-n)
	case 'E':
		s.place(s.row+n, 0)
	case 'F':
		s.place(s.row-n, 0)
	case 'G', '`':
		s.place(s.row, n-1)
	case 'd':
		s.place(s.top+n-1, s.column())
	case 'H', 'f':
		s.place(s.top+n-1, number(second, 1)-1)
	case 's':
		s.saved.row, s.saved.col = s.row, s.column()
	case 'u':
		s.place(s.saved.row, s.saved.col)
	case 'J':
		s.erase(number(first, 0))
	case 'K', 'X', 'P', '@':
		s.eraseInLine(final, first, n)
	}
}

// eraseInLine carries out the sequences that change the cursor's line.
func (s *Screen) eraseInLine(final byte, first string, n int) {
	col := s.column()
	l := s.edit(s.row)
	l.cut(col)
	blank := func(from, to int) {
		l.cut(to)
		for i := from; i < min(to, len(l.cells)); i++ {
			l.cells[i] = screenCell{text: " "}
		}
	}
	switch {
	case final == 'K' && first == "2":
		l.cells = nil
	case final == 'K' && first == "1":
		blank(0, col+1)
	case col >= len(l.cells):
	case final == 'K':
		l.cells = l.cells[:col]
	case final == 'X':
		blank(col, col+n)
	case final == 'P':
		l.cut(col + n)
		l.cells = append(l.cells[:col], l.cells[min(col+n, len(l.cells)):]...)
	case final == '@':
		rest := append([]screenCell(nil), l.cells[col:]...)
		l.cells = l.cells[:col]
		for range n {
			l.cells = append(l.cells, screenCell{text: " "})
		}
		l.cells = append(l.cells, rest...)
	}
	s.col, s.atEnd = col, false
}

// erase carries out ED: 0 erases from the cursor on, 1 up to it, 2 all that a terminal shows.
func (s *Screen) erase(what int) {
	col := s.column()
	s.col, s.atEnd = col, false
	switch what {
	case 0:
		s.eraseInLine('K', "0", 1)
		s.lines = s.lines[:s.row+1]
	case 1:
		for row := s.top; row < min(s.row, len(s.lines)); row++ {
			s.lines[row] = screenLine{edited: true}
		}
		s.eraseInLine('K', "1", 1)
	default:
		s.lines = s.lines[:min(s.top, len(s.lines))]
	}
}
