// The optimizer that the methods train with: momentum SGD under a mask that may move.

package rivals

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"gsmlab/gsm"
)

// masked trains a network under a mask. Its masks are variables of the store, beside what gsm's
// optimizer keeps there, so that a checkpoint has them; setMask moves them between steps.
type masked struct {
	inner *gsm.Optimizer // of all weights: momentum SGD with decay
	start keep           // the mask before the first step; nil keeps all
	// dense keeps a value of each pruned weight beside the network, which is computed with zeros: a
	// weight that comes back has it.
	dense bool
	// splice lets the gradient reach pruned weights too (and needs dense).
	splice bool
	// gradients keeps the gradient of the last step for all weights, pruned ones too.
	gradients bool
	// move returns the next mask of layer i, given its dense weights after the step; nil: masks
	// move only between steps. step is an int64 scalar and counts from 0. Shapes: that of the
	// layer.
	move func(scope *model.Scope, i int, step, weights, mask *graph.Node) *graph.Node
}

var (
	_ optimizer.Interface         = (*masked)(nil)
	_ train.OptimizeWithGradients = (*masked)(nil)
)

// stateScope holds the state of masked in the store.
const stateScope = "/" + optimizer.Scope + "/rivals"

func maskPath(layer string) string     { return model.JoinPath(stateScope, "mask", layer) }
func densePath(layer string) string    { return model.JoinPath(stateScope, "dense", layer) }
func gradientPath(layer string) string { return model.JoinPath(stateScope, "gradient", layer) }

// UpdateGraph implements optimizer.Interface.
func (m *masked) UpdateGraph(scope *model.Scope, _ *graph.Graph, theLoss *graph.Node) {
	m.UpdateGraphWithGradients(scope, scope.BuildTrainableVariablesGradientsGraph(theLoss), theLoss.DType())
}

// masking is one layer in the graph of a step.
type masking struct {
	variable, mask, dense *model.Variable
}

// UpdateGraphWithGradients implements train.OptimizeWithGradients. The gradients are those of the
// trainable variables in use, in their order in the store.
func (m *masked) UpdateGraphWithGradients(scope *model.Scope, gradients []*graph.Node, lossDType dtypes.DType) {
	g, store := gradients[0].Graph(), scope.Store()
	position := map[*model.Variable]int{}
	for v := range scope.IterVariables() {
		if v.Trainable && v.InUseByGraph(g) {
			position[v] = len(position)
		}
	}
	gradients = append([]*graph.Node(nil), gradients...)
	var layers []masking
	for i, l := range layersOf(store) {
		v := store.GetVariable(l.path)
		at, ok := position[v]
		if !ok {
			panic(fmt.Errorf("rivals: layer %q is not trained", l.path))
		}
		a := masking{variable: v, mask: m.maskVariable(store, l, i)}
		mask := a.mask.NodeValue(g)
		if m.gradients {
			kept := store.VariableWithShape(gradientPath(l.path), shapes.Make(dtypes.Float32, l.dims...), initializer.Zero).SetTrainable(false)
			kept.NodeValue(g)
			kept.SetNodeValue(gradients[at])
		}
		if m.dense {
			a.dense = m.denseVariable(store, v)
			v.SetNodeValue(a.dense.NodeValue(g))
		}
		if !m.splice {
			gradients[at] = graph.Where(mask, gradients[at], graph.ZerosLike(gradients[at]))
		}
		layers = append(layers, a)
	}
	m.inner.UpdateGraphWithGradients(scope, gradients, lossDType)
	step := graph.AddScalar(store.GetVariable("/"+optimizer.GlobalStepVariableName).NodeValue(g), -1)
	for i, a := range layers {
		m.finish(scope, i, a, graph.ConvertDType(step, dtypes.Int64))
	}
}

// finish applies the mask to a layer after the step of the inner optimizer.
func (m *masked) finish(scope *model.Scope, i int, a masking, step *graph.Node) {
	g := step.Graph()
	weights, mask := a.variable.NodeValue(g), a.mask.NodeValue(g)
	zero := graph.ZerosLike(weights)
	if m.dense {
		a.dense.SetNodeValue(weights)
	}
	if !m.splice {
		// A pruned weight has no momentum, so that one that comes back begins without.
		momentum := m.inner.Momentum(scope.Store(), a.variable)
		momentum.SetNodeValue(graph.Where(mask, momentum.NodeValue(g), zero))
	}
	if m.move != nil {
		mask = m.move(scope, i, step, weights, mask)
		a.mask.SetNodeValue(mask)
	}
	a.variable.SetNodeValue(graph.Where(mask, weights, zero))
}

// maskVariable returns the variable with the mask of layer i.
func (m *masked) maskVariable(store *model.Store, l layer, i int) *model.Variable {
	flat := make([]bool, l.size())
	for j := range flat {
		flat[j] = m.start == nil || m.start[i][j]
	}
	return store.VariableWithValue(maskPath(l.path), tensors.FromFlatDataAndDimensions(flat, l.dims...)).SetTrainable(false)
}

// denseVariable returns the variable with the values of all weights of v, at first those of v.
func (m *masked) denseVariable(store *model.Store, v *model.Variable) *model.Variable {
	value, err := v.Value()
	if err == nil {
		value, err = value.LocalClone()
	}
	if err != nil {
		panic(fmt.Errorf("rivals: reading %q: %w", v.Path(), err))
	}
	return store.VariableWithValue(densePath(v.Path()), value).SetTrainable(false)
}

// Clear implements optimizer.Interface.
func (m *masked) Clear(scope *model.Scope) error {
	for _, l := range layersOf(scope.Store()) {
		for _, path := range []string{maskPath(l.path), densePath(l.path), gradientPath(l.path)} {
			if err := scope.Store().DeleteVariable(path); err != nil {
				return fmt.Errorf("rivals: clearing %s: %w", path, err)
			}
		}
	}
	return m.inner.Clear(scope)
}

// setMask moves the masks of a network in training: it sets the mask of every layer, and the
// network to its weights under it. Weights that come back have their dense value, or zero.
func (m *masked) setMask(store *model.Store, layers []layer, kept keep) error {
	for i, l := range layers {
		v := store.GetVariable(maskPath(l.path))
		if err := v.SetValue(tensors.FromFlatDataAndDimensions(kept[i], l.dims...)); err != nil {
			return fmt.Errorf("rivals: mask of %s: %w", l.name(), err)
		}
	}
	values, err := m.values(store, layers)
	if err != nil {
		return err
	}
	for i := range values {
		for j := range values[i] {
			if !kept[i][j] {
				values[i][j] = 0
			}
		}
	}
	return write(store, layers, values)
}

// values returns the weights as they are trained: also those of pruned ones, where they have any.
func (m *masked) values(store *model.Store, layers []layer) (numbers, error) {
	if m.dense {
		return read(store, layers, densePath)
	}
	return weightsOf(store, layers)
}

// masks returns the masks of a network in training.
func masks(store *model.Store, layers []layer) (keep, error) {
	kept := make(keep, len(layers))
	for i, l := range layers {
		var err error
		if kept[i], err = readFlat[bool](store, maskPath(l.path)); err != nil {
			return nil, err
		}
	}
	return kept, nil
}

// resetMomentum sets the momentum of all layers to zero.
func (m *masked) resetMomentum(store *model.Store, layers []layer) error {
	for _, l := range layers {
		path := m.inner.Momentum(store, store.GetVariable(l.path)).Path()
		if err := writeFlat(store, path, make([]float64, l.size())); err != nil {
			return err
		}
	}
	return nil
}
