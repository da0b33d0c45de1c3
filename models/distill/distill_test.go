// Tests of the loss against the paper's formulas, and of a student that learns from its teacher.

package distill_test

import (
	"iter"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"gsmlab/internal/pjrt/backendtest"
	"gsmlab/models/distill"
)

func softmax(x []float64, temperature float64) []float64 {
	out, sum := make([]float64, len(x)), 0.
	for i, v := range x {
		out[i] = math.Exp(v / temperature)
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

// expected is the loss and its gradient by the formulas of the paper, in float64.
func expected(share, temperature float64, labels []int32, z, t [][]float64) (total float64, gradient []float64) {
	n := float64(len(z))
	for i := range z {
		soft, hard, teacher := softmax(z[i], temperature), softmax(z[i], 1), softmax(t[i], temperature)
		total -= (1 - share) * math.Log(hard[labels[i]]) / n
		for c := range z[i] {
			total += share * temperature * temperature * teacher[c] * math.Log(teacher[c]/soft[c]) / n
			one := 0.
			if int32(c) == labels[i] {
				one = 1
			}
			gradient = append(gradient, ((1-share)*(hard[c]-one)+share*temperature*(soft[c]-teacher[c]))/n)
		}
	}
	return total, gradient
}

// TestLoss compares loss and gradient with the formulas, and with two numbers worked out by hand.
func TestLoss(t *testing.T) {
	labels := []int32{2, 0}
	z := [][]float64{{1, -2, 0.5}, {3, 0, -1}}
	teacher := [][]float64{{-1, 0, 4}, {2, 2.5, -3}}
	flat := func(rows [][]float64) *tensors.Tensor {
		var out []float32
		for _, x := range slices.Concat(rows...) {
			out = append(out, float32(x))
		}
		return tensors.FromFlatDataAndDimensions(out, len(rows), len(rows[0]))
	}
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, c := range []struct{ share, temperature float64 }{{0.9, 4}, {0.5, 1}, {1, 2}, {0, 3}, {0.3, 20}} {
			exec, err := graph.NewExec(b, func(labels, z, teacher *graph.Node) (*graph.Node, *graph.Node) {
				total := distill.Loss(c.share, c.temperature)([]*graph.Node{labels, teacher}, []*graph.Node{z})
				return total, graph.Gradient(total, z)[0]
			})
			if err != nil {
				t.Fatal(err)
			}
			out, err := exec.Call(tensors.FromFlatDataAndDimensions(labels, 2, 1), flat(z), flat(teacher))
			if err != nil {
				t.Fatal(err)
			}
			want, gradient := expected(c.share, c.temperature, labels, z, teacher)
			if got := tensors.ToScalar[float32](out[0]); math.Abs(float64(got)-want) > 1e-5 {
				t.Errorf("share %g, temperature %g: loss %g, want %g", c.share, c.temperature, got, want)
			}
			for i, got := range tensors.MustCopyFlatData[float32](out[1]) {
				if math.Abs(float64(got)-gradient[i]) > 1e-5 { // float32 sums of numbers near 1
					t.Errorf("share %g, temperature %g: gradient %d is %g, want %g", c.share, c.temperature, i, got, gradient[i])
				}
			}
		}
	})
	// By hand: teacher and student are sure of opposite classes of two, by log 3, at temperature 1:
	// KL = (3/4 - 1/4) log 3, and the gradient is 1/4 - 3/4.
	got, gradient := expected(1, 1, []int32{0}, [][]float64{{0, math.Log(3)}}, [][]float64{{math.Log(3), 0}})
	if math.Abs(got-math.Log(3)/2) > 1e-12 || math.Abs(gradient[0]+0.5) > 1e-12 {
		t.Errorf("the formulas give %g and %v, want %g and -0.5", got, gradient, math.Log(3)/2)
	}
}

// TestTeacher trains a student without any useful label, which then agrees with its teacher, while
// evaluation knows nothing of one. The teacher answers as in evaluation: without its dropout.
func TestTeacher(t *testing.T) {
	logits := func(scope *model.Scope, x *graph.Node) *graph.Node { return layers.Dense(scope.In("out"), x, true, 3) }
	withDropout := func(scope *model.Scope, x *graph.Node) *graph.Node {
		return logits(scope, layers.DropoutStatic(scope, x, 0.5))
	}
	const batch, features = 8, 4
	x := make([]float32, batch*features)
	for i := range x {
		x[i] = float32(math.Sin(float64(7 * i)))
	}
	images := func() *tensors.Tensor { return tensors.FromFlatDataAndDimensions(x, batch, features) }
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		store := model.NewStore()
		store.SetParam(model.ParamInitialSeed, int64(1))
		teacher, err := distill.NewTeacher(b, store, withDropout)
		if err != nil {
			t.Fatal(err)
		}
		want, err := teacher.Logits(images())
		if err != nil {
			t.Fatal(err)
		}
		source := repeated{func() train.Batch {
			return train.Batch{Inputs: []*tensors.Tensor{images()}, Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(make([]int32, batch), batch, 1)}}
		}, 400}
		student := model.NewStore()
		student.SetParam(model.ParamInitialSeed, int64(2))
		student.SetParam(optimizer.ParamLearningRate, 0.1)
		trainer := train.NewTrainer(b, student, logits, distill.Loss(1, 2), optimizer.StochasticGradientDescent().WithDecay(false).Done(), nil, nil)
		metrics, err := train.NewLoop(trainer).RunSteps(teacher.Dataset(source), 400)
		if err != nil {
			t.Fatal(err)
		}
		if l := tensors.ToScalar[float32](metrics[0]); l > 1e-3 || l < -1e-6 {
			t.Errorf("the divergence is %g after training, want about 0", l)
		}
		again, err := teacher.Logits(images())
		if err != nil || !again.Equal(want) {
			t.Errorf("the teacher has changed (%v)", err)
		}
		// Evaluated, the student has the loss of the labels, which it has not learned.
		evaluated, err := trainer.Eval(repeated{source.make, 1})
		if err != nil {
			t.Fatal(err)
		}
		if l := tensors.ToScalar[float32](evaluated[0]); l < 0.1 {
			t.Errorf("evaluation has the loss %g, want that of labels that were not learned", l)
		}
	})
}

func TestDatasetRefusesOtherBatches(t *testing.T) {
	store := model.NewStore()
	teacher, err := distill.NewTeacher(backendtest.Open(t), store, func(_ *model.Scope, x *graph.Node) *graph.Node { return x })
	if err != nil {
		t.Fatal(err)
	}
	one := tensors.FromFlatDataAndDimensions([]float32{1}, 1, 1)
	odd := repeated{func() train.Batch {
		return train.Batch{Inputs: []*tensors.Tensor{one, one}, Labels: []*tensors.Tensor{one}}
	}, 1}
	for _, err := range teacher.Dataset(odd).Iter() {
		if err == nil || !strings.Contains(err.Error(), "batch of 2 inputs and 1 labels") {
			t.Errorf("%v, want an error that counts inputs and labels", err)
		}
	}
}

// repeated is a data set of n batches.
type repeated struct {
	make func() train.Batch
	n    int
}

func (r repeated) Name() string { return "repeated" }

func (r repeated) Iter() iter.Seq2[train.Batch, error] {
	return func(yield func(train.Batch, error) bool) {
		for range r.n {
			if !yield(r.make(), nil) {
				return
			}
		}
	}
}
