package deploy

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"

	net "gsmlab/infer/graph"
)

// chainNet has two convolutions, a pool between them, and two dense layers.
func chainNet(r *rand.Rand) *net.Graph {
	return &net.Graph{Outputs: []int{6}, Nodes: []net.Node{
		{Op: net.Input, Shape: []int{11, 10, 2}},
		{Op: net.Conv2D, In: []int{0}, Shape: []int{9, 8, 5}, Weights: random(r, 0.6, 3, 3, 2, 5), Bias: random(r, 0, 5).Values, Act: net.Relu},
		{Op: net.MaxPool, In: []int{1}, Shape: []int{4, 4, 5}, Window: [2]int{2, 2}, Stride: [2]int{2, 2}},
		{Op: net.Conv2D, In: []int{2}, Shape: []int{3, 3, 4}, Weights: random(r, 0.5, 2, 2, 5, 4), Act: net.Relu},
		{Op: net.Reshape, In: []int{3}, Shape: []int{36}},
		{Op: net.Dense, In: []int{4}, Shape: []int{7}, Weights: random(r, 0.7, 36, 7), Bias: random(r, 0, 7).Values, Act: net.Relu},
		{Op: net.Dense, In: []int{5}, Shape: []int{3}, Weights: random(r, 0.3, 7, 3), Bias: random(r, 0, 3).Values},
	}}
}

// TestGradient: the gradient is what small changes of each weight and bias give.
func TestGradient(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	g := chainNet(r)
	if err := net.Check(g); err != nil {
		t.Fatal(err)
	}
	c, err := chainOf(g)
	if err != nil {
		t.Fatal(err)
	}
	images := random(r, 0.2, 3, 11, 10, 2).Values
	labels := []int{0, 2, 1}
	loss := func(w *worker) float64 {
		sum := 0.0
		clear(w.sums)
		for k, label := range labels {
			logits := w.forward(c, images[k*220:(k+1)*220])
			sum -= logSoftmax(logits, label)
			d := make([]float32, 3)
			for i, p := range Probabilities(logits) {
				d[i] = float32(p)
			}
			d[label]--
			w.backward(c, d)
		}
		return sum
	}
	w := c.newWorker()
	want := predicted(t, g, tensors.FromFlatDataAndDimensions(images, 3, 11, 10, 2))
	wantLoss := 0.0
	for k, label := range labels {
		wantLoss -= logSoftmax(want[3*k:3*k+3], label)
	}
	if got := loss(w); math.Abs(got-wantLoss) > 1e-4 {
		t.Fatalf("the loss is %g: the runtime has %g", got, wantLoss)
	}
	grads := append([]float32(nil), w.sums...)
	for _, l := range c.layers {
		all := []struct {
			values []float32
			first  int
		}{{l.values, l.first}, {l.bias, l.first + len(l.values)}}
		for _, part := range all {
			for i, v := range part.values {
				const by = 1e-3
				part.values[i] = v + by
				above := loss(w)
				part.values[i] = v - by
				below := loss(w)
				part.values[i] = v
				slope := (above - below) / (2 * by)
				// float32 has 7 digits of a loss of a few units, and a kink may lie between
				if got := float64(grads[part.first+i]); math.Abs(got-slope) > 0.02+0.02*math.Abs(slope) {
					t.Errorf("node %d, number %d: the gradient is %g: the loss has a slope of %g", l.at, i, got, slope)
				}
			}
		}
	}
}
