// The worker's side of the debugger: goroutines that stop before statements of packages that were
// built for it, and what makes them stop and go on. Their values are in inspect.go.

package rt

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"gsmlab/kernel/engine/rt/cell"
	"gsmlab/kernel/engine/wire"
)

// debugging is the debugger of the worker.
var debugging = &debugger{points: map[site][]*point{}, goroutines: map[int]*debugged{}}

type debugger struct {
	mu         sync.Mutex
	points     map[site][]*point
	panics     bool // stop where one begins
	pause      bool // the next goroutine that comes by
	goroutines map[int]*debugged
	fallen     []*fallen // the latest panics
	last       *fallen   // the one that ended a cell or a goroutine
	stops      int       // the number of the latest stop
	references references
}

// site is a statement.
type site struct{ pkg, statement int }

// point is a site at which goroutines stop, with the number of those that came by.
type point struct {
	wire.Point
	hits int
}

// debugged is a goroutine that runs code which was built for debugging. Its frames are its own
// while it runs.
type debugged struct {
	id, cell int
	frames   []*cell.Frame
	used     int // how many of the frames are calls
	serial   int
	quiet    bool // it evaluates for the debugger, and does not stop

	// under debugger.mu
	step    wire.Step
	from    cell.Frame // where the step began
	pause   bool
	stopped *stopped
}

// stopped is a goroutine that waits to go on.
type stopped struct {
	frames []*cell.Frame // the innermost first
	resume chan struct{}
}

// fallen is a panic, with the calls at its beginning.
type fallen struct {
	goroutine int
	cell      int
	text      string
	frames    []*cell.Frame
}

const (
	maxFrames = 200 // of a stack that are shown, and kept of a panic
	maxFallen = 16  // panics of which nobody knows yet whether they end their goroutine
)

// prepare has built code call the debugger.
func (d *debugger) prepare() {
	cell.EnterFrame, cell.LeaveFrame, cell.Reached = d.enter, d.leave, d.reached
	hooks.Panics = d.panicked
}

// byGoroutine finds a goroutine without a lock that all share.
var byGoroutine sync.Map // of *debugged, by int

func goroutineNumber() int {
	if hooks.ID != nil {
		return int(hooks.ID())
	}
	n, _ := strconv.Atoi(goroutineID())
	return n
}

func (d *debugger) enter(u *cell.Unit) *cell.Frame {
	id := goroutineNumber()
	var g *debugged
	if found, ok := byGoroutine.Load(id); ok {
		g = found.(*debugged)
	} else {
		g = d.begin(id, false)
	}
	if g.used == len(g.frames) {
		g.frames = append(g.frames, &cell.Frame{})
	}
	f := g.frames[g.used]
	g.serial++
	f.Unit, f.Statement, f.Depth, f.Serial, f.Goroutine = u, -1, g.used, g.serial, g
	g.used++
	return f
}

func (d *debugger) begin(id int, quiet bool) *debugged {
	g := &debugged{id: id, quiet: quiet}
	if hooks.Cell != nil {
		g.cell = *hooks.Cell()
	}
	byGoroutine.Store(id, g)
	d.mu.Lock()
	d.goroutines[id] = g
	d.mu.Unlock()
	return g
}

func (d *debugger) leave(f *cell.Frame) {
	g := f.Goroutine.(*debugged)
	g.used = f.Depth
	clear(f.Vars)
	f.Vars = f.Vars[:0]
	if g.used == 0 && !g.quiet {
		d.forget(g)
	}
}

// forget drops a goroutine that has left all its frames.
func (d *debugger) forget(g *debugged) {
	byGoroutine.Delete(g.id)
	d.mu.Lock()
	delete(d.goroutines, g.id)
	stepped := g.step != wire.StepNone || g.pause
	d.alert()
	d.mu.Unlock()
	if stepped {
		server.send(wire.Event{Kind: wire.EventDebug, Debug: &wire.Debugged{Ended: g.id}})
	}
}

// gone drops a goroutine that never comes back.
func (d *debugger) gone(id string) {
	n, _ := strconv.Atoi(id)
	if g, ok := byGoroutine.Load(n); ok {
		d.forget(g.(*debugged))
	}
}

// alert sets whether statements have to look; d.mu is held.
func (d *debugger) alert() {
	on := d.pause || len(d.points) > 0
	for _, g := range d.goroutines {
		on = on || g.pause || g.step != wire.StepNone
	}
	if on {
		cell.Alert.Store(1)
	} else {
		cell.Alert.Store(0)
	}
}

// stop has a goroutine wait before a statement, or where a panic begins, until it is resumed.
func (d *debugger) stop(g *debugged, f *cell.Frame, why *wire.Stopped) {
	s := &stopped{frames: g.stack(f), resume: make(chan struct{})}
	d.mu.Lock()
	if cell.Stop.Load() != 0 { // an interrupt has just resumed the others
		d.mu.Unlock()
		return
	}
	g.stopped, g.step, g.pause = s, wire.StepNone, false
	if why.Reason == wire.StopPause {
		d.pause = false
	}
	d.last = nil
	d.stops++
	why.Serial = d.stops
	d.alert()
	d.mu.Unlock()
	why.Goroutine, why.Cell, why.Frame = g.id, g.cell, frameOf(s.frames[0])
	server.send(wire.Event{Kind: wire.EventDebug, Debug: &wire.Debugged{Stopped: why}})
	<-s.resume
}

