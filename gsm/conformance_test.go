// The table of layers in docs/models.md as a test: every layer of GoMLX is trained, counted and
// cut.

package gsm_test

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/attention"
	"github.com/gomlx/gomlx/ml/layers/attention/pos"
	"github.com/gomlx/gomlx/ml/layers/fnn"
	"github.com/gomlx/gomlx/ml/layers/kan"
	"github.com/gomlx/gomlx/ml/layers/lstm"
	"github.com/gomlx/gomlx/ml/layers/norm"
	"github.com/gomlx/gomlx/ml/layers/rational"
	"github.com/gomlx/gomlx/ml/layers/vnn"
	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/gsm"
	"gsmlab/internal/pjrt/backendtest"
)

// This file tests the table of docs/models.md. It trains each layer of GoMLX's ml/layers, checks
// that all counts agree exactly (see agree), and that passive weights shrink as the budget says.

// conforming is one of GoMLX's layers, with the names of its variables: those that are pruned and
// those that stay dense. net is a model from 6 numbers to 4 with such a layer in scope "layer".
type conforming struct {
	layer         string
	pruned, dense string
	net           modelFn
	notInGo       bool // GoMLX's go backend lacks some of its operations, or XLA's should be tried
}

// readout ends a model: a dense layer to 4 numbers, in its own scope.
func readout(scope *model.Scope, x *graph.Node) *graph.Node {
	return layers.Dense(scope.In("readout"), graph.Reshape(x, x.Shape().Dim(0), -1), false, 4)
}

// sequence is x [8,6] as three steps of two features.
func sequence(x *graph.Node) *graph.Node { return graph.Reshape(x, x.Shape().Dim(0), 3, 2) }

// then is a model of one layer and the readout.
func then(layer func(scope *model.Scope, x *graph.Node) *graph.Node) modelFn {
	return func(scope *model.Scope, x *graph.Node) *graph.Node {
		return readout(scope, layer(scope.In("layer"), x))
	}
}

// convolution applies a convolution to x, shaped to dims, with 3 channels.
func convolution(dims ...int) modelFn {
	return then(func(scope *model.Scope, x *graph.Node) *graph.Node {
		x = graph.Reshape(x, append([]int{x.Shape().Dim(0)}, dims...)...)
		return layers.Convolution(scope, x).Channels(3).KernelSize(2).PadSame().Done()
	})
}

// keypoints are those of a calibration.
func keypoints(g *graph.Graph) *graph.Node { return graph.Const(g, []float32{-2, -1, 0, 1, 2}) }

