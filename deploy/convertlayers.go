// Converters of products, convolutions and pools. GoMLX lets each have its axes in any order; a
// graph has one order, so values are transposed before and after where needed.

package deploy

import (
	"slices"

	"github.com/gomlx/compute"

	net "gsmlab/infer/graph"
)

// arrange brings a node's axes into another order and its numbers into another shape.
func (c *converter) arrange(node int, axes, shape []int) int {
	n := c.graph.Nodes[node]
	if !slices.IsSorted(axes) {
		moved := make([]int, len(axes))
		for i, a := range axes {
			moved[i] = n.Shape[a]
		}
		node = c.add(net.Node{Op: net.Transpose, In: []int{node}, Axes: axes, Shape: moved, Type: n.Type})
	}
	if !slices.Equal(shape, c.graph.Nodes[node].Shape) {
		node = c.add(net.Node{Op: net.Reshape, In: []int{node}, Shape: shape, Type: n.Type})
	}
	return node
}

// finish makes a node, whose axes are to be put into another order, the value's.
func (c *converter) finish(v *value, node int, axes []int) (placed, error) {
	p, err := c.images(v)
	if err != nil {
		return p, err
	}
	p.node = c.arrange(node, axes, p.shape(v))
	return p, nil
}

// transposed brings the axes of constant numbers into another order.
func transposed(values []float32, dims, axes []int) []float32 {
	if slices.IsSorted(axes) {
		return values
	}
	strides := make([]int, len(dims))
	for i, s := len(dims)-1, 1; i >= 0; i-- {
		strides[i] = s
		s *= dims[i]
	}
	out := make([]float32, 0, len(values))
	index := make([]int, len(axes))
	for range values {
		at := 0
		for i, a := range axes {
			at += index[i] * strides[a]
		}
		out = append(out, values[at])
		for i := len(axes) - 1; i >= 0; i-- {
			if index[i]++; index[i] < dims[axes[i]] {
				break
			}
			index[i] = 0
		}
	}
	return out
}

// others are the axes of a value that are in none of the lists.
func others(rank int, lists ...[]int) []int {
	var rest []int
	for a := range rank {
		if !slices.Contains(slices.Concat(lists...), a) {
			rest = append(rest, a)
		}
	}
	return rest
}

func pick(dims, axes []int) []int {
	out := make([]int, len(axes))
	for i, a := range axes {
		out[i] = dims[a]
	}
	return out
}

