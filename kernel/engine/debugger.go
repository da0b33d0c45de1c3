// The debugger: whether cells are built for it, where they stop, and what is stopped.

package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
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
	over     int // stops up to this one are over
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
		stop := Stop{Goroutine: s.Goroutine, Cell: s.Cell, Reason: s.Reason, Points: s.Points, Text: s.Text, Frame: d.frame(s.Frame), serial: s.Serial}
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

// Break adds a breakpoint, and switches the debugger on.
func (d *Debugger) Break(b Breakpoint) (Breakpoint, error) {
	if err := b.Check(); err != nil {
		return b, err
	}
	d.mu.Lock()
	d.on = true
	d.lastID++
	b.ID = d.lastID
	d.points = append(d.points, b)
	d.mu.Unlock()
	d.bind()
	for _, bound := range d.Breakpoints() {
		if bound.ID == b.ID {
			b = bound
		}
	}
	return b, nil
}

// Check reads what can be read without the cell.
func (b Breakpoint) Check() error {
	if _, err := wire.HitCount(b.Hits); err != nil {
		return err
	}
	if b.Condition != "" {
		if _, _, err := lang.ParseLook(b.Condition); err != nil {
			return err
		}
	}
	_, _, err := b.logParts()
	return err
}

// SetBreakpoints replaces the breakpoints of a cell, and returns the new ones. Those that are as
// before keep their IDs.
func (d *Debugger) SetBreakpoints(cell int, list []Breakpoint) []Breakpoint {
	d.mu.Lock()
	old := map[Breakpoint]int{}
	plain := func(b Breakpoint) Breakpoint {
		return Breakpoint{Line: b.Line, Condition: b.Condition, Hits: b.Hits, Log: b.Log}
	}
	for _, b := range d.points {
		if b.Cell == cell {
			old[plain(b)] = b.ID
		}
	}
	d.points = slices.DeleteFunc(d.points, func(b Breakpoint) bool { return b.Cell == cell })
	var ids []int
	for _, b := range list {
		b.Cell = cell
		if id, ok := old[plain(b)]; ok && !slices.Contains(ids, id) {
			b.ID = id
		} else {
			d.lastID++
			b.ID = d.lastID
		}
		ids = append(ids, b.ID)
		d.points = append(d.points, b)
	}
	d.mu.Unlock()
	d.bind()
	d.mu.Lock()
	defer d.mu.Unlock()
	set := make([]Breakpoint, len(ids))
	for _, b := range d.points {
		if i := slices.Index(ids, b.ID); i >= 0 {
			set[i] = b
		}
	}
	return set
}

// Clear removes breakpoints by their IDs; without any, all. It returns those that it did not find.
func (d *Debugger) Clear(ids ...int) (unknown []int) {
	d.mu.Lock()
	for _, id := range ids {
		if !slices.ContainsFunc(d.points, func(b Breakpoint) bool { return b.ID == id }) {
			unknown = append(unknown, id)
		}
	}
	d.points = slices.DeleteFunc(d.points, func(b Breakpoint) bool { return len(ids) == 0 || slices.Contains(ids, b.ID) })
	d.mu.Unlock()
	d.bind()
	return unknown
}

// Breakpoints lists the breakpoints in the order in which they came.
func (d *Debugger) Breakpoints() []Breakpoint {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.points)
}

// StopAtPanics says whether goroutines stop where a panic begins.
func (d *Debugger) StopAtPanics(on bool) {
	d.mu.Lock()
	d.panics = on
	d.mu.Unlock()
	d.bind()
}

// PanicsStop reports whether goroutines stop where a panic begins.
func (d *Debugger) PanicsStop() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.panics
}

// Text is the Go of a cell.
func (d *Debugger) Text(cell int) string { return d.e.beside.Load().Text(cell) }

