// The errors of cells: their kinds, and the wording of what a worker or a compiler reports.

package engine

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gsmlab/kernel/engine/lang"
	"gsmlab/kernel/engine/wire"
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
	KindExit      = lang.KindExit
)

// KindOf returns the kind of a cell's error; of several errors, that of the first.
func KindOf(err error) Kind { return lang.KindOf(err) }

// Interrupted is the error of a cell that Ctrl-C or the like has ended.
func Interrupted() error { return lang.Interrupted() }

// buildError gives errors of the compiler the form of ours. The type checker should have found
// them.
func buildError(cell int, err error) error {
	var known *CellError
	if errors.As(err, &known) {
		return err
	}
	msg := lang.CleanBuild(err.Error())
	e := &CellError{Kind: KindCompile, Place: Place{Cell: cell, Line: 1}, Msg: msg}
	if at := lang.FirstPlace(msg); at.Cell != 0 {
		e.Place = at
		if rest, ok := strings.CutPrefix(msg, at.String()+":"); ok { // the place is said once
			if column, after, ok := strings.Cut(rest, ": "); ok {
				e.Place.Col, _ = strconv.Atoi(column) // 0 if there is none
				rest = after
			}
			e.Msg = strings.TrimSpace(rest)
		}
	}
	return e
}

// cellError is the error of a cell that ended as done says, or nil if it ended well. now returns
// the numbers of cells that ran again; it may be nil.
func cellError(cell int, done wire.Event, now func(shown, cell int) int) error {
	switch done.Status {
	case wire.StatusOK:
		return nil
	case wire.StatusPanic, wire.StatusExit, wire.StatusInterrupted:
		err := &CellError{Kind: KindPanic, Msg: done.Text, Trace: lang.Places(done.Trace)}
		switch done.Status {
		case wire.StatusInterrupted:
			err.Kind, err.Msg = KindInterrupt, Interrupted().Error()
		case wire.StatusExit:
			err.Kind, err.Msg = KindExit, fmt.Sprintf("os.Exit(%s) ended the cell: what cells declared is kept", done.Text)
			if done.Text == "" {
				err.Msg = "runtime.Goexit ended the cell: what cells declared is kept"
			}
		}
		if done.Goroutine || done.Kind == wire.EventFailed {
			err.Msg = inGoroutine(done)
		}
		for i, at := range err.Trace {
			if now != nil {
				err.Trace[i].Cell = now(at.Cell, cell)
			}
		}
		if len(err.Trace) > 0 {
			err.Place = err.Trace[0]
		}
		if done.Shown {
			err.Msg, err.Trace = err.Msg+", as shown above", nil
		}
		return err
	}
	return &CellError{Kind: KindCompile, Place: Place{Cell: cell, Line: 1}, Msg: lang.CleanBuild(done.Text)}
}

var typeOfCell = regexp.MustCompile(`\bmain\.([\pL_][\pL\pN_]*)`)

// whichTypes says where the types come from if a panic names two types by one name.
func (e *Engine) whichTypes(err error) error {
	var cell *CellError
	if !errors.As(err, &cell) || cell.Kind != KindPanic {
		return err
	}
	seen := map[string]bool{}
	for _, m := range typeOfCell.FindAllStringSubmatch(cell.Msg, -1) {
		if made := slices.Compact(slices.Clone(e.types[m[1]])); seen[m[1]] && len(made) > 1 {
			cell.Msg = strings.TrimSuffix(cell.Msg, " (types from different scopes)")
			cell.Msg += fmt.Sprintf(" (there is a type %s of each of the cells %s: a value in an interface keeps the one that it was made with)", m[1], numbers(made))
			return err
		}
		seen[m[1]] = true
	}
	return err
}

// numbers lists numbers: 1, 2 and 3.
func numbers(list []int) string {
	text := ""
	for i, n := range list {
		switch i {
		case 0:
		case len(list) - 1:
			text += " and "
		default:
			text += ", "
		}
		text += strconv.Itoa(n)
	}
	return text
}

// inGoroutine says how a goroutine of a cell ended.
func inGoroutine(e wire.Event) string {
	if e.Status == wire.StatusExit {
		return fmt.Sprintf("os.Exit(%s) ended a goroutine: what cells declared is kept", e.Text)
	}
	return e.Text + " (in a goroutine, which has ended)"
}
