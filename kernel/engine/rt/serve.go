// The worker's loop: commands in, events out, one cell at a time; its end, interrupts and panics.

package rt

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"gsmlab/kernel/engine/rt/cell"
	"gsmlab/kernel/engine/wire"
)

type serving struct {
	mu   sync.Mutex // for cell
	cell *running

	aborted atomic.Bool // an autosave is to end early

	sending sync.Mutex // for what follows; the engine may let a sender wait for long
	out     io.Writer
	// standard output and error, also when a cell has closed or replaced them
	streams [wire.Streams]io.Writer
	seq     int
}

type running struct {
	cancel context.CancelFunc
	gone   *atomic.Bool
	id     string // of its goroutine
	number int    // of the cell as front ends show it; 0: it is the engine's own
	// panics of goroutines that it started and that have not been shown; under serving.mu
	failed []wire.Event
	broken *wire.Event // the first such panic, which is the cell's error; under serving.mu
	begun  int64       // when it began, in the unit of /proc
	done   chan struct{}
	over   chan struct{} // closed when its goroutine has ended
	once   sync.Once
	load   time.Duration
	start  time.Time
	where  string      // of a look-up: what its frame would be in a stack
	text   string      // of a quiet look-up: the value
	at     string      // its stack when it was interrupted first; under serving.mu
	told   atomic.Bool // that deferred functions run
}

// Plugin is a loaded plugin: Symbol returns the address of a variable, or of the code of a
// function.
type Plugin interface {
	Symbol(name string) (unsafe.Pointer, error)
}

// Load loads a plugin, Prepare does what the first Load would do, and Method finds a method that is
// not exported, as a function of the receiver: the worker's main function sets them, because
// package loader needs a program that the toolchain links.
var (
	Load    func(path string) (Plugin, error)
	Prepare = func() {}
	Method  = func(t reflect.Type, name string) reflect.Value { return reflect.Value{} }
)

var server = &serving{out: io.Discard, streams: [wire.Streams]io.Writer{io.Discard, io.Discard}}

// Serve reads commands from in and writes events to out until in ends.
func Serve(in io.Reader, out io.Writer) error {
	cell.Shower, cell.Clear, cell.Input, cell.Leave = Show, clearOutput, input, leave
	if err := server.prepare(out); err != nil {
		return err
	}
	guard()
	environment = environmentNow()
	server.send(wire.Event{Kind: wire.EventReady})
	go Prepare() // while the first cell is being built
	commands := json.NewDecoder(in)
	for {
		var c wire.Command
		if err := commands.Decode(&c); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("rt: reading commands: %w", err)
		}
		switch c.Do {
		case wire.DoRun:
			server.run(c)
		case wire.DoLook:
			server.look(c)
		case wire.DoInterrupt:
			server.interrupt()
		case wire.DoSetenv:
			os.Setenv(c.Name, c.Value) // the engine has checked both this and the folder
		case wire.DoChdir:
			os.Chdir(c.Path)
		case wire.DoAnswer:
			asking.answer(c)
		case wire.DoComm:
			received(c)
		case wire.DoArgs:
			setArgs(c.Args, c.Flags)
		case wire.DoSave:
			server.transfer(c, saveOne)
		case wire.DoAutosave:
			server.aborted.Store(false)
			server.transfer(c, autosaveOne)
		case wire.DoAbort:
			server.aborted.Store(true)
		case wire.DoDebug:
			debugging.answer(c.Debug)
		case wire.DoLoad:
			server.transfer(c, loadOne)
		}
	}
}

func (s *serving) run(command wire.Command) {
	begin := time.Now()
	debugging.begins()
	run, gone, err := open(command)
	if err != nil {
		s.send(wire.Event{Kind: wire.EventDone, Status: wire.StatusFailed, Text: err.Error()})
		return
	}
	s.start(&running{gone: gone, load: time.Since(begin), number: command.Shown}, func() {
		if command.Shown != 0 { // else it is the engine's own
			s.awaitReturning(command.Shown)
		}
		run()
	})
}

