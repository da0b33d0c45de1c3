// Tests of the passes that remove and sort units: whatever weights are zero, the outputs stay.

package deploy

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"

	net "gsmlab/infer/graph"
)

// random makes a tensor of weights in which each number is zero with the given chance.
func random(r *rand.Rand, zeros float64, dims ...int) net.Tensor {
	t := net.Tensor{Shape: dims, Values: make([]float32, net.Elements(dims))}
	for i := range t.Values {
		if r.Float64() >= zeros {
			t.Values[i] = float32(r.NormFloat64())
		}
	}
	return t
}

// convNet is two convolutions, the second with a border, a pool, and two dense layers.
func convNet(r *rand.Rand, zeros float64) *net.Graph {
	bias := func(n int) []float32 { return random(r, 0.3, n).Values }
	return &net.Graph{Outputs: []int{6}, Nodes: []net.Node{
		{Op: net.Input, Shape: []int{10, 10, 2}},
		{Op: net.Conv2D, In: []int{0}, Shape: []int{8, 8, 6}, Weights: random(r, zeros, 3, 3, 2, 6), Bias: bias(6), Act: net.Relu},
		{Op: net.Conv2D, In: []int{1}, Shape: []int{8, 8, 5}, Weights: random(r, zeros, 3, 3, 6, 5), Bias: bias(5), Act: net.Tanh, Pads: [4]int{1, 1, 1, 1}},
		{Op: net.MaxPool, In: []int{2}, Shape: []int{4, 4, 5}, Window: [2]int{2, 2}, Stride: [2]int{2, 2}},
		{Op: net.Reshape, In: []int{3}, Shape: []int{80}},
		{Op: net.Dense, In: []int{4}, Shape: []int{12}, Weights: random(r, zeros, 80, 12), Bias: bias(12), Act: net.Relu},
		{Op: net.Dense, In: []int{5}, Shape: []int{3}, Weights: random(r, zeros, 12, 3)},
	}}
}

// TestDeadUnits: whatever weights are zero, the outputs stay the same, and what is left has no dead
// unit, but one where all are dead.
func TestDeadUnits(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	images := make([]float32, 2*10*10*2)
	for i := range images {
		images[i] = float32(r.NormFloat64())
	}
	x := tensors.FromFlatDataAndDimensions(images, 2, 10, 10, 2)
	removed := 0
	for round := range 60 {
		g := convNet(r, []float64{0.5, 0.9, 0.95, 0.98, 1}[round%5])
		if err := net.Check(g); err != nil {
			t.Fatal(err)
		}
		want := predicted(t, g, x)
		small, err := Optimize(g)
		if err != nil {
			t.Fatal(err)
		}
		near(t, predicted(t, small, x), want)
		for _, i := range []int{1, 2, 5} {
			removed += g.Nodes[i].Shape[len(g.Nodes[i].Shape)-1] - small.Nodes[i].Shape[len(small.Nodes[i].Shape)-1]
		}
		// nothing that could be removed is left
		if again, err := Optimize(small); err != nil || !slices.EqualFunc(again.Nodes, small.Nodes, func(a, b net.Node) bool { return slices.Equal(a.Shape, b.Shape) }) {
			t.Fatalf("there was more to remove (%v)", err)
		}
	}
	if removed < 100 {
		t.Errorf("only %d units were removed", removed)
	}
}

// joinedNet is made of what joins channels: a sum past two convolutions, with a constant and a
// gate, and a concatenation, of which one part is read twice.
func joinedNet(r *rand.Rand, zeros float64) *net.Graph {
	bias := func(n int) []float32 { return random(r, 0.3, n).Values }
	conv := func(in, ins, outs int, act net.Op) net.Node {
		return net.Node{Op: net.Conv2D, In: []int{in}, Shape: []int{6, 6, outs}, Weights: random(r, zeros, 3, 3, ins, outs), Bias: bias(outs), Act: act, Pads: [4]int{1, 1, 1, 1}}
	}
	return &net.Graph{Outputs: []int{13}, Nodes: []net.Node{
		{Op: net.Input, Shape: []int{6, 6, 2}},
		conv(0, 2, 6, net.Relu),
		conv(1, 6, 4, net.Relu),
		conv(2, 4, 6, net.None),
		{Op: net.Add, In: []int{1, 3}, Shape: []int{6, 6, 6}},
		{Op: net.Const, Shape: []int{6}, Values: bias(6)},
		{Op: net.Add, In: []int{4, 5}, Shape: []int{6, 6, 6}},
		{Op: net.Relu, In: []int{6}, Shape: []int{6, 6, 6}},
		conv(7, 6, 3, net.Relu),
		{Op: net.Concat, In: []int{7, 8, 2}, Axes: []int{2}, Shape: []int{6, 6, 13}},
		conv(9, 13, 5, net.Sigmoid),
		{Op: net.ReduceMean, In: []int{10}, Axes: []int{0, 1}, Shape: []int{5}},
		{Op: net.Mul, In: []int{10, 11}, Shape: []int{6, 6, 5}},
		{Op: net.Dense, In: []int{12}, Shape: []int{6, 6, 2}, Weights: random(r, zeros, 5, 2), Bias: bias(2)},
	}}
}

