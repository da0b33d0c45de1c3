// Tests of Compile and Predict: each operation against the naive evaluator, in all variants.

package infer

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"

	"gsmlab/infer/code"
	"gsmlab/infer/graph"
	"gsmlab/infer/kernel"
)

// A builder makes graphs for tests, with shapes filled in.
type builder struct {
	g   graph.Graph
	rng *rand.Rand
}

func newBuilder(seed uint64) *builder {
	return &builder{rng: rand.New(rand.NewPCG(seed, 1))}
}

func (b *builder) add(n graph.Node) int {
	b.g.Nodes = append(b.g.Nodes, n)
	i := len(b.g.Nodes) - 1
	shape, err := graph.ShapeOf(&b.g, i)
	if err != nil {
		panic(err)
	}
	b.g.Nodes[i].Shape = shape
	return i
}

func (b *builder) input(shape ...int) int {
	return b.add(graph.Node{Op: graph.Input, Shape: shape})
}

// numbers are random, a share of them zero.
func (b *builder) numbers(n int, zeros float64) []float32 {
	list := make([]float32, n)
	for i := range list {
		if b.rng.Float64() >= zeros {
			list[i] = float32(b.rng.NormFloat64())
		}
	}
	return list
}

// tensor is a kernel whose sums are about as large as its inputs.
func (b *builder) tensor(zeros float64, shape ...int) graph.Tensor {
	list := b.numbers(graph.Elements(shape), zeros)
	scale := float32(math.Sqrt(float64(shape[len(shape)-1]) / float64(len(list))))
	for i := range list {
		list[i] *= scale
	}
	return graph.Tensor{Shape: shape, Values: list}
}

func (b *builder) graph(outputs ...int) *graph.Graph {
	b.g.Outputs = outputs
	return &b.g
}

// variants are all ways in which a network may be computed.
func variants() map[string]Options {
	list := map[string]Options{}
	for name, k := range map[string]Kernels{"auto": Auto, "sparse": Sparse, "compacted": Compacted, "dense": Dense} {
		for _, set := range kernel.Sets() {
			list[name+" "+set.Name] = Options{Kernels: k, set: set}
		}
	}
	list["one lane"] = Options{Lanes: 1}
	list["8 lanes"] = Options{Lanes: 8}
	return list
}

// check compares the runtime with the naive evaluator, in all variants, for one image and for many.
func check(t *testing.T, g *graph.Graph) {
	t.Helper()
	if err := graph.Check(g); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	const images = 77 // a block of 64, and 13 more
	var src, want []float32
	for range images {
		var image []float32
		for _, i := range g.Inputs() {
			for range graph.Elements(g.Nodes[i].Shape) {
				v := float32(rng.NormFloat64())
				if g.Nodes[i].Type == graph.Int {
					v = float32(rng.IntN(12) - 1)
				} else if rng.IntN(3) == 0 {
					v = 0
				}
				image = append(image, v)
			}
		}
		src = append(src, image...)
		want = append(want, naive(g, image)...)
	}
	for name, o := range variants() {
		n, err := o.Compile(g)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		values := 0
		for _, shape := range n.OutputShapes() {
			values += graph.Elements(shape)
		}
		if values != n.OutputSize() || len(n.OutputShapes()) != len(g.Outputs) {
			t.Fatalf("%s: outputs %v of %d values", name, n.OutputShapes(), n.OutputSize())
		}
		for _, count := range []int{1, 2, 8, images} {
			got := make([]float32, count*n.OutputSize())
			if err := n.Predict(got, src[:count*n.InputSize()]); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for i, v := range got {
				// Sums of a few hundred products in another order.
				if !near(v, want[i], 1e-4) {
					t.Fatalf("%s: %d images: image %d: value %d is %g: must be %g", name, count, i/n.OutputSize(), i%n.OutputSize(), v, want[i])
				}
			}
		}
	}
}

func near(a, b float32, tolerance float64) bool {
	x, y := float64(a), float64(b)
	if math.IsNaN(x) || math.IsNaN(y) || math.IsInf(y, 0) {
		return math.IsNaN(x) && math.IsNaN(y) || x == y
	}
	return math.Abs(x-y) <= tolerance*max(1, math.Abs(y))
}

