package deploy

// Build is the way back from a network to GoMLX, for those who want to compare engines.

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	net "gsmlab/infer/graph"
)

// Build builds the network with GoMLX's operations, dense, its weights as constants. The first axis
// of x is the batch. The network must pass graph.Check and have one input. Like all functions that
// build a GoMLX graph it panics where GoMLX does.
func Build(g *net.Graph, x *graph.Node) []*graph.Node {
	b := &rebuilder{graph: g, x: x, batch: x.Shape().Dim(0), nodes: make([]*graph.Node, len(g.Nodes))}
	for i := range g.Nodes {
		b.nodes[i] = b.node(&g.Nodes[i])
	}
	var outs []*graph.Node
	for _, o := range g.Outputs {
		outs = append(outs, b.full(b.nodes[o]))
	}
	return outs
}

// rebuilder builds node by node. Each has an axis for the batch in front, of 1 where the value is a
// constant.
type rebuilder struct {
	graph *net.Graph
	x     *graph.Node
	batch int
	nodes []*graph.Node
}

// unaries are the operations of one input without parameters.
var unaries = map[net.Op]func(*graph.Node) *graph.Node{
	net.Relu:    func(x *graph.Node) *graph.Node { return graph.Max(x, graph.ZerosLike(x)) },
	net.Sigmoid: graph.Sigmoid, net.Tanh: graph.Tanh, net.Exp: graph.Exp, net.Expm1: graph.Expm1, net.Log: graph.Log,
	net.Log1p: graph.Log1p, net.Erf: graph.Erf, net.Neg: graph.Neg, net.Abs: graph.Abs, net.Sign: graph.Sign, net.Sqrt: graph.Sqrt,
	net.Rsqrt: graph.Rsqrt, net.Floor: graph.Floor, net.Ceil: graph.Ceil, net.Round: graph.Round, net.Sin: graph.Sin, net.Cos: graph.Cos,
	net.Not:   graph.LogicalNot,
	net.Swish: func(x *graph.Node) *graph.Node { return graph.Mul(x, graph.Sigmoid(x)) },
	net.Gelu: func(x *graph.Node) *graph.Node {
		return graph.Mul(x, graph.MulScalar(graph.OnePlus(graph.Erf(graph.MulScalar(x, rootHalf))), 0.5))
	},
	net.GeluTanh: func(x *graph.Node) *graph.Node {
		inner := graph.MulScalar(graph.Add(x, graph.MulScalar(graph.Mul(x, graph.Square(x)), 0.044715)), rootTwoByPi)
		return graph.Mul(x, graph.MulScalar(graph.OnePlus(graph.Tanh(inner)), 0.5))
	},
}

const (
	rootHalf    = 0.7071067811865476
	rootTwoByPi = 0.7978845608028654
)

var binaries = map[net.Op]func(a, b *graph.Node) *graph.Node{
	net.Add: graph.Add, net.Sub: graph.Sub, net.Mul: graph.Mul, net.Div: graph.Div, net.Max: graph.Max, net.Min: graph.Min,
	net.Pow: graph.Pow, net.Equal: graph.Equal, net.NotEqual: graph.NotEqual, net.Less: graph.LessThan, net.LessOrEqual: graph.LessOrEqual,
	net.Greater: graph.GreaterThan, net.GreaterOrEqual: graph.GreaterOrEqual, net.And: graph.LogicalAnd, net.Or: graph.LogicalOr,
}

var reducers = map[net.Op]func(x *graph.Node, axes ...int) *graph.Node{
	net.ReduceSum: graph.ReduceSum, net.ReduceMean: graph.ReduceMean, net.ReduceMax: graph.ReduceMax, net.ReduceMin: graph.ReduceMin,
}

