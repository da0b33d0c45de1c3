// From a tape to a graph: each live value gets a node that computes it for one image. This file
// finds the batch axis and places constants; converters of the operations are in convertops.go.

package deploy

import (
	"errors"
	"reflect"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"

	net "gsmlab/infer/graph"
)

// converter makes the graph.
type converter struct {
	graph  *net.Graph
	placed map[*value]placed
	twin   map[*value]*value // the same value, built for the other size of the batch
}

// placed is where a value that depends on the input is in the graph.
//
// In the model its axis number axis runs over the images, each of which has times positions of it.
// The node's shape is the model's without that axis, or, where times is not 1, with times in its
// place.
type placed struct {
	node, axis, times int
}

// at is the node's axis for an axis of the model; not for the batch axis itself where times is 1.
func (p placed) at(axis int) int {
	if p.times == 1 && axis > p.axis {
		return axis - 1
	}
	return axis
}

// batchAxis finds the axis that grows with the batch, by comparing the shapes of the two tapes. It
// is -1 where none does.
func (c *converter) batchAxis(v *value) (axis, times int, err error) {
	a, b := v.shape.Dimensions, c.twin[v].shape.Dimensions
	if c.twin[v].op != v.op || len(a) != len(b) {
		return 0, 0, unsupported(v, "the model does something else for another size of the batch")
	}
	axis = -1
	for i := range a {
		switch {
		case a[i] == b[i]:
		case axis >= 0:
			return 0, 0, unsupported(v, "%s has two axes that grow with the batch: a network for inference treats each image alone", v.shape)
		case a[i]%batches[0] != 0 || a[i]/batches[0]*batches[1] != b[i]:
			return 0, 0, unsupported(v, "%s grows with the batch, but not in proportion: a network for inference treats each image alone", v.shape)
		default:
			axis, times = i, a[i]/batches[0]
		}
	}
	return axis, times, nil
}

// images says where the images of a value that depends on the input lie. Its node is still to be
// made.
func (c *converter) images(v *value) (placed, error) {
	axis, times, err := c.batchAxis(v)
	if err != nil {
		return placed{}, err
	}
	if axis < 0 {
		return placed{}, unsupported(v, "%s has no axis for the batch: a network for inference treats each image alone", v.shape)
	}
	return placed{axis: axis, times: times}, nil
}

// place adds a node for a value that depends on the input. The shape of the node is that of the
// value.
func (c *converter) place(v *value, n net.Node) (placed, error) {
	p, err := c.images(v)
	if err != nil {
		return p, err
	}
	if n.Type, err = typeOf(v); err != nil {
		return p, err
	}
	n.Shape = p.shape(v)
	n.Name = scopeOf(v)
	p.node = c.add(n)
	return p, nil
}

// shape is the shape of one image's value.
func (p placed) shape(v *value) []int {
	shape := slices.Clone(v.shape.Dimensions)
	if p.times == 1 {
		return slices.Delete(shape, p.axis, p.axis+1)
	}
	shape[p.axis] = p.times
	return shape
}

// add appends a node to the graph.
func (c *converter) add(n net.Node) int {
	c.graph.Nodes = append(c.graph.Nodes, n)
	return len(c.graph.Nodes) - 1
}

// dynamic returns where a value that depends on the input is, after making its node and those
// before it.
func (c *converter) dynamic(v *value) (placed, error) {
	if p, ok := c.placed[v]; ok {
		return p, nil
	}
	if v.constant {
		return placed{}, unsupported(v, "the value does not depend on the input")
	}
	// in a loop, not by recursion: networks can be deep
	stack := []*value{v}
	for len(stack) > 0 {
		x := stack[len(stack)-1]
		ready := true
		for _, in := range x.in {
			if _, ok := c.placed[in]; !ok && !in.constant {
				stack = append(stack, in)
				ready = false
			}
		}
		if !ready {
			continue
		}
		stack = stack[:len(stack)-1]
		if _, ok := c.placed[x]; ok {
			continue
		}
		p, err := c.convert(x)
		if e := new(UnsupportedError); errors.As(err, &e) && e.Scope == "" {
			e.Scope = scopeOf(x) // of a constant: that of what uses it
		}
		if err != nil {
			return placed{}, err
		}
		c.placed[x] = p
	}
	return c.placed[v], nil
}

// floats returns the numbers of a constant, which must be the same for both sizes of the batch.
func (c *converter) floats(v *value) ([]float32, error) {
	a, err := floats(v)
	if err != nil {
		return nil, err
	}
	if v.op == compute.OpTypeConstant && v.variable != "" {
		return a, nil // both tapes have it from the store
	}
	b, err := floats(c.twin[v])
	if err != nil {
		return nil, err
	}
	if !slices.EqualFunc(a, b, same) {
		return nil, unsupported(v, "the constant depends on the number of images: a network for inference treats each image alone")
	}
	return a, nil
}