// stack lists the calls of the goroutine, f first. Those above it are of iterators whose loop body
// f runs.
func (g *debugged) stack(f *cell.Frame) []*cell.Frame {
	all := slices.Clone(g.frames[:f.Depth+1])
	slices.Reverse(all)
	return all
}

func frameOf(f *cell.Frame) wire.Frame {
	return wire.Frame{Package: f.Unit.Package, Statement: f.Statement}
}

// resume lets a goroutine go on.
func (d *debugger) resume(id int, step wire.Step) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	g := d.goroutines[id]
	if g == nil || g.stopped == nil {
		return fmt.Errorf("goroutine %d is not stopped", id)
	}
	d.release(g, step)
	return nil
}

// release wakes a stopped goroutine; d.mu is held.
func (d *debugger) release(g *debugged, step wire.Step) {
	s := g.stopped
	g.stopped, g.step, g.from = nil, step, *s.frames[0]
	g.from.Vars = nil
	d.references.drop(g.id)
	d.alert() // before its next statement
	close(s.resume)
}

// resumeAll lets all goroutines go on, because of an interrupt, or as nobody watches any more.
func (d *debugger) resumeAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pause = false
	over := 0
	for _, g := range d.goroutines {
		g.step, g.pause = wire.StepNone, false
		if g.stopped != nil {
			d.release(g, wire.StepNone)
			over = d.stops
		}
	}
	d.alert()
	if over > 0 { // the engine may let a sender wait
		go server.send(wire.Event{Kind: wire.EventDebug, Debug: &wire.Debugged{Over: over}})
	}
}

// waits says whether a goroutine is stopped, so that others may wait for it.
func (d *debugger) waits() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, g := range d.goroutines {
		if g.stopped != nil {
			return true
		}
	}
	return false
}

// halt stops a goroutine at its next statement; with 0, whichever comes by first.
func (d *debugger) halt(id int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if id == 0 {
		d.pause = true
	} else if g := d.goroutines[id]; g == nil {
		return fmt.Errorf("goroutine %d does not run code that was built for debugging", id)
	} else if g.stopped == nil {
		g.pause = true
	}
	d.alert()
	return nil
}

// set replaces all points. Those that were there keep their counts.
func (d *debugger) set(points []wire.Point, panics bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	counts := map[int]int{}
	for _, all := range d.points {
		for _, p := range all {
			counts[p.ID] = max(counts[p.ID], p.hits)
		}
	}
	d.points, d.panics = map[site][]*point{}, panics
	for _, p := range points {
		at := site{p.Package, p.Statement}
		d.points[at] = append(d.points[at], &point{Point: p, hits: counts[p.ID]})
	}
	d.alert()
}

// list lists the goroutines, the oldest first.
func (d *debugger) list() (all []wire.Goroutine) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, g := range d.goroutines {
		if !g.quiet {
			all = append(all, wire.Goroutine{ID: g.id, Cell: g.cell, Stopped: g.stopped != nil})
		}
	}
	slices.SortFunc(all, func(a, b wire.Goroutine) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// frames returns the stack of a stopped goroutine, or that of the panic which was the last to end
// something.
func (d *debugger) frames(id int) ([]*cell.Frame, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if id == wire.Fallen {
		if d.last == nil {
			return nil, errors.New("no panic has ended code that was built for debugging")
		}
		return d.last.frames, nil
	}
	g := d.goroutines[id]
	if g == nil || g.stopped == nil {
		return nil, fmt.Errorf("goroutine %d is not stopped", id)
	}
	return g.stopped.frames, nil
}

// frame returns one of them.
func (d *debugger) frame(id, n int) (*cell.Frame, error) {
	all, err := d.frames(id)
	if err != nil {
		return nil, err
	}
	if n < 0 || n >= len(all) {
		return nil, fmt.Errorf("the stack has no frame %d", n)
	}
	return all[n], nil
}

// panicked is called where a panic begins, in its goroutine.
func (d *debugger) panicked(v any) {
	found, ok := byGoroutine.Load(goroutineNumber())
	if !ok {
		return
	}
	g := found.(*debugged)
	if g.quiet || g.used == 0 {
		return
	}
	top := g.frames[g.used-1]
	fell := &fallen{goroutine: g.id, cell: g.cell, text: panicText(v)}
	for _, f := range g.stack(top)[:min(g.used, maxFrames)] {
		kept := *f
		kept.Vars = slices.Clone(f.Vars)
		fell.frames = append(fell.frames, &kept)
	}
	d.mu.Lock()
	d.fallen = append(slices.DeleteFunc(d.fallen, func(o *fallen) bool { return o.goroutine == g.id }), fell)
	d.fallen = d.fallen[max(0, len(d.fallen)-maxFallen):]
	stops := d.panics
	d.mu.Unlock()
	if stops && cell.Stop.Load() == 0 {
		d.stop(g, top, &wire.Stopped{Reason: wire.StopPanic, Text: fell.text})
	}
}

// died notes that the latest panic of a goroutine has ended it.
func (d *debugger) died(id string) {
	n, _ := strconv.Atoi(id)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.fallen {
		if f.goroutine == n {
			d.last = f
		}
	}
}

// begins drops what is left of the cell before.
func (d *debugger) begins() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last, d.fallen = nil, nil
	d.references.drop(0)
}
