// Values of variables as bytes, with the fields of cells that are not exported, which encoding/gob
// leaves out. What comes first says what the type was; after it there are values alone, in the
// order of the type's parts.

package rt

import (
	"bufio"
	"encoding"
	"encoding/binary"
	"encoding/gob"
	"fmt"
	"math"
	"os"
	"reflect"
	"sync"
	"unsafe"
)

var (
	gobEncoder    = reflect.TypeFor[gob.GobEncoder]()
	gobDecoder    = reflect.TypeFor[gob.GobDecoder]()
	binaryEncoder = reflect.TypeFor[encoding.BinaryMarshaler]()
	binaryDecoder = reflect.TypeFor[encoding.BinaryUnmarshaler]()
)

// coded remembers what hasCode found, by type.
var coded sync.Map

// hasCode reports whether a type says itself how it is to be encoded.
func hasCode(t reflect.Type) bool {
	has, ok := coded.Load(t)
	if !ok {
		has = codesGob(t) || codesBinary(t)
		coded.Store(t, has)
	}
	return has.(bool)
}

func codesGob(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(gobEncoder) && p.Implements(gobDecoder)
}

func codesBinary(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(binaryEncoder) && p.Implements(binaryDecoder)
}

// kept reports whether a field is one that is saved: those of other packages that are not exported
// are not.
func kept(f reflect.StructField) bool { return f.IsExported() || f.PkgPath == cellPackage }

// cellPackage is the package of what cells declare, as programs see it.
const cellPackage = "main"

func hidden(t reflect.Type, f reflect.StructField) error {
	return fmt.Errorf("a %s has the field %s, which is not exported", t, f.Name)
}

// encoder writes one variable.
type encoder struct {
	w      *bufio.Writer
	types  map[reflect.Type]int // that interfaces held so far, with their numbers
	around map[at]bool          // the pointers, maps and slices that the value is in
	depth  int
}

// at is where a pointer, a map or a slice points to.
type at struct {
	p uintptr
	t reflect.Type
}

