package repl

import "gsmlab/kernel/present"

// explain is an error as the user sees it, with the line of the cell that it names.
func (s *prompt) explain(err error) string { return present.Terminal(err, s.source, s.theme) }

// source is the text of a cell.
func (s *prompt) source(cell int) (text string, known bool) {
	text, known = s.cells[cell]
	return text, known
}
