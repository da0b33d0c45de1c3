package deploy

// The order of a layer's units is free where nothing but layers reads them. Those with the most
// weights come first: a file then needs few bits to say how many weights each unit has, and finds
// units that are alike side by side.

import (
	"cmp"
	"slices"

	net "gsmlab/infer/graph"
)

// flow follows the outputs of one layer to the layers that read them.
type flow struct {
	graph   *net.Graph
	layer   int
	reads   [][]int // who reads each node
	readers []int
	outs    int
}

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
	if !isLayer(n) || n.Groups > 1 {
		return nil
	}
	f := &flow{graph: g, layer: i, reads: reads, outs: widthOf(n.Weights.Shape)}
	if !f.follow() {
		return nil
	}
	return f
}

// follow finds what reads the layer's units. It is false where they cannot be told apart.
func (f *flow) follow() bool {
	seen := map[int]bool{}
	for queue := []int{f.layer}; len(queue) > 0; {
		i := queue[0]
		queue = queue[1:]
		if slices.Contains(f.graph.Outputs, i) {
			return false
		}
		for _, r := range f.reads[i] {
			n := &f.graph.Nodes[r]
			switch {
			case isLayer(n) && n.Groups <= 1:
				if !slices.Contains(f.readers, r) {
					f.readers = append(f.readers, r)
				}
			case !f.alone(i, r):
				return false
			case !seen[r]:
				seen[r] = true
				queue = append(queue, r)
			}
		}
	}
	return len(f.readers) > 0
}

// alone reports a node that treats each unit alone, in the units' order.
func (f *flow) alone(i, r int) bool {
	n, in := &f.graph.Nodes[r], f.graph.Nodes[i].Shape
	last := len(in) - 1
	return n.Op.Unary() || n.Op.Pool() || n.Op.Reduction() && !slices.Contains(n.Axes, last) || n.Op == net.Reshape && widthOf(n.Shape)%in[last] == 0
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
		to.Weights.Values = permuted(to.Weights.Values, order, widthOf(to.Weights.Shape))
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
