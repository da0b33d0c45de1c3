// A linear model with GSM in plain Go, the reference for tests of the optimizer.

package gsm_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"gsmlab/gsm"
)

// The tests of the optimizer train the smallest net with two kernels, y = (x*A + a)*B + b with the
// mean squared error. Its gradients are a few lines of Go, so this GSM shares no code with the
// package.
const in, hidden, out, batch = 5, 6, 3, 8

// linear holds the net's parameters, row-major: A [in,hidden], a [hidden], B [hidden,out], b [out].
type linear struct{ A, a, B, b []float64 }

var linearPaths = []string{"/first/kernel", "/first/bias", "/second/kernel", "/second/bias"}
var linearDims = [][]int{{in, hidden}, {hidden}, {hidden, out}, {out}}

func newLinear(seed uint64) linear {
	rng := rand.New(rand.NewPCG(seed, 1))
	return linear{random(rng, in*hidden), random(rng, hidden), random(rng, hidden*out), random(rng, out)}
}

// random draws float32 numbers, so that Go and the graph start from the same values.
func random(rng *rand.Rand, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = float64(float32(rng.NormFloat64()))
	}
	return x
}

func (l linear) all() [][]float64 { return [][]float64{l.A, l.a, l.B, l.b} }

func (l linear) clone() linear {
	return linear{slices.Clone(l.A), slices.Clone(l.a), slices.Clone(l.B), slices.Clone(l.b)}
}

// gradients are those of the mean squared error. x [rows,in], y [rows,out].
func (l linear) gradients(x, y []float64) linear {
	rows := len(x) / in
	h, e := affine(x, l.A, l.a, in, hidden), affine(affine(x, l.A, l.a, in, hidden), l.B, l.b, hidden, out)
	for i := range e {
		e[i] = 2 * (e[i] - y[i]) / float64(rows*out)
	}
	g := linear{make([]float64, in*hidden), make([]float64, hidden), make([]float64, hidden*out), make([]float64, out)}
	for r := range rows {
		for k := range out {
			d := e[r*out+k]
			g.b[k] += d
			for j := range hidden {
				g.B[j*out+k] += h[r*hidden+j] * d
				up := l.B[j*out+k] * d
				g.a[j] += up
				for i := range in {
					g.A[i*hidden+j] += x[r*in+i] * up
				}
			}
		}
	}
	return g
}

// affine is x*w + b for x [rows,n], w [n,m].
func affine(x, w, b []float64, n, m int) []float64 {
	y := make([]float64, len(x)/n*m)
	for r := range len(x) / n {
		for j := range m {
			y[r*m+j] = b[j]
			for i := range n {
				y[r*m+j] += x[r*n+i] * w[i*m+j]
			}
		}
	}
	return y
}

// stepper is GSM in plain Go.
type stepper struct {
	// Q, Momentum, Nesterov, WeightDecay, LearningRate, FreezeAfter, and what belongs to
	// ScoreMemory
	config gsm.Config
	net, z linear
	memory []float64 // T of the last step
	active []bool    // of the last step, A then B
	step   int
}

func newStepper(c gsm.Config, net linear) *stepper {
	z := net.clone()
	for _, p := range z.all() {
		clear(p)
	}
	return &stepper{config: c, net: net.clone(), z: z}
}

// next trains one step. It returns the scores, and fails if float32 could not tell who is active.
func (s *stepper) next(t *testing.T, x, y []float64) []float64 {
	t.Helper()
	g := s.net.gradients(x, y)
	var scores []float64
	for i, p := range s.net.all() {
		if i%2 == 0 {
			for j := range p {
				scores = append(scores, math.Abs(p[j]*g.all()[i][j]))
			}
		}
	}
	scores = s.remember(scores)
	sorted := slices.Sorted(slices.Values(scores))
	slices.Reverse(sorted)
	q := s.config.Q
	if q < len(sorted) && sorted[q-1] < sorted[q]*(1+1e-4) {
		t.Fatalf("step %d: scores %g and %g are too close for this test: take another seed", s.step, sorted[q-1], sorted[q])
	}
	before := s.active
	s.active = nil
	rate := s.config.LearningRate.At(s.step)
	at := 0
	for i, p := range s.net.all() {
		z, d := s.z.all()[i], g.all()[i]
		for j := range p {
			if i%2 == 0 {
				active := scores[at] >= sorted[q-1]
				if s.config.FreezeAfter > 0 && s.step >= s.config.FreezeAfter {
					active = before[at]
				}
				s.active = append(s.active, active)
				at++
				if !active {
					d[j] = 0
				}
				d[j] += s.config.WeightDecay * p[j]
			}
			z[j] = s.config.Momentum*z[j] + d[j]
			if s.config.Nesterov {
				p[j] -= rate * (d[j] + s.config.Momentum*z[j])
			} else {
				p[j] -= rate * z[j]
			}
		}
	}
	s.step++
	return scores
}

