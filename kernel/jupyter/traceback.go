package jupyter

import (
	"errors"
	"fmt"
	"strings"

	"gsmlab/kernel/engine"
)

const (
	red   = "\x1b[31m"
	green = "\x1b[32m"
	reset = "\x1b[0m"

	keptCells = 1000 // whose text tracebacks can show
	maxPlaces = 20
	around    = 2 // lines shown before and after the one that failed
)

// cells are the texts of the session by number. Those that are not counted (silent ones and the like)
// go by the number of the one before them.
type cells struct {
	count int
	code  map[int]string
}

func newCells() *cells { return &cells{code: map[int]string{}} }

// failure is the content of an error: its name, its message and, coloured, where it happened.
func (c *cells) failure(err error) map[string]any {
	delete(c.code, c.count-keptCells)
	name := engine.KindOf(err).String()
	var traceback []string
	var at *engine.CellError
	var all engine.Errors
	switch {
	case errors.As(err, &all) && len(all) > 0:
		for _, e := range all {
			traceback = append(traceback, red+name+reset+": "+e.Error())
			traceback = append(traceback, c.lines(e.Place)...)
		}
	case errors.As(err, &at):
		traceback = append(traceback, red+name+reset+": "+at.Msg)
		places := at.Trace
		if len(places) == 0 && at.Place.Cell > 0 {
			places = []engine.Place{at.Place}
		}
		traceback = append(traceback, c.trace(places, at.Place.Col)...)
	default:
		traceback = []string{red + name + reset + ": " + err.Error()}
	}
	return map[string]any{"ename": name, "evalue": err.Error(), "traceback": traceback}
}

// trace shows where a panic came from, innermost first: the first place with what stands around it. Of a
// deep recursion the middle is left out.
func (c *cells) trace(places []engine.Place, col int) (shown []string) {
	for i, place := range places {
		if i == maxPlaces/2 && len(places) > maxPlaces {
			shown = append(shown, fmt.Sprintf("... %d more ...", len(places)-maxPlaces))
		}
		if i >= maxPlaces/2 && i < len(places)-maxPlaces/2 {
			continue
		}
		name := green + engine.Place{Cell: place.Cell, Line: place.Line}.String() + reset
		if i == 0 {
			shown = append(append(shown, name), c.lines(engine.Place{Cell: place.Cell, Line: place.Line, Col: col})...)
			continue
		}
		text := strings.Split(c.code[place.Cell], "\n")
		source := ""
		if place.Line >= 1 && place.Line <= len(text) {
			source = strings.TrimSpace(text[place.Line-1])
		}
		shown = append(shown, name+"  "+source)
	}
	return shown
}

// lines shows a place in a cell with what stands around it.
func (c *cells) lines(at engine.Place) []string {
	line, col := at.Line, at.Col
	code, known := c.code[at.Cell]
	text := strings.Split(code, "\n")
	if !known || line < 1 || line > len(text) {
		return nil
	}
	var shown []string
	for n := max(1, line-around); n <= min(len(text), line+around); n++ {
		source := strings.ReplaceAll(text[n-1], "\t", "    ")
		if n != line {
			shown = append(shown, fmt.Sprintf("      %3d  %s", n, source))
			continue
		}
		shown = append(shown, fmt.Sprintf("%s----> %3d%s  %s", green, n, reset, source))
		if col > 0 && col <= len(text[n-1])+1 {
			before := strings.ReplaceAll(text[n-1][:col-1], "\t", "    ")
			shown = append(shown, strings.Repeat(" ", 11+len([]rune(before)))+red+"^"+reset)
		}
	}
	return shown
}
