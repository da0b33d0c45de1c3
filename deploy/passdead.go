// Units that do nothing are removed: those that nobody reads, and those that are always the same,
// whose value goes into the biases behind them. Units are followed to those who read them through
// all that treats each alone, sums and concatenations included: a channel of a sum can only go from
// all of its terms at once.

package deploy

import (
	"slices"

	net "gsmlab/infer/graph"
)

// removeDead removes what is dead. Each step may show more to the others.
func removeDead(g *net.Graph) bool {
	c := &channels{graph: g}
	c.follow()
	folded := c.foldConstants()
	c.need()
	silenced := c.silence()
	return c.shrink() || folded || silenced
}

// channels is what is known of the places on the last axis of each node's value, its channels.
type channels struct {
	graph  *net.Graph
	width  []int       // how many channels each node has
	values [][]float32 // what each channel always is; NaN where that differs or is not known
	needed [][]bool    // does an output depend on the channel?
}

// widthOf is the size of the last axis.
func widthOf(shape []int) int {
	if len(shape) == 0 {
		return 1
	}
	return shape[len(shape)-1]
}

// A way says how channels come from an input.
type way struct {
	from []int // for each channel the one that it comes from, -1 where it comes from another input
	tied bool  // the two go together
}

// way is how the channels of node i come from its k-th input. It is false where each may come from
// all.
func (c *channels) way(i, k int) (way, bool) {
	n := &c.graph.Nodes[i]
	in := &c.graph.Nodes[n.In[k]]
	last, width := len(in.Shape)-1, widthOf(in.Shape)
	if last < 0 || len(n.Shape) == 0 {
		return way{make([]int, c.width[i]), false}, width == 1 && (n.Op.Binary() || n.Op == net.Broadcast)
	}
	same := false
	switch {
	case n.Op.Unary(), n.Op.Pool():
		same = true
	case n.Op.Binary(), n.Op == net.Broadcast:
		if width == 1 && c.width[i] > 1 { // repeated
			return way{make([]int, c.width[i]), false}, true
		}
		same = true
	case n.Op.Reduction():
		same = !slices.Contains(n.Axes, last)
	case n.Op == net.Transpose:
		same = n.Axes[last] == last
	case n.Op == net.Slice:
		same = n.Shape[last] == width && n.Start[last] == 0
	case n.Op == net.Pad:
		same = n.Low[last] == 0 && n.High[last] == 0
	case n.Op == net.Concat && n.Axes[0] != last:
		same = true
	case n.Op == net.Concat:
		w := way{slices.Repeat([]int{-1}, c.width[i]), true}
		at := 0
		for _, j := range n.In[:k] {
			at += c.width[j]
		}
		for u := range width {
			w.from[at+u] = u
		}
		return w, true
	case n.Op == net.Reshape && c.width[i]%width == 0:
		return way{slices.Repeat(count(width), c.width[i]/width), true}, true
	}
	if !same {
		return way{}, false
	}
	return way{count(width), true}, true
}

// follow finds which channels are always the same.
func (c *channels) follow() {
	nodes := c.graph.Nodes
	c.width, c.values = make([]int, len(nodes)), make([][]float32, len(nodes))
	for i := range nodes {
		n := &nodes[i]
		c.width[i] = widthOf(n.Shape)
		v := slices.Repeat([]float32{nan}, c.width[i])
		c.values[i] = v
		switch {
		case n.Type != net.Float, n.Op == net.Input:
		case n.Op == net.Const:
			for u := range v {
				v[u] = n.Values[u]
			}
			for k, x := range n.Values {
				if v[k%len(v)] != x {
					v[k%len(v)] = nan
				}
			}
		case isLayer(n):
			c.constants(n, v)
		default:
			for u := range v {
				v[u] = c.constant(i, u)
			}
		}
	}
}

// constants are the values of the units that no weight feeds.
func (c *channels) constants(n *net.Node, v []float32) {
	fed := make([]bool, len(v))
	for k, w := range n.Weights.Values {
		fed[k%len(v)] = fed[k%len(v)] || w != 0
	}
	for u := range v {
		var bias float32
		if len(n.Bias) > 0 {
			bias = n.Bias[u]
		}
		if y, ok := scalar(n.Act, n.Alpha, float64(bias)); ok && !fed[u] {
			v[u] = float32(y)
		}
	}
}