func (b *rebuilder) node(n *net.Node) *graph.Node {
	in := make([]*graph.Node, len(n.In))
	for i, j := range n.In {
		in[i] = b.nodes[j]
	}
	switch {
	case n.Op.Unary():
		return b.unary(n, n.Op, in[0])
	case n.Op.Binary():
		return binaries[n.Op](b.widen(in[0], len(n.Shape)), b.widen(in[1], len(n.Shape)))
	case n.Op.Reduction():
		y := reducers[n.Op](in[0], behind(n.Axes)...)
		return graph.Reshape(y, append([]int{y.Shape().Dim(0)}, n.Shape...)...)
	case n.Op.Pool():
		return b.pool(n, b.full(in[0]))
	}
	switch n.Op {
	case net.Input:
		if n.Type == net.Float {
			return b.x
		}
		return graph.ConvertDType(b.x, dtypes.Int32)
	case net.Const:
		return b.constant(n.Type, append([]int{1}, n.Shape...), n.Values)
	case net.Dense:
		x := b.full(in[0])
		w := b.constant(net.Float, n.Weights.Shape, n.Weights.Values)
		y := graph.Dot(graph.Reshape(x, -1, n.Weights.Shape[0]), w).Product()
		return b.layer(n, graph.Reshape(y, append([]int{b.batch}, n.Shape...)...))
	case net.Conv2D:
		w := b.constant(net.Float, n.Weights.Shape, n.Weights.Values)
		conv := graph.Convolve(b.full(in[0]), w).PaddingPerDim(pairs(n.Pads)).ChannelGroupCount(max(1, n.Groups))
		// GoMLX takes strides or dilations, not both
		if s := ones(n.Stride); s != [2]int{1, 1} {
			conv = conv.StridePerAxis(s[:]...)
		}
		if d := ones(n.Dilation); d != [2]int{1, 1} {
			conv = conv.DilationPerAxis(d[:]...)
		}
		return b.layer(n, conv.Done())
	case net.MatMul:
		return b.matMul(n, b.full(in[0]), b.full(in[1]))
	case net.Embed:
		table := b.constant(net.Float, n.Weights.Shape, n.Weights.Values)
		at := graph.ClipScalar(graph.ConvertDType(in[0], dtypes.Int32), 0, float64(n.Weights.Shape[0]-1))
		return graph.Gather(table, graph.InsertAxes(at, -1))
	case net.Select:
		shape := append([]int{b.batch}, n.Shape...)
		for i := range in {
			in[i] = graph.BroadcastToDims(b.widen(in[i], len(n.Shape)), shape...)
		}
		return graph.Where(in[0], in[1], in[2])
	case net.Softmax:
		return graph.Softmax(in[0], behind(n.Axes)...)
	case net.LogSoftmax:
		return graph.LogSoftmax(in[0], behind(n.Axes)...)
	case net.Reshape:
		return graph.Reshape(in[0], append([]int{in[0].Shape().Dim(0)}, n.Shape...)...)
	case net.Transpose:
		return graph.TransposeAllAxes(in[0], append([]int{0}, behind(n.Axes)...)...)
	case net.Concat:
		for i := range in {
			in[i] = b.full(in[i])
		}
		return graph.Concatenate(in, n.Axes[0]+1)
	case net.Slice:
		ranges := []graph.SliceAxisSpec{graph.AxisRange()}
		for a, start := range n.Start {
			step := 1
			if len(n.Step) > 0 {
				step = n.Step[a]
			}
			ranges = append(ranges, graph.AxisRange(start, start+(n.Shape[a]-1)*step+1).Stride(step))
		}
		return graph.Slice(in[0], ranges...)
	case net.Pad:
		axes := []graph.PadAxis{{}}
		for a := range n.Low {
			axes = append(axes, graph.PadAxis{Start: n.Low[a], End: n.High[a]})
		}
		return graph.Pad(in[0], graph.Scalar(b.x.Graph(), in[0].DType(), n.Fill), axes...)
	case net.Broadcast:
		return graph.BroadcastToDims(b.widen(in[0], len(n.Shape)), append([]int{in[0].Shape().Dim(0)}, n.Shape...)...)
	}
	panic(fmt.Errorf("deploy: operation %s cannot be built", n.Op))
}

// layer adds a layer's bias and activation.
func (b *rebuilder) layer(n *net.Node, y *graph.Node) *graph.Node {
	if len(n.Bias) > 0 {
		bias := b.constant(net.Float, []int{len(n.Bias)}, n.Bias)
		y = graph.Add(y, graph.ExpandLeftToRank(bias, y.Rank()))
	}
	if n.Act != net.None {
		y = b.unary(n, n.Act, y)
	}
	return y
}

