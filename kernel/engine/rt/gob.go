// Which values encoding/gob can write, and how unexported fields of cells get through it.

package rt

import (
	"encoding"
	"encoding/gob"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"

	"gsmlab/kernel/engine/wire"
)

// named are the types that interfaces held in the variables that are being saved, as source, which
// is also the name that gob has for them.
var named map[string]bool

// inInterfaces is what gob knows, by the type without pointers: of T and *T it can know only one.
var inInterfaces = map[reflect.Type]reflect.Type{}

var (
	gobEncoder    = reflect.TypeFor[gob.GobEncoder]()
	gobDecoder    = reflect.TypeFor[gob.GobDecoder]()
	binaryEncoder = reflect.TypeFor[encoding.BinaryMarshaler]()
	binaryDecoder = reflect.TypeFor[encoding.BinaryUnmarshaler]()
)

// hasGob reports whether a type says itself how gob is to encode it.
func hasGob(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(gobEncoder) && p.Implements(gobDecoder) || p.Implements(binaryEncoder) && p.Implements(binaryDecoder)
}

// saveGob writes a value as gob after a look at what gob would leave out without a word.
func saveGob(v reflect.Value, path string) error {
	if err := complain(v, map[any]bool{}, 0); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if v.Kind() == reflect.Interface { // only behind a pointer it is encoded as such
		p := reflect.New(v.Type())
		p.Elem().Set(v)
		v = p
	}
	if err := gob.NewEncoder(f).EncodeValue(v); err != nil {
		return err
	}
	return f.Close()
}

// complain says what of a value cannot be saved; around holds the pointers, maps and slices that v
// is in.
func complain(v reflect.Value, around map[any]bool, depth int) error {
	t := v.Type()
	if v.IsZero() || hasGob(t) || plain(t) {
		return nil
	}
	if _, ok := codecs[t]; ok {
		return fmt.Errorf("an interface holds a %s: keep it in a variable of that type", t)
	}
	switch v.Kind() {
	case reflect.Func:
		return fmt.Errorf("it is or holds a function (%s)", t)
	case reflect.Chan:
		return fmt.Errorf("it is or holds a channel (%s)", t)
	case reflect.UnsafePointer:
		return fmt.Errorf("it is or holds an unsafe.Pointer")
	case reflect.Pointer, reflect.Map, reflect.Slice:
		at := struct {
			p uintptr
			t reflect.Type
		}{v.Pointer(), t}
		if around[at] {
			return fmt.Errorf("it refers to itself (through a %s)", t)
		}
		around[at] = true
		defer delete(around, at)
	}
	if depth > 10_000 {
		return fmt.Errorf("it is nested more than 10,000 deep")
	}
	switch v.Kind() {
	case reflect.Pointer:
		return complain(v.Elem(), around, depth+1)
	case reflect.Interface:
		if err := register(v.Elem().Type()); err != nil {
			return err
		}
		return complain(v.Elem(), around, depth+1)
	case reflect.Struct:
		for i := range v.NumField() {
			f := t.Field(i)
			if !f.IsExported() && !v.Field(i).IsZero() {
				return hidden(t, f)
			}
			if f.IsExported() {
				if err := complain(v.Field(i), around, depth+1); err != nil {
					return err
				}
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if k := t.Elem().Kind(); (k == reflect.Pointer || k == reflect.Interface) && v.Index(i).IsNil() {
				return fmt.Errorf("it holds a nil %s in a %s", t.Elem(), t)
			}
			if err := complain(v.Index(i), around, depth+1); err != nil {
				return err
			}
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			if err := complain(it.Key(), around, depth+1); err != nil {
				return err
			}
			if err := complain(it.Value(), around, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func hidden(t reflect.Type, f reflect.StructField) error {
	return fmt.Errorf("a %s has the field %s, which is not exported", t, f.Name)
}

// plain reports whether values of a type need no look: numbers, strings, and slices and arrays of
// them.
func plain(t reflect.Type) bool {
	switch k := t.Kind(); k {
	case reflect.Slice, reflect.Array:
		return plain(t.Elem())
	default:
		return k <= reflect.Complex128 || k == reflect.String
	}
}

// register makes a type that an interface holds known to gob, under a name that other sessions can
// give it too.
func register(t reflect.Type) error {
	text, err := sourceOf(t)
	if err != nil {
		return err
	}
	if text == t.String() && plain(t) {
		return nil // gob knows these itself
	}
	base := withoutPointers(t)
	if other, ok := inInterfaces[base]; ok && other != t {
		return fmt.Errorf("interfaces hold %s and %s, which gob does not tell apart", other, t)
	}
	inInterfaces[base] = t
	named[text] = true
	return safely(func() error { gob.RegisterName(text, reflect.Zero(t).Interface()); return nil })
}

func withoutPointers(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// Named makes T known to gob under a name that a saved interface used.
func Named[T any](name string) {
	if t := reflect.TypeFor[T](); inInterfaces[withoutPointers(t)] == nil {
		inInterfaces[withoutPointers(t)] = t
	}
	var zero T
	// if it fails, loading says so
	safely(func() error { gob.RegisterName(name, zero); return nil })
}

// sourceOf returns a type as source, with import paths in quotes for packages: []"math/big".Int.
func sourceOf(t reflect.Type) (string, error) {
	inner := func(format string, parts ...reflect.Type) (string, error) {
		texts := make([]any, len(parts))
		for i, p := range parts {
			text, err := sourceOf(p)
			if err != nil {
				return "", err
			}
			texts[i] = text
		}
		return fmt.Sprintf(format, texts...), nil
	}
	switch {
	case t.Name() != "" && t.PkgPath() == "":
		return t.Name(), nil
	case t.Name() != "" && !strings.Contains(t.Name(), "["):
		if t.PkgPath() == "main" {
			return strings.TrimPrefix(t.Name(), wire.Tick), nil
		}
		return strconv.Quote(t.PkgPath()) + "." + t.Name(), nil
	case t.Name() == "":
		switch t.Kind() {
		case reflect.Pointer:
			return inner("*%s", t.Elem())
		case reflect.Slice:
			return inner("[]%s", t.Elem())
		case reflect.Array:
			return inner("["+strconv.Itoa(t.Len())+"]%s", t.Elem())
		case reflect.Map:
			return inner("map[%s]%s", t.Key(), t.Elem())
		case reflect.Interface:
			if t.NumMethod() == 0 {
				return "any", nil
			}
		}
	}
	return "", fmt.Errorf("an interface holds a %s", t)
}
