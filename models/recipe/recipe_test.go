// Tests of runs: stopped, killed and damaged runs end like uninterrupted ones; tickets, bases,
// margins.

package recipe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/checkpoint"

	"gsmlab/gsm"
	"gsmlab/gsm/trace"
	"gsmlab/internal/pjrt/backendtest"
	"gsmlab/models"
	"gsmlab/models/data"
	"gsmlab/models/recipe"
)

// tiny is a plan that runs in a second or two.
func tiny(t testing.TB) recipe.Plan {
	t.Helper()
	p, err := recipe.New("mlp-digits", "quick")
	if err != nil {
		t.Fatal(err)
	}
	return p.Scaled(0.2)
}

// job is a plan with the options beside it.
type job struct {
	recipe.Plan
	recipe.Options
}

func (j *job) prune(ctx context.Context) (*recipe.Report, error) {
	return recipe.Prune(ctx, j.Plan, j.Options)
}

func (j *job) ticket(ctx context.Context) (*recipe.TicketReport, error) {
	return recipe.Ticket(ctx, j.Plan, j.Options)
}

func (j *job) evaluate(ctx context.Context, stage string) (*recipe.EvalReport, error) {
	return recipe.Evaluate(ctx, stage, j.Options)
}

func env(t testing.TB, p recipe.Plan, out string) *job {
	t.Helper()
	digits, err := data.Digits()
	if err != nil {
		t.Fatal(err)
	}
	return &job{p, recipe.Options{Out: out, Backend: backendtest.Open(t), Spec: "test", Data: digits, Say: func(s string) { t.Log(s) }}}
}

