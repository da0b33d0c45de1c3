package repl

import (
	"context"
	"sync"

	"gsmlab/kernel/engine"
	"gsmlab/kernel/shell"
)

// kernel is a shell that starts in the background.
type kernel struct {
	opt    Options
	ctx    context.Context
	cancel context.CancelFunc

	mu    sync.Mutex
	ready chan struct{} // closed when the start has ended
	sh    *shell.Shell
	err   error
	step  engine.Step // that takes long
}

func start(ctx context.Context, opt Options) *kernel {
	k := &kernel{opt: opt}
	k.ctx, k.cancel = context.WithCancel(ctx)
	k.begin()
	return k
}

func (k *kernel) begin() {
	ready := make(chan struct{})
	k.ready, k.sh, k.err = ready, nil, nil
	go func() {
		sh, err := k.opt.Start(k.ctx, shell.Options{History: k.opt.History, Engine: engine.Options{Say: k.say}})
		k.mu.Lock()
		k.sh, k.err = sh, err
		k.mu.Unlock()
		close(ready)
	}()
}

func (k *kernel) say(step engine.Step) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.step = step
}

// building says what takes long at the start, or "" if nothing does.
func (k *kernel) building() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.step.String()
}

// started returns a channel that is closed when the current start has ended.
func (k *kernel) started() <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ready
}

// now returns the shell if it is there, and otherwise why its start failed.
func (k *kernel) now() (*shell.Shell, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.sh, k.err
}

// retry starts again after a failure, because its reason may be gone.
func (k *kernel) retry() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		k.begin()
	}
}

// wait waits for the shell.
func (k *kernel) wait(ctx context.Context) (*shell.Shell, error) {
	select {
	case <-k.started():
		return k.now()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (k *kernel) close() error {
	k.cancel() // a start in progress
	<-k.started()
	sh, _ := k.now()
	if sh == nil {
		return nil
	}
	return sh.Close()
}
