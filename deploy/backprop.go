package deploy

// The gradient of a pruned network, by backpropagation through the weights that are left. Of what
// runs backwards most is zero, behind pools and activations, and is passed over. So an image costs
// a tenth of what dense code takes for it.
//
// It is for chains of convolutions, maximum pools and dense layers with ReLU, such as LeNets.

import (
	"fmt"
	"math"
	"slices"

	net "gsmlab/infer/graph"
	"gsmlab/infer/kernel"
)

// A chain is a network whose layers follow one another.
type chain struct {
	links  []link
	layers []*weighted
	in     plane
	outs   int
}

// A link computes one value from the one before.
type link interface {
	// forward computes out from in.
	forward(in, out []float32, w *worker)
	// backward computes the gradient of in from that of out, which it may change. Gradients of in
	// begin as zeros; they are nil for the network's input.
	backward(in, out, din, dout []float32, w *worker)
	// shape is how out lies in memory.
	shape() plane
}

// A plane says how an image lies in memory: channel by channel, each with lines of pitch values.
type plane struct {
	h, w, c       int
	pitch, stride int // from a line to the next, and from a channel
}

func (p plane) at(y, x, c int) int { return c*p.stride + y*p.pitch + x }
func (p plane) size() int          { return p.c * p.stride }

// flatPlane is how a plain list of values lies.
func flatPlane(n int) plane { return plane{1, 1, n, 1, 1} }

// A weighted is a layer of weights: a convolution or a dense layer. Its weights that are not zero
// are listed by output, or for dense layers by input.
type weighted struct {
	at      int // the node
	node    *net.Node
	places  []int32   // of each weight in the node's tensor
	values  []float32 // of the weights
	bias    []float32
	first   int // of its gradients: those of the weights, then those of the biases
	ptr     []int32
	offs    []int32 // by output: where the weight's input lies; by input: the output
	low     float32
	from    plane
	to      plane
	isDense bool
}

// A worker computes images one after another.
type worker struct {
	values, grads [][]float32 // of the input, and of each link
	sums          []float32   // gradients of all weights and biases
	argmax        map[link][]int32
}

// chainOf sees a network as a chain.
func chainOf(g *net.Graph) (*chain, error) {
	c := &chain{}
	var last plane
	var order []int32 // of the values of the graph, where they lie; nil is in order
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Op == net.Input && i == 0 {
			if n.Type != net.Float || len(n.Shape) != 3 {
				return nil, fmt.Errorf("deploy: the input has shape %v: only images can be trained on", n.Shape)
			}
			last = plane{n.Shape[0], n.Shape[1], n.Shape[2], n.Shape[1], kernel.Up(n.Shape[0] * n.Shape[1])}
			c.in = last
			continue
		}
		if len(n.In) != 1 || n.In[0] != i-1 {
			return nil, fmt.Errorf("deploy: %s: its input is not the node before it, and only chains can be trained", g.Where(i))
		}
		if n.Op == net.Reshape && len(n.Shape) == 1 {
			if last != flatPlane(last.c) {
				order = last.order()
			}
			continue
		}
		l, err := c.link(n, last, order)
		if err != nil {
			return nil, fmt.Errorf("deploy: %s: %w", g.Where(i), err)
		}
		if w, ok := l.(*weighted); ok {
			w.at = i
			c.layers = append(c.layers, w)
		}
		c.links = append(c.links, l)
		last, order = l.shape(), nil
	}
	if len(g.Outputs) != 1 || g.Outputs[0] != len(g.Nodes)-1 || len(c.layers) == 0 {
		return nil, fmt.Errorf("deploy: only chains of layers with one output can be trained")
	}
	c.outs = last.size()
	for k := range c.layers[1:] {
		c.layers[k+1].first = c.layers[k].end()
	}
	return c, nil
}

// order lists where the values lie, in the graph's order.
func (p plane) order() []int32 {
	list := make([]int32, 0, p.h*p.w*p.c)
	for y := range p.h {
		for x := range p.w {
			for c := range p.c {
				list = append(list, int32(p.at(y, x, c)))
			}
		}
	}
	return list
}