// TestDeadChannels: in networks that add and join channels too, the outputs stay the same whatever
// weights are zero, and no second run finds more.
func TestDeadChannels(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 9))
	images := random(r, 0, 2, 6, 6, 2).Values
	x := tensors.FromFlatDataAndDimensions(images, 2, 6, 6, 2)
	layers, removed := []int{1, 2, 3, 8, 10}, map[int]int{}
	for round := range 60 {
		g := joinedNet(r, []float64{0.5, 0.9, 0.95, 0.98, 1}[round%5])
		if err := net.Check(g); err != nil {
			t.Fatal(err)
		}
		want := predicted(t, g, x)
		small, err := apply(g, unitPasses)
		if err != nil {
			t.Fatal(err)
		}
		near(t, predicted(t, small, x), want)
		for _, i := range layers {
			removed[i] += g.Nodes[i].Shape[2] - small.Nodes[i].Shape[2]
		}
		if removeDead(clone(small)) {
			t.Fatal("there was more to remove")
		}
	}
	for _, i := range layers {
		if removed[i] < 15 {
			t.Errorf("node %d lost only %d channels", i, removed[i])
		}
	}
}

// TestDeadTerm: a channel that one reader of a term needs stays in the sum and in its other term,
// whose weights for it become zero; one that nobody needs goes from all three.
func TestDeadTerm(t *testing.T) {
	ones := func(shape ...int) net.Tensor {
		return net.Tensor{Shape: shape, Values: slices.Repeat([]float32{1}, net.Elements(shape))}
	}
	g := &net.Graph{Outputs: []int{4, 5}, Nodes: []net.Node{
		{Op: net.Input, Shape: []int{3}},
		{Op: net.Dense, In: []int{0}, Shape: []int{3}, Weights: ones(3, 3)},
		{Op: net.Dense, In: []int{0}, Shape: []int{3}, Weights: ones(3, 3)},
		{Op: net.Add, In: []int{1, 2}, Shape: []int{3}},
		{Op: net.Dense, In: []int{3}, Shape: []int{1}, Weights: net.Tensor{Shape: []int{3, 1}, Values: []float32{1, 0, 0}}},
		{Op: net.Dense, In: []int{1}, Shape: []int{1}, Weights: net.Tensor{Shape: []int{3, 1}, Values: []float32{0, 2, 0}}},
	}}
	x := tensors.FromFlatDataAndDimensions([]float32{1, 2, 3, -4, 5, -6}, 2, 3)
	want := predicted(t, g, x)
	small, err := apply(g, []pass{{"dead units", removeDead}})
	if err != nil {
		t.Fatal(err)
	}
	near(t, predicted(t, small, x), want)
	for i, shape := range map[int][]int{1: {2}, 2: {2}, 3: {2}, 4: {1}, 5: {1}} {
		if !slices.Equal(small.Nodes[i].Shape, shape) {
			t.Errorf("node %d has shape %v: must be %v", i, small.Nodes[i].Shape, shape)
		}
	}
	if got, want := small.Nodes[2].Weights.Values, []float32{1, 0, 1, 0, 1, 0}; !slices.Equal(got, want) {
		t.Errorf("the weights of the other term are %v: must be %v", got, want)
	}
}

// TestBorder: a unit that is always 1 cannot go into the bias of a convolution with a border of
// zeros, and one that is always 0 can.
func TestBorder(t *testing.T) {
	kernel := net.Tensor{Shape: []int{3, 3, 2, 1}, Values: slices.Repeat([]float32{1}, 18)}
	for _, c := range []struct {
		bias float32
		pads [4]int
		size int
		kept int
	}{
		{1, [4]int{1, 1, 1, 1}, 4, 2},
		{0, [4]int{1, 1, 1, 1}, 4, 1},
		{1, [4]int{}, 2, 1},
	} {
		g := &net.Graph{Outputs: []int{2}, Nodes: []net.Node{
			{Op: net.Input, Shape: []int{4, 4, 1}},
			{Op: net.Conv2D, In: []int{0}, Shape: []int{4, 4, 2}, Weights: net.Tensor{Shape: []int{1, 1, 1, 2}, Values: []float32{2, 0}}, Bias: []float32{0, c.bias}},
			{Op: net.Conv2D, In: []int{1}, Shape: []int{c.size, c.size, 1}, Weights: kernel, Pads: c.pads},
		}}
		x := tensors.FromFlatDataAndDimensions(slices.Repeat([]float32{0.5}, 16), 1, 4, 4, 1)
		want := predicted(t, g, x)
		small, err := Optimize(g)
		if err != nil {
			t.Fatal(err)
		}
		near(t, predicted(t, small, x), want)
		if got := small.Nodes[1].Shape[2]; got != c.kept {
			t.Errorf("bias %g, pads %v: %d units are kept, want %d", c.bias, c.pads, got, c.kept)
		}
	}
}

// TestSortedUnits: the units of each layer come in the order of how many weights they have, but for
// those of the last layer, and the outputs stay the same.
func TestSortedUnits(t *testing.T) {
	g, err := Optimize(convNet(rand.New(rand.NewPCG(8, 1)), 0.7))
	if err != nil {
		t.Fatal(err)
	}
	before, err := apply(convNet(rand.New(rand.NewPCG(8, 1)), 0.7), slices.Concat(passes, unitPasses[:1]))
	if err != nil {
		t.Fatal(err)
	}
	x := inputs(3, floatInput(10, 10, 2), 4)
	near(t, predicted(t, g, x), predicted(t, before, x))
	for i := range g.Nodes[:len(g.Nodes)-1] {
		n := &g.Nodes[i]
		if !isLayer(n) {
			continue
		}
		outs := n.Weights.Shape[len(n.Weights.Shape)-1]
		counts := make([]int, outs)
		for k, v := range n.Weights.Values {
			if v != 0 {
				counts[k%outs]++
			}
		}
		if !slices.IsSortedFunc(counts, func(a, b int) int { return b - a }) {
			t.Errorf("node %d: its units have %v weights", i, counts)
		}
	}
}
