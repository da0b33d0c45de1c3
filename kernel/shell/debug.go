// Debugging at a prompt: %break and what follows when a cell stops. A cell that has stopped is
// held: Execute returns, and the commands of the next cells step through it.

package shell

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"

	"gsmlab/kernel/engine"
)

// debugging is what a shell keeps of the debugger.
type debugging struct {
	ignored  bool // breakpoints are: nobody is there
	mu       sync.Mutex
	attached bool // a client of its own shows what is stopped
	events   chan engine.DebugEvent
	waits    bool           // a cell is waiting for events
	last     engine.Outputs // of the latest cell

	held   *held // the cell that has stopped; under Shell.running
	at     engine.At
	lastGo int // the latest cell with Go
}

// held is a cell that has stopped, and goes on while later ones run.
type held struct {
	number int
	done   chan error
	cancel context.CancelFunc
	out    *switched
}

// switched are outputs that go to those of whichever cell waits.
type switched struct {
	mu sync.Mutex
	to engine.Outputs
}

func (s *switched) set(to engine.Outputs) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to = to
}

func (s *switched) now() engine.Outputs {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.to
}

func (s *switched) Stdout(text string)         { s.now().Stdout(text) }
func (s *switched) Stderr(text string)         { s.now().Stderr(text) }
func (s *switched) Result(value engine.Bundle) { s.now().Result(value) }
func (s *switched) Display(d engine.Display)   { s.now().Display(d) }
func (s *switched) Clear(wait bool)            { s.now().Clear(wait) }
func (s *switched) Page(text engine.Bundle)    { s.now().Page(text) }
func (s *switched) Note(text string)           { s.now().Note(text) }
func (s *switched) Comm(o engine.CommOp, a string, v any) {
	if w, ok := s.now().(engine.Widgets); ok {
		w.Comm(o, a, v)
	}
}
func (s *switched) Input(ctx context.Context, prompt string, secret bool) (string, error) {
	return s.now().Input(ctx, prompt, secret)
}

// withoutComm hides that switched outputs can carry messages of widgets.
type withoutComm struct{ engine.Outputs }

// Debugger returns the debugger of the session.
func (s *Shell) Debugger() *engine.Debugger { return s.eng.Debugger() }

// Attach says whether a client of its own shows what is stopped. Then cells that stop do not return
// until they have ended.
func (s *Shell) Attach(on bool) {
	s.debug.mu.Lock()
	defer s.debug.mu.Unlock()
	s.debug.attached = on
}

func (s *Shell) attached() bool {
	s.debug.mu.Lock()
	defer s.debug.mu.Unlock()
	return s.debug.attached
}

// heard takes the events of the debugger.
func (s *Shell) heard(e engine.DebugEvent) {
	s.debug.mu.Lock()
	waits, attached, out := s.debug.waits, s.debug.attached, s.debug.last
	s.debug.mu.Unlock()
	switch {
	case e.Bound != nil || attached:
	case waits:
		s.debug.events <- e
	case e.Stopped != nil && out != nil:
		out.Note(fmt.Sprintf("goroutine %d stopped at %s; %%locals shows its variables, %%continue lets it go on", e.Stopped.Goroutine, where(*e.Stopped)))
	}
}

// wait has the debugger's events kept for a cell, until the returned function is called.
func (s *Shell) wait() (over func()) {
	for len(s.debug.events) > 0 {
		<-s.debug.events
	}
	s.debug.mu.Lock()
	defer s.debug.mu.Unlock()
	s.debug.waits = true
	return func() {
		s.debug.mu.Lock()
		defer s.debug.mu.Unlock()
		s.debug.waits = false
	}
}

// mayStop tells whether a cell can stop.
func (s *Shell) mayStop(text string) bool {
	return s.eng != nil && !s.debug.ignored && (s.Debugger().On() || strings.Contains(text, "%break"))
}

// hold runs a cell that may stop.
func (s *Shell) hold(ctx context.Context, text string, out engine.Outputs, run func(ctx context.Context, out engine.Outputs) error) error {
	h := &held{number: engine.CellNumber(ctx), done: make(chan error, 1), out: &switched{to: out}}
	own, cancel := context.WithCancel(context.WithValue(context.WithoutCancel(ctx), heldKey{}, h))
	h.cancel = cancel
	var front engine.Outputs = h.out
	if _, ok := out.(engine.Widgets); !ok {
		front = withoutComm{h.out}
	}
	over := s.wait()
	defer over()
	go func() { // a mistake of ours must not cost the user's variables
		var err error
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("a mistake in the kernel, please report it: %v\n%s", p, debug.Stack())
			}
			h.done <- err
		}()
		err = run(own, front)
	}()
	return s.await(ctx, h, -1, out)
}

