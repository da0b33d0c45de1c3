// Training while rounding: the weights that are left learn to be whole multiples of a step, few and
// cheap ones. In each step of training the network computes with rounded weights, and the gradient
// moves the exact ones behind them (the straight-through estimator, arXiv 1308.3432). A weight is
// rounded to what costs least: the loss that its error brings, by the curvature of the loss, and
// its bits in the file at a price (entropy-constrained quantization, as in codebook.go). The price
// rises as long as the accuracy on the samples holds.
//
// The network learns what it said itself before it was rounded, and not the labels: these it would
// learn by heart, and what holds for the samples would not hold for other images.

package deploy

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"gsmlab/infer"
	"gsmlab/infer/code"
	net "gsmlab/infer/graph"
)

const (
	trainBatch = 64
	trainRate  = 1e-3 // of Adam, at the beginning; it falls to zero by a cosine
	// A round ends in new steps and prices, and in a measurement.
	roundsPerEpoch = 2
	// What a bit may cost at the beginning, in nats of the loss, and by which factor it changes.
	firstPrice, priceFactor = 6e-6, 1.15
	// The price rises no more in the last rounds, so that the weights come to rest.
	restRounds = 0.3
	// While the rate is high the accuracy is lower than it will be: by so much at the beginning.
	trainSlack = 0.001
	// What the network said before is softened by this temperature, as in distillation.
	temperature = 2
	// curvatureImages are enough to measure the curvature of the loss.
	curvatureImages = 4_000
)

// A learner is the state of Train.
type learner struct {
	graph   *net.Graph
	tuning  Tuning
	chain   *chain
	layers  []*learned
	workers []*worker
	random  *rand.Rand
	teacher []float32 // the logits of all samples before
	order   []int     // of the samples, those that are still to come in this epoch
	steps   int       // that were taken
	all     int       // steps that will be taken
	price   float64   // of a bit, in nats
}

// Train rounds the weights as Tune does, and trains those that are left while it rounds more and
// more of them to zero or to fewer values. It goes through the samples so many times, with random
// numbers of the seed, and returns the smallest file that it met whose accuracy on the samples is
// lower by at most t.Loss. For a network that is no chain of convolutions, maximum pools and dense
// layers with ReLU it returns an error.
func Train(ctx context.Context, g *net.Graph, t Tuning, epochs int, seed uint64) (*net.Graph, code.Options, error) {
	l, err := newLearner(g, t, seed)
	if err != nil {
		return nil, code.Options{}, err
	}
	least, _, err := l.measure(ctx, g)
	if err != nil {
		return nil, code.Options{}, err
	}
	least -= t.Loss
	rounds := epochs * roundsPerEpoch
	perRound := len(t.Samples.Labels) / trainBatch / roundsPerEpoch
	l.all = rounds * perRound
	var best *net.Graph
	var options code.Options
	size := math.MaxInt
	for round := range rounds {
		rest := float64(round) >= (1-restRounds)*float64(rounds)
		if !rest {
			l.reprice()
		}
		for range perRound {
			if err := ctx.Err(); err != nil {
				return nil, options, err
			}
			l.step(rest)
		}
		rounded, o, err := l.rounded()
		if err != nil {
			return nil, options, err
		}
		accuracy, loss, err := l.measure(ctx, rounded)
		if err != nil {
			return nil, options, err
		}
		file, _, err := code.Encode(rounded, o)
		if err != nil {
			return nil, options, err
		}
		if accuracy >= least && len(file) < size {
			best, options, size = rounded, o, len(file)
		}
		if t.Say != nil {
			t.Say(fmt.Sprintf("training: round %d of %d, %d bytes, %.2f %% of the training images, loss %.4f %.2g", round+1, rounds, len(file), 100*accuracy, loss, l.price))
		}
		switch {
		case rest:
		case accuracy < least-trainSlack*l.cosine():
			l.price /= priceFactor
		default:
			l.price *= priceFactor
		}
	}
	if best == nil {
		return nil, options, fmt.Errorf("deploy: after %d epochs of training no rounded network has the accuracy %.2f %% on the samples: train longer, or allow more loss", epochs, 100*least)
	}
	return best, options, nil
}

// newLearner begins with the weights of a network.
func newLearner(g *net.Graph, t Tuning, seed uint64) (*learner, error) {
	if len(t.Samples.Labels) < trainBatch*roundsPerEpoch {
		return nil, errors.Join(ErrNoSamples, fmt.Errorf("deploy: training takes at least %d", trainBatch*roundsPerEpoch))
	}
	c, err := chainOf(g)
	if err != nil {
		return nil, err
	}
	l := &learner{graph: g, tuning: t, chain: c, random: rand.New(rand.NewPCG(seed, 0)), price: firstPrice}
	for _, w := range c.layers {
		l.layers = append(l.layers, newLearned(w))
	}
	for range runtime.GOMAXPROCS(0) {
		l.workers = append(l.workers, c.newWorker())
	}
	program, err := infer.Compile(g)
	if err != nil {
		return nil, err
	}
	l.teacher = make([]float32, len(t.Samples.Labels)*c.outs)
	if err := program.Predict(l.teacher, t.Samples.Values); err != nil {
		return nil, err
	}
	l.curve()
	equalize(l.layers)
	return l, nil
}

func (l *learner) measure(ctx context.Context, g *net.Graph) (accuracy, loss float64, err error) {
	program, err := infer.Compile(g)
	if err != nil {
		return 0, 0, err
	}
	return l.tuning.Samples.Measure(ctx, program)
}

// cosine falls from 1 to 0.
func (l *learner) cosine() float64 {
	return (1 + math.Cos(math.Pi*float64(l.steps)/float64(l.all))) / 2
}