// bind tells the worker where to stop: the breakpoints, at what is built by now.
func (d *Debugger) bind() {
	scope := d.e.beside.Load()
	d.mu.Lock()
	defer d.mu.Unlock()
	request := &wire.Debug{Op: wire.DebugPoints, Panics: d.panics && d.on}
	for i := range d.points {
		b := &d.points[i]
		before := *b
		points := d.bound(scope, b)
		if d.on {
			request.Points = append(request.Points, points...)
		}
		if *b != before {
			told := *b
			d.tell(DebugEvent{Bound: &told})
		}
	}
	if p := d.e.show.worker.Load(); p != nil {
		p.send(wire.Command{Do: wire.DoDebug, Debug: request})
	}
}

// bound finds the statements of a breakpoint; d.mu is held.
func (d *Debugger) bound(scope *lang.Scope, b *Breakpoint) (points []wire.Point) {
	b.Bound, b.Why, b.Built = 0, "", false
	text := scope.Text(b.Cell)
	if text == "" {
		b.Why = fmt.Sprintf("cell %d has not run", b.Cell)
		return nil
	}
	if b.Bound = StopLine(text, b.Line); b.Bound == 0 {
		b.Why = fmt.Sprintf("no statement begins in line %d of cell %d or below", b.Line, b.Cell)
		return nil
	}
	for _, n := range slices.Sorted(maps.Keys(d.packages)) {
		for _, statement := range d.packages[n].At(b.Cell, b.Bound) {
			b.Built = true
			p, err := d.point(scope, b, n, statement)
			if err != nil {
				b.Why = err.Error()
				continue
			}
			points = append(points, p)
		}
	}
	if len(points) == 0 {
		b.Bound = 0
		if b.Why == "" {
			b.Why = "what cell " + fmt.Sprint(b.Cell) + " declared is built for debugging when the next cell runs"
		}
	} else {
		b.Why = ""
	}
	return points
}

// point is a breakpoint at a statement.
func (d *Debugger) point(scope *lang.Scope, b *Breakpoint, pkg, statement int) (p wire.Point, err error) {
	p = wire.Point{ID: b.ID, Package: pkg, Statement: statement, Hits: b.Hits}
	look := func(code string) (*wire.Expr, error) {
		x, target, err := scope.LookAt(d.e.life, d.packages[pkg], statement, code)
		if err == nil && target != nil {
			err = fmt.Errorf("%s is an assignment", code)
		}
		return x, err
	}
	if b.Condition != "" {
		if p.Condition, err = look(b.Condition); err != nil {
			return p, fmt.Errorf("the condition: %w", err)
		}
		if _, err := look("(" + b.Condition + ") && true"); err != nil {
			return p, fmt.Errorf("the condition %s is not a bool", b.Condition)
		}
	}
	parts, exprs, err := b.logParts()
	for _, code := range exprs {
		x, err := look(code)
		if err != nil {
			return p, fmt.Errorf("the log message: %w", err)
		}
		p.Exprs = append(p.Exprs, x)
	}
	if p.Log = parts; len(parts) > 0 {
		p.Log[0] = strings.TrimLeft(p.Log[0], "\n")
	}
	return p, err
}

// logParts cuts the message of a log point at its expressions, which are in braces.
func (b Breakpoint) logParts() (texts, exprs []string, err error) {
	if b.Log == "" {
		return nil, nil, nil
	}
	rest := b.Log
	for {
		text, after, more := strings.Cut(rest, "{")
		texts = append(texts, text)
		if !more {
			return texts, exprs, nil
		}
		depth, end := 1, -1
		for i, r := range after {
			if r == '{' {
				depth++
			} else if r == '}' {
				if depth--; depth == 0 {
					end = i
					break
				}
			}
		}
		if end < 0 {
			return nil, nil, errors.New("the log message has a { without a }")
		}
		exprs = append(exprs, after[:end])
		rest = after[end+1:]
	}
}

// StopLine is the line of a cell in which a breakpoint at line stops: the next in which a statement
// begins; 0 if there is none.
func StopLine(text string, line int) int {
	lines := lang.Lines(text)
	if i, _ := slices.BinarySearch(lines, line); i < len(lines) {
		return lines[i]
	}
	return 0
}
