// How an interrupt ends a cell: goroutines that compute, those that are blocked, and processes that
// the cell started.

package rt

import (
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gsmlab/kernel/engine/rt/cell"
	"gsmlab/kernel/engine/wire"
)

// stop numbers the interrupts of the session.
var stop interrupts

type interrupts struct{ latest atomic.Int64 }

// on begins an interrupt, which may be another one of the same cell.
func (i *interrupts) on() int64 {
	n := i.latest.Add(1)
	cell.Stop.Store(n)
	return n
}

func (i *interrupts) off() {
	returning.mu.Lock()
	defer returning.mu.Unlock()
	if len(returning.cells) > 0 {
		cell.Stop.Store(onlyReturning)
	} else {
		cell.Stop.Store(0)
	}
}

// onlyReturning is the number in cell.Stop that ends at their checks the goroutines in returning,
// and no others.
const onlyReturning = -1

// returning holds cells that were given up in C code, by their goroutines. They come back from it
// in the midst of a step of training, say: so a later cell waits until they have met a check.
var returning = struct {
	mu    sync.Mutex
	cells map[string]*running
}{cells: map[string]*running{}}

// returns notes that a cell is given up in C code.
func (c *running) returns() {
	returning.mu.Lock()
	defer returning.mu.Unlock()
	select {
	case <-c.over: // just now
	default:
		returning.cells[c.id] = c
	}
}

// ended is called by a cell's goroutine at its end.
func (c *running) ended() {
	returning.mu.Lock()
	defer returning.mu.Unlock()
	close(c.over)
	delete(returning.cells, c.id)
	if len(returning.cells) == 0 {
		cell.Stop.CompareAndSwap(onlyReturning, 0)
	}
}

// saysWaiting is when a cell says that it waits for another one.
const saysWaiting = time.Second

// awaitReturning has a cell wait for those that were given up in C code. An interrupt ends it.
func (s *serving) awaitReturning(number int) {
	returning.mu.Lock()
	cells := slices.Collect(maps.Values(returning.cells))
	returning.mu.Unlock()
	if len(cells) == 0 {
		return
	}
	say := time.AfterFunc(saysWaiting, func() {
		s.send(wire.Event{Kind: wire.EventLeaving, Cell: number, Text: "the cell that was interrupted is still in C code, as when XLA compiles: this one waits for it"})
	})
	for _, c := range cells {
		select {
		case <-c.over:
		case <-cell.Ctx.Done():
		}
	}
	say.Stop()
	cell.Check()
}

// leaving holds the goroutines that the latest interrupt ends.
var leaving struct {
	mu sync.Mutex
	n  int64           // of the interrupt
	by map[string]bool // the goroutines
}

// leave is what a check of a cell does while an interrupt is under way: the first in a goroutine
// ends it. Those that follow are in deferred functions, which run to their end unless there is
// another interrupt.
func leave(n int64) {
	id := goroutineID()
	if n == onlyReturning {
		returning.mu.Lock()
		_, is := returning.cells[id]
		returning.mu.Unlock()
		if !is {
			return
		}
	}
	if markLeaving(id, n) {
		runtime.Goexit()
	}
}

// markLeaving notes that a goroutine ends because of interrupt n, and says whether that is new.
func markLeaving(id string, n int64) bool {
	leaving.mu.Lock()
	defer leaving.mu.Unlock()
	if leaving.n != n {
		leaving.n, leaving.by = n, map[string]bool{}
	}
	again := leaving.by[id]
	leaving.by[id] = true
	return !again
}

// leaves says whether a goroutine runs its deferred functions because of interrupt n.
func leaves(id string, n int64) bool {
	leaving.mu.Lock()
	defer leaving.mu.Unlock()
	return leaving.n == n && leaving.by[id]
}

// The pause between two looks at a goroutine that was interrupted, and how many looks in a row must
// find it at the same place where it waits, or in C code.
const (
	lookPause  = 60 * time.Millisecond
	looksWaits = 4
)

// Since the interrupt: when one is given up that is in C code, when it is said that deferred
// functions run, and when a library that computes is stopped. The engine's patience, 5 s, is longer
// on a busy machine too, where a look may take half a second.
const (
	inCTime    = 2 * time.Second
	leavesTime = time.Second
	busyTime   = 3 * time.Second / 2
)