// image is one of the samples.
func (l *learner) image(i int) []float32 {
	size := len(l.tuning.Samples.Values) / len(l.tuning.Samples.Labels)
	return l.tuning.Samples.Values[i*size : (i+1)*size]
}

// step trains with one batch. At rest the weights' means are kept.
func (l *learner) step(rest bool) {
	if len(l.order) < trainBatch {
		l.order = l.random.Perm(len(l.tuning.Samples.Labels))
	}
	batch := l.order[:trainBatch]
	l.order = l.order[trainBatch:]
	for _, p := range l.layers {
		p.prepare(l.price)
	}
	l.each(batch, func(w *worker, i int) {
		d := softened(w.forward(l.chain, l.image(i)))
		for k, p := range softened(l.teacher[i*l.chain.outs : (i+1)*l.chain.outs]) {
			d[k] = (d[k] - p) * temperature / trainBatch
		}
		w.backward(l.chain, d)
	})
	sums := l.workers[0].sums
	for _, w := range l.workers[1:] {
		for i, v := range w.sums {
			sums[i] += v
		}
	}
	l.steps++
	for _, p := range l.layers {
		p.weights.move(sums[p.first:], trainRate*l.cosine(), l.steps)
		p.biases.move(sums[p.first+len(p.values):], trainRate*l.cosine(), l.steps)
		if rest {
			p.weights.settle()
			p.biases.settle()
		}
	}
}

// each calls f for all samples of a list, in several goroutines, each of which has a worker whose
// sums begin as zeros.
func (l *learner) each(list []int, f func(w *worker, i int)) {
	var done sync.WaitGroup
	share := (len(list) + len(l.workers) - 1) / len(l.workers)
	for k, w := range l.workers {
		clear(w.sums)
		part := list[min(k*share, len(list)):min((k+1)*share, len(list))]
		done.Go(func() {
			for _, i := range part {
				f(w, i)
			}
		})
	}
	done.Wait()
}

// softened are the probabilities of logits at the temperature.
func softened(logits []float32) []float32 {
	out := make([]float32, len(logits))
	for k, v := range logits {
		out[k] = v / temperature
	}
	for k, p := range Probabilities(out) {
		out[k] = float32(p)
	}
	return out
}

// reprice sets the steps of all layers and the bits of their weights, for the price as it is now.
func (l *learner) reprice() {
	l.curve()
	for _, p := range l.layers {
		p.reprice(l.price)
	}
}

// curve measures half of the second derivative of the loss by each number: Fisher's information,
// the mean square of the gradient for classes that the network itself draws.
func (l *learner) curve() {
	for _, p := range l.layers {
		p.prepare(l.price)
	}
	squares := make([][]float64, len(l.workers))
	at := map[*worker]int{}
	for k, w := range l.workers {
		squares[k], at[w] = make([]float64, len(w.sums)), k
	}
	list := make([]int, min(curvatureImages, len(l.tuning.Samples.Labels)))
	draws := make([]float64, len(l.tuning.Samples.Labels))
	for k := range list {
		list[k] = l.random.IntN(len(draws))
		draws[list[k]] = l.random.Float64()
	}
	l.each(list, func(w *worker, i int) {
		d := softened(w.forward(l.chain, l.image(i)))
		class, rest := 0, draws[i]-float64(d[0])
		for rest > 0 && class < len(d)-1 {
			class++
			rest -= float64(d[class])
		}
		d[class]--
		clear(w.sums)
		w.backward(l.chain, d)
		sums := squares[at[w]]
		for k, v := range w.sums {
			sums[k] += float64(v) * float64(v)
		}
	})
	for _, p := range l.layers {
		for _, m := range []struct {
			*moved
			first int
		}{{&p.weights, p.first}, {&p.biases, p.first + len(p.values)}} {
			mean := 0.0
			for i := range m.curve {
				m.curve[i] = 0
				for _, sums := range squares {
					m.curve[i] += sums[m.first+i] / float64(2*len(list))
				}
				mean += m.curve[i] / float64(len(m.curve))
			}
			for i := range m.curve { // none is without any
				m.curve[i] = max(m.curve[i], 0.01*mean+1e-12)
			}
		}
	}
}

// rounded is the network as a file holds it.
func (l *learner) rounded() (*net.Graph, code.Options, error) {
	g := clone(l.graph)
	precisions := make([]code.Precision, len(g.Nodes))
	for _, p := range l.layers {
		p.weights.swap()
		p.biases.swap()
		p.prepare(l.price)
		p.weights.swap()
		p.biases.swap()
		n := &g.Nodes[p.at]
		n.Weights.Values = make([]float32, len(n.Weights.Values))
		for i, v := range p.values {
			n.Weights.Values[p.places[i]] = v
		}
		n.Bias = slices.Clone(p.bias)
		precisions[p.at] = code.Precision{Entries: code.MaxEntries, Bias: mostSteps, Step: float32(p.step), BiasStep: float32(p.biasStep)}
	}
	g, err := apply(g, unitPasses)
	if err != nil {
		return nil, code.Options{}, err
	}
	for _, p := range l.layers { // what dead units gave is in the biases now
		n, step := &g.Nodes[p.at], &precisions[p.at].BiasStep
		if slices.ContainsFunc(n.Bias, func(v float32) bool { return max(v, -v) > mostSteps**step }) {
			*step = 0
			n.Bias = code.Biases(n.Bias, mostSteps)
			continue
		}
		n.Bias = slices.Clone(n.Bias)
		for i, v := range n.Bias {
			n.Bias[i] = float32(math.Round(float64(v / *step))) * *step
		}
	}
	return g, code.Options{Precision: func(node int) code.Precision { return precisions[node] }}, nil
}