// TestDense: layers of several sizes and activations, also at each position of a sequence.
func TestDense(t *testing.T) {
	for _, zeros := range []float64{0, 0.5, 0.97, 1} {
		for _, size := range [][2]int{{1, 1}, {7, 3}, {30, 64}, {64, 33}, {300, 100}} {
			b := newBuilder(uint64(size[0]))
			x := b.input(size[0])
			x = b.add(graph.Node{Op: graph.Dense, In: []int{x}, Weights: b.tensor(zeros, size[0], size[1]), Bias: b.numbers(size[1], 0), Act: graph.Relu})
			x = b.add(graph.Node{Op: graph.Dense, In: []int{x}, Weights: b.tensor(zeros, size[1], 10), Act: graph.Tanh})
			check(t, b.graph(x))
		}
	}
	b := newBuilder(2)
	x := b.input(3, 5, 7)
	x = b.add(graph.Node{Op: graph.Dense, In: []int{x}, Weights: b.tensor(0.5, 7, 9), Act: graph.LeakyRelu, Alpha: 0.1})
	check(t, b.graph(x))
}

// TestConv: kernels, strides, pads, dilations and groups, one convolution after another.
func TestConv(t *testing.T) {
	for i, c := range []struct {
		node   graph.Node
		kernel [4]int
	}{
		{graph.Node{}, [4]int{3, 3, 4, 5}},
		{graph.Node{}, [4]int{1, 1, 4, 7}},
		{graph.Node{Pads: [4]int{1, 1, 1, 1}}, [4]int{3, 3, 4, 8}},
		{graph.Node{Pads: [4]int{0, 2, 1, 0}}, [4]int{2, 3, 4, 1}},
		{graph.Node{Stride: [2]int{2, 2}}, [4]int{3, 3, 4, 5}},
		{graph.Node{Stride: [2]int{2, 3}, Pads: [4]int{1, 2, 0, 1}}, [4]int{3, 2, 4, 6}},
		{graph.Node{Dilation: [2]int{2, 3}, Pads: [4]int{1, 2, 3, 3}}, [4]int{3, 3, 4, 5}},
		{graph.Node{Groups: 2, Pads: [4]int{1, 1, 1, 1}, Act: graph.Relu}, [4]int{3, 3, 2, 6}},
		{graph.Node{Groups: 4, Stride: [2]int{1, 2}, Act: graph.Sigmoid}, [4]int{3, 3, 1, 8}},
	} {
		for _, zeros := range []float64{0, 0.9} {
			b := newBuilder(uint64(i))
			x := b.input(9, 11, 4)
			n := c.node
			n.Op, n.In, n.Weights = graph.Conv2D, []int{x}, b.tensor(zeros, c.kernel[:]...)
			n.Bias = b.numbers(c.kernel[3], 0)
			x = b.add(n)
			y := b.add(graph.Node{Op: graph.Conv2D, In: []int{x}, Weights: b.tensor(zeros, 2, 2, c.kernel[3], 3), Pads: [4]int{1, 0, 0, 1}})
			z := b.add(graph.Node{Op: graph.Reshape, In: []int{y}, Shape: []int{graph.Elements(b.g.Nodes[y].Shape)}})
			z = b.add(graph.Node{Op: graph.Dense, In: []int{z}, Weights: b.tensor(zeros, b.g.Nodes[z].Shape[0], 4)})
			check(t, b.graph(x, y, z))
		}
	}
	b := newBuilder(1)
	x := b.input(12, 12, 1)
	x = b.add(graph.Node{Op: graph.Conv2D, In: []int{x}, Weights: b.tensor(0.5, 5, 5, 1, 1)})
	check(t, b.graph(x))
}

