package weights

// The layers of GoMLX against PyTorch's formulas. A layer runs here; what Write makes of its kernel
// must give the same result there, read by the library safetensors.

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/core/tensors/images"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/attention"
	"github.com/gomlx/gomlx/ml/layers/fnn"
	"github.com/gomlx/gomlx/ml/layers/lstm"
	"github.com/gomlx/gomlx/ml/layers/norm"
	"github.com/gomlx/gomlx/ml/layers/vnn"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/nlpodyssey/safetensors"

	"gsmlab/internal/pjrt"
)

// run builds a layer on an input of the given shape. Its values and weights have no pattern that
// would survive a wrong order.
func run(t *testing.T, dims []int, layer func(scope *model.Scope, x *graph.Node) *graph.Node) (store *model.Store, x, y []float32, yDims []int) {
	t.Helper()
	b, _, err := pjrt.Open(t.Context(), "go", nil)
	if err != nil {
		t.Fatal(err)
	}
	store = model.NewStore()
	store.SetParam(model.ParamInitialSeed, int64(7))
	n := 1
	for _, d := range dims {
		n *= d
	}
	for i := range n {
		x = append(x, float32(math.Sin(float64(i*i+1))))
	}
	out, err := model.CallOnce(b, store, layer, tensors.FromFlatDataAndDimensions(x, dims...))
	if err != nil {
		t.Fatal(err)
	}
	return store, x, tensors.MustCopyFlatData[float32](out), out.Shape().Dimensions
}

// written writes the store and reads the file with the library.
func written(t *testing.T, store *model.Store, k ...Kernels) (path string, st safetensors.SafeTensors) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "net.safetensors")
	if err := Write(path, store, nil, nil, nil, k...); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if st, err = safetensors.Deserialize(raw); err != nil {
		t.Fatal(err)
	}
	return path, st
}

func floatsOf(t *testing.T, st safetensors.SafeTensors, name string) (dims []int, values []float32) {
	t.Helper()
	v, ok := st.Tensor(name)
	if !ok || v.DType() != safetensors.F32 {
		t.Fatalf("no tensor %q of float32 among %v", name, st.Names())
	}
	for _, d := range v.Shape() {
		dims = append(dims, int(d))
	}
	for raw := v.Data(); len(raw) > 0; raw = raw[4:] {
		values = append(values, math.Float32frombits(binary.LittleEndian.Uint32(raw)))
	}
	return dims, values
}

// sameStore reads path into an empty store and compares every variable: its type, shape, numbers,
// and whether it is trained.
func sameStore(t *testing.T, path string, want *model.Store, k ...Kernels) {
	t.Helper()
	f, err := Read(path, nil, k...)
	if err != nil {
		t.Fatal(err)
	}
	got := model.NewStore()
	if err := f.Restore(got); err != nil {
		t.Fatal(err)
	}
	for path := range describe(got) {
		if !describe(want).has(path) {
			t.Errorf("the new variable %q came back", path)
		}
	}
	for path, v := range describe(want) {
		w := got.GetVariable(path)
		if w == nil {
			t.Errorf("%s did not come back", path)
			continue
		}
		if g := describe(got)[path]; g.dtype != v.dtype || g.trainable != v.trainable || !slices.Equal(g.dims, v.dims) {
			t.Errorf("%s came back as %+v, was %+v", path, g, v)
		}
		bytes := func(v *model.Variable) (out []byte) {
			value, err := v.Value()
			if err == nil {
				err = value.ConstBytes(func(b []byte) { out = slices.Clone(b) })
			}
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		if !slices.Equal(bytes(w), bytes(want.GetVariable(path))) {
			t.Errorf("%s came back with other numbers", path)
		}
	}
}

// torchConv is PyTorch's convolution without padding: x [N, C, spatial...], kernel [F, C,
// spatial...].
func torchConv(x []float32, xDims []int, w []float32, wDims []int, bias []float32) (y []float32) {
	at := func(dims, index []int) int {
		k := 0
		for i, d := range dims {
			k = k*d + index[i]
		}
		return k
	}
	each := func(dims []int, do func(index []int)) {
		index := make([]int, len(dims))
		for {
			do(index)
			i := len(dims) - 1
			for ; i >= 0; i-- {
				if index[i]++; index[i] < dims[i] {
					break
				}
				index[i] = 0
			}
			if i < 0 {
				return
			}
		}
	}
	out := []int{xDims[0], wDims[0]}
	for i := 2; i < len(xDims); i++ {
		out = append(out, xDims[i]-wDims[i]+1)
	}
	each(out, func(o []int) {
		sum := float64(0)
		if bias != nil {
			sum = float64(bias[o[1]])
		}
		each(wDims[1:], func(k []int) {
			xi := append([]int{o[0], k[0]}, o[2:]...)
			for i := 1; i < len(k); i++ {
				xi[i+1] += k[i]
			}
			sum += float64(w[at(wDims, append([]int{o[1]}, k...))]) * float64(x[at(xDims, xi)])
		})
		y = append(y, float32(sum))
	})
	return y
}

func near(t *testing.T, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d numbers, want %d", len(got), len(want))
	}
	for i := range got {
		if math.Abs(float64(got[i]-want[i])) > 1e-4 {
			// sums of some dozen products of numbers near 1
			t.Fatalf("number %d is %g, want %g", i, got[i], want[i])
		}
	}
}

