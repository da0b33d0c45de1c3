package rt

import (
	"errors"
	"reflect"
	"strings"
)

// What a checkpoint that nobody asked for leaves out.
const (
	maxSaved  = 64 << 20  // bytes of a variable, for a cell may come meanwhile and has to wait
	maxStore  = 256 << 20 // of one that GoMLX writes, which is faster
	maxValues = 1 << 20   // that are looked at to find out
)

var (
	errLarge = errors.New("it is too large to be saved without being asked for")
	errCodes = errors.New("its type has an encoding of its own, which runs only when asked for")
)

// autosaveOne is saveOne for what is saved without being asked for.
func autosaveOne(ptr reflect.Value, path string) error {
	if ownEncoding(ptr.Type().Elem(), map[reflect.Type]bool{}) {
		return errCodes
	}
	left, values := maxSaved, maxValues
	if !fits(ptr.Elem(), &left, &values) {
		return errLarge
	}
	return saveOne(ptr, path)
}

// ownEncoding says whether values of a type have methods of a cell that the encoder calls.
func ownEncoding(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] {
		return false
	}
	seen[t] = true
	if hasCode(t) {
		return t.PkgPath() == cellPackage
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return ownEncoding(t.Elem(), seen)
	case reflect.Map:
		return ownEncoding(t.Key(), seen) || ownEncoding(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			if ownEncoding(t.Field(i).Type, seen) {
				return true
			}
		}
	}
	return false
}

// fits says whether a value takes no more memory than is left, as far as a look at so many values
// can tell.
func fits(v reflect.Value, left, values *int) bool {
	if *values--; *values < 0 || *left < 0 {
		return false
	}
	if _, ok := codecs[v.Type()]; ok {
		return v.IsZero() || sizeOf(v.Interface()) <= maxStore
	}
	switch v.Kind() {
	case reflect.String:
		*left -= v.Len()
	case reflect.Pointer, reflect.Interface:
		return v.IsNil() || fits(v.Elem(), left, values)
	case reflect.Slice, reflect.Array:
		if plainMemory(v.Type().Elem()) {
			*left -= v.Len() * int(v.Type().Elem().Size())
			break
		}
		for i := range v.Len() {
			if !fits(v.Index(i), left, values) {
				return false
			}
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			if !fits(it.Key(), left, values) || !fits(it.Value(), left, values) {
				return false
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if !fits(field(v, i), left, values) {
				return false
			}
		}
	default:
		*left -= int(v.Type().Size())
	}
	return *left >= 0
}

func plainMemory(t reflect.Type) bool {
	k := t.Kind()
	return k >= reflect.Bool && k <= reflect.Complex128
}

// sizeOf returns how many bytes a value with a codec has, 0 if that is not known.
func sizeOf(v any) int {
	switch v := v.(type) {
	case interface{ Memory() uintptr }:
		return int(v.Memory())
	case interface{ ByteSize() int64 }:
		return int(v.ByteSize())
	case interface{ ByteSize() int }:
		return v.ByteSize()
	}
	return 0
}

// atWork says whether a goroutine of a cell computes, which may change what would be saved.
func atWork() bool {
	for g := range strings.SplitSeq(stacks(), "\n\n") {
		_, state, frames := parseStack(g)
		if (state == "running" || state == "runnable" || state == "preempted") && strings.Contains(frames, "cell[") {
			return true
		}
	}
	return false
}
