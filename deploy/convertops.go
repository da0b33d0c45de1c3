// One converter for each kind of operation: from a value of the tape to a node.

package deploy

import (
	"math"
	"slices"

	"github.com/gomlx/compute"

	net "gsmlab/infer/graph"
)

// elementwise are the operations that a graph has as they are.
var elementwise = map[compute.OpType]net.Op{
	compute.OpTypeAbs: net.Abs, compute.OpTypeCeil: net.Ceil, compute.OpTypeCos: net.Cos, compute.OpTypeErf: net.Erf,
	compute.OpTypeExp: net.Exp, compute.OpTypeExpm1: net.Expm1, compute.OpTypeFloor: net.Floor, compute.OpTypeLog: net.Log,
	compute.OpTypeLog1p: net.Log1p, compute.OpTypeLogicalNot: net.Not, compute.OpTypeLogistic: net.Sigmoid, compute.OpTypeNeg: net.Neg,
	compute.OpTypeRound: net.Round, compute.OpTypeRsqrt: net.Rsqrt, compute.OpTypeSign: net.Sign, compute.OpTypeSin: net.Sin,
	compute.OpTypeSqrt: net.Sqrt, compute.OpTypeTanh: net.Tanh, compute.OpTypeConvertDType: net.Convert,
	compute.OpTypeAdd: net.Add, compute.OpTypeSub: net.Sub, compute.OpTypeMul: net.Mul, compute.OpTypeDiv: net.Div,
	compute.OpTypeMax: net.Max, compute.OpTypeMin: net.Min, compute.OpTypePow: net.Pow,
	compute.OpTypeEqual: net.Equal, compute.OpTypeNotEqual: net.NotEqual, compute.OpTypeLessThan: net.Less,
	compute.OpTypeLessOrEqual: net.LessOrEqual, compute.OpTypeGreaterThan: net.Greater, compute.OpTypeGreaterOrEqual: net.GreaterOrEqual,
	compute.OpTypeLogicalAnd: net.And, compute.OpTypeLogicalOr: net.Or, compute.OpTypeWhere: net.Select,
}

var reductions = map[compute.OpType]net.Op{
	compute.OpTypeReduceSum: net.ReduceSum, compute.OpTypeReduceMax: net.ReduceMax, compute.OpTypeReduceMin: net.ReduceMin,
}

// convert makes the nodes of one operation, whose operands are placed.
func (c *converter) convert(v *value) (placed, error) {
	if op, ok := elementwise[v.op]; ok {
		return c.elementwise(v, op)
	}
	if op, ok := reductions[v.op]; ok {
		return c.reduction(v, op)
	}
	switch v.op {
	case compute.OpTypeParameter:
		return c.place(v, net.Node{Op: net.Input})
	case compute.OpTypeIdentity:
		return c.dynamic(v.in[0])
	case compute.OpTypeIsFinite, compute.OpTypeIsNaN:
		return c.finite(v)
	case compute.OpTypeClamp:
		return c.clamp(v)
	case compute.OpTypeReshape:
		return c.reshape(v)
	case compute.OpTypeTranspose:
		return c.transpose(v)
	case compute.OpTypeBroadcastInDim:
		return c.broadcast(v)
	case compute.OpTypeConcatenate:
		return c.concatenate(v)
	case compute.OpTypeSlice:
		return c.slice(v)
	case compute.OpTypePad:
		return c.pad(v)
	case compute.OpTypeFusedSoftmax, compute.OpTypeFusedGelu:
		return c.fused(v)
	case compute.OpTypeDotGeneral:
		return c.dot(v)
	case compute.OpTypeConvGeneral:
		return c.conv(v)
	case compute.OpTypeReduceWindow:
		return c.window(v)
	case compute.OpTypeGather:
		return c.gather(v)
	}
	return placed{}, unsupported(v, "a network for inference has no such operation")
}

func (c *converter) elementwise(v *value, op net.Op) (placed, error) {
	if op == net.Convert && isFloat(v) && isFloat(v.in[0]) {
		return c.dynamic(v.in[0]) // numbers are float32 throughout
	}
	axis, times, err := c.batchAxis(v)
	if err != nil {
		return placed{}, err
	}
	n := net.Node{Op: op}
	for _, in := range v.in {
		node, err := c.operand(in, placed{axis: axis, times: times})
		if err != nil {
			return placed{}, err
		}
		n.In = append(n.In, node)
	}
	return c.place(v, n)
}

