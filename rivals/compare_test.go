// Tests of comparisons: what runs leave behind, stopping, shards, merging, and bad input.

package rivals_test

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gsmlab/internal/pjrt"
	"gsmlab/internal/pjrt/backendtest"
	"gsmlab/models/data"
	"gsmlab/models/recipe"
	"gsmlab/rivals"
)

// tiny is a comparison on the digits that takes a second or so for each run.
func tiny(t testing.TB, methods ...string) rivals.Grid {
	t.Helper()
	p, err := recipe.New("mlp-digits", "quick")
	if err != nil {
		t.Fatal(err)
	}
	return rivals.Grid{Plan: p.Scaled(0.05), Compressions: []float64{10}, Methods: methods, Seeds: []int64{1}}
}

func options(t testing.TB, out string) rivals.Options {
	t.Helper()
	digits, err := data.Digits()
	if err != nil {
		t.Fatal(err)
	}
	// XLA would compile each stage of each method for seconds.
	pure, _, err := pjrt.Open(t.Context(), "go", nil)
	if err != nil {
		t.Fatal(err)
	}
	return rivals.Options{Out: out, Backend: pure, Spec: "test", Data: digits, Say: func(s string) { t.Log(s) }}
}

func compare(t testing.TB, g rivals.Grid, o rivals.Options) []rivals.Row {
	t.Helper()
	rows, failed, err := rivals.Compare(context.Background(), g, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range failed {
		t.Errorf("%s failed: %v", f.Cell, f.Err)
	}
	return rows
}

// TestAllMethods: every method ends with exactly Q weights, from the same dense network, with the
// same steps beyond it; those that begin with the initial weights have the dense network's too. A
// second call does nothing again.
func TestAllMethods(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for half a minute")
	}
	g, o := tiny(t, rivals.Names()...), options(t, t.TempDir())
	rows := compare(t, g, o)
	if len(rows) != len(rivals.Names()) {
		t.Fatalf("%d rows of %d methods", len(rows), len(rivals.Names()))
	}
	budget := g.Steps(o.Data.Train.Len())
	for _, r := range rows {
		m, err := rivals.Lookup(r.Method)
		if err != nil {
			t.Fatal(err)
		}
		if r.Nonzero != 1190 {
			t.Errorf("%s has %d weights, want 1190", r.Method, r.Nonzero)
		}
		if r.AccuracyDense != rows[0].AccuracyDense {
			t.Errorf("%s began with a dense network of %g, others with one of %g", r.Method, r.AccuracyDense, rows[0].AccuracyDense)
		}
		want := budget
		if m.Scratch {
			want += g.Plan.Base.Epochs * g.Plan.StepsPerEpoch(o.Data.Train.Len())
		}
		if r.Steps != want && r.Steps != 0 {
			t.Errorf("%s trained %d steps, want %d", r.Method, r.Steps, want)
		}
		if r.AccuracyPruned < 0.15 && r.Method != "l-obs" { // which falls apart at this ratio
			t.Errorf("%s has %g, which is chance", r.Method, r.AccuracyPruned)
		}
		if m.Source == "" || m.About == "" || r.Setting == "" {
			t.Errorf("%s does not say where it is from, what it does, or its setting", r.Method)
		}
		again, err := recipe.Evaluate(context.Background(), recipe.StagePruned,
			recipe.Options{Out: filepath.Join(o.Out, "runs", r.Cell().String()), Backend: o.Backend, Data: o.Data})
		if err != nil {
			t.Fatal(err)
		}
		if again.Accuracy != r.AccuracyPruned || again.Nonzero != r.Nonzero {
			t.Errorf("%s saved a network of %g with %d weights, its row says %g and %d", r.Method, again.Accuracy, again.Nonzero, r.AccuracyPruned, r.Nonzero)
		}
	}
	o.Watch = func(e recipe.Event) { t.Fatalf("a finished comparison trains again: %+v", e) }
	if again := compare(t, g, o); !reflect.DeepEqual(again, rows) {
		t.Error("the second call returns other rows")
	}
}

