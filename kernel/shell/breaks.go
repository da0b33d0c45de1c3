// The commands of the debugger: %break and those that step through a cell that is stopped.

package shell

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gsmlab/kernel/engine"
)

var debugCommands = []Command{
	{Name: "break", Args: "[[CELL:]LINE [if COND]|panic|list|clear [N...]]", Help: "stop cells before a line, or list where they stop", run: setBreak,
		More: "%break 3            line 3 of this cell, or of the latest one\n%break 2:5 if n > 7  line 5 of cell 2, when a look-up is true there\n%break panic        where a panic begins\n%break clear        remove all, or those whose numbers follow\nWhile a cell is stopped, a look-up shows its value and x = 3 sets a variable."},
	{Name: "step", Help: "let a stopped cell go on to the next line, also into functions of cells", run: stepping(engine.StepIn)},
	{Name: "next", Help: "let a stopped cell go on to the next line of its function", run: stepping(engine.StepNext)},
	{Name: "out", Help: "let a stopped cell go on until its function has returned", run: stepping(engine.StepOut)},
	{Name: "continue", Help: "let a stopped cell go on", run: stepping(engine.StepNone)},
	{Name: "locals", Help: "the variables of the function that is stopped, or that a panic has ended", run: showLocals},
	{Name: "stack", Args: "[N]", Help: "the calls of a stopped cell, or of a panic; with a number, look at that one", run: showStack},
}

// whileHeld are the commands that run while a cell is stopped.
var whileHeld = map[string]bool{"break": true, "step": true, "next": true, "out": true, "continue": true, "locals": true, "stack": true,
	"help": true, "who": true, "version": true, "output": true, "reset": true}

// inTheWay is the error of what cannot run while a cell is stopped.
func (r *run) inTheWay() error {
	if r.ctx.Value(heldKey{}) != nil { // it is the one that is stopped, or may be
		return nil
	}
	if h := r.debug.held; h != nil {
		return fmt.Errorf("cell %d is stopped: only look-ups, assignments and commands of the debugger run until it has ended; %%continue lets it go on", h.number)
	}
	return nil
}

func setBreak(r *run, args string) error {
	word, rest, _ := strings.Cut(args, " ")
	if r.debug.ignored && word != "list" && word != "" {
		r.out.Note("%break is ignored: nobody is there to go on from a breakpoint")
		return nil
	}
	d := r.Debugger()
	switch word {
	case "", "list":
		return r.listBreaks()
	case "panic":
		d.Switch(true)
		d.StopAtPanics(true)
		r.out.Stdout("cells stop where a panic begins\n")
		return nil
	case "clear":
		return r.clearBreaks(strings.Fields(rest))
	}
	b := engine.Breakpoint{Cell: r.debug.lastGo}
	if r.hasGo() {
		b.Cell = r.number
	} else if r.debug.at != (engine.At{}) {
		if frames, _, err := d.Stack(r.debug.at.Goroutine); err == nil {
			b.Cell = frames[r.debug.at.Frame].Place.Cell
		}
	}
	cell, line, both := strings.Cut(word, ":")
	var err error
	if both {
		b.Cell, err = strconv.Atoi(cell)
	} else {
		line = cell
	}
	if err == nil {
		b.Line, err = strconv.Atoi(line)
	}
	rest = strings.TrimSpace(rest)
	if err != nil || b.Line < 1 || b.Cell < 0 || rest != "" && !strings.HasPrefix(rest, "if ") {
		return fmt.Errorf("%%break %s: write %%break LINE or %%break CELL:LINE, and behind it \"if\" with a condition", args)
	}
	if b.Cell == 0 {
		return errors.New("%break: no cell has run; %break CELL:LINE names one that will")
	}
	b.Condition = strings.TrimSpace(strings.TrimPrefix(rest, "if"))
	set, err := d.Break(b)
	if err != nil {
		return fmt.Errorf("%%break: %w", err)
	}
	r.out.Stdout("breakpoint " + breakText(set) + "\n")
	return nil
}

// StopLine is the line of a cell in which a breakpoint at line stops: the next in which a statement
// of its Go begins; 0 if there is none.
func StopLine(text string, line int) int {
	var golang strings.Builder
	at := 1
	for _, p := range (&run{Shell: new(Shell), cell: parseCell(text)}).finished() {
		if p.command {
			continue
		}
		golang.WriteString(strings.Repeat("\n", max(0, p.line-at)) + p.text)
		at = max(at, p.line) + strings.Count(p.text, "\n")
	}
	return engine.StopLine(golang.String(), line)
}

// hasGo tells whether a cell has more than commands.
func (r *run) hasGo() bool {
	return slices.ContainsFunc(r.cell.parts, func(p part) bool { return !p.command && hasGo(p.text) })
}

// breakText is a breakpoint in one line.
func breakText(b engine.Breakpoint) string {
	text := fmt.Sprintf("%d: cell[%d]:%d", b.ID, b.Cell, b.Line)
	if b.Condition != "" {
		text += " if " + b.Condition
	}
	switch {
	case b.Why != "":
		text += " (" + b.Why + ")"
	case b.Bound != b.Line:
		text += fmt.Sprintf(" (at line %d)", b.Bound)
	}
	return text
}

