package models

import (
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/gsm"
	"gsmlab/internal/pjrt/backendtest"
)

// small is the size of the test images for a network: the deep networks take any size.
func small(m Model) []int {
	if m.Image[0] > 28 {
		return []int{32, 32, m.Image[2]}
	}
	return m.Image[:]
}

// build runs a new network with the given seed on some images, and returns its store and logits.
func build(t *testing.T, b compute.Backend, m Model, seed int64) (*model.Store, *tensors.Tensor) {
	t.Helper()
	store := model.NewStore()
	store.SetParam(model.ParamInitialSeed, seed)
	exec, err := model.NewExec(b, store, func(scope *model.Scope, x *graph.Node) *graph.Node { return m.Logits(scope, x) })
	if err != nil {
		t.Fatal(err)
	}
	dims := append([]int{3}, small(m)...)
	out, err := exec.Call(pattern(dims...))
	if err != nil {
		t.Fatalf("%s: %v", m.Name, err)
	}
	return store, out[0]
}

// pattern is a tensor of numbers between -1 and 1, without a period that a kernel could match.
func pattern(dims ...int) *tensors.Tensor {
	n := shapes.Make(dtypes.Float32, dims...).Size()
	x, state := make([]float32, n), uint32(n)
	for i := range x {
		state = state*1664525 + 1013904223
		x[i] = float32(int32(state)) / (1 << 31)
	}
	return tensors.FromFlatDataAndDimensions(x, dims...)
}

func TestModels(t *testing.T) {
	published := map[string]int{"lenet-300-100": 266_200, "lenet-5": 430_500, "mlp-digits": 11_900, "resnet-56": 848_944,
		"resnet-56-projection": 851_504, "densenet-40": 1_001_616, "resnet-50": 25_502_912}
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, m := range All() {
			t.Run(m.Name, func(t *testing.T) {
				if testing.Short() && m.Prunable > 500_000 {
					t.Skip("takes seconds")
				}
				store, logits := build(t, b, m, 7)
				if got, want := logits.Shape().Dimensions, []int{3, m.Classes}; !slices.Equal(got, want) {
					t.Errorf("logits %v, want %v", got, want)
				}
				n := 0
				for _, v := range gsm.Prunable(store, nil) {
					n += v.Shape().Size()
				}
				if want, ok := published[m.Name]; !ok || n != want || m.Prunable != want {
					t.Errorf("%d prunable weights, the model says %d, published are %d", n, m.Prunable, want)
				}
				initial(t, store)
				if m.Prunable > 500_000 {
					// takes seconds to compile, and is initialised like the others
					return
				}
				_, again := build(t, b, m, 7)
				_, other := build(t, b, m, 8)
				first := tensors.MustCopyFlatData[float32](logits)
				if !slices.Equal(first, tensors.MustCopyFlatData[float32](again)) {
					t.Error("the same seed gives other logits")
				}
				if slices.Equal(first, tensors.MustCopyFlatData[float32](other)) {
					t.Error("another seed gives the same logits")
				}
			})
		}
	})
}

// initial checks that kernels start within Glorot's bounds, spread out, and biases at zero.
func initial(t *testing.T, store *model.Store) {
	t.Helper()
	for v := range store.IterVariables() {
		if !v.Trainable {
			continue
		}
		value, err := v.Value()
		if err != nil {
			t.Fatal(err)
		}
		x := tensors.MustCopyFlatData[float32](value)
		least, most := slices.Min(x), slices.Max(x)
		switch {
		case strings.HasSuffix(v.Path(), "/batch_normalization/scale"):
			if least != 1 || most != 1 {
				t.Errorf("%s starts between %g and %g, want 1", v.Path(), least, most)
			}
		case v.Shape().Rank() == 1:
			if least != 0 || most != 0 {
				t.Errorf("%s starts between %g and %g, want 0", v.Path(), least, most)
			}
		case least >= 0 || most <= 0 || most > 1.5 || least < -1.5:
			t.Errorf("%s starts between %g and %g", v.Path(), least, most)
		}
	}
}

func TestLookup(t *testing.T) {
	for _, name := range Names() {
		if m, err := Lookup(name); err != nil || m.Name != name {
			t.Errorf("%s: %q, %v", name, m.Name, err)
		}
	}
	_, err := Lookup("lenet-6")
	if err == nil || !strings.Contains(err.Error(), `"lenet-6"`) || !strings.Contains(err.Error(), "lenet-300-100") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v, want one line naming it and those that are known", err)
	}
}

func TestLayerName(t *testing.T) {
	for path, want := range map[string]string{"/conv1/weights": "conv1", "/fc1/dense/weights": "fc1", "/block/a/dense/weights": "block/a", "/odd": "odd"} {
		if got := LayerName(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
