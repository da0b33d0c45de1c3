package engine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// TestACellEndsWhoseGoroutineFailed: a cell that waits for a goroutine which a panic has ended does
// not wait for ever, also beside servers and idle connections of earlier cells.
func TestACellEndsWhoseGoroutineFailed(t *testing.T) {
	s := besideOthers(t)
	execute(t, s, `import "net/http/httptest"
server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "ok") }))
answer, err := http.Get(server.URL)
text, _ := io.ReadAll(answer.Body)
fmt.Println(string(text), answer.Body.Close(), err)
listener, _ := net.Listen("tcp", "127.0.0.1:0")
go listener.Accept()`)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, code := range []string{
		"var wg sync.WaitGroup\nwg.Go(func() { var p *int; *p = 1 })\nwg.Wait()",
		"var mu sync.Mutex\nmu.Lock()\ngo func() { var p *int; *p = 1; mu.Unlock() }()\nmu.Lock()",
	} {
		err := s.Execute(ctx, code, &transcript{})
		if KindOf(err) != KindPanic || !strings.Contains(err.Error(), "nil pointer dereference (in a goroutine, which has ended)") {
			t.Errorf("%s: %v", code, err)
		}
	}
}

// TestAPanicIsShownOnce: where the cell goes on for long, it is shown when it comes, with its place
// in the code, and the error of the cell only refers to it.
func TestAPanicIsShownOnce(t *testing.T) {
	s := besideOthers(t)
	out := &transcript{}
	err := s.Execute(context.Background(), "go func() { panic(\"early\") }()\ntime.Sleep(6 * time.Second)", out)
	if shown := out.String(); strings.Count(shown, "early") != 1 || !strings.Contains(shown, "panic: early (in a goroutine, which has ended)") {
		t.Errorf("the cell showed %q", shown)
	}
	var cell *CellError
	if !errors.As(err, &cell) || cell.Error() != "cell[1]:1: panic: early (in a goroutine, which has ended), as shown above" || len(cell.Trace) != 0 {
		t.Errorf("the cell's error: %v", err)
	}
}
