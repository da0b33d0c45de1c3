// Shapes: what a node's value must have as its shape, from its inputs and attributes.

package graph

import (
	"errors"
	"slices"
	"strconv"
)

// ShapeOf is the shape that a node's value must have by its inputs and attributes. Where Shape is
// itself an attribute (Input, Const, Reshape, Slice, Broadcast), and where both forms of a
// reduction are good, it returns Shape after a check. The shapes of the
// node's inputs must be right.
func ShapeOf(g *Graph, i int) ([]int, error) {
	n := &g.Nodes[i]
	if !n.Op.Known() {
		return nil, errors.New("operation " + strconv.Itoa(int(n.Op)) + " is not known")
	}
	if err := checkInputs(g, i); err != nil {
		return nil, err
	}
	if rank := weightRank(n.Op); rank > 0 && len(n.Weights.Shape) != rank {
		return nil, errors.New("weights " + Format(n.Weights.Shape) + ": there must be " + strconv.Itoa(rank) + " axes")
	}
	var in []int
	if len(n.In) > 0 {
		in = g.Nodes[n.In[0]].Shape
	}
	switch {
	case n.Op == Input:
		return n.Shape, nil
	case n.Op == Const:
		if want := Elements(n.Shape); len(n.Values) != want {
			return nil, errors.New(strconv.Itoa(len(n.Values)) + " values: the shape " + Format(n.Shape) + " has " + strconv.Itoa(want))
		}
		return n.Shape, nil
	case n.Op == Dense:
		w := n.Weights.Shape
		if len(in) == 0 || in[len(in)-1] != w[0] {
			return nil, errors.New("the input is " + Format(in) + ": weights " + Format(w) + " need a last axis of " + strconv.Itoa(w[0]))
		}
		return append(slices.Clone(in[:len(in)-1]), w[1]), nil
	case n.Op == Conv2D:
		return convShape(n, in)
	case n.Op.Pool():
		if len(in) != 3 {
			return nil, errors.New("the input is " + Format(in) + ": it must have three axes, height, width and channels")
		}
		return windowShape(n, in, n.Window, in[2])
	case n.Op == Embed:
		return append(slices.Clone(in), n.Weights.Shape[1]), nil
	case n.Op.Unary():
		return in, nil
	case n.Op == MatMul:
		return matMulShape(n, in, g.Nodes[n.In[1]].Shape)
	case n.Op.Binary(), n.Op == Select:
		shape := in
		for _, j := range n.In[1:] {
			var err error
			if shape, err = broadcast(shape, g.Nodes[j].Shape); err != nil {
				return nil, err
			}
		}
		return shape, nil
	case n.Op.Reduction():
		return reducedShape(n, in)
	case n.Op == Softmax, n.Op == LogSoftmax:
		return in, axes(n.Axes, len(in))
	}
	return movedShape(g, n, in)
}

// movedShape is for operations that move values and do not compute.
func movedShape(g *Graph, n *Node, in []int) ([]int, error) {
	switch n.Op {
	case Reshape:
		if Elements(n.Shape) != Elements(in) {
			return nil, errors.New("the input is " + Format(in) + ": the shape " + Format(n.Shape) + " has another number of elements")
		}
		return n.Shape, nil
	case Transpose:
		if len(n.Axes) != len(in) {
			return nil, errors.New("the input is " + Format(in) + ": axes " + Format(n.Axes) + " are no permutation of its axes")
		}
		sorted := slices.Sorted(slices.Values(n.Axes))
		for k, a := range sorted {
			if a != k {
				return nil, errors.New("axes " + Format(n.Axes) + " are no permutation")
			}
		}
		out := make([]int, len(in))
		for k, a := range n.Axes {
			out[k] = in[a]
		}
		return out, nil
	case Concat:
		return concatShape(g, n, in)
	case Slice:
		return slicedShape(n, in)
	case Pad:
		if len(n.Low) != len(in) || len(n.High) != len(in) {
			return nil, errors.New("the input is " + Format(in) + ": Low and High must have as many axes")
		}
		out := slices.Clone(in)
		for k := range out {
			if n.Low[k] < 0 || n.High[k] < 0 || n.Low[k] > MaxElements || n.High[k] > MaxElements {
				return nil, errors.New("Low " + Format(n.Low) + ", High " + Format(n.High) + ": they must be at least 0 and within the limits")
			}
			out[k] += n.Low[k] + n.High[k]
		}
		return out, nil
	case Broadcast:
		out, err := broadcast(in, n.Shape)
		if err == nil && !slices.Equal(out, n.Shape) {
			err = errors.New("the input " + Format(in) + " does not broadcast to " + Format(n.Shape))
		}
		return n.Shape, err
	}
	return nil, errors.New("the operation has no rule for shapes")
}

func convShape(n *Node, in []int) ([]int, error) {
	w, groups := n.Weights.Shape, n.Groups
	if groups == 0 {
		groups = 1
	}
	if len(in) != 3 {
		return nil, errors.New("the input is " + Format(in) + ": it must have three axes, height, width and channels")
	}
	if groups < 0 || w[3]%groups != 0 || in[2]%groups != 0 || in[2]/groups != w[2] {
		return nil, errors.New("the input is " + Format(in) + ": weights " + Format(w) + " in " + strconv.Itoa(groups) + " groups do not fit its channels")
	}
	return windowShape(n, in, [2]int{w[0], w[1]}, w[3])
}

