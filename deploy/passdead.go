package deploy

// Units that do nothing are removed: those that nobody reads, and those that are always the same,
// whose value goes into the biases behind them.

import (
	"slices"

	net "gsmlab/infer/graph"
)

// flow follows the outputs of one layer to those that read them.
type flow struct {
	graph   *net.Graph
	layer   int
	reads   [][]int // who reads each node
	path    []int   // nodes between the layer and its readers, in order
	readers []int
	outs    int
	source  map[int][]int     // by node: which unit each place of its last axis comes from
	value   map[int][]float32 // by node: what each unit is there, NaN where that differs
}

// removeDead removes dead units of one layer.
func removeDead(g *net.Graph) bool {
	reads := readersOf(g)
	for i := range g.Nodes {
		if f := flowFrom(g, i, reads); f != nil && f.remove() {
			return true
		}
	}
	return false
}

// readersOf lists who reads each node.
func readersOf(g *net.Graph) [][]int {
	reads := make([][]int, len(g.Nodes))
	for i := range g.Nodes {
		for _, j := range g.Nodes[i].In {
			reads[j] = append(reads[j], i)
		}
	}
	return reads
}

// flowFrom follows the units of a node, if it is a layer whose units only layers read.
func flowFrom(g *net.Graph, i int, reads [][]int) *flow {
	n := &g.Nodes[i]
	if !isLayer(n) || n.Groups > 1 || slices.Contains(g.Outputs, i) {
		return nil
	}
	f := &flow{graph: g, layer: i, reads: reads, source: map[int][]int{}, value: map[int][]float32{}, outs: n.Weights.Shape[len(n.Weights.Shape)-1]}
	if !f.follow() {
		return nil
	}
	return f
}

// follow finds what reads the layer's units. It is false where they cannot be told apart.
func (f *flow) follow() bool {
	f.source[f.layer] = count(f.outs)
	f.value[f.layer] = f.constants()
	queue := []int{f.layer}
	for len(queue) > 0 {
		i := queue[0]
		queue = queue[1:]
		if slices.Contains(f.graph.Outputs, i) {
			return false
		}
		for _, r := range f.reads[i] {
			n := &f.graph.Nodes[r]
			if isLayer(n) {
				if n.Groups > 1 {
					return false
				}
				if !slices.Contains(f.readers, r) {
					f.readers = append(f.readers, r)
				}
				continue
			}
			if f.source[r] != nil {
				continue
			}
			if !f.step(i, r) {
				return false
			}
			f.path = append(f.path, r)
			queue = append(queue, r)
		}
	}
	return len(f.readers) > 0
}

// constants are the values of the units that no weight feeds, NaN for the others.
func (f *flow) constants() []float32 {
	n := &f.graph.Nodes[f.layer]
	fed := make([]bool, f.outs)
	for k, v := range n.Weights.Values {
		fed[k%f.outs] = fed[k%f.outs] || v != 0
	}
	values := make([]float32, f.outs)
	for u := range values {
		var bias float32
		if len(n.Bias) > 0 {
			bias = n.Bias[u]
		}
		y, ok := scalar(n.Act, n.Alpha, float64(bias))
		values[u] = float32(y)
		if fed[u] || !ok {
			values[u] = nan
		}
	}
	return values
}

// step follows one node that treats each unit alone: of each place of its last axis it says which
// unit it comes from.
func (f *flow) step(i, r int) bool {
	n, in := &f.graph.Nodes[r], f.graph.Nodes[i].Shape
	last := len(in) - 1
	source, value := f.source[i], slices.Clone(f.value[i])
	switch {
	case n.Op.Unary() && n.Type == net.Float:
		for u := range value {
			y, ok := scalar(n.Op, n.Alpha, float64(value[u]))
			value[u] = float32(y)
			if !ok {
				value[u] = nan
			}
		}
	case n.Op == net.MaxPool, n.Op == net.MeanPool:
	case n.Op == net.SumPool:
		for u := range value {
			if value[u] != 0 {
				value[u] = nan
			}
		}
	case (n.Op == net.ReduceMean || n.Op == net.ReduceMax || n.Op == net.ReduceMin) && !slices.Contains(n.Axes, last):
	case n.Op == net.Reshape && len(n.Shape) > 0 && n.Shape[len(n.Shape)-1]%in[last] == 0:
		source = slices.Repeat(source, n.Shape[len(n.Shape)-1]/in[last])
	default:
		return false
	}
	f.source[r], f.value[r] = source, value
	return true
}

