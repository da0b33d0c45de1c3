// Tests against PyTorch's own modules (testdata/torch_net.py).

package weights

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/layers/norm"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/nlpodyssey/safetensors"

	"gsmlab/gsm"
	"gsmlab/internal/pjrt"
)

// torchNet is torch_net.py's network, made of GoMLX's layers. Batch norm is spelled out, because
// the go backend lacks it. So are groups of channels, because layers.Convolution lacks them.
func torchNet(scope *model.Scope, x, t *graph.Node) *graph.Node {
	g, f32 := x.Graph(), func(dims ...int) shapes.Shape { return shapes.Make(dtypes.Float32, dims...) }
	x = layers.Convolution(scope.In("conv1"), x).CurrentScope().Channels(4).KernelSize(3).PadSame().Done()
	bn := scope.In("bn1").In("batch_normalization")
	of := func(name string) *graph.Node {
		v := bn.VariableWithShape(name, f32(4))
		v.SetTrainable(name == "scale" || name == "offset")
		return graph.Reshape(v.NodeValue(g), 1, 1, 1, 4)
	}
	x = graph.Div(graph.Sub(x, of("mean")), graph.Sqrt(graph.AddScalar(of("variance"), 1e-5)))
	x = activation.Relu(graph.Add(graph.Mul(x, of("scale")), of("offset")))
	of("avg_weight")
	dw := scope.In("dw")
	x = graph.Convolve(x, dw.VariableWithShape("weights", f32(3, 3, 1, 4)).NodeValue(g)).PadSame().ChannelGroupCount(4).Done()
	x = graph.Add(x, graph.Reshape(dw.VariableWithShape("biases", f32(4)).NodeValue(g), 1, 1, 1, 4))
	x = activation.Relu(layers.Convolution(scope.In("conv2"), x).CurrentScope().Channels(4).KernelSizePerAxis(3, 1).UseBias(false).NoPadding().Done())
	x = layers.Dense(scope.In("fc"), graph.Reshape(x, x.Shape().Dimensions[0], -1), true, 5)
	x = norm.LayerNorm(scope.In("ln"), x, -1).Epsilon(1e-5).Done()
	e := layers.Embedding(scope.In("emb"), graph.ExpandAxes(t, -1), dtypes.Float32, 7, 5)
	e = layers.Convolution(scope.In("c1"), e).CurrentScope().Channels(5).KernelSize(3).PadSame().Done()
	head := scope.In("head")
	x = layers.Dense(head.In("0"), graph.Add(x, graph.ReduceMean(e, 1)), false, 5)
	return layers.Dense(head.In("1"), x, true, 3)
}

