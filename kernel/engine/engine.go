// Package engine runs cells of Go: each is type-checked, built as a plugin and loaded into a worker
// process, where the values of earlier cells live on. See README.md for how.
package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"go/token"
	"go/types"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gsmlab/kernel/engine/lang"
	"gsmlab/kernel/engine/rt"
)

// Engine is what front ends use.
type Engine interface {
	// Execute runs a cell and returns when it has ended. Errors of the cell are a *CellError or Errors.
	// Cancelling ctx interrupts the cell as Interrupt does.
	Execute(ctx context.Context, code string, out Outputs) error
	// Interrupt stops the cell that runs and keeps the state; it may be called from any goroutine.
	Interrupt()
	// Restart ends the worker and forgets all that cells declared.
	Restart(ctx context.Context) error
	// Complete says what may stand at offset (in bytes) of code, which may be unfinished. It and Inspect may
	// be called from any goroutine and answer while a cell runs.
	Complete(code string, offset int) Completion
	// Inspect says what the name at offset means, or the function whose arguments are at offset.
	Inspect(code string, offset int) (Inspection, bool)
	// Who lists what cells have declared, sorted by name.
	Who() []Name
	// Setenv sets an environment variable of the worker, at once and after each restart.
	Setenv(name, value string) error
	// Chdir changes the worker's folder, at once and after each restart; a relative dir starts at Dir.
	Chdir(dir string) error
	// Dir is the worker's folder, also where a cell has changed it.
	Dir() string
	// Source lists the cells that ended without an error since the start or the last Restart, in order.
	Source() []Source
	// Save writes the values of variables to a file, as far as that is possible; a relative path starts at Dir.
	Save(ctx context.Context, path string) (Saved, error)
	// Load gives variables the values of a file of Save: those that the session has with the same type, and
	// those that it lacks, which it declares. A damaged or foreign file is an error and changes nothing.
	Load(ctx context.Context, path string) (Loaded, error)
	// Get runs `go get` in the session's module, and shows what it prints. What the worker has loaded keeps its
	// version until the next Restart; a note says so.
	Get(ctx context.Context, out Outputs, args ...string) error
	// Program is the session as a Go program, from the cells that ended without an error. Their statements are
	// in the function main; with the entry "init", for tests, only those that declare variables, in init.
	Program(entry string) (Program, error)
	// Times is how long the parts of the latest cell took.
	Times() Times
	// Args sets os.Args[1:] of the worker, at once and after each restart. The flags that a cell is about to
	// define are taken from flag.CommandLine, where defining one twice would be a panic.
	Args(args []string, redefined ...string)
	// Forget takes names from the session: later cells cannot see them, what uses them keeps them.
	// It returns the names that it did not know.
	Forget(names ...string) (unknown []string)
	// Environ is the environment of the worker, in the form of os.Environ.
	Environ() []string
	// ModuleDir is the folder of the session's module, where its go.mod is.
	ModuleDir() string
	// Comm gives gonbui's widgets a value that a browser has sent, see Widgets.
	Comm(address string, value any) error
	// Close ends the worker and removes the session's files.
	Close() error
}

// Source is the text of a cell.
type Source struct {
	Cell int
	Text string
}

// Name is something that a cell declared.
type Name struct {
	Name, Kind, Type string // Kind: "var", "func", "type", "const"
	Cell             int
}

// Options configure New; the zero value is what front ends want.
type Options struct {
	Root    string        // checkout of gsmlab; "": found
	Preload []string      // packages linked into the worker
	Grace   time.Duration // how long an interrupt waits before the worker is ended; 0: 5 s
}

// Times is how long the parts of a cell took; Build contains Compile.
type Times struct{ Check, Compile, Build, Load, Run time.Duration }

type session struct {
	fset   *token.FileSet
	tools  *tools
	index  *index
	names  *names
	view   atomic.Pointer[names] // a copy of names, read beside a running cell
	ctx    types.Object          // the context that cells see as ctx
	worker string                // the program
	grace  time.Duration
	place  *place

	running   sync.Mutex // one cell at a time
	number    int        // of the package of the latest cell
	shown     int        // its number in errors and lists
	args      []string
	hidden    int      // how many packages the engine made for itself
	ended     []Source // the cells that ended without an error
	process   *process
	times     Times
	said      string // by the latest quiet look-up
	interrupt chan struct{}
	closing   chan struct{} // closed by Close
	closeOnce sync.Once
	began     func() // for tests: called when a cell was sent to the worker; may be nil
	building  bool   // for tests: also what could be looked up is built

	outMu     sync.Mutex
	out       Outputs
	displayed map[string]bool // the IDs of displays; guarded by outMu
	inputs    inputs
	widgets   atomic.Pointer[process] // process, for Comm, which may come at any time
}

