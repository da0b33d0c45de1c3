// Networks as others write them: what the parts are, but joined as in well-known architectures.

package deploy

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/layers/attention"
	"github.com/gomlx/gomlx/ml/layers/norm"
	"github.com/gomlx/gomlx/ml/model"

	net "gsmlab/infer/graph"
)

func strangers() []network {
	return []network{
		{name: "dense blocks", input: floatInput(8, 8, 3), f: denseBlocks},
		{name: "separable convolutions", input: floatInput(12, 10, 4), f: separable},
		{name: "u-net", input: floatInput(8, 12, 2), f: uNet, nodes: map[net.Op]int{net.Input: 1, net.Conv2D: 7, net.MaxPool: 2, net.Concat: 2, net.Reshape: 4, net.Broadcast: 2}},
		{name: "dilated in parallel", input: floatInput(11, 9, 3), f: dilated},
		{name: "grouped residual block", input: floatInput(7, 7, 8), f: grouped},
		{name: "transformer block", input: floatInput(6, 8), f: transformer},
	}
}

// convolved is a convolution with batch norm and an activation.
func convolved(scope *model.Scope, x *graph.Node, channels, size, stride int) *graph.Node {
	x = layers.Convolution(scope.In("conv"), x).Channels(channels).KernelSize(size).Strides(stride).PadSame().Done()
	return activation.Relu(norm.BatchNorm(scope.In("norm"), x, -1).UseBackendInference(false).Done())
}

// denseBlocks joins what each layer makes to all before it, as in a DenseNet.
func denseBlocks(scope *model.Scope, x *graph.Node) *graph.Node {
	x = layers.Convolution(scope.In("stem"), x).Channels(6).KernelSize(3).PadSame().Done()
	for block := range 2 {
		for i := range 3 {
			at := scope.In("block_%d_%d", block, i)
			y := activation.Relu(norm.BatchNorm(at.In("norm"), x, -1).UseBackendInference(false).Done())
			y = layers.Convolution(at.In("conv"), y).Channels(4).KernelSize(3).PadSame().Done()
			x = graph.Concatenate([]*graph.Node{x, y}, -1)
		}
		x = graph.MeanPool(convolved(scope.In("transition_%d", block), x, 8, 1, 1)).Window(2).Done()
	}
	return layers.Dense(scope.In("classes"), graph.ReduceMean(x, 1, 2), true, 5)
}

// depthwise has a kernel of its own for each channel.
func depthwise(scope *model.Scope, x *graph.Node, size, stride int) *graph.Node {
	channels := x.Shape().Dim(-1)
	return graph.Convolve(x, kernelOf(scope, x, "weights", size, size, 1, channels)).ChannelGroupCount(channels).Strides(stride).PadSame().Done()
}

// separable is an inverted bottleneck with squeeze and excitation, as in a MobileNet.
func separable(scope *model.Scope, x *graph.Node) *graph.Node {
	for i, stride := range []int{2, 1} {
		at := scope.In("block_%d", i)
		y := activation.HardSwish(layers.Convolution(at.In("up"), x).Channels(12).KernelSize(1).Done())
		y = activation.HardSwish(depthwise(at.In("depth"), y, 5, stride))
		gate := activation.Relu(layers.Dense(at.In("squeeze"), graph.ReduceMean(y, 1, 2), true, 3))
		gate = graph.Sigmoid(layers.Dense(at.In("excite"), gate, true, 12))
		y = graph.Mul(y, graph.Reshape(gate, -1, 1, 1, 12))
		y = layers.Convolution(at.In("down"), y).Channels(4).KernelSize(1).Done()
		if stride == 1 {
			y = graph.Add(x, y)
		}
		x = y
	}
	return layers.Dense(scope.In("classes"), graph.ReduceMean(x, 1, 2), true, 5)
}

// enlarged repeats each pixel twice in both directions.
func enlarged(x *graph.Node) *graph.Node {
	h, w, c := x.Shape().Dim(1), x.Shape().Dim(2), x.Shape().Dim(3)
	x = graph.Reshape(x, -1, h, 1, w, 1, c)
	x = graph.BroadcastToDims(x, x.Shape().Dim(0), h, 2, w, 2, c)
	return graph.Reshape(x, -1, 2*h, 2*w, c)
}

// uNet goes down and up again, past what it was on the way down; its output is an image.
func uNet(scope *model.Scope, x *graph.Node) *graph.Node {
	var passed []*graph.Node
	for i, channels := range []int{4, 6} {
		x = convolved(scope.In("down_%d", i), x, channels, 3, 1)
		passed = append(passed, x)
		x = graph.MaxPool(x).Window(2).Done()
	}
	x = convolved(scope.In("middle"), x, 8, 3, 1)
	for i, channels := range []int{6, 4} {
		at := scope.In("up_%d", i)
		x = layers.Convolution(at.In("before"), enlarged(x)).Channels(channels).KernelSize(3).PadSame().Done()
		x = convolved(at, graph.Concatenate([]*graph.Node{passed[1-i], x}, -1), channels, 3, 1)
	}
	return x
}

// dilated looks at an image at three scales at once.
func dilated(scope *model.Scope, x *graph.Node) *graph.Node {
	x = convolved(scope.In("stem"), x, 6, 3, 1)
	var scales []*graph.Node
	for _, by := range []int{1, 2, 3} {
		scales = append(scales, activation.Relu(layers.Convolution(scope.In("by_%d", by), x).Channels(3).KernelSize(3).Dilations(by).PadSame().Done()))
	}
	x = layers.Convolution(scope.In("join"), graph.Concatenate(scales, -1)).Channels(4).KernelSize(1).Done()
	return graph.ReduceMax(x, 1, 2)
}

// grouped is a block as in a ResNeXt.
func grouped(scope *model.Scope, x *graph.Node) *graph.Node {
	y := convolved(scope.In("reduce"), x, 8, 1, 1)
	y = graph.Convolve(y, kernelOf(scope, y, "weights", 3, 3, 2, 8)).ChannelGroupCount(4).PadSame().Done()
	y = activation.Relu(norm.BatchNorm(scope.In("norm"), y, -1).UseBackendInference(false).Done())
	y = layers.Convolution(scope.In("expand"), y).Channels(8).KernelSize(1).Done()
	return graph.ReduceMean(activation.Relu(graph.Add(x, y)), 1, 2)
}

// transformer is attention and a perceptron, with layer norm before each and a way past it.
func transformer(scope *model.Scope, x *graph.Node) *graph.Node {
	y := norm.LayerNorm(scope.In("norm_1"), x, -1).Done()
	x = graph.Add(x, attention.SelfAttention(scope.In("attention"), y, 2, 4).WithOutputDim(8).Done())
	y = norm.LayerNorm(scope.In("norm_2"), x, -1).Done()
	y = activation.Gelu(layers.Dense(scope.In("up"), y, true, 16))
	x = graph.Add(x, layers.Dense(scope.In("down"), y, true, 8))
	return layers.Dense(scope.In("classes"), graph.ReduceMean(x, 1), true, 3)
}