func prune(t testing.TB, e *job) *recipe.Report {
	t.Helper()
	r, err := e.prune(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// sameOutcome compares what two runs must share: the mask, and every variable of the last
// checkpoints, weights and momentum, bit for bit.
func sameOutcome(t testing.TB, a, b string) {
	t.Helper()
	maskA, errA := gsm.LoadMask(filepath.Join(a, recipe.MaskFile))
	maskB, errB := gsm.LoadMask(filepath.Join(b, recipe.MaskFile))
	if errA != nil || errB != nil || !maskA.Equal(maskB) {
		t.Errorf("masks differ (%v, %v)", errA, errB)
	}
	for _, stage := range []string{"base", "gsm", "pruned"} {
		got, want := load(t, filepath.Join(a, stage)), load(t, filepath.Join(b, stage))
		compared := 0
		for v := range want.IterVariables() {
			// Moving averages for display start over, and only initial values are random.
			if strings.Contains(v.Path(), "metrics") || strings.Contains(v.Path(), model.RNGStateVariableName) {
				continue
			}
			other := got.GetVariable(v.Path())
			if other == nil || !other.MustValue().Equal(v.MustValue()) {
				t.Errorf("%s: %s differs", stage, v.Path())
			}
			compared++
		}
		atLeast := 12 // 6 weights and biases, and their momentum
		if stage == recipe.StagePruned {
			atLeast = 6
		}
		if compared < atLeast {
			t.Errorf("%s: only %d variables to compare", stage, compared)
		}
	}
}

func load(t testing.TB, dir string) *model.Store {
	t.Helper()
	store := model.NewStore()
	if _, err := checkpoint.Load(store).Dir(dir).Keep(-1).Immediate().Done(); err != nil {
		t.Fatal(err)
	}
	return store
}

func TestPrune(t *testing.T) {
	dir := t.TempDir()
	p := tiny(t)
	r := prune(t, env(t, p, dir))
	if r.Q != 595 || r.Nonzero != 595 || r.Prunable != 11_900 {
		t.Errorf("q %d, nonzero %d, prunable %d: want 595, 595, 11900", r.Q, r.Nonzero, r.Prunable)
	}
	if r.AccuracyDense < 0.85 || r.AccuracyPruned < 0.7 {
		t.Errorf("accuracy dense %.3f, pruned %.3f: training does not work", r.AccuracyDense, r.AccuracyPruned)
	}
	mask, err := gsm.LoadMask(filepath.Join(dir, recipe.MaskFile))
	if err != nil || mask.Kept() != r.Q {
		t.Errorf("mask keeps %d (%v), want %d", mask.Kept(), err, r.Q)
	}
	run, err := trace.Load(filepath.Join(dir, recipe.TraceFile))
	if err != nil {
		t.Fatal(err)
	}
	if len(run.Cuts) != 1 || run.Cuts[0].AccuracyAfter != r.AccuracyPruned || len(run.Header.Layers) != 3 {
		t.Errorf("trace: %d cuts, %d layers", len(run.Cuts), len(run.Header.Layers))
	}
	for _, s := range run.Steps {
		if s.Stage != trace.StageGSM {
			continue
		}
		active := 0
		for _, a := range s.Active {
			active += a
		}
		if active != r.Q {
			t.Errorf("step %d: %d active, want exactly %d", s.Step, active, r.Q)
		}
	}

	// The saved weights must give what the report claims.
	for stage, want := range map[string]float64{"base": r.AccuracyDense, "gsm": r.AccuracyBeforeCut, "pruned": r.AccuracyPruned} {
		got, err := env(t, recipe.Plan{}, dir).evaluate(context.Background(), stage)
		if err != nil {
			t.Fatal(err)
		}
		if got.Accuracy != want {
			t.Errorf("%s: accuracy is %v when loaded again, %v was reported", stage, got.Accuracy, want)
		}
	}
	loaded, err := recipe.LoadReport(dir)
	if err != nil || loaded.AccuracyPruned != r.AccuracyPruned {
		t.Errorf("report read back: %+v, %v", loaded, err)
	}
}

// TestStopAndContinue stops a run in both stages by cancelling its context, which must not change
// the outcome.
func TestStopAndContinue(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for long")
	}
	p := tiny(t)
	whole, parts := t.TempDir(), t.TempDir()
	want := prune(t, env(t, p, whole))

	for stage, at := range map[string]int{trace.StageBase: 57, trace.StageGSM: 301} {
		ctx, cancel := context.WithCancel(context.Background())
		e := env(t, p, parts)
		e.Watch = func(ev recipe.Event) {
			if ev.Stage == stage && ev.Step == at {
				cancel()
			}
		}
		_, err := e.prune(ctx)
		cancel()
		if err != nil && !errors.Is(err, recipe.ErrStopped) {
			t.Fatal(err)
		}
	}
	got := prune(t, env(t, p, parts))
	if got.AccuracyPruned != want.AccuracyPruned {
		t.Errorf("a run stopped and continued has accuracy %v, an uninterrupted one %v", got.AccuracyPruned, want.AccuracyPruned)
	}
	sameOutcome(t, parts, whole)
	sameRecords(t, parts, whole)
}

// sameRecords checks that the trace of a stopped run has the records of an uninterrupted one, each
// once.
func sameRecords(t *testing.T, parts, whole string) {
	t.Helper()
	a, errA := trace.Load(filepath.Join(whole, recipe.TraceFile))
	b, errB := trace.Load(filepath.Join(parts, recipe.TraceFile))
	if errA != nil || errB != nil || len(a.Steps) != len(b.Steps) || len(a.Evals) != len(b.Evals) {
		t.Errorf("traces differ: %d and %d steps, %d and %d evaluations (%v, %v)", len(a.Steps), len(b.Steps), len(a.Evals), len(b.Evals), errA, errB)
	}
}

// TestKill kills the process at random moments, as kill -9 does.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for long")
	}
	const variable = "GSM_TEST_KILL_DIR"
	p := tiny(t)
	if dir := os.Getenv(variable); dir != "" {
		prune(t, env(t, p, dir))
		return
	}
	whole, killed := t.TempDir(), t.TempDir()
	prune(t, env(t, p, whole))
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewSource(seed))
	for range 3 {
		ctx, cancel := context.WithTimeout(context.Background(), 400*time.Millisecond+time.Duration(rng.Intn(1500))*time.Millisecond)
		cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestKill$")
		cmd.Env = append(os.Environ(), variable+"="+killed)
		_ = cmd.Run() // killed, as intended
		cancel()
	}
	prune(t, env(t, p, killed))
	sameOutcome(t, killed, whole)
	sameRecords(t, killed, whole)
}