// TestResidual: convolutions that leave zeros around their planes for the next, through sums, and
// with a shortcut that lies otherwise.
func TestResidual(t *testing.T) {
	for _, side := range []int{3, 5, 8, 12} {
		for _, pad := range []int{1, 2} {
			b := newBuilder(uint64(side))
			size := 2*pad + 1
			conv := func(x, in, out, stride int, act graph.Op) int {
				return b.add(graph.Node{Op: graph.Conv2D, In: []int{x}, Weights: b.tensor(0.6, size, size, in, out), Bias: b.numbers(out, 0), Act: act,
					Stride: [2]int{stride, stride}, Pads: [4]int{pad, pad, pad, pad}})
			}
			sum := func(x, y int) int {
				return b.add(graph.Node{Op: graph.Relu, In: []int{b.add(graph.Node{Op: graph.Add, In: []int{x, y}})}})
			}
			x := b.input(side, side, 2)
			first := conv(x, 2, 4, 1, graph.Sigmoid)
			y := sum(conv(conv(first, 4, 4, 1, graph.Relu), 4, 4, 1, graph.None), first)
			y = sum(y, conv(conv(y, 4, 4, 1, graph.Relu), 4, 4, 1, graph.None))
			half := (side-1)/2 + 1
			skip := b.add(graph.Node{Op: graph.Slice, In: []int{y}, Start: []int{0, 0, 0}, Step: []int{2, 2, 1}, Shape: []int{half, half, 4}})
			skip = b.add(graph.Node{Op: graph.Pad, In: []int{skip}, Low: []int{0, 0, 1}, High: []int{0, 0, 3}})
			y = sum(conv(conv(y, 4, 8, 2, graph.Relu), 8, 8, 1, graph.None), skip)
			last := conv(y, 8, 3, 1, graph.None)
			check(t, b.graph(y, last, b.add(graph.Node{Op: graph.ReduceMean, In: []int{last}, Axes: []int{0, 1}})))
		}
	}
}

// TestShortcut: the residual network as deploy records it: the image's mean and deviation first,
// and shortcuts that put constants before and behind the channels of a slice. Whatever lies first
// in a sum, images stay in planes, so that nothing moves value by value.
func TestShortcut(t *testing.T) {
	b := newBuilder(5)
	konst := func(shape ...int) int {
		return b.add(graph.Node{Op: graph.Const, Shape: shape, Values: b.numbers(graph.Elements(shape), 0)})
	}
	conv := func(x, in, out, stride int) int {
		return b.add(graph.Node{Op: graph.Conv2D, In: []int{x}, Weights: b.tensor(0.6, 3, 3, in, out), Bias: b.numbers(out, 0),
			Stride: [2]int{stride, stride}, Pads: [4]int{1, 1, 1, 1}})
	}
	sum := func(x, y int) int {
		return b.add(graph.Node{Op: graph.Relu, In: []int{b.add(graph.Node{Op: graph.Add, In: []int{x, y}})}})
	}
	x := b.input(12, 12, 3)
	x = b.add(graph.Node{Op: graph.Mul, In: []int{x, konst(3)}})
	x = conv(b.add(graph.Node{Op: graph.Sub, In: []int{konst(1), x}}), 3, 4, 1)
	skip := b.add(graph.Node{Op: graph.Slice, In: []int{x}, Start: []int{0, 0, 0}, Step: []int{2, 2, 1}, Shape: []int{6, 6, 4}})
	skip = b.add(graph.Node{Op: graph.Concat, In: []int{konst(6, 6, 1), skip, konst(6, 6, 3)}, Axes: []int{2}})
	x = sum(skip, conv(conv(x, 4, 5, 2), 5, 8, 1))
	x = sum(x, conv(conv(x, 8, 7, 1), 7, 8, 1))
	g := b.graph(b.add(graph.Node{Op: graph.ReduceMean, In: []int{x}, Axes: []int{0, 1}}))
	check(t, g)
	n, err := Compile(g)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range n.steps {
		// rows of the largest layer, in both phases of the stride
		if m, ok := s.(*move); ok && len(m.runs) > 12*5*2*2 {
			t.Errorf("step %d moves values in %d runs: must be rows", i, len(m.runs))
		}
	}
}

// TestPools: windows that overlap, reach into the padding, and are dilated, on images that lie in
// planes and in order.
func TestPools(t *testing.T) {
	for _, op := range []graph.Op{graph.MaxPool, graph.SumPool, graph.MeanPool} {
		b := newBuilder(1)
		x := b.input(9, 8, 3)
		var out []int
		y := b.add(graph.Node{Op: graph.Conv2D, In: []int{x}, Weights: b.tensor(0, 2, 2, 3, 5)})
		for _, in := range []int{x, y} {
			out = append(out,
				b.add(graph.Node{Op: op, In: []int{in}, Window: [2]int{2, 2}, Stride: [2]int{2, 2}}),
				b.add(graph.Node{Op: op, In: []int{in}, Window: [2]int{3, 2}, Pads: [4]int{1, 2, 1, 0}}),
				b.add(graph.Node{Op: op, In: []int{in}, Window: [2]int{2, 3}, Dilation: [2]int{3, 2}, Pads: [4]int{2, 1, 1, 2}}))
		}
		check(t, b.graph(out...))
	}
}

