// The networks that tests record: those of package models, and what common layers of GoMLX emit.

package deploy

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors/images"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/layers/attention"
	"github.com/gomlx/gomlx/ml/layers/norm"
	"github.com/gomlx/gomlx/ml/model"

	net "gsmlab/infer/graph"
	"gsmlab/models"
)

// network is a case: a model function and the shape of one input.
type network struct {
	name  string
	f     Model
	input shapes.Shape
	// how many nodes of an operation the optimized network has; nil asks nothing
	nodes map[net.Op]int
}

func floatInput(dims ...int) shapes.Shape { return shapes.Make(dtypes.Float32, dims...) }

// own is the network of notebook 05.
func own(scope *model.Scope, images *graph.Node) *graph.Node {
	x := images
	for i, channels := range []int{8, 16} {
		stem := layers.Convolution(scope.In("stem_%d", i), x)
		x = activation.Relu(stem.KernelSize(3).Strides(2).PadSame().Channels(channels).Done())
	}
	x = graph.Reshape(x, x.Shape().Dim(0), -1)
	x = activation.Relu(layers.Dense(scope.In("squeeze"), x, true, 128))
	for i := range 2 {
		block := scope.In("block_%d", i)
		y := activation.Relu(layers.Dense(block.In("up"), x, true, 128))
		x = graph.Add(x, layers.Dense(block.In("down"), y, true, 128))
	}
	return layers.Dense(scope.In("classes"), x, true, 10)
}

// zoo are the networks of package models. Deep ones get small images: each layer is there.
func zoo() []network {
	small := map[string][]int{"resnet-50": {16, 16, 3}, "densenet-40": {8, 8, 3}, "resnet-56": {8, 8, 3}, "resnet-56-projection": {8, 8, 3}}
	want := map[string]map[net.Op]int{
		"lenet-300-100": {net.Dense: 3, net.Reshape: 1, net.Input: 1},
		"lenet-5":       {net.Conv2D: 2, net.Dense: 2, net.MaxPool: 2, net.Reshape: 1, net.Input: 1},
		"mlp-digits":    {net.Dense: 3, net.Reshape: 1, net.Input: 1},
		"resnet-50":     {net.Conv2D: 53, net.Dense: 1, net.MaxPool: 1, net.ReduceSum: 1, net.Input: 1, net.Add: 16, net.Relu: 16},
	}
	var list []network
	for _, m := range models.All() {
		dims := small[m.Name]
		if dims == nil {
			dims = m.Image[:]
		}
		list = append(list, network{name: m.Name, f: m.Logits, input: floatInput(dims...), nodes: want[m.Name]})
	}
	return append(list, network{name: "notebook 05", f: own, input: floatInput(28, 28, 1), nodes: map[net.Op]int{net.Conv2D: 2, net.Dense: 6, net.Reshape: 1, net.Add: 2, net.Input: 1}})
}

// unaryCase applies a function after a dense layer.
func unaryCase(name string, f func(x *graph.Node) *graph.Node, nodes map[net.Op]int) network {
	return network{name: name, input: floatInput(5), nodes: nodes, f: func(scope *model.Scope, x *graph.Node) *graph.Node {
		return f(layers.Dense(scope.In("fc"), x, true, 12))
	}}
}

