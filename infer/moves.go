// Steps that move values and compute nothing: Transpose, Concat, Slice, Pad, Broadcast, and changes
// of how a value lies. Each is a list of runs, found when the network is compiled.

package infer

import (
	"slices"

	"gsmlab/infer/graph"
)

// A run is values that lie side by side in the result, and step apart in the source.
type run struct{ dst, src, count, step int32 }

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
			to := dst[r.dst : r.dst+r.count]
			if r.step == 1 {
				copy(to, src[r.src:])
				continue
			}
			at := int(r.src)
			for i := range to {
				to[i] = src[at]
				at += int(r.step)
			}
		}
		return
	}
	for _, r := range m.runs {
		d, f := int(r.dst)*lanes, int(r.src)*lanes
		n, step := int(r.count)*lanes, int(r.step)*lanes
		if r.step == 1 {
			copy(dst[d:d+n], src[f:f+n])
			continue
		}
		for ; n > 0; n -= lanes {
			copy(dst[d:d+lanes], src[f:f+lanes])
			d, f = d+lanes, f+step
		}
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
		m.add(int32(d), int32(s))
	}
	p.emit(m, out.buf, src.buf)
	return m
}

// add adds the move of one value, to the last run if it goes on there.
func (m *move) add(dst, src int32) {
	if k := len(m.runs) - 1; k >= 0 {
		r := &m.runs[k]
		if r.count == 1 && r.dst+1 == dst {
			r.step = src - r.src // which a second value decides
		}
		if r.dst+r.count == dst && r.src+r.count*r.step == src {
			r.count++
			return
		}
	}
	m.runs = append(m.runs, run{dst, src, 1, 1})
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
	if x.planar() && (n.Op == graph.Slice || n.Op == graph.Pad) {
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
	if len(n.Shape) == 3 && slices.ContainsFunc(n.In, func(j int) bool { return p.values[j].planar() }) {
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
		x := &p.values[j]
		width := inner * x.shape[axis]
		begin := start
		to := func(i int) int { return i/width*outer + begin + i%width }
		start += width
		if len(x.konst) > 0 {
			at := make([]int32, x.size())
			for i := range at {
				at[i] = v.at(to(i))
			}
			p.emit(&fill{x.konst, at, v.buf}, v.buf)
			continue
		}
		order := channelsFirst(x)
		p.copy(&v, x, x.size(), func(i int) int { return to(order(i)) }, order)
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