// TestUnary: each operation on one input, also after a convolution, whose values lie in planes.
func TestUnary(t *testing.T) {
	for op := graph.Op(1); op.Known(); op++ {
		if !op.Unary() || op == graph.Not || op == graph.Convert {
			continue
		}
		b := newBuilder(1)
		x := b.input(4, 4, 2)
		y := b.add(graph.Node{Op: graph.Conv2D, In: []int{x}, Weights: b.tensor(0.2, 2, 2, 2, 3)})
		check(t, b.graph(b.add(graph.Node{Op: op, In: []int{x}, Alpha: 0.3}), b.add(graph.Node{Op: op, In: []int{y}, Alpha: 0.3})))
	}
}

// TestBinary: each operation on two inputs, with constants on either side and all kinds of
// broadcasting.
func TestBinary(t *testing.T) {
	for op := graph.Op(1); op.Known(); op++ {
		if !op.Binary() || op == graph.And || op == graph.Or {
			continue
		}
		b := newBuilder(1)
		x := b.input(4, 5, 3)
		row, col := b.input(3), b.input(4, 1, 1)
		typ := graph.Float
		if op >= graph.Equal && op <= graph.GreaterOrEqual {
			typ = graph.Bool
		}
		conv := b.add(graph.Node{Op: graph.Conv2D, In: []int{x}, Weights: b.tensor(0.2, 1, 1, 3, 3)})
		one := b.add(graph.Node{Op: graph.Const, Values: []float32{0.5}})
		// Away from zero, where a quotient would enlarge the error of the sum.
		conv = b.add(graph.Node{Op: graph.Add, In: []int{b.add(graph.Node{Op: graph.Abs, In: []int{conv}}), one}})
		vector := b.add(graph.Node{Op: graph.Const, Shape: []int{1, 3}, Values: []float32{0.5, -1, 2}})
		var out []int
		for _, pair := range [][2]int{{x, x}, {x, row}, {col, x}, {row, col}, {x, conv}, {conv, col}, {conv, one}, {vector, conv}, {one, x}, {row, vector}, {one, vector}} {
			out = append(out, b.add(graph.Node{Op: op, In: pair[:], Type: typ}))
		}
		check(t, b.graph(out...))
	}
}

