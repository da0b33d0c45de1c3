package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var _ Widgets = (*browser)(nil)

// browser answers widgets: it sends the value 7 when one is read, and a list to whoever subscribes.
type browser struct {
	transcript
	s *Engine

	mu   sync.Mutex
	seen []string
}

func (b *browser) Comm(op CommOp, address string, value any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen = append(b.seen, fmt.Sprint(op, " ", address, " ", value))
	switch {
	case op == "read":
		b.s.Comm("/other", 1) // nobody wants it
		b.s.Comm(address, 7)
	case op == "subscribe" && address == "/list":
		b.s.Comm(address, []string{"a", "b"})
	}
}

func TestRich(t *testing.T) {
	s := newTestSession(t)
	run := func(t *testing.T, out Outputs, code string) error { return s.Execute(context.Background(), code, out) }
	must := func(t *testing.T, code, want string) {
		t.Helper()
		var out transcript
		if err := run(t, &out, code); err != nil || out.String() != want {
			t.Errorf("%s: %q, %v; want %q", code, out.String(), err, want)
		}
	}
	t.Run("widgets", func(t *testing.T) {
		out := &browser{s: s}
		err := run(t, out, `import "github.com/janpfeifer/gonb/gonbui/comms"
list := make(chan []string, 1)
comms.Send("/a", map[string]int{"n": 1})
id := comms.Subscribe("/list", func(_ string, v []string) { list <- v })
fmt.Println(comms.ReadValue[int]("/b"), <-list)
comms.Unsubscribe(id)`)
		want := []string{"send /a map[n:1]", "subscribe /list <nil>", "subscribe /b <nil>", "read /b <nil>", "unsubscribe /b <nil>", "unsubscribe /list <nil>"}
		if err != nil || out.String() != "7 [a b]\n" || !slices.Equal(out.seen, want) {
			t.Errorf("%q, %v, %q", out.String(), err, out.seen)
		}
	})
	t.Run("streams", func(t *testing.T) { // closed or replaced by a cell
		must(t, `r, w, _ := os.Pipe(); old := os.Stdout; os.Stdout = w
fmt.Print("caught"); gonbui.DisplayHTML("x"); os.Stdout = old; w.Close()
caught, _ := io.ReadAll(r)
string(caught)`, "[display]\n  text/html: x\n= \"caught\"\n")
		must(t, `os.Stderr.Close(); gonbui.DisplayHTML("y"); 1`, "[display]\n  text/html: y\n= 1\n")
	})
	t.Run("no browser", func(t *testing.T) { // which could send a value
		out := &transcript{}
		err := run(t, out, `import "github.com/janpfeifer/gonb/gonbui/dom"
log.SetFlags(0)
html := dom.GetInnerHtml("id")
dom.Persist("id")
fmt.Printf("%q\n", html)`)
		if err != nil || !strings.Contains(out.String(), "HTML content was empty") || !strings.Contains(out.String(), "\"\"\n") {
			t.Errorf("%q, %v", out.String(), err)
		}
	})
	t.Run("no browser to listen to", func(t *testing.T) {
		// a cell does not wait for what cannot come
		out := &transcript{}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		err := s.Execute(ctx, `import ("github.com/janpfeifer/gonb/gonbui/comms"; "github.com/janpfeifer/gonb/gonbui/widgets")
log.SetOutput(io.Discard)
called := make(chan string, 1)
id := comms.Subscribe("/never", func(_, v string) { called <- v })
fmt.Printf("%q %v\n", <-comms.Listen[string]("/text").C, comms.ReadValue[int]("/n"))
fmt.Println(<-comms.Listen[[]float64]("/list").WithBuffer(3).C, <-comms.Listen[map[string]string]("/map").LatestOnly().C)
slider, button := widgets.Slider(1, 9, 5).Done(), widgets.Button("b").Done()
fmt.Println(slider.Value(), widgets.Select([]string{"a", "b"}).SetDefault(1).Done().Value())
fmt.Println(<-slider.Listen().C, <-button.Listen().C, <-slider.Listen().LatestOnly().C)
select {
case v := <-called:
	fmt.Printf("a value: %q\n", v)
case <-time.After(200 * time.Millisecond):
	fmt.Println("no value")
}
comms.Unsubscribe(id)
log.SetOutput(os.Stderr)`, out)
		if got := out.String(); err != nil || !strings.HasPrefix(got, "\"\" 0\n[] map[]\n") || !strings.HasSuffix(got, "5 1\n5 0 5\nno value\n") {
			t.Errorf("%q, %v", got, err)
		}
	})
	t.Run("what gob cannot encode", func(t *testing.T) {
		var out transcript
		err := run(t, &out, `import "github.com/janpfeifer/gonb/gonbui/protocol"
gonbui.SendData(&protocol.DisplayData{Data: map[protocol.MIMEType]any{"a": struct{}{}}})
fmt.Fprintln(os.Stderr, gonbui.Error() != nil)`)
		if err != nil || !strings.HasSuffix(out.String(), "true\n") {
			t.Errorf("%q, %v", out.String(), err)
		}
		must(t, `gonbui.DisplayHTML("again"); gonbui.Sync(); gonbui.Error()`, "[display]\n  text/html: again\n= nil\n")
	})
	t.Run("crash at a question", func(t *testing.T) {
		out := &transcript{lines: []string{"^Z"}}
		var cell *CellError
		err := run(t, out, `go func() { time.Sleep(200*time.Millisecond); syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 3, 0, 0) }()
display.Input("?")`)
		if !errors.As(err, &cell) || cell.Kind != KindCrash || out.String() != "? ?\n< ^Z\n" {
			t.Errorf("%q, %v", out.String(), err)
		}
		must(t, `1`, "= 1\n")
	})
	t.Run("protocol", func(t *testing.T) { // by a cell that opens the pipes itself, as gonbui would
		must(t, `import "github.com/janpfeifer/gonb/gonbui/protocol"
to, err := os.OpenFile(os.Getenv(protocol.GONB_PIPE_ENV), os.O_WRONLY, 0)
from, err := os.Open(os.Getenv(protocol.GONB_PIPE_BACK_ENV))
enc := gob.NewEncoder(to)
enc.Encode(protocol.DisplayData{Data: map[protocol.MIMEType]any{"text/plain": strings.Repeat("x", 100_000)}})
enc.Encode(protocol.DisplayData{Data: map[protocol.MIMEType]any{protocol.MIMECommValue: protocol.CommValue{Address: protocol.GonbuiSyncAddress, Value: 5}}})
var ack protocol.CommValue
fmt.Println(err, gob.NewDecoder(from).Decode(&ack), ack)`,
			"[display]\n  text/plain: "+strings.Repeat("x", 100_000)+"\n<nil> <nil> {#gonbui/sync_ack false 5}\n")
	})
}
