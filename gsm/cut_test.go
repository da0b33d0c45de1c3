// Tests of the cut: exact counts, ties, errors, and the cut that follows an optimizer's Config.

package gsm_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/gsm"
)

// twoLayers is a store with kernels [2,3] and [1,1,2,2], the second in float64, and a bias.
func twoLayers(first []float32, second []float64) *model.Store {
	store := model.NewStore()
	store.VariableWithValue("/a/kernel", tensors.FromFlatDataAndDimensions(first, 2, 3))
	store.VariableWithValue("/a/bias", []float32{100, 200})
	store.VariableWithValue("/b/kernel", tensors.FromFlatDataAndDimensions(second, 1, 1, 2, 2))
	return store
}

func contents(store *model.Store) string {
	return fmt.Sprint(
		tensors.MustCopyFlatData[float32](store.GetVariable("/a/kernel").MustValue()),
		tensors.MustCopyFlatData[float32](store.GetVariable("/a/bias").MustValue()),
		tensors.MustCopyFlatData[float64](store.GetVariable("/b/kernel").MustValue()))
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		q         int
		first     []float32
		second    []float64
		want      string
		threshold float64
	}{
		{4, []float32{1, -5, 2, 0, 3, -1}, []float64{4, -2, .5, 9}, "[0 -5 0 0 3 0] [100 200] [4 0 0 9]", 3},
		// Of the five that tie at 2, the first two by layer and row stay.
		{4, []float32{2, -5, -2, 2, 0, 2}, []float64{9, -2, 0, 0}, "[2 -5 -2 0 0 0] [100 200] [9 0 0 0]", 2},
		{1, []float32{1, 1, 1, 1, 1, 1}, []float64{1, 1, 1, 1}, "[1 0 0 0 0 0] [100 200] [0 0 0 0]", 1},
		{10, []float32{1, 2, 3, 4, 5, 6}, []float64{7, 8, 9, 10}, "[1 2 3 4 5 6] [100 200] [7 8 9 10]", 1},
		{8, []float32{0, 0, 0, 0, 0, 0}, []float64{0, 0, 1, 0}, "[0 0 0 0 0 0] [100 200] [0 0 1 0]", 0},
		// float64 weights that float32 would tie
		{1, []float32{1, 1, 1, 1, 1, 1}, []float64{1, 1, 1 + 1e-12, 1}, "[0 0 0 0 0 0] [100 200] [0 0 1.000000000001 0]", 1 + 1e-12},
	} {
		store := twoLayers(c.first, c.second)
		mask, threshold, err := gsm.Cut(store, nil, c.q)
		if err != nil {
			t.Fatal(err)
		}
		if got := contents(store); got != c.want || threshold != c.threshold || mask.Kept() != c.q {
			t.Errorf("Q %d: %s, threshold %g, %d kept, want %s, %g", c.q, got, threshold, mask.Kept(), c.want, c.threshold)
		}
	}
}

func TestCutRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		n := 1 + rng.IntN(200)
		levels := 1 + rng.IntN(40)
		weights := make([]float32, n)
		for i := range weights {
			weights[i] = float32(rng.IntN(2*levels)-levels) / 8
		}
		store := model.NewStore()
		store.VariableWithValue("/w", tensors.FromFlatDataAndDimensions(slices.Clone(weights), 1, n))
		q := 1 + rng.IntN(n)
		mask, threshold, err := gsm.Cut(store, nil, q)
		if err != nil {
			t.Fatal(err)
		}
		nonzero, err := gsm.Nonzero(store, nil)
		if err != nil {
			t.Fatal(err)
		}
		if mask.Kept() != q || nonzero[0] > q {
			t.Fatalf("%d kept and %v not zero, want %d", mask.Kept(), nonzero, q)
		}
		after := tensors.MustCopyFlatData[float32](store.GetVariable("/w").MustValue())
		for i, w := range weights {
			size, keep := math.Abs(float64(w)), mask.Layers[0].Keep(i)
			if keep && (size < threshold || after[i] != w) || !keep && (size > threshold || after[i] != 0) {
				t.Fatalf("weight %d = %g became %g: kept %t at threshold %g", i, w, after[i], keep, threshold)
			}
		}
	}
}

func TestCutErrors(t *testing.T) {
	for _, c := range []struct {
		name    string
		first   []float32
		second  []float64
		q       int
		want    error
		message string
	}{
		{"Q 0", []float32{1, 2, 3, 4, 5, 6}, []float64{1, 2, 3, 4}, 0, gsm.ErrCompression, "gsm: compression out of range: Q 0: must be between 1 and the 10 prunable weights"},
		{"Q 11", []float32{1, 2, 3, 4, 5, 6}, []float64{1, 2, 3, 4}, 11, gsm.ErrCompression, "gsm: compression out of range: Q 11: must be between 1 and the 10 prunable weights"},
		{"NaN", []float32{1, 2, 3, float32(math.NaN()), 5, 6}, []float64{1, 2, 3, 4}, 5, nil, `gsm: weight 3 of "/a/kernel" is NaN: training diverged, go back to an earlier checkpoint`},
		{"infinite", []float32{1, 2, 3, 4, 5, 6}, []float64{1, math.Inf(-1), 3, 4}, 5, nil, `gsm: weight 1 of "/b/kernel" is -Inf: training diverged, go back to an earlier checkpoint`},
	} {
		store := twoLayers(c.first, c.second)
		before := contents(store)
		_, _, err := gsm.Cut(store, nil, c.q)
		wantError(t, err, c.want, c.message)
		if got := contents(store); got != before {
			t.Errorf("%s: the store changed from %s to %s", c.name, before, got)
		}
	}
	_, _, err := gsm.Cut(model.NewStore(), nil, 1)
	wantError(t, err, gsm.ErrNothingPrunable, "gsm: no prunable weight in the store")
}