// remove takes the dead units out, if there are any.
func (f *flow) remove() bool {
	read := make([]bool, f.outs)
	foldable := make([]bool, f.outs) // its value is known, and every reader can take it
	for u := range foldable {
		foldable[u] = true
	}
	for _, r := range f.readers {
		n := &f.graph.Nodes[r]
		source, value := f.source[n.In[0]], f.value[n.In[0]]
		for k, v := range n.Weights.Values {
			if v != 0 {
				read[source[inputOf(n, k)]] = true
			}
		}
		for u := range foldable {
			v := value[u]
			// through a border of zeros only a zero looks the same everywhere
			foldable[u] = foldable[u] && v == v && (n.Op == net.Dense || n.Pads == [4]int{} || v == 0)
		}
	}
	keep := make([]bool, f.outs)
	kept := 0
	for u := range keep {
		if keep[u] = read[u] && !foldable[u]; keep[u] {
			kept++
		}
	}
	if kept == 0 {
		keep[0] = true // an axis has at least one place
		kept = 1
	}
	if kept == f.outs {
		return false
	}
	for _, r := range f.readers {
		f.shrinkInputs(r, keep, foldable)
	}
	for _, i := range f.path {
		n := &f.graph.Nodes[i]
		// once for each time that the units are repeated
		n.Shape = slices.Clone(n.Shape)
		last := len(n.Shape) - 1
		n.Shape[last] = n.Shape[last] / f.outs * kept
	}
	f.shrinkOutputs(keep, kept)
	return true
}

// inputOf is the place of a layer's input that a weight multiplies.
func inputOf(n *net.Node, k int) int {
	outs := n.Weights.Shape[len(n.Weights.Shape)-1]
	return k / outs % n.Weights.Shape[len(n.Weights.Shape)-2]
}

// shrinkInputs takes the weights of dead units out of a layer that reads them. What a constant unit
// brings goes into the bias.
func (f *flow) shrinkInputs(r int, keep, foldable []bool) {
	n := &f.graph.Nodes[r]
	source, value := f.source[n.In[0]], f.value[n.In[0]]
	outs := n.Weights.Shape[len(n.Weights.Shape)-1]
	var weights []float32
	shift := make([]float64, outs)
	changed := false
	for k, v := range n.Weights.Values {
		u := source[inputOf(n, k)]
		switch {
		case keep[u]:
			weights = append(weights, v)
		case v != 0 && foldable[u] && value[u] != 0:
			shift[k%outs] += float64(v) * float64(value[u])
			changed = true
		}
	}
	if changed {
		bias := make([]float32, outs)
		copy(bias, n.Bias)
		for k := range bias {
			bias[k] = float32(float64(bias[k]) + shift[k])
		}
		n.Bias = bias
	}
	ins := 0
	for _, u := range source {
		if keep[u] {
			ins++
		}
	}
	shape := slices.Clone(n.Weights.Shape)
	shape[len(shape)-2] = ins
	n.Weights = net.Tensor{Shape: shape, Values: weights}
}

// shrinkOutputs takes dead units out of the layer itself.
func (f *flow) shrinkOutputs(keep []bool, kept int) {
	n := &f.graph.Nodes[f.layer]
	var weights, bias []float32
	for k, v := range n.Weights.Values {
		if keep[k%f.outs] {
			weights = append(weights, v)
		}
	}
	for u, v := range n.Bias {
		if keep[u] {
			bias = append(bias, v)
		}
	}
	shape := slices.Clone(n.Weights.Shape)
	shape[len(shape)-1] = kept
	n.Weights, n.Bias = net.Tensor{Shape: shape, Values: weights}, bias
	n.Shape = slices.Clone(n.Shape)
	n.Shape[len(n.Shape)-1] = kept
}
