package deploy

// Convolutions that are spelled out become one: as a product with patches, and as a sum of products
// with the image shifted. Package models has such spellings, which XLA trains faster.

import (
	"slices"

	net "gsmlab/infer/graph"
)

// tap is one place of a kernel: the first row and column that it reads, and its weights, [in, out].
type tap struct {
	at      [2]int
	weights []float32
}

// sum is a sum of taps over one image: y[i, j] = bias + sum of x[i*step+at] * weights.
type sum struct {
	image int
	step  [2]int
	taps  []tap
	bias  []float32
}

// view reads a node as rows and columns of an image, with all channels.
func view(g *net.Graph, i int) (image int, at, step [2]int) {
	n := &g.Nodes[i]
	if n.Op != net.Slice || len(n.Shape) != 3 || n.Start[2] != 0 || n.Shape[2] != g.Nodes[n.In[0]].Shape[2] {
		return i, at, [2]int{1, 1}
	}
	copy(at[:], n.Start)
	step = [2]int{1, 1}
	copy(step[:], n.Step)
	return n.In[0], at, step
}

// recognizePatches finds a dense layer that reads the places under a kernel, one after the other.
func recognizePatches(g *net.Graph) bool {
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Op != net.Dense {
			continue
		}
		c := &g.Nodes[n.In[0]]
		if c.Op == net.Reshape && len(c.Shape) > 0 && c.Shape[len(c.Shape)-1] == n.Weights.Shape[0] {
			c = &g.Nodes[c.In[0]]
		}
		if c.Op != net.Concat || len(c.Shape) != 3 || c.Axes[0] != 2 || c.Shape[2] != n.Weights.Shape[0] || len(c.In) < 2 {
			continue
		}
		s := sum{image: -1, bias: n.Bias}
		row := 0
		for _, part := range c.In {
			image, at, step := view(g, part)
			if s.image < 0 {
				s.image, s.step = image, step
			}
			if image != s.image || step != s.step {
				s.image = -1
				break
			}
			rows := g.Nodes[part].Shape[2]
			outs := n.Weights.Shape[1]
			s.taps = append(s.taps, tap{at, n.Weights.Values[row*outs : (row+rows)*outs]})
			row += rows
		}
		if s.image < 0 {
			continue
		}
		layer := s.layer(g, [3]int{c.Shape[0], c.Shape[1], n.Weights.Shape[1]})
		layer.Name, layer.Act, layer.Alpha = n.Name, n.Act, n.Alpha
		at := add(g, layer)
		g.Nodes[i] = net.Node{Op: net.Reshape, In: []int{at}, Shape: g.Nodes[i].Shape}
		return true
	}
	return false
}

// recognizeShifts adds up two sums over the same image.
func recognizeShifts(g *net.Graph) bool {
	count := readers(g)
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Op != net.Add || len(n.Shape) != 3 || n.In[0] == n.In[1] || count[n.In[0]] != 1 || count[n.In[1]] != 1 {
			continue
		}
		a, okA := sumOf(g, n.In[0])
		b, okB := sumOf(g, n.In[1])
		shape := [3]int(n.Shape)
		if !okA || !okB || a.image != b.image || a.step != b.step || !slices.Equal(g.Nodes[n.In[0]].Shape, n.Shape) || !slices.Equal(g.Nodes[n.In[1]].Shape, n.Shape) {
			continue
		}
		a.taps = append(a.taps, b.taps...)
		if len(a.bias)+len(b.bias) > 0 {
			bias := make([]float32, shape[2])
			copy(bias, a.bias)
			for k, v := range b.bias {
				bias[k] += v
			}
			a.bias = bias
		}
		layer := a.layer(g, shape)
		layer.Name = g.Nodes[i].Name
		at := add(g, layer)
		redirect(g, i, at)
		return true
	}
	return false
}

// sumOf reads a layer without an activation as a sum of taps.
func sumOf(g *net.Graph, i int) (s sum, ok bool) {
	n := &g.Nodes[i]
	if !isLayer(n) || n.Act != net.None || n.Groups > 1 || len(n.Shape) != 3 {
		return s, false
	}
	image, first, step := view(g, n.In[0])
	s = sum{image: image, step: step, bias: n.Bias}
	if n.Op == net.Dense {
		s.taps = []tap{{first, n.Weights.Values}}
		return s, true
	}
	if n.Pads != [4]int{} || step != [2]int{1, 1} {
		// the border is around the part, and not around the image
		s.image, first = n.In[0], [2]int{}
	}
	s.step = ones(n.Stride)
	w, dilation := n.Weights.Shape, ones(n.Dilation)
	size := w[2] * w[3]
	for k := range w[0] * w[1] {
		at := [2]int{first[0] + k/w[1]*dilation[0] - n.Pads[0], first[1] + k%w[1]*dilation[1] - n.Pads[2]}
		s.taps = append(s.taps, tap{at, n.Weights.Values[k*size : (k+1)*size]})
	}
	return s, true
}

