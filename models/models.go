// Package models holds the networks of the GSM paper as GoMLX model functions, one file per family.
// They run on the XLA and the pure-Go backend. Their prunable counts are the published ones.
package models

import (
	"fmt"
	"strings"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"
)

// Model is one network.
type Model struct {
	Name    string
	About   string
	Dataset string // the data set it is published for, a name of package data
	Image   [3]int // height, width and channels of its images
	Classes int
	// Prunable is the number of weights in kernels, known without building the network.
	Prunable int
	// Flat names the dense layers that read a flattened image, and gives the image's height, width
	// and channels. Other frameworks put the channels first, so the rows of these layers have a
	// different order there (package weights).
	Flat map[string][]int
	// Logits builds the network: images [batch, height, width, channels] -> logits [batch,
	// Classes].
	Logits func(scope *model.Scope, images *graph.Node) *graph.Node
}

// all lists the networks in the order in which users see them.
var all = []Model{lenet300, lenet5, mlpDigits, resnet56, resnet56Projection, densenet40, resnet50}

// Names lists the known networks.
func Names() []string {
	names := make([]string, len(all))
	for i, m := range all {
		names[i] = m.Name
	}
	return names
}

// All returns every network.
func All() []Model { return append([]Model(nil), all...) }

// Lookup finds a network by name.
func Lookup(name string) (Model, error) {
	for _, m := range all {
		if m.Name == name {
			return m, nil
		}
	}
	return Model{}, fmt.Errorf("models: unknown model %q: known are %s", name, strings.Join(Names(), ", "))
}

// LayerName shortens the path of a kernel to what a reader calls its layer: "/conv1/weights" and
// "/fc1/dense/weights" are conv1 and fc1.
func LayerName(path string) string {
	name := strings.TrimPrefix(path, model.ScopeSeparator)
	name = strings.TrimSuffix(name, "/weights")
	return strings.TrimSuffix(name, "/dense")
}

// glorot returns the scope with the paper's initialisation: Glorot-uniform kernels, zero biases.
func glorot(scope *model.Scope) *model.Scope {
	return scope.WithInitializer(initializer.XavierUniformFn(scope))
}
