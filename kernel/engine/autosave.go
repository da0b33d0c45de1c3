package engine

// The session takes checkpoints automatically, in case the worker ends. It takes one while it is
// idle; a new cell stops that one. At the latest it takes one when the cells since the last have
// run 50 times as long as a checkpoint takes. Checkpoints are files of the session and are deleted
// with it.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"gsmlab/kernel/engine/lang"
	"gsmlab/kernel/engine/wire"
)

const (
	saveIdle = 300 * time.Millisecond // after a cell, before a checkpoint is taken
	saveLate = 5 * time.Second        // after a cell at the latest, if checkpoints take long
	// cells run this many times as long as the checkpoints they wait for
	saveShare = 50
	saveCost  = 30 * time.Millisecond  // assumed for the first
	keepCost  = 600 * time.Millisecond // of loading the code that saves tensors
	maxLost   = 3                      // checkpoints that are kept from before crashes
)

// autosave is the state of these checkpoints; mu guards all of it.
type autosave struct {
	mu     sync.Mutex
	timer  *time.Timer        // to the next
	due    chan struct{}      // if not nil, the next cell must wait until it is closed
	cancel context.CancelFunc // of a checkpoint in progress that a cell may stop
	since  time.Duration      // how long cells have run since the last
	cost   time.Duration      // of the last
	number int                // of files
	plan   int                // counts cells: of two planned checkpoints, the later counts
	// counts crashes and restarts, which invalidate a checkpoint in progress
	epoch  int
	latest kept
	lost   []kept          // from before crashes, newest first
	gone   map[string]gone // variables that crashes took
}

// kept is a checkpoint.
type kept struct {
	path  string
	cell  int // after which it was taken
	names []string
}

// gone says what became of a variable.
type gone struct {
	cell  int  // in which, or after which, it was lost
	saved bool // a checkpoint has it
}

// noteCell plans the checkpoint after a cell; the caller holds e.running.
func (e *Engine) noteCell(t Times) {
	a := &e.auto
	a.mu.Lock()
	defer a.mu.Unlock()
	a.since += t.Check + t.Build + t.Load + t.Run
	wait, cost := max(saveIdle, min(20*a.cost, saveLate)), max(a.cost, saveCost)
	if !e.process.keeps && slices.ContainsFunc(e.scope.Variables(), lang.OfGoMLX) {
		cost += keepCost
	}
	due := a.since > saveShare*cost
	if a.due != nil {
		return // one is about to be taken
	} else if due {
		wait, a.due = 0, make(chan struct{})
	}
	if a.timer != nil {
		a.timer.Stop()
	}
	a.plan++
	plan := a.plan
	a.timer = time.AfterFunc(wait, func() { e.saveItself(plan, due) })
}

// holdOff makes room for a cell.
func (e *Engine) holdOff() {
	a := &e.auto
	a.mu.Lock()
	due := a.due
	if a.timer != nil && due == nil {
		a.timer.Stop()
	}
	if a.cancel != nil {
		a.cancel()
	}
	a.mu.Unlock()
	if due != nil {
		<-due
	}
}

// saveItself takes a checkpoint. If it is due, the next cell waits for it.
func (e *Engine) saveItself(plan int, due bool) {
	if due {
		e.running.Lock()
	} else if !e.running.TryLock() {
		return // a cell came first; the next checkpoint comes after it
	}
	ctx, cancel := context.WithCancel(e.life)
	defer cancel()
	a := &e.auto
	a.mu.Lock()
	a.number++
	path := filepath.Join(e.tools.Dir(), fmt.Sprintf("auto-%d", a.number))
	if !due {
		a.cancel = cancel
	}
	stale, epoch := !due && a.plan != plan, a.epoch
	a.mu.Unlock()
	start, cell := time.Now(), e.shown
	var g gathered
	err := errors.New("the worker has ended")
	if !stale && ctx.Err() == nil && e.process.runs() {
		g, err = e.gather(ctx, true)
	}
	cost := time.Since(start)
	a.mu.Lock()
	a.cancel = nil
	if due {
		close(a.due)
		a.due = nil
	}
	if err != nil {
		a.since = 0 // not again after each cell
	}
	a.mu.Unlock()
	e.running.Unlock()
	defer os.RemoveAll(g.dir)
	if err == nil && len(g.saved.Names) > 0 {
		err = writeCheckpoint(path, g.dir, g.index)
	} else if err == nil {
		path = ""
	}
	if err != nil {
		return // tried again after the next cell
	}
	a.mu.Lock()
	old := a.latest.path
	if a.epoch == epoch {
		a.latest, a.since, a.cost = kept{path, cell, g.saved.Names}, 0, cost
	} else {
		old = path
	}
	a.mu.Unlock()
	if old != "" {
		os.Remove(old)
	}
}

