// What the debugger is asked: goroutines, stacks, variables, expressions.

package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gsmlab/kernel/engine/lang"
	"gsmlab/kernel/engine/wire"
)

// Types that front ends get from the debugger.
type (
	// Goroutine is one that runs code which was built for debugging.
	Goroutine = wire.Goroutine
	// Value is a value as people see it.
	Value = wire.Value
	// StepKind says how far a goroutine goes when it is resumed.
	StepKind = wire.Step
)

// The steps.
const (
	StepNone = wire.StepNone // to the next breakpoint
	StepNext = wire.StepNext // to the next line of its function
	StepIn   = wire.StepIn   // to the next line, also of a function that is called
	StepOut  = wire.StepOut  // to the function that called this one
)

// Fallen stands for the goroutine that ended last by a panic, until the next cell runs.
const Fallen = wire.Fallen

// Frame is a call on a goroutine's stack.
type Frame struct {
	Func  string
	Place Place
	at    wire.Frame
}

// frame says where a frame of the worker is; d.mu is held.
func (d *Debugger) frame(at wire.Frame) Frame {
	f := Frame{at: at, Func: "?"}
	if built := d.packages[at.Package]; built != nil {
		if s := built.Statement(at.Statement); s != nil {
			f.Func, f.Place = s.Func, s.Place
		}
	}
	return f
}

// answerTime is how long the worker may take for an answer. It takes longer only where a method
// that shows a value does, or where it waits for a front end.
const answerTime = 10 * time.Second

// ask sends the worker a request and waits for its answer.
func (d *Debugger) ask(r wire.Debug) (*wire.Debugged, error) {
	p := d.e.show.worker.Load()
	answer := make(chan *wire.Debugged, 1)
	d.mu.Lock()
	d.request++
	r.Request = d.request
	d.answers[r.Request] = answer
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		delete(d.answers, r.Request)
		d.mu.Unlock()
	}()
	p.send(wire.Command{Do: wire.DoDebug, Debug: &r})
	select {
	case said := <-answer:
		if said.Error != "" {
			return nil, errors.New(said.Error)
		}
		return said, nil
	case <-p.dead:
		return nil, errors.New("the worker has ended")
	case <-d.e.life.Done():
		return nil, errClosed
	case <-time.After(answerTime):
		return nil, fmt.Errorf("no answer within %v: a method that shows a value may be waiting", answerTime)
	}
}

// Resume lets a stopped goroutine go on, or all if it is 0.
func (d *Debugger) Resume(goroutine int, step StepKind) error {
	d.mu.Lock()
	d.stopped = slices.DeleteFunc(d.stopped, func(s Stop) bool { return goroutine == 0 || s.Goroutine == goroutine })
	d.mu.Unlock()
	_, err := d.ask(wire.Debug{Op: wire.DebugResume, Goroutine: goroutine, Step: step})
	return err
}

// Pause stops a goroutine before its next statement; with 0, whichever comes to one first.
func (d *Debugger) Pause(goroutine int) error {
	_, err := d.ask(wire.Debug{Op: wire.DebugPause, Goroutine: goroutine})
	return err
}

// Goroutines lists those that run code which was built for debugging.
func (d *Debugger) Goroutines() ([]Goroutine, error) {
	said, err := d.ask(wire.Debug{Op: wire.DebugGoroutines})
	if err != nil {
		return nil, err
	}
	return said.Goroutines, nil
}

