// FreezeAfter against GSM computed in plain Go: after that step nothing becomes active again.

package gsm_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/checkpoint"

	"gsmlab/gsm"
	"gsmlab/internal/pjrt/backendtest"
)

func TestFreezeAfter(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for name, test := range map[string]func(*testing.T, compute.Backend){
			"follows the rule":      frozenRule,
			"checkpoint":            frozenResumed,
			"accumulated gradients": frozenAccumulated,
			"never":                 neverFrozen,
			"switched on later":     frozenLater,
		} {
			t.Run(name, func(t *testing.T) { test(t, b) })
		}
	})
}

var frozenConfig = gsm.Config{
	Q: 7, Momentum: .9, Nesterov: true, WeightDecay: 1e-2, FreezeAfter: 5,
	LearningRate: gsm.Schedule{Base: .03, WarmupSteps: 3, Milestones: []int{12}, Factor: .3},
}

// frozenRule compares each step with GSM in Go: the choice changes until FreezeAfter, and not
// after.
func frozenRule(t *testing.T, b compute.Backend) {
	for _, after := range []int{1, 5} {
		c := frozenConfig
		c.FreezeAfter, c.Telemetry = after, true
		silent := c
		silent.Telemetry = false
		ref := newStepper(c, newLinear(1))
		r, quiet := newRig(t, b, model.NewStore(), ref.net, mustNew(t, c)), newRig(t, b, model.NewStore(), ref.net, mustNew(t, silent))
		rng := rand.New(rand.NewPCG(3, 4))
		var fixed gsm.Mask
		flips := 0
		for step := range 20 {
			x, y := data(rng)
			ref.next(t, x, y)
			r.train(t, x, y)
			quiet.train(t, x, y)
			compare(t, fmt.Sprintf("step %d", step), r.weights(), ref.net, rounding)
			compare(t, fmt.Sprintf("step %d, without telemetry", step), quiet.weights(), r.weights(), 0)
			mask, err := gsm.ActiveMask(r.store, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := append(mask.Layers[0].Bools(), mask.Layers[1].Bools()...); !slices.Equal(got, ref.active) {
				t.Fatalf("step %d: active %v, want %v", step, got, ref.active)
			}
			now, err := gsm.ReadTelemetry(r.store)
			if err != nil {
				t.Fatal(err)
			}
			if step == after-1 {
				fixed, flips = mask, now.TotalFlips
			}
			if step >= after && (!mask.Equal(fixed) || now.Flips != 0 || now.Reactivated != 0 || now.TotalFlips != flips || now.ActiveTotal() != 7) {
				t.Fatalf("step %d: telemetry %+v, want the choice of step %d", step, now, after-1)
			}
		}
		if after > 1 && flips == 0 {
			t.Error("nothing flipped before: the test shows nothing")
		}
		if r.graphs != 1 {
			t.Errorf("%d graphs were built, want 1", r.graphs)
		}
	}
}

// frozenResumed saves a run before and after it froze. The resumed run must end like the
// uninterrupted one, bit for bit.
func frozenResumed(t *testing.T, b compute.Backend) {
	run := func(r *rig, from, to int) {
		t.Helper()
		for step := from; step < to; step++ {
			x, y := data(rand.New(rand.NewPCG(20, uint64(step))))
			r.train(t, x, y)
		}
	}
	for _, at := range []int{3, 5, 8} {
		whole := newRig(t, b, model.NewStore(), newLinear(20), mustNew(t, frozenConfig))
		dir := t.TempDir()
		saved, err := checkpoint.Build(whole.store).Dir(dir).Done()
		if err != nil {
			t.Fatal(err)
		}
		run(whole, 0, at)
		if err := saved.Save(); err != nil {
			t.Fatal(err)
		}
		run(whole, at, 12)
		store := model.NewStore()
		if _, err := checkpoint.Build(store).Dir(dir).Done(); err != nil {
			t.Fatal(err)
		}
		r := newRig(t, b, store, newLinear(21), mustNew(t, frozenConfig))
		run(r, at, 12)
		compare(t, fmt.Sprintf("from step %d", at), r.weights(), whole.weights(), 0)
	}
}

// frozenAccumulated feeds the halves of a batch one by one.
func frozenAccumulated(t *testing.T, b compute.Backend) { trainHalves(t, b, frozenConfig) }

// neverFrozen: without FreezeAfter the store holds none of its state.
func neverFrozen(t *testing.T, b compute.Backend) {
	c := frozenConfig
	c.FreezeAfter = 0
	r := newRig(t, b, model.NewStore(), newLinear(1), mustNew(t, c))
	x, y := data(rand.New(rand.NewPCG(1, 1)))
	r.train(t, x, y)
	for _, path := range []string{"/optimizers/gsm/selected", "/optimizers/gsm/active/first/kernel"} {
		if r.store.GetVariable(path) != nil {
			t.Errorf("%s is in the store", path)
		}
	}
}

// frozenLater freezes a run that has already trained for longer. Its first step chooses, and Clear
// forgets the choice.
func frozenLater(t *testing.T, b compute.Backend) {
	free, c := frozenConfig, frozenConfig
	free.FreezeAfter, c.Telemetry = 0, true
	rng := rand.New(rand.NewPCG(3, 4))
	r := newRig(t, b, model.NewStore(), newLinear(1), mustNew(t, free))
	for range 8 {
		x, y := data(rng)
		r.train(t, x, y)
	}
	o := mustNew(t, c)
	again := newRig(t, b, r.store, newLinear(1), o)
	for step := range 4 {
		x, y := data(rng)
		again.train(t, x, y)
		if now, err := gsm.ReadTelemetry(r.store); err != nil || now.ActiveTotal() != 7 || now.TotalFlips != 0 {
			t.Fatalf("step %d: telemetry %+v (%v), want 7 active weights and no flips", step, now, err)
		}
	}
	if err := o.Clear(r.store.RootScope()); err != nil {
		t.Fatal(err)
	}
	if r.store.GetVariable("/optimizers/gsm/selected") != nil {
		t.Error("Clear left the choice")
	}
}
