// execute_request: the queue of cells, and the replies when they end.

package jupyter

import (
	"context"
	"time"

	"gsmlab/kernel/engine"
	"gsmlab/kernel/present"
	"gsmlab/kernel/shell"
)

const (
	patience = time.Second // after which a waiting cell says how far the worker's start is
	// for requests that were sent together with the failing one
	abortGrace = 20 * time.Millisecond
)

// executeRequest is the content of execute_request.
type executeRequest struct {
	Code            string            `json:"code"`
	Silent          bool              `json:"silent"`
	StoreHistory    *bool             `json:"store_history"` // missing: unless silent
	UserExpressions map[string]string `json:"user_expressions"`
	AllowStdin      bool              `json:"allow_stdin"`
	StopOnError     *bool             `json:"stop_on_error"` // missing: true
}

// execute runs the queued cells until the kernel ends.
func (k *kernel) execute(ctx context.Context) {
	cells := newCells()
	for {
		m, running, done := k.executions.next(ctx)
		if m == nil {
			return
		}
		k.status(m, "busy")
		aborted := k.executeOne(running, m, cells)
		done()
		k.status(m, "idle")
		for _, m := range aborted {
			k.status(m, "busy")
			k.reply(m, "execute_reply", map[string]any{"status": "aborted", "execution_count": cells.count})
			k.status(m, "idle")
		}
	}
}

// executeOne runs a cell and answers it. If the cell fails, it returns the requests that must not
// run.
func (k *kernel) executeOne(ctx context.Context, m *message, cells *cells) (aborted []*message) {
	req := executeRequest{AllowStdin: true}
	if err := m.decode(&req); err != nil {
		k.reply(m, "execute_reply", failure("BadRequest", err))
		return nil
	}
	store := !req.Silent && (req.StoreHistory == nil || *req.StoreHistory)
	if store {
		cells.count++
	}
	count := cells.count
	if before := cells.code[count]; !store {
		defer func() { cells.code[count] = before }()
	}
	cells.code[count] = req.Code
	if !req.Silent {
		k.publish(m, "execute_input", map[string]any{"code": req.Code, "execution_count": count})
	}
	if !store {
		ctx = shell.Silent(ctx)
	}
	out := newPublisher(k, m, req, count)
	if k.warning != "" {
		out.Note(k.warning)
		k.warning = ""
	}
	err := k.warm(ctx, out)
	if err == nil {
		k.debugs(count, req.Code)
		err = guarded(func() error { return k.sh.Execute(engine.WithCell(ctx, count), req.Code, out) })
	}
	out.end()
	if store {
		// where nobody can be asked, nobody typed: nbclient and others run notebooks this way
		add := k.history.Add
		if !req.AllowStdin {
			add = k.history.AddUnattended
		}
		if err := add(req.Code, out.result); err != nil {
			k.log.print(err.Error())
		}
	}
	answer := map[string]any{"status": "ok", "user_expressions": map[string]any{}}
	if err != nil {
		answer = cells.failure(err)
		if !req.Silent {
			k.publish(m, "error", answer)
		}
		answer["status"] = "error"
		if req.StopOnError == nil || *req.StopOnError {
			// Requests that were sent together with this one may still be on their way. The wait
			// comes before the reply, because the requests that a client sends after seeing the
			// error are not meant.
			time.Sleep(abortGrace)
			aborted = k.executions.abort()
		}
	} else if len(req.UserExpressions) > 0 {
		answer["user_expressions"] = k.evaluate(ctx, req.UserExpressions, count)
	}
	answer["execution_count"], answer["payload"] = count, out.payload()
	k.reply(m, "execute_reply", answer)
	return aborted
}

// warm waits for the worker. The first build takes minutes. Meanwhile a display says what is built
// and how far it is; it is empty in the end.
func (k *kernel) warm(ctx context.Context, out *publisher) (err error) {
	tick := time.NewTicker(patience)
	defer tick.Stop()
	id, said := "gsmlab-start-"+out.m.ID, ""
	say := func(text string) {
		if text != said && !out.req.Silent {
			out.Display(engine.Display{ID: id, Update: said != "", Data: engine.Bundle{"text/plain": text}})
			said = text
		}
	}
	defer func() {
		if said != "" {
			say("")
		}
	}()
	for {
		select {
		case <-k.start:
			return k.failed
		case <-tick.C:
			if step := k.step.Load(); step != nil {
				say("the kernel is starting: " + step.String())
			}
		case <-ctx.Done():
			return engine.Interrupted()
		}
	}
}

// evaluate answers user_expressions. An error in one does not stop the others.
func (k *kernel) evaluate(ctx context.Context, expressions map[string]string, count int) map[string]any {
	values := map[string]any{}
	for name, code := range expressions {
		value := &quiet{}
		if err := k.sh.Execute(shell.Silent(engine.WithCell(ctx, count)), code, value); err != nil {
			values[name] = (&cells{count: count, code: map[int]string{count: code}}).failure(err)
			values[name].(map[string]any)["status"] = "error"
			continue
		}
		values[name] = map[string]any{"status": "ok", "data": present.Data(value.bundle), "metadata": emptyObject}
	}
	return values
}

// quiet are the outputs of a user expression, of which only the value counts.
type quiet struct{ bundle engine.Bundle }

func (*quiet) Stdout(string)                {}
func (*quiet) Stderr(string)                {}
func (q *quiet) Result(value engine.Bundle) { q.bundle = value }
func (*quiet) Display(engine.Display)       {}
func (*quiet) Clear(bool)                   {}
func (*quiet) Page(engine.Bundle)           {}
func (*quiet) Note(string)                  {}
func (*quiet) Progress(string)              {}
func (*quiet) Input(context.Context, string, bool) (string, error) {
	return "", engine.ErrNoInput
}

// failure is the content of an error reply that concerns no cell.
func failure(name string, err error) map[string]any {
	return map[string]any{"status": "error", "ename": name, "evalue": err.Error(), "traceback": []string{present.Heading(name, err.Error())}}
}
