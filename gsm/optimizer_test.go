// Tests of the optimizer on each backend against GSM in plain Go: with checkpoints, accumulated
// gradients and odd numbers.

package gsm_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"

	"gsmlab/gsm"
	"gsmlab/internal/pjrt/backendtest"
)

// rounding is how far float32 and float64 trajectories may drift apart over the steps of these
// tests.
const rounding = 2e-5

func TestOptimizer(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for name, test := range map[string]func(*testing.T, compute.Backend){
			"follows the rule":           followsRule,
			"keep all is momentum SGD":   keepAllIsSGD,
			"decay and biases":           decayAndBiases,
			"passive weight":             passiveWeight,
			"frozen kernel":              frozenKernel,
			"prunable predicate":         prunablePredicate,
			"minimum density":            minDensity,
			"accumulated gradients":      accumulated,
			"zero threshold":             zeroThreshold,
			"errors":                     trainErrors,
			"state in the store":         stateInStore,
			"clear":                      clearState,
			"half precision is trained":  halfPrecision,
			"double precision is scored": doublePrecision,
		} {
			t.Run(name, func(t *testing.T) { test(t, b) })
		}
	})
}

// followsRule compares weights and telemetry of each step with GSM in Go.
func followsRule(t *testing.T, b compute.Backend) {
	for _, nesterov := range []bool{false, true} {
		c := gsm.Config{
			Q: 7, Momentum: .9, Nesterov: nesterov, WeightDecay: 1e-2, Telemetry: true,
			LearningRate: gsm.Schedule{Base: .03, WarmupSteps: 3, Milestones: []int{12, 20}, Factor: .3},
		}
		rng := rand.New(rand.NewPCG(3, 4))
		ref := newStepper(c, newLinear(1))
		r := newRig(t, b, model.NewStore(), ref.net, mustNew(t, c))
		var before []bool
		totalFlips, totalReactivated := 0, 0
		for step := range 30 {
			x, y := data(rng)
			scores := ref.next(t, x, y)
			r.train(t, x, y)
			compare(t, fmt.Sprintf("step %d", step), r.weights(), ref.net, rounding)

			flips, reactivated, threshold := 0, 0, math.Inf(1)
			var active [2]int
			for i, a := range ref.active {
				if a {
					threshold = min(threshold, scores[i])
					active[min(1, i/(in*hidden))]++
				}
				if before != nil && a != before[i] {
					flips++
					if a {
						reactivated++
					}
				}
			}
			before = append(before[:0], ref.active...)
			totalFlips, totalReactivated = totalFlips+flips, totalReactivated+reactivated
			got, err := gsm.ReadTelemetry(r.store)
			if err != nil {
				t.Fatal(err)
			}
			want := gsm.Telemetry{Threshold: got.Threshold, Active: active[:], Passes: got.Passes, Flips: flips, Reactivated: reactivated,
				TotalFlips: totalFlips, TotalReactivated: totalReactivated}
			if fmt.Sprint(got) != fmt.Sprint(want) || math.Abs(got.Threshold-threshold) > 1e-4*threshold || got.ActiveTotal() != 7 || got.Passes < 1 {
				t.Fatalf("step %d: telemetry %+v, want %+v with threshold %g", step, got, want, threshold)
			}
			mask, err := gsm.ActiveMask(r.store, nil)
			if err != nil || len(mask.Layers) != 2 {
				t.Fatalf("step %d: active mask of %d layers, %v", step, len(mask.Layers), err)
			}
			if got := append(mask.Layers[0].Bools(), mask.Layers[1].Bools()...); !slices.Equal(got, ref.active) {
				t.Fatalf("step %d: active %v, want %v", step, got, ref.active)
			}
		}
		if totalFlips == 0 || totalReactivated == 0 {
			t.Error("nothing ever flipped: the test shows nothing")
		}
		if r.graphs != 1 {
			t.Errorf("%d graphs were built, want 1", r.graphs)
		}
	}
}

// momentumSGD is torch.optim.SGD with momentum, written without the package.
type momentumSGD struct{ rate, momentum, decay float64 }

