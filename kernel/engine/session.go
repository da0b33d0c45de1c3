// What front ends ask of a session, even beside a running cell: completion, names, numbers,
// programs.

package engine

import (
	"context"
	"slices"
	"time"
	"unicode/utf8"

	"gsmlab/kernel/engine/assist"
	"gsmlab/kernel/engine/build"
	"gsmlab/kernel/engine/lang"
	"gsmlab/kernel/engine/wire"
)

// Types that front ends get from the rooms below.
type (
	// Source is the text of a cell.
	Source = lang.Source
	// Name is something that a cell declared.
	Name = lang.Name
	// Program is a session as one Go file.
	Program = lang.Program
	// Completion lists what may replace code[Start:End].
	Completion = assist.Completion
	// Item is one way to complete a text.
	Item = assist.Item
	// Step is a part of the long build at the very first start.
	Step = build.Step
	// Inspection says what a name means.
	Inspection = assist.Inspection
)

// Incomplete reports whether code may continue on another line: it ends in an open bracket, string
// or comment, or after an operator.
func Incomplete(code string) bool { return lang.Incomplete(code) }

// Syntax returns the syntax errors of a cell, or nil if there are none.
func Syntax(code string) error { return lang.Syntax(code) }

// Supported says why live cells cannot work on this machine, or nil.
func Supported() error { return build.Supported() }

// FindRoot returns the checkout of gsmlab: the module around the working directory, else where this
// program was compiled.
func FindRoot(ctx context.Context) (string, error) { return build.FindRoot(ctx) }

// Lines returns a function for Options.Say that writes a line for each step, and another one every
// ten seconds about its progress.
func Lines(line func(string)) func(Step) { return build.Lines(line) }

type cellKey struct{}

// WithCell sets the number, in errors and lists, of the cell that is executed with the context. It
// is for front ends that number cells themselves. Without it the engine counts the cells that it
// executes.
func WithCell(ctx context.Context, number int) context.Context {
	return context.WithValue(ctx, cellKey{}, number)
}

// CellNumber returns what WithCell set, or 0.
func CellNumber(ctx context.Context) int {
	n, _ := ctx.Value(cellKey{}).(int)
	return n
}

// Times is how long the parts of the latest cell took.
func (e *Engine) Times() Times {
	e.running.Lock()
	defer e.running.Unlock()
	return e.times
}

// Args sets os.Args[1:] of the worker, at once and after each restart. It removes the flags that a
// cell is about to define from flag.CommandLine, where defining one twice would be a panic.
func (e *Engine) Args(args []string, redefined ...string) {
	e.running.Lock()
	defer e.running.Unlock()
	e.args = slices.Clone(args)
	e.process.send(wire.Command{Do: wire.DoArgs, Args: e.args, Flags: redefined})
}

// Forget removes names from the session: later cells cannot see them, but what uses them keeps
// them. It returns the names that it did not know.
func (e *Engine) Forget(names ...string) (unknown []string) {
	e.running.Lock()
	defer e.running.Unlock()
	unknown = e.scope.Forget(names...)
	e.auto.found(names)
	e.publish()
	return unknown
}

// Who lists what cells have declared, sorted by name.
func (e *Engine) Who() []Name { return e.beside.Load().Names() }

// Program is the session as a Go program, made from the cells that ended without an error. Their
// statements are in the function main. With the entry "init", for tests, only those that declare
// variables are kept, in init.
func (e *Engine) Program(entry string) (Program, error) {
	e.running.Lock()
	defer e.running.Unlock()
	return e.scope.Program(e.life, e.ended, entry)
}

// Get runs `go get` in the session's module, and shows what it prints. What the worker has loaded
// keeps its version until the next Restart; a note says so.
func (e *Engine) Get(ctx context.Context, out Outputs, args ...string) error {
	e.running.Lock()
	defer e.running.Unlock()
	e.show.to(0, out)
	e.drainInterrupt()
	return e.interruptibly(ctx, func(ctx context.Context) error {
		note, err := e.tools.Get(ctx, e.setting.environ(), e.show.writer(wire.Stdout), e.show.writer(wire.Stderr), args...)
		if note != "" {
			e.show.output(func(o Outputs) { o.Note(note) })
		}
		return err
	})
}

// ModuleDir is the folder of the session's module, where its go.mod is.
func (e *Engine) ModuleDir() string { return e.tools.ModuleDir() }

// assistant answers from the current names, even while a cell runs.
func (e *Engine) assistant() assist.Assistant {
	return assist.Assistant{Scope: e.beside.Load(), Packages: e.tools.Index(), SourceFile: e.tools.SourceFile}
}

// Complete says what may be at offset (in bytes) of code, which may be unfinished. Any goroutine
// may call it and Inspect, and they answer while a cell runs.
func (e *Engine) Complete(code string, offset int) Completion {
	return e.assistant().Complete(e.life, code, offset)
}

// Inspect says what the name at offset means, or the function whose arguments are at offset.
func (e *Engine) Inspect(code string, offset int) (Inspection, bool) {
	found, value, ok := e.assistant().Inspect(e.life, code, offset)
	if ok {
		found.Value = e.value(value)
	}
	return found, ok
}

const (
	maxValue  = 2000        // bytes of an inspected value
	valueWait = time.Second // how long a value may take to show itself, if no test says otherwise
)

// value evaluates x, unless a cell runs. It waits for what else has the session, such as a
// checkpoint after a cell. It does not wait for a value that takes long to show itself; the next
// cell waits until that is done or interrupted.
func (e *Engine) value(x *wire.Expr) string {
	if x == nil {
		return ""
	}
	late := time.After(e.valueWait)
	for !e.running.TryLock() {
		if e.inCell.Load() {
			return ""
		}
		select {
		case <-late:
			return ""
		case <-time.After(time.Millisecond):
		}
	}
	select {
	case <-e.process.dead: // the next cell will say so
		e.running.Unlock()
		return ""
	default:
	}
	e.process.send(wire.Command{Do: wire.DoLook, Look: x, Cell: e.shown, Quiet: true})
	answer := make(chan string, 1)
	go func() {
		done, err := e.wait(context.Background(), e.shown)
		e.running.Unlock() // before the answer: who has it may ask for the next value at once
		if err != nil {
			done.Text = ""
		}
		answer <- done.Text
	}()
	var text string
	select {
	case text = <-answer:
	case <-late:
	}
	if len(text) > maxValue {
		cut := maxValue
		for !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + "…"
	}
	return text
}
