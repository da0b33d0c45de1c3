package models

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"
)

// densenet40 is the CIFAR-10 network of 3 blocks of 12 layers with 12 filters each: 16 initial
// channels, no bottleneck, no compression (Huang et al., "Densely Connected Convolutional
// Networks", 2017), and no dropout.
var densenet40 = Model{
	Name: "densenet-40", About: "three dense blocks of 12 layers, k = 12", Dataset: "cifar10", Image: [3]int{32, 32, 3}, Classes: 10, Prunable: 1_001_616,
	Logits: func(scope *model.Scope, images *graph.Node) *graph.Node {
		scope = he(scope)
		x := convolvePadded(scope.In("conv1"), images, 16, 3, 1)
		for b := range 3 {
			block := scope.In("block%d", b+1).In("layer")
			for i := range 12 {
				layer := block.In("%d", i)
				y := convolvePadded(layer.In("conv1"), normRelu(layer.In("bn1"), x), 12, 3, 1)
				x = once(graph.Concatenate([]*graph.Node{x, y}, -1))
			}
			if b < 2 {
				t := scope.In("trans%d", b+1)
				x = meanPool2(convolvePadded(t.In("conv1"), normRelu(t.In("bn1"), x), x.Shape().Dim(3), 1, 1))
			}
		}
		return layers.Dense(scope.In("fc"), meanOfAll(normRelu(scope.In("bn1"), x)), true, 10)
	},
}

// meanPool2 averages windows of 2x2 without overlap. Shapes: [N, H, W, C] -> [N, H/2, W/2, C], H
// and W even.
func meanPool2(x *graph.Node) *graph.Node {
	d := x.Shape().Dimensions
	return graph.ReduceMean(graph.Reshape(x, d[0], d[1]/2, 2, d[2]/2, 2, d[3]), 2, 4)
}