func TestDamagedCheckpoint(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for long")
	}
	p := tiny(t)
	whole, dir := t.TempDir(), t.TempDir()
	prune(t, env(t, p, whole))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	e := env(t, p, dir)
	e.Watch = func(ev recipe.Event) {
		if ev.Stage == trace.StageGSM && ev.Step == 300 {
			cancel()
		}
	}
	if _, err := e.prune(ctx); !errors.Is(err, recipe.ErrStopped) {
		t.Fatalf("got %v, want ErrStopped", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "gsm", "*.bin"))
	if err != nil || len(files) != 2 {
		t.Fatalf("%d checkpoints (%v), want 2", len(files), err)
	}
	if err := os.Truncate(files[1], 1000); err != nil {
		t.Fatal(err)
	}
	var said []string
	e = env(t, p, dir)
	e.Say = func(s string) { said = append(said, s) }
	prune(t, e)
	if !strings.Contains(strings.Join(said, "\n"), "is damaged, trying the one before") {
		t.Errorf("nothing was said of the damaged checkpoint: %q", said)
	}
	sameOutcome(t, dir, whole)
}

func TestDiverged(t *testing.T) {
	p := tiny(t)
	p.GSM.LearningRate, p.GSM.WarmupEpochs, p.GSM.Momentum = 1e6, 4, 0.99
	dir := t.TempDir()
	_, err := env(t, p, dir).prune(context.Background())
	if !errors.Is(err, recipe.ErrDiverged) {
		t.Fatalf("got %v, want ErrDiverged", err)
	}
	if !strings.Contains(err.Error(), "step ") || strings.Contains(err.Error(), "\n") {
		t.Errorf("want one line that names the step: %q", err)
	}
	got, err := env(t, p, dir).evaluate(context.Background(), "base")
	if err != nil || got.Accuracy < 0.85 {
		t.Errorf("the base is lost: %+v, %v", got, err)
	}
}

func TestBadInput(t *testing.T) {
	good := tiny(t)
	dir := t.TempDir()
	prune(t, env(t, good.Scaled(0.1), dir))
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, out, want string
		change          func(*recipe.Plan)
	}{
		{"compression", "", "compression 0.5: must be at least 1", func(p *recipe.Plan) { p.Compression = 0.5 }},
		{"q is zero", "", "compression 1e+06 keeps none of 11900 weights", func(p *recipe.Plan) { p.Compression = 1e6 }},
		{"model", "", `unknown model "x": known are lenet-300-100, lenet-5`, func(p *recipe.Plan) { p.Model = "x" }},
		{"seed", "", "seed 0", func(p *recipe.Plan) { p.Seed = 0 }},
		{"epochs", "", "base stage of 0 epochs", func(p *recipe.Plan) { p.Base.Epochs = 0 }},
		{"momentum", "", "gsm stage: gsm: momentum 1: must be", func(p *recipe.Plan) { p.GSM.Momentum = 1 }},
		{"other plan", dir, "holds a run of another plan", func(p *recipe.Plan) { p.Seed = 5 }},
		{"not a folder", filepath.Join(file, "x"), "run folder", func(p *recipe.Plan) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, out := good, c.out
			if out == "" {
				out = t.TempDir()
			}
			c.change(&p)
			_, err := env(t, p, out).prune(context.Background())
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want one line with %q", err, c.want)
			}
		})
	}
	if _, err := recipe.New("mlp-digits", "x"); err == nil || !strings.Contains(err.Error(), `unknown preset "x" for mlp-digits: known are quick`) {
		t.Errorf("unknown preset: %v", err)
	}
	if _, err := env(t, good, dir).evaluate(context.Background(), "x"); err == nil || !strings.Contains(err.Error(), "known are base, gsm, pruned") {
		t.Errorf("unknown stage: %v", err)
	}
}