// unary is an operation of one input, whose parameters are those of the node.
func (b *rebuilder) unary(n *net.Node, op net.Op, x *graph.Node) *graph.Node {
	zero := func() *graph.Node { return graph.ScalarZero(x.Graph(), x.DType()) }
	alpha := float64(n.Alpha)
	switch op {
	case net.LeakyRelu:
		return graph.Where(graph.GreaterThan(x, zero()), x, graph.MulScalar(x, alpha))
	case net.Elu:
		return graph.Where(graph.GreaterThan(x, zero()), x, graph.MulScalar(graph.Expm1(x), alpha))
	case net.Convert:
		if n.Type == net.Bool {
			return graph.NotEqual(x, zero())
		}
		return graph.ConvertDType(x, dtypeOf(n.Type))
	}
	return unaries[op](x)
}

func (b *rebuilder) pool(n *net.Node, x *graph.Node) *graph.Node {
	var p *graph.PoolBuilder
	switch n.Op {
	case net.MaxPool:
		p = graph.MaxPool(x)
	case net.SumPool:
		p = graph.SumPool(x)
	default:
		p = graph.MeanPool(x)
	}
	stride := ones(n.Stride)
	p = p.WindowPerAxis(n.Window[:]...).StridePerAxis(stride[:]...)
	if n.Pads != [4]int{} {
		p = p.PaddingPerDim(pairs(n.Pads))
	}
	if d := ones(n.Dilation); d != [2]int{1, 1} {
		panic(fmt.Errorf("deploy: GoMLX has no pools with a dilation"))
	}
	return p.Done()
}

// matMul multiplies the last two axes.
func (b *rebuilder) matMul(n *net.Node, x, y *graph.Node) *graph.Node {
	r := x.Rank()
	common := make([]int, r-2)
	for i := range common {
		common[i] = i
	}
	contract := r - 2
	if n.TransposeB {
		contract = r - 1
	}
	return graph.DotGeneral(x, []int{r - 1}, common, y, []int{contract}, common)
}

// constant makes a constant of a network's numbers.
func (b *rebuilder) constant(t net.Type, dims []int, values []float32) *graph.Node {
	c := graph.ConstTensor(b.x.Graph(), tensors.FromFlatDataAndDimensions(slices.Clone(values), dims...))
	if t == net.Bool {
		return graph.NotEqual(c, graph.ScalarZero(c.Graph(), c.DType()))
	}
	return graph.ConvertDType(c, dtypeOf(t))
}

func dtypeOf(t net.Type) dtypes.DType {
	return map[net.Type]dtypes.DType{net.Float: dtypes.Float32, net.Int: dtypes.Int32, net.Bool: dtypes.Bool}[t]
}

// widen adds axes of 1 behind the batch, for numpy's rule of broadcasting.
func (b *rebuilder) widen(x *graph.Node, rank int) *graph.Node {
	dims := x.Shape().Dimensions
	if len(dims)-1 == rank {
		return x
	}
	wide := append([]int{dims[0]}, slices.Repeat([]int{1}, rank-(len(dims)-1))...)
	return graph.Reshape(x, append(wide, dims[1:]...)...)
}

// full repeats a constant for each image.
func (b *rebuilder) full(x *graph.Node) *graph.Node {
	if x.Shape().Dim(0) == b.batch {
		return x
	}
	return graph.BroadcastToShape(x, shapes.Make(x.DType(), append([]int{b.batch}, x.Shape().Dimensions[1:]...)...))
}

// behind moves axes behind the batch.
func behind(axes []int) []int {
	out := make([]int, len(axes))
	for i, a := range axes {
		out[i] = a + 1
	}
	return out
}

func pairs(p [4]int) [][2]int { return [][2]int{{p[0], p[1]}, {p[2], p[3]}} }

// ones replaces zeros, which stand for 1.
func ones(p [2]int) [2]int { return [2]int{max(1, p[0]), max(1, p[1])} }
