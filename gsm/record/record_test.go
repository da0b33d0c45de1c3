// Tests of the recorder on a network of 24 weights: what a trace holds after training, a restart
// and the cut.

package record_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/dataset"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"

	"gsmlab/gsm"
	"gsmlab/gsm/chart"
	"gsmlab/gsm/record"
	"gsmlab/gsm/trace"
	"gsmlab/internal/pjrt/backendtest"
)

var config = gsm.Config{Compression: 3, LearningRate: gsm.Schedule{Base: 0.05, Milestones: []int{60}}, Momentum: 0.9, Telemetry: true}

// loopOn makes a loop on the store, as after a restart.
func loopOn(t *testing.T, b compute.Backend, store *model.Store, c gsm.Config) (*train.Loop, train.Dataset) {
	t.Helper()
	opt, err := gsm.New(c)
	if err != nil {
		t.Fatal(err)
	}
	var in, out [][]float32
	for i := range 32 {
		x, y := float32(i%8)/8, float32(i/8)/4
		in, out = append(in, []float32{x, y}), append(out, []float32{x * y})
	}
	data, err := dataset.InMemoryFromData(b, "products", []any{in}, []any{out})
	if err != nil {
		t.Fatal(err)
	}
	network := func(scope *model.Scope, inputs []*graph.Node) []*graph.Node {
		x := graph.Tanh(layers.Dense(scope.In("hidden"), inputs[0], true, 8))
		return []*graph.Node{layers.Dense(scope.In("out"), x, true, 1)}
	}
	return train.NewLoop(train.NewTrainer(b, store, network, loss.MeanSquaredError, opt, nil, nil)), data.BatchSize(16, true).Infinite(true)
}

// TestAttach: a loop that is stopped and continued leaves the same trace as an uninterrupted one,
// and what nobody measured is not reported.
func TestAttach(t *testing.T) {
	b := backendtest.Open(t)
	path := filepath.Join(t.TempDir(), "trace.jsonl")
	store := model.NewStore()
	store.SetParam(model.ParamInitialSeed, int64(3))
	evaluations := 0
	o := record.Options{Steps: 100, Every: 10, EvaluateEvery: 25, Evaluate: func() (float64, float64, error) {
		evaluations++
		return math.NaN(), 0.25, nil
	}}
	var rec *record.Recorder
	for range 2 {
		loop, data := loopOn(t, b, store, config)
		var err error
		if rec, err = record.Attach(loop, path, config, o); err != nil {
			t.Fatal(err)
		}
		if _, err := loop.RunSteps(data, 50); err != nil {
			t.Fatal(err)
		}
	}
	mask, threshold, err := gsm.Cut(store, nil, 8)
	if err != nil {
		t.Fatal(err)
	}
	if err := rec.Cut(100, mask, threshold, math.NaN(), math.NaN()); err != nil {
		t.Fatal(err)
	}
	if err := rec.Close(); err != nil {
		t.Fatal(err)
	}
	run, err := trace.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	h := run.Header
	if h.Q != 8 || h.Prunable != 24 || h.Compression != 3 || h.Seed != 3 || h.Backend == "" || len(h.Layers) != 2 || h.Layers[1].Name != "out" {
		t.Errorf("header %+v", h)
	}
	if len(run.Steps) != 10 || len(run.Evals) != 4 || len(run.Magnitudes) != 4 || evaluations != 4 || len(run.Cuts) != 1 {
		t.Errorf("%d steps, %d evaluations (%d calls), %d magnitudes, %d cuts; want 10, 4 (4), 4, 1", len(run.Steps), len(run.Evals), evaluations, len(run.Magnitudes), len(run.Cuts))
	}
	for i, s := range run.Steps {
		rate := 0.05
		if s.Step > 60 {
			rate = 0.005
		}
		if s.Step != 10*(i+1) || len(s.Active) != 2 || s.Active[0]+s.Active[1] < 8 || !(s.Loss > 0) || math.Abs(s.LearningRate-rate) > 1e-12 || !(s.Seconds > 0) {
			t.Errorf("step %d: %+v", i, s)
		}
	}
	for _, m := range run.Magnitudes {
		if m.Kept[0]+m.Kept[1] != 8 {
			t.Errorf("magnitude %+v keeps not 8", m)
		}
	}
	page, err := chart.RunPage(run)
	if err != nil {
		t.Fatal(err)
	}
	var html bytes.Buffer
	if err := chart.WriteHTML(&html, page); err != nil {
		t.Fatal(err)
	}
	if text := html.String(); strings.Contains(text, "0.00 %") || strings.Contains(text, "NaN") || !strings.Contains(text, "not measured") {
		t.Errorf("the report speaks of what was never measured: %v", page.Summary)
	}
}

// TestAttachAnew: a loop that begins at step 0 replaces an old trace, and needs neither telemetry
// nor a test set.
func TestAttachAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace.jsonl")
	if err := os.WriteFile(path, []byte("something else\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	plain := gsm.Config{Q: 4}
	loop, data := loopOn(t, backendtest.Open(t), model.NewStore(), plain)
	rec, err := record.Attach(loop, path, plain, record.Options{Stage: "mine"})
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Close()
	if _, err := loop.RunSteps(data, 30); err != nil {
		t.Fatal(err)
	}
	run, err := trace.Load(path) // everything is on disk, without Close
	if err != nil || len(run.Steps) != 2 || run.Steps[1].Step != 30 || run.Steps[0].Active != nil || run.Header.Q != 4 || run.Header.Compression != 6 {
		t.Errorf("%+v, %v", run, err)
	}
}

func TestAttachRefuses(t *testing.T) {
	loop, _ := loopOn(t, backendtest.Open(t), model.NewStore(), config)
	file := filepath.Join(t.TempDir(), "t.jsonl")
	for want, try := range map[string]func() error{
		"no such folder": func() error {
			_, err := record.Attach(loop, filepath.Join(file, "no", "t.jsonl"), config, record.Options{})
			return err
		},
		"Every -1":    func() error { _, err := record.Attach(loop, file, config, record.Options{Every: -1}); return err },
		"compression": func() error { _, err := record.Attach(loop, file, gsm.Config{}, record.Options{}); return err },
	} {
		if err := try(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if err := record.New(file, trace.Header{}).Measured(1, 1, 1); err == nil || !strings.Contains(err.Error(), "not open") {
		t.Errorf("recording before the first stage: %v", err)
	}
}