// same compares two numbers by their value, and NaN with itself.
func same(a, b float32) bool { return a == b || a != a && b != b }

// floats converts the numbers of a constant.
func floats(v *value) ([]float32, error) {
	flat, err := v.data()
	if err != nil {
		return nil, unsupported(v, "computing the constant: %v", err)
	}
	switch x := flat.(type) {
	case []float32:
		return x, nil
	case []float64:
		return widened(x), nil
	case []bool:
		out := make([]float32, len(x))
		for i, b := range x {
			if b {
				out[i] = 1
			}
		}
		return out, nil
	}
	r := reflect.ValueOf(flat)
	out := make([]float32, r.Len())
	for i := range out {
		switch e := r.Index(i); {
		case e.CanInt():
			out[i] = float32(e.Int())
		case e.CanUint():
			out[i] = float32(e.Uint())
		default:
			return nil, unsupported(v, "constants of type %s are not supported", v.shape.DType)
		}
	}
	return out, nil
}

func widened(x []float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
}

// operand returns the node of an operand of an elementwise operation whose result lies as p does. A
// constant becomes as small as broadcasting allows.
func (c *converter) operand(v *value, p placed) (int, error) {
	if !v.constant {
		q, err := c.dynamic(v)
		if err == nil && v.shape.Rank() > 0 && (q.axis != p.axis || q.times != p.times) {
			err = unsupported(v, "its images lie along axis %d, and those of the other operand along axis %d", q.axis, p.axis)
		}
		return q.node, err
	}
	dims, values, err := c.compact(v)
	if err != nil {
		return 0, err
	}
	typ, err := typeOf(v)
	if err != nil {
		return 0, err
	}
	if len(dims) > 0 {
		if dims, values, err = c.perImage(v, dims, values, p); err != nil {
			return 0, err
		}
	}
	// axes of 1 in front say nothing
	for len(dims) > 0 && dims[0] == 1 {
		dims = dims[1:]
	}
	return c.add(net.Node{Op: net.Const, Name: v.variable, Shape: dims, Values: values, Type: typ}), nil
}

// perImage takes the batch axis out of a constant.
func (c *converter) perImage(v *value, dims []int, values []float32, p placed) ([]int, []float32, error) {
	d := dims[p.axis]
	switch {
	case d == 1 && p.times == 1:
		return slices.Delete(slices.Clone(dims), p.axis, p.axis+1), values, nil
	case d == 1:
		return dims, values, nil
	case d != p.times*batches[0]:
		return nil, nil, unsupported(v, "%s does not fit the batch", v.shape)
	}
	// the same for each image?
	before, after := net.Elements(dims[:p.axis]), net.Elements(dims[p.axis+1:])*p.times
	var one []float32
	for i := range before {
		first := values[i*d/p.times*after:][:after]
		for k := range batches[0] {
			if !slices.EqualFunc(first, values[(i*d/p.times+k)*after:][:after], same) {
				return nil, nil, unsupported(v, "the constant differs between the images of a batch: a network for inference treats each image alone")
			}
		}
		one = append(one, first...)
	}
	dims = slices.Clone(dims)
	if dims[p.axis] = p.times; p.times == 1 {
		dims = slices.Delete(dims, p.axis, p.axis+1)
	}
	return dims, one, nil
}

// compact returns a constant before it was broadcast: its dimensions, as many as the value has, or
// none, and 1 where it repeats.
func (c *converter) compact(v *value) ([]int, []float32, error) {
	switch v.op {
	case compute.OpTypeBroadcastInDim:
		dims, values, err := c.compact(v.in[0])
		if err != nil || len(values) == 1 {
			return nil, values, err
		}
		wide := slices.Repeat([]int{1}, v.shape.Rank())
		for i, a := range v.attrs.(broadcastAttrs).axes {
			wide[a] = dims[i]
		}
		return wide, values, nil
	case compute.OpTypeReshape, compute.OpTypeConvertDType:
		// a number that fills a large shape stays a number
		if dims, values, err := c.compact(v.in[0]); err == nil && len(dims) == 0 && len(values) == 1 && isFloat(v) && isFloat(v.in[0]) {
			return nil, values, nil
		}
	}
	axis, _, err := c.batchAxis(v)
	if err != nil {
		return nil, nil, err
	}
	var values []float32
	if axis < 0 {
		values, err = c.floats(v)
	} else {
		values, err = floats(v)
	}
	if err != nil {
		return nil, nil, err
	}
	if len(values) > 0 && !slices.ContainsFunc(values, func(x float32) bool { return !same(x, values[0]) }) {
		return nil, values[:1], nil
	}
	return v.shape.Dimensions, values, nil
}

func isFloat(v *value) bool {
	return v.shape.DType == dtypes.Float32 || v.shape.DType == dtypes.Float64
}
