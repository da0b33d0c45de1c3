// Steps that move values and compute nothing: Transpose, Concat, Slice, Pad, Broadcast, and changes
// of how a value lies. Each is a list of runs, found when the network is compiled.

package infer

import "gsmlab/infer/graph"

// A run is a stretch of values that moves as a whole.
type run struct{ dst, src, count int32 }

type move struct {
	runs     []run
	src, dst ref
	fills    bool // the result has values that no run writes
	fill     float32
}

func (m *move) run(s *scratch, lanes int) {
	dst, src := s.at(m.dst, lanes), s.at(m.src, lanes)
	if m.fills {
		clear(dst)
		if m.fill != 0 {
			for i := range dst {
				dst[i] = m.fill
			}
		}
	}
	if lanes == 1 {
		for _, r := range m.runs {
			if r.count == 1 {
				dst[r.dst] = src[r.src]
				continue
			}
			copy(dst[r.dst:r.dst+r.count], src[r.src:])
		}
		return
	}
	for _, r := range m.runs {
		d, f, n := int(r.dst)*lanes, int(r.src)*lanes, int(r.count)*lanes
		copy(dst[d:d+n], src[f:f+n])
	}
}

// copy plans the move of values of src to out: out's value to(i) is src's value from(i), for each
// of count values. Nil functions are in order.
func (p *planner) copy(out, src *value, count int, to, from func(i int) int) *move {
	m := &move{src: src.buf, dst: out.buf}
	for i := range count {
		d, s := i, i
		if to != nil {
			d = to(i)
		}
		if from != nil {
			s = from(i)
		}
		if s < 0 {
			m.fills = true
			continue
		}
		d, s = int(out.at(d)), int(src.at(s))
		if k := len(m.runs) - 1; k >= 0 {
			if r := &m.runs[k]; int(r.dst+r.count) == d && int(r.src+r.count) == s {
				r.count++
				continue
			}
		}
		m.runs = append(m.runs, run{int32(d), int32(s), 1})
	}
	p.emit(m, out.buf, src.buf)
	return m
}

// reshape gives the same buffer another shape.
func (p *planner) reshape(n *graph.Node) value {
	x := p.lanes(n.In[0])
	v := value{shape: n.Shape, buf: x.buf, pos: x.pos}
	if v.pos == nil {
		v.grid = inOrder(n.Shape)
	}
	return v
}

// moved plans the operations that only move values.
func (p *planner) moved(n *graph.Node) value {
	if n.Op == graph.Concat {
		return p.concat(n)
	}
	x := p.lanes(n.In[0])
	v := p.inOrder(n.Shape)
	if planar := x.grid != nil && x.grid.dx == 1 && x.grid.c > 1; planar && (n.Op == graph.Slice || n.Op == graph.Pad) {
		v = p.inPlanes(n.Shape, n.Shape[1])
	}
	strides := stridesOf(x.shape)
	coords := make([]int, len(n.Shape))
	from := func(i int) int {
		for k := len(coords) - 1; k >= 0; k-- {
			coords[k] = i % n.Shape[k]
			i /= n.Shape[k]
		}
		at := 0
		for k, c := range coords {
			switch n.Op {
			case graph.Transpose:
				at += c * strides[n.Axes[k]]
				continue
			case graph.Slice:
				step := 1
				if len(n.Step) > 0 {
					step = n.Step[k]
				}
				c = n.Start[k] + c*step
			case graph.Pad:
				if c -= n.Low[k]; c < 0 || c >= x.shape[k] {
					return -1
				}
			}
			at += c * strides[k]
		}
		return at
	}
	if n.Op == graph.Broadcast {
		from = broadcastIndex(x.shape, n.Shape)
	}
	order := channelsFirst(&v)
	m := p.copy(&v, x, v.size(), order, func(i int) int { return from(order(i)) })
	m.fill = n.Fill
	return v
}

func stridesOf(shape []int) []int {
	strides := make([]int, len(shape))
	stride := 1
	for k := len(shape) - 1; k >= 0; k-- {
		strides[k] = stride
		stride *= shape[k]
	}
	return strides
}

// concat plans Concat. Images that lie in planes stay so.
func (p *planner) concat(n *graph.Node) value {
	axis := n.Axes[0]
	v := value{}
	if g := p.lanes(n.In[0]).grid; len(n.Shape) == 3 && g != nil && g.dx == 1 && g.c > 1 {
		v = p.inPlanes(n.Shape, n.Shape[1])
	} else {
		v = p.inOrder(n.Shape)
	}
	inner := 1
	for _, d := range n.Shape[axis+1:] {
		inner *= d
	}
	outer := inner * n.Shape[axis]
	start := 0
	for _, j := range n.In {
		x := p.lanes(j)
		width := inner * x.shape[axis]
		begin := start
		order := channelsFirst(x)
		to := func(i int) int {
			i = order(i)
			return i/width*outer + begin + i%width
		}
		p.copy(&v, x, x.size(), to, order)
		start += width
	}
	return v
}

// channelsFirst goes over the values of an image that lies in planes plane by plane, so that moves
// are long runs, and over others in order.
func channelsFirst(x *value) func(i int) int {
	if x.grid == nil || x.grid.dx != 1 {
		return func(i int) int { return i }
	}
	w, c := x.grid.w, x.grid.c
	pixels := x.grid.h * w
	return func(i int) int { return i%pixels*c + i/pixels }
}

// embed is Embed.
type embed struct {
	table    []float32
	width    int
	src, dst ref
	count    int
}

func (p *planner) embed(n *graph.Node) value {
	x := p.ordered(n.In[0])
	v := p.inOrder(n.Shape)
	p.emit(&embed{n.Weights.Values, n.Weights.Shape[1], x.buf, v.buf, x.size()}, v.buf, x.buf)
	return v
}

func (e *embed) run(s *scratch, lanes int) {
	dst, src := s.at(e.dst, lanes), s.at(e.src, lanes)
	rows := len(e.table)/e.width - 1
	for i := range e.count {
		for k := range lanes {
			// Compared as floats, so that infinities and what is not a number stay in range too.
			row := 0
			if f := src[i*lanes+k]; f >= float32(rows) {
				row = rows
			} else if f > 0 {
				row = int(f)
			}
			for j := range e.width {
				dst[(i*e.width+j)*lanes+k] = e.table[row*e.width+j]
			}
		}
	}
}
