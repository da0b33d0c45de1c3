package engine

import (
	"fmt"
	"go/token"
	"regexp"
	"strconv"
	"strings"
)

const maxErrors = 10

// CellError is an error at a place in a cell.
type CellError struct {
	Kind      string // "compile", "panic", "interrupt", "crash"; of the shell also "command"
	Cell      int    // 0: no place is known
	Line, Col int
	Msg       string
	Trace     []string // panic: places in cells, innermost first
	pos       token.Pos
}

func (e *CellError) Error() string {
	msg := e.Msg
	if e.Kind == "panic" {
		msg = "panic: " + msg
	}
	switch {
	case e.Cell == 0:
		return msg
	case e.Col == 0:
		return fmt.Sprintf("cell[%d]:%d: %s", e.Cell, e.Line, msg)
	}
	return fmt.Sprintf("cell[%d]:%d:%d: %s", e.Cell, e.Line, e.Col, msg)
}

// Interrupted is the error of a cell that Ctrl-C or the like ended.
func Interrupted() error { return &CellError{Kind: "interrupt", Msg: "interrupted"} }

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

var (
	cellPackage = regexp.MustCompile(`(gsmcell/c[0-9]+|Ꞌc[0-9]+)\.`)
	cellPlace   = regexp.MustCompile(`cell\[([0-9]+)\]:([0-9]+)`)
	oldNames    = regexp.MustCompile(`·[a-z0-9]+`)
)

// placeIn sets the place of the error to the first one that text names, if it names one.
func (e *CellError) placeIn(text string) {
	if m := cellPlace.FindStringSubmatch(text); m != nil {
		e.Cell, _ = strconv.Atoi(m[1])
		e.Line, _ = strconv.Atoi(m[2])
	}
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