// parts are what common layers of GoMLX emit.
func parts() []network {
	fused := map[net.Op]int{net.Input: 1, net.Dense: 1}
	list := []network{
		unaryCase("relu", activation.Relu, fused), unaryCase("leaky", activation.LeakyRelu, fused),
		unaryCase("sigmoid", graph.Sigmoid, fused), unaryCase("tanh", graph.Tanh, fused), unaryCase("swish", activation.Swish, fused),
		unaryCase("gelu", activation.Gelu, fused), unaryCase("gelu approximate", activation.GeluApproximate, nil),
		unaryCase("hard sigmoid", activation.HardSigmoid, nil), unaryCase("hard swish", activation.HardSwish, nil),
		unaryCase("selu", activation.Selu, nil), unaryCase("swiglu", activation.SwiGLU, nil),
		unaryCase("softmax", func(x *graph.Node) *graph.Node { return graph.Softmax(x) }, map[net.Op]int{net.Input: 1, net.Dense: 1, net.Softmax: 1}),
		unaryCase("log softmax", func(x *graph.Node) *graph.Node { return graph.LogSoftmax(x) }, nil),
		unaryCase("softplus", graph.Softplus, nil),
		unaryCase("clip", func(x *graph.Node) *graph.Node { return graph.ClipScalar(x, -0.2, 0.3) }, nil),
		unaryCase("arithmetic", func(x *graph.Node) *graph.Node {
			y := graph.Abs(graph.Sub(graph.Exp(x), graph.OneMinus(x)))
			return graph.Div(graph.Sqrt(graph.AddScalar(y, 1)), graph.AddScalar(graph.Square(x), 0.5))
		}, nil),
		unaryCase("mean and deviation", func(x *graph.Node) *graph.Node {
			return graph.Concatenate([]*graph.Node{graph.ReduceAndKeep(x, graph.ReduceMean, -1), graph.ReduceAndKeep(x, graph.ReduceMax, 1), graph.ReduceAndKeep(x, graph.ReduceMin, -1)}, 1)
		}, nil),
		unaryCase("constant parts", func(x *graph.Node) *graph.Node {
			zeros := graph.Zeros(x.Graph(), shapes.Make(x.DType(), x.Shape().Dim(0), 3))
			return graph.Concatenate([]*graph.Node{zeros, x, graph.Iota(x.Graph(), shapes.Make(x.DType(), x.Shape().Dim(0), 2), 1)}, -1)
		}, nil),
		unaryCase("layer norm", nil, nil),
	}
	list[len(list)-1].f = func(scope *model.Scope, x *graph.Node) *graph.Node {
		x = norm.LayerNorm(scope.In("norm"), layers.Dense(scope.In("fc"), x, true, 12), -1).Done()
		return layers.Dense(scope.In("out"), x, false, 3)
	}
	list = append(list, convs()...)
	return append(append(list, sequences()...), strangers()...)
}

// conv is a case with convolutions of an image of 9x8 with 4 channels.
func conv(name string, nodes map[net.Op]int, f Model) network {
	return network{name: name, input: floatInput(9, 8, 4), f: f, nodes: nodes}
}

// kernelOf is a variable of the scope.
func kernelOf(scope *model.Scope, x *graph.Node, name string, dims ...int) *graph.Node {
	return scope.VariableWithShape(name, shapes.Make(dtypes.Float32, dims...)).NodeValue(x.Graph())
}

// part is the part of an image that begins at row i and column j.
func part(x *graph.Node, i, j, h, w int) *graph.Node {
	return graph.Slice(x, graph.AxisRange(), graph.AxisRange(i, i+h), graph.AxisRange(j, j+w), graph.AxisRange())
}

// normed has batch norm as the backend's operation, or spelled out. GoMLX's pure-Go backend does
// not have that operation.
func normed(ofBackend bool) Model {
	return func(scope *model.Scope, x *graph.Node) *graph.Node {
		_, recording := x.Graph().Backend().(*tape)
		y := layers.Convolution(scope.In("conv"), x).Channels(6).KernelSize(3).PadSame().Done()
		return activation.Relu(norm.BatchNorm(scope.In("norm"), y, -1).UseBackendInference(ofBackend && recording).Done())
	}
}

