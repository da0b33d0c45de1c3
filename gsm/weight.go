package gsm

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"
	"github.com/gomlx/gomlx/ml/train/optimizer"
)

// weight is a trainable variable of the graph with its gradient. A variable in half precision is
// trained as a float32 copy. Near 1, half precision would round away any step below 1/256
// (bfloat16) or 1/2048 (float16), and nearly all steps of a passive weight are that small.
type weight struct {
	variable           *model.Variable
	master             *model.Variable // the copy; nil where there is none
	value, gradient    *graph.Node     // in the dtype that is trained
	active             *graph.Node     // of a prunable one, as the step chose; nil: all are
	prunable, decaying bool
}

// set replaces the value in the model, and in the copy if there is one.
func (w weight) set(value *graph.Node) {
	if w.master != nil {
		w.master.SetNodeValue(value)
		value = graph.ConvertDType(value, w.variable.DType())
	}
	w.variable.SetNodeValue(value)
}

// wide is the dtype in which values of the given dtype are trained.
func wide(dtype dtypes.DType) dtypes.DType {
	if dtype == dtypes.Float16 || dtype == dtypes.BFloat16 {
		return dtypes.Float32
	}
	return dtype
}

// pair joins the gradients with their variables. GoMLX gives gradients in the order of the
// trainable variables in use.
func (o *Optimizer) pair(scope *model.Scope, g *graph.Graph, gradients []*graph.Node) []weight {
	var variables []*model.Variable
	for v := range scope.IterVariables() {
		if v.Trainable && v.InUseByGraph(g) {
			variables = append(variables, v)
		}
	}
	if len(variables) != len(gradients) {
		panicf("gsm: %d gradients for %d trainable variables", len(gradients), len(variables))
	}
	weights := make([]weight, len(variables))
	for i, v := range variables {
		w := weight{variable: v, value: v.NodeValue(g), gradient: gradients[i], prunable: o.prunable(v), decaying: o.decayed(v)}
		if dtype := wide(v.DType()); dtype != v.DType() {
			w.master, w.value = o.master(scope.Store(), v, g)
			w.gradient = graph.ConvertDType(w.gradient, dtype)
		}
		optimizer.TraceNaNInGradients(scope, v, w.gradient)
		w.gradient = optimizer.ClipNaNsInGradients(scope, w.gradient)
		weights[i] = w
	}
	return weights
}

// master returns the float32 copy of a variable in half precision, and its value in this step. If
// the copy does not round to the weight, somebody has changed the weight since the last step, and
// the weight counts; at first that is true of all weights. Bits are compared, because XLA may skip
// a rounding between floats.
func (o *Optimizer) master(store *model.Store, v *model.Variable, g *graph.Graph) (*model.Variable, *graph.Node) {
	shape := shapes.Make(dtypes.Float32, v.Shape().Dimensions...)
	master := store.VariableWithShape(o.path("master", v.Path()), shape, initializer.Zero).SetTrainable(false)
	copied, half := master.NodeValue(g), v.NodeValue(g)
	bits := func(x *graph.Node) *graph.Node { return graph.Bitcast(x, dtypes.Uint16) }
	unchanged := graph.Equal(bits(graph.ConvertDType(copied, v.DType())), bits(half))
	return master, graph.Where(unchanged, copied, graph.ConvertDType(half, dtypes.Float32))
}
