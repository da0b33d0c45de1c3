// Optimize runs the passes to a fixed point. A pass is a small function that changes a graph into
// one with the same outputs; this file has what passes share.

package deploy

import (
	"fmt"
	"slices"

	net "gsmlab/infer/graph"
)

// pass changes a graph into one with the same outputs, and says whether it did.
type pass struct {
	name string
	run  func(g *net.Graph) bool
}

// passes are run in this order, again and again, until none changes anything.
var passes = []pass{
	{"identities", dropIdentities},
	{"activations", recognizeActivations},
	{"means", recognizeMeans},
	{"pools", recognizePools},
	{"patches", recognizePatches},
	{"shifts", recognizeShifts},
	{"composed", composeShifts},
	{"padding", absorbPadding},
	{"affine", mergeAffine},
	{"layer affine", foldAffine},
	{"input affine", foldInputAffine},
	{"reshapes", delayReshapes},
	{"pooled activations", delayPools},
	{"fused activations", fuseActivations},
}

// unitPasses change layers themselves: Simplify leaves them out.
var unitPasses = []pass{
	{"dead units", removeDead},
	{"sorted units", sortUnits},
}

// maxRounds is far more than any network needs; it ends a mistake.
const maxRounds = 10_000

// Simplify returns a simpler network with the same outputs, but for rounding. Its layers are as
// large as before: see Optimize.
func Simplify(g *net.Graph) (*net.Graph, error) { return apply(g, passes) }

// Optimize returns a smaller network with the same outputs, but for rounding: batch norm and other
// constants are folded into the layers beside them, patterns of operations become the one that
// they stand for, biases and activations belong to their layers, and units that are never read, or
// always the same, are gone. Those that are left are sorted by how many weights they have. It does
// not change g.
func Optimize(g *net.Graph) (*net.Graph, error) {
	return apply(g, slices.Concat(passes, unitPasses))
}

// apply runs passes to a fixed point.
func apply(g *net.Graph, passes []pass) (*net.Graph, error) {
	out := clone(g)
	for round, changed := 0, true; changed; round++ {
		if round > maxRounds {
			return nil, fmt.Errorf("deploy: the passes do not come to an end")
		}
		changed = false
		for _, p := range passes {
			for p.run(out) {
				changed = true
				tidy(out)
			}
		}
	}
	tidy(out)
	if err := net.Check(out); err != nil {
		return nil, fmt.Errorf("deploy: optimizing: %w", err)
	}
	return out, nil
}

// clone copies a graph. Weights are shared: passes replace them and never write into them.
func clone(g *net.Graph) *net.Graph {
	c := &net.Graph{Nodes: slices.Clone(g.Nodes), Outputs: slices.Clone(g.Outputs)}
	for i := range c.Nodes {
		c.Nodes[i].In = slices.Clone(c.Nodes[i].In)
	}
	return c
}

// tidy drops nodes that no output needs, inputs aside, and sorts the others, since passes append
// nodes that earlier ones read.
func tidy(g *net.Graph) {
	order := make([]int, 0, len(g.Nodes))
	state := make([]uint8, len(g.Nodes)) // 1: its inputs are on the stack, 2: placed
	place := func(root int) {
		for stack := []int{root}; len(stack) > 0; {
			i := stack[len(stack)-1]
			if state[i] != 0 {
				stack = stack[:len(stack)-1]
				if state[i] == 1 {
					state[i] = 2
					order = append(order, i)
				}
				continue
			}
			state[i] = 1
			for _, j := range slices.Backward(g.Nodes[i].In) {
				if state[j] == 0 {
					stack = append(stack, j)
				}
			}
		}
	}
	for _, i := range g.Inputs() {
		place(i)
	}
	for _, o := range g.Outputs {
		place(o)
	}
	at := make([]int, len(g.Nodes))
	nodes := make([]net.Node, len(order))
	for k, i := range order {
		at[i] = k
		nodes[k] = g.Nodes[i]
	}
	for k := range nodes {
		in := make([]int, len(nodes[k].In))
		for i, j := range nodes[k].In {
			in[i] = at[j]
		}
		nodes[k].In = in
	}
	for k, o := range g.Outputs {
		g.Outputs[k] = at[o]
	}
	g.Nodes = nodes
}

// add appends a node.
func add(g *net.Graph, n net.Node) int {
	g.Nodes = append(g.Nodes, n)
	return len(g.Nodes) - 1
}

// redirect makes all readers of one node read another.
func redirect(g *net.Graph, from, to int) {
	for i := range g.Nodes {
		if i == to {
			continue
		}
		for k, j := range g.Nodes[i].In {
			if j == from {
				g.Nodes[i].In[k] = to
			}
		}
	}
	for k, o := range g.Outputs {
		if o == from {
			g.Outputs[k] = to
		}
	}
}

// readers counts who reads each node, outputs included.
func readers(g *net.Graph) []int {
	n := make([]int, len(g.Nodes))
	for i := range g.Nodes {
		for _, j := range g.Nodes[i].In {
			n[j]++
		}
	}
	for _, o := range g.Outputs {
		n[o]++
	}
	return n
}

// isLayer reports a node with weights, a bias and an activation.
func isLayer(n *net.Node) bool { return n.Op == net.Dense || n.Op == net.Conv2D }

// number returns the value of a constant that is the same everywhere.
func number(n *net.Node) (float32, bool) {
	if n.Op != net.Const || len(n.Values) == 0 {
		return 0, false
	}
	for _, v := range n.Values {
		if v != n.Values[0] {
			return 0, false
		}
	}
	return n.Values[0], true
}

// spread repeats a constant to a shape that it broadcasts to.
func spread(n *net.Node, shape []int) []float32 {
	size := net.Elements(shape)
	out := make([]float32, size)
	strides := make([]int, len(shape))
	for a, s := len(shape)-1, 1; a >= 0; a-- {
		if k := a - (len(shape) - len(n.Shape)); k >= 0 && n.Shape[k] > 1 {
			strides[a] = s
			s *= n.Shape[k]
		}
	}
	index := make([]int, len(shape))
	at := 0
	for i := range out {
		out[i] = n.Values[at]
		for a := len(shape) - 1; a >= 0; a-- {
			at += strides[a]
			if index[a]++; index[a] < shape[a] {
				break
			}
			at -= index[a] * strides[a]
			index[a] = 0
		}
	}
	return out
}

// lastAxis returns the values of a constant along the last axis of a shape that it broadcasts to;
// ok is false where it differs along another.
func lastAxis(n *net.Node, shape []int) (values []float32, ok bool) {
	if len(shape) == 0 {
		return n.Values, true
	}
	width := shape[len(shape)-1]
	for _, d := range n.Shape[:max(0, len(n.Shape)-1)] {
		if d != 1 { // perhaps all alike
			all := spread(n, shape)
			for i, v := range all {
				if v != all[i%width] {
					return nil, false
				}
			}
			return all[:width], true
		}
	}
	if len(n.Values) == width {
		return n.Values, true
	}
	return slices.Repeat(n.Values, width), len(n.Values) == 1
}
