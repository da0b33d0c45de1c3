// Tests of the learning rate over the steps, and of the budget S with its warning.

package gsm_test

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/checkpoint"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"gsmlab/gsm"
	"gsmlab/internal/pjrt/backendtest"
)

func TestScheduleAt(t *testing.T) {
	s := gsm.Schedule{Base: .2, WarmupSteps: 4, Milestones: []int{10, 20}}
	for step, want := range map[int]float64{0: 0, 1: .05, 2: .1, 3: .15, 4: .2, 9: .2, 10: .02, 19: .02, 20: .002, 1000: .002} {
		near(t, fmt.Sprintf("rate of step %d", step), s.At(step), want, 1e-12, 0)
	}
	s = gsm.Schedule{Base: 1, WarmupSteps: 10, Milestones: []int{5}, Factor: .5}
	near(t, "rate of a milestone within the warm-up", s.At(6), .3, 1e-12, 0)
}

func TestSchedule(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		t.Run("in the graph", func(t *testing.T) { scheduleInGraph(t, b) })
		t.Run("stored", func(t *testing.T) { scheduleStored(t, b) })
		t.Run("checkpoint", func(t *testing.T) { resumed(t, b) })
	})
}

// ratesOf returns a function that trains at a given step and returns the learning rate in force: it
// trains one weight from 0 with gradient 1.
func ratesOf(t *testing.T, b compute.Backend, store *model.Store, s gsm.Schedule) func(step int) float64 {
	t.Helper()
	o := mustNew(t, gsm.Config{Compression: 1, LearningRate: s})
	exec, err := model.NewExec(b, store, func(scope *model.Scope, one *graph.Node) *graph.Node {
		w := scope.Store().VariableWithValue("/w/kernel", [][]float32{{0}})
		o.UpdateGraph(scope, one.Graph(), graph.ReduceAllSum(graph.Mul(w.NodeValue(one), one)))
		return w.NodeValue(one)
	})
	if err != nil {
		t.Fatal(err)
	}
	return func(step int) float64 {
		t.Helper()
		steps := store.VariableWithValue("/optimizers/gsm/step", int64(0)) // the optimizer's own
		if err := steps.SetValue(tensors.FromScalar(int64(step))); err != nil {
			t.Fatal(err)
		}
		store.VariableWithValue("/w/kernel", [][]float32{{0}})
		if err := store.GetVariable("/w/kernel").SetValue(tensors.FromValue([][]float32{{0}})); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Call(float32(1))
		if err != nil {
			t.Fatal(err)
		}
		return -float64(tensors.MustCopyFlatData[float32](out[0])[0])
	}
}

func scheduleInGraph(t *testing.T, b compute.Backend) {
	for _, s := range []gsm.Schedule{
		{Base: .3},
		{Base: .3, WarmupSteps: 7, Milestones: []int{20, 30, 31}},
		{Base: .3, Milestones: []int{0, 5}, Factor: .25},
		{Base: .3, WarmupSteps: 1, Milestones: []int{1 << 40}, Factor: 2},
	} {
		rate := ratesOf(t, b, model.NewStore(), s)
		for _, step := range []int{0, 1, 3, 4, 5, 6, 7, 8, 19, 20, 21, 29, 30, 31, 32, 1 << 20, 1<<40 - 1, 1 << 40} {
			near(t, fmt.Sprintf("%+v: rate of step %d", s, step), rate(step), s.At(step), 1e-6, 0)
		}
	}
	// The zero value takes the rate from the store's parameters, or GoMLX's default.
	near(t, "default rate", ratesOf(t, b, model.NewStore(), gsm.Schedule{})(0), .1, 1e-6, 0)
	store := model.NewStore()
	store.SetParam(optimizer.ParamLearningRate, .07)
	near(t, "rate of the store", ratesOf(t, b, store, gsm.Schedule{})(0), .07, 1e-6, 0)
}