var conformance = []conforming{
	{"layers.Dense", "weights", "biases", then(func(s *model.Scope, x *graph.Node) *graph.Node { return layers.Dense(s, x, true, 5) }), false},
	{"layers.Convolution, 1-dimensional", "weights", "biases", convolution(6, 1), false},
	{"layers.Convolution, 2-dimensional", "weights", "biases", convolution(3, 2, 1), false},
	{"layers.Convolution, 3-dimensional", "weights", "biases", convolution(3, 2, 1, 1), false},
	{"layers.Embedding", "", "embeddings", then(func(s *model.Scope, x *graph.Node) *graph.Node {
		return layers.Embedding(s, graph.ConvertDType(graph.Abs(x), dtypes.Int32), dtypes.Float32, 7, 3)
	}), false},
	{"layers.PieceWiseLinearCalibration", "", "output_keypoints", then(func(s *model.Scope, x *graph.Node) *graph.Node {
		return graph.Reshape(layers.PieceWiseLinearCalibration(s, graph.Reshape(x, -1, 1), keypoints(x.Graph()), true), x.Shape().Dimensions...)
	}), false},
	{"fnn", "weights", "biases, gain, offset", then(func(s *model.Scope, x *graph.Node) *graph.Node {
		// two output axes
		return fnn.New(s, x, 2, 3).NumHiddenLayers(1, 5).Normalization("layer").Done()
	}), false},
	{"attention.MultiHeadAttention", "weights", "biases", then(func(s *model.Scope, x *graph.Node) *graph.Node {
		x = sequence(x)
		return attention.MultiHeadAttention(s, x, x, x, 2, 3).UseProjectionBias(true).Done()
	}), false},
	{"attention.SelfAttention, one projection", "weights, weights_qkv", "biases, biases_k, biases_q, biases_v", then(func(s *model.Scope, x *graph.Node) *graph.Node {
		return attention.SelfAttention(s, sequence(x), 2, 3).UseQKVProjection().UseProjectionBias(true).Done()
	}), false},
	{"attention/pos.Learned", "", "embeddings", then(func(s *model.Scope, x *graph.Node) *graph.Node {
		return pos.NewLearned(s, 3, 2).PreEncode(sequence(x), graph.Const(x.Graph(), []int32{0, 1, 2}), 1)
	}), false},
	{"lstm", "inputsW, recurrentW", "biasesW, peepholeW", then(func(s *model.Scope, x *graph.Node) *graph.Node {
		_, last, _ := lstm.New(s, sequence(x), 3).Direction(lstm.DirBidirectional).UsePeephole(true).Done()
		return graph.TransposeAllAxes(last, 1, 0, 2)
	}), false},
	{"kan, B-splines", "bspline_control_points, w_residual, w_splines", "", then(func(s *model.Scope, x *graph.Node) *graph.Node {
		return kan.New(s, x, 3).BSpline().NumControlPoints(6).Done()
	}), false},
	{"kan, discrete", "kan_discrete_control_points", "kan_discrete_split_points", then(func(s *model.Scope, x *graph.Node) *graph.Node {
		return kan.New(s, x, 3).Discrete().DiscreteSplitsTrainable(true).NumControlPoints(6).Done()
	}), true},
	{"kan, piecewise-linear", "kan_pwl_control_points", "kan_pwl_bias", then(func(s *model.Scope, x *graph.Node) *graph.Node {
		return kan.New(s, x, 3).PiecewiseLinear().NumControlPoints(6).Done()
	}), false},
	{"kan, rational", "w", "denominatorCoeffs, numeratorCoeffs", then(func(s *model.Scope, x *graph.Node) *graph.Node {
		return kan.New(s, x, 3).Rational().Done()
	}), false},
	{"rational", "", "denominatorCoeffs, numeratorCoeffs", then(func(s *model.Scope, x *graph.Node) *graph.Node {
		return rational.New(s, x).Approximate("relu").WithMultiplier(false).Done()
	}), false},
	{"vnn", "projection, weights", "scaler_alpha, scaler_beta", then(func(s *model.Scope, x *graph.Node) *graph.Node {
		return vnn.New(s, graph.Reshape(x, -1, 2, 3), 2).NumHiddenLayers(1, 4).Activation("relu").Scaler(true).Done()
	}), false},
	{"norm.BatchNorm", "", "avg_weight, mean, offset, scale, variance", then(func(s *model.Scope, x *graph.Node) *graph.Node { return norm.BatchNorm(s, x, -1).Done() }), true},
	{"norm.LayerNorm over two axes", "", "gain, offset", then(func(s *model.Scope, x *graph.Node) *graph.Node { return norm.LayerNorm(s, sequence(x), 1, 2).Done() }), false},
	{"norm.RMSNorm", "", "scale", then(func(s *model.Scope, x *graph.Node) *graph.Node { return norm.RMSNorm(s, x).Done() }), false},
	{"norm.DynamicTanh", "", "alpha, beta, gamma", then(func(s *model.Scope, x *graph.Node) *graph.Node { return norm.DynamicTanh(s, x).Done() }), false},
}

// shrinking makes passive weights lose most of their size in few steps. The choice of the first
// step holds, so a weight that is passive at the end was passive throughout.
var shrinking = gsm.Config{
	Compression: 4, Momentum: .5, WeightDecay: .5, Telemetry: true, FreezeAfter: 1,
	LearningRate: gsm.Schedule{Base: .1, Milestones: []int{8}},
}

const shrinkSteps = 12

// initialise builds the model once, so that its variables have values.
func initialise(t *testing.T, b compute.Backend, net modelFn) *model.Store {
	t.Helper()
	store := model.NewStore()
	store.SetParam(model.ParamInitialSeed, int64(7))
	exec, err := model.NewExec(b, store, func(scope *model.Scope, x *graph.Node) *graph.Node { return net(scope, x) })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.Call(tensors.FromFlatDataAndDimensions(narrow(random(rand.New(rand.NewPCG(5, 5)), 8*6)), 8, 6)); err != nil {
		t.Fatal(err)
	}
	return store
}

