// Package present decides how an error and a value look wherever a cell is shown: in Jupyter, at a
// terminal, in a notebook file. The three forms suit their readers, but their content is decided
// here: the name of an error, its places, the lines of cells at these places, and what may help.
package present

import (
	"errors"
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"gsmlab/kernel/engine"
)

// Sources gives the text of a cell by its number.
type Sources func(cell int) (text string, known bool)

// Name is the name of an error in Jupyter clients and notebook files (ename).
func Name(err error) string { return engine.KindOf(err).String() }

// Message is what an error says besides its name (evalue).
func Message(err error) string {
	if one := single(err); len(one) == 1 && one[0].Kind == engine.KindInterrupt {
		return message(one[0])
	}
	return err.Error()
}

// message is the text of an error without its place. An interrupt says so already.
func message(e *engine.CellError) string {
	if e.Kind == engine.KindInterrupt {
		return "the cell was stopped" + place(e) + ", the variables are kept"
	}
	return e.Msg
}

// place says in a sentence where an error is, if that is known.
func place(e *engine.CellError) string {
	if e.Place.Cell == 0 {
		return ""
	}
	return " at " + e.Place.String()
}

// Heading begins a Jupyter traceback.
func Heading(name, text string) string { return red + name + reset + ": " + text }

// single returns the errors that make up err: several if a cell does not compile. An error that
// does not belong to a cell has only its message.
func single(err error) []*engine.CellError {
	var all engine.Errors
	var one *engine.CellError
	switch {
	case errors.As(err, &all) && len(all) > 0:
		return all
	case errors.As(err, &one):
		return []*engine.CellError{one}
	}
	return []*engine.CellError{{Msg: err.Error()}}
}

const (
	red   = "\x1b[31m"
	green = "\x1b[32m"
	reset = "\x1b[0m"

	around = 2 // lines that Jupyter shows before and after the failing one
)

// Traceback is an error as Jupyter shows it: coloured, one line per element.
func Traceback(err error, cells Sources) (shown []string) {
	name := Name(err)
	for _, e := range single(err) {
		text := message(e)
		if e.Kind == engine.KindCompile { // may be one of several
			text = e.Error()
		}
		shown = append(shown, Heading(name, text))
		switch {
		case e.Kind == engine.KindCompile:
			shown = append(shown, cells.around(e.Place)...)
		case len(e.Trace) > 0:
			shown = append(shown, cells.trace(e)...)
		case e.Place.Cell > 0:
			shown = append(append(shown, green+withoutColumn(e.Place).String()+reset), cells.around(e.Place)...)
		}
		if h := cells.hint(e); h != "" {
			shown = append(shown, "hint: "+h)
		}
	}
	return shown
}

// trace shows where a panic came from, innermost first: the first place with the lines around it.
func (cells Sources) trace(e *engine.CellError) (shown []string) {
	for i, s := range steps(e.Trace, 20) {
		switch {
		case s.left > 0:
			shown = append(shown, fmt.Sprintf("... %d more ...", s.left))
		case s.times > 0:
			shown = append(shown, s.repetition())
		case i == 0:
			at := e.Place
			if withoutColumn(at) != withoutColumn(s.at) {
				at = s.at
			}
			shown = append(append(shown, green+withoutColumn(s.at).String()+reset), cells.around(at)...)
		default:
			line, _ := cells.line(s.at)
			shown = append(shown, green+withoutColumn(s.at).String()+reset+"  "+strings.TrimSpace(line))
		}
	}
	return shown
}

func withoutColumn(at engine.Place) engine.Place { return engine.Place{Cell: at.Cell, Line: at.Line} }

// line returns the line of a place.
func (cells Sources) line(at engine.Place) (line string, known bool) {
	text, known := cells(at.Cell)
	lines := strings.Split(text, "\n")
	if !known || at.Line < 1 || at.Line > len(lines) {
		return "", false
	}
	return lines[at.Line-1], true
}

// around shows a place with the lines before and after it.
func (cells Sources) around(at engine.Place) (shown []string) {
	if _, known := cells.line(at); !known {
		return nil
	}
	text, _ := cells(at.Cell)
	lines := strings.Split(text, "\n")
	for n := max(1, at.Line-around); n <= min(len(lines), at.Line+around); n++ {
		line := expanded(lines[n-1])
		if n != at.Line {
			shown = append(shown, fmt.Sprintf("      %3d  %s", n, line))
			continue
		}
		shown = append(shown, fmt.Sprintf("%s----> %3d%s  %s", green, n, reset, line))
		if before, ok := margin(lines[n-1], at.Col); ok {
			shown = append(shown, strings.Repeat(" ", 11)+before+red+"^"+reset)
		}
	}
	return shown
}