// constant is what a channel of a node always is, from what its inputs are, NaN where that differs.
func (c *channels) constant(i, u int) float32 {
	n := &c.graph.Nodes[i]
	var in []float64
	for k, j := range n.In {
		w, ok := c.way(i, k)
		if !ok {
			return nan
		}
		if from := w.from[u]; from >= 0 {
			x := c.values[j][from]
			if x != x {
				return nan
			}
			in = append(in, float64(x))
		}
	}
	y, ok := in[0], true
	switch {
	case n.Op.Unary(), n.Op.Binary():
		y, ok = scalar(n.Op, n.Alpha, in...)
	case n.Op == net.SumPool, n.Op == net.ReduceSum:
		ok = y == 0
	case n.Op == net.Pad:
		ok = y == float64(n.Fill)
	case n.Op == net.Concat: // along another axis there are several
		ok = slices.Max(in) == slices.Min(in)
	}
	if !ok {
		return nan
	}
	return float32(y)
}

// foldable reports whether a layer can take the value of a channel that it reads into its bias:
// through a border of zeros only a zero looks the same everywhere.
func foldable(n *net.Node, v float32) bool {
	return v == v && (n.Op == net.Dense || n.Pads == [4]int{} || v == 0)
}

// foldConstants takes what layers read and is always the same into their biases.
func (c *channels) foldConstants() (changed bool) {
	for i := range c.graph.Nodes {
		n := &c.graph.Nodes[i]
		if !isLayer(n) || n.Groups > 1 {
			continue
		}
		values := c.values[n.In[0]]
		shift := make([]float64, c.width[i])
		var weights []float32
		for k, w := range n.Weights.Values {
			if v := values[inputOf(n, k)]; w != 0 && foldable(n, v) {
				if weights == nil {
					weights = slices.Clone(n.Weights.Values)
				}
				weights[k] = 0
				shift[k%len(shift)] += float64(w) * float64(v)
			}
		}
		if weights == nil {
			continue
		}
		changed = true
		n.Weights.Values = weights
		if slices.ContainsFunc(shift, func(s float64) bool { return s != 0 }) {
			bias := make([]float32, len(shift))
			copy(bias, n.Bias)
			for u := range bias {
				bias[u] = float32(float64(bias[u]) + shift[u])
			}
			n.Bias = bias
		}
	}
	return changed
}

// inputOf is the channel of a layer's input that a weight multiplies.
func inputOf(n *net.Node, k int) int {
	outs := widthOf(n.Weights.Shape)
	return k / outs % n.Weights.Shape[len(n.Weights.Shape)-2]
}

// need finds which channels the outputs depend on.
func (c *channels) need() {
	nodes := c.graph.Nodes
	c.needed = make([][]bool, len(nodes))
	for i := range nodes {
		c.needed[i] = make([]bool, c.width[i])
	}
	for _, o := range c.graph.Outputs {
		c.needAll(o)
	}
	for i := len(nodes) - 1; i >= 0; i-- {
		n := &nodes[i]
		if isLayer(n) && n.Groups <= 1 {
			from := c.needed[n.In[0]]
			for k, w := range n.Weights.Values {
				if w != 0 && c.needed[i][k%c.width[i]] {
					from[inputOf(n, k)] = true
				}
			}
			continue
		}
		for k, j := range n.In {
			w, ok := c.way(i, k)
			if !ok {
				c.needAll(j)
				continue
			}
			for u, from := range w.from {
				if from >= 0 && c.needed[i][u] {
					c.needed[j][from] = true
				}
			}
		}
	}
}

func (c *channels) needAll(i int) {
	for u := range c.needed[i] {
		c.needed[i][u] = true
	}
}

// silence makes the weights of units zero that no output depends on. They cannot always be removed,
// for instance where another term of a sum is needed.
func (c *channels) silence() (changed bool) {
	for i := range c.graph.Nodes {
		n := &c.graph.Nodes[i]
		if !isLayer(n) {
			continue
		}
		quiet := func(values []float32) []float32 {
			for k, v := range values {
				if v != 0 && !c.needed[i][k%c.width[i]] {
					values = slices.Clone(values)
					for ; k < len(values); k++ {
						if !c.needed[i][k%c.width[i]] {
							values[k] = 0
						}
					}
					changed = true
					break
				}
			}
			return values
		}
		n.Weights.Values, n.Bias = quiet(n.Weights.Values), quiet(n.Bias)
	}
	return changed
}

