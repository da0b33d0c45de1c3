// Tests of what a stage learns from and how fast: distillation, the memory of scores, the cosine
// schedule.

package recipe_test

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"

	"gsmlab/gsm/trace"
	"gsmlab/models/recipe"
)

// TestOptionsResume stops a run that has every option of a GSM stage, which must not change its
// outcome.
func TestOptionsResume(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for long")
	}
	p := tiny(t)
	p.GSM.Cosine, p.GSM.Milestones, p.GSM.WarmupEpochs = true, nil, 1
	p.GSM.Distill, p.GSM.Temperature = 0.9, 3
	p.GSM.PassiveDecay, p.GSM.ScoreMemory, p.GSM.MemoryFrom, p.GSM.MemoryUntil = 4e-3, 0.9, 2, 16
	whole, parts := t.TempDir(), t.TempDir()
	want := prune(t, env(t, p, whole))
	for _, at := range []int{101, 301} {
		ctx, cancel := context.WithCancel(context.Background())
		e := env(t, p, parts)
		e.Watch = func(ev recipe.Event) {
			if ev.Stage == trace.StageGSM && ev.Step == at {
				cancel()
			}
		}
		if _, err := e.prune(ctx); !errors.Is(err, recipe.ErrStopped) {
			t.Fatal(err)
		}
		cancel()
	}
	got := prune(t, env(t, p, parts))
	if got.AccuracyPruned != want.AccuracyPruned || got.Nonzero != got.Q {
		t.Errorf("a run stopped and continued has accuracy %v, an uninterrupted one %v", got.AccuracyPruned, want.AccuracyPruned)
	}
	sameOutcome(t, parts, whole)
	sameRecords(t, parts, whole)
	if want.AccuracyPruned < 0.7 {
		t.Errorf("accuracy %v: training does not work", want.AccuracyPruned)
	}
	if loaded, err := recipe.LoadPlan(whole); err != nil || loaded.GSM.Temperature != 3 || !loaded.GSM.Cosine || loaded.GSM.MemoryUntil != 16 {
		t.Errorf("the saved plan is %+v (%v)", loaded.GSM, err)
	}

	// In the last of n steps the rate is that of the cosine at (n-1)/n.
	store := load(t, filepath.Join(whole, trace.StageGSM))
	n := float64((p.GSM.Epochs - 1) * 23)
	rate := p.GSM.LearningRate * (1 + math.Cos(math.Pi*(n-1)/n)) / 2
	if got := tensors.ToScalar[float32](store.GetVariable("/optimizers/learning_rate").MustValue()); math.Abs(float64(got)-rate) > 1e-3*rate {
		t.Errorf("the last learning rate is %g, want %g", got, rate)
	}
}

// TestDistill: what the dense network says is learned beside the labels, and in its place. With a
// share of 1 the loss begins at 0, since the network is its own teacher.
func TestDistill(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for long")
	}
	p, base := tiny(t).Scaled(0.3), t.TempDir()
	prune(t, env(t, p, base))
	p.GSM.Distill = 1
	out := t.TempDir()
	e := env(t, p, out)
	e.Options.Base, e.Every = base, 1
	if r := prune(t, e); r.Nonzero != r.Q || r.AccuracyPruned < 0.5 {
		t.Errorf("%+v", r)
	}
	run, err := trace.Load(filepath.Join(out, recipe.TraceFile))
	if err != nil {
		t.Fatal(err)
	}
	if first, last := run.Steps[0].Loss, run.Steps[len(run.Steps)-1].Loss; math.Abs(first) > 1e-5 || !(last > 1e-3) {
		t.Errorf("the loss is %g in the first step and %g in the last, want 0 and more", first, last)
	}
	// The test set knows no teacher: at step 0 the loss is the dense network's.
	dense, err := env(t, recipe.Plan{}, base).evaluate(context.Background(), trace.StageBase)
	if err != nil || float32(run.Evals[0].Loss) != float32(dense.Loss) {
		t.Errorf("measured %g before the first step, the dense network has %g (%v)", run.Evals[0].Loss, dense.Loss, err)
	}
	// A run continues with what it began with.
	p.GSM.Distill = 0.5
	e = env(t, p, out)
	e.Options.Base = base
	if _, err := e.prune(context.Background()); !errors.Is(err, recipe.ErrOtherPlan) {
		t.Errorf("with another share in the same folder: %v", err)
	}
	e = env(t, p, out)
	p.GSM.Distill = 1
	e.Plan = p
	if _, err := e.prune(context.Background()); !errors.Is(err, recipe.ErrNeedsBase) {
		t.Errorf("without the teacher's folder: %v", err)
	}
}

