// Steps that bring many values to few: reductions, softmax, pools, and the product of two computed
// matrices.

package infer

import (
	"math"

	"gsmlab/infer/graph"
	"gsmlab/infer/kernel"
)

// groups maps each value of x to its group: values that differ along the axes only are in one.
func groups(x *value, axes []int) (at, group []int32, count int) {
	strides := make([]int, len(x.shape))
	reduced := make([]bool, len(x.shape))
	for _, a := range axes {
		reduced[a] = true
	}
	count = 1
	for k := len(x.shape) - 1; k >= 0; k-- {
		if !reduced[k] {
			strides[k] = count
			count *= x.shape[k]
		}
	}
	at, group = make([]int32, x.size()), make([]int32, x.size())
	for i := range at {
		g, rest := 0, i
		for k := len(x.shape) - 1; k >= 0; k-- {
			g += rest % x.shape[k] * strides[k]
			rest /= x.shape[k]
		}
		at[i], group[i] = x.at(i), int32(g)
	}
	return at, group, count
}

type reduce struct {
	op        graph.Op
	scale     float32
	at, group []int32
	count     int
	src, dst  ref
}

func (p *planner) reduce(n *graph.Node) value {
	x := p.lanes(n.In[0])
	v := p.inOrder(n.Shape)
	at, group, count := groups(x, n.Axes)
	step := &reduce{n.Op, 1, at, group, count, x.buf, v.buf}
	if n.Op == graph.ReduceMean {
		step.scale = float32(count) / float32(x.size())
	}
	p.emit(step, v.buf, x.buf)
	if n.Op == graph.ReduceMean && n.Type == graph.Int {
		p.emit(&unary{toInt, 0, v.buf, v.buf}, v.buf, v.buf)
	}
	return v
}

func (r *reduce) run(s *scratch, lanes int) {
	dst, src := s.at(r.dst, lanes)[:r.count*lanes], s.at(r.src, lanes)
	start := float32(0)
	switch r.op {
	case graph.ReduceMax:
		start = float32(math.Inf(-1))
	case graph.ReduceMin:
		start = float32(math.Inf(1))
	}
	for i := range dst {
		dst[i] = start
	}
	if lanes == 1 && start == 0 {
		group := r.group[:len(r.at)]
		for i, at := range r.at {
			dst[group[i]] += src[at]
		}
		r.finish(dst)
		return
	}
	for i, at := range r.at {
		x := src[int(at)*lanes:][:lanes]
		d := dst[int(r.group[i])*lanes:][:lanes]
		switch r.op {
		case graph.ReduceMax:
			for k, v := range x {
				d[k] = max(d[k], v)
			}
		case graph.ReduceMin:
			for k, v := range x {
				d[k] = min(d[k], v)
			}
		default:
			for k, v := range x {
				d[k] += v
			}
		}
	}
	r.finish(dst)
}

// finish makes means of sums.
func (r *reduce) finish(dst []float32) {
	if r.scale != 1 {
		for i := range dst {
			dst[i] *= r.scale
		}
	}
}

type softmax struct {
	log        bool
	at, group  []int32
	count      int
	src, dst   ref
	highs, sum ref
}

func (p *planner) softmax(n *graph.Node) value {
	x := p.lanes(n.In[0])
	v := p.like(x, n.Shape)
	at, group, count := groups(x, n.Axes)
	highs, sum := p.buffer(count), p.buffer(count)
	p.emit(&softmax{n.Op == graph.LogSoftmax, at, group, count, x.buf, v.buf, highs, sum}, v.buf, x.buf)
	return v
}

func (m *softmax) run(s *scratch, lanes int) {
	dst, src := s.at(m.dst, lanes), s.at(m.src, lanes)
	highs, sum := s.at(m.highs, lanes), s.at(m.sum, lanes)
	for i := range highs {
		highs[i], sum[i] = float32(math.Inf(-1)), 0
	}
	for i, at := range m.at {
		g := int(m.group[i]) * lanes
		for k := range lanes {
			highs[g+k] = max(highs[g+k], src[int(at)*lanes+k])
		}
	}
	for i, at := range m.at {
		g := int(m.group[i]) * lanes
		for k := range lanes {
			v := src[int(at)*lanes+k] - highs[g+k]
			e := float32(math.Exp(float64(v)))
			sum[g+k] += e
			if !m.log {
				v = e
			}
			dst[int(at)*lanes+k] = v
		}
	}
	if m.log {
		for i := range m.count * lanes {
			sum[i] = float32(math.Log(float64(sum[i])))
		}
	}
	for i, at := range m.at {
		g := int(m.group[i]) * lanes
		for k := range lanes {
			if m.log {
				dst[int(at)*lanes+k] -= sum[g+k]
			} else {
				dst[int(at)*lanes+k] /= sum[g+k]
			}
		}
	}
}

type pool struct {
	op                       graph.Op
	window, stride, dilation [2]int
	top, left                int
	from, to                 grid
	src, dst                 ref
	set                      *kernel.Set
}

