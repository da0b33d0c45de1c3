// One table: whatever the model, the recorded network gives what GoMLX gives.

package deploy

import (
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/infer"
	net "gsmlab/infer/graph"
)

// inputs makes random inputs.
func inputs(n int, shape shapes.Shape, seed uint64) *tensors.Tensor {
	r := rand.New(rand.NewPCG(seed, 2))
	dims := append([]int{n}, shape.Dimensions...)
	size := n * shape.Size()
	switch shape.DType {
	case dtypes.Float32:
		x := make([]float32, size)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		return tensors.FromFlatDataAndDimensions(x, dims...)
	case dtypes.Float64:
		x := make([]float64, size)
		for i := range x {
			x[i] = r.NormFloat64()
		}
		return tensors.FromFlatDataAndDimensions(x, dims...)
	}
	x := make([]int32, size)
	for i := range x {
		x[i] = r.Int32N(50)
	}
	return tensors.FromFlatDataAndDimensions(x, dims...)
}

// initialized builds the model once, so that it has its variables, and gives those that begin as
// zeros or ones other values.
func initialized(t testing.TB, f Model, input shapes.Shape) *model.Store {
	t.Helper()
	store := model.NewStore()
	store.SetParam(model.ParamInitialSeed, int64(5))
	exec, err := model.NewExec(gobackend.GetBackend(), store, func(scope *model.Scope, x *graph.Node) *graph.Node { return f(scope, x) })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.Call(inputs(1, input, 1)); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 4))
	for v := range store.IterVariables() {
		value := v.MustValue()
		if v.DType() != dtypes.Float32 || strings.HasPrefix(v.Path(), "/rng") {
			continue
		}
		flat := tensors.MustCopyFlatData[float32](value)
		for i := range flat {
			switch path.Base(v.Path()) {
			case "variance", "scale", "gain":
				flat[i] = 0.5 + r.Float32()
			case "weights", "embeddings":
			default:
				flat[i] += 0.1 * float32(r.NormFloat64())
			}
		}
		if err := v.SetValue(tensors.FromFlatDataAndDimensions(flat, v.Shape().Dimensions...)); err != nil {
			t.Fatal(err)
		}
	}
	return store
}

// wanted is what GoMLX's pure-Go backend computes.
func wanted(t testing.TB, store *model.Store, f Model, x *tensors.Tensor) []float32 {
	t.Helper()
	exec, err := model.NewExec(gobackend.GetBackend(), store, func(scope *model.Scope, x *graph.Node) *graph.Node {
		return graph.ConvertDType(f(scope, x), dtypes.Float32)
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Call(x)
	if err != nil {
		t.Fatal(err)
	}
	return tensors.MustCopyFlatData[float32](out[0])
}

// built is what GoMLX computes with the network.
func built(t testing.TB, g *net.Graph, x *tensors.Tensor) []float32 {
	t.Helper()
	exec, err := graph.NewExec(gobackend.GetBackend(), func(x *graph.Node) *graph.Node {
		if x.DType() == dtypes.Float64 {
			x = graph.ConvertDType(x, dtypes.Float32)
		}
		return Build(g, x)[0]
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Call(x)
	if err != nil {
		t.Fatal(err)
	}
	return tensors.MustCopyFlatData[float32](out[0])
}

// predicted is what package infer computes with the network.
func predicted(t testing.TB, g *net.Graph, x *tensors.Tensor) []float32 {
	t.Helper()
	n, err := infer.Compile(g)
	if err != nil {
		t.Fatal(err)
	}
	src := flat32(x)
	dst := make([]float32, len(src)/n.InputSize()*n.OutputSize())
	if err := n.Predict(dst, src); err != nil {
		t.Fatal(err)
	}
	return dst
}

// flat32 are the numbers of a tensor.
func flat32(x *tensors.Tensor) []float32 {
	switch x.DType() {
	case dtypes.Float32:
		return tensors.MustCopyFlatData[float32](x)
	case dtypes.Float64:
		return widened(tensors.MustCopyFlatData[float64](x))
	}
	var out []float32
	for _, v := range tensors.MustCopyFlatData[int32](x) {
		out = append(out, float32(v))
	}
	return out
}

// near compares numbers, with a tolerance for another order of sums: 1e-5 of the greatest number,
// or of 1.
func near(t testing.TB, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d numbers, want %d", len(got), len(want))
	}
	scale := float64(1)
	for _, w := range want {
		scale = max(scale, math.Abs(float64(w)))
	}
	for i := range got {
		if d := math.Abs(float64(got[i] - want[i])); !(d <= 1e-5*scale) {
			t.Fatalf("number %d of %d is %g, want %g", i, len(got), got[i], want[i])
		}
	}
}

func TestRecord(t *testing.T) {
	for _, c := range append(zoo(), parts()...) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			store := initialized(t, c.f, c.input)
			g, err := Record(store, c.f, c.input)
			if err != nil {
				t.Fatal(err)
			}
			x := inputs(3, c.input, 7)
			want := wanted(t, store, c.f, x)
			near(t, predicted(t, g, x), want)
			small, err := Optimize(g)
			if err != nil {
				t.Fatal(err)
			}
			near(t, predicted(t, small, x), want)
			counted := map[net.Op]int{}
			for i := range small.Nodes {
				counted[small.Nodes[i].Op]++
			}
			if c.nodes != nil && !maps.Equal(counted, c.nodes) {
				t.Errorf("nodes %v, want %v", counted, c.nodes)
			}
		})
	}
}

