package models

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/model"
)

// lenet5 is the LeNet-5 of the pruning papers (Caffe's, with ReLU after the convolutions). It has
// two valid 5x5 convolutions of 20 and 50 channels, each with 2x2 max pooling, then 500 and 10
// units: 25*20 + 500*50 + 800*500 + 500*10 weights.
var lenet5 = Model{
	Name: "lenet-5", About: "two convolutions and two dense layers (20-50-500)", Dataset: "mnist", Image: [3]int{28, 28, 1}, Classes: 10, Prunable: 430_500,
	Flat: map[string][]int{"fc1": {4, 4, 50}},
	Logits: func(scope *model.Scope, images *graph.Node) *graph.Node {
		scope = glorot(scope)
		x := images
		for i, filters := range []int{20, 50} {
			conv := scope.In("conv%d", i+1)
			// Adding a bias and ReLU preserve order, so they may come after the maximum of the
			// window, where there is a quarter of the work. Value and gradients are the same.
			x = activation.Relu(addBias(conv, maxPool2(convolve(conv, x, filters, 5))))
		}
		x = graph.Reshape(x, x.Shape().Dim(0), -1)
		x = activation.Relu(layers.Dense(scope.In("fc1"), x, true, 500))
		return layers.Dense(scope.In("fc2"), x, true, 10)
	},
}

// maxPool2 pools windows of 2x2 without overlap, dropping an odd last row or column. As a reduction
// it also runs on the pure-Go backend, which lacks the gradient of window pooling, and on XLA:CPU
// it is 13 times faster than window pooling. Shapes: [N, H, W, C] -> [N, H/2, W/2, C].
func maxPool2(x *graph.Node) *graph.Node {
	d := x.Shape().Dimensions
	h, w := d[1]/2, d[2]/2
	x = graph.Slice(x, graph.AxisRange(), graph.AxisRange(0, 2*h), graph.AxisRange(0, 2*w), graph.AxisRange())
	return graph.ReduceMax(graph.Reshape(x, d[0], h, 2, w, 2, d[3]), 2, 4)
}
