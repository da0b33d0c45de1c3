// Tests of what is in a run folder: old plans, the lock, and whether all readers of a finished run
// agree.

package recipe_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nlpodyssey/safetensors"

	"gsmlab/gsm/trace"
	"gsmlab/models/recipe"
)

// oldPlan is an old plan.json, from before GSMStage was a separate type.
const oldPlan = `{
  "model": "lenet-5", "preset": "paper", "seed": 7, "compression": 125, "batch": 256,
  "base": {"epochs": 40, "learning_rate": 0.03, "warmup_epochs": 5, "milestones": [25, 35], "factor": 0, "momentum": 0.9, "nesterov": false, "weight_decay": 0.0005},
  "gsm": {"epochs": 190, "learning_rate": 0.03, "warmup_epochs": 5, "milestones": [60, 155, 178], "factor": 0.3, "momentum": 0.99, "nesterov": true, "weight_decay": 0.0005, "margin": 0.06, "freeze_after": 1.5}
}`

// TestOldPlan: runs that older versions began can be continued, and new plans have the same fields.
func TestOldPlan(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, recipe.PlanFile), []byte(oldPlan), 0o666); err != nil {
		t.Fatal(err)
	}
	got, err := recipe.LoadPlan(dir)
	if err != nil {
		t.Fatal(err)
	}
	want, err := recipe.New("lenet-5", "paper")
	if err != nil {
		t.Fatal(err)
	}
	want.Seed, want.GSM.FreezeAfter = 7, 1.5
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, want %+v", got, want)
	}
	var before, after any
	raw, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if json.Unmarshal([]byte(oldPlan), &before) != nil || json.Unmarshal(raw, &after) != nil || !reflect.DeepEqual(before, after) {
		t.Errorf("written as %s, want the fields of %s", raw, oldPlan)
	}
}

// TestBusy: a second run in a folder is told at once that the folder is busy, and changes nothing.
// What a killed run left blocks nobody.
func TestBusy(t *testing.T) {
	if testing.Short() {
		t.Skip("trains")
	}
	p, dir := tiny(t).Scaled(0.1), t.TempDir()
	if err := recipe.CheckFree(dir); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".lock"), []byte("999999\n"), 0o666); err != nil {
		// of a run that was killed
		t.Fatal(err)
	}
	j, tried := env(t, p, dir), false
	j.Watch = func(e recipe.Event) {
		if e.Stage != trace.StageGSM || tried {
			return
		}
		tried = true
		want := fmt.Sprintf("a run is in progress in %s (process %d)", dir, os.Getpid())
		for name, second := range map[string]func() error{
			"prune":  func() error { _, err := env(t, p, dir).prune(context.Background()); return err },
			"ticket": func() error { _, err := env(t, p, dir).ticket(context.Background()); return err },
			"check":  func() error { return recipe.CheckFree(dir) },
		} {
			if err := second(); !errors.Is(err, recipe.ErrBusy) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want ErrBusy with %q", name, err, want)
			}
		}
		// Readers are not blocked.
		if _, err := env(t, p, dir).evaluate(context.Background(), trace.StageBase); err != nil {
			t.Errorf("eval meanwhile: %v", err)
		}
		if err := recipe.Export(dir, trace.StageBase, filepath.Join(t.TempDir(), "x.safetensors"), true, nil); err != nil {
			t.Errorf("export meanwhile: %v", err)
		}
	}
	prune(t, j)
	if err := recipe.CheckFree(dir); err != nil || !tried {
		t.Errorf("after the run: %v; tried: %v", err, tried)
	}
}

