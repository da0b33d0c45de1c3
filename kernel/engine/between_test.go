package engine

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// TestCrashBetweenCells: if the worker ends while no cell runs, or as one begins, the error names
// the place and the cause.
func TestCrashBetweenCells(t *testing.T) {
	ctx := context.Background()
	for _, listening := range []bool{false, true} {
		s := newTestSession(t)
		execute(t, s, "go_ := make(chan bool)")
		execute(t, s, "go func() {\n\t<-go_\n\ttime.Sleep(time.Second)\n\truntime.Breakpoint() // which nothing can recover\n}()")
		execute(t, s, "close(go_)")
		<-s.process.dead
		if listening { // like a cell that began before the engine saw the end
			s.process.listen()
		}
		var crash *CellError
		err := s.Execute(ctx, "x", &transcript{})
		if !errors.As(err, &crash) || crash.Kind != KindCrash || crash.Place != (Place{Cell: 2, Line: 4}) || !strings.Contains(crash.Msg, "exit status 2: trace trap") {
			t.Errorf("listening %v: %v", listening, err)
		}
	}
}

func TestPlaceOfCrash(t *testing.T) {
	const words = "panic: x\n\ngoroutine 5 [running]:\nlib.f()\n\t/lib/f.go:1 +0x1\n\ngoroutine 1 [sleep]:\nmain.g()\n\tcell[7]:1 +0x1\n"
	if at := placeOfCrash(words); at != (Place{}) {
		t.Errorf("%v is of another goroutine", at)
	}
	if at := placeOfCrash(strings.Replace(words, "panic: x", "SIGABRT: abort", 1)); at != (Place{Cell: 7, Line: 1}) {
		t.Errorf("%v", at)
	}
}
