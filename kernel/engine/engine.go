// Package engine runs cells of Go. It type-checks each cell, builds it as a plugin and loads it
// into a worker process, where the values of earlier cells live on. See README.md for how.
package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gsmlab/kernel/engine/build"
	"gsmlab/kernel/engine/lang"
	"gsmlab/kernel/engine/wire"
)

// Options configure New. The zero value suits front ends.
type Options struct {
	Root    string        // checkout of gsmlab; "" means to find it
	Preload []string      // packages linked into the worker
	Grace   time.Duration // how long after an interrupt the worker is ended; 0 means 5 s

	// told what is built the first time, and how far the build is; may be nil
	Say func(Step)
}

// Times says how long the parts of a cell took; Build contains Compile.
type Times struct {
	Check, Compile, Build, Load, Run time.Duration

	Kept int // plugins that did not need a build, because this or an earlier session had built them
}

// Engine is a session: what cells have declared, and the worker process that holds their values.
type Engine struct {
	tools   *build.Tools
	setting *setting
	show    *delivery
	grace   time.Duration

	// A cell, or anything else that changes the session, holds running.
	running sync.Mutex
	inCell  atomic.Bool // a cell has it
	scope   *lang.Scope
	process *process
	number  int // of the package of the latest cell
	shown   int // its number in errors and lists
	hidden  int // how many packages the engine made for its own use
	args    []string
	ended   []Source // the cells that ended without an error
	times   Times    // of the latest cell
	auto    autosave

	built map[string]runnable // cells that were built, by their text
	types map[string][]int    // the numbers of the cells that made types, by the types' names

	beside    atomic.Pointer[lang.Scope] // a copy of the scope, read while a cell runs
	debug     *Debugger
	debugging bool        // cells are built for debugging
	asides    chan func() // what the running cell's Execute is to do while it waits
	interrupt chan struct{}
	life      context.Context // cancelled by Close
	end       context.CancelFunc

	began     func()        // for tests: called when a cell has been sent to the worker; may be nil
	building  bool          // for tests: also build what could be looked up
	valueWait time.Duration // longer in tests
}

// New starts an engine. The very first start on a machine builds what cells are built with, which
// takes minutes; see package toolchain.
func New(ctx context.Context, opt Options) (*Engine, error) {
	e := &Engine{show: newDelivery(), grace: cmp.Or(opt.Grace, 5*time.Second), interrupt: make(chan struct{}, 1), asides: make(chan func()), valueWait: valueWait}
	e.debug = newDebugger(e)
	e.life, e.end = context.WithCancel(context.Background())
	var err error
	if e.setting, err = newSetting(); err != nil {
		return nil, err
	}
	if e.tools, err = build.Open(ctx, build.Options{Root: opt.Root, Preload: opt.Preload, Say: opt.Say}); err != nil {
		return nil, err
	}
	if err = e.reset(ctx); err != nil {
		return nil, errors.Join(err, e.tools.Close())
	}
	return e, nil
}

// reset starts a worker and forgets all names.
func (e *Engine) reset(ctx context.Context) error {
	scope, err := lang.NewScope(ctx, e.tools.FileSet(), e.tools, e.tools.Index())
	if err != nil {
		return err
	}
	e.scope, e.built, e.types = scope, map[string]runnable{}, map[string][]int{}
	e.show.move(0, 0)
	e.debug.reset()
	e.publish()
	e.tools.ForgetCells()
	p, err := startProcess(e.tools.Worker(), e.setting, e.show)
	if err != nil {
		return err
	}
	e.process = p
	e.show.worker.Store(p)
	select {
	case <-p.events: // ready
		if len(e.args) > 0 {
			p.send(wire.Command{Do: wire.DoArgs, Args: e.args})
		}
		return nil
	case <-p.dead:
		return fmt.Errorf("engine: the worker does not start: %v", p.err)
	}
}

// publish makes the current names visible beside a running cell.
func (e *Engine) publish() { e.beside.Store(e.scope.Copy()) }

// adopt adds the names of a built cell to the session.
func (e *Engine) adopt(c *lang.Checked, built *lang.Emitted) {
	e.scope.Adopt(c, built)
	e.publish()
	for _, name := range built.Types() {
		e.types[name] = append(e.types[name], e.shown)
	}
	e.auto.found(built.Names())
}

