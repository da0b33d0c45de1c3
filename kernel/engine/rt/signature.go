// Names and signatures of types, by which another session knows what was saved.

package rt

import (
	"crypto/sha256"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// named are the types that interfaces held in the variables that are being saved, as source.
var named map[string]bool

// byName are the types that interfaces held in what is being loaded, by their source.
var byName = map[string]reflect.Type{}

// Named makes T the type that a saved interface held under a name.
func Named[T any](name string) { byName[name] = reflect.TypeFor[T]() }

// signature tells apart what types were when they were saved: all that is written of them.
func signature(t reflect.Type) string {
	w := signatureWriter{seen: map[reflect.Type]int{}}
	w.write(t)
	sum := sha256.Sum256([]byte(w.String()))
	return string(sum[:8])
}

type signatureWriter struct {
	strings.Builder
	seen map[reflect.Type]int
}

func (w *signatureWriter) write(t reflect.Type) {
	n, again := w.seen[t]
	if !again {
		n = len(w.seen)
		w.seen[t] = n
	}
	fmt.Fprintf(w, "%d %s %s.%s ", n, t.Kind(), t.PkgPath(), t.Name())
	if again {
		return
	}
	if hasCode(t) {
		w.WriteString("by itself ")
		return
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		w.write(t.Elem())
	case reflect.Array:
		fmt.Fprintf(w, "%d ", t.Len())
		w.write(t.Elem())
	case reflect.Interface:
		w.WriteString(t.String())
	case reflect.Map:
		w.write(t.Key())
		w.write(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); kept(f) {
				fmt.Fprintf(w, "%s ", f.Name)
				w.write(f.Type)
			}
		}
	}
	w.WriteString("; ")
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
		if t.PkgPath() == cellPackage {
			return t.Name(), nil
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