func (s momentumSGD) UpdateGraph(scope *model.Scope, g *graph.Graph, loss *graph.Node) {
	gradients := scope.BuildTrainableVariablesGradientsGraph(loss)
	for i, path := range linearPaths {
		w := scope.Store().GetVariable(path)
		z := scope.Store().VariableWithShape("/sgd"+path, w.Shape(), initializer.Zero).SetTrainable(false)
		d := gradients[i]
		if i%2 == 0 {
			d = graph.Add(d, graph.MulScalar(w.NodeValue(g), s.decay))
		}
		z.SetNodeValue(graph.Add(graph.MulScalar(z.NodeValue(g), s.momentum), d))
		w.SetNodeValue(graph.Sub(w.NodeValue(g), graph.MulScalar(z.NodeValue(g), s.rate)))
	}
}

func (momentumSGD) Clear(*model.Scope) error { return nil }

func keepAllIsSGD(t *testing.T, b compute.Backend) {
	net := newLinear(2)
	plain := newRig(t, b, model.NewStore(), net, momentumSGD{rate: .05, momentum: .9, decay: 1e-2})
	c := gsm.Config{Compression: 1, LearningRate: gsm.Schedule{Base: .05}, Momentum: .9, WeightDecay: 1e-2}
	ours := newRig(t, b, model.NewStore(), net, mustNew(t, c))
	c.Telemetry = true // scores, but all are active
	scored := newRig(t, b, model.NewStore(), net, mustNew(t, c))
	rng := rand.New(rand.NewPCG(1, 1))
	for step := range 20 {
		x, y := data(rng)
		for _, r := range []*rig{plain, ours, scored} {
			r.train(t, x, y)
		}
		compare(t, fmt.Sprintf("step %d", step), ours.weights(), plain.weights(), 0)
		compare(t, fmt.Sprintf("step %d, with telemetry", step), scored.weights(), plain.weights(), 0)
	}
	if got, err := gsm.ReadTelemetry(scored.store); err != nil || got.ActiveTotal() != in*hidden+hidden*out || got.TotalFlips != 0 {
		t.Errorf("telemetry %+v (%v): want all active", got, err)
	}
}

// decayAndBiases trains from a perfect fit: without a gradient, kernels shrink and biases stay.
func decayAndBiases(t *testing.T, b compute.Backend) {
	net := newLinear(3)
	x, _ := data(rand.New(rand.NewPCG(2, 2)))
	y := affine(affine(x, net.A, net.a, in, hidden), net.B, net.b, hidden, out)
	r := newRig(t, b, model.NewStore(), net, mustNew(t, gsm.Config{Compression: 4, LearningRate: gsm.Schedule{Base: .1}, WeightDecay: .1}))
	r.train(t, x, y)
	want := net.clone()
	for i := range want.A {
		want.A[i] *= 1 - .1*.1
	}
	for i := range want.B {
		want.B[i] *= 1 - .1*.1
	}
	compare(t, "perfect fit", r.weights(), want, 1e-6)

	// With one active weight, biases still get their whole gradient.
	y = random(rand.New(rand.NewPCG(5, 5)), batch*out)
	r = newRig(t, b, model.NewStore(), net, mustNew(t, gsm.Config{Q: 1, LearningRate: gsm.Schedule{Base: .1}, WeightDecay: .1}))
	r.train(t, x, y)
	g, got := net.gradients(x, y), r.weights()
	for i := range net.a {
		near(t, "bias", got.a[i], net.a[i]-.1*g.a[i], 1e-5, 1e-6)
	}
	for i := range net.b {
		near(t, "bias", got.b[i], net.b[i]-.1*g.b[i], 1e-5, 1e-6)
	}
	moved := 0
	for i := range net.A {
		if math.Abs(got.A[i]-.99*net.A[i]) > 1e-6 {
			moved++
		}
	}
	for i := range net.B {
		if math.Abs(got.B[i]-.99*net.B[i]) > 1e-6 {
			moved++
		}
	}
	if moved != 1 {
		t.Errorf("%d kernel weights did more than decay, want 1", moved)
	}
}

// passiveWeight checks the shrink law in whole training steps. The input that one row of A reads is
// always 0, so its weights never have a gradient.
func passiveWeight(t *testing.T, b compute.Backend) {
	net := newLinear(4)
	for j := range hidden {
		net.A[j] = 1
	}
	const rate, decay, momentum, steps = 5e-3, 5e-2, .98, 300
	r := newRig(t, b, model.NewStore(), net, mustNew(t, gsm.Config{Q: 5, LearningRate: gsm.Schedule{Base: rate}, WeightDecay: decay, Momentum: momentum}))
	rng := rand.New(rand.NewPCG(6, 6))
	w, z := 1.0, 0.0
	for range steps {
		x, y := data(rng)
		for i := range batch {
			x[i*in] = 0
		}
		r.train(t, x, y)
		z = momentum*z + decay*w
		w -= rate * z
	}
	for j := range hidden {
		near(t, "passive weight", r.weights().A[j], w, 1e-4, 0)
	}
}

