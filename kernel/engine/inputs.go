package engine

import (
	"context"
	"errors"
	"io"
	"sync"

	"gsmlab/kernel/engine/wire"
)

// inputs are the questions to the user that have no answer yet.
type inputs struct {
	mu   sync.Mutex
	open map[*question]bool
}

type question struct {
	asker  wire.Asker
	cancel context.CancelFunc
	done   chan struct{} // closed when the worker has received the answer
}

// ask asks the user what the worker wants to know, and does not wait.
func (in *inputs) ask(p *process, e wire.Event, o Outputs) {
	ctx, cancel := context.WithCancel(context.Background())
	q := &question{e.Asker, cancel, make(chan struct{})}
	in.mu.Lock()
	if in.open == nil {
		in.open = map[*question]bool{}
	}
	in.open[q] = true
	in.mu.Unlock()
	go func() {
		defer cancel()
		text, err := o.Input(ctx, e.Text, e.Secret)
		c := wire.Command{Do: wire.DoAnswer, Request: e.Request}
		switch {
		case ctx.Err() != nil:
			c.Answer = wire.AnswerWithdrawn
		case err == nil:
			c.Value = text
		case errors.Is(err, io.EOF):
			c.Answer = wire.AnswerEnd
		default:
			c.Answer = wire.AnswerNobody
		}
		p.send(c)
		in.mu.Lock()
		delete(in.open, q)
		in.mu.Unlock()
		close(q.done)
	}()
}

// cancel withdraws all questions, except those of an asker that keep allows; nil allows none.
func (in *inputs) cancel(keep func(wire.Asker) bool) (kept []*question) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for q := range in.open {
		if keep != nil && keep(q.asker) {
			kept = append(kept, q)
		} else {
			q.cancel()
		}
	}
	return kept
}

// settle is called at the end of a cell. Questions of gonbui.RequestInput, which does not wait,
// still get their answers, because a later cell may read them. Goroutines that continue to read ask
// again in the next cell.
func (in *inputs) settle(ctx context.Context, interrupt, dead <-chan struct{}) {
	for _, q := range in.cancel(func(a wire.Asker) bool { return a == wire.AskerRequest }) {
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