// TestOthers: comparisons and choices, whole numbers, reductions, softmax, moves, embeddings and
// products of computed matrices.
func TestOthers(t *testing.T) {
	b := newBuilder(5)
	x := b.input(4, 6, 3)
	conv := b.add(graph.Node{Op: graph.Conv2D, In: []int{x}, Weights: b.tensor(0.2, 2, 2, 3, 5), Act: graph.Relu})
	zero := b.add(graph.Node{Op: graph.Const, Values: []float32{0}})
	var out []int
	keep := func(n graph.Node) int {
		out = append(out, b.add(n))
		return out[len(out)-1]
	}
	for _, in := range []int{x, conv} {
		positive := keep(graph.Node{Op: graph.Greater, In: []int{in, zero}, Type: graph.Bool})
		not := keep(graph.Node{Op: graph.Not, In: []int{positive}, Type: graph.Bool})
		keep(graph.Node{Op: graph.Or, In: []int{positive, not}, Type: graph.Bool})
		keep(graph.Node{Op: graph.And, In: []int{positive, not}, Type: graph.Bool})
		keep(graph.Node{Op: graph.Select, In: []int{positive, in, zero}})
		whole := keep(graph.Node{Op: graph.Convert, In: []int{in}, Type: graph.Int})
		keep(graph.Node{Op: graph.Convert, In: []int{whole}, Type: graph.Bool})
		keep(graph.Node{Op: graph.Convert, In: []int{whole}, Type: graph.Float})
		two := b.add(graph.Node{Op: graph.Const, Values: []float32{2}, Type: graph.Int})
		keep(graph.Node{Op: graph.Div, In: []int{whole, two}, Type: graph.Int})
		for _, axes := range [][]int{{0}, {2}, {0, 1}, {0, 2}, {0, 1, 2}} {
			for _, op := range []graph.Op{graph.ReduceSum, graph.ReduceMean, graph.ReduceMax, graph.ReduceMin, graph.Softmax, graph.LogSoftmax} {
				keep(graph.Node{Op: op, In: []int{in}, Axes: axes})
			}
		}
		keep(graph.Node{Op: graph.ReduceSum, In: []int{in}, Axes: []int{1}, Shape: []int{4, 1, 3}})
		turned := keep(graph.Node{Op: graph.Transpose, In: []int{in}, Axes: []int{2, 0, 1}})
		keep(graph.Node{Op: graph.Slice, In: []int{turned}, Start: []int{1, 0, 1}, Step: []int{1, 2, 3}, Shape: []int{2, 2, 2}})
		keep(graph.Node{Op: graph.Slice, In: []int{in}, Start: []int{1, 0, 1}, Shape: []int{2, 4, 2}})
		keep(graph.Node{Op: graph.Pad, In: []int{in}, Low: []int{1, 0, 2}, High: []int{0, 3, 0}, Fill: -1})
		for axis := range 3 {
			keep(graph.Node{Op: graph.Concat, In: []int{in, in, in}, Axes: []int{axis}})
		}
	}
	flat := keep(graph.Node{Op: graph.Reshape, In: []int{conv}, Shape: []int{15, 5}})
	keep(graph.Node{Op: graph.MatMul, In: []int{flat, flat}, TransposeB: true})
	turned := keep(graph.Node{Op: graph.Transpose, In: []int{flat}, Axes: []int{1, 0}})
	keep(graph.Node{Op: graph.MatMul, In: []int{turned, flat}})
	keep(graph.Node{Op: graph.Broadcast, In: []int{turned}, Shape: []int{2, 5, 15}})
	words := b.add(graph.Node{Op: graph.Input, Shape: []int{6}, Type: graph.Int})
	keep(graph.Node{Op: graph.Embed, In: []int{words}, Weights: b.tensor(0.1, 10, 4)})
	check(t, b.graph(out...))
}

// TestFold: what depends on constants alone is computed once, and outputs that are constant are
// right.
func TestFold(t *testing.T) {
	b := newBuilder(5)
	x := b.input(4)
	c := b.add(graph.Node{Op: graph.Const, Shape: []int{4}, Values: []float32{1, 2, 3, 4}})
	root := b.add(graph.Node{Op: graph.Sqrt, In: []int{c}})
	sum := b.add(graph.Node{Op: graph.Add, In: []int{root, c}})
	y := b.add(graph.Node{Op: graph.Mul, In: []int{x, sum}})
	g := b.graph(y, root, c)
	check(t, g)
	n, err := Compile(g)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range n.steps {
		if _, ok := s.(*unary); ok {
			t.Error("the root of a constant is computed in each call")
		}
	}
}

// TestLoad: a network from a file predicts as the graph does, and a damaged file is an error.
func TestLoad(t *testing.T) {
	b := newBuilder(6)
	x := b.input(30)
	x = b.add(graph.Node{Op: graph.Dense, In: []int{x}, Weights: b.tensor(0.8, 30, 10), Bias: b.numbers(10, 0)})
	g := b.graph(x)
	file, _, err := code.Encode(g, code.Options{})
	if err != nil {
		t.Fatal(err)
	}
	n, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	src, got := b.numbers(30, 0), make([]float32, 10)
	if err := n.Predict(got, src); err != nil {
		t.Fatal(err)
	}
	for i, want := range naive(g, src) {
		if !near(got[i], want, 1e-5) {
			t.Errorf("value %d is %g: must be %g", i, got[i], want)
		}
	}
	if _, err := Load(file[:len(file)-1]); err == nil {
		t.Error("a cut file is no error")
	}
}