// tookAll notes that a crash took variables, in or after a cell. It returns those that a checkpoint
// has.
func (a *autosave) tookAll(names []string, cell int) (saved []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.epoch++
	if a.latest.path != "" {
		a.lost = slices.Insert(a.lost, 0, a.latest)
		if len(a.lost) > maxLost {
			os.Remove(a.lost[maxLost].path)
			a.lost = a.lost[:maxLost]
		}
		a.latest = kept{}
	}
	if a.gone == nil {
		a.gone = map[string]gone{}
	}
	for _, name := range names {
		has := slices.ContainsFunc(a.lost, func(k kept) bool { return slices.Contains(k.names, name) })
		a.gone[name] = gone{cell, has}
		if has {
			saved = append(saved, name)
		}
	}
	return saved
}

// forget drops all checkpoints, because the session starts over.
func (a *autosave) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.epoch++
	for _, k := range append(a.lost, a.latest) {
		if k.path != "" {
			os.Remove(k.path)
		}
	}
	a.latest, a.lost, a.gone, a.since, a.cost = kept{}, nil, nil, 0, 0
}

// found notes names that exist again, or that nobody wants: they are no longer lost.
func (a *autosave) found(names []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, name := range names {
		delete(a.gone, name)
	}
}

// explain adds to the error for an unknown variable that the variable was lost.
func (a *autosave) explain(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var list Errors
	if len(a.gone) == 0 || !errors.As(err, &list) {
		return
	}
	for _, e := range list {
		name, ok := undefinedName(e.Msg)
		if g, lost := a.gone[name]; ok && lost {
			e.Msg += fmt.Sprintf(" (it was lost when the worker ended, in cell %d)", g.cell)
			e.Lost = []string{name}
			if g.saved {
				e.Kept = e.Lost
			}
		}
	}
}

// Lost says whether there are checkpoints from before a crash, see Restore.
func (e *Engine) Lost() bool {
	e.auto.mu.Lock()
	defer e.auto.mu.Unlock()
	return len(e.auto.lost) > 0
}

// Restore brings back what crashes of the worker have taken, from the automatic checkpoints.
// Variables that cells have declared since then stay as they are.
func (e *Engine) Restore(ctx context.Context) (Loaded, error) {
	e.holdOff()
	e.running.Lock()
	defer e.running.Unlock()
	var all Loaded
	e.auto.mu.Lock()
	lost := slices.Clone(e.auto.lost)
	e.auto.mu.Unlock()
	if len(lost) == 0 {
		return all, errors.New("engine: no crash has taken anything that was saved")
	}
	for _, k := range lost {
		loaded, err := e.load(ctx, k.path, true)
		if err != nil {
			return all, err
		}
		all.Names = append(all.Names, loaded.Names...)
		all.Notes = append(all.Notes, loaded.Notes...)
		for _, l := range loaded.Left {
			if !slices.Contains(all.Names, l.Name) && !slices.ContainsFunc(all.Left, func(o Left) bool { return o.Name == l.Name }) {
				all.Left = append(all.Left, l)
			}
		}
	}
	slices.Sort(all.Names)
	e.noteCell(Times{})
	return all, nil
}

// waitAside is wait for a checkpoint that nobody asked for. It ends early if ctx is cancelled,
// ignores interrupts, and leaves it to the next cell to report that the worker has ended.
func (e *Engine) waitAside(ctx context.Context) error {
	p, cancelled := e.process, ctx.Done()
	for {
		select {
		case done := <-p.events:
			if done.Kind != wire.EventDone {
				continue
			}
			e.setting.left(done)
			return cellError(0, done, nil)
		case <-cancelled:
			cancelled = nil
			p.send(wire.Command{Do: wire.DoAbort})
		case <-p.dead:
			return errors.New(p.howItEnded())
		}
	}
}
