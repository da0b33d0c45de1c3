// Saving and loading variables in the worker, and the codecs of types that the encoder does not
// know.

package rt

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"sync/atomic"

	"gsmlab/kernel/engine/rt/cell"
	"gsmlab/kernel/engine/wire"
)

// Codec saves values of one type that the encoder cannot: to a file or folder at path, and back.
// Load may fill old, the value that the variable has now (nil without one), and return it.
type Codec struct {
	Save func(v any, path string) error
	Load func(old any, path string) (any, error)
}

var codecs = map[reflect.Type]Codec{}

// AddCodec registers the codec of a type; the engine has a package do so before it saves.
func AddCodec(t reflect.Type, c Codec) { codecs[t] = c }

// transfer saves or loads variables, each for itself, and writes the report.
func (s *serving) transfer(c wire.Command, one func(ptr reflect.Value, path string) error) {
	named = map[string]bool{}
	s.start(&running{gone: new(atomic.Bool)}, func() {
		for i := range c.Vars {
			cell.Check()
			if c.Do == wire.DoAutosave && (s.aborted.Load() || i == 0 && atWork()) {
				return // without a report
			}
			v := &c.Vars[i]
			ptr := declared(v.Cell, v.Built)
			if ptr == nil {
				v.Err = "the worker does not have it"
			} else if err := safely(func() error { return one(reflect.ValueOf(ptr), filepath.Join(c.Path, v.File)) }); err != nil {
				v.Err = err.Error()
			}
		}
		data, err := json.Marshal(wire.Report{Vars: c.Vars, Types: named})
		if err == nil {
			err = os.WriteFile(filepath.Join(c.Path, wire.ReportFile), data, 0o600)
		}
		if err != nil {
			panic(err)
		}
	})
}

// safely turns panics of f, which may come from the methods of a value, into errors.
func safely(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s", panicText(r))
		}
	}()
	return f()
}

func saveOne(ptr reflect.Value, path string) error { return save(ptr.Elem(), path) }

// loadOne reads a variable aside and sets it when all of it has been read.
func loadOne(ptr reflect.Value, path string) error {
	fresh := reflect.New(ptr.Type().Elem()).Elem()
	if err := load(fresh, ptr.Elem(), path); err != nil {
		return err
	}
	ptr.Elem().Set(fresh)
	return nil
}

// parts tells whether a value is saved in parts, one file each: it holds something that has a
// codec.
func parts(t reflect.Type, seen map[reflect.Type]bool) bool {
	if _, ok := codecs[t]; ok {
		return true
	}
	if seen[t] || hasCode(t) {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return parts(t.Elem(), seen)
	case reflect.Map:
		return parts(t.Elem(), seen) || parts(t.Key(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); kept(f) && parts(f.Type, seen) {
				return true
			}
		}
	}
	return false
}

// save writes v to path: nothing for a zero value, a folder for one in parts, else a file.
func save(v reflect.Value, path string) error {
	if v.IsZero() {
		return nil
	}
	if c, ok := codecs[v.Type()]; ok {
		return c.Save(v.Interface(), path)
	}
	if !parts(v.Type(), map[reflect.Type]bool{}) {
		return saveValue(v, path)
	}
	if len(path) > 3000 {
		return fmt.Errorf("it is nested too deep, or refers to itself")
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		return err
	}
	sub := func(name string) string { return filepath.Join(path, name) }
	switch v.Kind() {
	case reflect.Pointer:
		return save(v.Elem(), sub("p"))
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if v.Field(i).IsZero() {
				continue
			}
			if !kept(f) {
				return hidden(v.Type(), f)
			}
			if err := save(field(v, i), sub(strconv.Itoa(i))); err != nil {
				return fmt.Errorf("%s: %w", f.Name, err)
			}
		}
		return nil
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if err := save(v.Index(i), sub(strconv.Itoa(i))); err != nil {
				return fmt.Errorf("[%d]: %w", i, err)
			}
		}
	case reflect.Map:
		for i, key := range v.MapKeys() {
			if err := save(key, sub("k"+strconv.Itoa(i))); err != nil {
				return fmt.Errorf("key %v: %w", key, err)
			}
			if err := save(v.MapIndex(key), sub(strconv.Itoa(i))); err != nil {
				return fmt.Errorf("[%v]: %w", key, err)
			}
		}
	}
	return os.WriteFile(sub("n"), []byte(strconv.Itoa(v.Len())), 0o600)
}

// load sets v, a new zero value, from path; old is what the variable has there now, or invalid.
func load(v, old reflect.Value, path string) error {
	if _, err := os.Stat(path); err != nil {
		return nil // it was zero
	}
	if c, ok := codecs[v.Type()]; ok {
		var have any
		if old.IsValid() && !old.IsZero() {
			have = old.Interface()
		}
		got, err := c.Load(have, path)
		if err == nil {
			v.Set(reflect.ValueOf(got))
		}
		return err
	}
	if !parts(v.Type(), map[reflect.Type]bool{}) {
		return loadValue(v, path)
	}
	sub := func(name string) string { return filepath.Join(path, name) }
	n := 0
	if data, err := os.ReadFile(sub("n")); err == nil {
		if n, err = strconv.Atoi(string(data)); err != nil {
			return err
		}
	}
	var none reflect.Value
	switch v.Kind() {
	case reflect.Pointer:
		if old.IsValid() {
			old = old.Elem()
		}
		v.Set(reflect.New(v.Type().Elem()))
		return load(v.Elem(), old, sub("p"))
	case reflect.Struct:
		for i := range v.NumField() {
			was := none
			if !kept(v.Type().Field(i)) {
				continue
			}
			if old.IsValid() {
				was = field(old, i)
			}
			if err := load(field(v, i), was, sub(strconv.Itoa(i))); err != nil {
				return fmt.Errorf("%s: %w", v.Type().Field(i).Name, err)
			}
		}
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
		}
		for i := range v.Len() {
			was := none
			if old.IsValid() && i < old.Len() {
				was = old.Index(i)
			}
			if err := load(v.Index(i), was, sub(strconv.Itoa(i))); err != nil {
				return fmt.Errorf("[%d]: %w", i, err)
			}
		}
	case reflect.Map:
		v.Set(reflect.MakeMapWithSize(v.Type(), n))
		for i := range n {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			if err := load(key, none, sub("k"+strconv.Itoa(i))); err != nil {
				return err
			}
			if err := load(value, none, sub(strconv.Itoa(i))); err != nil {
				return fmt.Errorf("[%v]: %w", key, err)
			}
			v.SetMapIndex(key, value)
		}
	}
	return nil
}