// kernels copies the pruned weights, by path.
func kernels(t *testing.T, b compute.Backend, store *model.Store) map[string][]float32 {
	t.Helper()
	out := map[string][]float32{}
	for _, v := range gsm.Prunable(store, nil) {
		value := v.MustValue()
		if v.DType() != dtypes.Float32 {
			value = convert(t, b, value, dtypes.Float32)
		}
		out[v.Path()] = tensors.MustCopyFlatData[float32](value)
	}
	return out
}

// shrank checks that passive weights are what the rule makes of them in that many steps.
func shrank(t *testing.T, b compute.Backend, store *model.Store, before map[string][]float32, c gsm.Config, steps int, tolerance float64) {
	t.Helper()
	mask, err := gsm.ActiveMask(store, nil)
	if err != nil {
		t.Fatal(err)
	}
	after := kernels(t, b, store)
	if len(after) != len(before) || len(mask.Layers) != len(before) {
		t.Fatalf("%d kernels are trained and %d in the mask, of %d", len(after), len(mask.Layers), len(before))
	}
	left := 1.0
	for s, z := 0, 0.0; s < steps; s++ {
		z = c.Momentum*z + cmp.Or(c.PassiveDecay, c.WeightDecay)*left
		left -= c.LearningRate.At(s) * z
	}
	passive := 0
	for _, l := range mask.Layers {
		for i, w := range before[l.Path] {
			if l.Keep(i) {
				continue
			}
			passive++
			if got, want := float64(after[l.Path][i]), float64(w)*left; math.Abs(got-want) > tolerance*math.Abs(want)+1e-7 {
				t.Fatalf("%s: weight %d went from %g to %g, and should to %g", l.Path, i, w, got, want)
			}
		}
	}
	if passive == 0 {
		t.Error("no weight is passive")
	}
}

// names lists the names of the layer's variables that are kernels, and of the others.
func names(store *model.Store) (pruned, dense string) {
	kernels, others := map[string]bool{}, map[string]bool{}
	prunable := gsm.Prunable(store, nil)
	for v := range store.IterVariables() {
		switch {
		case gsm.IsState(v) || !strings.HasPrefix(v.Path(), "/layer/"):
		case slices.Contains(prunable, v):
			kernels[v.Name()] = true
		default:
			others[v.Name()] = true
		}
	}
	join := func(set map[string]bool) string {
		var list []string
		for name := range set {
			list = append(list, name)
		}
		slices.Sort(list)
		return strings.Join(list, ", ")
	}
	return join(kernels), join(others)
}

func TestConformance(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, c := range conformance {
			t.Run(c.layer, func(t *testing.T) {
				if goes := os.Getenv(backendtest.EnvOne) == "go"; goes == c.notInGo {
					t.Skip("once is enough: the go backend runs what it has the operations for, the others the rest")
				}
				store := initialise(t, b, c.net)
				before := kernels(t, b, store)
				n := gsm.CountPrunable(store, nil)
				o := mustNew(t, shrinking)
				newBench(b, store, c.net, o).train(t, shrinkSteps)
				if pruned, dense := names(store); pruned != c.pruned || dense != c.dense {
					t.Errorf("pruned are %q, dense %q, want %q and %q", pruned, dense, c.pruned, c.dense)
				}
				shrank(t, b, store, before, shrinking, shrinkSteps, 1e-4)
				agree(t, c.layer, store, o, n, n/4)
			})
		}
	})
}

// TestModelsPage: docs/models.md is the table that TestConformance covers.
func TestModelsPage(t *testing.T) {
	page, err := os.ReadFile("../docs/models.md")
	if err != nil {
		t.Fatal(err)
	}
	quoted := func(list string) string {
		if list == "" {
			return ""
		}
		return "`" + strings.ReplaceAll(list, ", ", "`, `") + "`"
	}
	var rows []string
	for _, c := range conformance {
		rows = append(rows, fmt.Sprintf("| %s | %s | %s |", c.layer, quoted(c.pruned), quoted(c.dense)))
	}
	for _, w := range ways {
		rows = append(rows, fmt.Sprintf("| %s | %s |", w.name, w.what))
	}
	for _, row := range rows {
		if !strings.Contains(string(page), row+"\n") {
			t.Errorf("docs/models.md has not the row\n%s", row)
		}
	}
	if got := strings.Count(string(page), "\n| ") - 2; got != len(rows) { // two heads
		t.Errorf("docs/models.md has %d rows, the tests cover %d", got, len(rows))
	}
}
