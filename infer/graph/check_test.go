package graph

import (
	"math"
	"strings"
	"testing"
)

// small is a right graph with most kinds of nodes.
func small() *Graph {
	return &Graph{
		Nodes: []Node{
			{Op: Input, Shape: []int{6, 6, 2}},
			{Op: Conv2D, Name: "conv/1", In: []int{0}, Shape: []int{3, 3, 4}, Stride: [2]int{2, 2}, Pads: [4]int{1, 1, 1, 1}, Groups: 2,
				Weights: Tensor{[]int{3, 3, 1, 4}, make([]float32, 36)}, Bias: make([]float32, 4), Act: LeakyRelu, Alpha: 0.1},
			{Op: MaxPool, In: []int{1}, Shape: []int{2, 2, 4}, Window: [2]int{2, 2}},
			{Op: Reshape, In: []int{2}, Shape: []int{16}},
			{Op: Dense, In: []int{3}, Shape: []int{5}, Weights: Tensor{[]int{16, 5}, make([]float32, 80)}},
			{Op: Const, Shape: []int{1}, Values: []float32{2}},
			{Op: Mul, In: []int{4, 5}, Shape: []int{5}},
			{Op: Greater, In: []int{6, 5}, Shape: []int{5}, Type: Bool},
			{Op: Select, In: []int{7, 6, 4}, Shape: []int{5}},
			{Op: ReduceSum, In: []int{8}, Shape: []int{}, Axes: []int{0}},
			{Op: Transpose, In: []int{2}, Shape: []int{4, 2, 2}, Axes: []int{2, 0, 1}},
			{Op: Concat, In: []int{10, 10}, Shape: []int{4, 4, 2}, Axes: []int{1}},
			{Op: Slice, In: []int{11}, Shape: []int{2, 2, 2}, Start: []int{0, 1, 0}, Step: []int{2, 2, 1}},
			{Op: Pad, In: []int{12}, Shape: []int{2, 5, 2}, Low: []int{0, 1, 0}, High: []int{0, 2, 0}},
			{Op: Softmax, In: []int{13}, Shape: []int{2, 5, 2}, Axes: []int{1, 2}},
			{Op: MatMul, In: []int{14, 14}, Shape: []int{2, 5, 5}, TransposeB: true},
			{Op: Convert, In: []int{15}, Shape: []int{2, 5, 5}, Type: Int},
			{Op: Embed, In: []int{16}, Shape: []int{2, 5, 5, 3}, Weights: Tensor{[]int{7, 3}, make([]float32, 21)}},
			{Op: Broadcast, In: []int{9}, Shape: []int{2, 2}},
		},
		Outputs: []int{17, 18},
	}
}

