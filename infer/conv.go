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
	to        grid // where the output lies
	first     int  // where the group's first plane begins
	length    int  // values of a plane, from the first output to the last
	one, many form

	rows   *matrix
	panels *panelled
}

func (p *planner) conv(node int) value {
	n := &p.g.Nodes[node]
	x := p.image(n.In[0])
	groups := max(n.Groups, 1)
	shape := n.Weights.Shape
	kh, kw, cin, cout := shape[0], shape[1], shape[2], shape[3]
	stride, dilation := ones(n.Stride), ones(n.Dilation)
	l := p.layout(n, x, stride, dilation)

	v := p.around(n.Shape, l.pitch, p.wants(node, 3))
	h, w := n.Shape[0], n.Shape[1]
	bias := biasOf(n, cout)
	outs := cout / groups
	per := n.Weights.Values
	if groups > 1 {
		per = make([]float32, kh*kw*cin*outs)
	}
	nonzero := 0
	var layer Layer
	for g := range groups {
		c := &stencil{per, outs, make([]int32, kh*kw*cin)}
		for t := range c.offs {
			ky, kx, i := t/(kw*cin), t/cin%kw, t%cin
			c.offs[t] = l.offset(ky*dilation[0], kx*dilation[1], g*cin+i)
		}
		var weights []int32
		if groups == 1 {
			weights = p.weightsOf(node, c)
		} else {
			for t := range c.offs {
				copy(per[t*outs:(t+1)*outs], n.Weights.Values[t*cout+g*outs:])
			}
			weights = c.nonzero()
		}
		live := c.live(weights)
		nonzero += len(weights)
		first := v.grid.dc * outs * g
		step := &conv{finish: finishOf(n), set: p.set(), outs: outs, bias: bias[g*outs:], src: l.buf, dst: v.buf,
			first: first, to: *v.grid, length: (h-1)*l.pitch + w}
		step.one, step.many = p.convForms(c, len(weights), len(live))
		if step.one == byRows || step.many == byRows {
			step.rows = c.matrix(weights)
		}
		if step.one != byRows || step.many != byRows {
			step.panels = c.panels(c.taps(live, step.one == full || step.many == full))
		}
		p.emit(step, v.buf, l.buf)
		layer = Layer{n.Name, len(n.Weights.Values), nonzero, formNames[step.one], formNames[step.many]}
	}
	p.n.layers = append(p.n.layers, layer)
	return v
}

func (c *conv) run(s *scratch, lanes int) {
	in := s.from(c.src, lanes)
	planes := s.from(c.dst, lanes)[c.first*lanes:]
	out, stride := planes[c.to.off*lanes:], c.to.dc*lanes
	width := kernel.Up(c.length * lanes)
	form := c.one
	if lanes > 1 {
		form = c.many
	}
	if form == byRows {
		c.set.Rows(out, stride, in, c.rows.ptr, c.rows.offs, c.rows.vals, c.bias, c.low, width, lanes)
	} else {
		c.set.Panels(out, stride, in, c.panels.offs, c.panels.panels, c.bias, c.low, c.outs, width, lanes)
	}
	c.apply(planes[:stride*c.outs])
	if c.to.halo > 0 {
		c.surround(planes, lanes)
	}
}

// surround puts zeros around the planes, and between their rows, where the kernels have left what a
// row's end and the next row's beginning give.
func (c *conv) surround(planes []float32, lanes int) {
	g := &c.to
	for o := range c.outs {
		plane := planes[o*g.dc*lanes : (o+1)*g.dc*lanes]
		clear(plane[:g.off*lanes])
		end, gap := (g.off+g.w)*lanes, g.dy-g.w
		if lanes == 1 && gap <= 3 { // as good as always
			for range g.h - 1 {
				plane[end], plane[end+gap/2], plane[end+gap-1] = 0, 0, 0
				end += g.dy
			}
			clear(plane[end:])
			continue
		}
		for range g.h - 1 {
			next := end + gap*lanes
			for i := range plane[end:next] {
				plane[end+i] = 0
			}
			end += g.dy * lanes
		}
		clear(plane[end:])
	}
	clear(planes[c.outs*g.dc*lanes : (c.outs*g.dc+g.halo)*lanes]) // or the next plane's first zeros
}

// wants is the padding that readers of a node would like to find around its planes.
func (p *planner) wants(i, depth int) int {
	most := 0
	for _, r := range p.readers[i] {
		n := &p.g.Nodes[r]
		switch {
		case n.Op == graph.Conv2D && ones(n.Stride) == [2]int{1, 1}:
			most = max(most, n.Pads[0], n.Pads[1], n.Pads[2], n.Pads[3])
		case depth > 0 && (n.Op == graph.Add || n.Op == graph.Relu || n.Op == graph.LeakyRelu):
			most = max(most, p.wants(r, depth-1))
		}
	}
	return most
}

// around makes an image in planes with zeros around each. Two rows share the zeros between them, so
// that there must be as many columns between rows as zeros at either side.
func (p *planner) around(shape []int, pitch, zeros int) value {
	h, w, c := shape[0], shape[1], shape[2]
	off := zeros*pitch + zeros
	if zeros == 0 || pitch-w < zeros || off+kernel.Up((h-1)*pitch+w) > (h+2*zeros)*pitch {
		if c == 1 && pitch == w {
			v := p.inOrder(shape)
			v.grid.dc = v.buf.size
			return v
		}
		return p.inPlanes(shape, pitch)
	}
	g, size := planes(h+2*zeros, w, c, pitch)
	g.h, g.off, g.halo = h, off, zeros
	return value{shape: shape, buf: p.buffer(size + zeros), grid: g, pos: g.positions()}
}

// A layout is where a convolution reads its input: planes, padded and split by the stride.
type layout struct {
	buf      ref
	off      int
	pitch    int
	plane    int // values of a plane
	perImage int // values of a channel: a plane for each phase of the stride
	strideY  int
	strideX  int
}

// offset is where the output's first value finds pixel (y, x) of channel c, in the padded image.
func (l *layout) offset(y, x, c int) int32 {
	phase := y%l.strideY*l.strideX + x%l.strideX
	return int32(l.off + c*l.perImage + phase*l.plane + y/l.strideY*l.pitch + x/l.strideX)
}

// layout plans the padding of the image, where its value does not lie as the convolution wants.
func (p *planner) layout(n *graph.Node, x *value, stride, dilation [2]int) *layout {
	g := x.grid
	if pads := n.Pads; max(pads[0], pads[1], pads[2], pads[3]) <= g.halo && stride == [2]int{1, 1} && g.dx == 1 {
		return &layout{buf: x.buf, off: g.off - pads[0]*g.dy - pads[2], pitch: g.dy, perImage: g.dc, strideY: 1, strideX: 1}
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
			for phase := range stride[1] {
				for px := (phase + stride[1] - n.Pads[2]%stride[1]) % stride[1]; px < g.w; px += stride[1] {
					m.add(l.offset(y+n.Pads[0], px+n.Pads[2], c), int32(g.off+y*g.dy+px*g.dx+c*g.dc))
				}
			}
		}
	}
	p.emit(m, l.buf, x.buf)
	return l
}
