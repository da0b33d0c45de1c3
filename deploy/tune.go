package deploy

// Few bits for the weights: codebooks as small as accuracy on training images allows.

import (
	"context"
	"fmt"
	"math"

	"gsmlab/infer"
	"gsmlab/infer/code"
	net "gsmlab/infer/graph"
)

// Tuning says how Tune chooses.
type Tuning struct {
	// Samples are training images. The test set has no place here: what it says of the file must
	// not have been used to make the file.
	Samples Samples
	// Loss is how much of the accuracy on the samples may be lost, such as 0.0005 for five images in
	// ten thousand.
	Loss float64
	// Say, which may be nil, is told what was found.
	Say func(string)
}

// thrifts are the steps of a layer: from the nearest entry of the codebook to fewer and fewer bits.
var thrifts = []float64{0, 0.001, 0.002, 0.004, 0.007, 0.012, 0.02, 0.03, 0.045, 0.065, 0.09, 0.12, 0.16, 0.21, 0.28, 0.37, 0.5, 0.7}

// manyLayers is from how many layers on all of them take their steps together: one by one would
// take hours.
const manyLayers = 12

// Tune chooses the precision of each layer for code.Encode, so that the accuracy on the samples
// falls by no more than t.Loss, and the file becomes as small as it finds.
//
// It goes from 16 entries a layer to fewer bits in steps. In each round it takes the step that
// saves the most bits for the least loss of cross entropy, among those that keep the accuracy.
func Tune(ctx context.Context, g *net.Graph, t Tuning) (func(node int) code.Precision, error) {
	if len(t.Samples.Labels) == 0 {
		return nil, ErrNoSamples
	}
	s := &search{ctx: ctx, graph: clone(g), original: g, tuning: t}
	for i := range g.Nodes {
		if n := &g.Nodes[i]; isLayer(n) || n.Op == net.Embed {
			s.layers = append(s.layers, i)
		}
	}
	s.steps = make([]int, len(s.layers))
	accuracy, _, err := s.measure()
	if err != nil {
		return nil, err
	}
	s.least = accuracy - t.Loss
	for k := range s.layers {
		s.take(k, 0)
	}
	have, loss, err := s.measure()
	if err != nil {
		return nil, err
	}
	if have < s.least { // not even the best codebooks will do
		return func(int) code.Precision { return code.Precision{} }, nil
	}
	if len(s.layers) >= manyLayers {
		err = s.together()
	} else {
		err = s.greedily(loss)
	}
	if err != nil {
		return nil, err
	}
	chosen := map[int]code.Precision{}
	for k, i := range s.layers {
		chosen[i] = precision(s.steps[k])
	}
	if t.Say != nil {
		last, _, err := s.measure()
		if err != nil {
			return nil, err
		}
		t.Say(fmt.Sprintf("codebooks: %.2f %% of %d training images, %.2f %% with exact weights", 100*last, len(t.Samples.Labels), 100*accuracy))
	}
	return func(node int) code.Precision { return chosen[node] }, nil
}

func precision(step int) code.Precision {
	return code.Precision{Entries: code.MaxEntries, Thrift: thrifts[step], ShortBias: true}
}

// search is the state of Tune.
type search struct {
	ctx      context.Context
	original *net.Graph
	graph    *net.Graph // with the weights of the steps
	tuning   Tuning
	layers   []int // nodes
	steps    []int // of each layer
	least    float64
}

// take gives a layer the weights of a step.
func (s *search) take(k, step int) {
	s.steps[k] = step
	s.graph.Nodes[s.layers[k]].Weights.Values = code.Quantized(s.original.Nodes[s.layers[k]].Weights.Values, precision(step))
}

func (s *search) measure() (accuracy, loss float64, err error) {
	n, err := infer.Compile(s.graph)
	if err != nil {
		return 0, 0, err
	}
	return s.tuning.Samples.Measure(s.ctx, n)
}

// greedily takes one step of one layer at a time.
func (s *search) greedily(loss float64) error {
	stuck := make([]bool, len(s.layers))
	for {
		best, bestWorth, bestLoss := -1, 0.0, 0.0
		for k, step := range s.steps {
			if stuck[k] || step+1 == len(thrifts) {
				continue
			}
			before := s.graph.Nodes[s.layers[k]].Weights.Values
			bits := valueBits(before)
			s.take(k, step+1)
			saved := bits - valueBits(s.graph.Nodes[s.layers[k]].Weights.Values)
			accuracy, l, err := s.measure()
			if err != nil {
				return err
			}
			s.graph.Nodes[s.layers[k]].Weights.Values, s.steps[k] = before, step
			if accuracy < s.least {
				stuck[k] = true // fewer bits will not be better
				continue
			}
			if worth := saved / max(l-loss, 1e-7); best < 0 || worth > bestWorth {
				best, bestWorth, bestLoss = k, worth, l
			}
		}
		if best < 0 {
			return nil
		}
		s.take(best, s.steps[best]+1)
		loss = bestLoss
	}
}

// together takes a step of all layers at a time.
func (s *search) together() error {
	for step := 1; step < len(thrifts); step++ {
		for k := range s.layers {
			s.take(k, step)
		}
		accuracy, _, err := s.measure()
		if err != nil {
			return err
		}
		if accuracy < s.least {
			for k := range s.layers {
				s.take(k, step-1)
			}
			return nil
		}
	}
	return nil
}

// valueBits estimates what the weights of a layer cost: the entropy of the entries, and the
// codebook.
func valueBits(values []float32) float64 {
	counts, total := map[float32]float64{}, 0.0
	for _, v := range values {
		if v != 0 {
			counts[v]++
			total++
		}
	}
	bits := 8 * float64(len(counts))
	for _, n := range counts {
		bits -= n * math.Log2(n/total)
	}
	return bits
}

// logSoftmax is the logarithm of the probability that logits give to a class.
func logSoftmax(logits []float32, class int) float64 {
	highest := float64(logits[0])
	for _, v := range logits {
		highest = max(highest, float64(v))
	}
	sum := 0.0
	for _, v := range logits {
		sum += math.Exp(float64(v) - highest)
	}
	return float64(logits[class]) - highest - math.Log(sum)
}