// TestPasses: after each pass the outputs are the same, and each pass has something to do.
func TestPasses(t *testing.T) {
	did := map[string]bool{}
	for _, c := range append(zoo(), parts()...) {
		if strings.HasPrefix(c.name, "resnet") {
			continue // the same layers as the others', only more of them
		}
		store := initialized(t, c.f, c.input)
		g, err := Record(store, c.f, c.input)
		if err != nil {
			t.Fatal(err)
		}
		x := inputs(2, c.input, 8)
		want := wanted(t, store, c.f, x)
		for range 3 { // a pass finds more to do after others
			for _, p := range slices.Concat(passes, unitPasses) {
				changed := false
				for p.run(g) {
					tidy(g)
					changed = true
					if err := net.Check(g); err != nil {
						t.Fatalf("%s: after the pass %q: %v", c.name, p.name, err)
					}
				}
				if changed {
					did[p.name] = true
					if !t.Run(c.name+"/"+p.name, func(t *testing.T) { near(t, built(t, g, x), want) }) {
						return
					}
				}
			}
		}
	}
	did["dead units"], did["sorted units"] = true, true // see TestDeadUnits and TestSortedUnits
	for _, p := range slices.Concat(passes, unitPasses) {
		if !did[p.name] {
			t.Errorf("nothing to do for the pass %q", p.name)
		}
	}
}

// TestUnsupported: an operation that a network cannot hold is named, with its place.
func TestUnsupported(t *testing.T) {
	within := func(f func(x *graph.Node) *graph.Node) Model {
		return func(scope *model.Scope, x *graph.Node) *graph.Node {
			return f(layers.Dense(scope.In("first"), x, true, 4))
		}
	}
	for _, c := range []struct {
		name, op, why string
		f             Model
	}{
		{"sort", "Sort", "not supported", within(func(x *graph.Node) *graph.Node { return graph.Sort(x, -1, true) })},
		{"argmax", "ArgMinMax", "no such operation", within(func(x *graph.Node) *graph.Node { return graph.ArgMax(x, -1) })},
		{"reverse", "Reverse", "no such operation", within(func(x *graph.Node) *graph.Node { return graph.Reverse(x, 1) })},
		{"mean of the batch", "ReduceSum", "treats each image alone", within(func(x *graph.Node) *graph.Node { return graph.Sub(x, graph.ReduceAndKeep(x, graph.ReduceMean, 0)) })},
		{"mixed by a reshape", "Reshape", "mixes the images", within(func(x *graph.Node) *graph.Node {
			return graph.TransposeAllAxes(graph.Reshape(graph.TransposeAllAxes(x, 1, 0), x.Shape().Dim(0), 4), 0, 1)
		})},
		{"products of images", "DotGeneral", "two axes that grow", within(func(x *graph.Node) *graph.Node {
			return graph.Dot(graph.Einsum("ai,bi->ab", x, x), x).Product()
		})},
		{"half", "ConvertDType", "build the model with Float32", within(func(x *graph.Node) *graph.Node {
			return graph.Exp(graph.ConvertDType(x, dtypes.BFloat16))
		})},
		{"position in the batch", "Iota", "differs between the images", within(func(x *graph.Node) *graph.Node {
			return graph.Add(x, graph.Iota(x.Graph(), x.Shape(), 0))
		})},
		{"size of the batch", "", "number of images", within(func(x *graph.Node) *graph.Node { return graph.MulScalar(x, float64(x.Shape().Dim(0))) })},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := initialized(t, c.f, floatInput(5))
			_, err := Record(store, c.f, floatInput(5))
			unsupported := new(UnsupportedError)
			if !errors.As(err, &unsupported) {
				t.Fatalf("no such error: %v", err)
			}
			if c.op != "" && unsupported.Op != c.op || !strings.Contains(err.Error(), c.why) || !strings.HasPrefix(unsupported.Scope, "/first") || !strings.HasPrefix(unsupported.Line, "record_test.go:") {
				t.Errorf("%+v", unsupported)
			}
		})
	}
}
