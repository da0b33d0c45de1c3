package jupyter

import (
	"context"
	"sync"
)

const maxWaiting = 10_000

// executions is the queue of execute_requests, and the running one.
type executions struct {
	mu      sync.Mutex
	changed sync.Cond
	waiting []*message
	cancel  context.CancelFunc // interrupts the running one; nil if none runs
	closed  bool
}

// push reports whether there was room.
func (e *executions) push(m *message) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.waiting) >= maxWaiting {
		return false
	}
	e.waiting = append(e.waiting, m)
	e.changed.Signal()
	return true
}

// next waits for a request. The request runs until done is called, with a context that an interrupt
// cancels. next returns nil when the kernel ends.
func (e *executions) next(ctx context.Context) (m *message, running context.Context, done func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(e.waiting) == 0 && !e.closed {
		e.changed.Wait()
	}
	if e.closed {
		return nil, nil, nil
	}
	m = e.waiting[0]
	e.waiting = e.waiting[1:]
	running, cancel := context.WithCancel(ctx)
	e.cancel = cancel
	return m, running, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		cancel()
		e.cancel = nil
	}
}

// interrupt stops the running request, and reports whether there is one.
func (e *executions) interrupt() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cancel != nil {
		e.cancel()
	}
	return e.cancel != nil
}

// abort removes all waiting requests from the queue.
func (e *executions) abort() []*message {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := e.waiting
	e.waiting = nil
	return all
}

// close makes next return.
func (e *executions) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	e.changed.Signal()
}
