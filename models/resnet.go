package models

import (
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/model"
)

// The residual networks of He et al., "Deep Residual Learning for Image Recognition", 2016.

// resnet56 is the CIFAR-10 network of 3 stages of 9 blocks (16, 32 and 64 channels). Its shortcuts
// have no parameters, as in the paper's CIFAR networks (option A).
var resnet56 = Model{
	Name: "resnet-56", About: "27 residual blocks, shortcuts without parameters", Dataset: "cifar10", Image: [3]int{32, 32, 3}, Classes: 10, Prunable: 848_944,
	Logits: cifarResNet(9, subsample),
}

// resnet56Projection is resnet56 with a 1x1 convolution where a shortcut changes its size (option
// B).
var resnet56Projection = Model{
	Name: "resnet-56-projection", About: "27 residual blocks, two shortcuts of 1x1 convolutions", Dataset: "cifar10", Image: [3]int{32, 32, 3}, Classes: 10, Prunable: 851_504,
	Logits: cifarResNet(9, project),
}

// resnet50 is the ImageNet network of bottleneck blocks. The stride is in the 3x3 convolution as in
// PyTorch's, whose weights can be read.
var resnet50 = Model{
	Name: "resnet-50", About: "16 bottleneck blocks", Dataset: "imagenet", Image: [3]int{224, 224, 3}, Classes: 1000, Prunable: 25_502_912,
	Logits: imageNetResNet(3, 4, 6, 3),
}

// shortcut brings x to the size of a block's output: filters channels, a stride-th of the positions.
type shortcut func(scope *model.Scope, x *graph.Node, filters, stride int) *graph.Node

// subsample leaves out positions and adds channels of zeros, half before and half after.
func subsample(_ *model.Scope, x *graph.Node, filters, stride int) *graph.Node {
	x = graph.Slice(x, graph.AxisRange(), graph.AxisRange().Stride(stride), graph.AxisRange().Stride(stride), graph.AxisRange())
	zeros := func(channels int) *graph.Node {
		d := x.Shape().Dimensions
		return graph.Zeros(x.Graph(), shapes.Make(x.DType(), d[0], d[1], d[2], channels))
	}
	more := filters - x.Shape().Dim(3)
	// graph.Pad would not do: GoMLX has no gradient for it.
	return graph.Concatenate([]*graph.Node{zeros(more / 2), x, zeros(more - more/2)}, -1)
}

// project is a 1x1 convolution with batch norm.
func project(scope *model.Scope, x *graph.Node, filters, stride int) *graph.Node {
	return batchNorm(scope.In("1"), convolvePadded(scope.In("0"), x, filters, 1, stride))
}

func cifarResNet(blocks int, short shortcut) func(scope *model.Scope, images *graph.Node) *graph.Node {
	return func(scope *model.Scope, images *graph.Node) *graph.Node {
		scope = he(scope)
		x := normRelu(scope.In("bn1"), convolvePadded(scope.In("conv1"), images, 16, 3, 1))
		for stage, filters := range []int{16, 32, 64} {
			layer := scope.In("layer%d", stage+1)
			for i := range blocks {
				stride := 1
				if stage > 0 && i == 0 {
					stride = 2
				}
				x = basicBlock(layer.In("%d", i), x, filters, stride, short)
			}
		}
		return layers.Dense(scope.In("linear"), meanOfAll(x), true, 10)
	}
}

// basicBlock is two 3x3 convolutions beside a shortcut.
func basicBlock(scope *model.Scope, x *graph.Node, filters, stride int, short shortcut) *graph.Node {
	y := normRelu(scope.In("bn1"), convolvePadded(scope.In("conv1"), x, filters, 3, stride))
	y = batchNorm(scope.In("bn2"), convolvePadded(scope.In("conv2"), y, filters, 3, 1))
	if stride != 1 || x.Shape().Dim(3) != filters {
		x = short(scope.In("shortcut"), x, filters, stride)
	}
	return once(activation.Relu(graph.Add(x, y)))
}

func imageNetResNet(blocks ...int) func(scope *model.Scope, images *graph.Node) *graph.Node {
	return func(scope *model.Scope, images *graph.Node) *graph.Node {
		scope = he(scope)
		x := normRelu(scope.In("bn1"), convolvePadded(scope.In("conv1"), images, 64, 7, 2))
		border := [2]int{1, 1}
		x = graph.MaxPool(x).Window(3).Strides(2).PaddingPerDim([][2]int{border, border}).Done()
		for stage, n := range blocks {
			layer := scope.In("layer%d", stage+1)
			for i := range n {
				stride := 1
				if stage > 0 && i == 0 {
					stride = 2
				}
				x = bottleneck(layer.In("%d", i), x, 64<<stage, stride)
			}
		}
		return layers.Dense(scope.In("fc"), meanOfAll(x), true, 1000)
	}
}

// bottleneck is a 3x3 convolution between two 1x1 convolutions, beside a shortcut. It outputs
// 4*filters channels.
func bottleneck(scope *model.Scope, x *graph.Node, filters, stride int) *graph.Node {
	y := normRelu(scope.In("bn1"), convolvePadded(scope.In("conv1"), x, filters, 1, 1))
	y = normRelu(scope.In("bn2"), convolvePadded(scope.In("conv2"), y, filters, 3, stride))
	y = batchNorm(scope.In("bn3"), convolvePadded(scope.In("conv3"), y, 4*filters, 1, 1))
	if stride != 1 || x.Shape().Dim(3) != 4*filters {
		x = project(scope.In("downsample"), x, 4*filters, stride)
	}
	return once(activation.Relu(graph.Add(x, y)))
}