// TestCheck: a right graph passes, and each fault is an error that names the node.
func TestCheck(t *testing.T) {
	if err := Check(small()); err != nil {
		t.Fatal(err)
	}
	const huge = math.MaxInt
	for _, c := range []struct {
		fault func(g *Graph)
		want  string
	}{
		{func(g *Graph) { g.Nodes = nil }, "no nodes"},
		{func(g *Graph) { g.Outputs = nil }, "no outputs"},
		{func(g *Graph) { g.Outputs[0] = 19 }, "output 0: there is no node 19"},
		{func(g *Graph) { g.Nodes[3].Op = 200 }, "node 3 (unknown operation): operation 200"},
		{func(g *Graph) { g.Nodes[3].Op = None }, "node 3 (None)"},
		{func(g *Graph) { g.Nodes[6].In = []int{4} }, "node 6 (Mul): 1 inputs: it must have 2"},
		{func(g *Graph) { g.Nodes[6].In[1] = 6 }, "input 6 is no node before it"},
		{func(g *Graph) { g.Nodes[6].In[1] = -1 }, "input -1"},
		{func(g *Graph) { g.Nodes[1].Shape[0] = 4 }, `node 1 (Conv2D "conv/1"): the shape is [4 3 4]: from its inputs it must be [3 3 4]`},
		{func(g *Graph) { g.Nodes[0].Shape = []int{huge, huge, 2} }, "at most"},
		{func(g *Graph) { g.Nodes[0].Shape = []int{1 << 32, 1 << 32, 0} }, "at most"},
		{func(g *Graph) { g.Nodes[0].Shape[1] = -6 }, "at least 1"},
		{func(g *Graph) { g.Nodes[0].Shape = make([]int, 9) }, "9 axes"},
		{func(g *Graph) { g.Nodes[0].Shape = []int{1 << 14, 1 << 14}; g.Nodes[1].Op = Neg }, "pass"},
		{func(g *Graph) { g.Nodes[1].Weights.Shape = []int{huge, 2, huge, 2} }, "weights"},
		{func(g *Graph) { g.Nodes[1].Weights.Shape = []int{18, 2} }, "4 axes"},
		{func(g *Graph) { g.Nodes[1].Weights.Values = nil }, "0 weights"},
		{func(g *Graph) { g.Nodes[1].Weights.Values[3] = float32(math.Inf(1)) }, "weight 3 is not finite"},
		{func(g *Graph) { g.Nodes[1].Bias[3] = float32(math.NaN()) }, "bias 3 is not finite"},
		{func(g *Graph) { g.Nodes[1].Bias = make([]float32, 3) }, "a bias of 3"},
		{func(g *Graph) { g.Nodes[1].Act = Add }, "activation Add"},
		{func(g *Graph) { g.Nodes[1].Alpha = float32(math.NaN()) }, "Alpha"},
		{func(g *Graph) { g.Nodes[1].Groups = 3 }, "3 groups"},
		{func(g *Graph) { g.Nodes[1].Groups = -1 }, "-1 groups"},
		{func(g *Graph) { g.Nodes[1].Stride[0] = -1 }, "out of range"},
		{func(g *Graph) { g.Nodes[1].Dilation[1] = huge }, "out of range"},
		{func(g *Graph) { g.Nodes[1].Dilation[1] = 7 }, "does not fit"},
		{func(g *Graph) { g.Nodes[1].Pads[1] = huge }, "out of range"},
		{func(g *Graph) { g.Nodes[2].Pads[1] = 2 }, "padding alone"},
		{func(g *Graph) { g.Nodes[2].Window = [2]int{} }, "out of range"},
		{func(g *Graph) { g.Nodes[3].Shape[0] = 15 }, "another number"},
		{func(g *Graph) { g.Nodes[5].Values = nil }, "0 values"},
		{func(g *Graph) { g.Nodes[5].Values[0] = float32(math.NaN()) }, "value 0"},
		{func(g *Graph) { g.Nodes[5].Type = Int; g.Nodes[5].Values[0] = 0.5 }, "value 0 is no int"},
		{func(g *Graph) { g.Nodes[6].Values = []float32{1} }, "values, which only Const has"},
		{func(g *Graph) { g.Nodes[6].Act = Relu }, "which only layers have"},
		{func(g *Graph) { g.Nodes[7].Type = Float }, "the type is float: it must be bool"},
		{func(g *Graph) { g.Nodes[8].In[0] = 6 }, "bool"},
		{func(g *Graph) { g.Nodes[9].Axes = nil }, "no axes"},
		{func(g *Graph) { g.Nodes[9].Axes = []int{1} }, "axes [1]"},
		{func(g *Graph) { g.Nodes[10].Axes = []int{2, 2, 1} }, "no permutation"},
		{func(g *Graph) { g.Nodes[10].Axes = []int{0, 21, 1} }, "no permutation"},
		{func(g *Graph) { g.Nodes[10].Axes = []int{0, -1, 1} }, "no permutation"},
		{func(g *Graph) { g.Nodes[11].In[1] = 2 }, "do not concatenate"},
		{func(g *Graph) { g.Nodes[12].Start[1] = 2 }, "pass its end"},
		{func(g *Graph) { g.Nodes[12].Start[1] = huge }, "pass its end"},
		{func(g *Graph) { g.Nodes[12].Step[1] = 0 }, "pass its end"},
		{func(g *Graph) { g.Nodes[13].Low[1] = huge }, "within the limits"},
		{func(g *Graph) { g.Nodes[13].Fill = float32(math.NaN()) }, "Fill"},
		{func(g *Graph) { g.Nodes[14].Axes = []int{2, 1} }, "must increase"},
		{func(g *Graph) { g.Nodes[15].TransposeB = false }, "do not multiply"},
		{func(g *Graph) { g.Nodes[16].Type = 3 }, "type 3"},
		{func(g *Graph) { g.Nodes[17].In[0] = 15 }, "must be int"},
		{func(g *Graph) { g.Nodes[18].In[0] = 4 }, "do not broadcast"},
	} {
		g := small()
		c.fault(g)
		if err := Check(g); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v: it should contain %q", err, c.want)
		}
	}
}

// TestNames: each operation has a name and a kind of its own.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for o := range ops {
		if s := o.String(); s == "" || seen[s] {
			t.Errorf("operation %d is called %q", o, s)
		}
		seen[o.String()] = true
	}
	if !Relu.Unary() || Add.Unary() || !Add.Binary() || !Less.Binary() || !ReduceMax.Reduction() || !SumPool.Pool() || None.Known() {
		t.Error("kinds are wrong")
	}
}