// image is a node's value as an image that lies regularly.
func (p *planner) image(i int) *value {
	v := p.lanes(i)
	if v.grid != nil {
		return v
	}
	return p.ordered(i)
}

func (p *planner) pool(n *graph.Node) value {
	x := p.image(n.In[0])
	v := value{}
	if x.grid.dx == 1 && n.Shape[2] > 1 {
		v = p.inPlanes(n.Shape, n.Shape[1])
	} else {
		v = p.inOrder(n.Shape)
	}
	v.buf.size += kernel.Width
	step := &pool{n.Op, n.Window, ones(n.Stride), ones(n.Dilation), n.Pads[0], n.Pads[2], *x.grid, *v.grid, x.buf, v.buf, p.set()}
	p.emit(step, v.buf, x.buf)
	return v
}

// ones puts 1 where the zero value means it.
func ones(pair [2]int) [2]int {
	return [2]int{max(pair[0], 1), max(pair[1], 1)}
}

func (q *pool) run(s *scratch, lanes int) {
	dst, src := s.at(q.dst, lanes), s.at(q.src, lanes)
	if q.halves() {
		q.halve(s, dst, lanes)
		return
	}
	for c := range q.to.c {
		for y := range q.to.h {
			for x := range q.to.w {
				at := q.to.off + y*q.to.dy + x*q.to.dx + c*q.to.dc
				q.one(dst[at*lanes:(at+1)*lanes], src, y, x, c, lanes)
			}
		}
	}
}

// halves reports the usual case: the greatest of two by two, without padding, of images in planes.
func (q *pool) halves() bool {
	two := [2]int{2, 2}
	return q.op == graph.MaxPool && q.window == two && q.stride == two && q.dilation == [2]int{1, 1} &&
		q.top == 0 && q.left == 0 && q.from.dx == 1 && q.to.dx == 1
}

func (q *pool) halve(s *scratch, dst []float32, lanes int) {
	src := s.from(q.src, lanes)
	for c := range q.to.c {
		in, out := src[(q.from.off+c*q.from.dc)*lanes:], dst[(q.to.off+c*q.to.dc)*lanes:]
		if lanes == 1 {
			// What is written behind a row is written again by the next, or lies behind the last.
			q.set.Halve(out, q.to.dy, in, q.from.dy, q.to.h, q.to.w)
		} else {
			q.set.Max4(out, q.to.dy*lanes, in, q.from.dy*lanes, q.to.h, q.to.w, lanes)
		}
	}
}

// one computes one window, for each lane.
func (q *pool) one(d, src []float32, y, x, c, lanes int) {
	first, count := true, 0
	for i := range q.window[0] {
		row := y*q.stride[0] + i*q.dilation[0] - q.top
		if row < 0 || row >= q.from.h {
			continue
		}
		for j := range q.window[1] {
			col := x*q.stride[1] + j*q.dilation[1] - q.left
			if col < 0 || col >= q.from.w {
				continue
			}
			at := (q.from.off + row*q.from.dy + col*q.from.dx + c*q.from.dc) * lanes
			in := src[at : at+lanes]
			count++
			switch {
			case first:
				copy(d, in)
				first = false
			case q.op == graph.MaxPool:
				for k, v := range in {
					d[k] = max(d[k], v)
				}
			default:
				for k, v := range in {
					d[k] += v
				}
			}
		}
	}
	switch {
	case first: // dilated, with all of its pixels in the padding
		empty := float32(0)
		if q.op == graph.MaxPool {
			empty = float32(math.Inf(-1))
		}
		for k := range d {
			d[k] = empty
		}
	case q.op == graph.MeanPool:
		for k := range d {
			d[k] /= float32(count)
		}
	}
}

type matMul struct {
	batches, m, k, n int
	transposed       bool
	a, b, dst        ref
}

func (p *planner) matMul(n *graph.Node) value {
	a, b := p.ordered(n.In[0]), p.ordered(n.In[1])
	v := p.inOrder(n.Shape)
	r := len(a.shape)
	rows, inner, cols := a.shape[r-2], a.shape[r-1], n.Shape[r-1]
	p.emit(&matMul{a.size() / (rows * inner), rows, inner, cols, n.TransposeB, a.buf, b.buf, v.buf}, v.buf, a.buf, b.buf)
	return v
}

func (q *matMul) run(s *scratch, lanes int) {
	dst, a, b := s.at(q.dst, lanes), s.at(q.a, lanes), s.at(q.b, lanes)
	row, col := q.n, 1 // strides of b along k and n
	if q.transposed {
		row, col = 1, q.k
	}
	for t := range q.batches {
		for i := range q.m {
			for j := range q.n {
				at := ((t*q.m+i)*q.n + j) * lanes
				d := dst[at : at+lanes]
				clear(d)
				for k := range q.k {
					fa := ((t*q.m+i)*q.k + k) * lanes
					fb := (t*q.k*q.n + k*row + j*col) * lanes
					x, y := a[fa:fa+lanes], b[fb:fb+lanes]
					for l := range d {
						d[l] += x[l] * y[l]
					}
				}
			}
		}
	}
}