// TestStopAndGoOn: a comparison that is stopped in the middle of any step goes on there and ends
// with the rows of one that was not, in weights too.
func TestStopAndGoOn(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for half a minute")
	}
	g := tiny(t, "gmp-global", "dns", "rigl", "acdc", "lr-rewinding")
	whole := compare(t, g, options(t, t.TempDir()))
	o := options(t, t.TempDir())
	for stops := 0; ; stops++ {
		ctx, stop := context.WithCancel(context.Background())
		steps := 0
		o.Watch = func(recipe.Event) {
			if steps++; steps == 120 {
				stop()
			}
		}
		rows, failed, err := rivals.Compare(ctx, g, o)
		stop()
		if errors.Is(err, recipe.ErrStopped) {
			continue
		}
		if err != nil || len(failed) > 0 {
			t.Fatal(err, failed)
		}
		if stops < 3 {
			t.Fatalf("it was stopped %d times only", stops)
		}
		for i := range rows {
			rows[i].Seconds = whole[i].Seconds
			if !reflect.DeepEqual(rows[i], whole[i]) {
				t.Errorf("with stops: %+v\nwithout: %+v", rows[i], whole[i])
			}
		}
		return
	}
}

// TestFailure: a run that fails is named, and the others go on.
func TestFailure(t *testing.T) {
	g := tiny(t, "lr-rewinding", "magnitude")
	g.Plan = g.Plan.Scaled(0.01) // 23 steps
	g.Compressions = []float64{1000}
	g.Plan.Batch = 1500 // 1 step: too few for the rounds
	rows, failed, err := rivals.Compare(context.Background(), g, options(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	if len(failed) != 1 || failed[0].Cell.Method != "lr-rewinding" || !strings.Contains(failed[0].Err.Error(), "rounds") {
		t.Errorf("failures %v, want that of lr-rewinding", failed)
	}
	if len(rows) != 1 || rows[0].Method != "magnitude" {
		t.Errorf("rows %v, want that of magnitude", rows)
	}
}

// TestSearch: a search judges by training images that it holds out, and its choice stays.
func TestSearch(t *testing.T) {
	g, o := tiny(t, "exact-obs"), options(t, t.TempDir())
	g.Search = true
	rows := compare(t, g, o)
	m, err := rivals.Lookup("exact-obs")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(m.Variants, func(v rivals.Variant) bool { return v.About == rows[0].Setting }) {
		t.Errorf("setting %q is none of the method's", rows[0].Setting)
	}
	found, err := os.ReadFile(filepath.Join(o.Out, "search", "exact-obs.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range m.Variants {
		if !strings.Contains(string(found), v.About) {
			t.Errorf("the search did not try %q", v.About)
		}
	}
}

// TestShards: the shards of a grid are all of it, each cell once, in any order and in folders of
// their own; merged they are what one machine would have done.
func TestShards(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for half a minute")
	}
	g := tiny(t, "magnitude", "exact-obs")
	g.Compressions = []float64{5, 10}
	whole := compare(t, g, options(t, t.TempDir()))
	var dirs []string
	for _, i := range []int{3, 1, 2} {
		o := options(t, t.TempDir())
		o.Shard = rivals.Shard{Index: i, Count: 3}
		compare(t, g, o)
		compare(t, g, o)
		dirs = append(dirs, o.Out)
	}
	out := t.TempDir()
	merged, err := rivals.Merge(out, append(dirs, dirs[0]))
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		whole[i].Seconds, merged[i].Seconds = 0, 0
	}
	if !reflect.DeepEqual(merged, whole) {
		t.Errorf("merged: %+v\nin one: %+v", merged, whole)
	}
	if missing := rivals.Missing(merged); len(missing) > 0 {
		t.Errorf("missing: %v", missing)
	}
	if missing := rivals.Missing(merged[:3]); len(missing) != 1 {
		t.Errorf("missing of three rows: %v", missing)
	}

	// Folders of another grid, and rows that disagree.
	other := tiny(t, "magnitude")
	other.Plan = other.Plan.Scaled(2)
	o := options(t, t.TempDir())
	compare(t, other, o)
	if _, err := rivals.Merge(t.TempDir(), []string{dirs[0], o.Out}); !errors.Is(err, rivals.ErrOtherGrid) {
		t.Errorf("merging another grid: %v", err)
	}
	if _, _, err := rivals.Compare(context.Background(), g, o); !errors.Is(err, rivals.ErrOtherGrid) {
		t.Errorf("comparing in the folder of another grid: %v", err)
	}
	row := filepath.Join(dirs[0], "rows")
	entries, err := os.ReadDir(row)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(row, entries[0].Name())
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(raw), `"accuracy_pruned": 0.`, `"accuracy_pruned": 0.0`, 1)), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := rivals.Merge(t.TempDir(), append(dirs, out)); err == nil || !strings.Contains(err.Error(), "disagree about") {
		t.Errorf("merging rows that disagree: %v", err)
	}
}