// TestOptimizerCut: the cut of an optimizer keeps what its Config says.
func TestOptimizerCut(t *testing.T) {
	onlyB := func(v *model.Variable) bool { return v.Path() == "/b/kernel" }
	first, second := []float32{1, -2, 0, 0, .5, 0}, []float64{9, 8, -7, 6}
	for _, c := range []struct {
		config    gsm.Config
		want      string
		threshold float64
	}{
		{gsm.Config{Compression: 2.5}, "[0 0 0 0 0 0] [100 200] [9 8 -7 6]", 6},
		{gsm.Config{Q: 5, Margin: .5}, "[0 -2 0 0 0 0] [100 200] [9 8 -7 6]", 2},
		{gsm.Config{Q: 4, MinDensity: 1. / 6}, "[0 -2 0 0 0 0] [100 200] [9 8 -7 0]", 2},
		// all of Q is protected
		{gsm.Config{Q: 4, MinDensity: .3}, "[1 -2 0 0 0 0] [100 200] [9 8 0 0]", 1},
		// zeros are not, and leave their places to others
		{gsm.Config{Q: 7, MinDensity: .7}, "[1 -2 0 0 0.5 0] [100 200] [9 8 -7 6]", .5},
		{gsm.Config{Q: 2, Prunable: onlyB}, "[1 -2 0 0 0.5 0] [100 200] [9 8 0 0]", 8},
	} {
		store := twoLayers(first, second)
		mask, threshold, err := mustNew(t, c.config).Cut(store)
		if err != nil {
			t.Fatal(err)
		}
		if got := contents(store); got != c.want || threshold != c.threshold {
			t.Errorf("%+v: %s, threshold %g, %d kept, want %s, %g", c.config, got, threshold, mask.Kept(), c.want, c.threshold)
		}
	}
	store := twoLayers(first, second)
	_, _, err := mustNew(t, gsm.Config{Q: 3, MinDensity: .3}).Cut(store)
	wantError(t, err, gsm.ErrCompression, "gsm: compression out of range: a minimum density of 0.3 alone keeps more than Q 3 weights: lower it or the compression")
	_, _, err = mustNew(t, gsm.Config{Q: 11}).Cut(store)
	wantError(t, err, gsm.ErrCompression, "gsm: compression out of range: Q 11: the model has only 10 prunable weights")
}

func TestQuota(t *testing.T) {
	for _, c := range []struct {
		n           int
		compression float64
		want        int
	}{ // published counts
		{266_200, 60, 4_436}, {430_500, 125, 3_444}, {430_500, 300, 1_435}, {851_504, 10, 85_150}, {7, 1, 7}, {7, 7, 1}, {10, 3, 3},
	} {
		if got, err := gsm.Quota(c.n, c.compression); err != nil || got != c.want {
			t.Errorf("Q of %d at %gx is %d (%v), want %d", c.n, c.compression, got, err, c.want)
		}
	}
	// A density of k in n keeps k, however the ratio is rounded.
	for n := 1; n <= 1500; n++ {
		for k := 1; k <= n; k++ {
			for _, ratio := range []float64{1 / (float64(k) / float64(n)), float64(n) / float64(k)} {
				if got, err := gsm.Quota(n, max(1, ratio)); err != nil || got != k {
					t.Fatalf("Q of %d at %.17gx, %d in %d, is %d (%v)", n, ratio, k, n, got, err)
				}
			}
		}
	}
	for _, n := range []int{100, 266_200, 430_500, 851_504, 1_001_616, 25_502_912} {
		for percent := 1; percent <= 100; percent++ {
			want := n * percent / 100
			for _, ratio := range []float64{1 / (float64(percent) / 100), 100 / float64(percent), 1 / (float64(percent) * .01)} {
				if got, err := gsm.Quota(n, max(1, ratio)); err != nil || got != want {
					t.Errorf("Q of %d at %.17gx, %d percent, is %d (%v), want %d", n, ratio, percent, got, err, want)
				}
			}
			if got, left := (gsm.Config{Margin: 1 - float64(percent)/100}).Active(n), want; got != left {
				t.Errorf("%d active of %d with a margin of %d percent, want %d", got, n, 100-percent, left)
			}
		}
	}
	_, err := gsm.Quota(7, 8)
	wantError(t, err, gsm.ErrCompression, "gsm: compression out of range: compression 8 keeps none of 7 weights: at most 7 is possible")
	_, err = gsm.Quota(7, .5)
	wantError(t, err, gsm.ErrCompression, "gsm: compression out of range: compression 0.5: must be at least 1")
}

func TestPrunableLeavesOutState(t *testing.T) {
	store := twoLayers(make([]float32, 6), make([]float64, 4))
	// Trainable, as a checkpoint leaves them that is loaded at once.
	for _, path := range []string{"/optimizers/gsm/momentum/a/kernel", "/AdamOptimizer/a/kernel_1st_moment", "/acc_grads/a/kernel", "/metrics/m", "/trainer/x"} {
		store.VariableWithValue(path, [][]float32{{1}})
	}
	// a model may use such a name
	store.VariableWithValue("/optimizersOfMine/kernel", [][]float32{{1}})
	var paths []string
	for _, v := range gsm.Prunable(store, nil) {
		paths = append(paths, v.Path())
	}
	if want := []string{"/a/kernel", "/b/kernel", "/optimizersOfMine/kernel"}; !slices.Equal(paths, want) {
		t.Errorf("prunable are %v, want %v", paths, want)
	}
}
