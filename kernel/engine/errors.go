package engine

import (
	"fmt"
	"go/token"
	"regexp"
	"strings"

	"gsmlab/kernel/engine/lang"
)

// What ends a cell, as package lang declares it.
type (
	// CellError is what ended a cell, and where.
	CellError = lang.CellError
	// Errors are the compile errors of a cell, one line each.
	Errors = lang.Errors
	// Place is a place in a cell.
	Place = lang.Place
	// Kind says what ended a cell; it prints as the name that front ends show.
	Kind = lang.Kind
)

// The kinds of errors. The zero Kind is any other error.
const (
	KindCompile   = lang.KindCompile
	KindPanic     = lang.KindPanic
	KindInterrupt = lang.KindInterrupt
	KindCrash     = lang.KindCrash
	KindCommand   = lang.KindCommand
)

// KindOf returns the kind of an error of a cell; of several errors, that of the first.
func KindOf(err error) Kind { return lang.KindOf(err) }

// Interrupted is the error of a cell that Ctrl-C or the like ended.
func Interrupted() error { return lang.Interrupted() }

const maxErrors = 10

var (
	cellPackage = regexp.MustCompile(`(gsmcell/c[0-9]+|Ꞌc[0-9]+)\.`)
	oldNames    = regexp.MustCompile(`·[a-z0-9]+`)
)

// placeOf is the place of a position that a file set gave.
func placeOf(p token.Position) Place {
	return Place{Cell: cellNumber(p.Filename), Line: p.Line, Col: p.Column}
}

func cellNumber(name string) int {
	var n int
	if i := strings.LastIndex(name, "cell["); i >= 0 {
		fmt.Sscanf(name[i:], "cell[%d]", &n)
	}
	return n
}

// firstPlace is the first place that text names, or none.
func firstPlace(text string) Place {
	if all := lang.Places(text); len(all) > 0 {
		return all[0]
	}
	return Place{}
}

// clean takes our names away from text that people see: values of cell types read main.point.
func clean(text string) string {
	if strings.Contains(text, tick) || strings.Contains(text, "gsmcell/") {
		text = cellPackage.ReplaceAllString(text, "main.")
		text = strings.ReplaceAll(text, tick, "")
	}
	return text
}

// cleanMessage is clean for the messages of the type checker, which names things as the cell does.
func cleanMessage(msg string) string {
	return strings.ReplaceAll(clean(oldNames.ReplaceAllString(msg, "")), "main.", "")
}