// shrink removes channels that are not needed, each with all that it is tied to.
func (c *channels) shrink() bool {
	t := c.ties()
	keep := make([][]bool, len(c.graph.Nodes))
	removed := false
	for i := range keep {
		keep[i] = make([]bool, c.width[i])
		for u := range keep[i] {
			keep[i][u] = t.kept[t.find(t.first[i]+u)]
			removed = removed || !keep[i][u]
		}
	}
	if !removed {
		return false
	}
	for i := range c.graph.Nodes {
		n := &c.graph.Nodes[i]
		switch {
		case isLayer(n) && n.Groups <= 1:
			c.shrinkLayer(n, keep[i], keep[n.In[0]])
		case n.Op == net.Const:
			n.Values = kept(n.Values, keep[i], 1)
		}
		if len(n.Shape) > 0 {
			n.Shape = slices.Clone(n.Shape)
			n.Shape[len(n.Shape)-1] = trues(keep[i])
		}
	}
	return true
}

// shrinkLayer takes channels out of a layer, and weights of channels out of what it reads.
func (c *channels) shrinkLayer(n *net.Node, outs, ins []bool) {
	values := kept(kept(n.Weights.Values, outs, 1), ins, trues(outs))
	shape := slices.Clone(n.Weights.Shape)
	shape[len(shape)-2], shape[len(shape)-1] = trues(ins), trues(outs)
	n.Weights = net.Tensor{Shape: shape, Values: values}
	n.Bias = kept(n.Bias, outs, 1)
}

// kept leaves out stretches of values: of each len(keep) stretches those that are not kept.
func kept(values []float32, keep []bool, size int) []float32 {
	var out []float32
	for k := 0; k*size < len(values); k++ {
		if keep[k%len(keep)] {
			out = append(out, values[k*size:(k+1)*size]...)
		}
	}
	return out
}

func trues(list []bool) (n int) {
	for _, v := range list {
		if v {
			n++
		}
	}
	return n
}

// ties are sets of channels that stay or go together.
type ties struct {
	first  []int // of each node, its first channel among all
	parent []int
	kept   []bool // by the set's root
}

func (t *ties) find(i int) int {
	for t.parent[i] != i {
		t.parent[i] = t.parent[t.parent[i]]
		i = t.parent[i]
	}
	return i
}

// ties joins the channels that must have the same fate, and says which sets stay: those with a
// channel that is needed, or that is part of something that cannot lose one. An axis has at least
// one place.
func (c *channels) ties() *ties {
	t := &ties{first: make([]int, len(c.width))}
	for i, w := range c.width {
		t.first[i] = len(t.parent)
		for range w {
			t.parent = append(t.parent, len(t.parent))
		}
	}
	fixed := make([]bool, len(c.width)) // nodes that keep all channels
	for _, o := range c.graph.Outputs {
		fixed[o] = true
	}
	for i := range c.graph.Nodes {
		n := &c.graph.Nodes[i]
		plain := isLayer(n) && n.Groups <= 1
		fixed[i] = fixed[i] || len(n.In) == 0 && n.Op != net.Const || len(n.Shape) == 0
		for k, j := range n.In {
			w, ok := c.way(i, k)
			switch {
			case plain:
			case !ok:
				fixed[i], fixed[j] = true, true
			case !w.tied:
				fixed[j] = true
			default:
				for u, from := range w.from {
					if from >= 0 {
						t.parent[t.find(t.first[i]+u)] = t.find(t.first[j] + from)
					}
				}
			}
		}
	}
	t.kept = make([]bool, len(t.parent))
	for i := range c.width {
		for u := range c.width[i] {
			if fixed[i] || c.needed[i][u] {
				t.kept[t.find(t.first[i]+u)] = true
			}
		}
	}
	for i := range c.width {
		if !slices.ContainsFunc(count(c.width[i]), func(u int) bool { return t.kept[t.find(t.first[i]+u)] }) {
			t.kept[t.find(t.first[i])] = true
		}
	}
	return t
}
