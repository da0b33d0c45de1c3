package engine

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"gsmlab/kernel/engine/celltest"
)

func assistSession(t testing.TB) *Engine {
	s := newTestSession(t)
	s.valueWait = time.Hour
	t.Cleanup(func() { s.valueWait = valueWait })
	if err := s.Execute(context.Background(), celltest.AssistState, &transcript{}); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestInspectionShowsValues: the value of the name at ‸, "" if showing it panics.
func TestInspectionShowsValues(t *testing.T) {
	s := assistSession(t)
	for _, c := range []struct{ code, value string }{
		{"origin‸", "{x:0 y:0 Label:}"},
		{"rate‸ * 2", "0.5"},
		{"origin.La‸bel", `""`},
		{"nodes‸", "map[]"},
		{"nodes[\"a\"][0].na‸me", ""},
		{"rate := 0.7 // new\nrate‸", "0.5"},
		{"st.items‸", "[]"},
		{"ctx‸", "context"},
	} {
		got, ok := s.Inspect(strings.Replace(c.code, "‸", "", 1), strings.Index(c.code, "‸"))
		if !ok || !strings.HasPrefix(got.Value, c.value) || c.value == "" && got.Value != "" || strings.Contains(got.Value, "Ꞌ") {
			t.Errorf("%s: %v %+v", c.code, ok, got)
		}
	}
	if got := s.Complete("origin.L", 8); len(got.Items) != 1 || got.Items[0] != (Item{Text: "Label", Kind: "field", Signature: "string"}) {
		t.Errorf("completion: %v", got)
	}
}

// TestInspectionWaitsForWhatIsNotACell: values shown one right after the other, and one asked for
// while a checkpoint or the like has the session.
func TestInspectionWaitsForWhatIsNotACell(t *testing.T) {
	s := assistSession(t)
	for i := range 300 {
		if got, _ := s.Inspect("rate", 4); got.Value != "0.5" {
			t.Fatalf("value %d: %+v", i, got)
		}
	}
	s.running.Lock()
	shown := make(chan string)
	go func() {
		got, _ := s.Inspect("rate", 4)
		shown <- got.Value
	}()
	select {
	case got := <-shown:
		t.Errorf("while something else has the session: %q", got)
	case <-time.After(20 * time.Millisecond): // too early, at worst it finds no fault
	}
	s.running.Unlock()
	if got := <-shown; got != "0.5" {
		t.Errorf("after that: %q", got)
	}
}

// printing signals when a cell prints.
type printing struct {
	transcript
	printed chan string
}

func (p *printing) Stdout(text string) { p.printed <- text }

func TestNamesAreKnownWhileACellRuns(t *testing.T) {
	s := assistSession(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	out, ended := &printing{printed: make(chan string, 1)}, make(chan error)
	go func() { ended <- s.Execute(ctx, "fresh := rate + 1\nfmt.Print(\"here\")\nselect {}", out) }()
	<-out.printed
	if got := s.Complete("fre", 3); len(got.Items) == 0 || got.Items[0] != (Item{Text: "fresh", Kind: "var", Signature: "float64"}) {
		t.Errorf("a name of the cell that runs: %v", got)
	}
	if got, ok := s.Inspect("rate", 4); !ok || got.Doc != "rate is how fast to learn.\n" || got.Value != "" {
		t.Errorf("inspection while a cell runs: %+v", got)
	}
	if who := s.Who(); !slices.Contains(who, Name{Name: "fresh", Kind: "var", Type: "float64", Cell: 2}) {
		t.Errorf("who while a cell runs: %v", who)
	}
	cancel()
	if err := <-ended; KindOf(err) != KindInterrupt {
		t.Error(err)
	}
	if got, _ := s.Inspect("fresh", 5); got.Value != "1.5" {
		t.Errorf("after the cell: %+v", got)
	}
}

// TestInspectionDoesNotWaitForAValue inspects a value whose String blocks until it is interrupted.
func TestInspectionDoesNotWaitForAValue(t *testing.T) {
	s := assistSession(t)
	run := func(code string) string {
		var seen transcript
		if err := s.Execute(context.Background(), code, &seen); err != nil {
			return err.Error()
		}
		return seen.String()
	}
	run("type slow struct{}\nfunc (slow) String() string { <-ctx.Done(); return \"\" }\nv := slow{}\nm := map[int]int{}\nfor i := range 2000 { m[i] = i }\nn := 1")
	s.valueWait = time.Hour
	if got, _ := s.Inspect("m", 1); got.Value != "map[int]int of 2000 elements" {
		t.Errorf("a big map: %+v", got)
	}
	s.valueWait = 100 * time.Millisecond
	if got, ok := s.Inspect("v", 1); !ok || got.Value != "" || got.Signature != "var v slow" {
		t.Errorf("a value that blocks: %+v", got)
	}
	s.Interrupt() // as for a cell
	if got := run("n"); got != "= 1\n" {
		t.Errorf("after it: %s", got)
	}
}
