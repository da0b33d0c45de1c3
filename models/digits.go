package models

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/model"
)

// mlpDigits is a small network for the embedded 8x8 digits, which trains in seconds anywhere:
// 64*100 + 100*50 + 50*10 weights. It is not from the paper.
var mlpDigits = Model{
	Name: "mlp-digits", About: "two hidden layers of 100 and 50 for the embedded digits: a run takes seconds", Dataset: "digits", Classes: 10, Prunable: 11_900,
	Logits: func(scope *model.Scope, images *graph.Node) *graph.Node {
		scope = glorot(scope)
		x := graph.Reshape(images, images.Shape().Dim(0), -1)
		x = activation.Relu(layers.Dense(scope.In("fc1"), x, true, 100))
		x = activation.Relu(layers.Dense(scope.In("fc2"), x, true, 50))
		return layers.Dense(scope.In("fc3"), x, true, 10)
	},
}