// count is the list 0, 1, ..., n-1.
func count(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// dot is a product of a value with weights, which is a dense layer, or of two values.
func (c *converter) dot(v *value) (placed, error) {
	d := v.attrs.(dotAttrs)
	a, b := v.in[0], v.in[1]
	if len(d.aBatch) > 0 || !a.constant && !b.constant {
		return c.matMul(v, d)
	}
	weightsFirst := a.constant
	if weightsFirst {
		a, b = b, a
		d.aContract, d.bContract = d.bContract, d.aContract
	}
	p, err := c.dynamic(a)
	if err != nil {
		return p, err
	}
	if slices.Contains(d.aContract, p.axis) {
		return p, unsupported(v, "it sums over the batch axis: a network for inference treats each image alone")
	}
	values, err := c.floats(b)
	if err != nil {
		return p, err
	}
	cross := p.atAll(others(a.shape.Rank(), d.aContract))
	in := c.graph.Nodes[p.node].Shape
	outs := others(b.shape.Rank(), d.bContract)
	shape := []int{net.Elements(pick(b.shape.Dimensions, d.bContract)), net.Elements(pick(b.shape.Dimensions, outs))}
	rows := pick(in, cross)
	x := c.arrange(p.node, append(slices.Clone(cross), p.atAll(d.aContract)...), append(slices.Clone(rows), shape[0]))
	node := c.add(net.Node{
		Op: net.Dense, Name: scopeOf(v), In: []int{x}, Shape: append(slices.Clone(rows), shape[1]),
		Weights: net.Tensor{Shape: shape, Values: transposed(values, b.shape.Dimensions, append(slices.Clone(d.bContract), outs...))},
	})
	order := count(len(rows) + 1)
	if weightsFirst {
		order = append([]int{len(rows)}, order[:len(rows)]...)
	}
	return c.finish(v, node, order)
}

// atAll is at for several axes, without the batch axis where the node does not have it.
func (p placed) atAll(axes []int) []int {
	var list []int
	for _, a := range axes {
		if a != p.axis || p.times != 1 {
			list = append(list, p.at(a))
		}
	}
	return list
}

// matMul is a product in which both sides depend on the input, or that has axes in common.
func (c *converter) matMul(v *value, d dotAttrs) (placed, error) {
	common, an, err := c.factor(v, v.in[0], d.aBatch, d.aContract, v.in[1], d.bBatch)
	if err != nil {
		return placed{}, err
	}
	_, bn, err := c.factor(v, v.in[1], d.bBatch, d.bContract, v.in[0], d.aBatch)
	if err != nil {
		return placed{}, err
	}
	m, n := c.graph.Nodes[an].Shape, c.graph.Nodes[bn].Shape
	shape := append(slices.Clone(m[:common+1]), n[common])
	node := c.add(net.Node{Op: net.MatMul, Name: scopeOf(v), In: []int{an, bn}, TransposeB: true, Shape: shape})
	return c.finish(v, node, count(len(shape)))
}

// factor arranges one side of a product as [common axes.., rest, contracted], and says how many
// common axes there are. A constant takes its batch axis from the other side.
func (c *converter) factor(v, x *value, batch, contract []int, other *value, otherBatch []int) (common, node int, err error) {
	var p placed
	if x.constant {
		q, err := c.dynamic(other)
		if err != nil {
			return 0, 0, err
		}
		i := slices.Index(otherBatch, q.axis)
		if i < 0 {
			values, err := c.floats(x)
			if err != nil {
				return 0, 0, err
			}
			dims := slices.Clone(x.shape.Dimensions)
			node = c.add(net.Node{Op: net.Const, Name: x.variable, Shape: dims, Values: values})
			p = placed{node: node, axis: len(dims), times: 1} // it has no batch axis
		} else {
			p = placed{axis: batch[i], times: q.times}
			if node, err = c.operand(x, p); err != nil {
				return 0, 0, err
			}
			p.node = node
			if want := p.shape(x); !slices.Equal(want, c.graph.Nodes[node].Shape) {
				p.node = c.add(net.Node{Op: net.Broadcast, In: []int{node}, Shape: want})
			}
		}
	} else if p, err = c.dynamic(x); err != nil {
		return 0, 0, err
	}
	if slices.Contains(contract, p.axis) {
		return 0, 0, unsupported(v, "it sums over the batch axis: a network for inference treats each image alone")
	}
	in := c.graph.Nodes[p.node].Shape
	first, last := p.atAll(batch), p.atAll(contract)
	rest := p.atAll(others(x.shape.Rank(), batch, contract))
	shape := append(pick(in, first), net.Elements(pick(in, rest)), net.Elements(pick(in, last)))
	return len(first), c.arrange(p.node, slices.Concat(first, rest, last), shape), nil
}

// conv is a convolution over one or two spatial axes.
func (c *converter) conv(v *value) (placed, error) {
	a := v.attrs.(convAttrs)
	p, err := c.dynamic(v.in[0])
	if err != nil {
		return p, err
	}
	spatial := len(a.axes.InputSpatial)
	wide := func(list []int) bool { return slices.ContainsFunc(list, func(x int) bool { return x != 1 }) }
	switch {
	case !v.in[1].constant:
		return p, unsupported(v, "its kernel depends on the input")
	case spatial < 1 || spatial > 2:
		return p, unsupported(v, "it has %d spatial axes: one or two are supported", spatial)
	case wide(a.inputDilations) || a.batchGroups != 1:
		return p, unsupported(v, "it spreads its input or groups the batch")
	case p.axis != a.axes.InputBatch || p.times != 1:
		return p, unsupported(v, "its batch axis is not the batch of the model")
	case slices.ContainsFunc(a.paddings, func(q [2]int) bool { return q[0] < 0 || q[1] < 0 }):
		return p, unsupported(v, "its padding is negative")
	}
	kernel, err := c.floats(v.in[1])
	if err != nil {
		return p, err
	}
	n := net.Node{Op: net.Conv2D, Name: scopeOf(v), Groups: a.groups}
	order := append(slices.Clone(a.axes.KernelSpatial), a.axes.KernelInputChannels, a.axes.KernelOutputChannels)
	n.Weights.Values = transposed(kernel, v.in[1].shape.Dimensions, order)
	image := func(dims []int) []int { // with a width of 1 where there is one axis
		if spatial == 1 {
			return slices.Insert(dims, 1, 1)
		}
		return dims
	}
	n.Weights.Shape = image(pick(v.in[1].shape.Dimensions, order))
	n.Stride, n.Dilation = pair(a.strides), pair(a.kernelDilations)
	for i, q := range a.paddings {
		n.Pads[2*i], n.Pads[2*i+1] = q[0], q[1]
	}
	in := append(p.atAll(a.axes.InputSpatial), p.at(a.axes.InputChannels))
	n.In = []int{c.arrange(p.node, in, image(pick(c.graph.Nodes[p.node].Shape, in)))}
	outs := append(slices.Clone(a.axes.OutputSpatial), a.axes.OutputChannels)
	shape := pick(v.shape.Dimensions, outs)
	n.Shape = image(slices.Clone(shape))
	node := c.add(n)
	if spatial == 1 {
		node = c.add(net.Node{Op: net.Reshape, In: []int{node}, Shape: shape})
	}
	var back []int
	for axis := range v.shape.Rank() {
		if axis != a.axes.OutputBatch {
			back = append(back, slices.Index(outs, axis))
		}
	}
	return c.finish(v, node, back)
}

// pair are two parameters, 1 where there is none.
func pair(list []int) [2]int {
	p := [2]int{1, 1}
	copy(p[:], list)
	return p
}

// window is a pool over at most two axes.
func (c *converter) window(v *value) (placed, error) {
	a := v.attrs.(windowAttrs)
	p, err := c.dynamic(v.in[0])
	if err != nil {
		return p, err
	}
	n := net.Node{Op: net.MaxPool}
	switch a.reduce {
	case compute.ReduceOpMax, compute.ReduceOpMin:
	case compute.ReduceOpSum:
		n.Op = net.SumPool
	default:
		return p, unsupported(v, "windows are reduced by sum, maximum or minimum")
	}
	at := func(list []int, axis int) int {
		if len(list) == 0 {
			return 1
		}
		return list[axis]
	}
	var slid, rest []int // axes of the model
	n.Window, n.Stride, n.Dilation = [2]int{1, 1}, [2]int{1, 1}, [2]int{1, 1}
	for axis := range v.shape.Rank() {
		pads := [2]int{}
		if len(a.paddings) > 0 {
			pads = a.paddings[axis]
		}
		if at(a.window, axis) == 1 && at(a.strides, axis) == 1 && pads == [2]int{} && at(a.inputDilations, axis) == 1 {
			rest = append(rest, axis)
			continue
		}
		i := len(slid)
		switch slid = append(slid, axis); {
		case axis == p.axis:
			return p, unsupported(v, "it works along the batch axis: a network for inference treats each image alone")
		case i > 1:
			return p, unsupported(v, "its window has more than two axes")
		case at(a.inputDilations, axis) != 1 || pads[0] < 0 || pads[1] < 0:
			return p, unsupported(v, "it spreads its input, or its padding is negative")
		}
		n.Window[i], n.Stride[i], n.Dilation[i] = a.window[axis], at(a.strides, axis), at(a.windowDilations, axis)
		n.Pads[2*i], n.Pads[2*i+1] = pads[0], pads[1]
	}
	if len(slid) == 0 {
		return p, nil
	}
	first, last := p.atAll(slid), p.atAll(rest)
	in := c.graph.Nodes[p.node].Shape
	channels := net.Elements(pick(in, last))
	size := func(dims []int) []int { return append(append(dims, 1, 1)[:2:2], channels) }
	x := c.arrange(p.node, slices.Concat(first, last), size(pick(in, first)))
	n.Shape = size(pick(v.shape.Dimensions, slid))
	if a.reduce == compute.ReduceOpMin {
		x = c.add(net.Node{Op: net.Neg, In: []int{x}, Shape: c.graph.Nodes[x].Shape})
	}
	n.In = []int{x}
	node := c.add(n)
	if a.reduce == compute.ReduceOpMin {
		node = c.add(net.Node{Op: net.Neg, In: []int{node}, Shape: n.Shape})
	}
	// back into the model's order: the axes that were pooled first, then the others
	shape := append(pick(v.shape.Dimensions, slid), pick(in, last)...)
	node = c.arrange(node, count(3), shape)
	back := make([]int, len(in))
	for i, a := range slices.Concat(first, last) {
		back[a] = i
	}
	return c.finish(v, node, back)
}
