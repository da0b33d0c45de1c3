package deploy

// Few bits for the weights: codebooks as small as accuracy on training images allows.

import (
	"context"
	"errors"
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

// thrifts are the steps of a layer's weights: from the nearest entry of the codebook to fewer and
// fewer bits.
var thrifts = append([]float64{0}, ladder(0.001, 0.6, 1.3)...)

// biasSteps are the steps of a layer's biases: from 8 bits to 4.
var biasSteps = []int{127, 90, 63, 45, 31, 22, 15, 11, 7}

func ladder(from, to, factor float64) (list []float64) {
	for ; from <= to; from *= factor {
		list = append(list, from)
	}
	return list
}

// manyLayers is from how many layers on all of them take their steps together: one by one would
// take hours.
const manyLayers = 12

// Tune rounds the weights of each layer to a small codebook, and some of them to zero, so that the
// accuracy on the samples falls by no more than t.Loss and the file becomes as small as it finds.
// It returns the network with these weights, without units that have died of it, and how
// code.Encode is to write it; g stays as it is.
//
// It goes from the largest codebooks to fewer bits in steps. In each round it takes the step that
// saves the most bits for the least loss of cross entropy, among those that keep the accuracy.
func Tune(ctx context.Context, g *net.Graph, t Tuning) (*net.Graph, code.Options, error) {
	s := &search{ctx: ctx, graph: clone(g), tuning: t}
	if len(t.Samples.Labels) == 0 {
		return nil, code.Options{}, ErrNoSamples
	}
	accuracy, loss, err := s.begin(g)
	if err != nil {
		return nil, code.Options{}, err
	}
	// An image or two may decide against the largest codebooks, and not against smaller ones.
	for step := 1; accuracy < s.least; step++ {
		if step > ahead {
			if t.Say != nil {
				t.Say("codebooks: none keeps the accuracy, so all weights stay exact: allow more loss, or train")
			}
			return clone(g), code.Options{}, nil
		}
		for k := range s.layers {
			s.takeWeights(&s.layers[k], step)
		}
		if accuracy, loss, err = s.measure(); err != nil {
			return nil, code.Options{}, err
		}
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
	return s.finish()
}

// finish takes out what has died, and says how the file is to be written.
func (s *search) finish() (*net.Graph, code.Options, error) {
	precisions := make([]code.Precision, len(s.graph.Nodes))
	for k := range s.layers {
		l := &s.layers[k]
		precisions[l.at] = code.Precision{Entries: code.MaxEntries, Bias: biasSteps[l.biases.step]}
		s.graph.Nodes[l.at].Bias = l.bias // which the file rounds
	}
	out, err := apply(s.graph, unitPasses)
	if err != nil {
		return nil, code.Options{}, err
	}
	return out, code.Options{Precision: func(node int) code.Precision { return precisions[node] }}, nil
}

// search is the state of Tune.
type search struct {
	ctx    context.Context
	graph  *net.Graph // with the weights of the steps
	tuning Tuning
	layers []tuned
	least  float64
}

// tuned is a layer with its two dials.
type tuned struct {
	roundable
	at              int       // the node
	bias            []float32 // after compensation, not rounded
	weights, biases dial
}

// A dial is at one of several steps.
type dial struct{ step, steps int }

// begin measures the network as it is, and takes the first step of each layer.
func (s *search) begin(g *net.Graph) (accuracy, loss float64, err error) {
	if accuracy, _, err = s.measure(); err != nil {
		return 0, 0, err
	}
	s.least = accuracy - s.tuning.Loss
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if !isLayer(n) && n.Op != net.Embed {
			continue
		}
		m, err := momentsOf(g, i, s.tuning.Samples.Values)
		if err == nil {
			err = s.ctx.Err()
		}
		if err != nil {
			return 0, 0, err
		}
		s.layers = append(s.layers, tuned{roundable: roundable{node: n, moments: m}, at: i, weights: dial{steps: len(thrifts)}, biases: dial{steps: len(biasSteps)}})
	}
	if len(s.layers) < manyLayers {
		for k := range s.layers {
			if err := s.weigh(&s.layers[k]); err != nil {
				return 0, 0, err
			}
		}
	}
	for k := range s.layers {
		s.takeWeights(&s.layers[k], 0)
	}
	return s.measure()
}

// weighed images are enough to say which units matter.
const weighImages = 2_000

// weigh measures how much the loss grows when a unit is a little off, to either side.
func (s *search) weigh(l *tuned) error {
	if l.moments == nil {
		return nil
	}
	samples := s.tuning.Samples.Head(weighImages)
	n := &s.graph.Nodes[l.at]
	bias := n.Bias
	defer func() { n.Bias = bias }()
	shifted := func(o int, by float64) (float64, error) {
		n.Bias = make([]float32, l.outs())
		copy(n.Bias, bias)
		n.Bias[o] += float32(by)
		program, err := infer.Compile(s.graph)
		if err != nil {
			return 0, err
		}
		_, loss, err := samples.Measure(s.ctx, program)
		return loss, err
	}
	middle, err := shifted(0, 0)
	if err != nil {
		return err
	}
	l.importance = make([]float64, l.outs())
	mean := 0.0
	for o := range l.importance {
		by := 0.3*l.size(o) + 1e-3
		above, err1 := shifted(o, by)
		below, err2 := shifted(o, -by)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		l.importance[o] = max((above+below-2*middle)/(by*by), 0)
		mean += l.importance[o] / float64(len(l.importance))
	}
	for o := range l.importance { // none is without any
		l.importance[o] = max(l.importance[o], 0.05*mean+1e-12)
	}
	return nil
}

// size is the root of a unit's mean square before the activation.
func (l *roundable) size(o int) float64 {
	outs := l.outs()
	inputs := l.support(o).inputs
	sum := 0.0
	for _, i := range inputs {
		for _, j := range inputs {
			sum += float64(l.node.Weights.Values[i*outs+o]) * float64(l.node.Weights.Values[j*outs+o]) * l.moments.at(i, j)
		}
	}
	return math.Sqrt(max(sum, 0))
}

// takeWeights gives a layer the weights of a step.
func (s *search) takeWeights(l *tuned, step int) {
	l.weights.step = step
	s.graph.Nodes[l.at].Weights.Values, l.bias = l.round(thrifts[step])
	s.takeBiases(l, l.biases.step)
}

// takeBiases gives a layer the biases of a step.
func (s *search) takeBiases(l *tuned, step int) {
	l.biases.step = step
	s.graph.Nodes[l.at].Bias = code.Biases(l.bias, biasSteps[step])
}

func (s *search) measure() (accuracy, loss float64, err error) {
	n, err := infer.Compile(s.graph)
	if err != nil {
		return 0, 0, err
	}
	return s.tuning.Samples.Measure(s.ctx, n)
}

// a try is what the next step of a dial brings, when it was last looked at.
type try struct {
	layer       *tuned
	dial        *dial
	take        func(*tuned, int)
	worth, loss float64
	step        int // which one it is: one that keeps the accuracy
	round       int // when that was, 0 for never
	stuck       bool
}

// greedily takes one step of one dial at a time. What a step was worth in an earlier round is more
// than it is now, as a rule, so only those that seemed best are looked at again.
func (s *search) greedily(loss float64) error {
	var tries []*try
	for k := range s.layers {
		l := &s.layers[k]
		tries = append(tries, &try{layer: l, dial: &l.weights, take: s.takeWeights, worth: math.Inf(1)})
		if l.moments != nil {
			tries = append(tries, &try{layer: l, dial: &l.biases, take: s.takeBiases, worth: math.Inf(1)})
		}
	}
	for round := 1; ; {
		var best *try
		for _, t := range tries {
			if !t.stuck && t.dial.step+1 < t.dial.steps && (best == nil || t.worth > best.worth) {
				best = t
			}
		}
		switch {
		case best == nil:
			return nil
		case best.round == round:
			loss = best.loss
			best.take(best.layer, best.step)
			best.worth, best.round = math.Inf(1), 0
			round++
		default:
			if err := s.try(best, loss); err != nil {
				return err
			}
			best.round = round
		}
	}
}

// ahead is how many steps are looked at. Accuracy goes up and down by an image or two, so that a
// step may fail where the ones after it do not.
const ahead = 4

// try looks at the next steps of a dial, up to the first that keeps the accuracy.
func (s *search) try(t *try, loss float64) error {
	n, l := &s.graph.Nodes[t.layer.at], t.layer
	weights, rounded, before := n.Weights.Values, n.Bias, *l
	defer func() {
		n.Weights.Values, n.Bias, l.bias, l.weights, l.biases = weights, rounded, before.bias, before.weights, before.biases
	}()
	bits, start := l.bits(weights), t.dial.step+1
	for t.step = start; t.step < min(start+ahead, t.dial.steps); t.step++ {
		t.take(l, t.step)
		accuracy, after, err := s.measure()
		if err != nil {
			return err
		}
		if accuracy >= s.least {
			t.loss, t.worth = after, (bits-l.bits(n.Weights.Values))/max(after-loss, 1e-6)
			return nil
		}
	}
	t.stuck = true // fewer bits will not be better where these are too few
	return nil
}

// together takes a step of all layers at a time.
func (s *search) together() error {
	for step := s.layers[0].weights.step + 1; step < len(thrifts); step++ {
		for k := range s.layers {
			s.takeWeights(&s.layers[k], step)
		}
		accuracy, _, err := s.measure()
		if err != nil {
			return err
		}
		if accuracy < s.least {
			for k := range s.layers {
				s.takeWeights(&s.layers[k], step-1)
			}
			return nil
		}
	}
	return nil
}

// bits estimates what a layer costs: the entropy of the mask and of the entries, the codebook, and
// the biases.
func (l *tuned) bits(values []float32) float64 {
	counts, kept := map[float32]float64{}, 0.0
	for _, v := range values {
		if v != 0 {
			counts[v]++
			kept++
		}
	}
	bits := 8*float64(len(counts)) + float64(len(l.bias))*math.Log2(float64(2*biasSteps[l.biases.step]+1))
	for _, n := range counts {
		bits -= n * math.Log2(n/kept)
	}
	if all := float64(len(values)); kept > 0 && kept < all {
		bits -= kept*math.Log2(kept/all) + (all-kept)*math.Log2(1-kept/all)
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