// finite compares: only NaN differs from itself, and only it and the infinities are not below
// infinity.
func (c *converter) finite(v *value) (placed, error) {
	p, err := c.dynamic(v.in[0])
	if err != nil {
		return p, err
	}
	if v.op == compute.OpTypeIsNaN {
		return c.place(v, net.Node{Op: net.NotEqual, In: []int{p.node, p.node}})
	}
	size := c.add(net.Node{Op: net.Abs, In: []int{p.node}, Shape: c.graph.Nodes[p.node].Shape})
	limit := c.add(net.Node{Op: net.Const, Values: []float32{float32(math.Inf(1))}})
	return c.place(v, net.Node{Op: net.Less, In: []int{size, limit}})
}

func (c *converter) clamp(v *value) (placed, error) {
	axis, times, err := c.batchAxis(v)
	if err != nil {
		return placed{}, err
	}
	var in [3]int
	for i := range in {
		if in[i], err = c.operand(v.in[i], placed{axis: axis, times: times}); err != nil {
			return placed{}, err
		}
	}
	p, err := c.place(v, net.Node{Op: net.Max, In: []int{in[1], in[0]}})
	if err != nil {
		return p, err
	}
	return c.place(v, net.Node{Op: net.Min, In: []int{p.node, in[2]}})
}

// reduction reduces axes, none of which may be the batch.
func (c *converter) reduction(v *value, op net.Op) (placed, error) {
	p, axes, err := c.imageAxes(v, v.attrs.(axesAttrs).axes)
	if err != nil {
		return p, err
	}
	slices.Sort(axes)
	return c.place(v, net.Node{Op: op, In: []int{p.node}, Axes: axes})
}

// imageAxes are the node's axes of the first operand for axes of the model, none of which may be
// the batch.
func (c *converter) imageAxes(v *value, axes []int) (p placed, at []int, err error) {
	if p, err = c.dynamic(v.in[0]); err != nil {
		return p, nil, err
	}
	for _, a := range axes {
		if a == p.axis {
			return p, nil, unsupported(v, "it works along the batch axis: a network for inference treats each image alone")
		}
		at = append(at, p.at(a))
	}
	return p, at, nil
}

func (c *converter) fused(v *value) (placed, error) {
	if g, ok := v.attrs.(geluAttrs); ok {
		op := net.GeluTanh
		if g.exact {
			op = net.Gelu
		}
		p, err := c.dynamic(v.in[0])
		if err != nil {
			return p, err
		}
		return c.place(v, net.Node{Op: op, In: []int{p.node}})
	}
	p, axes, err := c.imageAxes(v, v.attrs.(axesAttrs).axes)
	if err != nil {
		return p, err
	}
	return c.place(v, net.Node{Op: net.Softmax, In: []int{p.node}, Axes: axes})
}

// reshape keeps the order of numbers. It is one of each image alone where as many numbers stand
// before the batch axis as after it.
func (c *converter) reshape(v *value) (placed, error) {
	p, err := c.dynamic(v.in[0])
	if err != nil {
		return p, err
	}
	axis, _, err := c.batchAxis(v)
	if err != nil {
		return p, err
	}
	if axis >= 0 && net.Elements(v.in[0].shape.Dimensions[:p.axis]) != net.Elements(v.shape.Dimensions[:axis]) {
		return p, unsupported(v, "from %s to %s it mixes the images of a batch: a network for inference treats each image alone", v.in[0].shape, v.shape)
	}
	return c.place(v, net.Node{Op: net.Reshape, In: []int{p.node}})
}

func (c *converter) transpose(v *value) (placed, error) {
	p, err := c.dynamic(v.in[0])
	if err != nil {
		return p, err
	}
	var axes []int
	for _, a := range v.attrs.(axesAttrs).axes {
		if a != p.axis || p.times != 1 {
			axes = append(axes, p.at(a))
		}
	}
	return c.place(v, net.Node{Op: net.Transpose, In: []int{p.node}, Axes: axes})
}

// broadcast repeats a value along new axes or axes of 1.
func (c *converter) broadcast(v *value) (placed, error) {
	p, err := c.dynamic(v.in[0])
	if err != nil {
		return p, err
	}
	axis, times, err := c.batchAxis(v)
	if err != nil {
		return p, err
	}
	to := v.attrs.(broadcastAttrs).axes
	if axis != to[p.axis] {
		return p, unsupported(v, "it moves the batch axis: a network for inference treats each image alone")
	}
	// axes of 1 where the value is to repeat
	wide := slices.Repeat([]int{1}, v.shape.Rank())
	for i, a := range to {
		wide[a] = v.in[0].shape.Dimensions[i]
	}
	if wide[axis] = times; times == 1 {
		wide = slices.Delete(wide, axis, axis+1)
	}
	node := p.node
	if !slices.Equal(wide, c.graph.Nodes[node].Shape) {
		node = c.add(net.Node{Op: net.Reshape, In: []int{node}, Shape: wide, Type: c.graph.Nodes[node].Type})
	}
	return c.place(v, net.Node{Op: net.Broadcast, In: []int{node}})
}

