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
	name := "Error"
	var traceback []string
	var at *engine.CellError
	var all engine.Errors
	switch {
	case errors.As(err, &all) && len(all) > 0:
		name = names["compile"]
		for _, e := range all {
			traceback = append(traceback, red+name+reset+": "+e.Error())
			traceback = append(traceback, c.lines(e.Cell, e.Line, e.Col)...)
		}
	case errors.As(err, &at):
		if name = names[at.Kind]; name == "" {
			name = "Error"
		}
		traceback = append(traceback, red+name+reset+": "+at.Msg)
		places := at.Trace
		if len(places) == 0 && at.Cell > 0 {
			places = []string{fmt.Sprintf("cell[%d]:%d", at.Cell, at.Line)}
		}
		traceback = append(traceback, c.trace(places, at.Col)...)
	default:
		traceback = []string{red + name + reset + ": " + err.Error()}
	}
	return map[string]any{"ename": name, "evalue": err.Error(), "traceback": traceback}
}

var names = map[string]string{"compile": "CompileError", "panic": "Panic", "interrupt": "Interrupted", "crash": "WorkerEnded", "command": "CommandError"}

// trace shows where a panic came from, innermost first: the first place with what stands around it. Of a
// deep recursion the middle is left out.
func (c *cells) trace(places []string, col int) (shown []string) {
	for i, place := range places {
		if i == maxPlaces/2 && len(places) > maxPlaces {
			shown = append(shown, fmt.Sprintf("... %d more ...", len(places)-maxPlaces))
		}
		if i >= maxPlaces/2 && i < len(places)-maxPlaces/2 {
			continue
		}
		var cell, line int
		fmt.Sscanf(place, "cell[%d]:%d", &cell, &line)
		if i == 0 {
			shown = append(append(shown, green+place+reset), c.lines(cell, line, col)...)
			continue
		}
		text := strings.Split(c.code[cell], "\n")
		source := ""
		if line >= 1 && line <= len(text) {
			source = strings.TrimSpace(text[line-1])
		}
		shown = append(shown, green+place+reset+"  "+source)
	}
	return shown
}

// lines shows a place in a cell with what stands around it; col 0: unknown.
func (c *cells) lines(cell, line, col int) []string {
	code, known := c.code[cell]
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