// TestTorchNet: PyTorch's network gives PyTorch's outputs here. Write makes of it the tensors that
// PyTorch wrote, with the same names, shapes and values.
func TestTorchNet(t *testing.T) {
	b, _, err := pjrt.Open(t.Context(), "go", nil)
	if err != nil {
		t.Fatal(err)
	}
	load := func(path string) safetensors.SafeTensors {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		st, err := safetensors.Deserialize(raw)
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	io := load("testdata/torch-net-io.safetensors")
	xDims, x := floatsOf(t, io, "x")
	_, y := floatsOf(t, io, "y")
	tokens, _ := io.Tensor("t")
	var ids []int32
	for i := 0; i < len(tokens.Data()); i += 4 {
		ids = append(ids, int32(tokens.Data()[i]))
	}
	inputs := []any{tensors.FromFlatDataAndDimensions(x, xDims...), tensors.FromFlatDataAndDimensions(ids, 2, 6)}
	fresh := model.NewStore()
	if _, err := model.CallOnce(b, fresh, torchNet, inputs...); err != nil {
		t.Fatal(err)
	}
	k, err := GoMLX().For(fresh)
	if err != nil {
		t.Fatal(err)
	}
	flat := map[string][]int{"fc": {2, 4, 4}}
	f, err := Read("testdata/torch-net.safetensors", flat, k)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Check(fresh, "the network"); err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	if err := f.Restore(store); err != nil {
		t.Fatal(err)
	}
	out, err := model.CallOnce(b, store, torchNet, inputs...)
	if err != nil {
		t.Fatal(err)
	}
	got := tensors.MustCopyFlatData[float32](out)
	for i := range y {
		if d := math.Abs(float64(got[i] - y[i])); d > 1e-5 { // sums in another order
			t.Errorf("output %d is %g, PyTorch's %g", i, got[i], y[i])
		}
	}
	path := t.TempDir() + "/net.safetensors"
	if err := Write(path, store, nil, flat, nil, GoMLX()); err != nil {
		t.Fatal(err)
	}
	wrote, torchs := load(path), load("testdata/torch-net.safetensors")
	if len(wrote.Names()) != len(torchs.Names()) {
		t.Errorf("tensors %v, PyTorch's %v", wrote.Names(), torchs.Names())
	}
	for _, name := range torchs.Names() {
		if strings.HasSuffix(name, "num_batches_tracked") {
			continue // GoMLX counts in another way
		}
		dims, values := floatsOf(t, wrote, name)
		wantDims, want := floatsOf(t, torchs, name)
		if len(dims) != len(wantDims) {
			t.Errorf("%s: shape %v, want %v", name, dims, wantDims)
			continue
		}
		for i, d := range wantDims {
			if dims[i] != d {
				t.Errorf("%s: shape %v, want %v", name, dims, wantDims)
			}
		}
		for i := range want {
			if values[i] != want[i] {
				t.Fatalf("%s: value %d is %g, want %g", name, i, values[i], want[i])
			}
		}
	}
}

// TestNotConverted: errors name the PyTorch modules that GoMLX lays out differently.
func TestNotConverted(t *testing.T) {
	for file, want := range map[string]string{
		"lstm":      `tensor "m.bias_hh_l0": neither kernel, bias nor batch norm, but of PyTorch's RNN, LSTM or GRU`,
		"gru":       `tensor "m.weight_hh_l0": neither kernel, bias nor batch norm, but of PyTorch's RNN, LSTM or GRU`,
		"cell":      `tensor "m.bias_hh": neither kernel, bias nor batch norm, but of PyTorch's RNN, LSTM or GRU`,
		"attention": `tensor "m.in_proj_bias": neither kernel, bias nor batch norm, but of PyTorch's MultiheadAttention`,
		"encoder":   `tensor "m.norm1.bias": neither kernel, bias nor batch norm (shape [4]): if it is of layer norm, give Read the network's Kernels.For`,
	} {
		if _, err := Read("testdata/torch-"+file+Suffix, nil, GoMLX()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", file, err, want)
		}
	}
}

// TestRestoreMisses: an embedding looks like a dense layer in a file. If it were restored as one,
// the network's embedding beside it would keep its first values. That is an error, and nothing
// changes.
func TestRestoreMisses(t *testing.T) {
	for _, c := range []struct {
		name, tensor string
		network      map[string][]int
		want         string
	}{
		{"emb", "emb.weight", map[string][]int{"/emb/embeddings": {5, 5}}, `tensor "emb.weight" was read as the variable "/emb/dense/weights", and the network in the store has "/emb/embeddings"`},
		{"dense", "fc.weight", map[string][]int{"/fc/weights": {5, 5}}, `was read as the variable "/fc/dense/weights", and the network in the store has "/fc/weights"`},
		{"conv", "fc.weight", map[string][]int{"/fc/dense/weights": {5, 5}}, ""},
		{"another network", "fc.weight", map[string][]int{"/other/weights": {5, 5}}, ""},
	} {
		path := file(t, fmt.Sprintf(`{%q:{"dtype":"F32","shape":[5,5],"data_offsets":[0,100]}}`, c.tensor), make([]byte, 100))
		f, err := Read(path, nil, GoMLX())
		if err != nil {
			t.Fatal(err)
		}
		store := declared(t, dtypes.Float32, c.network)
		before := len(describe(store))
		err = f.Restore(store)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || len(describe(store)) != before) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// TestScopeOfGoMLX: a layer with its own names, in a scope that GoMLX uses for training, is written
// once one of gsm's optimizers has trained it.
func TestScopeOfGoMLX(t *testing.T) {
	b, _, err := pjrt.Open(t.Context(), "go", nil)
	if err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	if _, err := store.CreateVariable("/metrics/kernel", tensors.FromValue([][]float32{{.1, .2, .3}, {.4, .5, .6}})); err != nil {
		t.Fatal(err)
	}
	if len(describe(store)) != 0 {
		t.Fatal("the store shows that it is no metric: the test is void")
	}
	opt, err := gsm.New(gsm.Config{Q: 2, Momentum: .9, WeightDecay: 1e-2, LearningRate: gsm.Schedule{Base: .05}})
	if err != nil {
		t.Fatal(err)
	}
	net := func(scope *model.Scope, x *graph.Node) *graph.Node {
		return graph.Dot(x, store.GetVariable("/metrics/kernel").NodeValue(x)).Product()
	}
	trainer := train.NewTrainer(b, store, net, loss.MeanSquaredError, opt, nil, nil)
	_, err = trainer.TrainStep(train.Batch{
		Inputs: []*tensors.Tensor{tensors.FromValue([][]float32{{1, 2}})},
		Labels: []*tensors.Tensor{tensors.FromValue([][]float32{{1, 2, 3}})},
	})
	if err != nil {
		t.Fatal(err)
	}
	found := describe(store)
	if len(found) != 1 || !found.has("/metrics/kernel") {
		t.Fatalf("the network is %v", found)
	}
	for v := range store.IterVariables() {
		if found.has(v.Path()) != gsm.InModel(store, v) {
			t.Errorf("%s is written otherwise than gsm.InModel says", v.Path())
		}
	}
}
