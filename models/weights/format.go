package weights

// The format of safetensors files: eight bytes with the length of a header, the header in JSON, and
// the numbers of all tensors, one after the other. This is our own code, not a library's, for three
// reasons: errors must name the tensor, a name that occurs twice must not lose one of its tensors,
// and new number types must not make a whole file unreadable.

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// tensor is one tensor of a file.
type tensor struct {
	name  string
	dtype string // in the format's words
	dims  []int
	data  []byte // little-endian, in row-major order
}

// content is what a file holds.
type content struct {
	tensors []tensor // sorted by name
	meta    map[string]string
}

// maxHeader is the limit of the format's own library.
const maxHeader = 100_000_000

const metaKey = "__metadata__"

// bits holds the sizes of the types that the format knows. Only those in goTypes are read and
// written.
var bits = map[string]int{
	"BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "F16": 16, "BF16": 16, "U32": 32, "I32": 32, "F32": 32,
	"U64": 64, "I64": 64, "F64": 64, "C64": 64,
	"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
}

// parse reads a whole file. The tensors share raw's memory.
func parse(raw []byte) (*content, error) {
	if len(raw) < 8 {
		return nil, fmt.Errorf("it has %d bytes, too few for a header", len(raw))
	}
	size, body := binary.LittleEndian.Uint64(raw), raw[8:]
	if size > maxHeader || size > uint64(len(body)) {
		return nil, fmt.Errorf("its header should have %d bytes, and %d follow", size, len(body))
	}
	h := header{body: body[size:]}
	if err := h.read(body[:size]); err != nil {
		return nil, err
	}
	if err := h.place(); err != nil {
		return nil, err
	}
	slices.SortFunc(h.tensors, func(a, b tensor) int { return cmp.Compare(a.name, b.name) })
	return &h.content, nil
}

// header collects what a header says.
type header struct {
	content
	body  []byte // everything after the header
	spans [][2]int
	dec   *json.Decoder
}