// layer makes the convolution that a sum is.
func (s sum) layer(g *net.Graph, shape [3]int) net.Node {
	n := net.Node{Op: net.Conv2D, Shape: shape[:], Bias: s.bias, Stride: s.step, Dilation: [2]int{1, 1}}
	image := g.Nodes[s.image].Shape
	start, size := []int{0, 0, 0}, slices.Clone(image)
	var first, kernel [2]int
	for a := range 2 {
		lo, hi, d := s.taps[0].at[a], s.taps[0].at[a], 0
		for _, t := range s.taps {
			lo, hi = min(lo, t.at[a]), max(hi, t.at[a])
		}
		for _, t := range s.taps {
			d = gcd(d, t.at[a]-lo)
		}
		n.Dilation[a] = max(1, d)
		first[a], kernel[a] = lo, (hi-lo)/n.Dilation[a]+1
		// what the windows read begins at lo and has this size
		reach := (shape[a]-1)*s.step[a] + hi - lo + 1
		n.Pads[2*a], n.Pads[2*a+1] = max(0, -lo), max(0, lo+reach-image[a])
		start[a] = max(0, lo)
		size[a] = reach - n.Pads[2*a] - n.Pads[2*a+1]
		if start[a] == 0 && (image[a]+n.Pads[2*a]-(hi-lo+1))/s.step[a]+1 == shape[a] && n.Pads[2*a+1] == 0 {
			size[a] = image[a] // the windows end before the image does
		}
	}
	ins, outs := image[2], shape[2]
	n.Weights = net.Tensor{Shape: []int{kernel[0], kernel[1], ins, outs}, Values: make([]float32, kernel[0]*kernel[1]*ins*outs)}
	for _, t := range s.taps {
		row, column := (t.at[0]-first[0])/n.Dilation[0], (t.at[1]-first[1])/n.Dilation[1]
		to := n.Weights.Values[(row*kernel[1]+column)*ins*outs:][:ins*outs]
		for k, v := range t.weights {
			to[k] += v
		}
	}
	n.In = []int{add(g, net.Node{Op: net.Slice, In: []int{s.image}, Start: start, Step: []int{1, 1, 1}, Shape: size})}
	return n
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// absorbPadding makes a border of zeros part of the convolution that reads it.
func absorbPadding(g *net.Graph) bool {
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Op != net.Conv2D {
			continue
		}
		p := &g.Nodes[n.In[0]]
		if p.Op != net.Pad || p.Fill != 0 || p.Low[2] != 0 || p.High[2] != 0 {
			continue
		}
		for a := range 2 {
			n.Pads[2*a] += p.Low[a]
			n.Pads[2*a+1] += p.High[a]
		}
		n.In[0] = p.In[0]
		return true
	}
	return false
}

// composeShifts merges a convolution that only moves channels, each to one place, with the layer
// that reads it.
func composeShifts(g *net.Graph) bool {
	count := readers(g)
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if !isLayer(n) || n.Groups > 1 || len(n.Shape) != 3 || count[n.In[0]] != 1 {
			continue
		}
		first := g.Nodes[n.In[0]]
		if first.Op != net.Conv2D || first.Groups > 1 || len(first.Bias) > 0 || first.Act != net.None || ones(first.Stride) != [2]int{1, 1} || !moves(&first) {
			continue
		}
		second, ok := sumOf(g, i)
		act, alpha := n.Act, n.Alpha
		if act != net.None {
			plain := *n
			plain.Act = net.None
			inner := &net.Graph{Nodes: append(slices.Clone(g.Nodes[:i:i]), plain)}
			second, ok = sumOf(inner, i)
		}
		if !ok || second.image != n.In[0] || !meetsBorder(&first, n) {
			continue
		}
		inner, _ := sumOf(g, n.In[0])
		all := sum{image: inner.image, step: second.step, bias: n.Bias}
		ins, outs := first.Weights.Shape[2], n.Shape[2]
		for _, t := range second.taps {
			for _, u := range inner.taps {
				at := [2]int{t.at[0] + u.at[0], t.at[1] + u.at[1]}
				all.taps = append(all.taps, tap{at, product(u.weights, t.weights, ins, first.Shape[2], outs)})
			}
		}
		layer := all.layer(g, [3]int(n.Shape))
		layer.Name, layer.Act, layer.Alpha = g.Nodes[i].Name, act, alpha
		at := add(g, layer)
		redirect(g, i, at)
		return true
	}
	return false
}

// moves reports a kernel that has at most one weight for each output.
func moves(n *net.Node) bool {
	outs := n.Weights.Shape[3]
	seen := make([]bool, outs)
	for k, v := range n.Weights.Values {
		if v == 0 {
			continue
		}
		if seen[k%outs] {
			return false
		}
		seen[k%outs] = true
	}
	return true
}

// meetsBorder reports whether the second layer's border of zeros is what the first would compute
// there: along an axis where the second has a border, the first must look at its own place alone.
func meetsBorder(first, second *net.Node) bool {
	for a := range 2 {
		bordered := second.Pads[2*a] > 0 || second.Pads[2*a+1] > 0
		if bordered && (first.Weights.Shape[a] != 1 || first.Pads[2*a] > 0 || first.Pads[2*a+1] > 0) {
			return false
		}
	}
	return true
}

// product multiplies matrices [n, m] and [m, k].
func product(a, b []float32, n, m, k int) []float32 {
	out := make([]float32, n*k)
	for i := range n {
		for j, v := range a[i*m : (i+1)*m] {
			if v == 0 {
				continue
			}
			for c, w := range b[j*k : (j+1)*k] {
				out[i*k+c] += v * w
			}
		}
	}
	return out
}
