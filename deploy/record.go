// Package deploy turns a GoMLX model into a network for inference: it records what the model
// function computes (Record), makes it smaller and simpler (Optimize), stores its weights in few
// bits (Quantize), and writes it for others (ONNX, safetensors, Go source, a page).
//
// A network is a graph of package infer/graph, which package infer runs.
package deploy

import (
	"errors"
	"fmt"
	"path"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	net "gsmlab/infer/graph"
)

// Model is a GoMLX model function: it builds a network with the variables of the scope. The first
// axis of x is the batch.
type Model func(scope *model.Scope, x *graph.Node) *graph.Node

// Record builds the network that f computes for inference, with the weights that the store holds.
// The shape is that of one input, without the batch, such as Make(Float32, 28, 28, 1); an input of
// whole numbers is for embeddings.
//
// The model is built twice, for two sizes of the batch. Where the two differ is the batch axis, and
// a value that mixes the images of a batch, or depends on their number, is an error. What depends
// on weights alone is computed now. An operation that a network cannot hold is an
// UnsupportedError, which names it and its place.
func Record(store *model.Store, f Model, input shapes.Shape) (*net.Graph, error) {
	if !input.Ok() || input.IsDynamic() {
		return nil, fmt.Errorf("deploy: input shape %s: all axes of one input must be known", input)
	}
	// restored, since the store is the caller's
	defer store.WithVariableAsConst(store.VariablesAsConst())
	store.WithVariableAsConst(true)
	var tapes [2]*tape
	var outputs [2]*value
	for i, batch := range batches {
		var err error
		if tapes[i], outputs[i], err = recordOnce(store, f, input, batch); err != nil {
			return nil, err
		}
	}
	a, b := tapes[0].main.last, tapes[1].main.last
	if len(a) != len(b) {
		return nil, fmt.Errorf("deploy: the model computes other things for a batch of %d than for one of %d: it must do the same for each image", batches[0], batches[1])
	}
	c := &converter{graph: &net.Graph{}, placed: map[*value]placed{}, twin: map[*value]*value{}}
	for i := range a {
		c.twin[a[i]] = b[i]
	}
	out, err := c.dynamic(outputs[0])
	if err != nil {
		return nil, err
	}
	if out.axis != 0 || out.times != 1 {
		return nil, fmt.Errorf("deploy: the output %s: its first axis must be the batch", outputs[0].shape)
	}
	c.graph.Outputs = []int{out.node}
	if err := net.Check(c.graph); err != nil {
		return nil, fmt.Errorf("deploy: %w", err)
	}
	return c.graph, nil
}

// batches are the two sizes of a batch. A dimension that grows with them is 2, 3 or a multiple, and
// no other dimension changes at all.
var batches = [2]int{2, 3}

// recordOnce writes down what the model does for one batch.
func recordOnce(store *model.Store, f Model, input shapes.Shape, batch int) (t *tape, output *value, err error) {
	t = newTape()
	g := graph.NewGraph(t, "deploy")
	defer g.Finalize()
	dims := append([]int{batch}, input.Dimensions...)
	err = exceptions.TryCatch[error](func() {
		out := f(store.RootScope(), graph.Parameter(g, "input", shapes.Make(input.DType, dims...)))
		if out == nil {
			panic(errors.New("the model function returned nothing"))
		}
		output = graph.InternalBackendOutputs(out)[0].(*value)
	})
	for v := range store.IterVariables() {
		if v.InUseByGraph(g) {
			if x, ok := graph.InternalBackendOutputs(v.NodeValue(g))[0].(*value); ok {
				x.variable = v.Path()
			}
		}
	}
	if unsupported := new(UnsupportedError); errors.As(err, &unsupported) {
		for _, v := range t.main.last[:unsupported.at] {
			if v.variable != "" {
				unsupported.Scope = path.Dir(v.variable)
			}
		}
		return nil, nil, unsupported
	}
	if err != nil {
		return nil, nil, fmt.Errorf("deploy: building the model: %w", err)
	}
	if len(t.main.inputs) != 1 {
		return nil, nil, fmt.Errorf("deploy: the model has %d inputs besides its weights: it must have one", len(t.main.inputs))
	}
	return t, output, nil
}

// scopeOf is the scope of the variable that is nearest before a value.
func scopeOf(v *value) string {
	seen := map[*value]bool{}
	for level := []*value{v}; len(level) > 0; {
		var next []*value
		for _, x := range level {
			if x.variable != "" {
				return path.Dir(x.variable)
			}
			for _, in := range x.in {
				if !seen[in] {
					seen[in] = true
					next = append(next, in)
				}
			}
		}
		level = next
	}
	return ""
}

// unsupported is the error for a value that a network cannot hold.
func unsupported(v *value, format string, args ...any) error {
	return &UnsupportedError{Op: v.op.String(), Scope: scopeOf(v), Line: line(v.place), Why: fmt.Sprintf(format, args...)}
}

// typeOf is the type of a value in the network.
func typeOf(v *value) (net.Type, error) {
	switch d := v.shape.DType; {
	case d == dtypes.Float32 || d == dtypes.Float64:
		return net.Float, nil
	case d == dtypes.Bool:
		return net.Bool, nil
	case d.IsInt():
		return net.Int, nil
	default:
		return 0, unsupported(v, "numbers of type %s are not supported: build the model with Float32", d)
	}
}

var _ compute.Backend = (*tape)(nil)