func (h *header) read(raw []byte) error {
	if !utf8.Valid(raw) {
		return errors.New("its header is no UTF-8")
	}
	h.dec = json.NewDecoder(bytes.NewReader(raw))
	h.dec.UseNumber()
	err := h.object(func(key string) error {
		if key == metaKey {
			h.meta = map[string]string{}
			return h.object(func(key string) error {
				value, err := h.text()
				h.meta[key] = value
				return err
			})
		}
		if err := h.tensor(key); err != nil {
			return fmt.Errorf("tensor %q: %w", key, err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("its header is broken: %w", err)
	}
	if _, err := h.dec.Token(); err != io.EOF {
		return errors.New("its header is broken: something follows its last brace")
	}
	return nil
}

// object reads an object. each reads the value of one key.
func (h *header) object(each func(key string) error) error {
	if err := h.delim('{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	for h.dec.More() {
		key, err := h.text()
		if err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("%q occurs twice", key)
		}
		seen[key] = true
		if err := each(key); err != nil {
			return err
		}
	}
	return h.delim('}')
}

func (h *header) delim(want json.Delim) error {
	t, err := h.dec.Token()
	if err == nil && t != want {
		err = fmt.Errorf("%v instead of %v", t, want)
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

func (h *header) text() (string, error) {
	t, err := h.dec.Token()
	if err != nil {
		return "", err
	}
	s, ok := t.(string)
	if !ok {
		return "", fmt.Errorf("%v is no text", t)
	}
	return s, nil
}

// naturals reads a list of whole numbers, none negative.
func (h *header) naturals() ([]int, error) {
	if err := h.delim('['); err != nil {
		return nil, err
	}
	list := []int{}
	for h.dec.More() {
		t, err := h.dec.Token()
		if err != nil {
			return nil, err
		}
		n, ok := t.(json.Number)
		if !ok {
			return nil, fmt.Errorf("%v is no number", t)
		}
		i, err := strconv.ParseInt(n.String(), 10, 64)
		if err != nil || i < 0 || i > math.MaxInt {
			return nil, fmt.Errorf("%v is no length", n)
		}
		list = append(list, int(i))
	}
	return list, h.delim(']')
}

// tensor reads the header's entry for one tensor.
func (h *header) tensor(name string) error {
	t := tensor{name: name}
	var span []int
	err := h.object(func(key string) (err error) {
		switch key {
		case "dtype":
			t.dtype, err = h.text()
		case "shape":
			t.dims, err = h.naturals()
		case "data_offsets":
			span, err = h.naturals()
		default:
			err = fmt.Errorf("unknown key %q", key)
		}
		return err
	})
	if err != nil {
		return err
	}
	if t.dtype == "" || t.dims == nil || len(span) != 2 {
		return errors.New("its type, shape or two offsets are missing")
	}
	if span[0] > span[1] || span[1] > len(h.body) {
		return fmt.Errorf("its numbers are at %d to %d of %d bytes", span[0], span[1], len(h.body))
	}
	t.data = h.body[span[0]:span[1]:span[1]]
	if size, known := bits[t.dtype]; known {
		n, ok := product(t.dims, math.MaxInt/64)
		if !ok {
			return fmt.Errorf("the shape %v is too large", t.dims)
		}
		if want := n * size; want%8 != 0 || want/8 != len(t.data) {
			return fmt.Errorf("%d bytes for the shape %v of type %s", len(t.data), t.dims, t.dtype)
		}
	}
	h.tensors, h.spans = append(h.tensors, t), append(h.spans, [2]int{span[0], span[1]})
	return nil
}

// product multiplies; ok is false if the axes that are not empty come to more than limit.
func product(dims []int, limit int) (n int, ok bool) {
	n = 1
	empty := false
	for _, d := range dims {
		if d == 0 {
			empty = true
			continue
		}
		if n > limit/d {
			return 0, false
		}
		n *= d
	}
	if empty {
		n = 0
	}
	return n, true
}

// place checks that the tensors fill the file without gaps and without overlaps.
func (h *header) place() error {
	order := make([]int, len(h.spans))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(h.spans[a][0], h.spans[b][0]), cmp.Compare(h.spans[a][1], h.spans[b][1]))
	})
	at, last := 0, ""
	for _, i := range order {
		name, span := h.tensors[i].name, h.spans[i]
		switch {
		case span[0] < at:
			return fmt.Errorf("the tensors %q and %q share bytes", last, name)
		case span[0] > at:
			return fmt.Errorf("tensor %q: %d bytes before it belong to no tensor", name, span[0]-at)
		}
		at, last = span[1], name
	}
	if at != len(h.body) {
		return fmt.Errorf("%d bytes at its end belong to no tensor", len(h.body)-at)
	}
	return nil
}

// serialize writes a file. Like the format's own library, it puts the largest types first, so that
// all numbers are aligned.
func serialize(w io.Writer, c content) error {
	list := slices.Clone(c.tensors)
	slices.SortFunc(list, func(a, b tensor) int {
		return cmp.Or(cmp.Compare(bits[b.dtype], bits[a.dtype]), cmp.Compare(a.name, b.name))
	})
	var h bytes.Buffer
	sep := byte('{')
	put := func(key string, value any) error {
		k, err := json.Marshal(key)
		if err != nil {
			return err
		}
		v, err := json.Marshal(value)
		h.WriteByte(sep)
		h.Write(k)
		h.WriteByte(':')
		h.Write(v)
		sep = ','
		return err
	}
	if len(c.meta) > 0 {
		if err := put(metaKey, maps.Clone(c.meta)); err != nil {
			return err
		}
	}
	at := 0
	for _, t := range list {
		type info struct {
			DType   string `json:"dtype"`
			Shape   []int  `json:"shape"`
			Offsets [2]int `json:"data_offsets"`
		}
		if err := put(t.name, info{t.dtype, append([]int{}, t.dims...), [2]int{at, at + len(t.data)}}); err != nil {
			return err
		}
		at += len(t.data)
	}
	h.WriteByte('}')
	for h.Len()%8 != 0 {
		h.WriteByte(' ')
	}
	if h.Len() > maxHeader {
		return fmt.Errorf("the names and the metadata take %d bytes, and the format allows %d", h.Len(), maxHeader)
	}
	if err := binary.Write(w, binary.LittleEndian, uint64(h.Len())); err != nil {
		return err
	}
	if _, err := w.Write(h.Bytes()); err != nil {
		return err
	}
	for _, t := range list {
		if _, err := w.Write(t.data); err != nil {
			return err
		}
	}
	return nil
}
