// Golden trajectories: PyTorch computed these runs, and each backend repeats and compares every
// step.

package gsm_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"gsmlab/gsm"
	"gsmlab/internal/pjrt/backendtest"
)

// A golden file is a trajectory computed with PyTorch; testdata/golden/README.md describes it.
type golden struct {
	Case     string
	Net      []goldenOp
	Prunable int
	Q        int
	Config   struct {
		Compression float64
		Momentum    float64
		Nesterov    bool
		WeightDecay float64 `json:"weight_decay"`
		// the options of Config of the same names; 0 in the paper's trajectories
		PassiveDecay float64 `json:"passive_decay"`
		ScoreMemory  float64 `json:"score_memory"`
		LR           []float64
	}
	Init       map[string]nested
	X          []nested
	Y          [][]int32
	Steps      []goldenStep
	Final      map[string]nested
	FinalPrune struct {
		Threshold float64
		Kept      map[string]int
	} `json:"final_prune"`
}

type goldenStep struct {
	Loss, Threshold float64
	Margin          *float64
	Active          map[string]int
	L1              map[string]float64
}

// nested is a tensor written as nested lists.
type nested struct {
	dims []int
	flat []float32
}

func (n *nested) UnmarshalJSON(data []byte) error {
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	var walk func(v any, depth int) error
	walk = func(v any, depth int) error {
		list, ok := v.([]any)
		if !ok {
			n.flat = append(n.flat, float32(v.(float64)))
			return nil
		}
		if depth == len(n.dims) {
			n.dims = append(n.dims, len(list))
		}
		if n.dims[depth] != len(list) {
			return fmt.Errorf("ragged list: %d entries where %d are expected", len(list), n.dims[depth])
		}
		for _, e := range list {
			if err := walk(e, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	return walk(v, 0)
}

func (n nested) tensor() *tensors.Tensor {
	return tensors.FromFlatDataAndDimensions(slices.Clone(n.flat), n.dims...)
}

// goldenFiles lists our files, those of ../shared if the checkout has them, and those of the folder
// that GSM_GOLDEN names.
func goldenFiles(t *testing.T) []string {
	var files []string
	seen := map[string]bool{}
	for _, dir := range []string{"testdata/golden", "../../shared/golden", os.Getenv("GSM_GOLDEN")} {
		if dir == "" {
			continue
		}
		found, err := filepath.Glob(filepath.Join(dir, "*.json"))
		if err != nil {
			t.Fatal(err)
		}
		if len(found) == 0 && dir == os.Getenv("GSM_GOLDEN") {
			t.Fatalf("GSM_GOLDEN=%s: no *.json there", dir)
		}
		for _, f := range found {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if !seen[string(data)] {
				seen[string(data)] = true
				files = append(files, f)
			}
		}
	}
	return files
}

func TestGolden(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, file := range goldenFiles(t) {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
				data, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				var c golden
				if err := json.Unmarshal(data, &c); err != nil {
					t.Fatalf("%s: %v", file, err)
				}
				replay(t, b, &c)
			})
		}
	})
}