func (c *chain) link(n *net.Node, in plane, order []int32) (link, error) {
	switch {
	case n.Op == net.MaxPool && n.Pads == [4]int{} && ones(n.Dilation) == [2]int{1, 1}:
		return &maxPool{n.Window, ones(n.Stride), in, plane{n.Shape[0], n.Shape[1], n.Shape[2], n.Shape[1], n.Shape[0] * n.Shape[1]}}, nil
	case !isLayer(n):
		return nil, fmt.Errorf("it is none of the operations that can be trained: convolutions and maximum pools without borders, and dense layers")
	case n.Act != net.None && n.Act != net.Relu:
		return nil, fmt.Errorf("its activation is none that can be trained: ReLU")
	}
	w := &weighted{node: n, from: in, low: float32(math.Inf(-1)), isDense: n.Op == net.Dense}
	if n.Act == net.Relu {
		w.low = 0
	}
	outs := widthOf(n.Weights.Shape)
	w.bias = make([]float32, outs)
	copy(w.bias, n.Bias)
	if w.isDense {
		if len(n.Shape) != 1 {
			return nil, fmt.Errorf("it is applied at several places, which cannot be trained")
		}
		w.to = flatPlane(outs)
		w.byInput(order)
		return w, nil
	}
	if n.Pads != [4]int{} || ones(n.Stride) != [2]int{1, 1} || ones(n.Dilation) != [2]int{1, 1} || n.Groups > 1 {
		return nil, fmt.Errorf("a convolution with a border, a stride, a dilation or groups, which cannot be trained")
	}
	w.to = plane{n.Shape[0], n.Shape[1], outs, in.pitch, kernel.Up(n.Shape[0] * in.pitch)}
	w.byOutput()
	return w, nil
}

// byInput lists the weights of a dense layer. The inputs lie in the given order.
func (w *weighted) byInput(order []int32) {
	n := w.node
	outs := widthOf(n.Weights.Shape)
	w.ptr = make([]int32, w.from.size()+1)
	rows := make([]int, w.from.size()) // of each input, its row of weights, -1 for unused room
	for i := range rows {
		rows[i] = i
	}
	if order != nil {
		for i := range rows {
			rows[i] = -1
		}
		for r, at := range order {
			rows[at] = r
		}
	}
	for i, r := range rows {
		if r >= 0 {
			for o, v := range n.Weights.Values[r*outs : (r+1)*outs] {
				if v != 0 {
					w.places, w.values, w.offs = append(w.places, int32(r*outs+o)), append(w.values, v), append(w.offs, int32(o))
				}
			}
		}
		w.ptr[i+1] = int32(len(w.offs))
	}
}

// byOutput lists the weights of a convolution.
func (w *weighted) byOutput() {
	n := w.node
	s := n.Weights.Shape
	w.ptr = make([]int32, s[3]+1)
	for o := range s[3] {
		for t := range s[0] * s[1] * s[2] {
			if v := n.Weights.Values[t*s[3]+o]; v != 0 {
				w.places, w.values = append(w.places, int32(t*s[3]+o)), append(w.values, v)
				w.offs = append(w.offs, int32(w.from.at(t/(s[1]*s[2]), t/s[2]%s[1], t%s[2])))
			}
		}
		w.ptr[o+1] = int32(len(w.offs))
	}
}

// end is where the gradients of the next layer begin.
func (w *weighted) end() int { return w.first + len(w.values) + len(w.bias) }

func (w *weighted) shape() plane { return w.to }

func (w *weighted) forward(in, out []float32, _ *worker) {
	if !w.isDense {
		length := (w.to.h-1)*w.to.pitch + w.to.w
		kernel.Best.Rows(out, w.to.stride, in, w.ptr, w.offs, w.values, w.bias, w.low, kernel.Up(length), 1)
		return
	}
	copy(out, w.bias)
	for i, x := range in[:len(w.ptr)-1] {
		if x == 0 {
			continue
		}
		for k := w.ptr[i]; k < w.ptr[i+1]; k++ {
			out[w.offs[k]] += x * w.values[k]
		}
	}
	for o := range w.bias {
		out[o] = max(out[o], w.low)
	}
}

