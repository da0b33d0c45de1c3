package rt

import (
	"io"
	"sync/atomic"
	"testing"

	"gsmlab/kernel/engine/rt/cell"
	"gsmlab/kernel/engine/wire"
)

func TestInC(t *testing.T) {
	for _, test := range []struct {
		frames, state string
		want          bool
	}{
		{"github.com/gomlx/go-xla/pjrt._Cfunc_call_PJRT_Client_Compile(0x7f23b3d75540)\n\t_cgo_gotypes.go:2616 +0x4e\nmain.f()", "syscall", true},
		{"runtime.cgocall(0x1, 0x2)\n\truntime/cgocall.go:167\nmain.f()", "syscall", true},
		{"internal/runtime/syscall.Syscall6()\n\nmain.f()\n\tcell[1]:1\nmain._Cfunc_f()", "syscall", false},
		{"a._Cfunc_f(0x1)\n\t_cgo_gotypes.go:2616", "runnable", false},
	} {
		if got := inC(test.frames, test.state); got != test.want {
			t.Errorf("%s, %s: %v", test.state, test.frames, got)
		}
	}
}

// TestACellWaitsForOneInC: a cell that was given up in C code ends at its next check, which may be
// in a function, and a later cell begins after that. Other goroutines pass their checks.
func TestACellWaitsForOneInC(t *testing.T) {
	old := cell.Leave
	cell.Leave = leave
	defer func() { cell.Leave = old }()
	s := &serving{out: io.Discard, streams: [wire.Streams]io.Writer{io.Discard, io.Discard}}
	back, goesOn, ran := make(chan bool), new(atomic.Bool), new(atomic.Bool)
	first := &running{gone: new(atomic.Bool), number: 1}
	s.start(first, func() {
		<-back // as from C code
		cell.Check()
		goesOn.Store(true)
	})
	first.returns()
	first.giveUp()
	s.finish(first, wire.Event{Status: wire.StatusInterrupted})

	second := &running{gone: new(atomic.Bool), number: 2}
	s.start(second, func() {
		s.awaitReturning(2)
		ran.Store(true)
	})
	cell.Check()
	if ran.Load() {
		t.Error("the second cell does not wait for the first")
	}
	close(back)
	<-second.over
	if !ran.Load() || goesOn.Load() || cell.Stop.Load() != 0 {
		t.Errorf("the second cell ran: %v; the first goes on: %v; checks: %d", ran.Load(), goesOn.Load(), cell.Stop.Load())
	}

	// An interrupt ends the one that waits.
	back = make(chan bool)
	third := &running{gone: new(atomic.Bool), number: 3}
	s.start(third, func() { <-back; cell.Check() })
	third.returns()
	third.giveUp()
	s.finish(third, wire.Event{Status: wire.StatusInterrupted})
	ran.Store(false)
	fourth := &running{gone: new(atomic.Bool), number: 4}
	s.start(fourth, func() {
		s.awaitReturning(4)
		ran.Store(true)
	})
	s.interrupt()
	<-fourth.over
	if ran.Load() {
		t.Error("a cell that was interrupted while it waited ran")
	}
	close(back)
	<-third.over
}
