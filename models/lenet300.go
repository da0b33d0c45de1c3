package models

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/model"
)

// lenet300 is LeNet-300-100 (LeCun et al., 1998): 784*300 + 300*100 + 100*10 weights.
var lenet300 = Model{
	Name: "lenet-300-100", About: "two hidden layers of 300 and 100", Dataset: "mnist", Image: [3]int{28, 28, 1}, Classes: 10, Prunable: 266_200,
	Logits: perceptron(10, 300, 100),
}

// perceptron builds dense layers fc1, fc2, ... with ReLU between them: first the hidden ones, then
// one with a unit per class.
func perceptron(classes int, hidden ...int) func(scope *model.Scope, images *graph.Node) *graph.Node {
	return func(scope *model.Scope, images *graph.Node) *graph.Node {
		scope = glorot(scope)
		x := graph.Reshape(images, images.Shape().Dim(0), -1)
		for i, units := range hidden {
			x = activation.Relu(layers.Dense(scope.In("fc%d", i+1), x, true, units))
		}
		return layers.Dense(scope.In("fc%d", len(hidden)+1), x, true, classes)
	}
}
