package deploy

// Passes about shapes: operations that do nothing, means, and pools that are spelled as reductions.

import (
	"math"
	"slices"

	net "gsmlab/infer/graph"
)

// dropIdentities takes out nodes whose value is their input's.
func dropIdentities(g *net.Graph) bool {
	changed := false
	for i := range g.Nodes {
		if x, ok := identity(g, i); ok {
			redirect(g, i, x)
			changed = true
			continue
		}
		// a reshape of a reshape
		if n := &g.Nodes[i]; n.Op == net.Reshape && g.Nodes[n.In[0]].Op == net.Reshape {
			n.In[0] = g.Nodes[n.In[0]].In[0]
			changed = true
		}
	}
	return changed
}

// identity reports a node that does nothing, and the node whose value it has.
func identity(g *net.Graph, i int) (x int, ok bool) {
	n := &g.Nodes[i]
	if len(n.In) == 0 {
		return 0, false
	}
	in := &g.Nodes[n.In[0]]
	same := slices.Equal(n.Shape, in.Shape) && n.Type == in.Type
	switch n.Op {
	case net.Reshape, net.Broadcast, net.Convert, net.Slice, net.Pad:
		return n.In[0], same
	case net.Transpose:
		return n.In[0], slices.IsSorted(n.Axes)
	case net.Concat:
		return n.In[0], len(n.In) == 1
	case net.Add, net.Sub, net.Mul, net.Div, net.Pow:
		neutral := float32(0)
		if n.Op == net.Mul || n.Op == net.Div || n.Op == net.Pow {
			neutral = 1
		}
		if v, isNumber := number(&g.Nodes[n.In[1]]); isNumber && v == neutral && same {
			return n.In[0], true
		}
		other := &g.Nodes[n.In[1]]
		if v, isNumber := number(in); isNumber && v == neutral && (n.Op == net.Add || n.Op == net.Mul) && slices.Equal(n.Shape, other.Shape) {
			return n.In[1], true
		}
	}
	return 0, false
}

// recognizeMeans turns a sum that is divided by how many it sums into a mean.
func recognizeMeans(g *net.Graph) bool {
	count := readers(g)
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Op != net.Div && n.Op != net.Mul {
			continue
		}
		sum, c := &g.Nodes[n.In[0]], &g.Nodes[n.In[1]]
		if sum.Op == net.Const && n.Op == net.Mul {
			sum, c = c, sum
		}
		if c.Op != net.Const || sum.Op != net.ReduceSum && sum.Op != net.SumPool || !slices.Equal(n.Shape, sum.Shape) {
			continue
		}
		if s := slices.Index(n.In, indexOf(g, sum)); count[n.In[s]] != 1 {
			continue
		}
		want := summed(g, sum)
		for k, v := range spread(c, n.Shape) {
			w := want(k)
			if n.Op == net.Mul {
				w = 1 / w
			}
			if math.Abs(float64(v)-w) > 1e-6*w {
				want = nil
				break
			}
		}
		if want == nil {
			continue
		}
		mean := *sum
		mean.Op = net.ReduceMean
		if sum.Op == net.SumPool {
			mean.Op = net.MeanPool
		}
		g.Nodes[i] = mean
		return true
	}
	return false
}

func indexOf(g *net.Graph, n *net.Node) int {
	for i := range g.Nodes {
		if &g.Nodes[i] == n {
			return i
		}
	}
	return -1
}

// summed tells how many numbers each sum of a node sums.
func summed(g *net.Graph, n *net.Node) func(k int) float64 {
	in := g.Nodes[n.In[0]].Shape
	if n.Op == net.ReduceSum {
		return func(int) float64 { return float64(net.Elements(pick(in, n.Axes))) }
	}
	// of a window those places that are within the image
	stride, dilation := ones(n.Stride), ones(n.Dilation)
	within := func(axis, at int) int {
		c := 0
		for k := range n.Window[axis] {
			if p := at*stride[axis] - n.Pads[2*axis] + k*dilation[axis]; p >= 0 && p < in[axis] {
				c++
			}
		}
		return c
	}
	w, c := n.Shape[1], n.Shape[2]
	return func(k int) float64 { return float64(within(0, k/c/w) * within(1, k/c%w)) }
}

// recognizePools turns a reduction within blocks of an image into a pool: a reshape [h, a, w, b, c]
// whose axes a and b are reduced. Rows and columns that are cut off before are those that no window
// reaches.
func recognizePools(g *net.Graph) bool {
	pools := map[net.Op]net.Op{net.ReduceMax: net.MaxPool, net.ReduceSum: net.SumPool, net.ReduceMean: net.MeanPool}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		op, ok := pools[n.Op]
		if !ok || g.Nodes[n.In[0]].Op != net.Reshape {
			continue
		}
		r := &g.Nodes[n.In[0]]
		x := r.In[0]
		in := g.Nodes[x].Shape
		window, ok := blocks(in, r.Shape, n.Axes)
		if !ok {
			continue
		}
		shape := []int{in[0] / window[0], in[1] / window[1], in[2]}
		if s := &g.Nodes[x]; s.Op == net.Slice && cutsEnd(g, s, window) {
			x = s.In[0]
		}
		pool := add(g, net.Node{Op: op, Name: n.Name, In: []int{x}, Shape: shape, Window: window, Stride: window})
		g.Nodes[i] = net.Node{Op: net.Reshape, In: []int{pool}, Shape: g.Nodes[i].Shape}
		return true
	}
	return false
}

// blocks finds the size of the blocks into which a reshape cuts an image, if the axes are those
// within the blocks.
func blocks(image, cut, axes []int) (window [2]int, ok bool) {
	if len(image) != 3 {
		return window, false
	}
	h, w, c := image[0], image[1], image[2]
	switch {
	case len(cut) == 5 && slices.Equal(axes, []int{1, 3}):
		window = [2]int{cut[1], cut[3]}
		ok = slices.Equal(cut, []int{h / cut[1], cut[1], w / cut[3], cut[3], c})
	case len(cut) == 4 && slices.Equal(axes, []int{1}):
		window = [2]int{cut[1], 1}
		ok = slices.Equal(cut, []int{h / cut[1], cut[1], w, c})
	case len(cut) == 4 && slices.Equal(axes, []int{2}):
		window = [2]int{1, cut[2]}
		ok = slices.Equal(cut, []int{h, w / cut[2], cut[2], c})
	}
	return window, ok && h%window[0] == 0 && w%window[1] == 0
}

// cutsEnd reports a slice that cuts off less than a window at the end of rows and columns.
func cutsEnd(g *net.Graph, s *net.Node, window [2]int) bool {
	in := g.Nodes[s.In[0]].Shape
	for _, step := range s.Step {
		if step != 1 {
			return false
		}
	}
	return slices.Max(s.Start) == 0 && in[2] == s.Shape[2] && in[0]-s.Shape[0] < window[0] && in[1]-s.Shape[1] < window[1]
}