// TestCosineBudget: half a cosine spends half of what a constant rate would.
func TestCosineBudget(t *testing.T) {
	p := tiny(t)
	p.GSM.Milestones, p.GSM.WarmupEpochs = nil, 0
	constant, _ := p.Budget(1_437)
	p.GSM.Cosine = true
	cosine, _ := p.Budget(1_437)
	steps := float64(p.GSM.Epochs * p.StepsPerEpoch(1_437))
	// the first step has the whole rate, the one after the last would have none
	if want := constant.S * (1 + 1/steps) / 2; math.Abs(cosine.S-want) > 1e-9*want {
		t.Errorf("S is %g, want %g of %g", cosine.S, want, constant.S)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for want, change := range map[string]func(*recipe.Plan){
		"gsm stage: distill -0.1":     func(p *recipe.Plan) { p.GSM.Distill = -0.1 },
		"distill 1.5: must be":        func(p *recipe.Plan) { p.GSM.Distill = 1.5 },
		"distill NaN":                 func(p *recipe.Plan) { p.GSM.Distill = math.NaN() },
		"temperature -1":              func(p *recipe.Plan) { p.GSM.Distill, p.GSM.Temperature = 1, -1 },
		"without a share":             func(p *recipe.Plan) { p.GSM.Temperature = 2 },
		"without a memory":            func(p *recipe.Plan) { p.GSM.MemoryFrom = 2 },
		"must end after it begins":    func(p *recipe.Plan) { p.GSM.ScoreMemory, p.GSM.MemoryFrom, p.GSM.MemoryUntil = .5, 2, 1.5 },
		"score memory until -1":       func(p *recipe.Plan) { p.GSM.ScoreMemory, p.GSM.MemoryUntil = .5, -1 },
		"and milestones [90 110]":     func(p *recipe.Plan) { p.GSM.Cosine = true },
		"base stage: a cosine":        func(p *recipe.Plan) { p.Base.Cosine = true },
		"after 120 epochs of warm-up": func(p *recipe.Plan) { p.GSM.Cosine, p.GSM.Milestones, p.GSM.WarmupEpochs = true, nil, 120 },
	} {
		p, err := recipe.New("mlp-digits", "quick")
		if err != nil {
			t.Fatal(err)
		}
		change(&p)
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error with %q", err, want)
		}
	}
	// Windows that are shorter than what one step an epoch could tell apart.
	p, err := recipe.New("mlp-digits", "quick")
	if err != nil {
		t.Fatal(err)
	}
	p.GSM.ScoreMemory, p.GSM.MemoryFrom, p.GSM.MemoryUntil = .5, .2, .4
	if err := p.Check(); err != nil {
		t.Error(err)
	}
}

// TestWay: the plans before a preset are presets of the same network, seed and base.
func TestWay(t *testing.T) {
	ways := 0
	for _, preset := range recipe.Presets("") {
		p, err := recipe.New(preset.Model, preset.Name)
		if err != nil {
			t.Fatal(err)
		}
		p.Seed = 7
		last := 1.
		for _, q := range p.Way() {
			ways++
			if err := q.Check(); err != nil || q.Model != p.Model || q.Seed != 7 || !reflect.DeepEqual(q.Base, p.Base) || len(q.Way()) > 0 {
				t.Errorf("%s %s goes by way of %+v (%v)", p.Model, p.Preset, q, err)
			}
			if q.Compression <= last || q.Compression >= p.Compression {
				t.Errorf("%s %s at %gx goes by way of %gx after %gx", p.Model, p.Preset, p.Compression, q.Compression, last)
			}
			last = q.Compression
		}
	}
	if ways != 4 {
		t.Errorf("%d plans on the way, want 4", ways)
	}
}