func frozenKernel(t *testing.T, b compute.Backend) {
	net := newLinear(5)
	r := newRig(t, b, model.NewStore(), net, mustNew(t, gsm.Config{Q: hidden * out, LearningRate: gsm.Schedule{Base: .1}, WeightDecay: .1, Telemetry: true}))
	r.store.GetVariable("/first/kernel").SetTrainable(false)
	if n := gsm.CountPrunable(r.store, nil); n != hidden*out {
		t.Errorf("%d prunable weights, want %d", n, hidden*out)
	}
	x, y := data(rand.New(rand.NewPCG(7, 7)))
	r.train(t, x, y)
	got, err := gsm.ReadTelemetry(r.store)
	if err != nil || fmt.Sprint(got.Active) != fmt.Sprint([]int{hidden * out}) {
		t.Errorf("active %v (%v), want only the second kernel, whole", got.Active, err)
	}
	for i, w := range r.weights().A {
		if w != net.A[i] {
			t.Fatalf("frozen weight %d moved from %g to %g", i, net.A[i], w)
		}
	}
}

func prunablePredicate(t *testing.T, b compute.Backend) {
	// with its bias
	second := func(v *model.Variable) bool { return strings.HasPrefix(v.Path(), "/second/") }
	net := newLinear(6)
	r := newRig(t, b, model.NewStore(), net, mustNew(t, gsm.Config{
		Q: 4, LearningRate: gsm.Schedule{Base: .1}, Telemetry: true, Prunable: second,
		Decayed: func(*model.Variable) bool { return true }, WeightDecay: .5,
	}))
	x, y := data(rand.New(rand.NewPCG(8, 8)))
	r.train(t, x, y)
	got, err := gsm.ReadTelemetry(r.store)
	if err != nil || len(got.Active) != 2 || got.ActiveTotal() != 4 {
		t.Errorf("active %v (%v), want 4 of kernel and bias", got.Active, err)
	}
	g := net.gradients(x, y)
	for i, w := range r.weights().A { // refused: full gradient
		near(t, "refused kernel", w, net.A[i]-.1*(g.A[i]+.5*net.A[i]), 1e-5, 1e-6)
	}
	for i, w := range r.weights().a { // accepted by Decayed
		near(t, "decayed bias", w, net.a[i]-.1*(g.a[i]+.5*net.a[i]), 1e-5, 1e-6)
	}
}

// minDensity makes the scores of the second kernel tiny, so that it keeps nothing without
// protection.
func minDensity(t *testing.T, b compute.Backend) {
	net := newLinear(7)
	x, y := data(rand.New(rand.NewPCG(9, 9)))
	for i := range x {
		x[i] *= 1000 // scores of A grow as x does; so do those of B,
	}
	for i := range net.B {
		net.B[i] = float64(float32(1e-3 * net.B[i]))
	}
	dead := newLinear(7)
	for j := range hidden {
		dead.B[j*out] = 0 // 6 of B have score 0
	}
	for _, c := range []struct {
		name    string
		net     linear
		density float64
		second  func(int) bool
	}{
		{"all alive", net, .25, func(n int) bool { return n >= 5 }}, // ceil(.25*18)
		// 13 asked for, 12 have a score
		{"partly dead", dead, .7, func(n int) bool { return n == 12 }},
	} {
		r := newRig(t, b, model.NewStore(), c.net, mustNew(t, gsm.Config{Q: 36, LearningRate: gsm.Schedule{Base: 1e-9}, MinDensity: c.density, Telemetry: true}))
		r.train(t, x, y)
		got, err := gsm.ReadTelemetry(r.store)
		if err != nil || got.ActiveTotal() != 36 || !c.second(got.Active[1]) {
			t.Errorf("%s: active %v (%v)", c.name, got.Active, err)
		}
	}

	r := newRig(t, b, model.NewStore(), net, mustNew(t, gsm.Config{Q: 10, MinDensity: .5}))
	wantError(t, r.try(x, y), gsm.ErrCompression, "gsm: compression out of range: a minimum density of 0.5 alone keeps more than Q 10 weights: lower it or the compression")
}