func convs() []network {
	one := map[net.Op]int{net.Input: 1, net.Conv2D: 1}
	pooled := func(op net.Op) map[net.Op]int { return map[net.Op]int{net.Input: 1, op: 1} }
	return []network{
		conv("convolution, stride and same padding", one, func(scope *model.Scope, x *graph.Node) *graph.Node {
			return activation.Relu(layers.Convolution(scope, x).Channels(6).KernelSize(3).Strides(2).PadSame().Done())
		}),
		conv("convolution, dilation", one, func(scope *model.Scope, x *graph.Node) *graph.Node {
			return layers.Convolution(scope, x).Channels(6).KernelSize(3).DilationPerAxis(2, 1).NoPadding().Done()
		}),
		conv("convolution, groups", one, func(scope *model.Scope, x *graph.Node) *graph.Node {
			return graph.Convolve(x, kernelOf(scope, x, "weights", 3, 3, 2, 6)).ChannelGroupCount(2).PadSame().Done()
		}),
		conv("convolution of each channel", one, func(scope *model.Scope, x *graph.Node) *graph.Node {
			return graph.Convolve(x, kernelOf(scope, x, "weights", 3, 3, 1, 4)).ChannelGroupCount(4).PadSame().Done()
		}),
		conv("convolution, channels first", nil, func(scope *model.Scope, x *graph.Node) *graph.Node {
			return layers.Convolution(scope, x).Channels(6).KernelSize(3).ChannelsAxis(images.ChannelsFirst).NoPadding().Done()
		}),
		{name: "convolution of a sequence", input: floatInput(9, 4), nodes: nil, f: func(scope *model.Scope, x *graph.Node) *graph.Node {
			return activation.Relu(layers.Convolution(scope, x).Channels(6).KernelSize(3).PadSame().Done())
		}},
		conv("patches", one, func(scope *model.Scope, x *graph.Node) *graph.Node {
			var parts []*graph.Node
			for i := range 3 {
				for j := range 2 {
					parts = append(parts, part(x, i, j, 7, 7))
				}
			}
			y := graph.Dot(graph.Reshape(graph.Concatenate(parts, -1), -1, 24), graph.Reshape(kernelOf(scope, x, "weights", 3, 2, 4, 5), -1, 5)).Product()
			return graph.Reshape(y, -1, 7, 7, 5)
		}),
		conv("shifted products", one, func(scope *model.Scope, x *graph.Node) *graph.Node {
			zero := graph.ScalarZero(x.Graph(), x.DType())
			border := graph.Pad(x, zero, graph.PadAxis{}, graph.PadAxis{Start: 1, End: 1}, graph.PadAxis{Start: 1, End: 1}, graph.PadAxis{})
			var sum *graph.Node
			for i := range 3 {
				for j := range 3 {
					y := graph.DotGeneral(part(border, i, j, 9, 8), []int{3}, nil, kernelOf(scope, x, string(rune('a'+3*i+j)), 4, 5), []int{0}, nil)
					if sum == nil {
						sum = y
					} else {
						sum = graph.Add(sum, y)
					}
				}
			}
			return sum
		}),
		conv("shifted, and a convolution along the other axis", one, func(scope *model.Scope, x *graph.Node) *graph.Node {
			// as package models shifts images for gradients
			diagonal := graph.DiagonalWithValue(graph.ScalarOne(x.Graph(), x.DType()), 12)
			border := [][2]int{{0, 0}, {1, 1}}
			y := graph.Convolve(x, graph.Reshape(diagonal, 1, 3, 4, 12)).PaddingPerDim(border).Done()
			border = [][2]int{{1, 1}, {0, 0}}
			return activation.Relu(graph.Convolve(y, kernelOf(scope, x, "weights", 3, 1, 12, 5)).Strides(2).PaddingPerDim(border).Done())
		}),
		conv("shifted, and a product", one, func(scope *model.Scope, x *graph.Node) *graph.Node {
			diagonal := graph.DiagonalWithValue(graph.ScalarOne(x.Graph(), x.DType()), 12)
			y := graph.Convolve(x, graph.Reshape(diagonal, 3, 1, 4, 12)).PaddingPerDim([][2]int{{1, 1}, {0, 0}}).Done()
			return graph.DotGeneral(y, []int{3}, nil, kernelOf(scope, x, "weights", 12, 5), []int{0}, nil)
		}),
		conv("shifted across a border", nil, func(scope *model.Scope, x *graph.Node) *graph.Node {
			diagonal := graph.DiagonalWithValue(graph.ScalarOne(x.Graph(), x.DType()), 12)
			border := [][2]int{{0, 0}, {1, 1}}
			y := graph.Convolve(x, graph.Reshape(diagonal, 1, 3, 4, 12)).PaddingPerDim(border).Done()
			// its border is zero where a composed kernel would see the image
			return graph.Convolve(y, kernelOf(scope, x, "weights", 1, 3, 12, 5)).PaddingPerDim(border).Done()
		}),
		conv("patches with a stride", one, func(scope *model.Scope, x *graph.Node) *graph.Node {
			var parts []*graph.Node
			for i := range 3 {
				for j := range 3 {
					parts = append(parts, graph.Slice(x, graph.AxisRange(), graph.AxisRange(i, i+7).Stride(2), graph.AxisRange(j, j+6).Stride(2), graph.AxisRange()))
				}
			}
			y := graph.Concatenate(parts, -1)
			return layers.Dense(scope, y, true, 5)
		}),
		conv("batch norm", one, normed(false)), conv("batch norm of the backend", one, normed(true)),
		conv("mean and deviation of the input", one, func(scope *model.Scope, x *graph.Node) *graph.Node {
			x = graph.DivScalar(graph.AddScalar(x, -0.13), 0.3)
			return layers.Convolution(scope.In("conv"), x).Channels(6).KernelSize(3).NoPadding().Done()
		}),
		conv("mean of the input before padding", nil, func(scope *model.Scope, x *graph.Node) *graph.Node {
			x = graph.DivScalar(graph.AddScalar(x, -0.13), 0.3)
			return layers.Convolution(scope.In("conv"), x).Channels(6).KernelSize(3).PadSame().Done()
		}),
		conv("max pool", pooled(net.MaxPool), func(_ *model.Scope, x *graph.Node) *graph.Node {
			return graph.MaxPool(x).Window(3).Strides(2).PadSame().Done()
		}),
		conv("min pool", nil, func(_ *model.Scope, x *graph.Node) *graph.Node { return graph.MinPool(x).Window(2).Done() }),
		conv("mean pool", pooled(net.MeanPool), func(_ *model.Scope, x *graph.Node) *graph.Node { return graph.MeanPool(x).Window(2).Done() }),
		conv("mean pool, padded", nil, func(_ *model.Scope, x *graph.Node) *graph.Node {
			return graph.MeanPool(x).Window(3).Strides(2).PadSame().Done()
		}),
		conv("sum pool", pooled(net.SumPool), func(_ *model.Scope, x *graph.Node) *graph.Node { return graph.SumPool(x).Window(3).Done() }),
		conv("max pool, channels first", nil, func(_ *model.Scope, x *graph.Node) *graph.Node {
			return graph.MaxPool(x).Window(2).ChannelsAxis(images.ChannelsFirst).Done()
		}),
		conv("mean of all", pooled(net.ReduceMean), func(_ *model.Scope, x *graph.Node) *graph.Node { return graph.ReduceMean(x, 1, 2) }),
		conv("transposed", nil, func(scope *model.Scope, x *graph.Node) *graph.Node {
			// the batch is not the first axis for a while
			y := graph.TransposeAllAxes(x, 1, 0, 3, 2)
			y = graph.MulScalar(graph.Add(y, kernelOf(scope, x, "bias", 9, 1, 4, 1)), 2)
			return graph.TransposeAllAxes(y, 1, 3, 0, 2)
		}),
	}
}

