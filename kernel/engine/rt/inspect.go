// What the debugger is asked for: stacks, variables and their parts, expressions, assignments.

package rt

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
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

// references are the values of which clients may ask for the children.
type references struct {
	mu   sync.Mutex
	last int
	all  map[int]reference
}

type reference struct {
	owner int // a goroutine, until it goes on; 0: the session, until the next cell
	value reflect.Value
}

func (r *references) add(owner int, v reflect.Value) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = map[int]reference{}
	}
	r.last++
	r.all[r.last] = reference{owner, v}
	return r.last
}

func (r *references) get(ref int) (reference, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := r.all[ref]
	if !ok {
		return v, errors.New("the value was of a moment that has passed: ask for it again")
	}
	return v, nil
}

func (r *references) drop(owner int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for ref, v := range r.all {
		if v.owner == owner {
			delete(r.all, ref)
		}
	}
}

const (
	maxValueText = 400     // bytes of a value in a list
	maxChildren  = 100     // of a value that are shown at once
	maxWhole     = 1 << 16 // bytes and values of one that is written in order to be shown
)

// show is a value as it is shown in a list.
func (d *debugger) show(name string, v reflect.Value, owner int) wire.Value {
	if !v.IsValid() {
		return wire.Value{Name: name, Text: "nil"}
	}
	out := wire.Value{Name: name, Type: v.Type().String(), Text: textOf(v)}
	if v.Kind() == reflect.Interface && !v.IsNil() {
		v = v.Elem()
		out.Type += "(" + v.Type().String() + ")"
	}
	switch inner := pointed(v); inner.Kind() {
	case reflect.Slice, reflect.Array, reflect.Map:
		if out.Len = inner.Len(); out.Len > 0 {
			out.Ref = d.references.add(owner, v)
		}
	case reflect.Struct:
		if inner.NumField() > 0 {
			out.Ref = d.references.add(owner, v)
		}
	case reflect.Invalid:
	default:
		if inner != v {
			out.Ref = d.references.add(owner, v)
		}
	}
	return out
}

// pointed is what a pointer points to, or the value itself.
func pointed(v reflect.Value) reflect.Value {
	if v.Kind() == reflect.Pointer {
		return v.Elem() // no value where it is nil
	}
	return v
}

// textOf is a value in one line.
func textOf(v reflect.Value) (text string) {
	defer func() {
		if p := recover(); p != nil {
			text = "(it cannot be shown: " + panicText(p) + ")"
		}
	}()
	if !v.IsValid() {
		return "nil"
	}
	left, values := maxWhole, maxWhole
	x := v.Interface()
	switch x.(type) {
	case fmt.Stringer, error, string:
		text = Format(x)
	default:
		if fits(v, &left, &values) {
			text = brief(x)
		} else if inner := pointed(v); inner.Kind() == reflect.Slice || inner.Kind() == reflect.Array || inner.Kind() == reflect.Map {
			text = fmt.Sprintf("%s of %d elements", v.Type(), inner.Len())
		} else {
			text = v.Type().String()
		}
	}
	if line, _, more := strings.Cut(text, "\n"); more {
		text = line + " …"
	}
	if len(text) > maxValueText {
		text = whole(text[:maxValueText]) + "…"
	}
	return text
}

func textsOf(all []reflect.Value) string {
	texts := make([]string, len(all))
	for i, v := range all {
		texts[i] = textOf(v)
	}
	return strings.Join(texts, ", ")
}

// piece is a part of a value.
type piece struct {
	name  string
	value reflect.Value
	set   func(reflect.Value) error
}

// pieces lists the children of v from start on, at most count, and how many it has.
func pieces(v reflect.Value, start, count int) (all []piece, n int) {
	inner := pointed(v)
	settable := func(name string, v reflect.Value) piece {
		return piece{name, v, func(to reflect.Value) error {
			if !v.CanSet() {
				return errors.New("it is part of a copy: set the variable or the element that holds it")
			}
			v.Set(to)
			return nil
		}}
	}
	switch inner.Kind() {
	case reflect.Struct:
		n = inner.NumField()
		for i := start; i < min(n, start+count); i++ {
			all = append(all, settable(inner.Type().Field(i).Name, field(inner, i)))
		}
	case reflect.Slice, reflect.Array:
		n = inner.Len()
		for i := start; i < min(n, start+count); i++ {
			all = append(all, settable(strconv.Itoa(i), inner.Index(i)))
		}
	case reflect.Map:
		n = inner.Len()
		keys := inner.MapKeys()
		if n <= maxElements {
			slices.SortStableFunc(keys, byValue)
		}
		for _, k := range keys[min(start, n):min(n, start+count)] {
			all = append(all, piece{textOf(k), inner.MapIndex(k), func(to reflect.Value) error { inner.SetMapIndex(k, to); return nil }})
		}
	case reflect.Invalid:
	default:
		n = 1
		all = []piece{settable("*", inner)}
	}
	return all, n
}

// byValue orders keys as fmt does.
func byValue(a, b reflect.Value) int {
	switch {
	case a.CanInt() && b.CanInt():
		return cmp.Compare(a.Int(), b.Int())
	case a.CanUint() && b.CanUint():
		return cmp.Compare(a.Uint(), b.Uint())
	case a.CanFloat() && b.CanFloat():
		return cmp.Compare(a.Float(), b.Float())
	}
	return strings.Compare(textOf(a), textOf(b))
}

func (d *debugger) children(r *wire.Debug) (all []wire.Value, err error) {
	of, err := d.references.get(r.Ref)
	if err != nil {
		return nil, err
	}
	count := r.Count
	if count <= 0 {
		count = maxChildren
	}
	some, n := pieces(of.value, max(r.Start, 0), count)
	for _, c := range some {
		all = append(all, d.show(c.name, c.value, of.owner))
	}
	if left := n - max(r.Start, 0) - len(some); left > 0 && r.Count <= 0 {
		all = append(all, wire.Value{Name: "…", Text: fmt.Sprintf("%d more", left)})
	}
	return all, nil
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
