// Layer-wise optimal brain surgeon, with and without retraining.

package rivals

import (
	"cmp"
	"context"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/gsm/snapshot"
	"gsmlab/models/recipe"
)

const lobsSource = "Dong et al., Learning to Prune Deep Neural Networks via Layer-wise Optimal Brain Surgeon, NeurIPS 2017, arXiv:1705.07565; code: csyhhu/L-OBS"

var lobs = Method{
	Name: "l-obs", About: "layer-wise optimal brain surgeon, nothing retrained", Source: lobsSource, fits: hessiansFit,
	Variants: []Variant{
		{"one error tolerance for all layers, as in the paper's algorithm 1", layerwise{}.prune},
		{"one tolerance for all layers, relative to the size of their outputs", layerwise{relative: true}.prune},
	},
}

var lobsRetrain = Method{
	Name: "l-obs-retrain", About: "layer-wise optimal brain surgeon, retrained under the mask", Source: lobsSource, fits: hessiansFit,
	Variants: []Variant{
		{"one error tolerance for all layers, learning rate of the base / 10", layerwise{retrain: 0.1}.prune},
		{"tolerance relative to the layers' outputs, learning rate of the base / 10", layerwise{relative: true, retrain: 0.1}.prune},
		{"tolerance relative to the layers' outputs, learning rate of the base", layerwise{relative: true, retrain: 1}.prune},
	},
}

// layerwise is one setting of L-OBS.
type layerwise struct {
	relative bool
	retrain  float64 // the factor of the learning rate, 0: nothing is retrained
}

// lobsDamping is the alpha of the authors' code, whose inverse starts at 1e6 I.
const lobsDamping = 1e-6

// lobsInverse is the inverse of alpha I + mean x x^T, which the authors' code reaches sample by
// sample by Woodbury's identity.
func lobsInverse(mean *mat.SymDense) (inverse *mat.SymDense, more float64) {
	n := mean.SymmetricDim()
	h := mat.NewSymDense(n, nil)
	h.CopySym(mean)
	for i := range n {
		h.SetSym(i, i, h.At(i, i)+lobsDamping)
	}
	return invert(h)
}

// lobsScores is L_q = w_q^2 / (2 [H^-1]_qq), eq. (5) of the paper, of each weight of a kernel.
func lobsScores(weights []float64, inverse *mat.SymDense, l layer) []float64 {
	scores := make([]float64, len(weights))
	for j, w := range weights {
		scores[j] = w * w / (2 * inverse.At(j/l.units(), j/l.units()))
	}
	return scores
}

// surgeon removes weights from one unit in the given order: each time the others, and the bias,
// which is the last of w, make up for it by -w_q/[H^-1]_qq H^-1 e_q, eq. (5) of the paper. As in
// the authors' code H^-1 stays that of all weights.
func surgeon(w []float64, inverse *mat.SymDense, order []int) {
	for k, q := range order {
		share := w[q] / inverse.At(q, q)
		for i := range w {
			w[i] -= share * inverse.At(i, q)
		}
		for _, gone := range order[:k+1] {
			w[gone] = 0
		}
	}
}

// energy is half of the mean squared output of a layer: the error that pruning all of it makes.
func energy(m moments, weights []float64) float64 {
	l := m.layer
	total := 0.0
	w := mat.NewVecDense(l.rows(), nil)
	h := m.mean.SliceSym(0, l.rows())
	for u := range l.units() {
		for i := range l.rows() {
			w.SetVec(i, weights[i*l.units()+u])
		}
		total += mat.Inner(w, h, w) / 2
	}
	return total
}

func (s layerwise) prune(ctx context.Context, t *Task) (*recipe.Network, error) {
	values, kept, err := s.surgery(ctx, t)
	if err != nil {
		return nil, err
	}
	if s.retrain == 0 {
		return t.work.Open(values)
	}
	return t.retrain(ctx, mainStage, values, kept, t.steps, s.retrain)
}

// surgery returns the network after the surgery, and what it kept.
func (s layerwise) surgery(ctx context.Context, t *Task) (snapshot.Snapshot, keep, error) {
	fail := func(err error) (snapshot.Snapshot, keep, error) { return snapshot.Snapshot{}, nil, err }
	all, err := t.inputs(ctx)
	if err != nil {
		return fail(err)
	}
	weights, err := weightsOf(t.base.Store(), t.layers)
	if err != nil {
		return fail(err)
	}
	inverses := make([]*mat.SymDense, len(all))
	scores, ranks := make(numbers, len(all)), make(numbers, len(all))
	for i, m := range all {
		var more float64
		if inverses[i], more = lobsInverse(m.mean); more > 0 {
			t.note("the Hessian of %s was singular in spite of the method's %g I: damped by %.2g more", m.layer.name(), lobsDamping, more)
		}
		scores[i] = lobsScores(weights[i], inverses[i], m.layer)
		ranks[i] = slices.Clone(scores[i])
		if s.relative {
			size := energy(m, weights[i])
			for j := range ranks[i] {
				ranks[i][j] /= size
			}
		}
	}
	kept := greatest(ranks, t.q)
	dense, err := t.dense()
	if err != nil {
		return fail(err)
	}
	store := model.NewStore()
	defer store.Finalize()
	if err := dense.Restore(store); err != nil {
		return fail(err)
	}
	for i, l := range t.layers {
		bias, err := biasOf(store, l)
		if err != nil {
			return fail(err)
		}
		operate(l, weights[i], bias, inverses[i], scores[i], kept[i])
		if err := writeFlat(store, l.path, weights[i]); err != nil {
			return fail(err)
		}
		if bias != nil {
			if err := writeFlat(store, biasPath(l), bias); err != nil {
				return fail(err)
			}
		}
	}
	pruned, err := snapshot.Take(store)
	return pruned, kept, err
}

// operate removes what is not kept from each unit of a layer, the least scores first. It changes
// weights and bias; a layer without a bias, nil, has nothing there to make up with.
func operate(l layer, weights, bias []float64, inverse *mat.SymDense, scores []float64, kept []bool) {
	for u := range l.units() {
		var order []int
		w := make([]float64, l.rows()+1)
		for i := range l.rows() {
			w[i] = weights[i*l.units()+u]
			if !kept[i*l.units()+u] {
				order = append(order, i)
			}
		}
		if bias != nil {
			w[l.rows()] = bias[u]
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[a*l.units()+u], scores[b*l.units()+u]) })
		surgeon(w, inverse, order)
		for i := range l.rows() {
			weights[i*l.units()+u] = w[i]
		}
		if bias != nil {
			bias[u] = w[l.rows()]
		}
	}
}