func (r *run) listBreaks() error {
	all := r.Debugger().Breakpoints()
	for _, b := range all {
		r.out.Stdout(breakText(b) + "\n")
	}
	if r.Debugger().PanicsStop() {
		r.out.Stdout("panic\n")
	} else if len(all) == 0 {
		r.out.Stdout("there are no breakpoints\n")
	}
	return nil
}

func (r *run) clearBreaks(numbers []string) error {
	d := r.Debugger()
	var ids []int
	for _, n := range numbers {
		id, err := strconv.Atoi(n)
		if err != nil {
			return fmt.Errorf("%%break clear %s: it takes the numbers that %%break lists", n)
		}
		ids = append(ids, id)
	}
	if unknown := d.Clear(ids...); len(unknown) > 0 {
		return fmt.Errorf("%%break clear: there is no breakpoint %d", unknown[0])
	}
	if len(ids) == 0 {
		d.StopAtPanics(false)
	}
	r.idle()
	return nil
}

// idle switches the debugger off when there is nothing for it to do.
func (s *Shell) idle() {
	d := s.Debugger()
	if !s.attached() && d.On() && s.debug.held == nil && len(d.Breakpoints()) == 0 && !d.PanicsStop() && len(d.Stopped()) == 0 {
		d.Switch(false)
	}
}

// GoesOn says whether a cell has a command that lets a stopped cell go on.
func GoesOn(text string) bool {
	return slices.ContainsFunc(parseCell(text).parts, func(p part) bool {
		word, _, _ := strings.Cut(strings.TrimPrefix(p.text, "%"), " ")
		return p.command && slices.Contains([]string{"step", "next", "out", "continue"}, word)
	})
}

// stepping is a command that lets the stopped goroutine go on.
func stepping(step engine.StepKind) func(*run, string) error {
	return func(r *run, args string) error {
		if args != "" {
			return fmt.Errorf("it takes no arguments, not %q", args)
		}
		if err := r.findStopped(); err != nil {
			return err
		}
		g, h := r.debug.at.Goroutine, r.debug.held
		over := r.wait()
		defer over()
		if h != nil {
			h.out.set(r.out.front)
		}
		if err := r.Debugger().Resume(g, step); err != nil {
			return err
		}
		r.debug.at = engine.At{}
		if h == nil && step == engine.StepNone {
			return nil
		}
		if step == engine.StepNone {
			g = 0
		}
		err := r.await(r.ctx, h, g, r.out.front)
		r.idle()
		return err
	}
}

// findStopped settles which goroutine a command means.
func (r *run) findStopped() error {
	all := r.Debugger().Stopped()
	for _, s := range all {
		if s.Goroutine == r.debug.at.Goroutine {
			return nil
		}
	}
	if len(all) == 0 {
		return errors.New("nothing is stopped: %break sets a breakpoint")
	}
	r.debug.at = engine.At{Goroutine: all[len(all)-1].Goroutine}
	return nil
}

// frame is the frame that commands show: of what is stopped, else of the latest panic.
func (r *run) frame() engine.At {
	if r.findStopped() != nil && r.debug.at.Goroutine != engine.Fallen {
		r.debug.at = engine.At{Goroutine: engine.Fallen}
	}
	return r.debug.at
}

func showLocals(r *run, args string) error {
	if args != "" {
		return fmt.Errorf("%%locals takes no arguments, not %q", args)
	}
	vars, err := r.Debugger().Locals(r.frame())
	if err != nil {
		return err
	}
	var rows [][]string
	for _, v := range vars {
		rows = append(rows, []string{v.Name, v.Type, v.Text})
	}
	if len(rows) == 0 {
		r.out.Stdout("no variables but those of the session; %who lists them\n")
		return nil
	}
	r.out.Stdout(aligned(rows))
	return nil
}

func showStack(r *run, args string) error {
	at := r.frame()
	frames, more, err := r.Debugger().Stack(at.Goroutine)
	if err != nil {
		return err
	}
	if args != "" {
		n, err := strconv.Atoi(args)
		if err != nil || n < 0 || n >= len(frames) {
			return fmt.Errorf("%%stack %s: the frames are 0 to %d", args, len(frames)-1)
		}
		r.debug.at.Frame, at.Frame = n, n
		r.out.Stdout(place(frames[n]) + "\n" + r.source(frames[n].Place, 1))
		return nil
	}
	var rows [][]string
	for i, f := range frames {
		mark := "  "
		if i == at.Frame {
			mark = "->"
		}
		line := strings.TrimLeft(strings.TrimPrefix(r.source(f.Place, 0), "->"), " 0123456789")
		rows = append(rows, []string{fmt.Sprintf("%s %d", mark, i), fmt.Sprintf("cell[%d]:%d", f.Place.Cell, f.Place.Line), f.Func, strings.TrimSpace(line)})
	}
	r.out.Stdout(aligned(rows))
	if more > 0 {
		r.out.Stdout(fmt.Sprintf("   and %d more\n", more))
	}
	return nil
}
