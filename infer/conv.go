// Conv2D: a direct convolution, without a matrix of patches. The image is padded once, and split
// where the stride is more than 1, so that each weight reads its input at one constant offset from
// the output, along a whole plane.

package infer

import (
	"gsmlab/infer/graph"
	"gsmlab/infer/kernel"
)

// A conv is a group of a Conv2D.
type conv struct {
	finish
	set       *kernel.Set
	outs      int
	bias      []float32
	src, dst  ref
	from, to  int // where the input's and the output's first values are, in their buffers
	length    int // values of a plane, from the first output to the last
	stride    int // from one plane of the output to the next
	one, many form

	rows   *matrix
	panels *panelled
}

func (p *planner) conv(n *graph.Node) value {
	x := p.image(n.In[0])
	groups := max(n.Groups, 1)
	shape := n.Weights.Shape
	kh, kw, cin, cout := shape[0], shape[1], shape[2], shape[3]
	stride, dilation := ones(n.Stride), ones(n.Dilation)
	l := p.layout(n, x, stride, dilation)

	h, w := n.Shape[0], n.Shape[1]
	v := value{}
	if cout == 1 && l.pitch == w {
		v = p.inOrder(n.Shape)
	} else {
		v = p.inPlanes(n.Shape, l.pitch)
	}
	bias := biasOf(n, cout)
	outs := cout / groups
	per := make([]float32, kh*kw*cin*outs)
	nonzero := 0
	var layer Layer
	for g := range groups {
		c := &stencil{per, outs, make([]int32, kh*kw*cin)}
		for t := range c.offs {
			ky, kx, i := t/(kw*cin), t/cin%kw, t%cin
			c.offs[t] = l.offset(ky*dilation[0], kx*dilation[1], g*cin+i)
			copy(per[t*outs:(t+1)*outs], n.Weights.Values[t*cout+g*outs:])
		}
		weights := c.nonzero()
		nonzero += weights
		first := round8(h*l.pitch) * outs * g
		step := &conv{finish: finishOf(n), set: p.set(), outs: outs, bias: bias[g*outs:], src: l.buf, dst: v.buf,
			to: first, length: (h-1)*l.pitch + w, stride: round8(h * l.pitch)}
		step.one, step.many = p.convForms(c, weights)
		if step.one == byRows || step.many == byRows {
			step.rows = c.matrix()
		}
		if step.one != byRows || step.many != byRows {
			step.panels = c.panels(step.one == full || step.many == full)
		}
		p.emit(step, v.buf, l.buf)
		layer = Layer{n.Name, len(n.Weights.Values), nonzero, formNames[step.one], formNames[step.many]}
	}
	p.n.layers = append(p.n.layers, layer)
	return v
}

func (c *conv) run(s *scratch, lanes int) {
	in := s.from(c.src, lanes)
	out := s.from(c.dst, lanes)[c.to*lanes:]
	width := round8(c.length * lanes)
	form := c.one
	if lanes > 1 {
		form = c.many
	}
	if form == byRows {
		c.set.Rows(out, c.stride*lanes, in, c.rows.ptr, c.rows.offs, c.rows.vals, c.bias, c.low, width, lanes)
	} else {
		c.set.Panels(out, c.stride*lanes, in, c.panels.offs, c.panels.panels, c.bias, c.low, c.outs, width, lanes)
	}
	c.apply(out[:c.stride*c.outs*lanes])
}

// A layout is where a convolution reads its input: planes, padded and split by the stride.
type layout struct {
	buf       ref
	off       int
	pitch     int
	plane     int // values of a plane
	perImage  int // values of a channel: a plane for each phase of the stride
	strideY   int
	strideX   int
	unchanged bool
}

// offset is where the output's first value finds pixel (y, x) of channel c, in the padded image.
func (l *layout) offset(y, x, c int) int32 {
	phase := y%l.strideY*l.strideX + x%l.strideX
	return int32(l.off + c*l.perImage + phase*l.plane + y/l.strideY*l.pitch + x/l.strideX)
}

// layout plans the padding of the image, where its value does not lie as the convolution wants.
func (p *planner) layout(n *graph.Node, x *value, stride, dilation [2]int) *layout {
	g := x.grid
	if n.Pads == [4]int{} && stride == [2]int{1, 1} && g.dx == 1 {
		return &layout{buf: x.buf, off: g.off, pitch: g.dy, perImage: g.dc, strideY: 1, strideX: 1}
	}
	l := &layout{strideY: stride[0], strideX: stride[1]}
	h, w := g.h+n.Pads[0]+n.Pads[1], g.w+n.Pads[2]+n.Pads[3]
	l.pitch = (w + stride[1] - 1) / stride[1]
	l.plane = (h + stride[0] - 1) / stride[0] * l.pitch
	l.perImage = l.plane * stride[0] * stride[1]
	l.buf = p.buffer(l.perImage*g.c + kernel.Width)
	m := &move{src: x.buf, dst: l.buf, fills: true}
	for c := range g.c {
		for y := range g.h {
			if stride[1] == 1 && g.dx == 1 {
				at := l.offset(y+n.Pads[0], n.Pads[2], c)
				m.runs = append(m.runs, run{at, int32(g.off + y*g.dy + c*g.dc), int32(g.w)})
				continue
			}
			for x := range g.w {
				at := l.offset(y+n.Pads[0], x+n.Pads[2], c)
				m.runs = append(m.runs, run{at, int32(g.off + y*g.dy + x*g.dx + c*g.dc), 1})
			}
		}
	}
	p.emit(m, l.buf, x.buf)
	return l
}