// remember returns T: the average of the scores while the memory lasts, and else the scores.
func (s *stepper) remember(scores []float64) []float64 {
	c := s.config
	if c.ScoreMemory == 0 || s.step < c.MemoryFrom || c.MemoryUntil > 0 && s.step >= c.MemoryUntil {
		return scores
	}
	if s.memory == nil {
		s.memory = make([]float64, len(scores))
	}
	average := make([]float64, len(scores))
	for i, score := range scores {
		average[i] = c.ScoreMemory*s.memory[i] + (1-c.ScoreMemory)*score
	}
	s.memory = average
	return average
}

// data draws a batch.
func data(rng *rand.Rand) (x, y []float64) { return random(rng, batch*in), random(rng, batch*out) }

// rig trains the net through GoMLX.
type rig struct {
	store   *model.Store
	trainer *train.Trainer
	graphs  int
}

// newRig makes a trainer for the net. It puts the net's variables in the store unless they are
// there already.
func newRig(t *testing.T, b compute.Backend, store *model.Store, net linear, opt optimizer.Interface) *rig {
	t.Helper()
	r := &rig{store: store}
	for i, p := range net.all() {
		store.VariableWithValue(linearPaths[i], tensors.FromFlatDataAndDimensions(narrow(p), linearDims[i]...))
	}
	model := func(scope *model.Scope, x *graph.Node) *graph.Node {
		r.graphs++
		value := func(i int) *graph.Node { return store.GetVariable(linearPaths[i]).NodeValue(x) }
		h := graph.Add(graph.Dot(x, value(0)).Product(), graph.ExpandLeftToRank(value(1), 2))
		return graph.Add(graph.Dot(h, value(2)).Product(), graph.ExpandLeftToRank(value(3), 2))
	}
	r.trainer = train.NewTrainer(b, store, model, loss.MeanSquaredError, opt, nil, nil)
	return r
}

func narrow(x []float64) []float32 {
	y := make([]float32, len(x))
	for i := range x {
		y[i] = float32(x[i])
	}
	return y
}

// try trains a step on x [rows,in], y [rows,out].
func (r *rig) try(x, y []float64) error {
	rows := len(x) / in
	_, err := r.trainer.TrainStep(train.Batch{
		Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(narrow(x), rows, in)},
		Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(narrow(y), rows, out)},
	})
	return err
}

func (r *rig) train(t *testing.T, x, y []float64) {
	t.Helper()
	if err := r.try(x, y); err != nil {
		t.Fatal(err)
	}
}

// weights reads the net out of the store.
func (r *rig) weights() linear {
	var p [4][]float64
	for i, path := range linearPaths {
		p[i] = wide(tensors.MustCopyFlatData[float32](r.store.GetVariable(path).MustValue()))
	}
	return linear{p[0], p[1], p[2], p[3]}
}

func wide(x []float32) []float64 {
	y := make([]float64, len(x))
	for i := range x {
		y[i] = float64(x[i])
	}
	return y
}

func mustNew(t *testing.T, c gsm.Config) *gsm.Optimizer {
	t.Helper()
	o, err := gsm.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// compare fails where two nets differ by more than float32 rounds in a few dozen steps.
func compare(t *testing.T, what string, got, want linear, tolerance float64) {
	t.Helper()
	for i, p := range want.all() {
		for j := range p {
			if g := got.all()[i][j]; !(math.Abs(g-p[j]) <= tolerance*(1+math.Abs(p[j]))) {
				t.Fatalf("%s: %s[%d] is %.9g, want %.9g", what, linearPaths[i], j, g, p[j])
			}
		}
	}
}
