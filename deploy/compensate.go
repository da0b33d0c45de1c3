package deploy

// Rounding weights to a codebook, some of them to zero, so that the layer's outputs change least:
// what one weight loses, the weights of the same unit that are still to be rounded make up for, and
// the bias in the end (Hassibi and Stork's optimal brain surgeon, used for rounding as in arXiv
// 2208.11580 and 2210.17323). Pruned units have few weights, so it costs little.

import (
	"cmp"
	"math"
	"slices"

	"gsmlab/infer"
	"gsmlab/infer/code"
	net "gsmlab/infer/graph"
)

// moments are the mean products of a layer's inputs, two by two, with one more input that is
// always 1, which the bias multiplies.
type moments struct {
	size   int // inputs, without the 1
	values []float32
}

// at is the mean product of two inputs.
func (m *moments) at(i, j int) float64 { return float64(m.values[i*(m.size+1)+j]) }

// mostRows is how many inputs of a layer its moments are taken from, mostInputs how many inputs it
// may have: the moments grow with their square.
const (
	mostRows   = 8_192
	mostInputs = 4_096
)

// momentsOf runs the network on samples and looks at the inputs of a layer. It is nil for layers
// that have groups, or too many inputs.
func momentsOf(g *net.Graph, i int, samples []float32) (*moments, error) {
	n := &g.Nodes[i]
	size := net.Elements(n.Weights.Shape[:len(n.Weights.Shape)-1])
	if n.Op == net.Embed || n.Groups > 1 || size > mostInputs {
		return nil, nil
	}
	part := &net.Graph{Nodes: slices.Clone(g.Nodes[:i]), Outputs: []int{n.In[0]}}
	tidy(part)
	program, err := infer.Compile(part)
	if err != nil {
		return nil, err
	}
	images := len(samples) / program.InputSize()
	perImage := net.Elements(n.Shape[:len(n.Shape)-1])
	wanted := min(mostRows, 1024+3*size)
	images = max(1, min(images, wanted))
	inputs := make([]float32, images*program.OutputSize())
	if err := program.Predict(inputs, samples[:images*program.InputSize()]); err != nil {
		return nil, err
	}
	m := &moments{size: size, values: make([]float32, (size+1)*(size+1))}
	row := make([]float32, size+1)
	row[size] = 1
	rows, step := 0, max(1, images*perImage/wanted)
	for k := 0; k < images*perImage; k += step {
		window(n, row[:size], inputs[k/perImage*program.OutputSize():][:program.OutputSize()], g.Nodes[n.In[0]].Shape, k%perImage)
		m.add(row)
		rows++
	}
	for k := range m.values {
		m.values[k] /= float32(rows)
	}
	return m, nil
}

// add adds the products of one input.
func (m *moments) add(row []float32) {
	for i, x := range row {
		if x == 0 {
			continue
		}
		sums := m.values[i*len(row) : (i+1)*len(row)]
		for j, y := range row {
			sums[j] += x * y
		}
	}
}

// window copies what a layer reads at one place.
func window(n *net.Node, row, in []float32, shape []int, place int) {
	if n.Op == net.Dense {
		copy(row, in[place*len(row):])
		return
	}
	stride, dilation := ones(n.Stride), ones(n.Dilation)
	w := n.Weights.Shape
	i, j := place/n.Shape[1]*stride[0]-n.Pads[0], place%n.Shape[1]*stride[1]-n.Pads[2]
	for k := range w[0] * w[1] {
		y, x := i+k/w[1]*dilation[0], j+k%w[1]*dilation[1]
		to := row[k*w[2] : (k+1)*w[2]]
		if y < 0 || y >= shape[0] || x < 0 || x >= shape[1] {
			clear(to)
			continue
		}
		copy(to, in[(y*shape[1]+x)*shape[2]:])
	}
}

// A roundable is a layer whose weights can be rounded, with what that takes.
type roundable struct {
	node       *net.Node // with exact weights
	moments    *moments
	importance []float64 // of each unit: how much the loss grows with the square of its change
	units      []support // of each unit, where they are kept
}

// A support is the inputs of a unit, those that are felt most first, while there are others to make
// up for them, and the inverse of their moments.
type support struct {
	inputs  []int
	inverse [][]float64
}

// mostKept is the size up to which an inverse is kept for the next rounding.
const mostKept = 256

