package engine

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// burst is a front end that hangs at the first display and keeps only what it needs to check the
// order.
type burst struct {
	transcript
	t     *testing.T
	text  strings.Builder
	next  int // number of the next display
	heap  uint64
	hangs time.Duration
}

func (b *burst) Stdout(s string) { b.text.WriteString(s) }
func (b *burst) Stderr(s string) { b.text.WriteString(s) }
func (b *burst) Display(d Display) {
	time.Sleep(b.hangs)
	b.hangs = 0
	html, _ := d.Data["text/html"].(string)
	number, _, _ := strings.Cut(html, " ")
	if got, want := b.text.String()+number, fmt.Sprintf("print %d\n%d", b.next, b.next); got != want && !b.t.Failed() {
		b.t.Errorf("display %d: %q came, want %q", b.next, got, want)
	}
	b.text.Reset()
	b.next++
	if b.next%500 == 1 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.heap = max(b.heap, m.HeapAlloc)
	}
}

// TestBurst: many prints and displays arrive whole and in order. While the front end hangs, the
// cell waits: nobody keeps 50 MB for later.
func TestBurst(t *testing.T) {
	s := newTestSession(t)
	out := &burst{t: t, hangs: time.Second}
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	err := s.Execute(context.Background(), `
long := strings.Repeat("x", 10_000)
for i := range 5_000 {
	if i%10 == 0 {
		fmt.Fprintln(os.Stderr, "print", i)
	} else {
		fmt.Println("print", i)
	}
	gonbui.DisplayHTML(fmt.Sprint(i, " ", long))
}`, out)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%v, %d MB", time.Since(start).Round(time.Millisecond), out.heap>>20)
	if out.next != 5_000 || out.text.Len() > 0 {
		t.Errorf("%d displays came, and %q after the last", out.next, out.text.String())
	}
	if grown := int64(out.heap) - int64(before.HeapAlloc); grown > 30<<20 {
		t.Errorf("the engine kept %d MB", grown>>20)
	}
}
