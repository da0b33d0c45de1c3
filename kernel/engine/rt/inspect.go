// What the debugger is asked for: stacks, variables and their parts, expressions, assignments.

package rt

import (
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"

	"gsmlab/kernel/engine/rt/cell"
	"gsmlab/kernel/engine/wire"
)

// answer carries out a request. What may run code of cells, such as a String method, does not hold
// up other commands.
func (d *debugger) answer(r *wire.Debug) {
	reply := func(e *wire.Debugged, err error) {
		if err != nil {
			e.Error = err.Error()
		}
		e.Request = r.Request
		server.send(wire.Event{Kind: wire.EventDebug, Debug: e})
	}
	switch r.Op {
	case wire.DebugPoints:
		d.set(r.Points, r.Panics)
		reply(&wire.Debugged{}, nil)
	case wire.DebugResume:
		var err error
		if r.Goroutine == 0 {
			d.resumeAll()
		} else {
			err = d.resume(r.Goroutine, r.Step)
		}
		reply(&wire.Debugged{}, err)
	case wire.DebugPause:
		reply(&wire.Debugged{}, d.halt(r.Goroutine))
	case wire.DebugGoroutines:
		reply(&wire.Debugged{Goroutines: d.list()}, nil)
	case wire.DebugStack:
		frames, err := d.frames(r.Goroutine)
		e := &wire.Debugged{More: max(0, len(frames)-maxFrames)}
		for _, f := range frames[:min(len(frames), maxFrames)] {
			e.Frames = append(e.Frames, frameOf(f))
		}
		reply(e, err)
	case wire.DebugLoad:
		_, _, err := open(wire.Command{Path: r.Load.Path, Package: r.Load.Package, Before: r.Load.Before, Cell: r.Load.Cell})
		reply(&wire.Debugged{}, err)
	default:
		go d.inspect(r, reply)
	}
}

// inspect answers a request for values.
func (d *debugger) inspect(r *wire.Debug, reply func(*wire.Debugged, error)) {
	g := d.begin(goroutineNumber(), true)
	e, err := &wire.Debugged{}, errors.New("interrupted")
	defer func() {
		d.forget(g)
		if p := recover(); p != nil {
			err = errors.New(panicText(p))
		}
		reply(e, err)
	}()
	if r.Op == wire.DebugRich {
		err = d.rich(r, e)
		return
	}
	e.Values, err = d.values(r)
}

// rich answers with all forms of a value.
func (d *debugger) rich(r *wire.Debug, e *wire.Debugged) (err error) {
	f := &cell.Frame{}
	if r.Goroutine != 0 {
		if f, err = d.frame(r.Goroutine, r.Frame); err != nil {
			return err
		}
	}
	v, failed := evaluate(f, r.Exprs[0])
	if failed != "" {
		return errors.New(failed)
	}
	data, text := map[string]any(nil), textsOf(v)
	if len(v) == 1 && v[0].IsValid() {
		data, text = richly(v[0].Interface())
	}
	if data == nil {
		data = map[string]any{}
	}
	data["text/plain"] = text
	shown := with(wire.Event{}, data)
	e.Data, e.Binary = shown.Data, shown.Binary
	return nil
}

func (d *debugger) values(r *wire.Debug) (all []wire.Value, err error) {
	f, owner := &cell.Frame{}, r.Goroutine
	if r.Op != wire.DebugChildren && (r.Op == wire.DebugLocals || r.Goroutine != 0) {
		if f, err = d.frame(r.Goroutine, r.Frame); err != nil {
			return nil, err
		}
	}
	switch r.Op {
	case wire.DebugLocals:
		for i, name := range r.Names[:min(len(r.Names), len(f.Vars))] {
			all = append(all, d.show(name, reflect.ValueOf(f.Vars[i]).Elem(), owner))
		}
		return all, nil
	case wire.DebugValues:
		for i, x := range r.Exprs {
			all = append(all, d.valueOf(r.Names[i], f, x, owner))
		}
		return all, nil
	case wire.DebugChildren:
		return d.children(r)
	case wire.DebugSet:
		v, err := d.assign(r, f)
		if err != nil {
			return nil, err
		}
		return []wire.Value{d.show("", v, owner)}, nil
	}
	return nil, fmt.Errorf("the request %q is not known", r.Op)
}

// valueOf evaluates an expression in a frame.
func (d *debugger) valueOf(name string, f *cell.Frame, x *wire.Expr, owner int) wire.Value {
	v, failed := evaluate(f, x)
	switch {
	case failed != "":
		return wire.Value{Name: name, Text: failed, Bad: true}
	case len(v) == 0:
		return wire.Value{Name: name}
	case len(v) == 1:
		return d.show(name, v[0], owner)
	}
	return wire.Value{Name: name, Text: textsOf(v)}
}

// evaluate returns the results of an expression, and the panic that it met.
func evaluate(f *cell.Frame, x *wire.Expr) (v []reflect.Value, failed string) {
	defer func() {
		if p := recover(); p != nil {
			failed = panicText(p)
		}
	}()
	return looker{gone: new(atomic.Bool), vars: f.Vars}.results(x), ""
}

// assign sets a variable, or a part of a value, and returns what it then holds.
func (d *debugger) assign(r *wire.Debug, f *cell.Frame) (reflect.Value, error) {
	l := looker{gone: new(atomic.Bool), vars: f.Vars}
	if r.Target != nil {
		if r.Target.Op == wire.OpIndex { // of a map, perhaps
			if m := l.value(r.Target.Args[0], nil); m.Kind() == reflect.Map {
				key := l.value(r.Target.Args[1], m.Type().Key())
				v, err := l.fitting(r.Exprs[0], m.Type().Elem())
				if err == nil {
					m.SetMapIndex(key, v)
				}
				return v, err
			}
		}
		target := l.value(r.Target, nil)
		if !target.CanSet() {
			return target, errors.New("it cannot be assigned to")
		}
		v, err := l.fitting(r.Exprs[0], target.Type())
		if err == nil {
			target.Set(v)
		}
		return target, err
	}
	of, err := d.references.get(r.Ref)
	if err != nil {
		return reflect.Value{}, err
	}
	inner := pointed(of.value)
	n := maxElements
	if k := inner.Kind(); k == reflect.Slice || k == reflect.Array || k == reflect.Map {
		n = inner.Len()
	}
	all, _ := pieces(of.value, 0, n)
	for _, c := range all {
		if c.name == r.Child {
			v, err := l.fitting(r.Exprs[0], c.value.Type())
			if err == nil {
				err = c.set(v)
			}
			return v, err
		}
	}
	return reflect.Value{}, fmt.Errorf("there is no %s", r.Child)
}

// fitting evaluates x as a value of type t.
func (l looker) fitting(x *wire.Expr, t reflect.Type) (v reflect.Value, err error) {
	v = l.value(x, t)
	if !v.IsValid() {
		return v, fmt.Errorf("there is no value of type %s", t)
	}
	if v.Type().AssignableTo(t) {
		out := reflect.New(t).Elem()
		out.Set(v)
		return out, nil
	}
	if x.Op == wire.OpConst && v.CanConvert(t) && (v.Kind() == reflect.String) == (t.Kind() == reflect.String) {
		out := v.Convert(t)
		if back := out.Convert(v.Type()); back.Equal(v) {
			return out, nil
		}
		return v, fmt.Errorf("the constant %s does not fit into %s", x.Text, t)
	}
	return v, fmt.Errorf("a %s cannot be assigned to a %s", v.Type(), t)
}