// runnable is a cell that may run again without a build.
type runnable struct {
	command wire.Command
	rerun   *lang.Rerun
	shown   int // the number in its code
}

// Execute runs a cell and returns when it has ended. Errors of the cell are a *CellError or Errors.
// Cancelling ctx interrupts the cell, like Interrupt.
func (e *Engine) Execute(ctx context.Context, code string, out Outputs) error {
	e.holdOff()
	e.running.Lock()
	defer e.running.Unlock()
	e.inCell.Store(true)
	defer e.inCell.Store(false)
	times, err := e.execute(ctx, code, out)
	e.times = times
	e.noteCell(times)
	if err == nil {
		e.ended = append(e.ended, Source{Cell: e.shown, Text: code})
	}
	return err
}

func (e *Engine) execute(ctx context.Context, code string, out Outputs) (times Times, err error) {
	e.show.to(0, out)
	e.drainInterrupt()
	if e.life.Err() != nil {
		return times, errClosed
	}
	if err := e.alive(); err != nil { // a goroutine of an earlier cell ended it
		return times, err
	}
	e.number++
	e.shown = cmp.Or(CellNumber(ctx), e.number)
	e.show.to(e.shown, out)
	if err := e.renew(ctx); err != nil {
		return times, err
	}
	start := time.Now()
	if b, ok := e.built[code]; ok && e.scope.Fits(b.rerun) {
		times.Check, times.Kept = time.Since(start), 1
		e.scope.Again(b.rerun, e.shown)
		e.publish()
		e.show.move(b.shown, e.shown)
		return e.run(ctx, code, b.command, times)
	}
	delete(e.built, code)
	say, done := e.show.building()
	var c *lang.Checked
	err = e.interruptibly(build.Telling(ctx, say), func(ctx context.Context) (err error) {
		c, err = e.scope.Check(ctx, lang.Cell{Number: e.number, Shown: e.shown, Text: code})
		return err
	})
	done(err)
	times.Check = time.Since(start)
	if err != nil {
		e.auto.explain(err)
		return times, err
	}
	command := wire.Command{Do: wire.DoRun, Cell: e.number, Shown: e.shown}
	if x, line := e.scope.Look(c); x != nil && !e.building {
		command = wire.Command{Do: wire.DoLook, Look: x, Cell: e.shown, Line: line}
	} else {
		plugin, out, err := e.build(ctx, c, &times)
		if err != nil {
			return times, err
		}
		command.Path, command.Package, command.Before, command.Debugging = plugin.Path, plugin.Package, plugin.Before, e.debugging
		if !e.debugging {
			e.remember(code, c, out, command)
		}
	}
	return e.run(ctx, code, command, times)
}

// run makes the worker run a cell.
func (e *Engine) run(ctx context.Context, code string, command wire.Command, before Times) (times Times, err error) {
	times = before
	if command.Do == wire.DoRun {
		command.Shown = e.shown
		e.process.listen()
	}
	if e.debugging {
		e.debug.bind()
	}
	e.process.send(command)
	if e.began != nil {
		e.began()
	}
	done, err := e.wait(ctx, e.shown)
	times.Load, times.Run = done.Load, done.Run
	if done.Goroutine || done.Status != wire.StatusOK && done.Status != wire.StatusPanic {
		// a cell that was given up may wake and continue
		delete(e.built, code)
	}
	return times, err
}

// build makes a plugin of a checked cell, shows its notes and adopts its names. It does so before
// the cell runs, because even a cell that panics has declared its names.
func (e *Engine) build(ctx context.Context, c *lang.Checked, times *Times) (plugin build.Plugin, out *lang.Emitted, err error) {
	if out, err = e.emit(c); err != nil {
		return plugin, nil, err
	}
	start := time.Now()
	err = e.interruptibly(ctx, func(ctx context.Context) (err error) {
		plugin, err = e.tools.Plugin(ctx, packageOf(out))
		return err
	})
	times.Build = time.Since(start)
	if plugin.Kept {
		times.Kept = 1
	}
	if !plugin.Compiled.IsZero() {
		times.Compile = plugin.Compiled.Sub(start)
	}
	if err != nil {
		return plugin, nil, buildError(e.shown, err)
	}
	for _, note := range c.Notes {
		e.show.output(func(o Outputs) { o.Note(note) })
	}
	e.adopt(c, out)
	return plugin, out, nil
}