// New starts an engine: it builds the worker (about a minute the very first time, else under a second).
func New(ctx context.Context, opt Options) (Engine, error) { return newSession(ctx, opt) }

func newSession(ctx context.Context, opt Options) (*session, error) {
	s := &session{fset: token.NewFileSet(), grace: opt.Grace, interrupt: make(chan struct{}, 1), closing: make(chan struct{}), displayed: map[string]bool{}}
	if s.grace == 0 {
		s.grace = 5 * time.Second
	}
	var err error
	if s.place, err = newPlace(); err != nil {
		return nil, err
	}
	if s.tools, err = newTools(ctx, s.fset, opt); err != nil {
		return nil, err
	}
	if err = s.tools.prepare(); err == nil {
		s.worker, err = s.tools.buildWorker(ctx)
	}
	if err == nil {
		s.index, err = newIndex(ctx, s.tools)
	}
	if err == nil {
		err = s.reset()
	}
	if err != nil {
		return nil, errors.Join(err, s.tools.close())
	}
	return s, nil
}

// reset starts a worker and forgets all names.
func (s *session) reset() error {
	s.names = newNames()
	context, err := s.tools.Import("context")
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	s.ctx = types.NewVar(0, types.NewPackage(cellPath, "main"), "ctx", context.Scope().Lookup("Context").Type())
	s.ctx.Pkg().Scope().Insert(s.ctx)
	s.names.objects["ctx"] = s.ctx
	s.names.refs[s.ctx] = ref{name: tick + "rt.Ctx"}
	s.publish()
	p, err := startProcess(s.worker, s.place, s)
	if err != nil {
		return err
	}
	s.process = p
	s.widgets.Store(p)
	select {
	case <-p.events: // ready
		if len(s.args) > 0 {
			p.send(rt.Command{Do: "args", Args: s.args})
		}
		return nil
	case <-p.dead:
		return fmt.Errorf("engine: the worker does not start: %v", p.err)
	}
}

func (s *session) output(f func(Outputs)) {
	s.outMu.Lock()
	defer s.outMu.Unlock()
	if s.out != nil {
		f(s.out)
	}
}

// Execute implements Engine.
func (s *session) Execute(ctx context.Context, code string, out Outputs) error {
	s.running.Lock()
	defer s.running.Unlock()
	err := s.execute(ctx, code, out)
	if err == nil {
		s.ended = append(s.ended, Source{s.shown, code})
	}
	return err
}

func (s *session) execute(ctx context.Context, code string, out Outputs) error {
	s.outMu.Lock()
	s.out = out
	s.outMu.Unlock()
	s.drainInterrupt()
	select {
	case <-s.closing:
		return errClosed
	default:
	}
	if err := s.alive(); err != nil { // a goroutine of an earlier cell ended it
		return err
	}
	s.number++
	n := s.number
	s.shown = cmp.Or(CellNumber(ctx), n)
	s.times = Times{}
	start := time.Now()
	c, err := s.check(n, code)
	s.times.Check = time.Since(start)
	if err != nil {
		return err
	}
	if x := s.look(c); x != nil && !s.building {
		s.process.send(rt.Command{Do: "look", Look: x, Cell: s.shown, Line: s.fset.Position(c.sources[0].show.Pos()).Line})
		if s.began != nil {
			s.began()
		}
		return s.wait(ctx, s.shown)
	}
	p, refs, err := s.emit(c)
	if err != nil {
		return err
	}
	start = time.Now()
	var so string
	err = s.interruptibly(ctx, func(ctx context.Context) (err error) {
		so, err = s.tools.build(ctx, n, p)
		return err
	})
	s.times.Build, s.times.Compile = time.Since(start), s.tools.compiled.Sub(start)
	if err != nil {
		return buildError(s.shown, err)
	}
	for _, note := range c.notes {
		s.output(func(o Outputs) { o.Note(note) })
	}
	s.adopt(c, refs) // before it runs: also a cell that panics has declared its names
	s.process.listen()
	s.process.send(rt.Command{Do: "run", Path: so, Cell: n})
	if s.began != nil {
		s.began()
	}
	return s.wait(ctx, s.shown)
}

