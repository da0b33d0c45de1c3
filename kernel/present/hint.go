package present

import (
	"strings"
	"unicode"

	"gsmlab/kernel/engine"
)

// hint is what may help with an error; "": nothing is known to.
func (cells Sources) hint(e *engine.CellError) string {
	switch {
	case e.Kind == engine.KindCrash && len(e.Lost) > 0:
		return "%checkpoint FILE keeps variables, %restore FILE brings them back"
	case e.Kind == engine.KindCompile:
		return helpful[cells.word(e.Place)]
	}
	return ""
}

// helpful are words that somebody types who looks for something else than a name of Go.
var helpful = map[string]string{"exit": "Ctrl-D leaves", "quit": "Ctrl-D leaves", "help": "%help lists the commands, x? explains x"}

// word is the name at a place.
func (cells Sources) word(at engine.Place) string {
	line, known := cells.line(at)
	if !known || at.Col < 1 || at.Col > len(line) {
		return ""
	}
	rest := line[at.Col-1:]
	end := strings.IndexFunc(rest, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if end < 0 {
		end = len(rest)
	}
	return rest[:end]
}
