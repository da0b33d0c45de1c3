// Interrupts: at any time, in any state, and what must be there afterwards.

package engine

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// endless are cells that only an interrupt ends. Function calls run without a build, so there can
// be many.
var endless = []string{
	"loop()", "sleep()", "receive()", "lock()", "recovering()", "crowd()", "train()", "workers()", "deferring()", "waiting()",
	"for { keep = 42 }", "step := func() {}; for { step() }", "time.Sleep(time.Hour)", "select {}", "for range time.Tick(time.Millisecond) { keep = 42 }",
}

const endlessFuncs = `import "github.com/gomlx/compute/gobackend"
var counter atomic.Int64
var cleaned, recovered atomic.Int64
func loop() { for { counter.Add(1) } }
func sleep() { for { time.Sleep(time.Hour) } }
func receive() { <-make(chan int) }
func lock() { var mu sync.Mutex; mu.Lock(); mu.Lock() }
func recovering() {
	defer cleaned.Add(1)
	for {
		func() {
			defer func() { if recover() != nil { recovered.Add(1) } }()
			var m map[string]int
			m["a"] = 1
		}()
	}
}
func deferring() { defer func() { for range 1000 { counter.Add(1) }; cleaned.Add(1) }(); for { func() {}() } }
func crowd() { cell := ctx; for range 5000 { go func() { <-cell.Done() }() }; <-gate }
func workers() {
	jobs := make(chan int)
	for range 4 { go func() { for { counter.Add(1) } }() }
	for i := 0; ; i++ { jobs <- i }
}
func waiting() { <-ctx.Done(); for { counter.Add(1) } }
var gate = make(chan int)
var keep, text = 42, "kept"
func must[T any](v T, err error) T { if err != nil { panic(err) }; return v }
var exec = graph.MustNewExec(must(gobackend.New("")), func(x *graph.Node) *graph.Node { return graph.MulScalar(x, 0.5) })
func train() { x := tensors.FromValue([]float32{1, 2}); for { x = exec.MustCall(x)[0] } }`

// TestManyInterrupts interrupts cells at random times, even while they are checked and built. No
// variable is lost, no cell continues, and nothing hangs.
func TestManyInterrupts(t *testing.T) {
	s := besideOthers(t)
	execute(t, s, endlessFuncs)
	random := rand.New(rand.NewPCG(1, 2))
	const times, built = 60, 10 // of each ten cells one may have to be built
	for i := range times {
		code := endless[random.IntN(10)]
		if i%built == 0 {
			code = endless[10+random.IntN(len(endless)-10)]
		}
		wait := time.Duration(random.IntN(20_000)) * time.Microsecond
		if i%built == 0 {
			wait *= 10
		}
		ctx, cancel := context.WithCancel(context.Background())
		interrupt := s.Interrupt
		if i%2 == 0 {
			interrupt = cancel
		}
		ended := make(chan struct{})
		var late sync.WaitGroup
		late.Go(func() {
			time.Sleep(wait)
			interrupt()
			for { // an interrupt before the cell begins is not for that cell
				select {
				case <-ended:
					return
				case <-time.After(5 * time.Second):
					interrupt()
				}
			}
		})
		err := s.Execute(ctx, code, &transcript{})
		close(ended)
		late.Wait()
		cancel()
		var cell *CellError
		if !errors.As(err, &cell) || cell.Kind != KindInterrupt {
			t.Fatalf("%d, %s after %v: %v", i, code, wait, err)
		}
		if got := execute(t, s, "keep"); got != "= 42\n" {
			t.Fatalf("%d, %s after %v: keep is %s", i, code, wait, got)
		}
	}
	if got := execute(t, s, "fmt.Println(text, cleaned.Load() > 0, recovered.Load() > 0, exec.MustCall(tensors.FromValue([]float32{4}))[0].Value())"); got != "kept true true [2]\n" {
		t.Errorf("at the end: %s", got)
	}
	// Goroutines of interrupted cells stop computing.
	before := execute(t, s, "counter.Load()")
	if after := execute(t, s, "time.Sleep(20 * time.Millisecond)\ncounter.Load()"); before != after {
		t.Errorf("a goroutine of an interrupted cell goes on: %s then %s", strings.TrimSpace(before), after)
	}
}

