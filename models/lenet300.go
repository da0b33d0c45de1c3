package models

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/model"
)

// lenet300 is LeNet-300-100 (LeCun et al., 1998): 784*300 + 300*100 + 100*10 weights.
var lenet300 = Model{
	Name: "lenet-300-100", About: "two hidden layers of 300 and 100", Dataset: "mnist", Classes: 10, Prunable: 266_200,
	Logits: func(scope *model.Scope, images *graph.Node) *graph.Node {
		scope = glorot(scope)
		x := graph.Reshape(images, images.Shape().Dim(0), -1)
		x = activation.Relu(layers.Dense(scope.In("fc1"), x, true, 300))
		x = activation.Relu(layers.Dense(scope.In("fc2"), x, true, 100))
		return layers.Dense(scope.In("fc3"), x, true, 10)
	},
}