func sequences() []network {
	tokens := shapes.Make(dtypes.Int32, 6)
	return []network{
		{name: "embedding", input: tokens, f: func(scope *model.Scope, x *graph.Node) *graph.Node {
			x = layers.Embedding(scope.In("words"), x, dtypes.Float32, 50, 8)
			return layers.Dense(scope.In("fc"), graph.ReduceMean(x, 1), true, 3)
		}},
		{name: "attention", input: tokens, f: func(scope *model.Scope, x *graph.Node) *graph.Node {
			x = layers.Embedding(scope.In("words"), x, dtypes.Float32, 50, 8)
			return attention.SelfAttention(scope.In("attention"), x, 2, 4).Done()
		}},
		{name: "product with a weight for each place", input: floatInput(6, 8), f: func(scope *model.Scope, x *graph.Node) *graph.Node {
			return graph.Einsum("nld,ldm->nlm", x, kernelOf(scope, x, "w", 6, 8, 3))
		}},
		{name: "weights first", input: floatInput(6, 8), f: func(scope *model.Scope, x *graph.Node) *graph.Node {
			return graph.Einsum("md,nld->nml", kernelOf(scope, x, "w", 3, 8), x)
		}},
		{name: "float64", input: shapes.Make(dtypes.Float64, 7), f: func(scope *model.Scope, x *graph.Node) *graph.Node {
			return activation.Relu(layers.Dense(scope.In("fc"), x, true, 4))
		}},
	}
}