// listing names the files below a folder with their sizes.
func listing(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		files = append(files, fmt.Sprint(path, " ", info.Size()))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestTicketFolder: everything read from the folder of a finished run agrees. For each stage, the
// exported mask is that of the weights beside it. Reading passes over a damaged checkpoint and
// changes nothing. A run continues after a line of its trace was broken.
func TestTicketFolder(t *testing.T) {
	if testing.Short() {
		t.Skip("trains")
	}
	p, dir := tiny(t).Scaled(0.1), t.TempDir()
	p.GSM.Epochs = 4 // with two checkpoints
	if _, err := env(t, p, dir).ticket(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, stage := range recipe.EvalStages() {
		masksFit(t, dir, stage)
	}
	readingChangesNothing(t, dir)
	brokenTrace(t, p, dir)
}

func masksFit(t *testing.T, dir, stage string) {
	file := filepath.Join(t.TempDir(), "out.safetensors")
	if err := recipe.Export(dir, stage, file, true, nil); err != nil {
		t.Errorf("export of %s: %v", stage, err)
		return
	}
	evaluated, err := env(t, recipe.Plan{}, dir).evaluate(context.Background(), stage)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	tensors, err := safetensors.Deserialize(raw)
	if err != nil {
		t.Fatal(err)
	}
	masks, ones := 0, 0
	for _, name := range tensors.Names() {
		kernel, isMask := strings.CutSuffix(name, "_mask")
		if !isMask {
			continue
		}
		masks++
		mask, _ := tensors.Tensor(name)
		weights, found := tensors.Tensor(kernel)
		if !found || len(weights.Data()) != 4*len(mask.Data()) {
			t.Fatalf("%s: %s has no weights of its size", stage, name)
		}
		for i, m := range mask.Data() {
			w := weights.Data()[4*i : 4*i+4]
			if zero := w[0]|w[1]|w[2]|w[3]&0x7f == 0; (m == 0) != zero {
				t.Fatalf("%s: %s[%d] is %d, the weight's bytes are %v", stage, name, i, m, w)
			}
			ones += int(m)
		}
	}
	if masks != 3 || ones != evaluated.Nonzero {
		t.Errorf("%s: %d masks with %d ones, want 3 with %d", stage, masks, ones, evaluated.Nonzero)
	}
}

func readingChangesNothing(t *testing.T, dir string) {
	newest, err := filepath.Glob(filepath.Join(dir, trace.StageGSM, "*.bin"))
	if err != nil || len(newest) != 2 {
		t.Fatalf("%d checkpoints (%v), want 2", len(newest), err)
	}
	whole, err := os.ReadFile(newest[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(newest[1], 1000); err != nil {
		t.Fatal(err)
	}
	before := listing(t, dir)
	var said []string
	say := func(s string) { said = append(said, s) }
	j := env(t, recipe.Plan{}, dir)
	j.Say = say
	if _, err := j.evaluate(context.Background(), trace.StageGSM); err != nil {
		t.Errorf("eval: %v", err)
	}
	if err := recipe.Export(dir, trace.StageGSM, filepath.Join(t.TempDir(), "x.safetensors"), false, say); err != nil {
		t.Errorf("export: %v", err)
	}
	if after := listing(t, dir); !slices.Equal(before, after) {
		t.Errorf("reading changed the folder from\n%q\nto\n%q", before, after)
	}
	if len(said) != 2 || !strings.Contains(said[0], "is damaged, trying the one before") || said[0] != said[1] {
		t.Errorf("said %q, want the damaged checkpoint, twice", said)
	}
	if err := os.WriteFile(newest[1], whole, 0o666); err != nil {
		t.Fatal(err)
	}
}

// brokenTrace breaks a line of the trace, and later its header. The same command mends both.
func brokenTrace(t *testing.T, p recipe.Plan, dir string) {
	path := filepath.Join(dir, recipe.TraceFile)
	good, err := trace.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(raw), "\n")
	for _, broken := range []struct {
		line int
		said string
	}{{5, "1 broken lines are left out"}, {0, "no readable header"}} {
		damaged := slices.Clone(lines)
		damaged[broken.line] = "###" + damaged[broken.line]
		if err := os.WriteFile(path, []byte(strings.Join(damaged, "")), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := trace.Load(path); err == nil {
			t.Fatal("the trace is not broken")
		}
		var said []string
		j := env(t, p, dir)
		j.Say = func(s string) { said = append(said, s) }
		prune(t, j)
		run, err := trace.Load(path)
		if err != nil || len(run.Cuts) != 1 || len(run.Header.Layers) != 3 {
			t.Errorf("line %d: after the same command: %d cuts (%v)", broken.line, len(run.Cuts), err)
		}
		if broken.line > 0 && len(run.Steps)+len(run.Evals)+len(run.Magnitudes) < 5 {
			t.Errorf("only %d of %d steps are left", len(run.Steps), len(good.Steps))
		}
		if !strings.Contains(strings.Join(said, "\n"), broken.said) {
			t.Errorf("line %d: said %q, want %q", broken.line, said, broken.said)
		}
	}
	kept, _ := filepath.Glob(path + ".damaged*")
	if len(kept) != 2 {
		t.Errorf("%d damaged traces are kept, want 2", len(kept))
	}
}
