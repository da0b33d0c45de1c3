package engine

import "gsmlab/kernel/engine/lang"

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
	KindExit      = lang.KindExit
)

// KindOf returns the kind of an error of a cell; of several errors, that of the first.
func KindOf(err error) Kind { return lang.KindOf(err) }

// Interrupted is the error of a cell that Ctrl-C or the like ended.
func Interrupted() error { return lang.Interrupted() }