// saveValue writes a value to a file.
func saveValue(v reflect.Value, path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	e := encoder{bufio.NewWriter(f), map[reflect.Type]int{}, map[at]bool{}, 0}
	e.text(signature(v.Type()))
	if err := e.value(v); err != nil {
		return err
	}
	if err := e.w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

// number writes a number; errors of the writer stay with it until it is flushed.
func (e *encoder) number(n uint64) {
	e.w.Write(binary.AppendUvarint(nil, n))
}

func (e *encoder) text(s string) {
	e.number(uint64(len(s)))
	e.w.WriteString(s)
}

// enter notes that what v points to is being written.
func (e *encoder) enter(v reflect.Value) (leave func(), err error) {
	const deepest = 10_000
	here := at{v.Pointer(), v.Type()}
	if e.around[here] {
		return nil, fmt.Errorf("it refers to itself (through a %s)", v.Type())
	}
	if e.depth++; e.depth > deepest {
		return nil, fmt.Errorf("it is nested more than 10,000 deep")
	}
	e.around[here] = true
	return func() { delete(e.around, here); e.depth-- }, nil
}

func (e *encoder) value(v reflect.Value) error {
	t := v.Type()
	if hasCode(t) {
		return e.own(v)
	}
	switch v.Kind() {
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return unsaved(v)
	case reflect.String:
		e.text(v.String())
	case reflect.Pointer:
		return e.pointer(v)
	case reflect.Interface:
		return e.face(v)
	case reflect.Struct:
		for i := range v.NumField() {
			f := t.Field(i)
			if kept(f) {
				if err := e.value(field(v, i)); err != nil {
					return err
				}
			} else if !v.Field(i).IsZero() {
				return hidden(t, f)
			}
		}
	case reflect.Array:
		return e.elements(v)
	case reflect.Slice:
		if v.IsNil() {
			e.number(0)
			return nil
		}
		e.number(uint64(v.Len()) + 1)
		if v.Len() == 0 {
			return nil
		}
		leave, err := e.enter(v)
		if err != nil {
			return err
		}
		defer leave()
		return e.elements(v)
	case reflect.Map:
		return e.dict(v)
	default:
		e.scalar(v)
	}
	return nil
}

// unsaved says why a value cannot be saved, unless it is nil.
func unsaved(v reflect.Value) error {
	switch {
	case v.IsZero():
		return nil
	case v.Kind() == reflect.Func:
		return fmt.Errorf("it is or holds a function (%s)", v.Type())
	case v.Kind() == reflect.Chan:
		return fmt.Errorf("it is or holds a channel (%s)", v.Type())
	}
	return fmt.Errorf("it is or holds an unsafe.Pointer")
}

// own writes a value by its own method.
func (e *encoder) own(v reflect.Value) error {
	p := reflect.New(v.Type())
	p.Elem().Set(v)
	var data []byte
	var err error
	if codesGob(v.Type()) {
		data, err = p.Interface().(gob.GobEncoder).GobEncode()
	} else {
		data, err = p.Interface().(encoding.BinaryMarshaler).MarshalBinary()
	}
	e.text(string(data))
	return err
}

func (e *encoder) pointer(v reflect.Value) error {
	if v.IsNil() {
		e.number(0)
		return nil
	}
	leave, err := e.enter(v)
	if err != nil {
		return err
	}
	defer leave()
	e.number(1)
	return e.value(v.Elem())
}

// face writes the type of what an interface holds, and the value.
func (e *encoder) face(v reflect.Value) error {
	if v.IsNil() {
		e.number(0)
		return nil
	}
	v = v.Elem()
	t := v.Type()
	if _, ok := codecs[t]; ok {
		return fmt.Errorf("an interface holds a %s: keep it in a variable of that type", t)
	}
	n, known := e.types[t]
	if !known {
		n = len(e.types) + 1
		e.types[t] = n
	}
	e.number(uint64(n))
	if !known {
		name, err := sourceOf(t)
		if err != nil {
			return err
		}
		if t.PkgPath() != "" || t.Name() == "" { // who loads must have it
			named[name] = true
		}
		e.text(name)
		e.text(signature(t))
	}
	return e.value(v)
}

func (e *encoder) dict(v reflect.Value) error {
	if v.IsNil() {
		e.number(0)
		return nil
	}
	leave, err := e.enter(v)
	if err != nil {
		return err
	}
	defer leave()
	e.number(uint64(v.Len()) + 1)
	for it := v.MapRange(); it.Next(); {
		if err := e.value(it.Key()); err != nil {
			return err
		}
		if err := e.value(it.Value()); err != nil {
			return err
		}
	}
	return nil
}

// elements writes what is in a slice or an array.
func (e *encoder) elements(v reflect.Value) error {
	if v.Kind() == reflect.Array && !v.CanAddr() {
		of := reflect.New(v.Type()).Elem()
		of.Set(v)
		v = of
	}
	if memory, ok := memoryOf(v); ok {
		_, err := e.w.Write(memory)
		return err
	}
	for i := range v.Len() {
		if err := e.value(v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

// memoryOf is the memory of numbers in a row, which is little-endian wherever the kernel runs.
func memoryOf(v reflect.Value) ([]byte, bool) {
	t := v.Type().Elem()
	if !plainMemory(t) || hasCode(t) {
		return nil, false
	}
	if v.Len() == 0 {
		return nil, true
	}
	return unsafe.Slice((*byte)(v.Index(0).Addr().UnsafePointer()), v.Len()*int(t.Size())), true
}

func (e *encoder) scalar(v reflect.Value) {
	var b []byte
	switch {
	case v.Kind() == reflect.Bool && v.Bool():
		b = []byte{1}
	case v.Kind() == reflect.Bool:
		b = []byte{0}
	case v.CanInt():
		b = binary.AppendVarint(nil, v.Int())
	case v.CanUint():
		b = binary.AppendUvarint(nil, v.Uint())
	case v.CanFloat():
		b = binary.LittleEndian.AppendUint64(nil, math.Float64bits(v.Float()))
	default:
		b = binary.LittleEndian.AppendUint64(nil, math.Float64bits(real(v.Complex())))
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(imag(v.Complex())))
	}
	e.w.Write(b)
}
