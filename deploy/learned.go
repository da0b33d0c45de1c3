package deploy

// A layer while it is trained: its exact numbers, and what they are rounded to.

import (
	"math"
	"slices"
)

const (
	// multiples is how many steps a weight may be, to either side: a codebook has 32 entries.
	multiples = 15
	// mostSteps is how many steps a bias may be.
	mostSteps = 127
	// Adam's memory of gradients and of their squares.
	memory, squareMemory = 0.9, 0.999
	// unseen is what rows, columns and multiples are counted for that no weight has: they are
	// unlikely and not impossible.
	unseen = 0.3
)

// A moved is a list of numbers that Adam moves.
type moved struct {
	value        []float64
	mean, square []float64 // of gradients
	curve        []float64 // half of the second derivative of the loss
	settled      []float64 // the mean of the value, once the steps no longer change
}

func newMoved(values []float32) moved {
	zeros := func() []float64 { return make([]float64, len(values)) }
	m := moved{value: zeros(), mean: zeros(), square: zeros(), curve: zeros()}
	for i, v := range values {
		m.value[i] = float64(v)
	}
	return m
}

// move takes one of Adam's steps.
func (m *moved) move(grads []float32, rate float64, steps int) {
	young, youngSquare := 1-math.Pow(memory, float64(steps)), 1-math.Pow(squareMemory, float64(steps))
	for i := range m.value {
		g := float64(grads[i])
		m.mean[i] = memory*m.mean[i] + (1-memory)*g
		m.square[i] = squareMemory*m.square[i] + (1-squareMemory)*g*g
		m.value[i] -= rate * m.mean[i] / young / (math.Sqrt(m.square[i]/youngSquare) + 1e-7)
	}
}

// settle takes the value into its mean. Near the border of two multiples a weight goes to and fro,
// and its mean does not.
func (m *moved) settle() {
	if m.settled == nil {
		m.settled = slices.Clone(m.value)
	}
	for i, v := range m.value {
		m.settled[i] += (v - m.settled[i]) * (1 - squareMemory)
	}
}

// swap lets the means be the values, and back, once there are means.
func (m *moved) swap() {
	if m.settled != nil {
		m.value, m.settled = m.settled, m.value
	}
}

// step is the size of a step at which one more bit for each number costs as much as it is worth: a
// number is off by step^2/12 in the mean square, and halving the step is a bit. At most so many
// steps reach all numbers.
func (m *moved) step(price float64, most float64) float64 {
	mean, high := 0.0, 0.0
	for i, v := range m.value {
		mean += m.curve[i] / float64(len(m.value))
		high = max(high, math.Abs(v))
	}
	return short(max(math.Sqrt(6*price/math.Ln2/mean), high/most, 1e-6))
}

// short rounds a number as a file holds steps: without the lower half of its bits.
func short(v float64) float64 {
	return float64(math.Float32frombits((math.Float32bits(float32(v)) + 1<<15) &^ (1<<16 - 1)))
}

// learned is a layer of a chain while it is trained.
type learned struct {
	*weighted
	weights, biases moved
	step, biasStep  float64   // 0 before the first prices: nothing is rounded
	placeBits       []float64 // what it costs to say where a weight is
	sizeBits        []float64 // what each multiple costs, with its sign
	scales          []float64 // of the units, beside those of the network
}

func newLearned(w *weighted) *learned {
	return &learned{weighted: w, weights: newMoved(w.values), biases: newMoved(w.bias), placeBits: make([]float64, len(w.values)), sizeBits: make([]float64, multiples+1)}
}

// prepare gives the chain the numbers as they are rounded now.
func (p *learned) prepare(price float64) {
	for i := range p.values {
		if p.step == 0 {
			p.values[i] = float32(p.weights.value[i])
		} else {
			p.values[i] = float32(float64(p.multiple(i, price)) * p.step)
		}
	}
	for i, v := range p.biases.value {
		if p.step > 0 {
			v = min(max(math.Round(v/p.biasStep), -mostSteps), mostSteps) * p.biasStep
		}
		p.bias[i] = float32(v)
	}
}

