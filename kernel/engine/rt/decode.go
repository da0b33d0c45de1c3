// Values of variables from the bytes that the encoder wrote.

package rt

import (
	"bufio"
	"encoding"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"reflect"
)

// decoder reads one variable. What it meets is what the encoder wrote: the checkpoint has a digest.
type decoder struct {
	r     *bufio.Reader
	types []reflect.Type // that interfaces held so far
}

// errChanged says that a type is not what it was.
func errChanged(t fmt.Stringer) error {
	return fmt.Errorf("the type %s was another when it was saved", t)
}

// loadValue sets v, which is zero, from a file.
func loadValue(v reflect.Value, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	d := decoder{r: bufio.NewReader(f)}
	was, err := d.text()
	if err != nil {
		return err
	}
	if was != signature(v.Type()) {
		return errChanged(v.Type())
	}
	err = d.value(v)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

func (d *decoder) number() (int, error) {
	n, err := binary.ReadUvarint(d.r)
	return int(n), err
}

func (d *decoder) text() (string, error) {
	n, err := d.number()
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(io.LimitReader(d.r, int64(n)))
	if err == nil && len(data) < n {
		err = io.ErrUnexpectedEOF
	}
	return string(data), err
}

func (d *decoder) value(v reflect.Value) error {
	t := v.Type()
	if hasCode(t) {
		return d.own(v)
	}
	switch v.Kind() {
	case reflect.Func, reflect.Chan, reflect.UnsafePointer: // nil
	case reflect.String:
		s, err := d.text()
		v.SetString(s)
		return err
	case reflect.Pointer:
		if there, err := d.number(); err != nil || there == 0 {
			return err
		}
		v.Set(reflect.New(t.Elem()))
		return d.value(v.Elem())
	case reflect.Interface:
		return d.face(v)
	case reflect.Struct:
		for i := range v.NumField() {
			if kept(t.Field(i)) {
				if err := d.value(field(v, i)); err != nil {
					return err
				}
			}
		}
	case reflect.Array:
		return d.elements(v)
	case reflect.Slice:
		n, err := d.number()
		if err != nil || n == 0 {
			return err
		}
		v.Set(reflect.MakeSlice(t, n-1, n-1))
		return d.elements(v)
	case reflect.Map:
		return d.dict(v)
	default:
		return d.scalar(v)
	}
	return nil
}

// own sets a value by its own method.
func (d *decoder) own(v reflect.Value) error {
	data, err := d.text()
	if err != nil {
		return err
	}
	if codesGob(v.Type()) {
		return v.Addr().Interface().(gob.GobDecoder).GobDecode([]byte(data))
	}
	return v.Addr().Interface().(encoding.BinaryUnmarshaler).UnmarshalBinary([]byte(data))
}

func (d *decoder) face(v reflect.Value) error {
	n, err := d.number()
	if err != nil || n == 0 {
		return err
	}
	if n > len(d.types) {
		t, err := d.declared()
		if err != nil {
			return err
		}
		d.types = append(d.types, t)
	}
	held := reflect.New(d.types[n-1]).Elem()
	if err := d.value(held); err != nil {
		return err
	}
	if !held.Type().AssignableTo(v.Type()) {
		return fmt.Errorf("a %s is not a %s any more", held.Type(), v.Type())
	}
	v.Set(held)
	return nil
}

// declared reads which type an interface held.
func (d *decoder) declared() (reflect.Type, error) {
	name, err := d.text()
	if err != nil {
		return nil, err
	}
	was, err := d.text()
	if err != nil {
		return nil, err
	}
	t := basicTypes[name]
	if t == nil {
		t = byName[name]
	}
	if t == nil {
		return nil, fmt.Errorf("an interface held a %s, which is not declared", name)
	}
	if was != signature(t) {
		return nil, errChanged(t)
	}
	return t, nil
}

func (d *decoder) dict(v reflect.Value) error {
	n, err := d.number()
	if err != nil || n == 0 {
		return err
	}
	t := v.Type()
	v.Set(reflect.MakeMapWithSize(t, n-1))
	for range n - 1 {
		key, value := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
		if err := d.value(key); err != nil {
			return err
		}
		if err := d.value(value); err != nil {
			return err
		}
		v.SetMapIndex(key, value)
	}
	return nil
}

func (d *decoder) elements(v reflect.Value) error {
	if memory, ok := memoryOf(v); ok {
		_, err := io.ReadFull(d.r, memory)
		return err
	}
	for i := range v.Len() {
		if err := d.value(v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) scalar(v reflect.Value) error {
	switch {
	case v.Kind() == reflect.Bool:
		b, err := d.r.ReadByte()
		v.SetBool(b != 0)
		return err
	case v.CanInt():
		n, err := binary.ReadVarint(d.r)
		v.SetInt(n)
		return err
	case v.CanUint():
		n, err := binary.ReadUvarint(d.r)
		v.SetUint(n)
		return err
	}
	first, err := d.float()
	if err != nil || v.CanFloat() {
		if err == nil {
			v.SetFloat(first)
		}
		return err
	}
	second, err := d.float()
	v.SetComplex(complex(first, second))
	return err
}

func (d *decoder) float() (float64, error) {
	var b [8]byte
	_, err := io.ReadFull(d.r, b[:])
	return math.Float64frombits(binary.LittleEndian.Uint64(b[:])), err
}
