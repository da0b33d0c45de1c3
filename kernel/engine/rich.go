package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"gsmlab/kernel/engine/rt"
)

// stream implements outlet.
func (s *session) stream(stream int, text string) {
	s.output(func(o Outputs) {
		if stream == 0 {
			o.Stdout(text)
		} else {
			o.Stderr(text)
		}
	})
}

// event implements outlet.
func (s *session) event(p *process, e rt.Event) {
	switch e.Kind {
	case "result":
		s.output(func(o Outputs) { o.Result(bundle(e)) })
	case "display":
		d := Display{Data: bundle(e), ID: e.ID}
		json.Unmarshal(e.Metadata, &d.Metadata) // empty, or what the worker encoded
		s.output(func(o Outputs) {
			d.Update = e.ID != "" && s.displayed[e.ID]
			if e.ID != "" {
				s.displayed[e.ID] = true
			}
			o.Display(d)
		})
	case "clear":
		s.output(func(o Outputs) { o.Clear(e.Flag) })
	case "input":
		s.output(func(o Outputs) { s.inputs.ask(p, e, o) })
	case "comm":
		s.output(func(o Outputs) { s.comm(p, e, o) })
	}
}

func bundle(e rt.Event) Bundle {
	b := Bundle{}
	for mime, text := range e.Data {
		b[mime] = clean(text)
	}
	for mime, data := range e.Binary {
		b[mime] = data
	}
	return b
}

// comm passes on what a widget says. Without a browser a cell that reads a value gets an empty one.
func (s *session) comm(p *process, e rt.Event, o Outputs) {
	var value any
	json.Unmarshal(e.Value, &value) // empty, or what the worker encoded
	if w, ok := o.(Widgets); ok {
		w.Comm(e.Status, e.Text, value)
	} else if e.Status == "read" {
		p.send(rt.Command{Do: "comm", Name: e.Text, Value: `""`})
	}
}

// Comm implements Engine.
func (s *session) Comm(address string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("engine: a value for the widget at %s: %w", address, err)
	}
	s.widgets.Load().send(rt.Command{Do: "comm", Name: address, Value: string(data)})
	return nil
}

// inputs are the questions to the user that are not answered yet.
type inputs struct {
	mu   sync.Mutex
	open map[*question]bool
}

type question struct {
	kind   string // who asks, see rt
	cancel context.CancelFunc
	done   chan struct{} // closed when the worker has got the answer
}

// ask asks the user what the worker wants to know, and goes on.
func (in *inputs) ask(p *process, e rt.Event, o Outputs) {
	ctx, cancel := context.WithCancel(context.Background())
	q := &question{e.Status, cancel, make(chan struct{})}
	in.mu.Lock()
	if in.open == nil {
		in.open = map[*question]bool{}
	}
	in.open[q] = true
	in.mu.Unlock()
	go func() {
		defer cancel()
		text, err := o.Input(ctx, e.Text, e.Flag)
		c := rt.Command{Do: "answer", Request: e.Request}
		switch {
		case ctx.Err() != nil:
			c.Error = "canceled"
		case err == nil:
			c.Value = text
		case errors.Is(err, io.EOF):
			c.Error = "eof"
		default:
			c.Error = "none"
		}
		p.send(c)
		in.mu.Lock()
		delete(in.open, q)
		in.mu.Unlock()
		close(q.done)
	}()
}

// cancel withdraws all questions but those of a kind that keep allows; nil allows none.
func (in *inputs) cancel(keep func(kind string) bool) (kept []*question) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for q := range in.open {
		if keep != nil && keep(q.kind) {
			kept = append(kept, q)
		} else {
			q.cancel()
		}
	}
	return kept
}

// settle is called at the end of a cell. What it asked for by gonbui.RequestInput, which does not wait, is
// still answered: a later cell may read it. Reads of goroutines that go on ask again in the next cell.
func (in *inputs) settle(ctx context.Context, interrupt, dead <-chan struct{}) {
	for _, q := range in.cancel(func(kind string) bool { return kind == "request" }) {
		select {
		case <-q.done:
		case <-interrupt:
			in.cancel(nil)
		case <-ctx.Done():
			in.cancel(nil)
		case <-dead:
			in.cancel(nil)
		}
	}
}
