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
	// Loss is how much of the accuracy on the samples may be lost, such as 0.0005 for five images
	// in ten thousand.
	Loss float64
	// Say, which may be nil, is told what was found.
	Say func(string)
}

// thrifts are the steps of a layer: from the nearest entry of the codebook to fewer and fewer bits.
var thrifts = []float64{0, 0.002, 0.004, 0.007, 0.012, 0.02, 0.03, 0.045, 0.065, 0.1, 0.15, 0.25, 0.5}

// manyLayers is from how many layers on all of them take their steps together: one by one would
// take hours.
const manyLayers = 12

// Tune rounds the weights of each layer to a small codebook, so that the accuracy on the samples
// falls by no more than t.Loss and the file becomes as small as it finds. It returns the network
// with these weights and how code.Encode is to write it; g stays as it is.
//
// It goes from the largest codebooks to fewer bits in steps. In each round it takes the step that
// saves the most bits for the least loss of cross entropy, among those that keep the accuracy.
func Tune(ctx context.Context, g *net.Graph, t Tuning) (*net.Graph, code.Options, error) {
	s := &search{ctx: ctx, graph: clone(g), original: g, tuning: t}
	if len(t.Samples.Labels) == 0 {
		return nil, code.Options{}, ErrNoSamples
	}
	accuracy, loss, err := s.begin()
	if err != nil {
		return nil, code.Options{}, err
	}
	if accuracy < s.least { // not even the largest codebooks will do
		return clone(g), code.Options{}, nil
	}
	if len(s.layers) >= manyLayers {
		err = s.together()
	} else {
		err = s.greedily(loss)
	}
	if err != nil {
		return nil, code.Options{}, err
	}
	if t.Say != nil {
		last, _, err := s.measure()
		if err != nil {
			return nil, code.Options{}, err
		}
		t.Say(fmt.Sprintf("codebooks: %.2f %% of %d training images, %.2f %% with exact weights", 100*last, len(t.Samples.Labels), 100*(s.least+t.Loss)))
	}
	chosen := code.Options{Precision: func(node int) code.Precision {
		if n := &g.Nodes[node]; isLayer(n) || n.Op == net.Embed {
			return code.Precision{Entries: code.MaxEntries, Bias: 127}
		}
		return code.Precision{}
	}}
	return s.graph, chosen, nil
}

// search is the state of Tune.
type search struct {
	ctx      context.Context
	original *net.Graph
	graph    *net.Graph // with the weights of the steps
	tuning   Tuning
	layers   []int // nodes
	moments  []*moments
	steps    []int // of each layer
	least    float64
}

// begin measures the network as it is, and takes the first step of each layer.
func (s *search) begin() (accuracy, loss float64, err error) {
	if accuracy, _, err = s.measure(); err != nil {
		return 0, 0, err
	}
	s.least = accuracy - s.tuning.Loss
	for i := range s.original.Nodes {
		if n := &s.original.Nodes[i]; !isLayer(n) && n.Op != net.Embed {
			continue
		}
		m, err := momentsOf(s.original, i, s.tuning.Samples.Values)
		if err == nil {
			err = s.ctx.Err()
		}
		if err != nil {
			return 0, 0, err
		}
		s.layers, s.moments, s.steps = append(s.layers, i), append(s.moments, m), append(s.steps, 0)
		s.take(len(s.layers)-1, 0)
	}
	return s.measure()
}

// take gives a layer the weights of a step.
func (s *search) take(k, step int) {
	n := &s.graph.Nodes[s.layers[k]]
	s.steps[k] = step
	n.Weights.Values, n.Bias = round(&s.original.Nodes[s.layers[k]], s.moments[k], code.Precision{Entries: code.MaxEntries, Thrift: thrifts[step]})
}

func (s *search) measure() (accuracy, loss float64, err error) {
	n, err := infer.Compile(s.graph)
	if err != nil {
		return 0, 0, err
	}
	return s.tuning.Samples.Measure(s.ctx, n)
}

// a try is what the next step of a layer brings, when it was last looked at.
type try struct {
	worth, loss float64
	step        int // which one it is: one that keeps the accuracy
	round       int // when that was, 0 for never
	stuck       bool
}

// greedily takes one step of one layer at a time. What a step was worth in an earlier round is more
// than it is now, as a rule, so only those that seemed best are looked at again.
func (s *search) greedily(loss float64) error {
	tries := make([]try, len(s.layers))
	for k := range tries {
		tries[k].worth = math.Inf(1)
	}
	for round := 1; ; {
		best := -1
		for k, t := range tries {
			if !t.stuck && s.steps[k]+1 < len(thrifts) && (best < 0 || t.worth > tries[best].worth) {
				best = k
			}
		}
		switch {
		case best < 0:
			return nil
		case tries[best].round == round:
			loss = tries[best].loss
			s.take(best, tries[best].step)
			tries[best] = try{worth: math.Inf(1)}
			round++
		default:
			if err := s.try(&tries[best], best, loss); err != nil {
				return err
			}
			tries[best].round = round
		}
	}
}

// ahead is how many steps are looked at. Accuracy goes up and down by an image or two, so that a
// step may fail where the one after it does not.
const ahead = 3

// try looks at the next steps of a layer, up to the first that keeps the accuracy.
func (s *search) try(t *try, k int, loss float64) error {
	n := &s.graph.Nodes[s.layers[k]]
	weights, bias, step := n.Weights.Values, n.Bias, s.steps[k]
	defer func() { n.Weights.Values, n.Bias, s.steps[k] = weights, bias, step }()
	for t.step = step + 1; t.step < min(step+1+ahead, len(thrifts)); t.step++ {
		s.take(k, t.step)
		accuracy, l, err := s.measure()
		if err != nil {
			return err
		}
		if accuracy >= s.least {
			saved := valueBits(weights) - valueBits(n.Weights.Values)
			t.loss, t.worth = l, saved/max(l-loss, 1e-6)
			return nil
		}
	}
	t.stuck = true // fewer bits will not be better where these are too few
	return nil
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

// Probabilities are the shares that logits give to the classes, by softmax.
func Probabilities(logits []float32) []float64 {
	all := logSum(logits)
	shares := make([]float64, len(logits))
	for class, v := range logits {
		shares[class] = math.Exp(float64(v) - all)
	}
	return shares
}

// logSoftmax is the logarithm of the probability that logits give to a class.
func logSoftmax(logits []float32, class int) float64 { return float64(logits[class]) - logSum(logits) }

// logSum is the logarithm of the sum of the exponentials of logits.
func logSum(logits []float32) float64 {
	highest := float64(logits[0])
	for _, v := range logits {
		highest = max(highest, float64(v))
	}
	sum := 0.0
	for _, v := range logits {
		sum += math.Exp(float64(v) - highest)
	}
	return highest + math.Log(sum)
}