// scheduleStored: the schedule of the first step stays in force until Clear.
func scheduleStored(t *testing.T, b compute.Backend) {
	began := gsm.Schedule{Base: .5, WarmupSteps: 4, Milestones: []int{10}}
	for _, other := range []gsm.Schedule{
		{Base: .125, WarmupSteps: 2, Milestones: []int{3}, Factor: .5},
		{Base: .125, Milestones: []int{3, 6, 9}}, // another number of milestones has another shape
		{Base: .125},
	} {
		store := model.NewStore()
		ratesOf(t, b, store, began)(0)
		rate := ratesOf(t, b, store, other)
		for _, step := range []int{1, 3, 4, 9, 10} {
			near(t, fmt.Sprintf("stored rate of step %d", step), rate(step), began.At(step), 1e-6, 0)
		}
		o := mustNew(t, gsm.Config{Compression: 1})
		if err := o.Clear(store.RootScope()); err != nil {
			t.Fatal(err)
		}
		rate = ratesOf(t, b, store, other)
		for _, step := range []int{1, 3, 4, 9, 10} {
			near(t, fmt.Sprintf("rate of step %d after Clear", step), rate(step), other.At(step), 1e-6, 0)
		}
	}
	// A running trainer follows a change of the variable without a new graph.
	store := model.NewStore()
	rate := ratesOf(t, b, store, began)
	rate(5)
	if err := optimizer.LearningRateVar(store.RootScope(), dtypes.Float32, 0).SetValue(tensors.FromScalar(float32(.25))); err != nil {
		t.Fatal(err)
	}
	near(t, "changed rate", rate(5), .25, 1e-6, 0)
}

// resumed saves a run half-way and resumes it from the checkpoint, with an optimizer that has a
// different schedule. It must end like the uninterrupted run, bit for bit.
func resumed(t *testing.T, b compute.Backend) {
	c := gsm.Config{Q: 9, Momentum: .9, Nesterov: true, WeightDecay: 1e-2, Telemetry: true,
		LearningRate: gsm.Schedule{Base: .05, WarmupSteps: 3, Milestones: []int{8}}}
	run := func(r *rig, from, to int) {
		t.Helper()
		for step := from; step < to; step++ {
			x, y := data(rand.New(rand.NewPCG(20, uint64(step))))
			r.train(t, x, y)
		}
	}
	net := newLinear(20)
	whole := newRig(t, b, model.NewStore(), net, mustNew(t, c))
	dir := t.TempDir()
	saved, err := checkpoint.Build(whole.store).Dir(dir).Done()
	if err != nil {
		t.Fatal(err)
	}
	run(whole, 0, 6)
	if err := saved.Save(); err != nil {
		t.Fatal(err)
	}
	run(whole, 6, 12)
	want, err := gsm.ReadTelemetry(whole.store)
	if err != nil {
		t.Fatal(err)
	}
	load := func(immediate bool) *model.Store {
		t.Helper()
		store := model.NewStore()
		build := checkpoint.Build(store).Dir(dir)
		if immediate {
			build = build.Immediate()
		}
		if _, err := build.Done(); err != nil {
			t.Fatal(err)
		}
		return store
	}
	for _, immediate := range []bool{false, true} {
		store := load(immediate)
		if n := gsm.CountPrunable(store, nil); immediate && n != in*hidden+hidden*out {
			t.Errorf("%d prunable weights right after loading, want %d", n, in*hidden+hidden*out)
		}
		other := c
		other.LearningRate = gsm.Schedule{Base: 9, Milestones: []int{1, 2, 3}}
		r := newRig(t, b, store, newLinear(21), mustNew(t, other))
		run(r, 6, 12)
		compare(t, fmt.Sprintf("immediate %t", immediate), r.weights(), whole.weights(), 0)
		if got, err := gsm.ReadTelemetry(store); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("immediate %t: telemetry %+v (%v), want %+v", immediate, got, err, want)
		}
	}

	// Clear reaches the state that the checkpoint has not handed over yet.
	store := load(false)
	r := newRig(t, b, store, newLinear(21), mustNew(t, c)) // asks for the weights alone
	if err := mustNew(t, c).Clear(store.RootScope()); err != nil {
		t.Fatal(err)
	}
	fresh := newRig(t, b, model.NewStore(), r.weights(), mustNew(t, c))
	run(r, 0, 4)
	run(fresh, 0, 4)
	compare(t, "cleared checkpoint", r.weights(), fresh.weights(), 0)
}