// Stack lists the calls of a stopped goroutine, the innermost first, and says how many are left
// out.
func (d *Debugger) Stack(goroutine int) (frames []Frame, more int, err error) {
	said, err := d.ask(wire.Debug{Op: wire.DebugStack, Goroutine: goroutine})
	if err != nil {
		return nil, 0, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range said.Frames {
		frames = append(frames, d.frame(f))
	}
	return frames, said.More, nil
}

// At names a frame: the nth of a goroutine's stack. The zero At is the session, where nothing is
// stopped.
type At struct{ Goroutine, Frame int }

// statement finds what was built of a frame.
func (d *Debugger) statement(at At) (*lang.Debugged, int, error) {
	if at == (At{}) {
		return nil, 0, nil
	}
	frames, _, err := d.Stack(at.Goroutine)
	if err != nil {
		return nil, 0, err
	}
	if at.Frame < 0 || at.Frame >= len(frames) {
		return nil, 0, fmt.Errorf("the stack has no frame %d", at.Frame)
	}
	f := frames[at.Frame].at
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.packages[f.Package], f.Statement, nil
}

// Locals lists the variables of the functions that a frame sees, the innermost first.
func (d *Debugger) Locals(at At) ([]Value, error) {
	built, n, err := d.statement(at)
	if err != nil || built == nil || built.Statement(n) == nil {
		return nil, err
	}
	return d.values(wire.Debug{Op: wire.DebugLocals, Goroutine: at.Goroutine, Frame: at.Frame, Names: built.Statement(n).Names()})
}

func (d *Debugger) values(r wire.Debug) ([]Value, error) {
	said, err := d.ask(r)
	if err != nil {
		return nil, err
	}
	return said.Values, nil
}

// Session lists the variables that cells have declared.
func (d *Debugger) Session() ([]Value, error) {
	scope := d.e.beside.Load()
	r := wire.Debug{Op: wire.DebugValues}
	for _, v := range scope.Variables() {
		if x, _, err := scope.LookAt(d.e.life, nil, 0, v.Name()); err == nil {
			r.Names, r.Exprs = append(r.Names, v.Name()), append(r.Exprs, x)
		}
	}
	if len(r.Exprs) == 0 {
		return nil, nil
	}
	return d.values(r)
}

// Children lists the parts of a value that has a Ref, from start on; count 0 means as many as one
// can read.
func (d *Debugger) Children(ref, start, count int) ([]Value, error) {
	return d.values(wire.Debug{Op: wire.DebugChildren, Ref: ref, Start: start, Count: count})
}

// look checks a look-up, or an assignment to target, as a frame sees it.
func (d *Debugger) look(at At, code string) (x, target *wire.Expr, err error) {
	built, n, err := d.statement(at)
	if err != nil {
		return nil, nil, err
	}
	return d.e.beside.Load().LookAt(d.e.life, built, n, code)
}

// Evaluate returns the value of a look-up as a frame sees it, or carries out an assignment.
func (d *Debugger) Evaluate(at At, code string) (Value, error) {
	x, target, err := d.look(at, code)
	if err != nil {
		return Value{}, err
	}
	r := wire.Debug{Op: wire.DebugValues, Goroutine: at.Goroutine, Frame: at.Frame, Names: []string{code}, Exprs: []*wire.Expr{x}}
	if target != nil {
		r.Op, r.Target = wire.DebugSet, target
	}
	return d.one(r)
}

// Rich is the value of a look-up in all its forms.
func (d *Debugger) Rich(at At, code string) (Bundle, error) {
	x, _, err := d.look(at, code)
	if err != nil {
		return nil, err
	}
	said, err := d.ask(wire.Debug{Op: wire.DebugRich, Goroutine: at.Goroutine, Frame: at.Frame, Exprs: []*wire.Expr{x}})
	if err != nil {
		return nil, err
	}
	return bundle(wire.Event{Data: said.Data, Binary: said.Binary}), nil
}

// SetChild sets a part of a value that has a Ref to a look-up.
func (d *Debugger) SetChild(at At, ref int, child, code string) (Value, error) {
	x, target, err := d.look(at, code)
	if err != nil {
		return Value{}, err
	}
	if target != nil {
		return Value{}, fmt.Errorf("%s is an assignment", code)
	}
	return d.one(wire.Debug{Op: wire.DebugSet, Goroutine: at.Goroutine, Frame: at.Frame, Ref: ref, Child: child, Exprs: []*wire.Expr{x}})
}

func (d *Debugger) one(r wire.Debug) (Value, error) {
	all, err := d.values(r)
	if err != nil {
		return Value{}, err
	}
	if len(all) == 0 {
		return Value{}, errors.New("there is no value")
	}
	if all[0].Bad {
		return all[0], errors.New(all[0].Text)
	}
	return all[0], nil
}

// CopyToSession declares a variable of the session, with the value that a look-up has in a frame.
func (d *Debugger) CopyToSession(ctx context.Context, at At, code, name string) error {
	built, n, err := d.statement(at)
	if err != nil {
		return err
	}
	e := d.e
	x, typ, err := e.beside.Load().TypeAt(ctx, built, n, code)
	if err != nil {
		return err
	}
	declare := func() error {
		number := e.hiddenNumber()
		c, err := e.scope.Check(ctx, lang.Cell{Number: number, Shown: e.shown, Text: "var " + name + " " + typ})
		if err != nil {
			return err
		}
		out, err := e.emit(c)
		if err != nil {
			return err
		}
		plugin, err := e.tools.Plugin(ctx, packageOf(out))
		if err != nil {
			return err
		}
		load := &wire.Load{Path: plugin.Path, Package: plugin.Package, Before: plugin.Before, Cell: number}
		if _, err := d.ask(wire.Debug{Op: wire.DebugLoad, Load: load}); err != nil {
			return err
		}
		e.adopt(c, out)
		target, _, err := e.beside.Load().LookAt(ctx, nil, 0, name)
		if err == nil {
			_, err = d.ask(wire.Debug{Op: wire.DebugSet, Goroutine: at.Goroutine, Frame: at.Frame, Target: target, Exprs: []*wire.Expr{x}})
		}
		return err
	}
	// a cell that runs has the session for itself, and does this while it waits
	done := make(chan error, 1)
	for {
		if e.running.TryLock() {
			defer e.running.Unlock()
			return declare()
		}
		select {
		case e.asides <- func() { done <- declare() }:
			return <-done
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}
