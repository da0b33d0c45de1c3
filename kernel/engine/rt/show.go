// Results in every form that a value has: text, pictures, HTML; cut where they are long.

package rt

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"reflect"
	"runtime"
	"strings"

	"gsmlab/internal/utf8tail"
	"gsmlab/kernel/engine/rt/cell"
	"gsmlab/kernel/engine/wire"
)

// What a result may be without being asked for. Display calls have no such limits.
const (
	maxElements = 1000     // of a slice or an array, with those inside of it
	maxText     = 32 << 10 // bytes of the plain form
	maxForm     = 4 << 20  // bytes of each other form
	maxPixels   = 16 << 20 // of an image that is encoded
	maxShown    = 16       // rich elements of a slice
)

// forms are the methods by which a value shows itself. Each takes nothing, or the scale of a
// picture, and returns a string or []byte, and may return an error as well.
var forms = []struct{ method, mime string }{
	{"HTML", "text/html"},
	{"Markdown", "text/markdown"},
	{"LaTeX", "text/latex"},
	{"SVG", "image/svg+xml"},
	{"PNG", "image/png"},
	{"JPEG", "image/jpeg"},
}

// Show displays the values of a cell's last expression: in rich forms where all but one of them are
// nil (errors, mostly), else all as text. The elements of a slice of rich values are displayed one
// by one.
func Show(values ...any) {
	cell.Check()
	if _, late := abandoned.Load(goroutineID()); late {
		runtime.Goexit()
	}
	texts := make([]string, len(values))
	var data map[string]any
	present := 0
	for i, v := range values {
		var own map[string]any
		own, texts[i] = richly(v)
		if v != nil {
			present++
			data = own
		}
	}
	if data == nil || present > 1 {
		data = map[string]any{}
	}
	if len(values) == 1 && showElements(values[0]) {
		texts[0] = fmt.Sprintf("%T of %d", values[0], reflect.ValueOf(values[0]).Len())
	}
	data["text/plain"] = strings.Join(texts, ", ")
	server.send(with(wire.Event{Kind: wire.EventResult}, data))
}

// showElements displays the first elements of a slice whose elements are rich; it reports whether
// they are.
func showElements(v any) bool {
	s := reflect.ValueOf(v)
	if s.Kind() != reflect.Slice || s.Type().Elem().Kind() == reflect.Uint8 {
		return false
	}
	shown := min(s.Len(), maxShown)
	for i := range shown {
		data, text := richly(s.Index(i).Interface())
		if data == nil {
			return i > 0
		}
		data["text/plain"] = text
		Display(data, nil, "")
	}
	return shown > 0
}

// richly returns the forms of v other than text, nil if it has none, and its text.
func richly(v any) (data map[string]any, text string) {
	var notes []string
	add := func(mime string, form any, size int, err error) {
		switch {
		case err != nil:
			notes = append(notes, fmt.Sprintf("%s: %v", mime, err))
		case size > maxForm:
			notes = append(notes, fmt.Sprintf("%s of %d bytes left out", mime, size))
		case size > 0:
			if data == nil {
				data = map[string]any{}
			}
			data[mime] = form
		}
	}
	switch value := v.(type) {
	case nil, error:
	case image.Image:
		picture, size, err := encode(value)
		add("image/png", picture, len(picture), err)
		text = fmt.Sprintf("%T%s", v, size)
	case []byte:
		if mime := pictureType(value); mime == "image/svg+xml" {
			add(mime, string(value), len(value), nil)
		} else if mime != "" {
			add(mime, value, len(value), nil)
		}
	default:
		for _, form := range forms {
			shown, size, err := call(v, form.method)
			if b, ok := shown.([]byte); ok && (strings.HasPrefix(form.mime, "text/") || form.mime == "image/svg+xml") {
				shown = string(b)
			} else if s, ok := shown.(string); ok && !strings.HasPrefix(form.mime, "text/") && form.mime != "image/svg+xml" {
				shown = []byte(s)
			}
			add(form.mime, shown, size, err)
		}
	}
	if _, ok := v.(fmt.Stringer); ok || data == nil && text == "" {
		text = Format(v)
	} else if data, ok := v.([]byte); ok {
		text = fmt.Sprintf("%T of %d bytes", v, len(data))
	} else if text == "" {
		text = fmt.Sprintf("%T", v)
	}
	if len(notes) > 0 {
		text += " (" + strings.Join(notes, "; ") + ")"
	}
	return data, text
}