// trainHalves trains 12 steps with accumulated gradients of half a batch each. Each step must end
// with the weights that whole batches give.
func trainHalves(t *testing.T, b compute.Backend, c gsm.Config) *rig {
	net := newLinear(8)
	whole, halves := newRig(t, b, model.NewStore(), net, mustNew(t, c)), newRig(t, b, model.NewStore(), net, mustNew(t, c))
	if err := halves.trainer.AccumulateGradients(2); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(10, 10))
	for step := range 12 {
		x, y := data(rng)
		whole.train(t, x, y)
		halves.train(t, x[:batch/2*in], y[:batch/2*out])
		halves.train(t, x[batch/2*in:], y[batch/2*out:])
		compare(t, fmt.Sprintf("step %d", step), halves.weights(), whole.weights(), rounding)
	}
	return halves
}

// accumulated feeds the halves of a batch one by one.
func accumulated(t *testing.T, b compute.Backend) {
	halves := trainHalves(t, b, gsm.Config{Q: 7, Momentum: .9, WeightDecay: 1e-2, LearningRate: gsm.Schedule{Base: .05, WarmupSteps: 4, Milestones: []int{8}}})
	if halves.trainer.GlobalStep() != 12 {
		t.Errorf("global step %d, want 12", halves.trainer.GlobalStep())
	}
}

// zeroThreshold: fewer than Q scores are above zero, so the rule keeps all weights active.
func zeroThreshold(t *testing.T, b compute.Backend) {
	net := newLinear(9)
	clear(net.B) // no gradient for A, and B's scores are 0
	r := newRig(t, b, model.NewStore(), net, mustNew(t, gsm.Config{Q: 3, LearningRate: gsm.Schedule{Base: .1}, Telemetry: true}))
	x, y := data(rand.New(rand.NewPCG(11, 11)))
	r.train(t, x, y)
	got, err := gsm.ReadTelemetry(r.store)
	if err != nil || got.Threshold != 0 || got.ActiveTotal() != in*hidden+hidden*out {
		t.Errorf("telemetry %+v (%v), want threshold 0 and all active", got, err)
	}
	g := net.gradients(x, y)
	for i, w := range r.weights().B {
		near(t, "weight at zero", w, -.1*g.B[i], 1e-5, 1e-7)
	}
}

func trainErrors(t *testing.T, b compute.Backend) {
	net := newLinear(10)
	x, y := data(rand.New(rand.NewPCG(12, 12)))
	try := func(c gsm.Config) error { return newRig(t, b, model.NewStore(), net, mustNew(t, c)).try(x, y) }
	wantError(t, try(gsm.Config{Q: 49}), gsm.ErrCompression, "gsm: compression out of range: Q 49: the model has only 48 prunable weights")
	wantError(t, try(gsm.Config{Compression: 49}), gsm.ErrCompression, "gsm: compression out of range: compression 49 keeps none of 48 weights: at most 48 is possible")
	none := func(*model.Variable) bool { return false }
	wantError(t, try(gsm.Config{Compression: 2, Prunable: none}), gsm.ErrNothingPrunable,
		"gsm: no prunable weight: Config.Prunable refuses all trainable variables of the model")
}

// wantError checks the error and its message, which GoMLX prefixes with its own words.
func wantError(t *testing.T, err, want error, message string) {
	t.Helper()
	switch {
	case err == nil:
		t.Errorf("no error, want %q", message)
	case want != nil && !errors.Is(err, want):
		t.Errorf("error %q is not %q", err, want)
	case !strings.HasSuffix(err.Error(), message):
		t.Errorf("error %q, want %q", err, message)
	}
}

