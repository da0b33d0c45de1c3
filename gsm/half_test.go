// Tests of networks in half precision: they train, cut and count like their float32 copies.

package gsm_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/checkpoint"

	"gsmlab/gsm"
	"gsmlab/gsm/snapshot"
	"gsmlab/internal/pjrt/backendtest"
)

// halfKernel trains a kernel in half precision whose gradient is that of its first two weights.
type halfKernel struct {
	store *model.Store
	exec  *model.Exec
	v     *model.Variable
}

var halfWeights = []float32{1, -1.5, .75, -.5, .3, 1.25, -.9, .6, 1.1}

func newHalfKernel(t *testing.T, b compute.Backend, store *model.Store, dtype dtypes.DType, c gsm.Config) *halfKernel {
	t.Helper()
	h := &halfKernel{store: store}
	h.v = store.VariableWithValue("/kernel", convert(t, b, tensors.FromFlatDataAndDimensions(halfWeights, 3, 3), dtype))
	o := mustNew(t, c)
	exec, err := model.NewExec(b, store, func(scope *model.Scope, d *graph.Node) *graph.Node {
		h.v.NodeValue(d)
		o.UpdateGraphWithGradients(scope, []*graph.Node{graph.ConvertDType(d, dtype)}, dtype)
		return graph.ConvertDType(h.v.NodeValue(d), dtypes.Float32)
	})
	if err != nil {
		t.Fatal(err)
	}
	h.exec = exec
	return h
}

// train returns the weights after that many steps.
func (h *halfKernel) train(t *testing.T, steps int) []float32 {
	t.Helper()
	gradient := tensors.FromFlatDataAndDimensions([]float32{1e-4, -1e-4, 0, 0, 0, 0, 0, 0, 0}, 3, 3)
	var out []*tensors.Tensor
	for range steps {
		var err error
		if out, err = h.exec.Call(gradient); err != nil {
			t.Fatal(err)
		}
	}
	return tensors.MustCopyFlatData[float32](out[0])
}

func TestHalfPrecision(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, dtype := range []dtypes.DType{dtypes.BFloat16, dtypes.Float16} {
			t.Run(dtype.String(), func(t *testing.T) {
				shrinksInHalf(t, b, dtype)
				resumesInHalf(t, b, dtype)
				cutsInHalf(t, b, dtype)
			})
		}
	})
}

// shrinksInHalf: passive weights shrink as the budget says, though one step is a fraction of what
// the type can tell from 1. S is that of the published plan for ResNet-56, in a quarter of its
// 20,000 steps.
func shrinksInHalf(t *testing.T, b compute.Backend, dtype dtypes.DType) {
	const steps = 5000
	c := gsm.Config{Q: 2, Momentum: .98, WeightDecay: 1e-4, LearningRate: gsm.Schedule{Base: 2e-2}}
	got := newHalfKernel(t, b, model.NewStore(), dtype, c).train(t, steps)
	var left []float64
	for i := 2; i < len(got); i++ {
		left = append(left, float64(got[i]/halfWeights[i]))
	}
	slices.Sort(left)
	want := math.Exp(-gsm.BudgetS(c, steps).S)
	near(t, "e^-S", want, .607, 1e-3, 0)
	// 1/256 is bfloat16's rounding
	near(t, "what is left of the median weight", left[len(left)/2], want, 5e-3, 0)
}

// resumesInHalf: a checkpoint holds the copies. A weight that somebody changes in between counts as
// it is.
func resumesInHalf(t *testing.T, b compute.Backend, dtype dtypes.DType) {
	c := gsm.Config{Q: 2, Momentum: .9, WeightDecay: 1e-3, LearningRate: gsm.Schedule{Base: 2e-2}}
	dir := t.TempDir()
	whole := newHalfKernel(t, b, model.NewStore(), dtype, c)
	handler, err := checkpoint.Build(whole.store).Dir(dir).Done()
	if err != nil {
		t.Fatal(err)
	}
	whole.train(t, 50)
	if err := handler.Save(); err != nil {
		t.Fatal(err)
	}
	reopened := model.NewStore()
	if _, err := checkpoint.Build(reopened).Dir(dir).Done(); err != nil {
		t.Fatal(err)
	}
	again := newHalfKernel(t, b, reopened, dtype, c)
	if want, got := whole.train(t, 50), again.train(t, 50); !slices.Equal(got, want) {
		t.Errorf("resumed %v, want %v", got, want)
	}

	// Restored weights count, not the copies of other weights.
	if err := whole.v.SetValue(convert(t, b, tensors.FromFlatDataAndDimensions(halfWeights, 3, 3), dtype)); err != nil {
		t.Fatal(err)
	}
	c.Momentum, c.WeightDecay = 0, 0
	after := newHalfKernel(t, b, whole.store, dtype, c).train(t, 1)
	for i := 2; i < len(after); i++ {
		if d := after[i] - halfWeights[i]; d > 4e-3 || d < -4e-3 {
			t.Errorf("weight %d is %g after it was set to %g", i, after[i], halfWeights[i])
		}
	}
}

// cutsInHalf: masks and counts agree with the weights and with their copies.
func cutsInHalf(t *testing.T, b compute.Backend, dtype dtypes.DType) {
	const q = 4
	c := gsm.Config{Q: q, Momentum: .9, WeightDecay: 1e-3, LearningRate: gsm.Schedule{Base: 2e-2}, Telemetry: true}
	h := newHalfKernel(t, b, model.NewStore(), dtype, c)
	h.train(t, 20)
	s, err := snapshot.Take(h.store)
	if err != nil {
		t.Fatal(err)
	}
	agree(t, dtype.String(), h.store, mustNew(t, c), len(halfWeights), q)
	master := tensors.MustCopyFlatData[float32](h.store.GetVariable("/optimizers/gsm/master/kernel").MustValue())
	half := tensors.MustCopyFlatData[float32](convert(t, b, h.v.MustValue(), dtypes.Float32))
	for i := range half {
		if (half[i] == 0) != (master[i] == 0) {
			t.Errorf("weight %d is %g, its copy %g", i, half[i], master[i])
		}
	}
	if err := s.Restore(h.store); err != nil {
		t.Fatal(err)
	}
	if got, err := gsm.Nonzero(h.store, nil); err != nil || fmt.Sprint(got) != "[9]" {
		t.Errorf("%v weights after the snapshot is back (%v), want 9", got, err)
	}
}