func TestPresetsHaveEnoughBudget(t *testing.T) {
	for _, preset := range recipe.Presets("") {
		p, err := recipe.New(preset.Model, preset.Name)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Check(); err != nil {
			t.Errorf("%s %s: %v", preset.Model, preset.Name, err)
		}
		m, err := models.Lookup(p.Model)
		if err != nil {
			t.Fatal(err)
		}
		images, err := data.TrainLen(m.Dataset)
		if err != nil {
			t.Fatal(err)
		}
		if b, warning := p.Budget(images); warning != "" || b.BeforeLastDrop < gsm.EnoughS {
			t.Errorf("%s %s: S %.1f, %.1f of it before the last drop: %s", preset.Model, preset.Name, b.S, b.BeforeLastDrop, warning)
		}
	}
}

func TestTicket(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for long")
	}
	p := tiny(t)
	dir := t.TempDir()
	r, err := env(t, p, dir).ticket(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Tickets) != 2 || r.Tickets[0].Name != recipe.TicketGSM || r.Tickets[1].Name != recipe.TicketMagnitude {
		t.Fatalf("tickets: %+v", r.Tickets)
	}
	for _, ticket := range r.Tickets {
		if ticket.Nonzero != r.Q {
			t.Errorf("%s: %d weights, want exactly %d", ticket.Name, ticket.Nonzero, r.Q)
		}
		if ticket.Accuracy < 0.5 {
			t.Errorf("%s: accuracy %.3f: it does not train", ticket.Name, ticket.Accuracy)
		}
		stage := "ticket-" + ticket.Name
		got, err := env(t, recipe.Plan{}, dir).evaluate(context.Background(), stage)
		if err != nil || got.Accuracy != ticket.Accuracy || got.Nonzero != r.Q {
			t.Errorf("%s loaded again: %+v, %v", stage, got, err)
		}
	}
	if loaded, err := recipe.LoadTicketReport(dir); err != nil || !reflect.DeepEqual(loaded, r) {
		t.Errorf("loaded %+v (%v), want %+v", loaded, err, r)
	}
	before, err := os.ReadFile(filepath.Join(dir, recipe.TraceFile))
	if err != nil {
		t.Fatal(err)
	}
	again, err := env(t, p, dir).ticket(context.Background())
	if after, _ := os.ReadFile(filepath.Join(dir, recipe.TraceFile)); !bytes.Equal(before, after) {
		t.Errorf("a finished run called again changes its trace: %d bytes, were %d", len(after), len(before))
	}
	if err != nil || again.Tickets[0].Accuracy != r.Tickets[0].Accuracy || again.Tickets[1].Accuracy != r.Tickets[1].Accuracy {
		t.Errorf("a finished run called again: %+v, %v; want what it gave before", again, err)
	}
}

// TestSharedBase prunes one trained network at two ratios.
func TestSharedBase(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for long")
	}
	p := tiny(t)
	first, second := t.TempDir(), t.TempDir()
	a := prune(t, env(t, p, first))
	p.Compression = 10
	e := env(t, p, second)
	e.Options.Base = first
	b := prune(t, e)
	if a.AccuracyDense != b.AccuracyDense || b.Nonzero != 1190 {
		t.Errorf("dense %v and %v, %d weights left", a.AccuracyDense, b.AccuracyDense, b.Nonzero)
	}
	run, err := trace.Load(filepath.Join(second, recipe.TraceFile))
	if err != nil {
		t.Fatal(err)
	}
	if e := run.Evals[0]; e.Stage != trace.StageGSM || e.Step != 0 || e.Accuracy != b.AccuracyDense || run.Magnitudes[0].Step != 0 {
		t.Errorf("the trace begins with %+v and magnitudes at step %d, want the dense network at step 0 of the GSM stage", e, run.Magnitudes[0].Step)
	}
	p.Seed = 2
	e = env(t, p, t.TempDir())
	e.Options.Base = first
	if _, err := e.prune(context.Background()); err == nil || !strings.Contains(err.Error(), "has the base of another plan") {
		t.Errorf("base of another seed: %v", err)
	}
}