// stateInStore: the state is one momentum tensor per trainable variable and a few scalars, and
// nothing else.
func stateInStore(t *testing.T, b compute.Backend) {
	r := newRig(t, b, model.NewStore(), newLinear(11), mustNew(t, gsm.Config{Q: 5, Momentum: .9, WeightDecay: .1, LearningRate: gsm.Schedule{Base: .1, Milestones: []int{5, 9}}}))
	x, y := data(rand.New(rand.NewPCG(13, 13)))
	r.train(t, x, y)
	momenta, small := map[string]bool{}, 0
	for v := range r.store.IterVariables() {
		path, found := strings.CutPrefix(v.Path(), "/optimizers/gsm/momentum")
		switch {
		case found:
			if w := r.store.GetVariable(path); w == nil || !w.Shape().Equal(v.Shape()) {
				t.Errorf("momentum of %q has no variable of its shape", path)
			}
			momenta[path] = true
		case strings.HasPrefix(v.Path(), "/optimizers/") || v.Path() == "/global_step":
			small += v.Shape().Size()
		}
		if v.Trainable != strings.HasPrefix(v.Path(), "/first/") && v.Trainable != strings.HasPrefix(v.Path(), "/second/") {
			t.Errorf("%s: trainable is %t", v.Path(), v.Trainable)
		}
	}
	if len(momenta) != 4 {
		t.Errorf("momentum of %v, want of all 4 variables", momenta)
	}
	if small > 10 { // step, rate, factor, warm-up, threshold, milestones
		t.Errorf("%d other numbers of state, want a few", small)
	}
	if n := gsm.CountPrunable(r.store, func(*model.Variable) bool { return true }); n != in*hidden+hidden+hidden*out+out {
		t.Errorf("%d weights are prunable at most, want those of the model", n)
	}
}

func clearState(t *testing.T, b compute.Backend) {
	net := newLinear(12)
	c := gsm.Config{Q: 5, Momentum: .9, LearningRate: gsm.Schedule{Base: .1, WarmupSteps: 2}, Telemetry: true}
	o := mustNew(t, c)
	r := newRig(t, b, model.NewStore(), net, o)
	rng := rand.New(rand.NewPCG(14, 14))
	for range 3 {
		x, y := data(rng)
		r.train(t, x, y)
	}
	trained := r.weights()
	if err := o.Clear(r.store.RootScope()); err != nil {
		t.Fatal(err)
	}
	for v := range r.store.IterVariables() {
		if strings.HasPrefix(v.Path(), "/optimizers/") || v.Path() == "/global_step" {
			t.Errorf("%s is left", v.Path())
		}
	}
	compare(t, "after Clear", r.weights(), trained, 0)
	if _, err := gsm.ActiveMask(r.store, nil); err == nil {
		t.Error("a mask of active weights without telemetry")
	}
	if _, err := gsm.ReadTelemetry(r.store); err == nil {
		t.Error("telemetry is left")
	}
	// A new phase starts as in a new store, with its own schedule.
	c = gsm.Config{Q: 7, Momentum: .5, LearningRate: gsm.Schedule{Base: .02, Milestones: []int{2}}}
	again, fresh := newRig(t, b, r.store, net, mustNew(t, c)), newRig(t, b, model.NewStore(), trained, mustNew(t, c))
	for step := range 4 {
		x, y := data(rng)
		again.train(t, x, y)
		fresh.train(t, x, y)
		compare(t, fmt.Sprintf("second phase, step %d", step), again.weights(), fresh.weights(), 0)
	}
}

