package deploy

// Passes about multiplication by constants and their addition: they merge with each other and with
// the layers before and behind them.

import (
	"slices"

	net "gsmlab/infer/graph"
)

// affine is y = x*scale + shift, with values for each place of the last axis.
type affine struct{ scale, shift []float32 }

// affineOf reads a node as an affine operation of a node x along the last axis of the value.
func affineOf(g *net.Graph, i int) (x int, a affine, ok bool) {
	n := &g.Nodes[i]
	if n.Op != net.Add && n.Op != net.Sub && n.Op != net.Mul && n.Op != net.Div || n.Type != net.Float {
		return 0, a, false
	}
	x, c := n.In[0], n.In[1]
	swapped := g.Nodes[x].Op == net.Const
	if swapped {
		x, c = c, x
	}
	k := &g.Nodes[c]
	if k.Op != net.Const || g.Nodes[x].Op == net.Const || !slices.Equal(g.Nodes[x].Shape, n.Shape) || len(n.Shape) == 0 {
		return 0, a, false
	}
	values, ok := lastAxis(k, n.Shape)
	if !ok {
		return 0, a, false
	}
	width := n.Shape[len(n.Shape)-1]
	one, zero := slices.Repeat([]float32{1}, width), make([]float32, width)
	mapped := func(f func(v float32) float32) []float32 {
		out := make([]float32, width)
		for i, v := range values {
			out[i] = f(v)
		}
		return out
	}
	switch n.Op {
	case net.Add:
		return x, affine{one, values}, true
	case net.Mul:
		return x, affine{values, zero}, true
	case net.Sub:
		if swapped {
			return x, affine{slices.Repeat([]float32{-1}, width), values}, true
		}
		return x, affine{one, mapped(func(v float32) float32 { return -v })}, true
	}
	if swapped || slices.Contains(values, 0) {
		return 0, a, false
	}
	return x, affine{mapped(func(v float32) float32 { return float32(1 / float64(v)) }), zero}, true
}

// then is a followed by b.
func (a affine) then(b affine) affine {
	out := affine{make([]float32, len(a.scale)), make([]float32, len(a.scale))}
	for i := range a.scale {
		out.scale[i] = float32(float64(a.scale[i]) * float64(b.scale[i]))
		out.shift[i] = float32(float64(a.shift[i])*float64(b.scale[i]) + float64(b.shift[i]))
	}
	return out
}

// scales and shifts report which of the two an affine operation does.
func (a affine) scales() bool {
	return slices.ContainsFunc(a.scale, func(v float32) bool { return v != 1 })
}
func (a affine) shifts() bool {
	return slices.ContainsFunc(a.shift, func(v float32) bool { return v != 0 })
}

// mergeAffine makes chains of such operations one multiplication and one addition.
func mergeAffine(g *net.Graph) bool {
	count := readers(g)
	for i := range g.Nodes {
		y, last, ok := affineOf(g, i)
		if !ok {
			continue
		}
		x, first, ok := affineOf(g, y)
		if !ok || count[y] != 1 {
			continue
		}
		if g.Nodes[y].Op == net.Mul && g.Nodes[i].Op == net.Add {
			continue // as short as it gets
		}
		all := first.then(last)
		name, shape := g.Nodes[i].Name, g.Nodes[i].Shape
		width := []int{len(all.scale)}
		at := x
		if all.scales() || !all.shifts() {
			c := add(g, net.Node{Op: net.Const, Shape: width, Values: all.scale})
			at = add(g, net.Node{Op: net.Mul, Name: name, In: []int{at, c}, Shape: shape})
		}
		if all.shifts() {
			c := add(g, net.Node{Op: net.Const, Shape: width, Values: all.shift})
			at = add(g, net.Node{Op: net.Add, Name: name, In: []int{at, c}, Shape: shape})
		}
		redirect(g, i, at)
		return true
	}
	return false
}

// foldAffine makes an affine operation part of the layer before it, also where a reshape or the
// maximum of a window stands between them.
func foldAffine(g *net.Graph) bool {
	count := readers(g)
	for i := range g.Nodes {
		between, a, ok := affineOf(g, i)
		if !ok {
			if between, a, ok = reshapedAffine(g, i); !ok {
				continue
			}
		}
		layer := between
		if p := &g.Nodes[between]; p.Op == net.Reshape || p.Op == net.MaxPool && !slices.ContainsFunc(a.scale, func(v float32) bool { return v < 0 }) {
			layer = p.In[0]
		}
		l := &g.Nodes[layer]
		if !isLayer(l) || l.Act != net.None || count[layer] != 1 || count[between] != 1 || l.Shape[len(l.Shape)-1] != len(a.scale) {
			continue
		}
		scaleOutputs(l, a)
		redirect(g, i, between)
		return true
	}
	return false
}