// call calls the method of v that gives a form. A value without one, or with another signature, has
// size 0.
func call(v any, method string) (form any, size int, err error) {
	value := reflect.ValueOf(v)
	switch value.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Func, reflect.Chan:
		if value.IsNil() {
			return nil, 0, nil
		}
	}
	m := value.MethodByName(method)
	if !m.IsValid() {
		return nil, 0, nil
	}
	t := m.Type()
	picture := t.NumIn() == 1 && t.In(0).Kind() == reflect.Float64 && !t.IsVariadic()
	if t.NumIn() != 0 && !picture || t.NumOut() == 0 || t.NumOut() > 2 ||
		t.Out(0) != reflect.TypeFor[string]() && t.Out(0) != reflect.TypeFor[[]byte]() ||
		t.NumOut() == 2 && t.Out(1) != reflect.TypeFor[error]() {
		return nil, 0, nil
	}
	defer func() {
		if r := recover(); r != nil {
			form, size, err = nil, 0, fmt.Errorf("panic: %s", panicText(r))
		}
	}()
	var args []reflect.Value
	if picture {
		args = append(args, reflect.ValueOf(1.0))
	}
	out := m.Call(args)
	if len(out) == 2 && !out[1].IsNil() {
		return nil, 0, out[1].Interface().(error) // as its type says
	}
	return out[0].Interface(), out[0].Len(), nil
}

// encode returns an image as PNG, and its size in words; an image in a cell's type may panic.
func encode(m image.Image) (data []byte, size string, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %s", panicText(r))
		}
	}()
	b := m.Bounds()
	size = fmt.Sprintf(" %dx%d", b.Dx(), b.Dy())
	switch {
	case b.Empty():
		return nil, size, errors.New("an empty picture")
	case b.Dx() > maxPixels/b.Dy():
		return nil, size, errors.New("too large to be shown: make it smaller, or use gonbui.DisplayImage")
	}
	var buf bytes.Buffer
	err = png.Encode(&buf, m)
	return buf.Bytes(), size, err
}

// pictureType tells by its first bytes what picture data is, "" if it is none.
func pictureType(data []byte) string {
	start := bytes.TrimSpace(data[:min(len(data), 512)])
	switch {
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		return "image/png"
	case bytes.HasPrefix(data, []byte("\xff\xd8\xff")):
		return "image/jpeg"
	case bytes.HasPrefix(start, []byte("<svg")), bytes.HasPrefix(start, []byte("<?xml")) && bytes.Contains(start, []byte("<svg")):
		return "image/svg+xml"
	}
	return ""
}

// Format is how a value is shown as text: strings quoted, structs with their field names, functions
// by type, and long values cut.
func Format(v any) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case error, fmt.Stringer:
		return cut(fmt.Sprint(v))
	case string:
		if len(v) > maxText {
			return fmt.Sprintf("%q", whole(v[:maxText])) + leftOut(len(v)-len(whole(v[:maxText])), "bytes")
		}
		return fmt.Sprintf("%q", v)
	}
	value, verb := reflect.ValueOf(v), "%+v"
	if cyclic(value, nil) {
		var w cycleWriter
		w.write(value, 0)
		return cut(w.out.String())
	}
	switch value.Kind() {
	case reflect.Func:
		return value.Type().String()
	case reflect.Slice, reflect.Array:
		if value.Type().Elem().Kind() == reflect.String {
			verb = "%q"
		}
		if n := elements(value); n > maxElements {
			left := maxElements
			value = first(value, &left)
			return cut(fmt.Sprintf(verb, value.Interface())) + leftOut(n-(maxElements-left), "elements")
		}
	}
	return cut(fmt.Sprintf(verb, v))
}

func cut(text string) string {
	if len(text) <= maxText {
		return text
	}
	start := whole(text[:maxText])
	return start + leftOut(len(text)-len(start), "bytes")
}

func leftOut(n int, what string) string { return fmt.Sprintf("… (%d more %s)", n, what) }

// whole returns text without a rune that was cut at its end.
func whole(text string) string {
	return text[:len(text)-utf8tail.Cut(text)]
}

// elements counts what is in a slice or an array and in those inside of it.
func elements(v reflect.Value) int {
	if k := v.Type().Elem().Kind(); k != reflect.Slice && k != reflect.Array {
		return v.Len()
	}
	n := 0
	for i := range v.Len() {
		n += max(1, elements(v.Index(i)))
	}
	return n
}

// first returns a slice of the first elements of v, as many as there may be left.
func first(v reflect.Value, left *int) reflect.Value {
	out := reflect.MakeSlice(sliced(v.Type()), 0, min(v.Len(), *left))
	for i := 0; i < v.Len() && *left > 0; i++ {
		elem := v.Index(i)
		if k := elem.Kind(); k == reflect.Slice || k == reflect.Array {
			before := *left
			elem = first(elem, left)
			*left = min(*left, before-1) // an empty one counts as well
		} else {
			*left--
		}
		out = reflect.Append(out, elem)
	}
	return out
}

// sliced is the type t with slices in place of its arrays.
func sliced(t reflect.Type) reflect.Type {
	if k := t.Kind(); k == reflect.Slice || k == reflect.Array {
		return reflect.SliceOf(sliced(t.Elem()))
	}
	return t
}
