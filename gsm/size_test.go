package gsm_test

import (
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/gsm"
)

func TestSize(t *testing.T) {
	store := model.NewStore()
	add := func(path string, dims ...int) *model.Variable {
		return store.VariableWithShape(path, shapes.Make(dtypes.Float32, dims...), graph.Zeros)
	}
	add("/conv/weights", 3, 3, 20)
	add("/out/weights", 20, 40)
	add("/out/biases", 40)
	add("/norm/gain", 4, 5)
	add("/tokens/embeddings", 100, 10)
	add("/base/weights", 5, 5).SetTrainable(false)
	add("/optimizers/gsm/momentum/out/weights", 20, 40).SetTrainable(false)
	s := gsm.SizeOf(store, nil, 98)
	want := "98 of 980 prunable weights are kept (10.0x); 1,000 of embeddings, 40 of biases, 25 of frozen, 20 of norms stay dense; the whole model goes from 2,065 to 1,183 weights (1.7x)"
	if got := s.String(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	o, err := gsm.New(gsm.Config{Compression: 10})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := o.Size(store); err != nil || got.String() != want {
		t.Errorf("%s (%v), want %s", got, err, want)
	}
}

func TestIsKernel(t *testing.T) {
	store := model.NewStore()
	for name, want := range map[string]bool{
		"weights": true, "kernel": true, "w": true, "W1": true, "weights_qkv": true, "inputsW": true, "recurrentW": true, "projection": true,
		"bspline_control_points": true, "kan_pwl_control_points": true, "w_splines": true, "lora_B": true, "scalers2d": true,
		"biases": false, "bias": false, "Bias": false, "b_bias": false, "biasesW": false, "biases_q": false, "kan_pwl_bias": false, "attnBias": false,
		"gain": false, "offset": false, "scale": false, "gamma": false, "beta": false, "alpha": false, "scaler_alpha": false,
		"embeddings": false, "token_embedding": false, "peepholeW": false, "numeratorCoeffs": false, "output_keypoints": false, "kan_pwl_split_points": false,
	} {
		for rank := 1; rank <= 5; rank++ {
			dims := []int{2, 3, 2, 3, 2}[:rank]
			v := store.VariableWithShape("/"+string(rune('a'+rank))+"/"+name, shapes.Make(dtypes.Float32, dims...), graph.Zeros)
			if got := gsm.IsKernel(v); got != (want && rank >= 2) {
				t.Errorf("%s of rank %d: kernel is %t", name, rank, got)
			}
			if gsm.IsKernel(v.SetTrainable(false)) {
				t.Errorf("%s, frozen, is a kernel", name)
			}
		}
	}
}
