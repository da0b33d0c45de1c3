package deploy

// The order of a layer's units is free where nothing but layers reads them. Those with the most
// weights come first: a file then needs few bits to say how many weights each unit has, and finds
// units that are alike side by side.

import (
	"cmp"
	"slices"

	net "gsmlab/infer/graph"
)

// sortUnits sorts the units of one layer.
func sortUnits(g *net.Graph) bool {
	reads := readersOf(g)
	for i := range g.Nodes {
		if f := flowFrom(g, i, reads); f != nil && f.sort() {
			return true
		}
	}
	return false
}

// sort sorts the layer's units by how many weights they have, if they are not sorted.
func (f *flow) sort() bool {
	n := &f.graph.Nodes[f.layer]
	counts := make([]int, f.outs)
	for k, v := range n.Weights.Values {
		if v != 0 {
			counts[k%f.outs]++
		}
	}
	order := count(f.outs)
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(counts[b], counts[a]) })
	if slices.IsSorted(order) {
		return false
	}
	n.Weights.Values = permuted(n.Weights.Values, order, 1)
	if len(n.Bias) > 0 {
		n.Bias = permuted(n.Bias, order, 1)
	}
	for _, r := range f.readers {
		to := &f.graph.Nodes[r]
		to.Weights.Values = permuted(to.Weights.Values, order, to.Weights.Shape[len(to.Weights.Shape)-1])
	}
	return true
}

// permuted reorders stretches of values: of each len(order) stretches, the k-th is what order[k]
// was.
func permuted(values []float32, order []int, size int) []float32 {
	out := make([]float32, 0, len(values))
	for block := range slices.Chunk(values, len(order)*size) {
		for _, o := range order {
			out = append(out, block[o*size:(o+1)*size]...)
		}
	}
	return out
}
