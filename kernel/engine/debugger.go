// The debugger: whether cells are built for it, where they stop, and what is stopped.

package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"gsmlab/kernel/engine/lang"
	"gsmlab/kernel/engine/wire"
)

// Debugger stops goroutines of cells, and shows what they hold. Its methods may be called from any
// goroutine, while a cell runs or waits.
type Debugger struct {
	e *Engine

	mu       sync.Mutex
	on       bool // cells shall be built for debugging
	panics   bool
	packages map[int]*lang.Debugged // that were built for it, by their numbers
	points   []Breakpoint
	lastID   int
	request  int
	answers  map[int]chan *wire.Debugged
	stopped  []Stop
	stops    int // how many there have been
	over     int // stops of this worker up to this one are over
	watchers []*watcher
}

// Breakpoint is a line of a cell before which goroutines stop.
type Breakpoint struct {
	ID        int // the debugger gives it
	Cell      int // as front ends show it; it may be one that has not run yet
	Line      int
	Condition string // a look-up that is a bool; "" always
	Hits      string // "3", ">= 3", "% 3": in which times it stops; "" each time
	// a log point writes this and does not stop; {x} is the value of x
	Log string

	Built bool   // the cell has been built for debugging
	Bound int    // the line where it stops; 0 if it does not
	Why   string // it does not stop
}

// Stop is a goroutine that has stopped.
type Stop struct {
	Number    int // counts the stops of a session
	Goroutine int
	Cell      int // that started it
	Reason    StopReason
	Points    []int  // IDs of the breakpoints
	Text      string // the panic, or why a condition could not be evaluated
	Frame     Frame
	serial    int
}

// StopReason says why a goroutine has stopped.
type StopReason = wire.StopReason

// The reasons.
const (
	StopPoint = wire.StopPoint
	StopStep  = wire.StopStep
	StopPause = wire.StopPause
	StopPanic = wire.StopPanic
)

// DebugEvent is what happens while the debugger is on: exactly one field is set.
type DebugEvent struct {
	Stopped *Stop
	Over    bool        // everything that was stopped goes on, or has ended
	Ended   int         // a goroutine that was to stop has ended
	Bound   *Breakpoint // a breakpoint that has got another line, or a reason why it has none
}

func newDebugger(e *Engine) *Debugger {
	d := &Debugger{e: e, packages: map[int]*lang.Debugged{}, answers: map[int]chan *wire.Debugged{}}
	e.show.debugged = d.heard
	return d
}

// Debugger returns the debugger of the session.
func (e *Engine) Debugger() *Debugger { return e.debug }

// Switch turns the debugger on or off. Before the next cell runs, functions and types with methods
// are built anew.
func (d *Debugger) Switch(on bool) {
	d.mu.Lock()
	d.on = on
	d.mu.Unlock()
	d.bind()
	if !on {
		d.Resume(0, StepNone)
	}
}

// On reports whether the debugger is on.
func (d *Debugger) On() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.on
}

// Listen calls f with what happens from now on, one event after the other, until stop is called.
func (d *Debugger) Listen(f func(DebugEvent)) (stop func()) {
	w := &watcher{wake: make(chan struct{}, 1)}
	d.mu.Lock()
	d.watchers = append(d.watchers, w)
	d.mu.Unlock()
	go w.run(f)
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.watchers = slices.DeleteFunc(d.watchers, func(o *watcher) bool { return o == w })
		w.end()
	}
}

// watcher is a queue of events, so that nobody waits for a slow listener.
type watcher struct {
	mu     sync.Mutex
	events []DebugEvent
	ended  bool
	wake   chan struct{}
}

func (w *watcher) add(e DebugEvent) {
	w.mu.Lock()
	w.events = append(w.events, e)
	w.mu.Unlock()
	w.stir()
}

func (w *watcher) end() {
	w.mu.Lock()
	w.ended = true
	w.mu.Unlock()
	w.stir()
}

func (w *watcher) stir() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *watcher) run(f func(DebugEvent)) {
	for range w.wake {
		w.mu.Lock()
		events, ended := w.events, w.ended
		w.events = nil
		w.mu.Unlock()
		if ended {
			return
		}
		for _, e := range events {
			f(e)
		}
	}
}

// tell gives all listeners an event; d.mu is held.
func (d *Debugger) tell(e DebugEvent) {
	for _, w := range d.watchers {
		w.add(e)
	}
}

// heard takes what the worker says.
func (d *Debugger) heard(p *process, said *wire.Debugged) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if answer, ok := d.answers[said.Request]; ok && said.Request != 0 {
		delete(d.answers, said.Request)
		answer <- said
		return
	}
	switch {
	case said.Stopped != nil:
		s := said.Stopped
		if s.Serial <= d.over {
			return // an interrupt was quicker
		}
		d.stops++
		stop := Stop{Number: d.stops, Goroutine: s.Goroutine, Cell: s.Cell, Reason: s.Reason, Points: s.Points, Text: s.Text, Frame: d.frame(s.Frame), serial: s.Serial}
		d.stopped = append(d.stopped, stop)
		d.tell(DebugEvent{Stopped: &stop})
	case said.Over > 0:
		d.over = said.Over
		d.stopped = slices.DeleteFunc(d.stopped, func(s Stop) bool { return s.serial <= said.Over })
		d.tell(DebugEvent{Over: true})
	case said.Ended > 0:
		d.tell(DebugEvent{Ended: said.Ended})
	}
}

// Stopped lists the goroutines that are stopped, the latest last.
func (d *Debugger) Stopped() []Stop {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.stopped)
}

// reset forgets a worker that has ended. Breakpoints stay.
func (d *Debugger) reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.packages, d.stopped, d.over = map[int]*lang.Debugged{}, nil, 0
	d.tell(DebugEvent{Over: true})
}

// emit writes a checked package, for debugging if that is on.
func (e *Engine) emit(c *lang.Checked) (*lang.Emitted, error) {
	if !e.debugging {
		return e.scope.Emit(c)
	}
	out, built, err := e.scope.EmitForDebugging(c)
	if err == nil {
		e.debug.mu.Lock()
		e.debug.packages[c.Number] = built
		e.debug.mu.Unlock()
	}
	return out, err
}

// renew builds what cells have declared anew when the debugger has been switched on or off.
func (e *Engine) renew(ctx context.Context) error {
	on := e.debug.On()
	if on == e.debugging {
		return nil
	}
	e.debugging = on
	clear(e.built)
	var c *lang.Checked
	var names []string
	err := e.interruptibly(ctx, func(ctx context.Context) (err error) {
		c, names, err = e.scope.Renew(ctx, lang.Cell{Number: e.hiddenNumber(), Shown: e.shown})
		if err != nil || c == nil {
			return err
		}
		return e.runHidden(ctx, c)
	})
	if KindOf(err) == KindInterrupt {
		e.debugging = !on // the next cell tries again
		return err
	}
	if c == nil && err == nil {
		return nil
	}
	text := someOf(names) + ": built anew to be debugged"
	if !on {
		text = someOf(names) + ": built anew, without the debugger"
	}
	if err != nil {
		text = fmt.Sprintf("what cells have declared stays as it was built: %v", err)
	} else {
		for _, note := range c.Notes {
			e.show.output(func(o Outputs) { o.Note(note) })
		}
	}
	e.show.output(func(o Outputs) { o.Note(text) })
	return nil
}