// replay trains the net of a golden file and compares every step.
func replay(t *testing.T, b compute.Backend, c *golden) {
	opt, err := gsm.New(gsm.Config{
		Compression: c.Config.Compression, Momentum: c.Config.Momentum, Nesterov: c.Config.Nesterov,
		WeightDecay: c.Config.WeightDecay, PassiveDecay: c.Config.PassiveDecay, ScoreMemory: c.Config.ScoreMemory,
		LearningRate: gsm.Schedule{Base: 1}, Telemetry: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	builds := 0
	net := func(scope *model.Scope, x *graph.Node) *graph.Node {
		builds++
		return buildNet(scope, c, x)
	}
	trainer := train.NewTrainer(b, store, net, loss.SparseCategoricalCrossEntropyLogits, opt, nil, nil)
	for _, path := range slices.Sorted(maps.Keys(c.Init)) {
		store.VariableWithValue("/"+path, c.Init[path].tensor())
	}
	rate := optimizer.LearningRateVar(store.RootScope(), dtypes.Float32, 1)

	var paths []string
	for i, want := range c.Steps {
		if err := rate.SetValue(tensors.FromScalar(float32(c.Config.LR[i]))); err != nil {
			t.Fatal(err)
		}
		labels := tensors.FromFlatDataAndDimensions(slices.Clone(c.Y[i]), len(c.Y[i]), 1)
		metrics, err := trainer.TrainStep(train.Batch{Inputs: []*tensors.Tensor{c.X[i].tensor()}, Labels: []*tensors.Tensor{labels}})
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		if i == 0 {
			for _, v := range gsm.Prunable(store, nil) {
				paths = append(paths, strings.TrimPrefix(v.Path(), "/"))
			}
			if n := gsm.CountPrunable(store, nil); n != c.Prunable {
				t.Fatalf("%d prunable weights, want %d", n, c.Prunable)
			}
			if q, err := gsm.Quota(c.Prunable, c.Config.Compression); err != nil || q != c.Q {
				t.Fatalf("Q is %d (%v), want %d", q, err, c.Q)
			}
		}
		compareStep(t, i, store, paths, want, float64(tensors.ToScalar[float32](metrics[0])))
		if t.Failed() {
			return
		}
	}
	if builds != 1 {
		t.Errorf("%d graphs were built, want 1", builds)
	}
	compareFinal(t, store, c)
}

func compareStep(t *testing.T, step int, store *model.Store, paths []string, want goldenStep, loss float64) {
	t.Helper()
	// PyTorch and XLA add up in different orders; a step amplifies float32's rounding only a
	// little.
	near(t, fmt.Sprintf("step %d: loss", step), loss, want.Loss, 2e-5, 1e-6)
	got, err := gsm.ReadTelemetry(store)
	if err != nil {
		t.Fatalf("step %d: %v", step, err)
	}
	// Scores are products of small numbers, so rounding changes them relative to the largest.
	near(t, fmt.Sprintf("step %d: threshold", step), got.Threshold, want.Threshold, 2e-4, 1e-8)
	if want.Margin == nil || *want.Margin > 1e-4 {
		for i, path := range paths {
			if got.Active[i] != want.Active[path] {
				t.Errorf("step %d: %d active in %s, want %d", step, got.Active[i], path, want.Active[path])
			}
		}
	}
	for path, l1 := range want.L1 {
		sum := 0.0
		for _, w := range tensors.MustCopyFlatData[float32](store.GetVariable("/" + path).MustValue()) {
			sum += math.Abs(float64(w))
		}
		near(t, fmt.Sprintf("step %d: L1 of %s", step, path), sum, l1, 2e-5, 1e-5)
	}
}

func compareFinal(t *testing.T, store *model.Store, c *golden) {
	t.Helper()
	for path, want := range c.Final {
		got := tensors.MustCopyFlatData[float32](store.GetVariable("/" + path).MustValue())
		for i := range want.flat {
			near(t, fmt.Sprintf("final %s[%d]", path, i), float64(got[i]), float64(want.flat[i]), 1e-4, 2e-5)
		}
	}
	mask, threshold, err := gsm.Cut(store, nil, c.Q)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "final threshold", threshold, c.FinalPrune.Threshold, 1e-4, 1e-6)
	if mask.Kept() != c.Q {
		t.Errorf("%d weights kept, want exactly %d", mask.Kept(), c.Q)
	}
	for _, l := range mask.Layers {
		if want := c.FinalPrune.Kept[strings.TrimPrefix(l.Path, "/")]; l.Kept() != want {
			t.Errorf("%d weights kept in %s, want %d", l.Kept(), l.Path, want)
		}
	}
}

func near(t *testing.T, what string, got, want, relative, absolute float64) {
	t.Helper()
	if !(math.Abs(got-want) <= relative*math.Abs(want)+absolute) {
		t.Errorf("%s is %.9g, want %.9g", what, got, want)
	}
}