// margin is as wide as the text before a column, which counts bytes from 1.
func margin(line string, col int) (blank string, ok bool) {
	if col < 1 || col > len(line)+1 {
		return "", false
	}
	return strings.Repeat(" ", ansi.StringWidth(expanded(line[:col-1]))), true
}

// expanded replaces tabs with spaces.
func expanded(text string) string { return strings.ReplaceAll(text, "\t", "    ") }

// Paint colours the parts of an error at a terminal. Its methods may return the text unchanged.
type Paint interface {
	Bad(text string) string     // what went wrong
	Warning(text string) string // what the user did
	Dim(text string) string     // what is less important
}

// Terminal is an error as a terminal shows it: with the line it names and a mark below the column.
func Terminal(err error, cells Sources, paint Paint) string {
	var parts []string
	for _, e := range single(err) {
		parts = append(parts, cells.terminal(e, paint))
	}
	return strings.Join(parts, "\n")
}

func (cells Sources) terminal(e *engine.CellError, paint Paint) string {
	text := paint.Bad(e.Error())
	if e.Kind == engine.KindInterrupt {
		text = e.Msg
		if e.Place.Cell != 0 { // else no Go ran
			text += place(e) + ", the variables are kept"
		}
		text = paint.Warning(text)
	}
	text += cells.marked(e.Place, paint)
	if h := cells.hint(e); h != "" {
		text += "\n" + paint.Dim("hint: "+h)
	}
	for i, s := range steps(e.Trace, 8) {
		switch {
		case s.left > 0:
			text += "\n" + paint.Dim(fmt.Sprintf("  and %d more", s.left))
		case s.times > 0:
			text += "\n" + paint.Dim("  "+s.repetition())
		case i > 0: // the first is the place of the error itself
			text += "\n" + paint.Dim("called from "+s.at.String()) + cells.marked(s.at, paint)
		}
	}
	return text
}

// marked shows the line of a place with a mark below the column.
func (cells Sources) marked(at engine.Place, paint Paint) string {
	line, known := cells.line(at)
	if !known || strings.TrimSpace(line) == "" {
		return ""
	}
	number := fmt.Sprintf("%4d", at.Line)
	text := "\n" + paint.Dim(number+" | ") + expanded(line)
	if before, ok := margin(line, at.Col); ok {
		text += "\n" + paint.Dim(strings.Repeat(" ", len(number))+" | ") + before + paint.Bad("^")
	}
	return text
}

// Lines is an error as the traceback in a notebook file, without colours.
func Lines(err error, cells Sources) []string {
	shown := append([]string{Name(err) + ":"}, strings.Split(Message(err), "\n")...)
	e := single(err)[0]
	if line, known := cells.line(e.Place); known && len(e.Trace) <= 1 {
		shown = append(shown, fmt.Sprintf("%6d | %s", e.Place.Line, line))
	}
	for _, s := range steps(e.Trace, 20) {
		switch {
		case s.left > 0:
			shown = append(shown, fmt.Sprintf("  ... %d more", s.left))
		case s.times > 0:
			shown = append(shown, "  "+s.repetition())
		default:
			shown = append(shown, "  at "+s.at.String())
		}
	}
	return shown
}

// Position is a place, written after the name of its file, such as "file.go:" or "line ".
func Position(name string, at engine.Place) string {
	if at.Col == 0 {
		return fmt.Sprintf("%s%d", name, at.Line)
	}
	return fmt.Sprintf("%s%d:%d", name, at.Line, at.Col)
}

// InFile is the text of an error whose places are in a file, not in a cell. name writes a place
// there.
func InFile(err error, name func(engine.Place) string) string {
	var lines []string
	for _, e := range single(err) {
		if text := *e; text.Place.Cell == 0 {
			lines = append(lines, e.Error())
		} else {
			text.Place = engine.Place{}
			lines = append(lines, name(e.Place)+": "+text.Error())
		}
	}
	return strings.Join(lines, "\n")
}