// TestLoadCompiles: a network from a file, whose weights Load need not look for, is the one that
// Compile makes of the graph: the same kernels, the same numbers to the bit.
func TestLoadCompiles(t *testing.T) {
	grouped := newBuilder(7)
	x := grouped.input(6, 6, 4)
	x = grouped.add(graph.Node{Op: graph.Conv2D, In: []int{x}, Groups: 2, Weights: grouped.tensor(0.7, 3, 3, 2, 6)})
	for name, g := range map[string]*graph.Graph{"groups": grouped.graph(x), "convolutions": smallConv(), "all kinds": smallMix(),
		"no weight at all": withoutWeights(), "LeNet-5": lenet5(1. / 125), "dense LeNet-5": lenet5(1)} {
		file := packed(t, g)
		loaded, err := Load(file)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		decoded, err := code.Decode(file)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		compiled, err := Compile(decoded)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(loaded.Layers(), compiled.Layers()) {
			t.Errorf("%s: layers\n%+v: must be\n%+v", name, loaded.Layers(), compiled.Layers())
		}
		src := make([]float32, 9*loaded.InputSize()) // a block and single images
		for i := range src {
			src[i] = float32(i*i%5) / 4
		}
		got, want := make([]float32, 9*loaded.OutputSize()), make([]float32, 9*loaded.OutputSize())
		if err := errors.Join(loaded.Predict(got, src), compiled.Predict(want, src)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i := range got {
			if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
				t.Errorf("%s: value %d is %g: must be %g", name, i, got[i], want[i])
				break
			}
		}
	}
}

// withoutWeights is a network of which pruning has left the bias.
func withoutWeights() *graph.Graph {
	b := newBuilder(8)
	x := b.input(5)
	x = b.add(graph.Node{Op: graph.Dense, In: []int{x}, Weights: graph.Tensor{Shape: []int{5, 3}, Values: make([]float32, 15)}, Bias: b.numbers(3, 0)})
	return b.graph(x)
}

// TestCalls: sizes that do not fit are errors, calls at the same time do not disturb each other,
// and a call allocates nothing.
func TestCalls(t *testing.T) {
	b := newBuilder(6)
	x := b.input(8, 8, 2)
	x = b.add(graph.Node{Op: graph.Conv2D, In: []int{x}, Weights: b.tensor(0.5, 3, 3, 2, 4), Pads: [4]int{1, 1, 1, 1}, Act: graph.Relu})
	x = b.add(graph.Node{Op: graph.MaxPool, In: []int{x}, Window: [2]int{2, 2}, Stride: [2]int{2, 2}})
	x = b.add(graph.Node{Op: graph.Reshape, In: []int{x}, Shape: []int{64}})
	x = b.add(graph.Node{Op: graph.Dense, In: []int{x}, Weights: b.tensor(0.8, 64, 10)})
	x = b.add(graph.Node{Op: graph.Softmax, In: []int{x}, Axes: []int{0}})
	n, err := Compile(b.graph(x))
	if err != nil {
		t.Fatal(err)
	}
	const images = 150
	src := b.numbers(images*n.InputSize(), 0)
	want := make([]float32, images*n.OutputSize())
	if err := n.Predict(want, src); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		dst, src int
		want     string
	}{{10, 127, "an image has 128"}, {9, 128, "1 images give 10"}, {20, 128, "1 images give 10"}} {
		if err := n.Predict(make([]float32, c.dst), make([]float32, c.src)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v: it should contain %q", err, c.want)
		}
	}
	for _, workers := range []int{0, 1, 3, 200} {
		got := make([]float32, len(want))
		if err := n.PredictParallel(got, src, workers); err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if !near(got[i], want[i], 1e-5) {
				t.Fatalf("%d workers: value %d is %g: must be %g", workers, i, got[i], want[i])
			}
		}
	}
	var group sync.WaitGroup
	for k := range 4 {
		group.Go(func() {
			for i := k; i < images; i += 4 {
				var got [10]float32
				if err := n.Predict(got[:], src[i*128:(i+1)*128]); err != nil || !near(got[3], want[i*10+3], 1e-5) {
					t.Errorf("image %d: %g, %v: must be %g", i, got[3], err, want[i*10+3])
				}
			}
		})
	}
	group.Wait()
	for _, count := range []int{1, 3, 37, images} {
		dst := make([]float32, count*10)
		n.Predict(dst, src[:count*128])
		if allocs := testing.AllocsPerRun(10, func() { n.Predict(dst, src[:count*128]) }); allocs != 0 {
			t.Errorf("%d images: %g allocations", count, allocs)
		}
	}
}
