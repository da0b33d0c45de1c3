// The debugger's messages: debug_request on the control socket, debug_event on iopub.

package jupyter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"gsmlab/kernel/jupyter/dap"
	"gsmlab/kernel/present"
	"gsmlab/kernel/shell"
)

// debugging is what the kernel keeps of clients that debug.
type debugging struct {
	requests chan *message

	mu      sync.Mutex
	adapter *dap.Adapter
	seq     int
	latest  *message // request: the parent of events
	clients map[string]*message
	alone   time.Time // since when no client is there
}

// aloneTime is how long what is stopped waits for a client to come back, as after a reload of the
// page.
const aloneTime = 10 * time.Second

// onDebug queues a request. The control socket must stay free for interrupts.
func (k *kernel) onDebug(m *message) {
	select {
	case k.debug.requests <- m:
	default:
		k.log.print("a message was refused: too many debug_requests are waiting")
	}
}

// debugLoop answers debug_requests, one after the other.
func (k *kernel) debugLoop(ctx context.Context) {
	select {
	case <-k.start:
	case <-ctx.Done():
		return
	}
	if k.sh != nil {
		k.debug.mu.Lock()
		k.debug.adapter = dap.New(dap.Options{Debugger: k.sh.Debugger(), Event: k.debugEvent, Attach: k.sh.Attach, Data: present.Data, Line: shell.StopLine})
		k.debug.mu.Unlock()
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-k.debug.requests:
			k.debugFor(m)
			k.handle(m)
			if k.debug.adapter == nil || !k.debug.adapter.Attached() {
				k.debug.mu.Lock()
				k.debug.clients = nil
				k.debug.mu.Unlock()
			}
		case <-tick.C:
			k.endDebuggingAlone()
		}
	}
}

// debugFor notes who sent a request.
func (k *kernel) debugFor(m *message) {
	k.debug.mu.Lock()
	defer k.debug.mu.Unlock()
	k.debug.latest = m
	if k.debug.clients == nil {
		k.debug.clients = map[string]*message{}
	}
	k.debug.clients[m.from.Identity()] = m
}

// endDebuggingAlone lets cells run on when all clients that debugged are gone.
func (k *kernel) endDebuggingAlone() {
	k.debug.mu.Lock()
	if k.debug.adapter == nil || len(k.debug.clients) == 0 {
		k.debug.mu.Unlock()
		return
	}
	here := false
	for id, m := range k.debug.clients {
		here = here || k.control.Peer(id) == m.from
	}
	switch {
	case here:
		k.debug.alone = time.Time{}
	case k.debug.alone.IsZero():
		k.debug.alone = time.Now()
	}
	gone := !here && time.Since(k.debug.alone) > aloneTime
	if gone {
		k.debug.clients, k.debug.alone = nil, time.Time{}
	}
	adapter := k.debug.adapter
	k.debug.mu.Unlock()
	if gone {
		adapter.Close()
	}
}

// debugEvent publishes an event of the debug adapter.
func (k *kernel) debugEvent(event string, body any) {
	k.debug.mu.Lock()
	k.debug.seq++
	seq, parent := k.debug.seq, k.debug.latest
	k.debug.mu.Unlock()
	k.publish(parent, "debug_event", map[string]any{"type": "event", "seq": seq, "event": event, "body": body})
}

// debugRequest answers a request in the form of the debug adapter protocol.
func (k *kernel) debugRequest(m *message) (map[string]any, error) {
	var req dap.Request
	if err := m.decode(&req); err != nil {
		return nil, err
	}
	if k.debug.adapter == nil {
		err := k.failed
		if err == nil {
			err = errors.New("the kernel ends")
		}
		seq, _ := req.Seq.Int64()
		return map[string]any{"type": "response", "request_seq": seq, "command": req.Command, "success": false, "message": fmt.Sprint(err), "body": map[string]any{}}, nil
	}
	answer := k.debug.adapter.Answer(context.Background(), req)
	k.debug.mu.Lock()
	k.debug.seq++
	answer["seq"] = k.debug.seq
	k.debug.mu.Unlock()
	return answer, nil
}

// debugs tells the debug adapter that a cell is about to run.
func (k *kernel) debugs(count int, text string) {
	k.debug.mu.Lock()
	adapter := k.debug.adapter
	k.debug.mu.Unlock()
	if adapter != nil {
		adapter.Runs(count, text)
	}
}

// interrupt stops the running cell, or one that is stopped at a breakpoint.
func (k *kernel) interrupt() {
	if !k.executions.interrupt() {
		if sh := k.shellNow(); sh != nil {
			sh.Interrupt()
		}
	}
}
