// Package ticket draws winning tickets (Frankle and Carbin, "The Lottery Ticket Hypothesis", 2019)
// with the masks that GSM finds. It keeps the initial weights, applies the mask to them, and trains
// the masked network alone. Its pruned weights stay exactly zero.
package ticket

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"gsmlab/gsm"
	"gsmlab/gsm/snapshot"
)

// Snapshot holds the initial weights of tickets. It is snapshot.Snapshot. With this name and the
// two functions below, a program that draws tickets needs no other package to copy weights.
type Snapshot = snapshot.Snapshot

// Take is snapshot.Take.
func Take(store *model.Store) (Snapshot, error) { return snapshot.Take(store) }

// Load is snapshot.Load.
func Load(path string) (Snapshot, error) { return snapshot.Load(path) }

// Rewind turns the store into a ticket: it restores the initial values and sets everything that the
// mask does not keep to exactly zero. It deletes what training left behind (momentum, schedule,
// global step, metrics; see gsm.InModel), except the state of the random generator, so make a new
// trainer. Nothing is changed unless snapshot, mask and store are of the same model.
func Rewind(store *model.Store, init Snapshot, mask gsm.Mask) error {
	for _, l := range mask.Layers {
		dims, ok := init.Dims(l.Path)
		if !ok {
			return fmt.Errorf("ticket: mask of another model: the snapshot has no variable %q", l.Path)
		}
		if !slices.Equal(dims, l.Dims) {
			return fmt.Errorf("ticket: mask of another model: %q has shape %v in the snapshot, the mask %v", l.Path, dims, l.Dims)
		}
	}
	if err := init.Restore(store); err != nil {
		return err
	}
	if err := mask.Apply(store); err != nil {
		return err
	}
	// collect it before any of it is deleted, because it says what belongs to the model
	var state []*model.Variable
	for _, v := range slices.Collect(store.IterVariables()) {
		if !gsm.InModel(store, v) && v.Name() != model.RNGStateVariableName {
			state = append(state, v)
		}
	}
	for _, v := range state {
		if err := store.DeleteVariable(v.Path()); err != nil {
			return fmt.Errorf("ticket: clearing %q: %w", v.Path(), err)
		}
	}
	return nil
}

// masked zeroes gradients outside a mask before an optimizer sees them.
type masked struct {
	inner optimizer.Interface
	apply train.OptimizeWithGradients
	mask  gsm.Mask
}

var (
	_ optimizer.Interface         = (*masked)(nil)
	_ train.OptimizeWithGradients = (*masked)(nil)
)

// Optimizer returns inner with the gradients of weights outside the mask set to zero. A pruned
// weight that starts at zero (see Rewind) then stays exactly zero: momentum has nothing to add, and
// weight decay of zero is zero. inner must implement train.OptimizeWithGradients, as gsm.Optimizer
// and GoMLX's own optimizers do. The result implements it too.
//
// The first step writes the mask to the store, so that checkpoints hold it. If the store holds
// another mask, the first step fails until Clear is called.
func Optimizer(inner optimizer.Interface, mask gsm.Mask) (optimizer.Interface, error) {
	apply, ok := inner.(train.OptimizeWithGradients)
	if !ok {
		return nil, fmt.Errorf("ticket: optimizer %T does not take gradients (train.OptimizeWithGradients): use gsm.New, or GoMLX's SGD or Adam", inner)
	}
	if len(mask.Layers) == 0 {
		return nil, fmt.Errorf("ticket: the mask is empty: make one with gsm.MagnitudeMask or gsm.Cut")
	}
	return &masked{inner: inner, apply: apply, mask: mask}, nil
}

// UpdateGraph implements optimizer.Interface.
func (m *masked) UpdateGraph(scope *model.Scope, _ *graph.Graph, theLoss *graph.Node) {
	if !theLoss.Shape().IsScalar() {
		panic(fmt.Errorf("ticket: the loss must be a scalar, not %s", theLoss.Shape()))
	}
	m.UpdateGraphWithGradients(scope, scope.BuildTrainableVariablesGradientsGraph(theLoss), theLoss.DType())
}

// UpdateGraphWithGradients implements train.OptimizeWithGradients. The gradients are those of the
// trainable variables in use, in their order in the store.
func (m *masked) UpdateGraphWithGradients(scope *model.Scope, gradients []*graph.Node, lossDType dtypes.DType) {
	if len(gradients) == 0 {
		panic(fmt.Errorf("ticket: the model has no trainable variable"))
	}
	g := gradients[0].Graph()
	gradients = slices.Clone(gradients)
	next, found := 0, 0
	for v := range scope.IterVariables() {
		if !v.Trainable || !v.InUseByGraph(g) {
			continue
		}
		if next == len(gradients) {
			panic(fmt.Errorf("ticket: %d gradients for more trainable variables, from %q on", next, v.Path()))
		}
		if l, ok := m.mask.Layer(v.Path()); ok {
			keep := m.keep(scope.Store(), v, l).NodeValue(g)
			gradients[next] = graph.Where(keep, gradients[next], graph.ZerosLike(gradients[next]))
			found++
		}
		next++
	}
	if found != len(m.mask.Layers) {
		panic(fmt.Errorf("ticket: mask of another model: only %d of its %d layers are trained", found, len(m.mask.Layers)))
	}
	m.apply.UpdateGraphWithGradients(scope, gradients, lossDType)
}

// maskScope holds the masks in the store. As variables they need no constant in the graph, and
// checkpoints include them.
const maskScope = "/" + optimizer.Scope + "/ticket"

// keep returns the variable that holds the mask of v.
func (m *masked) keep(store *model.Store, v *model.Variable, l gsm.MaskLayer) *model.Variable {
	if !slices.Equal(v.Shape().Dimensions, l.Dims) {
		panic(fmt.Errorf("ticket: mask of another model: %q has shape %v, the mask %v", v.Path(), v.Shape().Dimensions, l.Dims))
	}
	path, keep := model.JoinPath(maskScope, v.Path()), l.Bools()
	if stored := store.GetVariable(path); stored != nil {
		value, err := stored.Value()
		if err != nil {
			panic(fmt.Errorf("ticket: reading %q: %w", path, err))
		}
		if have, err := tensors.CopyFlatData[bool](value); err != nil || !slices.Equal(have, keep) {
			panic(fmt.Errorf("ticket: the store holds another mask for %q: call the optimizer's Clear before training with a new one", v.Path()))
		}
		return stored.SetTrainable(false)
	}
	return store.VariableWithValue(path, tensors.FromFlatDataAndDimensions(keep, l.Dims...)).SetTrainable(false)
}

// Clear implements optimizer.Interface: it deletes the masks and clears the inner optimizer.
func (m *masked) Clear(scope *model.Scope) error {
	for _, l := range m.mask.Layers {
		// one by one, to reach those that a checkpoint has not handed over yet
		if err := scope.Store().DeleteVariable(model.JoinPath(maskScope, l.Path)); err != nil {
			return fmt.Errorf("ticket: clearing masks: %w", err)
		}
	}
	return m.inner.Clear(scope)
}