func (w *weighted) backward(in, out, din, dout []float32, s *worker) {
	grads := s.sums[w.first:w.end()]
	dw, db := grads[:len(w.values)], grads[len(w.values):]
	if w.isDense {
		for o := range w.bias {
			if out[o] <= w.low {
				dout[o] = 0
			}
			db[o] += dout[o]
		}
		for i := range w.ptr[1:] {
			x, sum := in[i], float32(0)
			for k := w.ptr[i]; k < w.ptr[i+1]; k++ {
				d := dout[w.offs[k]]
				dw[k] += x * d
				sum += w.values[k] * d
			}
			if din != nil {
				din[i] = sum
			}
		}
		return
	}
	for o := range w.bias {
		offs, values, dw := w.offs[w.ptr[o]:w.ptr[o+1]], w.values[w.ptr[o]:w.ptr[o+1]], dw[w.ptr[o]:w.ptr[o+1]]
		for y := range w.to.h {
			at := w.to.at(y, 0, o)
			for x, d := range dout[at : at+w.to.w] {
				if d == 0 || out[at+x] <= w.low {
					continue
				}
				db[o] += d
				from := y*w.from.pitch + x
				for k, off := range offs {
					dw[k] += d * in[from+int(off)]
				}
				if din != nil {
					for k, off := range offs {
						din[from+int(off)] += d * values[k]
					}
				}
			}
		}
	}
}

// A maxPool is a maximum pool without a border.
type maxPool struct {
	window, step [2]int
	from, to     plane
}

func (p *maxPool) shape() plane { return p.to }

func (p *maxPool) forward(in, out []float32, w *worker) {
	best := w.argmax[p]
	if best == nil {
		best = make([]int32, p.to.size())
		w.argmax[p] = best
	}
	for c := range p.to.c {
		for y := range p.to.h {
			for x := range p.to.w {
				at := p.from.at(y*p.step[0], x*p.step[1], c)
				top := at
				for i := range p.window[0] {
					for j := at + i*p.from.pitch; j < at+i*p.from.pitch+p.window[1]; j++ {
						if in[j] > in[top] {
							top = j
						}
					}
				}
				to := p.to.at(y, x, c)
				out[to], best[to] = in[top], int32(top)
			}
		}
	}
}

func (p *maxPool) backward(_, _, din, dout []float32, w *worker) {
	for to, from := range w.argmax[p] {
		din[from] += dout[to]
	}
}

// newWorker makes room for one image.
func (c *chain) newWorker() *worker {
	w := &worker{argmax: map[link][]int32{}, sums: make([]float32, c.layers[len(c.layers)-1].end())}
	room := func(n int) []float32 { return make([]float32, n+2*kernel.Width) }
	w.values, w.grads = append(w.values, room(c.in.size())), append(w.grads, nil)
	for _, l := range c.links {
		w.values, w.grads = append(w.values, room(l.shape().size())), append(w.grads, room(l.shape().size()))
	}
	return w
}

// forward computes the logits of an image, whose values are in the graph's order.
func (w *worker) forward(c *chain, image []float32) []float32 {
	in := w.values[0]
	if c.in.c == 1 {
		copy(in, image)
	} else {
		for k, v := range image {
			in[c.in.at(k/c.in.c/c.in.w, k/c.in.c%c.in.w, k%c.in.c)] = v
		}
	}
	for k, l := range c.links {
		l.forward(w.values[k], w.values[k+1], w)
	}
	return w.values[len(c.links)][:c.outs]
}

// backward adds the gradients of all weights and biases to the worker's sums, from the gradient of
// the logits of the image that forward computed last.
func (w *worker) backward(c *chain, logits []float32) {
	copy(w.grads[len(c.links)], logits)
	for k, l := range slices.Backward(c.links) {
		if k > 0 {
			clear(w.grads[k])
		}
		l.backward(w.values[k], w.values[k+1], w.grads[k], w.grads[k+1], w)
	}
}
