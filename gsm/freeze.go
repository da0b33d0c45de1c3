package gsm

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"
)

// selectedPath is the variable that holds 1 once a step with FreezeAfter has left its selection in
// the store, and 0 before.
func (o *Optimizer) selectedPath() string { return o.path("selected") }

// activeVariables returns, per layer, the variables that say which weights were active in the last
// step.
func (o *Optimizer) activeVariables(store *model.Store, layers []*weight) []*model.Variable {
	variables := make([]*model.Variable, len(layers))
	for i, l := range layers {
		path := o.path("active", l.variable.Path())
		variables[i] = store.VariableWithShape(path, shapes.Make(dtypes.Bool, l.variable.Shape().Dimensions...), zeroBools).SetTrainable(false)
	}
	return variables
}

// freeze returns the selection of this step, per layer: from step FreezeAfter on it is before, the
// selection of the last step, and until then it is chosen. step is an int64 scalar, counted from 0.
func (o *Optimizer) freeze(store *model.Store, step *graph.Node, before, chosen []*graph.Node) []*graph.Node {
	g := step.Graph()
	selected := store.VariableWithShape(o.selectedPath(), shapes.Make(dtypes.Int64), initializer.Zero).SetTrainable(false)
	one := graph.Const(g, int64(1))
	frozen := graph.LogicalAnd(graph.GreaterOrEqual(step, graph.Const(g, int64(o.config.FreezeAfter))), graph.Equal(selected.NodeValue(g), one))
	selected.SetNodeValue(one)
	selection := make([]*graph.Node, len(chosen))
	for i := range chosen {
		selection[i] = graph.Where(frozen, before[i], chosen[i])
	}
	return selection
}

// zeroBools initialises the masks of the step before the first one.
func zeroBools(g *graph.Graph, shape shapes.Shape) *graph.Node {
	return graph.Zeros(g, shape)
}