func TestBudget(t *testing.T) {
	c := gsm.Config{Momentum: .98, WeightDecay: 1e-3, LearningRate: gsm.Schedule{Base: .03, Milestones: []int{60, 70, 500}}}
	b := gsm.BudgetS(c, 100) // the milestone after the end does not lower the rate
	near(t, "S", b.S, (60*.03+10*.003+30*.0003)*1e-3/.02, 1e-9, 0)
	near(t, "S before the last drop", b.BeforeLastDrop, (60*.03+10*.003)*1e-3/.02, 1e-9, 0)

	c.LearningRate = gsm.Schedule{Base: 1, WarmupSteps: 4}
	b = gsm.BudgetS(c, 10) // 0 + 1/4 + 2/4 + 3/4, then 6 times 1
	near(t, "S with warm-up", b.S, 7.5*1e-3/.02, 1e-9, 0)
	near(t, "S before the last drop, without drops", b.BeforeLastDrop, b.S, 1e-9, 0)

	if w := (gsm.Budget{S: 8}).Warning(c, 10); w != "" {
		t.Errorf("warning %q for S = 8", w)
	}
	if w := gsm.BudgetS(gsm.Config{LearningRate: c.LearningRate}, 10).Warning(c, 10); w !=
		"budget S is 0: passive weights never shrink; set weight decay, learning rate and steps above 0 so that S is at least 8" {
		t.Errorf("warning %q without decay", w)
	}
}

// What the warning proposes must be enough.
func TestBudgetWarningHelps(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	proposed := 0
	for range 200 {
		c := gsm.Config{
			Momentum: rng.Float64() * .995, WeightDecay: math.Exp(-4 - 5*rng.Float64()),
			LearningRate: gsm.Schedule{Base: math.Exp(-2 - 3*rng.Float64()), Milestones: []int{400, 600}},
		}
		if rng.IntN(2) == 0 { // the decay that counts is that of passive weights
			c.PassiveDecay, c.WeightDecay = c.WeightDecay, math.Exp(-12*rng.Float64())
		}
		const steps = 800
		b := gsm.BudgetS(c, steps)
		w := strings.Replace(b.Warning(c, steps), "a decay of passive weights of", "weight decay", 1)
		if (w == "") != (b.S > 8-1e-6) {
			t.Fatalf("S %g: warning %q", b.S, w)
		}
		if w == "" {
			continue
		}
		var s, kept, decay, momentum float64
		var longer int
		const begin, with, end = "budget S is %f, below 8: weights to be cut keep %g of their size; weight decay %g, ", "or momentum %g, ", "or %d steps"
		_, err := fmt.Sscanf(w, begin+with+end, &s, &kept, &decay, &momentum, &longer)
		if !strings.Contains(w, "momentum") {
			_, err = fmt.Sscanf(w, begin+end, &s, &kept, &decay, &longer)
		}
		if err != nil {
			t.Fatalf("%q: %v", w, err)
		}
		near(t, "S in the warning", s, b.S, 0, .00501)
		more := c
		if c.PassiveDecay > 0 {
			more.PassiveDecay = decay
		} else {
			more.WeightDecay = decay
		}
		if w := gsm.BudgetS(more, steps).Warning(more, steps); w != "" {
			t.Errorf("weight decay %g is not enough: %s", decay, w)
		}
		if momentum > 0 {
			proposed++
			more = c
			more.Momentum = momentum
			if w := gsm.BudgetS(more, steps).Warning(more, steps); w != "" || momentum >= 1 {
				t.Errorf("momentum %g is not enough: %s", momentum, w)
			}
			// By the rule itself: more momentum must not leave the weight larger.
			if less, before := passive(more, steps), passive(c, steps); less > before {
				t.Errorf("momentum %g leaves %g of a passive weight, %g left %g", momentum, less, c.Momentum, before)
			}
		}
		if longer < 3e5 {
			more = c
			more.LearningRate.Milestones = []int{(longer + 1) / 2, (longer*3 + 3) / 4}
			if w := gsm.BudgetS(more, longer).Warning(more, longer); w != "" {
				t.Errorf("%d steps are not enough: %s", longer, w)
			}
		}
	}
	if proposed == 0 || proposed == 200 {
		t.Errorf("momentum was proposed %d times of 200: both cases must occur", proposed)
	}
}

// passive is what the rule leaves of a weight of 1 that has no gradient.
func passive(c gsm.Config, steps int) float64 {
	w, z, most := 1.0, 0.0, 0.0
	for s := range steps {
		z = c.Momentum*z + cmp.Or(c.PassiveDecay, c.WeightDecay)*w
		w -= c.LearningRate.At(s) * z
		if s >= steps-steps/4 { // it may swing through zero
			most = max(most, math.Abs(w))
		}
	}
	return most
}
