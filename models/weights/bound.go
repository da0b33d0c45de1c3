package weights

// Tensors whose variables are known, either from the note that Write left or from the caller's
// network.

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
)

// notesOf reads what Write left in a file.
func notesOf(c *content) (map[string]note, error) {
	text, own := c.meta[notesKey]
	if !own {
		return nil, nil
	}
	var notes map[string]note
	if err := json.Unmarshal([]byte(text), &notes); err != nil {
		return nil, fmt.Errorf("its metadata %q is broken: %w", notesKey, err)
	}
	return notes, nil
}

// restored returns the variable from which Write made the tensor.
func (r *reader) restored(t tensor, n note) (entry, error) {
	broken := func(format string, args ...any) (entry, error) {
		return entry{}, fmt.Errorf("its entry in the metadata %q does not fit: %s", notesKey, fmt.Sprintf(format, args...))
	}
	parts := strings.Split(n.Path, "/")
	if len(parts) < 2 || parts[0] != "" || slices.Contains(parts[1:], "") {
		return broken("%q is no path", n.Path)
	}
	for _, d := range n.Dims {
		if d < 0 {
			return broken("the shape is %v", n.Dims)
		}
	}
	e := entry{path: n.Path, name: t.name, trainable: n.Trainable, layout: n.Layout, dims: append([]int{}, n.Dims...), dtype: n.DType}
	if strings.HasSuffix(n.Path, "/avg_weight") && t.dtype == "I64" && len(t.dims) == 0 {
		return e.counted(t)
	}
	if t.dtype != n.DType || goTypes[n.DType] == 0 {
		return broken("%s and %s", t.dtype, n.DType)
	}
	size, ok := product(n.Dims, math.MaxInt/64)
	if !ok || size*bits[n.DType]/8 != len(t.data) {
		return broken("the shape is %v and was %v", t.dims, n.Dims)
	}
	if n.Layout == Unknown || !n.Layout.fits(len(n.Dims)) {
		return broken("%v of shape %v", n.Layout, n.Dims)
	}
	if n.Layout != Native && !slices.Equal(n.Layout.torchDims(n.Dims), t.dims) {
		return broken("the shape is %v, and of %v it should be %v", t.dims, n.Dims, n.Layout.torchDims(n.Dims))
	}
	image, err := r.image(t.name, n.Layout)
	if err != nil {
		return e, err
	}
	if e.layout, err = r.said(n); err != nil {
		return e, err
	}
	if e.layout != n.Layout {
		e.dims = e.layout.storeDims(t.dims)
	}
	if err := finite(t.dtype, t.data); err != nil {
		return e, err
	}
	if image != nil {
		if err := checkImage(image, t.dims[1]); err != nil {
			return e, err
		}
	}
	e.data = e.layout.load(e.dims, t.data, image)
	return e, nil
}

// said is the layout for the variable of a note: the caller may want a layout other than the old
// one.
func (r *reader) said(n note) (Layout, error) {
	said := r.k.Of[n.Path]
	switch {
	case said == Unknown && n.Layout.conv():
		said = r.k.Conv
	case said == Unknown && n.Layout.dense():
		said = r.k.Dense
	}
	if said == Unknown || said == n.Layout {
		return n.Layout, nil
	}
	if n.Layout.conv() != said.conv() || n.Layout.dense() != said.dense() {
		return Unknown, fmt.Errorf("the variable %q was %v when it was written and cannot become %v", n.Path, n.Layout, said)
	}
	if len(n.Dims) > 2 && said.dense() {
		return Unknown, fmt.Errorf("the variable %q was %v of shape %v when it was written: read it so", n.Path, n.Layout, n.Dims)
	}
	return said, nil
}

// image is the flattened image that a dense layer reads, by the caller and the note; nil if it
// reads none.
func (r *reader) image(name string, layout Layout) ([]int, error) {
	if !layout.dense() {
		return nil, nil
	}
	module, _ := cutLast(name)
	said, noted := r.flat[module], r.notes[name].Image
	switch {
	case said == nil:
		return noted, nil
	case noted != nil && !slices.Equal(said, noted):
		return nil, fmt.Errorf("flat says that it reads an image of %v, and it was written as one that reads %v", said, noted)
	}
	return said, nil
}

// counted handles batch norm's count of batches, which PyTorch keeps as one number.
func (e entry) counted(t tensor) (entry, error) {
	n, ok := product(e.dims, 1<<24)
	if !ok || len(e.dims) != 1 || !isFloat(e.dtype) {
		return e, fmt.Errorf("no count of batches: the shape is %v", e.dims)
	}
	e.layout, e.trainable = Native, false
	var count uint64
	for i := range 8 {
		count |= uint64(t.data[i]) << (8 * i)
	}
	for range n {
		e.data = appendFloat(e.data, e.dtype, float64(int64(count)))
	}
	return e, finite(e.dtype, e.data)
}

// boundTo returns the variable of a network that the caller knows.
func (r *reader) boundTo(t tensor, b binding) (entry, error) {
	e := entry{path: b.path, name: t.name, trainable: b.trainable, layout: b.layout, dims: slices.Clone(b.dims), dtype: b.dtype}
	if b.dtype == "" {
		return e, fmt.Errorf("the variable %q is of a type that such files do not have", b.path)
	}
	if goTypes[t.dtype] == 0 {
		return e, fmt.Errorf("numbers of type %s: float64, float32, float16 and bfloat16 are read", t.dtype)
	}
	data, err := convert(t.data, t.dtype, b.dtype)
	if err != nil {
		return e, err
	}
	want := b.layout.torchDims(b.dims)
	if b.module != "" && b.base == "biases" && len(want) > 1 {
		n, _ := product(want, math.MaxInt)
		want = []int{n}
	}
	if !slices.Equal(want, t.dims) {
		return e, fmt.Errorf("the shape is %v, and the variable %q of shape %v wants %v: are the weights of another network?", t.dims, b.path, b.dims, want)
	}
	return r.laidOut(e, data, t.dims)
}