// interrupt notes where the cell is, cancels its context, trips the checks and signals the
// processes that the cell has started. A goroutine that then stays where it waits (a sleep, a
// channel, the network) ends there, and so does one that computes in a library, at a point at which
// Go can stop it: deferred functions run. One that waits for a lock or the system, or is in C code,
// can be given up safely: it ends at the cell's next statement if it ever comes back, from C code
// at its next check. What is left is the engine's, which ends the worker.
func (s *serving) interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.current()
	if c == nil {
		return
	}
	if c.at == "" { // before it goes on to the check that ends it, or to its deferred functions
		c.at, _ = goroutine(c.id)
		c.at += c.where
	}
	n := stop.on()
	c.cancel()
	debugging.resumeAll()
	go endChildren(c.begun)
	go s.giveUp(c, n)
}

// abandoned holds the goroutines of cells that were given up.
var abandoned sync.Map

// giveUp has the cell end at its next statement, should it ever come back, and show nothing.
func (c *running) giveUp() {
	c.gone.Store(true)
	abandoned.Store(c.id, true)
}

// giveUp watches a cell after interrupt n.
func (s *serving) giveUp(c *running, n int64) {
	last, same, since := "", 0, time.Now()
	for {
		select {
		case <-c.done:
			return
		case <-time.After(lookPause):
		}
		if cell.Stop.Load() != n {
			return // another interrupt
		}
		now, state := goroutine(c.id)
		if now == last {
			same++
		} else {
			last, same = now, 1
		}
		if leaves(c.id, n) { // until another interrupt
			if time.Since(since) > leavesTime && !c.told.Swap(true) {
				s.send(wire.Event{Kind: wire.EventLeaving, Cell: c.number})
			}
			continue
		}
		inC := inC(now, state)
		waits := !inC && (state == "syscall" || blocked(state))
		switch {
		case waits && same >= looksWaits && wake(c.id):
		case waits && same >= looksWaits, inC && same >= looksWaits && time.Since(since) > inCTime:
			if inC {
				c.returns()
			}
			c.giveUp()
			s.finish(c, wire.Event{Status: wire.StatusInterrupted})
			return
		case !waits && !inC && time.Since(since) > busyTime:
			stopBusy(c.id)
		}
	}
}

// wake ends a goroutine that waits, where the runtime can do that.
func wake(id string) bool {
	n, err := strconv.ParseUint(id, 10, 64)
	return err == nil && hooks.Wake != nil && hooks.Wake(n)
}

// stopBusy asks a goroutine that computes to end, often: most code can be stopped at few of its
// instructions.
func stopBusy(id string) {
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil || hooks.Stop == nil {
		return
	}
	for range 100 {
		hooks.Stop(n)
		time.Sleep(200 * time.Microsecond)
	}
}

// goroutineID returns the number of the calling goroutine.
func goroutineID() string {
	if hooks.ID != nil {
		return strconv.FormatUint(hooks.ID(), 10)
	}
	buf := make([]byte, 64)
	return strings.Fields(string(buf[:runtime.Stack(buf, false)]))[1]
}

// goroutine returns the stack of a goroutine without its waiting time, and its state.
func goroutine(id string) (stack, state string) {
	for g := range strings.SplitSeq(stacks(), "\n\n") {
		if n, state, frames := parseStack(g); n == id {
			return frames, state
		}
	}
	return "", "running"
}

// stacks returns the stacks of all goroutines, with an empty line between two.
func stacks() string {
	buf, n := make([]byte, 1<<18), 0
	for n = runtime.Stack(buf, true); n == len(buf) && n < 1<<28; n = runtime.Stack(buf, true) {
		buf = make([]byte, 2*len(buf)) // there are many
	}
	return string(buf[:n])
}

// parseStack cuts the text "goroutine 7 [chan receive, 2 minutes]:" and frames. With
// GOTRACEBACK=system there is more between the number and the state.
func parseStack(text string) (id, state, frames string) {
	head, frames, _ := strings.Cut(text, "\n")
	id, rest, _ := strings.Cut(strings.TrimPrefix(head, "goroutine "), " ")
	_, state, _ = strings.Cut(rest, "[")
	if end := strings.IndexAny(state, ",]"); end >= 0 {
		state = state[:end]
	}
	return id, state, frames
}

// inC says whether a goroutine is in C code: the frame of cgo is the first that the runtime shows.
func inC(frames, state string) bool {
	first, _, _ := strings.Cut(frames, "\n")
	return state == "syscall" && (strings.Contains(first, "._Cfunc_") || strings.HasPrefix(first, "runtime.cgocall("))
}

// blocked says whether a goroutine in this state waits for another.
func blocked(state string) bool {
	switch state {
	case "running", "runnable", "syscall", "copystack", "preempted":
		return false
	}
	return true
}