// reshapedAffine reads a node as an affine operation along the last axis of what the reshape before
// it reads, such as biases of a layer with several output axes.
func reshapedAffine(g *net.Graph, i int) (reshape int, a affine, ok bool) {
	n := &g.Nodes[i]
	if !n.Op.Binary() || n.Type != net.Float {
		return 0, a, false
	}
	for side, j := range n.In {
		r, c := &g.Nodes[j], &g.Nodes[n.In[1-side]]
		if r.Op != net.Reshape || c.Op != net.Const || !slices.Equal(r.Shape, n.Shape) {
			continue
		}
		x := r.In[0]
		inner := &net.Graph{Nodes: []net.Node{g.Nodes[x], {Op: net.Const, Shape: g.Nodes[x].Shape, Values: spread(c, n.Shape)}, {Op: n.Op, Shape: g.Nodes[x].Shape, In: []int{0, 1}}}}
		inner.Nodes[2].In[0], inner.Nodes[2].In[1] = side, 1-side
		if _, a, ok = affineOf(inner, 2); ok {
			return j, a, true
		}
	}
	return 0, a, false
}

// scaleOutputs applies an affine operation to a layer's outputs.
func scaleOutputs(l *net.Node, a affine) {
	width := len(a.scale)
	if a.scales() {
		w := slices.Clone(l.Weights.Values)
		for k := range w {
			w[k] = float32(float64(w[k]) * float64(a.scale[k%width]))
		}
		l.Weights.Values = w
	}
	bias := make([]float32, width)
	copy(bias, l.Bias)
	for k := range bias {
		bias[k] = float32(float64(bias[k])*float64(a.scale[k]) + float64(a.shift[k]))
	}
	l.Bias = bias
}

// foldInputAffine makes an affine operation part of the layer behind it, such as the mean and the
// deviation of the input. A convolution with a border of zeros takes no addition: the border would
// get it too.
func foldInputAffine(g *net.Graph) bool {
	for i := range g.Nodes {
		l := &g.Nodes[i]
		if !isLayer(l) {
			continue
		}
		x, a, ok := affineOf(g, l.In[0])
		if ok && (l.Op == net.Dense || l.Pads == [4]int{} || !a.shifts()) {
			scaleInputs(l, a)
			l.In[0] = x
			return true
		}
		if l.Op == net.Dense && len(g.Nodes[l.In[0]].Shape) == 1 && g.Nodes[l.In[0]].Op == net.Reshape && flattenedAffine(g, i) {
			return true
		}
	}
	return false
}

// flattenedAffine folds an affine operation before the reshape that flattens a dense layer's input.
func flattenedAffine(g *net.Graph, i int) bool {
	l := &g.Nodes[i]
	r := &g.Nodes[l.In[0]]
	n := g.Nodes[r.In[0]]
	if !n.Op.Binary() || n.Type != net.Float {
		return false
	}
	for side, j := range n.In {
		c := &g.Nodes[n.In[1-side]]
		if c.Op != net.Const || !slices.Equal(g.Nodes[j].Shape, n.Shape) {
			continue
		}
		flat := &net.Graph{Nodes: []net.Node{{Op: net.Input, Shape: r.Shape}, {Op: net.Const, Shape: r.Shape, Values: spread(c, n.Shape)}, {Op: n.Op, Shape: r.Shape, In: []int{side, 1 - side}}}}
		_, a, ok := affineOf(flat, 2)
		if !ok {
			continue
		}
		scaleInputs(l, a)
		l.In[0] = add(g, net.Node{Op: net.Reshape, In: []int{j}, Shape: r.Shape})
		return true
	}
	return false
}

// scaleInputs applies an affine operation to a layer's inputs: in a convolution, to its channels.
func scaleInputs(l *net.Node, a affine) {
	outs := widthOf(l.Weights.Shape)
	ins := l.Weights.Shape[len(l.Weights.Shape)-2]
	perGroup := outs / max(1, l.Groups)
	w := slices.Clone(l.Weights.Values)
	shift := make([]float64, outs)
	for k := range w {
		// an input of the layer: with groups, of the output's group
		in := k/outs%ins + k%outs/perGroup*ins
		if l.Op == net.Dense {
			in = k / outs
		}
		shift[k%outs] += float64(w[k]) * float64(a.shift[in])
		w[k] = float32(float64(w[k]) * float64(a.scale[in]))
	}
	l.Weights.Values = w
	if a.shifts() {
		bias := make([]float32, outs)
		copy(bias, l.Bias)
		for k := range bias {
			bias[k] = float32(float64(bias[k]) + shift[k])
		}
		l.Bias = bias
	}
}