// remember keeps what is needed to run a built cell again.
func (e *Engine) remember(code string, c *lang.Checked, out *lang.Emitted, command wire.Command) {
	if r := e.scope.Rerun(c, out); r != nil {
		e.built[code] = runnable{command, r, e.shown}
	}
}

func packageOf(built *lang.Emitted) build.Package {
	return build.Package{Number: built.Number, Files: built.Files, Imports: built.Imports}
}

// Interrupt stops the running cell and keeps the state. Any goroutine may call it.
func (e *Engine) Interrupt() {
	select {
	case e.interrupt <- struct{}{}:
	default:
	}
}

// drainInterrupt forgets an interrupt that was meant for an earlier cell.
func (e *Engine) drainInterrupt() {
	select {
	case <-e.interrupt:
	default:
	}
}

// interruptibly runs work of this process. An interrupt cancels it, and so does the end of the
// session.
func (e *Engine) interruptibly(ctx context.Context, work func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-e.interrupt:
			cancel()
		case <-e.life.Done():
			cancel()
		case <-ended:
		}
	})
	err := work(ctx)
	close(ended)
	watch.Wait()
	switch {
	case e.life.Err() != nil:
		return errClosed
	case ctx.Err() != nil:
		return Interrupted() // even if it came too late for the work, because it must not be lost
	}
	return err
}

// mostGraces is how many times the grace a worker may have that gets little of the processor: a
// library that computes is stopped only while it runs.
const mostGraces = 6

// wait delivers the events of a cell until it is done, and returns how it ended.
func (e *Engine) wait(ctx context.Context, cell int) (done wire.Event, err error) {
	p := e.process
	var grace <-chan time.Time
	var asked time.Time        // of the first interrupt
	var computed time.Duration // by the worker, at that time
	cancelled := ctx.Done()
	interrupt := func() {
		p.send(wire.Command{Do: wire.DoInterrupt}) // first: without an answer a cell may end
		e.show.inputs.cancel(nil)
		if grace == nil {
			grace, asked, computed = time.After(e.grace), time.Now(), p.computed()
		}
	}
	for {
		select {
		case done := <-p.events:
			if done.Kind == wire.EventLeaving && done.Cell != 0 && done.Cell != cell {
				continue // of a cell that has just ended
			}
			if done.Kind == wire.EventLeaving {
				note := done.Text
				if note == "" {
					grace, note = nil, "deferred functions of the cell are running: another interrupt ends them"
				}
				e.show.output(func(o Outputs) { o.Note(note) })
				continue
			}
			e.setting.left(done)
			e.show.inputs.settle(ctx, e.interrupt, p.dead)
			return done, e.whichTypes(cellError(cell, done, e.show.now))
		case aside := <-e.asides:
			aside()
		case <-e.interrupt:
			interrupt()
		case <-cancelled:
			cancelled = nil
			interrupt()
		case <-grace:
			if p.computed()-computed < e.grace*2/3 && time.Since(asked) < mostGraces*e.grace {
				grace = time.After(e.grace / 10) // others have the processor
				continue
			}
			p.kill()
			return done, e.crashed(0, fmt.Sprintf("the cell did not stop within %v: the worker was ended", time.Since(asked).Round(e.grace/10)))
		case <-p.dead:
			return done, e.crashed(cell, p.howItEnded())
		case <-e.life.Done():
			p.kill()
			return done, errClosed
		}
	}
}

var errClosed = &CellError{Kind: KindCrash, Msg: "the session was closed"}

// Restart ends the worker and forgets everything that cells declared.
func (e *Engine) Restart(ctx context.Context) error {
	e.holdOff()
	e.running.Lock()
	defer e.running.Unlock()
	e.auto.forget()
	e.process.kill()
	e.ended = nil
	e.show.forget()
	err := e.tools.Renew(ctx) // go get may have changed what the old worker had loaded
	return errors.Join(err, e.reset(ctx))
}

// Source lists the cells that ended without an error since the start or the last Restart, in order.
func (e *Engine) Source() []Source {
	e.running.Lock()
	defer e.running.Unlock()
	return slices.Clone(e.ended)
}

// Close ends the worker and removes the session's files. It does not wait for a running cell.
func (e *Engine) Close() error {
	e.end()
	e.holdOff()
	e.running.Lock()
	defer e.running.Unlock()
	e.process.close()
	return e.tools.Close()
}