// support is that of a unit. The inverse may be used up.
func (l *roundable) support(o int) support {
	if l.units == nil {
		l.units = make([]support, l.outs())
	}
	kept := &l.units[o]
	if kept.inputs == nil {
		m, outs := l.moments, l.outs()
		kept.inputs = []int{}
		for i := range m.size {
			if l.node.Weights.Values[i*outs+o] != 0 {
				kept.inputs = append(kept.inputs, i)
			}
		}
		slices.SortStableFunc(kept.inputs, func(i, j int) int { return cmp.Compare(m.at(j, j), m.at(i, i)) })
	}
	if len(kept.inputs) == 0 {
		return *kept
	}
	if kept.inverse == nil {
		inverse := l.moments.inverse(append(slices.Clone(kept.inputs), l.moments.size))
		if len(inverse) > mostKept {
			return support{kept.inputs, inverse}
		}
		kept.inverse = inverse
	}
	copied := make([][]float64, len(kept.inverse))
	for k, row := range kept.inverse {
		copied[k] = slices.Clone(row)
	}
	return support{kept.inputs, copied}
}

func (l *roundable) outs() int { return widthOf(l.node.Weights.Shape) }

// round returns the weights and biases of the layer, rounded. Thrift is what a bit of the file
// weighs against the error of a weight, as in code.Precision; with thrift above 0, a weight may
// also become zero.
func (l *roundable) round(thrift float64) (weights, bias []float32) {
	n := l.node
	if l.moments == nil {
		return code.Quantized(n.Weights.Values, code.Precision{Entries: code.MaxEntries, Thrift: thrift}), n.Bias
	}
	outs := l.outs()
	weights, bias = slices.Clone(n.Weights.Values), make([]float32, outs)
	copy(bias, n.Bias)
	supports := make([]support, outs)
	var all []weighed
	for o := range outs {
		supports[o] = l.support(o)
		for k, i := range supports[o].inputs {
			all = append(all, weighed{float64(weights[i*outs+o]), l.weight(o) / supports[o].inverse[k][k]})
		}
	}
	if len(all) == 0 {
		return weights, bias
	}
	b := codebookOf(all, thrift, float64(len(all))/float64(len(weights)))
	for o, s := range supports {
		if len(s.inputs) == 0 {
			continue
		}
		w := make([]float64, len(s.inputs)+1)
		for k, i := range s.inputs {
			w[k] = float64(weights[i*outs+o])
		}
		w[len(s.inputs)] = float64(bias[o])
		b.round(w, s.inverse, l.weight(o))
		for k, i := range s.inputs {
			weights[i*outs+o] = float32(w[k])
		}
		bias[o] = float32(w[len(s.inputs)])
	}
	return held(weights), bias
}

// weight is what a change of a unit weighs.
func (l *roundable) weight(o int) float64 {
	if l.importance == nil {
		return 1
	}
	return l.importance[o]
}

// held are weights as a file holds them, where not all entries of the codebook were used.
func held(weights []float32) []float32 {
	var used []float32
	for _, v := range weights {
		if v != 0 && !slices.Contains(used, v) {
			used = append(used, v)
		}
	}
	slices.Sort(used)
	entries := code.Held(used)
	if slices.Equal(entries, used) {
		return weights
	}
	for k, v := range weights {
		if v != 0 {
			weights[k] = slices.MinFunc(entries, func(a, b float32) int { return cmp.Compare(math.Abs(float64(a-v)), math.Abs(float64(b-v))) })
		}
	}
	return weights
}

// round rounds all weights of a unit but the last, the bias, in order. inverse is that of their
// moments; it is used up.
func (b *codebook) round(w []float64, inverse [][]float64, weight float64) {
	for k := range len(w) - 1 {
		rounded := b.entry(weighed{w[k], weight / inverse[k][k]})
		loss := (w[k] - rounded) / inverse[k][k]
		w[k] = rounded
		for j := k + 1; j < len(w); j++ {
			w[j] -= loss * inverse[k][j]
		}
		// the inverse without this weight
		for i := k + 1; i < len(w); i++ {
			f := inverse[i][k] / inverse[k][k]
			for j := k + 1; j < len(w); j++ {
				inverse[i][j] -= f * inverse[k][j]
			}
		}
	}
}

// inverse inverts the moments of some inputs, with a little added to each input's own, so that it
// can be inverted.
func (m *moments) inverse(list []int) [][]float64 {
	n := len(list)
	mean := 0.0
	for _, i := range list {
		mean += m.at(i, i) / float64(n)
	}
	a := make([][]float64, n)
	for k, i := range list {
		a[k] = make([]float64, 2*n)
		for l, j := range list {
			a[k][l] = m.at(i, j)
		}
		a[k][k] += 0.01*mean + 1e-9
		a[k][n+k] = 1
	}
	for k := range n { // the matrix is positive: no pivots
		f := 1 / a[k][k]
		for j := range a[k] {
			a[k][j] *= f
		}
		for i := range n {
			if i == k || a[i][k] == 0 {
				continue
			}
			g := a[i][k]
			for j := k; j < 2*n; j++ {
				a[i][j] -= g * a[k][j]
			}
		}
	}
	for k := range a {
		a[k] = a[k][n:]
	}
	return a
}
