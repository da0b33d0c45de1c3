// A file from anywhere, from its bytes to its answers.

package infer

import (
	"hash/crc32"
	"math/rand/v2"
	"os"
	"testing"

	"gsmlab/infer/code"
	"gsmlab/infer/graph"
)

// fuzzRoom is how many values and weights a network may have that is run here, and fuzzProducts how
// many products an image may take: larger ones are loaded only, since a fuzzer should try many.
const fuzzRoom, fuzzProducts = 1 << 15, 1 << 16

// FuzzLoad: whatever a signed file holds, Load returns an error or a network that answers.
func FuzzLoad(f *testing.F) {
	for _, name := range []string{"../models/packed/lenet-300-100-100x.gsm", "code/testdata/sample.gsm"} {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data[4 : len(data)-4])
	}
	for _, g := range []*graph.Graph{smallConv(), smallMix()} {
		data, _, err := code.Encode(g, code.Options{Precision: func(i int) code.Precision { return code.Precision{Entries: i % 2 * 4} }})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data[4 : len(data)-4])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		data := append([]byte("gsm\x02"), body...)
		sum := crc32.ChecksumIEEE(data)
		data = append(data, byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24))
		n, err := Load(data)
		if err != nil {
			return
		}
		g, err := code.Decode(data)
		if err != nil {
			t.Fatalf("Load reads what Decode does not: %v", err)
		}
		if size, products := costOf(g); size > fuzzRoom || products > fuzzProducts || n.InputSize() == 0 {
			return
		}
		answers(t, g, n)
	})
}

// costOf is how many values and weights a network has, and about how many products an image takes.
func costOf(g *graph.Graph) (size, products int) {
	for i := range g.Nodes {
		n := &g.Nodes[i]
		values := graph.Elements(n.Shape)
		size += values + len(n.Weights.Values)
		switch {
		case len(n.Weights.Values) > 0:
			products += values * len(n.Weights.Values) / n.Weights.Shape[len(n.Weights.Shape)-1]
		case n.Op == graph.MatMul:
			products += values * g.Nodes[n.In[0]].Shape[len(g.Nodes[n.In[0]].Shape)-1]
		case n.Op.Pool():
			products += values * min(n.Window[0]*n.Window[1], 1<<20)
		default:
			products += values
		}
	}
	return size, products
}

// answers: the network answers for one image and for a block with one more, in all variants. What a
// stranger's numbers overflow to differs by kernel, so the answers themselves are for other tests.
func answers(t *testing.T, g *graph.Graph, n *Network) {
	rng := rand.New(rand.NewPCG(4, 2))
	const most = 9
	src := make([]float32, most*n.InputSize())
	for i := range src {
		src[i] = float32(rng.IntN(3))
	}
	predict := func(n *Network, count int) {
		if err := n.Predict(make([]float32, count*n.OutputSize()), src[:count*n.InputSize()]); err != nil {
			t.Fatal(err)
		}
	}
	predict(n, most)
	for name, o := range variants() {
		v, err := o.Compile(g)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		predict(v, 1)
		predict(v, most)
	}
}

// smallConv and smallMix are networks whose files are short, so that a change of one byte changes
// much.
func smallConv() *graph.Graph {
	b := newBuilder(5)
	x := b.input(7, 6, 2)
	x = b.add(graph.Node{Op: graph.Conv2D, In: []int{x}, Weights: b.tensor(0.5, 3, 3, 2, 3), Bias: b.numbers(3, 0), Act: graph.Relu, Pads: [4]int{1, 1, 1, 1}})
	x = b.add(graph.Node{Op: graph.MaxPool, In: []int{x}, Window: [2]int{2, 2}, Stride: [2]int{2, 2}})
	x = b.add(graph.Node{Op: graph.Reshape, In: []int{x}, Shape: []int{27}})
	return b.graph(b.add(graph.Node{Op: graph.Dense, In: []int{x}, Weights: b.tensor(0.8, 27, 4)}))
}

func smallMix() *graph.Graph {
	b := newBuilder(6)
	x := b.input(4, 6)
	y := b.add(graph.Node{Op: graph.Dense, In: []int{x}, Weights: b.tensor(0.5, 6, 5), Act: graph.Tanh})
	z := b.add(graph.Node{Op: graph.MatMul, In: []int{y, y}, TransposeB: true})
	z = b.add(graph.Node{Op: graph.Softmax, In: []int{z}, Axes: []int{1}})
	y = b.add(graph.Node{Op: graph.MatMul, In: []int{z, y}})
	y = b.add(graph.Node{Op: graph.Concat, In: []int{x, y}, Axes: []int{1}})
	return b.graph(b.add(graph.Node{Op: graph.ReduceMean, In: []int{y}, Axes: []int{0}, Shape: []int{11}}), z)
}