// open loads a cell's plugin.
func open(command wire.Command) (run func(), gone *atomic.Bool, err error) {
	for _, path := range command.Before {
		if _, err := Load(path); err != nil {
			return nil, nil, err
		}
	}
	p, err := Load(command.Path)
	if err != nil {
		return nil, nil, err
	}
	var found [3]unsafe.Pointer
	for i, name := range []string{wire.SymbolRun, wire.SymbolGone, wire.SymbolTable} {
		if found[i], err = p.Symbol(command.Package + "." + name); err != nil {
			return nil, nil, err
		}
	}
	if command.Debugging {
		at, err := p.Symbol(command.Package + "." + wire.SymbolUnit)
		if err != nil {
			return nil, nil, err
		}
		(*cell.Unit)(at).Package = command.Cell
	}
	tables.Store(command.Cell, function[func(string) any](found[2]))
	return function[func()](found[0]), (*atomic.Bool)(found[1]), nil
}

// function is the function of the type F whose code is at an address.
func function[F any](code unsafe.Pointer) F {
	value := &code // a function is a pointer to a pointer to its code
	return *(*F)(unsafe.Pointer(&value))
}

// start runs a cell in a goroutine of its own.
func (s *serving) start(c *running, run func()) {
	ctx, cancel := context.WithCancel(context.Background())
	cell.Ctx = ctx
	stop.off()
	s.reopen()
	if f, ok := onCell.Load().(func()); ok {
		f()
	}
	c.cancel, c.done, c.start, c.begun = cancel, make(chan struct{}), time.Now(), sinceBoot()
	c.over = make(chan struct{})
	s.mu.Lock()
	s.cell = c
	s.mu.Unlock()
	started := make(chan struct{})
	go s.runCell(c, run, started)
	<-started
	go asking.watch(c.done)
}

// finish reports the end of a cell once: by its goroutine, or by an interrupt that gave it up.
func (s *serving) finish(c *running, e wire.Event) {
	c.once.Do(func() {
		c.cancel()
		s.mu.Lock() // an interrupt comes before or after
		stop.off()
		close(c.done)
		failed := c.failed
		if c.broken != nil && e.Status == wire.StatusOK {
			e.Status, e.Text, e.Trace, e.Goroutine = c.broken.Status, c.broken.Text, c.broken.Trace, true
			if len(failed) > 0 && failed[0].Trace == c.broken.Trace {
				failed = failed[1:]
			} else {
				e.Shown = true // by watchBroken
			}
		}
		if e.Status == wire.StatusInterrupted {
			e.Trace = c.at
		}
		s.mu.Unlock()
		for _, f := range failed {
			s.send(f)
		}
		e.Kind, e.Load, e.Run = wire.EventDone, c.load, time.Since(c.start)
		e.Dir, _ = os.Getwd()
		e.Env = environmentChanged()
		s.send(e)
	})
}

// goroutinesEnd is how long an interrupt stays in force after the cell itself has ended, so that
// goroutines that it has started and that compute meet a check.
const goroutinesEnd = 20 * time.Millisecond

func (s *serving) runCell(c *running, run func(), started chan<- struct{}) {
	c.id = goroutineID()
	close(started)
	if hooks.Cell != nil {
		*hooks.Cell() = c.number
	}
	normal := false
	defer c.ended()
	defer func() {
		e := wire.Event{Status: wire.StatusOK, Text: c.text}
		if r := recover(); r != nil {
			debugging.died(c.id)
			e = wire.Event{Status: wire.StatusPanic, Text: panicText(r), Trace: ownStack() + c.where}
		} else if !normal && cell.Stop.Load() != 0 { // Goexit by our check
			e.Status = wire.StatusInterrupted
			time.Sleep(goroutinesEnd)
		} else if !normal { // Goexit by the cell itself, whose frames are still there
			e.Status, e.Trace = wire.StatusExit, ownStack()
		}
		s.finish(c, e)
	}()
	run()
	cell.Check() // a read that an interrupt has ended came back to the cell
	normal = true
}

func panicText(r any) (text string) {
	defer func() {
		if recover() != nil {
			text = fmt.Sprintf("a %T that panics when it is shown", r)
		}
	}()
	if err, ok := r.(error); ok {
		return err.Error()
	}
	return fmt.Sprint(r)
}
