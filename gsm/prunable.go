package gsm

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/metric"
	"github.com/gomlx/gomlx/ml/train/optimizer"
)

// IsKernel accepts the kernels of dense and convolution layers: trainable variables of rank 2 and
// 4, which is the paper's prunable set (first convolution, classifier and 1x1 shortcuts
// included). Biases and batch-norm parameters have rank 1.
func IsKernel(v *model.Variable) bool {
	rank := v.Shape().Rank()
	return v.Trainable && (rank == 2 || rank == 4)
}

// IsState reports whether a variable belongs to training rather than to the model: the state of
// GoMLX's optimizers and of this one, accumulated gradients, metrics, the global step and the state
// of random numbers. It goes by the path, since a checkpoint loaded at once marks all that it holds
// as trainable.
func IsState(v *model.Variable) bool {
	for _, scope := range []string{
		"/" + optimizer.Scope, "/" + optimizer.AdamDefaultScope, "/" + train.AccumulatedGradientsScope,
		"/" + metric.Scope, train.TrainerAbsoluteScope,
	} {
		if strings.HasPrefix(v.Path(), scope+"/") {
			return true
		}
	}
	return v.Path() == "/"+optimizer.GlobalStepVariableName || v.Path() == "/"+model.RNGStateVariableName
}

// Prunable lists the variables of the store that the predicate accepts, sorted by path, which is the
// order of layers wherever this package speaks of them: that of their creation is another one where a
// checkpoint made them. A nil predicate means IsKernel.
// Optimizer state is never among them (see IsState). A variable that a checkpoint holds is in the
// store, and so in this list, only once the model has asked for it or checkpoint's Immediate is set.
func Prunable(store *model.Store, predicate func(*model.Variable) bool) []*model.Variable {
	if predicate == nil {
		predicate = IsKernel
	}
	var found []*model.Variable
	for v := range store.IterVariables() {
		if v.Trainable && !IsState(v) && predicate(v) {
			found = append(found, v)
		}
	}
	slices.SortFunc(found, byPath)
	return found
}

// byPath is the order of layers, see Prunable.
func byPath(a, b *model.Variable) int { return cmp.Compare(a.Path(), b.Path()) }

// CountPrunable returns N, the number of weights in Prunable(store, predicate).
func CountPrunable(store *model.Store, predicate func(*model.Variable) bool) int {
	n := 0
	for _, v := range Prunable(store, predicate) {
		n += v.Shape().Size()
	}
	return n
}

// weight is a trainable variable of the graph with its gradient.
type weight struct {
	variable           *model.Variable
	value, gradient    *graph.Node
	prunable, decaying bool
}

// pair joins the gradients, which GoMLX gives in the order of trainable variables in use, with
// their variables.
func (o *Optimizer) pair(scope *model.Scope, g *graph.Graph, gradients []*graph.Node) []weight {
	var weights []weight
	for v := range scope.IterVariables() {
		if !v.Trainable || !v.InUseByGraph(g) {
			continue
		}
		if len(weights) == len(gradients) {
			panicf("gsm: %d gradients for more trainable variables, from %q on", len(gradients), v.Path())
		}
		weights = append(weights, weight{
			variable: v, value: v.NodeValue(g), gradient: gradients[len(weights)],
			prunable: o.prunable(v), decaying: o.decayed(v),
		})
	}
	if len(weights) != len(gradients) {
		panicf("gsm: %d gradients for %d trainable variables", len(gradients), len(weights))
	}
	return weights
}
