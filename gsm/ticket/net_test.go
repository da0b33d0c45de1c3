// The small network that the tests of tickets share, and its training.

package ticket_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"gsmlab/gsm"
)

const in, hidden, classes, rows = 8, 12, 4, 32

// prunable is the number of prunable weights of the net.
const prunable = in*hidden + hidden*classes

// net is a network as users of GoMLX write them, with ready-made layers. Shapes: x [rows,in] ->
// [rows,classes].
func net(scope *model.Scope, x *graph.Node) *graph.Node {
	x = graph.Tanh(layers.Dense(scope.In("hidden"), x, true, hidden))
	return layers.Dense(scope.In("readout"), x, true, classes)
}

func newTrainer(b compute.Backend, store *model.Store, opt optimizer.Interface) *train.Trainer {
	return train.NewTrainer(b, store, net, loss.SparseCategoricalCrossEntropyLogits, opt, nil, nil)
}

// points draws noisy points around one centre for each class.
func points(rng *rand.Rand, n int) (x []float32, y []int32) {
	for range n {
		class := rng.IntN(classes)
		for i := range in {
			centre := float64((class>>(i%2))&1)*2 - 1
			x = append(x, float32(centre+rng.NormFloat64()))
		}
		y = append(y, int32(class))
	}
	return x, y
}

func batchOf(x []float32, y []int32) train.Batch {
	return train.Batch{
		Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(x, len(y), in)},
		Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(y, len(y), 1)},
	}
}

// steps trains n steps on new points.
func steps(trainer *train.Trainer, rng *rand.Rand, n int) error {
	for range n {
		if _, err := trainer.TrainStep(batchOf(points(rng, rows))); err != nil {
			return err
		}
	}
	return nil
}

// newStore returns a store with the initialised net.
func newStore(b compute.Backend) (*model.Store, error) {
	store := model.NewStore()
	store.SetParam(model.ParamInitialSeed, int64(7))
	exec, err := model.NewExec(b, store, func(scope *model.Scope, x *graph.Node) *graph.Node { return net(scope, x) })
	if err != nil {
		return nil, err
	}
	_, err = exec.Call(tensors.FromScalarAndDimensions(float32(1), 1, in))
	return store, err
}

func mustStore(t *testing.T, b compute.Backend) *model.Store {
	t.Helper()
	store, err := newStore(b)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// values copies the model's variables of a store, by path.
func values(t *testing.T, store *model.Store) map[string][]float32 {
	t.Helper()
	out := map[string][]float32{}
	for v := range store.IterVariables() {
		if !gsm.IsState(v) {
			flat, err := tensors.CopyFlatData[float32](v.MustValue())
			if err != nil {
				t.Fatal(err)
			}
			out[v.Path()] = flat
		}
	}
	return out
}

// same fails where two stores differ by more than the tolerance.
func same(t *testing.T, what string, got, want map[string][]float32, tolerance float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d variables, want %d", what, len(got), len(want))
	}
	for path, w := range want {
		if len(got[path]) != len(w) {
			t.Fatalf("%s: %s has %d values, want %d", what, path, len(got[path]), len(w))
		}
		for i := range w {
			if d := got[path][i] - w[i]; !(d <= tolerance && d >= -tolerance) {
				t.Fatalf("%s: %s[%d] is %g, want %g", what, path, i, got[path][i], w[i])
			}
		}
	}
}

func mustGSM(t *testing.T, c gsm.Config) *gsm.Optimizer {
	t.Helper()
	o, err := gsm.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// someMask keeps q weights, drawn at random.
func someMask(t *testing.T, store *model.Store, q int, seed uint64) gsm.Mask {
	t.Helper()
	kept := map[int]bool{}
	for _, i := range rand.New(rand.NewPCG(seed, 0)).Perm(prunable)[:q] {
		kept[i] = true
	}
	var m gsm.Mask
	at := 0
	for _, v := range gsm.Prunable(store, nil) {
		keep := make([]bool, v.Shape().Size())
		for i := range keep {
			keep[i] = kept[at]
			at++
		}
		l, err := gsm.NewMaskLayer(v.Path(), v.Shape().Dimensions, keep)
		if err != nil {
			t.Fatal(err)
		}
		m.Layers = append(m.Layers, l)
	}
	if m.Kept() != q {
		t.Fatal(fmt.Errorf("%d of %d weights kept, want %d", m.Kept(), at, q))
	}
	return m
}
