package rt

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Package fmt follows maps, slices and interfaces without end where they contain themselves.

// place is what contains itself: the memory of a map or a slice.
type place struct {
	at  uintptr
	len int
	t   reflect.Type
}

// placeOf returns where a map or a slice is, and whether v is one that may contain itself.
func placeOf(v reflect.Value) (place, bool) {
	if k := v.Kind(); k != reflect.Map && k != reflect.Slice || v.Len() == 0 || !holds(v.Type().Elem(), nil) {
		return place{}, false
	}
	return place{v.Pointer(), v.Len(), v.Type()}, true
}

// holds says whether a value of type t may hold interfaces, maps or slices, which may lead back to
// it.
func holds(t reflect.Type, seen []reflect.Type) bool {
	if slices.Contains(seen, t) {
		return true // type T []T
	}
	switch t.Kind() {
	case reflect.Interface:
		return true
	case reflect.Map, reflect.Slice, reflect.Array:
		return holds(t.Elem(), append(seen, t))
	case reflect.Struct:
		for i := range t.NumField() {
			if holds(t.Field(i).Type, append(seen, t)) {
				return true
			}
		}
	}
	return false
}

// maxCyclic is how many elements are looked at; who would print more has it cut.
const maxCyclic = 100_000

// cyclic says whether v contains itself, on the ways that fmt goes: not through pointers, except
// one at the start.
func cyclic(v reflect.Value, around []place) bool {
	left := maxCyclic
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	return leadsBack(v, around, &left)
}

func leadsBack(v reflect.Value, around []place, left *int) bool {
	if *left--; *left < 0 {
		return false
	}
	if at, ok := placeOf(v); ok {
		if slices.Contains(around, at) {
			return true
		}
		around = append(around, at)
	} else if k := v.Kind(); k == reflect.Map || k == reflect.Slice {
		return false
	}
	switch v.Kind() {
	case reflect.Interface:
		return !v.IsNil() && leadsBack(v.Elem(), around, left)
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			if leadsBack(it.Value(), around, left) {
				return true
			}
		}
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Array && !holds(v.Type().Elem(), nil) {
			return false
		}
		for i := range v.Len() {
			if leadsBack(v.Index(i), around, left) {
				return true
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if leadsBack(v.Field(i), around, left) {
				return true
			}
		}
	}
	return false
}

// cycleWriter writes a value as fmt does by %+v, with "…" for what contains the place where it
// stands.
type cycleWriter struct {
	out    strings.Builder
	around []place
}

func (w *cycleWriter) write(v reflect.Value, depth int) {
	if w.out.Len() > maxText {
		return
	}
	if at, ok := placeOf(v); ok {
		if slices.Contains(w.around, at) {
			w.out.WriteString("…")
			return
		}
		w.around = append(w.around, at)
		defer func() { w.around = w.around[:len(w.around)-1] }()
	}
	switch v.Kind() {
	case reflect.Interface:
		if v.IsNil() {
			w.out.WriteString("<nil>")
		} else {
			w.write(v.Elem(), depth)
		}
	case reflect.Pointer:
		if depth > 0 || v.IsNil() {
			fmt.Fprintf(&w.out, "%+v", v)
			return
		}
		w.out.WriteByte('&')
		w.write(v.Elem(), depth+1)
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		w.list("map[", "]", len(keys), func(i int) {
			fmt.Fprintf(&w.out, "%+v:", keys[i])
			w.write(v.MapIndex(keys[i]), depth+1)
		})
	case reflect.Slice, reflect.Array:
		w.list("[", "]", v.Len(), func(i int) { w.write(v.Index(i), depth+1) })
	case reflect.Struct:
		w.list("{", "}", v.NumField(), func(i int) {
			fmt.Fprintf(&w.out, "%s:", v.Type().Field(i).Name)
			w.write(v.Field(i), depth+1)
		})
	default:
		fmt.Fprintf(&w.out, "%+v", v)
	}
}

func (w *cycleWriter) list(before, after string, n int, element func(i int)) {
	w.out.WriteString(before)
	for i := range n {
		if i > 0 {
			w.out.WriteByte(' ')
		}
		element(i)
	}
	w.out.WriteString(after)
}