// step1 trains one step of a single kernel whose gradient is given.
func step1[T interface{ float32 | float64 }](t *testing.T, b compute.Backend, dtype dtypes.DType, c gsm.Config, kernel, gradient []T) (*model.Store, *model.Variable) {
	t.Helper()
	store := model.NewStore()
	v := store.VariableWithValue("/kernel", tensors.FromFlatDataAndDimensions(kernel, 1, len(kernel)))
	o := mustNew(t, c)
	exec, err := model.NewExec(b, store, func(scope *model.Scope, d *graph.Node) *graph.Node {
		v.NodeValue(d)
		o.UpdateGraphWithGradients(scope, []*graph.Node{graph.ConvertDType(d, v.DType())}, dtypes.Float32)
		return v.NodeValue(d)
	})
	if err != nil {
		t.Fatal(err)
	}
	if dtype != v.DType() {
		if err := v.SetValue(convert(t, b, v.MustValue(), dtype)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := exec.Call(tensors.FromFlatDataAndDimensions(gradient, 1, len(gradient))); err != nil {
		t.Fatal(err)
	}
	return store, v
}

func convert(t *testing.T, b compute.Backend, x *tensors.Tensor, dtype dtypes.DType) *tensors.Tensor {
	t.Helper()
	out, err := graph.CallOnce(b, func(x *graph.Node) *graph.Node { return graph.ConvertDType(x, dtype) }, x)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func halfPrecision(t *testing.T, b compute.Backend) {
	c := gsm.Config{Q: 2, LearningRate: gsm.Schedule{Base: 1}}
	store, v := step1(t, b, dtypes.BFloat16, c, []float32{1, 2, 4, 8}, []float32{.5, .125, .25, .0625})
	got := tensors.MustCopyFlatData[float32](convert(t, b, v.MustValue(), dtypes.Float32))
	// Scores .5, .25, 1, .5: three tie or win.
	if want := []float32{.5, 2, 3.75, 7.9375}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("weights %v, want %v", got, want)
	}
	if _, threshold, err := gsm.Cut(store, nil, 2); err != nil || threshold != 3.75 {
		t.Errorf("threshold %g (%v), want 3.75", threshold, err)
	}
	got = tensors.MustCopyFlatData[float32](convert(t, b, v.MustValue(), dtypes.Float32))
	if want := []float32{0, 0, 3.75, 7.9375}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("after the cut weights are %v, want %v", got, want)
	}
}

// doublePrecision has scores that float32 would tie.
func doublePrecision(t *testing.T, b compute.Backend) {
	c := gsm.Config{Q: 1, LearningRate: gsm.Schedule{Base: 1}}
	_, v := step1(t, b, dtypes.Float64, c, []float64{1, 1 + 1e-12}, []float64{.5, .5})
	if got := tensors.MustCopyFlatData[float64](v.MustValue()); got[0] != 1 || math.Abs(got[1]-.5) > 1e-9 {
		t.Errorf("weights %v, want the second alone to move", got)
	}
}

func TestNewErrors(t *testing.T) {
	for _, c := range []struct {
		config  gsm.Config
		message string
	}{
		{gsm.Config{}, "gsm: compression out of range: set Compression (1 keeps all) or Q"},
		{gsm.Config{Compression: .5}, "gsm: compression out of range: compression 0.5: must be at least 1"},
		{gsm.Config{Compression: math.NaN()}, "gsm: compression out of range: compression NaN: must be at least 1"},
		{gsm.Config{Compression: math.Inf(1)}, "gsm: compression out of range: compression +Inf: must be at least 1"},
		{gsm.Config{Compression: -3}, "gsm: compression out of range: compression -3: must be at least 1"},
		{gsm.Config{Q: -1}, "gsm: compression out of range: Q -1: must be at least 1"},
		{gsm.Config{Q: 2, Compression: 2}, "gsm: compression out of range: both Compression 2 and Q 2 are set: set one"},
	} {
		_, err := gsm.New(c.config)
		wantError(t, err, gsm.ErrCompression, c.message)
	}
	for _, c := range []struct {
		change  func(*gsm.Config)
		message string
	}{
		{func(c *gsm.Config) { c.Momentum = 1 }, "gsm: momentum 1: must be at least 0 and below 1"},
		{func(c *gsm.Config) { c.Momentum = math.NaN() }, "gsm: momentum NaN: must be at least 0 and below 1"},
		{func(c *gsm.Config) { c.Nesterov = true }, "gsm: Nesterov needs a momentum above 0"},
		{func(c *gsm.Config) { c.WeightDecay = -1e-4 }, "gsm: weight decay -0.0001: must be a finite number, at least 0"},
		{func(c *gsm.Config) { c.WeightDecay = math.Inf(1) }, "gsm: weight decay +Inf: must be a finite number, at least 0"},
		{func(c *gsm.Config) { c.Margin = 1 }, "gsm: margin 1: must be at least 0 and below 1"},
		{func(c *gsm.Config) { c.Margin = math.NaN() }, "gsm: margin NaN: must be at least 0 and below 1"},
		{func(c *gsm.Config) { c.MinDensity = 1.5 }, "gsm: minimum density 1.5: must be between 0 and 1"},
		{func(c *gsm.Config) { c.FreezeAfter = -1 }, "gsm: freeze after -1 steps: must be at least 0, which never freezes"},
		{func(c *gsm.Config) { c.LearningRate.Base = math.NaN() }, "gsm: learning rate NaN: must be a finite number, at least 0"},
		{func(c *gsm.Config) { c.LearningRate.WarmupSteps = -1 }, "gsm: warm-up of -1 steps: must be at least 0"},
		{func(c *gsm.Config) { c.LearningRate.Factor = -1 }, "gsm: learning-rate factor -1: must be a finite number above 0"},
		{func(c *gsm.Config) { c.LearningRate.Milestones = []int{4, 4} }, "gsm: milestones [4 4]: must be rising step numbers"},
	} {
		config := gsm.Config{Compression: 2}
		c.change(&config)
		_, err := gsm.New(config)
		wantError(t, err, nil, c.message)
	}
}