var errInterrupted = errors.New("interrupted")

// drainInterrupt forgets an interrupt that was meant for a cell before.
func (s *session) drainInterrupt() {
	select {
	case <-s.interrupt:
	default:
	}
}

// interruptibly runs work of the front end's process, and cancels it on an interrupt.
func (s *session) interruptibly(ctx context.Context, work func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-s.interrupt:
			cancel(errInterrupted)
		case <-ended:
		}
	})
	err := work(ctx)
	close(ended)
	watch.Wait()
	if err == nil && context.Cause(ctx) == errInterrupted {
		return errInterrupted // it came too late for the work, but must not be lost
	}
	return err
}

// buildError gives errors of the compiler, which the type checker should have found, the form of ours.
func buildError(n int, err error) error {
	if errors.Is(err, errInterrupted) || errors.Is(err, context.Canceled) {
		return Interrupted()
	}
	msg := clean(err.Error())
	e := &CellError{Kind: KindCompile, Place: Place{Cell: n, Line: 1}, Msg: msg}
	if at := firstPlace(msg); at.Cell != 0 {
		e.Place = at
	}
	return e
}

// wait delivers the events of a cell until it is done.
func (s *session) wait(ctx context.Context, n int) error {
	p := s.process
	var grace <-chan time.Time
	done := ctx.Done()
	interrupt := func() {
		s.inputs.cancel(nil)
		p.send(rt.Command{Do: "interrupt"})
		if grace == nil {
			grace = time.After(s.grace)
		}
	}
	for {
		select {
		case e := <-p.events:
			s.times.Load, s.times.Run, s.said = e.Load, e.Run, e.Text
			if e.Dir != "" {
				s.place.moved(e.Dir)
			}
			s.inputs.settle(ctx, s.interrupt, p.dead)
			return cellError(n, e)
		case <-s.interrupt:
			interrupt()
		case <-done:
			done = nil
			interrupt()
		case <-grace:
			p.kill()
			return s.crashed(0, fmt.Sprintf("the cell did not stop within %v: the worker was ended", s.grace))
		case <-p.dead:
			return s.crashed(n, p.howItEnded())
		case <-s.closing:
			p.kill()
			return errClosed
		}
	}
}

var errClosed = &CellError{Kind: KindCrash, Msg: "the session was closed"}

func cellError(n int, e rt.Event) error {
	switch e.Status {
	case "ok":
		return nil
	case "interrupted":
		return Interrupted()
	case "panic":
		err := &CellError{Kind: KindPanic, Msg: clean(e.Text)}
		if err.Trace = lang.Places(e.Trace); len(err.Trace) > 0 {
			err.Place = err.Trace[0]
		}
		return err
	}
	return &CellError{Kind: KindCompile, Place: Place{Cell: n, Line: 1}, Msg: clean(e.Text)}
}

// Interrupt implements Engine.
func (s *session) Interrupt() {
	select {
	case s.interrupt <- struct{}{}:
	default:
	}
}

// Restart implements Engine.
func (s *session) Restart(ctx context.Context) error {
	s.running.Lock()
	defer s.running.Unlock()
	s.process.kill()
	s.ended = nil
	var err error
	if s.tools.stale { // go get has changed what the old worker had loaded
		undo := s.tools.forget(s.fset)
		if _, err = s.tools.buildWorker(ctx); err != nil {
			undo() // go on with what worked
		}
	}
	return errors.Join(err, s.reset())
}

// Source implements Engine.
func (s *session) Source() []Source {
	s.running.Lock()
	defer s.running.Unlock()
	return slices.Clone(s.ended)
}

// Close implements Engine. It does not wait for a cell that runs.
func (s *session) Close() error {
	s.closeOnce.Do(func() { close(s.closing) })
	s.running.Lock()
	defer s.running.Unlock()
	s.process.close()
	return s.tools.close()
}