type heldKey struct{}

// await waits until a held cell ends, or something stops. h is nil where a goroutine is stepped
// that no cell waits for; stepped is the goroutine that takes a step. With 0 another one that is
// stopped already will do; with -1 it will not.
func (s *Shell) await(ctx context.Context, h *held, stepped int, out engine.Outputs) error {
	var done chan error
	if h != nil {
		done = h.done
	}
	cancelled := ctx.Done()
	others := func() bool { // that have stopped before
		all := s.Debugger().Stopped()
		if len(all) > 0 {
			s.halted(h, all[len(all)-1], out)
		}
		return len(all) > 0
	}
	if stepped == 0 && !s.attached() && others() {
		return nil
	}
	for {
		select {
		case err := <-done:
			if s.debug.held == h {
				s.release()
			}
			h.cancel()
			s.idle()
			return err
		case <-cancelled:
			cancelled = nil
			if h == nil {
				return engine.Interrupted()
			}
			h.cancel()
		case e := <-s.debug.events:
			switch {
			case s.attached():
			case e.Stopped != nil:
				s.halted(h, *e.Stopped, out)
				return nil
			case e.Ended == stepped && stepped > 0:
				if stepped = 0; others() || h == nil {
					return nil
				}
			}
		}
	}
}

// halted shows where a goroutine has stopped, and makes it the one that commands mean.
func (s *Shell) halted(h *held, stop engine.Stop, out engine.Outputs) {
	s.debug.held, s.debug.at = h, engine.At{Goroutine: stop.Goroutine}
	if h != nil {
		s.mu.Lock()
		s.held = h.cancel
		s.mu.Unlock()
	}
	why := ""
	for _, id := range stop.Points {
		why += fmt.Sprintf(", breakpoint %d", id)
	}
	switch {
	case stop.Reason == engine.StopPanic:
		why = ", panic: " + stop.Text
	case stop.Text != "":
		why += ", " + stop.Text
	case stop.Reason == engine.StopPause:
		why = ", pause"
	}
	s.outMu.Lock()
	defer s.outMu.Unlock()
	out.Stdout(fmt.Sprintf("stopped at %s%s\n%s", where(stop), why, s.source(stop.Frame.Place, 1)))
}

func where(stop engine.Stop) string { return place(stop.Frame) }

func place(f engine.Frame) string {
	return fmt.Sprintf("cell[%d]:%d in %s", f.Place.Cell, f.Place.Line, f.Func)
}

// source shows the line of a place, and those around it.
func (s *Shell) source(at engine.Place, around int) string {
	lines := strings.Split(s.Debugger().Text(at.Cell), "\n")
	var text strings.Builder
	for n := max(1, at.Line-around); n <= min(len(lines), at.Line+around); n++ {
		mark := "  "
		if n == at.Line {
			mark = "->"
		}
		if line := lines[n-1]; n == at.Line || strings.TrimSpace(line) != "" {
			fmt.Fprintf(&text, "%s %3d  %s\n", mark, n, strings.ReplaceAll(line, "\t", "    "))
		}
	}
	return text.String()
}

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

// lookHeld evaluates Go while a cell is stopped.
func (r *run) lookHeld(code string) error {
	v, err := r.Debugger().Evaluate(r.frame(), strings.TrimSpace(code))
	if err != nil {
		return fmt.Errorf("%w (cell %d is stopped; %%continue lets it go on)", err, r.debug.held.number)
	}
	if v.Text != "" && !assigns(code) {
		r.out.Result(engine.Bundle{"text/plain": v.Text})
	}
	return nil
}

// assigns tells an assignment, which shows nothing, from a look-up.
func assigns(code string) bool {
	x, err := parser.ParseExpr(code)
	_, isBad := x.(*ast.BadExpr)
	return err != nil || isBad
}

// abandon ends a cell that is stopped.
func (s *Shell) abandon() {
	if h := s.debug.held; h != nil {
		h.cancel()
		<-h.done
		s.release()
	}
}

// RunOn has a cell that is stopped run to its end, past all breakpoints.
func (s *Shell) RunOn(ctx context.Context, out engine.Outputs) error {
	s.running.Lock()
	defer s.running.Unlock()
	h := s.debug.held
	if h == nil {
		return nil
	}
	d := s.Debugger()
	d.Clear()
	d.StopAtPanics(false)
	over := s.wait()
	defer over()
	h.out.set(out)
	if err := d.Resume(0, engine.StepNone); err != nil {
		return err
	}
	return s.await(ctx, h, -1, out)
}

// release forgets a cell that was stopped.
func (s *Shell) release() {
	s.debug.held, s.debug.at = nil, engine.At{}
	s.mu.Lock()
	s.held = nil
	s.mu.Unlock()
}