// channelsFirst moves the last axis to just after the first.
func channelsFirst(dims []int, x []float32) ([]int, []float32) {
	n := len(dims)
	order := []int{0, n - 1}
	for i := 1; i < n-1; i++ {
		order = append(order, i)
	}
	var raw []byte
	for _, v := range x {
		raw = appendFloat(raw, "F32", float64(v))
	}
	out, y := make([]int, n), make([]float32, len(x))
	for i, a := range order {
		out[i] = dims[a]
	}
	moved := permute(dims, raw, order)
	for i := range y {
		y[i] = float32(at("F32", moved, i))
	}
	return out, y
}

// TestConvolutions has kernels whose shapes hide their order: the same number of inputs, outputs
// and positions.
func TestConvolutions(t *testing.T) {
	for _, spatial := range [][]int{{7}, {5, 6}, {4, 5, 4}} {
		for _, axis := range []images.ChannelsAxisConfig{images.ChannelsLast, images.ChannelsFirst} {
			for _, filters := range []int{3, 2} {
				dims := append(append([]int{2}, spatial...), 3)
				k := GoMLX()
				if axis == images.ChannelsFirst {
					dims, k = append([]int{2, 3}, spatial...), Kernels{Conv: ChannelsFirst}
				}
				store, x, y, yDims := run(t, dims, func(scope *model.Scope, x *graph.Node) *graph.Node {
					return layers.Convolution(scope.In("a"), x).ChannelsAxis(axis).Channels(filters).KernelSize(3).NoPadding().Done()
				})
				if axis == images.ChannelsLast {
					dims, x = channelsFirst(dims, x)
					_, y = channelsFirst(yDims, y)
				}
				path, st := written(t, store, k)
				wDims, w := floatsOf(t, st, "a.conv.weight")
				_, bias := floatsOf(t, st, "a.conv.bias")
				near(t, y, torchConv(x, dims, w, wDims, bias))
				sameStore(t, path, store)

				err := Write(filepath.Join(t.TempDir(), "x"), store, nil, nil, nil)
				if hidden := filters == 3; hidden != (err != nil) || err != nil && !strings.Contains(err.Error(), `"/a/conv/weights"`) {
					t.Errorf("%v, %d filters, without a word: %v", axis, filters, err)
				}
				wrong := Kernels{Conv: ChannelsFirst + ChannelsLast - k.Conv}
				if err := Write(filepath.Join(t.TempDir(), "x"), store, nil, nil, nil, wrong); filters == 2 && err == nil {
					t.Errorf("%v against the biases was written", wrong.Conv)
				}
				to, f := model.NewStore(), &File{}
				for v := range store.IterVariables() {
					if _, err := v.CloneToStore(to); err != nil {
						t.Fatal(err)
					}
				}
				if f, err = Read(path, nil, wrong); err == nil {
					err = f.Restore(to)
				}
				if filters == 2 && err == nil {
					t.Errorf("read as %v, against the biases", wrong.Conv)
				}
			}
		}
	}
}