func TestParseShard(t *testing.T) {
	if s, err := rivals.ParseShard("2/8"); err != nil || s != (rivals.Shard{Index: 2, Count: 8}) {
		t.Errorf("2/8: %v, %v", s, err)
	}
	for _, bad := range []string{"", "2", "0/8", "9/8", "1/0", "-1/3", "a/b", "1/2/3", "1 / 2"} {
		if s, err := rivals.ParseShard(bad); err == nil {
			t.Errorf("%q: %v, want an error", bad, s)
		}
	}
}

// TestCheck: one clear line for each mistake, before anything is trained.
func TestCheck(t *testing.T) {
	for _, c := range []struct {
		change func(*rivals.Grid)
		want   string
	}{
		{func(g *rivals.Grid) { g.Methods = []string{"gmpp"} }, `unknown method "gmpp": did you mean gmp?`},
		{func(g *rivals.Grid) { g.Methods = nil }, "no method"},
		{func(g *rivals.Grid) { g.Methods = []string{"gsm", "gsm"} }, "method gsm is named twice"},
		{func(g *rivals.Grid) { g.Seeds = []int64{0} }, "seed 0"},
		{func(g *rivals.Grid) { g.Compressions = []float64{0.5} }, "compression 0.5: must be at least 1"},
		{func(g *rivals.Grid) { g.Compressions = []float64{6000} }, "compression 6000 keeps 1 weights of mlp-digits: at least one of its 3 layers would be empty"},
		{func(g *rivals.Grid) { g.Compressions = []float64{3000} }, "gmp does not fit mlp-digits at 3000x: one density for all layers leaves none of the 500 weights of layer fc3"},
		{func(g *rivals.Grid) { g.Base = "net.safetensors"; g.Methods = []string{"snip"} }, "snip begins with the initial weights, which net.safetensors does not have"},
		{func(g *rivals.Grid) { g.Base, g.Search = "net.safetensors", true }, "no search with the network of net.safetensors"},
		// its widest layer reads 4,608 values
		{func(g *rivals.Grid) { g.Plan.Model = "resnet-50"; g.Plan.Compression = 2 }, ""},
	} {
		g := tiny(t, "gmp", "l-obs")
		c.change(&g)
		err := g.Check(backendtest.Open(t))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("want no error: %v", err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n")):
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}

func TestSummary(t *testing.T) {
	row := func(method string, ratio float64, seed int64, accuracy float64) rivals.Row {
		return rivals.Row{Model: "x", Method: method, Compression: ratio, Seed: seed, AccuracyPruned: accuracy, Seconds: 60}
	}
	sums := rivals.Summary([]rivals.Row{row("gsm", 60, 1, 0.5), row("dns", 20, 1, 0.7), row("gsm", 60, 2, 0.7), row("gmp", 60, 1, 0.65)})
	if len(sums) != 3 || sums[0].Method != "dns" || sums[1].Method != "gmp" || sums[2].Method != "gsm" {
		t.Fatalf("%+v: want dns at 20x, then gmp before gsm at 60x, which has a lower mean", sums)
	}
	s := sums[2]
	if math.Abs(s.Pruned-0.6) > 1e-12 || math.Abs(s.Deviation-0.1*math.Sqrt2) > 1e-12 || s.Least != 0.5 || s.Most != 0.7 || s.Minutes != 1 {
		t.Errorf("%+v: want mean 0.6, deviation %g, one minute", s, 0.1*math.Sqrt2)
	}
	if !math.IsNaN(sums[0].Deviation) {
		t.Errorf("one seed has deviation %g, want none", sums[0].Deviation)
	}
}
