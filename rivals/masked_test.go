package rivals

import (
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"

	"gsmlab/gsm"
	"gsmlab/internal/pjrt/backendtest"
)

// TestMasked: pruned weights are exactly zero after each step, and have no momentum where the
// gradient does not reach them; with splicing their dense values move, and a mask that lets them
// back brings those.
func TestMasked(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, splice := range []bool{false, true} {
			inner, err := gsm.New(gsm.Config{Compression: 1, LearningRate: gsm.Schedule{Base: 0.1}, Momentum: 0.9})
			if err != nil {
				t.Fatal(err)
			}
			start := keep{{true, false, true, false, true, false}}
			m := &masked{inner: inner, start: start, dense: true, splice: splice, gradients: true}
			store := model.NewStore()
			net := func(scope *model.Scope, x *graph.Node) *graph.Node { return layers.Dense(scope.In("fc"), x, true, 3) }
			trainer := train.NewTrainer(b, store, net, loss.SparseCategoricalCrossEntropyLogits, m, nil, nil)
			images, labels := tensors.FromValue([][]float32{{1, 2}, {-1, 3}}), tensors.FromValue([][]int32{{0}, {2}})
			batch := train.Batch{Inputs: []*tensors.Tensor{images}, Labels: []*tensors.Tensor{labels}}
			if _, err := trainer.EvalStep(batch); err != nil { // makes the variables
				t.Fatal(err)
			}
			ls := layersOf(store)
			before, err := weightsOf(store, ls)
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if _, err := trainer.TrainStep(batch); err != nil {
					t.Fatal(err)
				}
			}
			weights, err := weightsOf(store, ls)
			if err != nil {
				t.Fatal(err)
			}
			dense, err := m.values(store, ls)
			if err != nil {
				t.Fatal(err)
			}
			momentum, err := read(store, ls, func(path string) string { return m.inner.Momentum(store, store.GetVariable(path)).Path() })
			if err != nil {
				t.Fatal(err)
			}
			gradients, err := read(store, ls, gradientPath)
			if err != nil {
				t.Fatal(err)
			}
			for j, kept := range start[0] {
				moved := dense[0][j] != before[0][j]
				switch {
				case gradients[0][j] == 0:
					t.Errorf("splice %v: weight %d has no gradient: pruned ones have one too", splice, j)
				case kept && (weights[0][j] != dense[0][j] || !moved):
					t.Errorf("splice %v: kept weight %d is %g, trained as %g from %g", splice, j, weights[0][j], dense[0][j], before[0][j])
				case !kept && weights[0][j] != 0:
					t.Errorf("splice %v: pruned weight %d is %g", splice, j, weights[0][j])
				case !kept && moved != splice:
					t.Errorf("splice %v: the dense value of pruned weight %d went from %g to %g", splice, j, before[0][j], dense[0][j])
				case !kept && !splice && momentum[0][j] != 0:
					t.Errorf("pruned weight %d has momentum %g", j, momentum[0][j])
				}
			}
			all := keep{{true, true, true, true, true, true}}
			if err := m.setMask(store, ls, all); err != nil {
				t.Fatal(err)
			}
			if back, err := weightsOf(store, ls); err != nil || back[0][1] != dense[0][1] {
				t.Errorf("splice %v: weight 1 comes back as %v, want %g (%v)", splice, back[0][1], dense[0][1], err)
			}
		}
	})
}