// windowShape is how often a window fits into a padded image.
func windowShape(n *Node, in []int, window [2]int, channels int) ([]int, error) {
	out := []int{0, 0, channels}
	for a := range 2 {
		size, stride, dilation := window[a], n.Stride[a], n.Dilation[a]
		if stride == 0 {
			stride = 1
		}
		if dilation == 0 {
			dilation = 1
		}
		before, after := n.Pads[2*a], n.Pads[2*a+1]
		for _, v := range []int{size, stride, dilation, before + 1, after + 1} {
			if v < 1 || v > MaxElements {
				return nil, errors.New("window " + Format(window[:]) + ", stride " + Format(n.Stride[:]) + ", dilation " + Format(n.Dilation[:]) + ", pads " + Format(n.Pads[:]) + ": a number is out of range")
			}
		}
		reach := int64(size-1)*int64(dilation) + 1
		room := int64(in[a]) + int64(before) + int64(after)
		if room > MaxElements || reach > room {
			return nil, errors.New("the input is " + Format(in) + " with pads " + Format(n.Pads[:]) + ": the window " + Format(window[:]) + " does not fit")
		}
		if n.Op.Pool() && (int64(before) >= reach || int64(after) >= reach) {
			return nil, errors.New("pads " + Format(n.Pads[:]) + ": a window would lie in the padding alone")
		}
		out[a] = int((room-reach)/int64(stride)) + 1
	}
	return out, nil
}

func matMulShape(n *Node, a, b []int) ([]int, error) {
	r := len(a)
	fail := errors.New("the inputs are " + Format(a) + " and " + Format(b) + ": they do not multiply")
	if r < 2 || len(b) != r || !slices.Equal(a[:r-2], b[:r-2]) {
		return nil, fail
	}
	k, cols := b[r-2], b[r-1]
	if n.TransposeB {
		k, cols = cols, k
	}
	if a[r-1] != k {
		return nil, fail
	}
	return append(slices.Clone(a[:r-1]), cols), nil
}

// broadcast is the shape of two that broadcast.
func broadcast(a, b []int) ([]int, error) {
	if len(a) < len(b) {
		a, b = b, a
	}
	out := slices.Clone(a)
	for k := range b {
		at := len(a) - len(b) + k
		switch {
		case out[at] == b[k] || b[k] == 1:
		case out[at] == 1:
			out[at] = b[k]
		default:
			return nil, errors.New("shapes " + Format(a) + " and " + Format(b) + " do not broadcast")
		}
	}
	return out, nil
}

// axes checks a list of axes: increasing, within the rank, not empty.
func axes(list []int, rank int) error {
	for k, a := range list {
		if a < 0 || a >= rank || k > 0 && a <= list[k-1] {
			return errors.New("axes " + Format(list) + ": they must increase and be within the " + strconv.Itoa(rank) + " of the input")
		}
	}
	if len(list) == 0 {
		return errors.New("no axes")
	}
	return nil
}

func reducedShape(n *Node, in []int) ([]int, error) {
	if err := axes(n.Axes, len(in)); err != nil {
		return nil, err
	}
	kept, dropped := slices.Clone(in), make([]int, 0, len(in))
	for k, d := range in {
		if slices.Contains(n.Axes, k) {
			kept[k] = 1
		} else {
			dropped = append(dropped, d)
		}
	}
	if len(n.Shape) == len(in) {
		return kept, nil
	}
	return dropped, nil
}

func concatShape(g *Graph, n *Node, in []int) ([]int, error) {
	if len(n.Axes) != 1 {
		return nil, errors.New("axes " + Format(n.Axes) + ": there must be one")
	}
	if err := axes(n.Axes, len(in)); err != nil {
		return nil, err
	}
	axis, out := n.Axes[0], slices.Clone(in)
	for _, j := range n.In[1:] {
		shape := slices.Clone(g.Nodes[j].Shape)
		if len(shape) == len(out) {
			out[axis] += shape[axis]
			shape[axis] = out[axis]
		}
		if !slices.Equal(shape, out) {
			return nil, errors.New("inputs " + Format(in) + " and " + Format(g.Nodes[j].Shape) + " do not concatenate along axis " + strconv.Itoa(axis))
		}
		if out[axis] > MaxElements {
			return nil, errors.New("the axis is longer than " + strconv.Itoa(MaxElements))
		}
	}
	return out, nil
}

func slicedShape(n *Node, in []int) ([]int, error) {
	if len(n.Start) != len(in) || len(n.Shape) != len(in) || len(n.Step) != 0 && len(n.Step) != len(in) {
		return nil, errors.New("the input is " + Format(in) + ": Start, Step and Shape must have as many axes")
	}
	for k, start := range n.Start {
		step := int64(1)
		if len(n.Step) > 0 {
			step = int64(n.Step[k])
		}
		if start < 0 || start >= in[k] || step < 1 || step > MaxElements || int64(start)+int64(n.Shape[k]-1)*step >= int64(in[k]) {
			return nil, errors.New("the input is " + Format(in) + ": start " + Format(n.Start) + ", step " + Format(n.Step) + " and shape " + Format(n.Shape) + " pass its end")
		}
	}
	return n.Shape, nil
}
