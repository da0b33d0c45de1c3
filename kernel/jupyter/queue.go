package jupyter

import (
	"context"
	"sync"
)

const maxWaiting = 10_000

// executions is the queue of execute_requests and the one that runs.
type executions struct {
	mu      sync.Mutex
	changed sync.Cond
	waiting []*message
	cancel  context.CancelFunc // interrupts the one that runs; nil when none does
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

// next waits for a request, which runs until done is called, with a context that an interrupt
// cancels. It returns nil when the kernel ends.
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

// interrupt stops the request that runs, if any.
func (e *executions) interrupt() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cancel != nil {
		e.cancel()
	}
}

// abort takes all that waits from the queue.
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
