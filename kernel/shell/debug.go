// Debugging at a prompt: %break and what follows when a cell stops. A cell that has stopped is
// held: Execute returns, and the commands of the next cells step through it.

package shell

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"runtime/debug"
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
	shown    map[int]bool   // stops that were shown before their events came, by number
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
func (s *switched) Progress(text string)       { s.now().Progress(text) }
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
	case e.Stopped != nil && out != nil && !s.wasShown(*e.Stopped):
		out.Note(fmt.Sprintf("goroutine %d stopped at %s; %%locals shows its variables, %%continue lets it go on", e.Stopped.Goroutine, where(*e.Stopped)))
	}
}

// wasShown says whether a stop was shown before its event came.
func (s *Shell) wasShown(stop engine.Stop) bool {
	s.debug.mu.Lock()
	defer s.debug.mu.Unlock()
	return s.debug.shown[stop.Number]
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
		if len(all) == 0 {
			return false
		}
		last := all[len(all)-1]
		s.debug.mu.Lock()
		s.debug.shown[last.Number] = true // its event may still be on its way
		s.debug.mu.Unlock()
		s.halted(h, last, out)
		return true
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
				if s.wasShown(*e.Stopped) {
					continue
				}
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