// multiple is how many steps a weight is rounded to: as many as cost least, by their error and
// their bits.
func (p *learned) multiple(i int, price float64) int {
	v := p.weights.value[i]
	exact := math.Abs(v / p.step)
	curve := p.weights.curve[i] * p.step * p.step
	least, best := curve*exact*exact, 0
	for k := 1; k <= multiples; k++ {
		off := exact - float64(k)
		if cost := curve*off*off + price*(p.placeBits[i]+p.sizeBits[k]); cost < least {
			least, best = cost, k
		}
	}
	if v < 0 {
		return -best
	}
	return best
}

// reprice sets the steps, and the bits of places and multiples by how often there are weights in
// each row and column, and of each multiple.
func (p *learned) reprice(price float64) {
	old := make([]int, len(p.values))
	first := p.step == 0
	if !first {
		for i := range old {
			old[i] = p.multiple(i, price)
		}
	}
	p.step, p.biasStep = p.weights.step(price, multiples+0.5), p.biases.step(price, mostSteps)
	if first {
		for i, v := range p.weights.value {
			old[i] = min(max(1, int(math.Round(math.Abs(v/p.step)))), multiples)
		}
	}
	outs := p.to.c
	rows, columns := make([]float64, len(p.node.Weights.Values)/outs), make([]float64, outs)
	counts, all := make([]float64, multiples+1), 0.0
	for i, k := range old {
		if k != 0 {
			at := int(p.places[i])
			rows[at/outs]++
			columns[at%outs]++
			counts[max(k, -k)]++
			all++
		}
	}
	for i, k := range old {
		at, own := int(p.places[i]), 0.0 // the weight itself does not count
		if k != 0 {
			own = 1
		}
		row, column := rows[at/outs]-own+unseen, columns[at%outs]-own+unseen
		share := min(row*column/(all-own+unseen*float64(len(rows))), 0.5)
		p.placeBits[i] = math.Log2((1 - share) / share)
	}
	for k := range p.sizeBits {
		p.sizeBits[k] = 1 - math.Log2((counts[k]+unseen)/(all+unseen*multiples))
	}
}

// equalize scales the units of each layer but the last, and what reads them by the inverse, which
// leaves the outputs as they are: with ReLU a unit may have any scale. A layer has one step for all
// weights, so it takes the fewest bits when all units need the same precision, and by the curvature
// some need more than others (cross-layer equalization, arXiv 1906.04721, by curvature).
func equalize(layers []*learned) {
	for _, p := range layers {
		p.scales = slices.Repeat([]float64{1}, p.to.c)
	}
	const rounds = 30
	for range rounds {
		for k, p := range layers[:len(layers)-1] {
			p.balance(layers[k+1])
		}
	}
}

// mostScale keeps the largest weights of a layer within the steps that there are.
const mostScale = 1.7

// balance scales the units of a layer so that the logarithms of both layers' mean curvatures, each
// times its weights, have the least sum.
func (p *learned) balance(next *learned) {
	outs, nextOuts := p.to.c, next.to.c
	unit := func(i int) int { return int(p.places[i]) % outs }
	// channels are the last axis
	reads := func(i int) int { return int(next.places[i]) / nextOuts % outs }
	in, out := make([]float64, outs), make([]float64, outs)
	sumIn, sumOut := 0.0, 0.0
	for i, c := range p.weights.curve {
		in[unit(i)] += c
		sumIn += c
	}
	for i, c := range next.weights.curve {
		out[reads(i)] += c
		sumOut += c
	}
	scale := make([]float64, outs)
	for o := range scale {
		scale[o] = 1
		if in[o] > 0 && out[o] > 0 {
			scale[o] = math.Sqrt(math.Sqrt(in[o] / sumIn * float64(len(p.weights.curve)) / (out[o] / sumOut * float64(len(next.weights.curve)))))
		}
	}
	for o, s := range scale {
		all := min(max(p.scales[o]*s, 1/mostScale), mostScale)
		scale[o], p.scales[o] = all/p.scales[o], all
	}
	for i := range p.weights.value {
		p.weights.scale(i, scale[unit(i)])
	}
	for o := range p.biases.value {
		p.biases.scale(o, scale[o])
	}
	for i := range next.weights.value {
		next.weights.scale(i, 1/scale[reads(i)])
	}
}

// scale multiplies a number that has not been moved yet.
func (m *moved) scale(i int, by float64) {
	m.value[i] *= by
	m.curve[i] /= by * by
}
