// Package lang is what a cell means: its text is split, parsed and checked against the names that
// cells before it declared, and written as a package that can be built.
package lang

import (
	"errors"
	"fmt"
	"go/token"
	"regexp"
	"strconv"
	"strings"

	"gsmlab/kernel/engine/wire"
)

// Kind says what ended a cell.
type Kind int

// The kinds of errors. The zero Kind is any other error.
const (
	KindCompile   Kind = iota + 1 // the cell is not valid Go
	KindPanic                     // the cell panicked
	KindInterrupt                 // Ctrl-C or the like ended it
	KindCrash                     // the worker process ended
	KindCommand                   // a command of the shell failed
	KindExit                      // the cell called os.Exit or runtime.Goexit
)

// kindNames are the names that front ends show.
var kindNames = [...]string{0: "Error", KindCompile: "CompileError", KindPanic: "Panic", KindInterrupt: "Interrupted", KindCrash: "WorkerEnded", KindCommand: "CommandError", KindExit: "Exit"}

// String returns the name that front ends show.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return kindNames[0]
	}
	return kindNames[k]
}

// KindOf returns the kind of an error of a cell; of several errors, that of the first.
func KindOf(err error) Kind {
	var cell *CellError
	if errors.As(err, &cell) {
		return cell.Kind
	}
	return 0
}

// Place is a place in a cell. Lines and columns count from 1, columns in bytes; a Col of 0 is
// unknown. The zero Place is no place.
type Place struct{ Cell, Line, Col int }

// String writes a place as cell[2]:1:7, without a column that is unknown; no place is "".
func (p Place) String() string {
	switch {
	case p.Cell == 0:
		return ""
	case p.Col == 0:
		return fmt.Sprintf("%s:%d", wire.CellFile(p.Cell), p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", wire.CellFile(p.Cell), p.Line, p.Col)
}

var placePattern = regexp.MustCompile(`cell\[([0-9]+)\]:([0-9]+)`)

// Places returns the places that a stack or a message names, in order; one that repeats itself at
// once is given once.
func Places(text string) []Place {
	var all []Place
	for _, m := range placePattern.FindAllStringSubmatch(text, -1) {
		var p Place
		p.Cell, _ = strconv.Atoi(m[1]) // digits
		p.Line, _ = strconv.Atoi(m[2])
		if len(all) == 0 || all[len(all)-1] != p {
			all = append(all, p)
		}
	}
	return all
}

// FirstPlace is the first place that text names, or none.
func FirstPlace(text string) Place {
	if all := Places(text); len(all) > 0 {
		return all[0]
	}
	return Place{}
}

// placeOf is the place of a position that a file set gave.
func placeOf(p token.Position) Place { return Place{CellNumber(p.Filename), p.Line, p.Column} }

// CellNumber returns the number of the cell that a file name like "cell[3]" means, 0 for other
// names.
func CellNumber(name string) int {
	var n int
	if i := strings.LastIndex(name, "cell["); i >= 0 {
		fmt.Sscanf(name[i:], "cell[%d]", &n)
	}
	return n
}

// CellError is what ended a cell, and where.
type CellError struct {
	Kind  Kind
	Place Place // zero: not known
	Msg   string
	Trace []Place // of a panic or an interrupt: the places in cells, innermost first
	// of a crash: the variables that are gone; of a name that is not defined: it, if a crash took
	// it
	Lost []string
	Kept []string  // those of Lost that a checkpoint of the session has
	pos  token.Pos // in the file set that the cell was checked with
}

func (e *CellError) Error() string {
	msg := e.Msg
	if e.Kind == KindPanic {
		msg = "panic: " + msg
	}
	if e.Place.Cell == 0 {
		return msg
	}
	return e.Place.String() + ": " + msg
}

// Interrupted is the error of a cell that Ctrl-C or the like ended.
func Interrupted() error { return &CellError{Kind: KindInterrupt, Msg: "interrupted"} }

// maxErrors is how many errors of one cell are reported.
const maxErrors = 10

// Errors are the compile errors of a cell, one line each.
type Errors []*CellError

func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the single errors to errors.As.
func (e Errors) Unwrap() []error {
	all := make([]error, len(e))
	for i, err := range e {
		all[i] = err
	}
	return all
}