func TestDenseLayers(t *testing.T) {
	product := func(x, w []float32, in int, bias []float32) (y []float32) {
		// PyTorch's: w [out, in]
		for ; len(x) > 0; x = x[in:] {
			for o := range len(w) / in {
				sum := float64(bias[o])
				for i := range in {
					sum += float64(x[i]) * float64(w[o*in+i])
				}
				y = append(y, float32(sum))
			}
		}
		return y
	}
	for _, c := range []struct {
		name, tensor string
		k            Kernels
		layer        func(scope *model.Scope, x *graph.Node) *graph.Node
	}{
		{"square", "a.weight", GoMLX(), func(s *model.Scope, x *graph.Node) *graph.Node { return layers.Dense(s.In("a"), x, true, 4) }},
		{"transposed", "a.weight", Kernels{Dense: OutputsFirst}, func(s *model.Scope, x *graph.Node) *graph.Node {
			return layers.DenseWithLayout(s.In("a"), x, compute.DenseLayoutOutputsInput, true, 4)
		}},
		{"two axes of outputs", "a.weight", GoMLX(), func(s *model.Scope, x *graph.Node) *graph.Node { return layers.Dense(s.In("a"), x, true, 2, 2) }},
		{"fnn", "fnn_output_layer.weight", Kernels{Of: map[string]Layout{"/fnn_output_layer/weights": InputsFirst}}, func(s *model.Scope, x *graph.Node) *graph.Node {
			return fnn.New(s, x, 2, 3).Done()
		}},
		{"fnn, square", "fnn_output_layer.weight", Kernels{Of: map[string]Layout{"/fnn_output_layer/weights": InputsFirst}}, func(s *model.Scope, x *graph.Node) *graph.Node {
			return fnn.New(s, x, 4, 4).Done()
		}},
		{"fnn, transposed", "fnn_output_layer.weight", Kernels{Of: map[string]Layout{"/fnn_output_layer/weights": OutputsFirst}}, func(s *model.Scope, x *graph.Node) *graph.Node {
			return fnn.New(s, x, 4, 4).WithWeightsLayout(compute.DenseLayoutOutputsInput).Done()
		}},
		{"at the root", "weight", GoMLX(), func(s *model.Scope, x *graph.Node) *graph.Node { return layers.Dense(s, x, true, 4) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			store, x, y, _ := run(t, []int{3, 4}, c.layer)
			for v := range store.IterVariables() { // those of layers.Dense begin as zeros
				if strings.HasSuffix(v.Path(), "/dense/biases") {
					values := make([]float32, v.Shape().Size())
					for i := range values {
						values[i] = float32(i)
					}
					if err := v.SetValue(tensors.FromFlatDataAndDimensions(values, v.Shape().Dimensions...)); err != nil {
						t.Fatal(err)
					}
					for i := range y {
						y[i] += float32(i % len(values))
					}
				}
			}
			path, st := written(t, store, c.k)
			dims, w := floatsOf(t, st, c.tensor)
			_, bias := floatsOf(t, st, strings.Replace(c.tensor, "weight", "bias", 1))
			if len(dims) != 2 || dims[1] != 4 {
				t.Fatalf("shape %v, want [outputs, 4]", dims)
			}
			near(t, y, product(x, w, 4, bias))
			sameStore(t, path, store)
		})
	}
}

// TestAllLayers: whatever the layer, each variable becomes one tensor, and comes back.
func TestAllLayers(t *testing.T) {
	for _, c := range []struct {
		name  string
		dims  []int
		want  []string // names of tensors
		layer func(scope *model.Scope, x *graph.Node) *graph.Node
	}{
		{"one scope", []int{2, 5, 5, 3}, []string{"a.weight", "a.bias", "a.dense.weight", "a.dense.bias"}, func(s *model.Scope, x *graph.Node) *graph.Node {
			x = layers.Convolution(s.In("a"), x).CurrentScope().Channels(4).KernelSize(2).Done()
			return layers.Dense(s.Shared("a"), x, true, 3)
		}},
		{"norms", []int{2, 4, 4, 3}, []string{"bn.weight", "bn.running_var", "bn.num_batches_tracked", "ln.weight", "ln.bias", "rms.rms_norm.scale", "d.dynamic_tanh.alpha"},
			func(s *model.Scope, x *graph.Node) *graph.Node {
				x = norm.BatchNorm(s.In("bn"), x, -1).UseBackendInference(false).Done()
				x = norm.LayerNorm(s.In("ln"), x, -2, -1).Done()
				x = norm.RMSNorm(s.In("rms"), x).Done()
				return norm.DynamicTanh(s.In("d"), x).Done()
			}},
		{"batch norm in its scope", []int{2, 4, 4, 3}, []string{"a.weight", "a.scale", "a.mean", "b.weight", "b.running_mean"}, func(s *model.Scope, x *graph.Node) *graph.Node {
			x = layers.Convolution(s.In("a"), x).CurrentScope().UseBias(false).Channels(3).KernelSize(1).Done()
			x = norm.BatchNorm(s.Shared("a"), x, -1).CurrentScope().UseBackendInference(false).Done()
			return norm.BatchNorm(s.In("b"), x, -1).CurrentScope().UseBackendInference(false).Done()
		}},
		{"attention", []int{2, 3, 8}, []string{"MultiHeadAttention.query.weight", "MultiHeadAttention.output.bias"}, func(s *model.Scope, x *graph.Node) *graph.Node {
			return attention.MultiHeadAttention(s, x, x, x, 2, 4).Done()
		}},
		{"attention, one kernel", []int{2, 3, 8}, []string{"MultiHeadAttention.qkv.weights_qkv", "MultiHeadAttention.qkv.biases_q"}, func(s *model.Scope, x *graph.Node) *graph.Node {
			return attention.MultiHeadAttention(s, x, x, x, 2, 4).UseQKVProjection().Done()
		}},
		{"lstm", []int{2, 3, 4}, []string{"r.inputsW", "r.recurrentW", "r.biasesW", "r.peepholeW"}, func(s *model.Scope, x *graph.Node) *graph.Node {
			_, h, _ := lstm.New(s.In("r"), x, 4).Direction(lstm.DirBidirectional).UsePeephole(true).Done()
			return h
		}},
		{"embedding", []int{2, 3}, []string{"e.weight"}, func(s *model.Scope, x *graph.Node) *graph.Node {
			return layers.Embedding(s.In("e"), graph.ConvertDType(graph.Abs(x), dtypes.Int32), dtypes.Float32, 5, 5)
		}},
		{"fnn", []int{2, 4}, []string{"fnn_hidden_layer_0.weight", "fnn_output_layer.weight", "fnn_hidden_layer_1.layer_normalization.gain"}, func(s *model.Scope, x *graph.Node) *graph.Node {
			return fnn.New(s, x, 4, 4).NumHiddenLayers(2, 4).Normalization("layer").Done()
		}},
		{"ensemble", []int{2, 4}, []string{"fnn_hidden_layer_0.weights", "fnn_output_layer.weights", "fnn_output_layer.biases"}, func(s *model.Scope, x *graph.Node) *graph.Node {
			return fnn.New(s, x, 4).WithEnsembleSize(4).NumHiddenLayers(1, 4).Done()
		}},
		{"vnn", []int{2, 4, 3}, []string{"vnn_hidden_layer_0.weight", "vnn_output_layer.weight"}, func(s *model.Scope, x *graph.Node) *graph.Node {
			return vnn.New(s, x, 4).NumHiddenLayers(1, 4).Done()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			store, _, _, _ := run(t, c.dims, c.layer)
			path, st := written(t, store, GoMLX())
			if got, want := st.Len(), len(describe(store)); got != want {
				t.Errorf("%d tensors of %d variables: %v", got, want, st.Names())
			}
			for _, name := range c.want {
				if _, ok := st.Tensor(name); !ok && name != "fnn_hidden_layer_1.layer_normalization.gain" {
					t.Errorf("no tensor %q: %v", name, st.Names())
				}
			}
			sameStore(t, path, store)
			k, err := GoMLX().For(store)
			if err != nil {
				t.Fatal(err)
			}
			f, err := Read(path, nil, k)
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Check(store, "net"); err != nil {
				t.Error(err)
			}
			if err := f.Restore(store); err != nil {
				t.Error(err)
			}
			sameStore(t, path, store)
		})
	}
}

