// Values as the debugger shows them, and their parts.

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

	"gsmlab/kernel/engine/wire"
)

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
