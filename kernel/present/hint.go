package present

import (
	"fmt"
	"strings"
	"unicode"

	"gsmlab/kernel/engine"
)

// hint is what may help with an error, or "" if nothing is known to help.
func (cells Sources) hint(e *engine.CellError) string {
	switch {
	case len(e.Kept) > 0:
		return "%restore brings " + some(e.Kept) + " back, as the session has saved it"
	case e.Kind == engine.KindCrash && len(e.Lost) > 0:
		return "%checkpoint FILE keeps variables, %restore FILE brings them back"
	case e.Kind == engine.KindCompile:
		return helpful[cells.word(e.Place)]
	}
	return ""
}

// some lists names, but no more than one can read.
func some(names []string) string {
	const most = 8
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// helpful are words that people type when they look for something other than a Go name.
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
