package deploy

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"

	"gsmlab/infer"
	"gsmlab/infer/code"
	net "gsmlab/infer/graph"
)

// TestTrain: training keeps what is promised of the accuracy, the file holds the very weights that
// were measured, and it is much smaller than with exact weights.
func TestTrain(t *testing.T) {
	g, err := Optimize(chainNet(rand.New(rand.NewPCG(4, 4))))
	if err != nil {
		t.Fatal(err)
	}
	s := labelled(t, g, 3_000)
	tuning := Tuning{Samples: s, Loss: 0.1}
	trained, o, err := Train(context.Background(), g, tuning, 6, 1)
	if err != nil {
		t.Fatal(err)
	}
	file, _, err := code.Encode(trained, o)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := code.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := range g.Nodes {
		if !slices.Equal(decoded.Nodes[i].Weights.Values, trained.Nodes[i].Weights.Values) || !slices.Equal(decoded.Nodes[i].Bias, trained.Nodes[i].Bias) {
			t.Errorf("node %d: the file holds other weights or biases than were measured", i)
		}
		if before, after := nonzero(g.Nodes[i].Weights.Values), nonzero(trained.Nodes[i].Weights.Values); after > before {
			t.Errorf("node %d: %d weights are not zero: there were %d", i, after, before)
		}
	}
	n, err := infer.Compile(decoded)
	if err != nil {
		t.Fatal(err)
	}
	if accuracy, _, err := s.Measure(context.Background(), n); err != nil || accuracy < 1-tuning.Loss {
		t.Errorf("accuracy %g (%v): at most %g may be lost", accuracy, err, tuning.Loss)
	}
	exact, _, err := code.Encode(g, code.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if 2*len(file) >= len(exact) {
		t.Errorf("%d bytes with training, %d with exact weights", len(file), len(exact))
	}
}

// TestTrainRefuses: what cannot be trained is named.
func TestTrainRefuses(t *testing.T) {
	g := convNet(rand.New(rand.NewPCG(4, 4)), 0.6)
	s := labelled(t, g, 200)
	if _, _, err := Train(context.Background(), g, Tuning{Samples: s}, 1, 1); err == nil || !strings.Contains(err.Error(), "node 2 (Conv2D)") {
		t.Errorf("a convolution with a border and tanh: %v", err)
	}
	dense := func(in int) net.Node {
		return net.Node{Op: net.Dense, In: []int{in}, Shape: []int{2}, Weights: random(rand.New(rand.NewPCG(1, 1)), 0, 3, 2)}
	}
	sum := &net.Graph{Outputs: []int{4}, Nodes: []net.Node{
		{Op: net.Input, Shape: []int{1, 1, 3}}, {Op: net.Reshape, In: []int{0}, Shape: []int{3}}, dense(1), dense(1), {Op: net.Add, In: []int{2, 3}, Shape: []int{2}},
	}}
	if _, _, err := Train(context.Background(), sum, Tuning{Samples: labelled(t, sum, 200)}, 1, 1); err == nil || !strings.Contains(err.Error(), "only chains") {
		t.Errorf("a network with sums: %v", err)
	}
	g = chainNet(rand.New(rand.NewPCG(4, 4)))
	s = labelled(t, g, 200)
	if _, _, err := Train(context.Background(), g, Tuning{}, 1, 1); !errors.Is(err, ErrNoSamples) {
		t.Errorf("no samples: %v", err)
	}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	if _, _, err := Train(stopped, g, Tuning{Samples: s}, 1, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	if _, _, err := Train(context.Background(), g, Tuning{Samples: s, Loss: -1}, 1, 1); err == nil || !strings.Contains(err.Error(), "allow more loss") {
		t.Errorf("more accuracy than there was: %v", err)
	}
}

// TestEqualize: units of other scales are the same network.
func TestEqualize(t *testing.T) {
	g := chainNet(rand.New(rand.NewPCG(8, 4)))
	s := labelled(t, g, 200)
	x := tensors.FromFlatDataAndDimensions(s.Values[:5*220], 5, 11, 10, 2)
	want := predicted(t, g, x)
	l, err := newLearner(g, Tuning{Samples: s}, 1)
	if err != nil {
		t.Fatal(err)
	}
	scaled := 0
	for _, p := range l.layers {
		p.prepare(0)
		for _, s := range p.scales {
			if s != 1 {
				scaled++
			}
		}
	}
	if scaled < 10 {
		t.Fatalf("%d units have another scale", scaled)
	}
	w := l.chain.newWorker()
	var got []float32
	for k := range 5 {
		got = append(got, w.forward(l.chain, s.Values[k*220:(k+1)*220])...)
	}
	near(t, got, want)
}
