package repl

import (
	"errors"
	"fmt"
	"strings"

	"gsmlab/kernel/engine"
)

const maxPlaces = 8 // of a panic that are shown

// explain is an error as the user sees it: with the line of the cell that it names.
func (s *prompt) explain(err error) string {
	var all engine.Errors
	var one *engine.CellError
	switch {
	case errors.As(err, &all):
		parts := make([]string, len(all))
		for i, e := range all {
			parts[i] = s.explainOne(e)
		}
		return strings.Join(parts, "\n")
	case errors.As(err, &one):
		return s.explainOne(one)
	}
	return s.theme.bad(err.Error())
}

// hints are what may help with an error, by the end of its message.
var hints = map[string]string{
	"undefined: exit":        "Ctrl-D leaves",
	"undefined: quit":        "Ctrl-D leaves",
	"undefined: help":        "%help lists the commands, x? explains x",
	"all variables are lost": "%checkpoint FILE keeps variables, %restore FILE brings them back",
}

func hint(message string) string {
	for end, text := range hints {
		if strings.HasSuffix(message, end) {
			return text
		}
	}
	return ""
}

func (s *prompt) explainOne(e *engine.CellError) string {
	if e.Kind == engine.KindInterrupt {
		return s.theme.paint("33", e.Error())
	}
	text := s.theme.bad(e.Error())
	text += s.source(e.Place)
	if h := hint(e.Msg); h != "" {
		text += "\n" + s.theme.dim("hint: "+h)
	}
	for i, place := range e.Trace {
		if i == 0 { // it is the place of the error
			continue
		}
		if i == maxPlaces {
			text += "\n" + s.theme.dim(fmt.Sprintf("  and %d more", len(e.Trace)-i))
			break
		}
		text += "\n" + s.theme.dim("called from "+place.String()) + s.source(place)
	}
	return text
}

// source shows a line of a cell with a mark under the column.
func (s *prompt) source(at engine.Place) string {
	line, col := at.Line, at.Col
	lines := strings.Split(s.cells[at.Cell], "\n")
	if line < 1 || line > len(lines) || strings.TrimSpace(lines[line-1]) == "" {
		return ""
	}
	code := lines[line-1]
	number := fmt.Sprintf("%4d", line)
	text := "\n" + s.theme.dim(number+" | ") + strings.ReplaceAll(code, "\t", "    ")
	if col < 1 || col > len(code)+1 {
		return text
	}
	before := strings.ReplaceAll(code[:col-1], "\t", "    ")
	return text + "\n" + s.theme.dim(strings.Repeat(" ", len(number))+" | ") + strings.Repeat(" ", width(before)) + s.theme.bad("^")
}
