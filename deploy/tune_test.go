// Tests of the rounding to codebooks: what is promised of the accuracy and the file holds, and
// compensation helps.

package deploy

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"gsmlab/infer"
	"gsmlab/infer/code"
	net "gsmlab/infer/graph"
)

// labelled makes samples whose labels are what the network says, so that its accuracy is 1.
func labelled(t *testing.T, g *net.Graph, n int) Samples {
	t.Helper()
	network, err := infer.Compile(g)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(9, 9))
	s := Samples{Values: make([]float32, n*network.InputSize())}
	for i := range s.Values {
		s.Values[i] = float32(r.NormFloat64())
	}
	scores := make([]float32, n*network.OutputSize())
	if err := network.Predict(scores, s.Values); err != nil {
		t.Fatal(err)
	}
	for row := range slices.Chunk(scores, network.OutputSize()) {
		s.Labels = append(s.Labels, int32(slices.Index(row, slices.Max(row))))
	}
	return s
}

// TestTune: the accuracy on the samples holds, no weight comes to be that was zero, and the file
// holds the very weights that were measured.
func TestTune(t *testing.T) {
	g, err := Optimize(convNet(rand.New(rand.NewPCG(4, 4)), 0.6))
	if err != nil {
		t.Fatal(err)
	}
	s := labelled(t, g, 400)
	var sizes []int
	for _, loss := range []float64{0.12, 0.4} {
		tuned, o, err := Tune(context.Background(), g, Tuning{Samples: s, Loss: loss})
		if err != nil {
			t.Fatal(err)
		}
		file, _, err := code.Encode(tuned, o)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, len(file))
		decoded, err := code.Decode(file)
		if err != nil {
			t.Fatal(err)
		}
		for i := range g.Nodes {
			if !slices.Equal(decoded.Nodes[i].Weights.Values, tuned.Nodes[i].Weights.Values) {
				t.Errorf("node %d: the file holds other weights than were measured", i)
			}
			if before, after := nonzero(g.Nodes[i].Weights.Values), nonzero(tuned.Nodes[i].Weights.Values); after > before {
				t.Errorf("node %d: %d weights are not zero: there were %d", i, after, before)
			}
		}
		n, err := infer.Compile(decoded) // its biases are rounded, as was measured
		if err != nil {
			t.Fatal(err)
		}
		if accuracy, _, err := s.Measure(context.Background(), n); err != nil || accuracy < 1-loss {
			t.Errorf("accuracy %g (%v): at most %g may be lost", accuracy, err, loss)
		}
	}
	exact, _, err := code.Encode(g, code.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if sizes[1] >= sizes[0] || 2*sizes[0] >= len(exact) {
		t.Errorf("%d bytes exact, %d and %d with codebooks: more loss must allow fewer bytes", len(exact), sizes[0], sizes[1])
	}
	if _, _, err := Tune(context.Background(), g, Tuning{}); !errors.Is(err, ErrNoSamples) {
		t.Errorf("no samples: %v", err)
	}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	if _, _, err := Tune(stopped, g, Tuning{Samples: s}); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}

// TestCompensation: rounded with its samples in mind, a layer's outputs change less than where each
// weight is rounded alone.
func TestCompensation(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	g := &net.Graph{Outputs: []int{1}, Nodes: []net.Node{
		{Op: net.Input, Shape: []int{30}},
		{Op: net.Dense, In: []int{0}, Shape: []int{20}, Weights: random(r, 0.2, 30, 20), Bias: make([]float32, 20)},
	}}
	samples := make([]float32, 500*30)
	for i := range samples { // inputs that go together, and are not around zero
		samples[i] = 0.5 + float32(r.NormFloat64())
		if i%30 > 0 {
			samples[i] += samples[i-1]
		}
	}
	m, err := momentsOf(g, 1, samples)
	if err != nil {
		t.Fatal(err)
	}
	change := func(weights, bias []float32) float64 {
		rounded := clone(g)
		rounded.Nodes[1].Weights.Values, rounded.Nodes[1].Bias = weights, bias
		var sum float64
		var outs [2][]float32
		for k, v := range []*net.Graph{g, rounded} {
			n, err := infer.Compile(v)
			if err != nil {
				t.Fatal(err)
			}
			outs[k] = make([]float32, 500*20)
			if err := n.Predict(outs[k], samples); err != nil {
				t.Fatal(err)
			}
		}
		for i, v := range outs[0] {
			sum += float64(v-outs[1][i]) * float64(v-outs[1][i])
		}
		return sum
	}
	const thrift = 0.02
	l := roundable{node: &g.Nodes[1], moments: m}
	weights, bias := l.round(thrift)
	again, _ := l.round(thrift)
	if !slices.Equal(again, weights) {
		t.Error("rounded again, the weights are others")
	}
	var each []weighed
	for _, v := range g.Nodes[1].Weights.Values {
		if v != 0 {
			each = append(each, weighed{float64(v), 1})
		}
	}
	b := codebookOf(each, thrift, 0.8)
	lonely := slices.Clone(g.Nodes[1].Weights.Values)
	for k, v := range lonely {
		if v != 0 {
			lonely[k] = float32(b.entry(weighed{float64(v), 1}))
		}
	}
	if alone, together := change(lonely, g.Nodes[1].Bias), change(weights, bias); together > alone/3 {
		t.Errorf("the outputs change by %g, and by %g where each weight is rounded alone", together, alone)
	}
}

func nonzero(values []float32) int {
	n := 0
	for _, v := range values {
		if v != 0 {
			n++
		}
	}
	return n
}