// TestStageAsBase prunes the network of a GSM stage further. A stage that is not finished, or of
// another model, is refused.
func TestStageAsBase(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for long")
	}
	p, first := tiny(t).Scaled(0.3), t.TempDir()
	a := prune(t, env(t, p, first))
	finer := p
	finer.Compression, finer.Seed = 40, 2
	e := env(t, finer, t.TempDir())
	e.Options.Base = filepath.Join(first, trace.StageGSM)
	if b := prune(t, e); b.AccuracyDense != a.AccuracyBeforeCut || b.Nonzero != 297 {
		t.Errorf("begins with accuracy %v and ends with %d weights, want %v and 297", b.AccuracyDense, b.Nonzero, a.AccuracyBeforeCut)
	}
	for base, want := range map[string]string{
		filepath.Join(first, trace.StageBase): "began with a network other", "": "did not begin with a base of that folder",
	} {
		e.Options.Base = base
		if _, err := e.prune(context.Background()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the same folder with base %q: %v, want an error with %q", base, err, want)
		}
	}
	e.Options.Base = filepath.Join(first, trace.StageGSM)
	prune(t, e)
	for _, c := range []struct {
		change func(*recipe.Plan)
		want   string
	}{
		{func(p *recipe.Plan) { p.GSM.Epochs++ }, "finish that run first"},
		{func(p *recipe.Plan) { p.Model = "lenet-5" }, "has a lenet-5, not a mlp-digits"},
	} {
		other := p
		c.change(&other)
		raw, err := json.Marshal(other)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(first, recipe.PlanFile), raw, 0o666); err != nil {
			t.Fatal(err)
		}
		e.Out = t.TempDir()
		if _, err := e.prune(context.Background()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want an error with %q", err, c.want)
		}
	}
}

// TestMargin: with a margin fewer than Q weights are active in a step, and the cut still keeps Q.
func TestMargin(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for long")
	}
	p, dir := tiny(t).Scaled(0.3), t.TempDir()
	p.GSM.Margin = 0.1
	e := env(t, p, dir)
	e.Every = 1
	if r := prune(t, e); r.Q != 595 || r.Nonzero != 595 {
		t.Errorf("q %d, nonzero %d, want 595", r.Q, r.Nonzero)
	}
	run, err := trace.Load(filepath.Join(dir, recipe.TraceFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range run.Steps {
		active := 0
		for _, n := range s.Active {
			active += n
		}
		if s.Stage == trace.StageGSM && active != 535 {
			// 9 of 10, rounded down; no ties among real scores
			t.Fatalf("step %d: %d weights are active, want 535", s.Step, active)
		}
	}
	for _, margin := range []float64{-0.1, 1, math.NaN()} {
		p.GSM.Margin = margin
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), "margin") {
			t.Errorf("margin %g: %v", margin, err)
		}
	}
}

// TestFreezeAfter: no weight changes sides after that many epochs, and some do before.
func TestFreezeAfter(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for long")
	}
	p, dir := tiny(t), t.TempDir()
	p.GSM.FreezeAfter = 5
	p = p.Scaled(0.3)
	if p.GSM.FreezeAfter != 1.5 {
		t.Errorf("scaled to %g epochs, want 1.5", p.GSM.FreezeAfter)
	}
	e := env(t, p, dir)
	e.Every = 1
	if r := prune(t, e); r.Nonzero != 595 {
		t.Errorf("%d weights are left, want 595", r.Nonzero)
	}
	if old, err := recipe.LoadPlan(dir); err != nil || old.GSM.FreezeAfter != 1.5 {
		t.Errorf("the saved plan freezes after %g epochs (%v), want 1.5", old.GSM.FreezeAfter, err)
	}
	run, err := trace.Load(filepath.Join(dir, recipe.TraceFile))
	if err != nil {
		t.Fatal(err)
	}
	last := 0
	for _, s := range run.Steps {
		if s.Stage == trace.StageGSM && *s.Flips > 0 {
			last = s.Step
		}
	}
	if want := 35; last > want || last < want-5 { // 1.5 epochs of 23 steps, rounded up
		t.Errorf("the last weight changed sides in step %d, want about %d", last, want)
	}
	for _, epochs := range []float64{-1, math.NaN(), math.Inf(1)} {
		p.GSM.FreezeAfter = epochs
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), "gsm stage: freeze after") {
			t.Errorf("freeze after %g epochs: %v", epochs, err)
		}
	}
}