// TestASecondInterruptEndsDeferredFunctions: another interrupt ends deferred functions that hang,
// in code or blocked. Those around them still run, and the variables are kept.
func TestASecondInterruptEndsDeferredFunctions(t *testing.T) {
	s := newTestSession(t)
	execute(t, s, "keep := 42\nvar mu sync.Mutex\nvar order []string\nnote := func(s string) { order = append(order, s) }")
	for _, c := range []struct{ name, hangs, want string }{
		{"a loop", "for {}", "hangs outer"},
		{"a loop in a function", "func() { for {} }()", "hangs outer"},
		{"a loop in another deferred function", "defer func() { for {} }(); note(\"inner\")", "hangs inner outer"},
		{"a loop that recovers", "for { func() { defer func() { recover() }(); panic(1) }() }", "hangs outer"},
		{"a loop that calls", "for { func() {}() }", "hangs outer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var seen interrupter
			seen.s = s
			s.began = func() { time.AfterFunc(100*time.Millisecond, s.Interrupt) }
			err := s.Execute(context.Background(), "order = nil\nfunc() {\n\tmu.Lock()\n\tdefer func() { mu.Unlock(); note(\"outer\") }()\n\tdefer func() { note(\"hangs\"); "+c.hangs+" }()\n\tfor {}\n}()", &seen)
			s.began = nil
			if KindOf(err) != KindInterrupt || !strings.Contains(seen.String(), "another interrupt ends them") {
				t.Fatalf("%v, %q", err, seen.String())
			}
			if got, want := execute(t, s, "fmt.Println(keep, mu.TryLock(), strings.Join(order, \" \"))\nmu.Unlock()"), "42 true "+c.want+"\n"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// TestInterruptsSayWhere: the error names the places where the interrupt met the cell, by the
// number that the cell has now, and not those of the check that ended it, or of a deferred
// function.
func TestInterruptsSayWhere(t *testing.T) {
	s := newTestSession(t)
	execute(t, s, "var mu sync.Mutex\nfunc spin(wait func()) { fmt.Println(\"here\"); wait() }\nfunc loop() { for {} }")
	inSpin := []Place{{Cell: 1, Line: 2}, {Cell: 5, Line: 2}}
	for code, want := range map[string][]Place{
		"func() {\n\tspin(loop) }()": inSpin,
		"func() {\n\tspin(func() {\n\tdefer func() {\n\tfmt.Println(\"cleaned\") }(); select {} }) }()": {{Cell: 1, Line: 2}, {Cell: 5, Line: 2}, {Cell: 5, Line: 4}},
		"spin(loop)": {{Cell: 1, Line: 2}, {Cell: 5, Line: 1}}, // a look-up
		"mu.TryLock()\nfmt.Println(\"here\"); mu.Lock()":          {{Cell: 5, Line: 2}},
		"fmt.Println(\"here\"); <-ctx.Done()":                     {{Cell: 5, Line: 1}},
		"func spun() {\n\tspin(loop) }\nfunc() {\n\n\tspun() }()": {{Cell: 1, Line: 2}, {Cell: 5, Line: 2}, {Cell: 5, Line: 5}},
	} {
		for range 2 { // the second time it is not built
			seen := &interrupter{s: s, at: "here"}
			err := s.Execute(WithCell(context.Background(), 5), code, seen)
			var cell *CellError
			if !errors.As(err, &cell) || cell.Kind != KindInterrupt || len(cell.Trace) < len(want) {
				t.Fatalf("%s: %v", code, err)
			}
			// it may have come further than the line that said so
			if got := cell.Trace[len(cell.Trace)-len(want):]; !slices.Equal(got, want) || cell.Place != cell.Trace[0] {
				t.Errorf("%s: at %v, want %v", code, cell.Trace, want)
			}
		}
	}
}

// TestALibraryThatComputesIsInterrupted: it is stopped at an instruction where the runtime can stop
// it, so its callers' deferred functions run and the variables are kept.
func TestALibraryThatComputesIsInterrupted(t *testing.T) {
	s := newTestSession(t)
	execute(t, s, "keep := 42\nvar mu sync.Mutex")
	s.began = func() { time.AfterFunc(50*time.Millisecond, s.Interrupt) }
	err := s.Execute(context.Background(), `mu.Lock(); defer mu.Unlock(); regexp.MustCompile("(a*)*b").MatchString(strings.Repeat("a", 1<<28))`, &transcript{})
	s.began = nil
	if KindOf(err) != KindInterrupt {
		t.Fatalf("the interrupt was: %v", err)
	}
	if got := execute(t, s, "fmt.Println(keep, mu.TryLock())"); got != "42 true\n" {
		t.Errorf("after the interrupt: %s", got)
	}
}

// interrupter is a front end whose user interrupts when the cell prints at, and again when a note
// suggests it.
type interrupter struct {
	transcript
	s  *Engine
	at string
}

func (i *interrupter) Stdout(text string) {
	i.transcript.Stdout(text)
	if i.at != "" && strings.Contains(text, i.at) {
		i.s.Interrupt()
	}
}

func (i *interrupter) Note(text string) {
	i.transcript.Note(text)
	i.s.Interrupt()
}

// TestACellThatWasGivenUpShowsNothing: not in a later cell either, when what it waited for comes.
func TestACellThatWasGivenUpShowsNothing(t *testing.T) {
	s := newTestSession(t)
	execute(t, s, "r, w, _ := os.Pipe()\nch := make(chan int)")
	for _, code := range []string{"io.ReadAll(r)", "<-ch"} {
		s.began = func() { time.AfterFunc(50*time.Millisecond, s.Interrupt) }
		if err := s.Execute(context.Background(), code, &transcript{}); KindOf(err) != KindInterrupt {
			t.Errorf("%s: %v", code, err)
		}
		s.began = nil
	}
	if got := execute(t, s, "w.Close(); close(ch); time.Sleep(100 * time.Millisecond); 1"); got != "= 1\n" {
		t.Errorf("a later cell shows %q", got)
	}
}
