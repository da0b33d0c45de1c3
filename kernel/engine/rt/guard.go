package rt

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
	_ "unsafe" // for go:linkname

	"gsmlab/kernel/engine/rt/cell"
	"gsmlab/kernel/engine/wire"
)

// hooks are in the runtime of the worker, see engine/toolchain/patches/runtime. A program whose
// runtime does not have them, like a test of this package, has this variable alone, and nobody
// calls what is in it.
//
//go:linkname hooks runtime.gsmlabHooks
var hooks struct {
	Ended   func(v any) bool
	Exit    func(code int)
	ID      func() uint64
	Cell    func() *int
	Panics  func(v any)
	Wake    func(id uint64) bool
	Stop    func(id uint64)
	Leaving func()
}

// maxStack is how large the stack of a goroutine may become. Go's own limit, 512 MB, takes some
// seconds to fill when a function calls itself without end, and as much again for the panic.
const maxStack = 256 << 20

// guard has mistakes of one goroutine end that goroutine alone.
func guard() {
	debug.SetMaxStack(maxStack)
	debugging.prepare()
	hooks.Ended = func(v any) bool {
		stack := ownStack()
		if ours(stack) {
			return false
		}
		debugging.died(goroutineID())
		server.failed(wire.Event{Kind: wire.EventFailed, Status: wire.StatusPanic, Text: panicText(v), Trace: stack})
		return true
	}
	hooks.Leaving = func() { markLeaving(goroutineID(), cell.Stop.Load()) }
	hooks.Exit = func(code int) {
		stack, id := ownStack(), goroutineID()
		if ours(stack) {
			return
		}
		e := wire.Event{Kind: wire.EventFailed, Status: wire.StatusExit, Text: fmt.Sprint(code), Trace: stack}
		debugging.gone(id)
		if !server.exits(id, e) {
			server.failed(e)
		}
		// as after os.Exit: nothing of the goroutine runs any more, deferred functions neither
		select {}
	}
}

// ownStack is debug.Stack for stacks that may be millions of frames deep: of each call to the
// runtime those are all walked.
func ownStack() string {
	buf := make([]byte, 64<<10) // more than the hundred frames that the runtime prints
	return string(buf[:runtime.Stack(buf, false)])
}

// enginePath begins the names of the worker's own packages.
var enginePath = strings.TrimSuffix(wire.RuntimePath, "rt")

// ours tells by its stack whether a goroutine is the worker's own: then a panic is our mistake.
func ours(stack string) bool {
	id, _, _ := parseStack(stack)
	return id == "1" || strings.Contains(stack, "\ncreated by "+enginePath) && !strings.Contains(stack, "rt.(*serving).runCell(") && !strings.Contains(stack, "rt.(*debugger).inspect(")
}

// current returns the cell that runs, nil if none does; s.mu is held.
func (s *serving) current() *running {
	if s.cell != nil {
		select {
		case <-s.cell.done:
		default:
			return s.cell
		}
	}
	return nil
}

// exits ends the cell that runs if the goroutine is the cell's own.
func (s *serving) exits(id string, e wire.Event) bool {
	s.mu.Lock()
	c := s.current()
	s.mu.Unlock()
	if c == nil || c.id != id {
		return false
	}
	c.giveUp()
	if e.Text == "0" {
		e.Status = wire.StatusOK
	}
	s.finish(c, e)
	return true
}

const (
	// how long the panic of a goroutine waits to be shown together with the end of its cell
	shownLate    = 5 * time.Second
	hopelessTime = time.Second      // after which a cell ends that nobody can wake
	waitingTime  = 10 * time.Second // after which a cell ends that a timer may wake, if it does not
	// after which one ends that a goroutine may wake which itself waits, for a timer or for data
	otherTime = 30 * time.Second
)

// failed reports the end of a goroutine: at once, or together with the cell that started it if that
// runs.
func (s *serving) failed(e wire.Event) {
	if hooks.Cell != nil {
		e.Cell = *hooks.Cell()
	}
	s.mu.Lock()
	c := s.current()
	if c == nil || e.Cell != 0 && e.Cell != c.number {
		s.mu.Unlock()
		s.send(e)
		return
	}
	first := c.broken == nil
	if first {
		c.broken = &e
	}
	c.failed = append(c.failed, e)
	s.mu.Unlock()
	if !first {
		return
	}
	go s.watchBroken(c)
}

// watchBroken shows panics of a cell's goroutines while the cell goes on, and ends a cell that
// waits for what nobody is left to do.
func (s *serving) watchBroken(c *running) {
	last, since, begun := "", time.Now(), time.Now()
	for {
		select {
		case <-c.done:
			return
		case <-time.After(hopelessTime / 4):
		}
		if time.Since(begun) > shownLate {
			s.mu.Lock()
			failed := c.failed
			c.failed = nil
			if s.current() != c {
				failed = nil // finish shows them
			}
			s.mu.Unlock()
			for _, f := range failed {
				s.send(f)
			}
		}
		now, patience := deadlocked(c.id)
		if now == "" || now != last {
			last, since = now, time.Now()
		}
		if now != "" && time.Since(since) > patience {
			c.giveUp()
			s.finish(c, wire.Event{Status: wire.StatusOK}) // finish makes it the panic
			return
		}
	}
}

// hopeless are states from which only another goroutine can wake one; from the others a timer could
// as well.
var hopeless = []string{"select (no cases)", "chan receive (nil chan)", "chan send (nil chan)", "sync.WaitGroup.Wait", "sync.Mutex.Lock", "sync.RWMutex.RLock", "sync.RWMutex.Lock", "sync.Cond.Wait", "semacquire"}

// background is in the stacks of goroutines that wait for clients of a server, or keep a connection
// for the next request. They wake no cell.
var background = []string{"net.(*netFD).accept(", "net/http.(*persistConn).readLoop(", "net/http.(*conn).serve("}

// deadlocked returns the stack of a cell that waits while no goroutine besides the worker's own is
// at work, "" if it does not look so, and how long that has to last.
func deadlocked(id string) (frames string, patience time.Duration) {
	if debugging.waits() {
		return "", 0 // a stopped goroutine goes on
	}
	others := time.Duration(0)
	for g := range strings.SplitSeq(stacks(), "\n\n") {
		n, state, stack := parseStack(g)
		waits := state == "sleep" || state == "IO wait"
		switch {
		case n == id:
			if !blocked(state) || waits {
				return "", 0
			}
			frames, patience = stack, waitingTime
			if slices.Contains(hopeless, state) {
				patience = hopelessTime
			}
		case ours(g), strings.Contains(stack, "os/signal.signal_recv("):
		case waits && slices.ContainsFunc(background, func(f string) bool { return strings.Contains(stack, f) }):
		case waits:
			others = otherTime
		case !blocked(state):
			return "", 0
		}
	}
	return frames, max(patience, others)
}