// TestTypes writes and reads every number type, in a kernel whose order changes and in a single
// number.
func TestTypes(t *testing.T) {
	for name, dtype := range goTypes {
		t.Run(name, func(t *testing.T) {
			store := model.NewStore()
			for _, v := range []struct {
				path string
				dims []int
			}{{"/a/weights", []int{3, 2, 3, 2}}, {"/fc/dense/weights", []int{2, 3}}, {"/x", nil}, {"/empty", []int{0, 2}}} {
				value := tensors.FromShape(shapes.Make(dtype, v.dims...))
				err := value.MutableBytes(func(b []byte) {
					for i := range b {
						b[i] = byte(i % 61) // no exponent of an infinity
						if dtype == dtypes.Bool {
							b[i] %= 2
						}
					}
				})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := store.CreateVariable(v.path, value); err != nil {
					t.Fatal(err)
				}
			}
			path := filepath.Join(t.TempDir(), "x.safetensors")
			if err := Write(path, store, nil, nil, nil, GoMLX()); err != nil {
				t.Fatal(err)
			}
			sameStore(t, path, store)
		})
	}
	store := model.NewStore()
	if _, err := store.CreateVariable("/a/x", tensors.FromScalar(complex(1, 2))); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.safetensors")
	if err := Write(path, store, nil, nil, nil); err == nil || !strings.Contains(err.Error(), `"/a/x"`) || !strings.Contains(err.Error(), "Complex128") {
		t.Errorf("complex128: %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was written")
	}
}

func TestHalfRounds(t *testing.T) {
	for x, want := range map[float64]uint16{0: 0, 1: 0x3c00, -2: 0xc000, 65504: 0x7bff, 65520: 0x7c00, 65519: 0x7bff, 0x1p-24: 1, 0x1p-25: 0, 0x1.8p-25: 1,
		0x1p-14: 0x400, 0x1.ff8p-15: 0x3ff, 0x1.ffcp-15: 0x400, 0x1.fffp-15: 0x400, 1.0 / 3: 0x3555, 1 + 0x1p-11: 0x3c00, 1 + 0x3p-11: 0x3c02, 2 - 0x1p-12: 0x4000} {
		if got := half(x); got != want {
			t.Errorf("%g is %#04x, want %#04x", x, got, want)
		}
	}
}