// concatenate joins values along an axis that is not the batch. A constant is spelled out.
func (c *converter) concatenate(v *value) (placed, error) {
	axis, times, err := c.batchAxis(v)
	if err != nil {
		return placed{}, err
	}
	p := placed{axis: axis, times: times}
	along := v.attrs.(axesAttrs).axes[0]
	if along == axis {
		return p, unsupported(v, "it works along the batch axis: a network for inference treats each image alone")
	}
	n := net.Node{Op: net.Concat, Axes: []int{p.at(along)}}
	for _, in := range v.in {
		node, err := c.operand(in, p)
		if err != nil {
			return p, err
		}
		if in.constant {
			if want := p.shape(in); !slices.Equal(want, c.graph.Nodes[node].Shape) {
				node = c.add(net.Node{Op: net.Broadcast, In: []int{node}, Shape: want, Type: c.graph.Nodes[node].Type})
			}
		}
		n.In = append(n.In, node)
	}
	return c.place(v, n)
}

func (c *converter) slice(v *value) (placed, error) {
	p, err := c.dynamic(v.in[0])
	if err != nil {
		return p, err
	}
	s := v.attrs.(sliceAttrs)
	n := net.Node{Op: net.Slice, In: []int{p.node}}
	for a, d := range v.in[0].shape.Dimensions {
		if a == p.axis {
			if s.starts[a] != 0 || s.limits[a] != d || s.strides[a] != 1 {
				return p, unsupported(v, "it works along the batch axis: a network for inference treats each image alone")
			}
			if p.times == 1 {
				continue
			}
		}
		n.Start, n.Step = append(n.Start, s.starts[a]), append(n.Step, s.strides[a])
	}
	return c.place(v, n)
}

func (c *converter) pad(v *value) (placed, error) {
	p, err := c.dynamic(v.in[0])
	if err != nil {
		return p, err
	}
	if !v.in[1].constant {
		return p, unsupported(v, "it pads with a computed value")
	}
	fill, err := c.floats(v.in[1])
	if err != nil {
		return p, err
	}
	n := net.Node{Op: net.Pad, In: []int{p.node}, Fill: fill[0]}
	axes := v.attrs.(padAttrs).axes
	for a := range v.shape.Rank() {
		var q compute.PadAxis
		if a < len(axes) {
			q = axes[a]
		}
		switch {
		case q.Interior != 0 || q.Start < 0 || q.End < 0:
			return p, unsupported(v, "it pads between values, or cuts")
		case a == p.axis && q != (compute.PadAxis{}):
			return p, unsupported(v, "it works along the batch axis: a network for inference treats each image alone")
		case a == p.axis && p.times == 1:
			continue
		}
		n.Low, n.High = append(n.Low, q.Start), append(n.High, q.End)
	}
	return c.place(v, n)
}

// gather is the lookup of rows in a table of constants: an embedding.
func (c *converter) gather(v *value) (placed, error) {
	table, indices := v.in[0], v.in[1]
	a := v.attrs.(gatherAttrs)
	if !table.constant || indices.constant {
		return placed{}, unsupported(v, "only the lookup of rows in a table of weights is supported")
	}
	p, err := c.dynamic(indices)
	if err != nil {
		return p, err
	}
	dims, last := table.shape.Dimensions, indices.shape.Rank()-1
	rows := table.shape.Rank() == 2 && slices.Equal(a.startMap, []int{0}) && slices.Equal(a.collapsedAxes, []int{0}) &&
		slices.Equal(a.sliceSizes, []int{1, dims[1]}) && slices.Equal(a.offsetAxes, []int{v.shape.Rank() - 1}) &&
		(a.indexVectorAxis == last+1 || a.indexVectorAxis == last && indices.shape.Dim(last) == 1 && p.axis != last)
	if !rows {
		return p, unsupported(v, "only the lookup of rows in a table of weights is supported")
	}
	values, err := c.floats(table)
	if err != nil {
		return p, err
	}
	node := p.node
	if a.indexVectorAxis == last {
		shape := c.graph.Nodes[node].Shape
		node = c.add(net.Node{Op: net.Reshape, In: []int{node}, Shape: slices.Clone(shape[:len(shape)-1]), Type: net.Int})
	}
	return c.place(v, net.Node{Op: net.Embed, In: []int{node}, Weights: net.Tensor{Shape: slices.Clone(dims), Values: values}})
}
