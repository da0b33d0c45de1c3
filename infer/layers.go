// Layers of weights: Dense and Conv2D, in the forms that kernels want.

package infer

import (
	"math"
	"slices"

	"gsmlab/infer/graph"
	"gsmlab/infer/kernel"
)

// A form is how a layer's weights are used.
type form uint8

const (
	byRows    form = iota // the weights that are not zero, output by output
	byColumns             // the weights that are not zero, input by input; zero inputs are skipped
	compacted             // all weights of the inputs that some output reads
	full                  // all weights
)

var formNames = [...]string{byRows: "sparse rows", byColumns: "sparse columns", compacted: "compacted", full: "dense"}

// A matrix is a layer's weights as a sparse matrix, one row for each output.
type matrix struct {
	ptr, offs []int32 // offs says which stretch of the input a value multiplies
	vals      []float32
}

// A stencil lists where each tap of a layer reads its input: the weight of output o at tap t is
// weights[t*outs+o]. Groups of a convolution have their own.
type stencil struct {
	weights []float32
	outs    int
	offs    []int32
}

// weightsOf lists the weights of a node that are not zero, in any order. c has all of them.
func (p *planner) weightsOf(node int, c *stencil) []int32 {
	if p.nonzero != nil {
		return p.nonzero[node]
	}
	return c.nonzero()
}

// nonzero lists the weights that are not zero, in order. Most are zero, and eight are passed over
// at a time; among the eight there is no branch, which no processor would foresee.
func (c *stencil) nonzero() []int32 {
	const block = 8
	list := make([]int32, 0, len(c.weights)/32+block)
	w, from := c.weights, 0
	for ; len(w) >= block; w, from = w[block:], from+block {
		part := (*[block]float32)(w)
		if anyBits(part)<<1 == 0 {
			continue
		}
		list = slices.Grow(list, block)
		next, n := (*[block]int32)(list[len(list):len(list)+block]), 0
		for k, v := range part {
			next[n%block] = int32(from + k)
			if v != 0 {
				n++
			}
		}
		list = list[:len(list)+n]
	}
	for k, v := range w {
		if v != 0 {
			list = append(list, int32(from+k))
		}
	}
	return list
}

// anyBits has the bits that any of the values has: none but the sign where all are zero. It is as
// much as the compiler still inlines.
func anyBits(v *[8]float32) uint32 {
	return math.Float32bits(v[0]) | math.Float32bits(v[1]) | math.Float32bits(v[2]) | math.Float32bits(v[3]) |
		math.Float32bits(v[4]) | math.Float32bits(v[5]) | math.Float32bits(v[6]) | math.Float32bits(v[7])
}

// matrix keeps the weights that are not zero.
func (c *stencil) matrix(nonzero []int32) *matrix {
	m := &matrix{ptr: make([]int32, c.outs+1), offs: make([]int32, len(nonzero)), vals: make([]float32, len(nonzero))}
	for _, k := range nonzero {
		m.ptr[int(k)%c.outs+1]++
	}
	for o := range c.outs {
		m.ptr[o+1] += m.ptr[o]
	}
	next := append([]int32(nil), m.ptr...)
	for _, k := range nonzero {
		t, o := int(k)/c.outs, int(k)%c.outs
		m.offs[next[o]], m.vals[next[o]] = c.offs[t], c.weights[k]
		next[o]++
	}
	return m
}

// A panelled is a layer's weights as kernel.Panels wants them.
type panelled struct {
	offs   []int32
	panels []float32
}

// live are the taps that some output reads, but at least one, as kernels want.
func (c *stencil) live(nonzero []int32) []int {
	read := make([]bool, len(c.offs))
	for _, k := range nonzero {
		read[int(k)/c.outs] = true
	}
	taps := make([]int, 0, len(c.offs))
	for t := range read {
		if read[t] {
			taps = append(taps, t)
		}
	}
	if len(taps) == 0 {
		taps = []int{0}
	}
	return taps
}

// taps are the live ones, or all.
func (c *stencil) taps(live []int, all bool) []int {
	if !all {
		return live
	}
	taps := make([]int, len(c.offs))
	for t := range taps {
		taps[t] = t
	}
	return taps
}

func (c *stencil) panels(taps []int) *panelled {
	whole := (c.outs + kernel.Tall - 1) / kernel.Tall
	d := &panelled{offs: make([]int32, len(taps)), panels: make([]float32, whole*len(taps)*kernel.Tall)}
	for k, t := range taps {
		d.offs[k] = c.offs[t]
		for o, w := range c.weights[t*c.outs : (t+1)*c.outs] {
			d.panels[(o/kernel.Tall*len(taps)+k)*kernel.Tall+o%kernel.Tall] = w
		}
	}
	return d
}

// finish is what follows a layer's sums: the least value, which is relu's 0 or none, and another
// activation.
type finish struct {
	low   float32
	act   graph.Op
	alpha float32
}

func finishOf(n *graph.Node) finish {
	if n.Act == graph.Relu {
		return finish{low: 0}
	}
	return finish{float32(math.Inf(-1)), n.Act, n.Alpha}
}

func (f *finish) apply(x []float32) {
	if f.act != graph.None {
		apply(f.act, f.alpha, x, x)
	}
}

// biasOf is the bias with zeros where there is none, and room for whole vectors and panels.
func biasOf(n *graph.Node, outs int) []float32 {
	bias := make([]float32, outs+2*kernel.Width)
	copy(bias, n.Bias)
	return bias
}

// dense is a Dense layer.
type dense struct {
	finish
	set       *kernel.Set
	ins, outs int
	positions int // leading axes of the input: each position is multiplied alone
	bias      []float32
	src, dst  ref
	one, many form

	rows    *matrix  // many, by rows
	dots    *dots    // one, by rows
	columns *columns // one, by columns
	wide    *wide    // one, dense
	panels  *panelled
}

// columns is a sparse matrix input by input.
type columns struct {
	ptr   []int32
	index []uint16
	vals  []float32
}

// dots is a sparse matrix output by output, rows of like length side by side.
type dots struct {
	rows, lengths []int32
	index         []uint16
	vals          []float32
}

func (m *matrix) dots() *dots {
	d := &dots{lengths: make([]int32, len(m.ptr)-1), index: make([]uint16, 0, len(m.offs)), vals: make([]float32, 0, len(m.vals))}
	longest := int32(0)
	for r := range d.lengths {
		longest = max(longest, m.ptr[r+1]-m.ptr[r])
	}
	// Sorted by counting, because a network is loaded in a millisecond.
	starts := make([]int32, longest+2)
	for r := range d.lengths {
		starts[m.ptr[r+1]-m.ptr[r]+1]++
	}
	for k := range starts[1:] {
		starts[k+1] += starts[k]
	}
	d.rows = make([]int32, len(d.lengths))
	for r := range d.lengths {
		n := m.ptr[r+1] - m.ptr[r]
		d.rows[starts[n]] = int32(r)
		starts[n]++
	}
	for k, r := range d.rows {
		from, to := m.ptr[r], m.ptr[r+1]
		d.lengths[k] = to - from
		for i := from; i < to; i++ {
			d.index = append(d.index, uint16(m.offs[i]))
		}
		d.vals = append(d.vals, m.vals[from:to]...)
	}
	return d
}

// wide is a dense matrix input by input, each padded to whole vectors. Row 0 is the bias.
type wide struct {
	taps  []int32 // the inputs of the other rows
	rows  []float32
	pitch int
}

func (p *planner) dense(i int) value {
	n := &p.g.Nodes[i]
	x := p.lanes(n.In[0])
	ins, outs := n.Weights.Shape[0], n.Weights.Shape[1]
	positions := x.size() / ins
	if positions > 1 {
		x = p.ordered(n.In[0])
	}
	c := &stencil{n.Weights.Values, outs, make([]int32, ins)}
	for i := range c.offs {
		c.offs[i] = x.at(i)
	}
	v := p.inOrder(n.Shape)
	v.buf.size += kernel.Width // the last position may write past its end
	d := &dense{finish: finishOf(n), set: p.set(), ins: ins, outs: outs, positions: positions, bias: biasOf(n, outs), src: x.buf, dst: v.buf}
	nonzero := p.weightsOf(i, c)
	live := c.live(nonzero)
	d.one, d.many = p.denseForms(c, len(nonzero), len(live), x.buf.size)
	var sparse *matrix
	if d.one == byRows || d.many == byRows {
		sparse = c.matrix(nonzero)
	}
	switch d.one {
	case byColumns:
		size := x.buf.size
		if positions > 1 {
			size = ins
		}
		d.columns = c.columns(size)
	case byRows:
		d.dots = sparse.dots()
	default:
		d.wide = c.wide(c.taps(live, d.one == full), d.bias)
	}
	if d.many == byRows {
		d.rows = sparse
	} else {
		d.panels = c.panels(c.taps(live, d.many == full))
	}
	p.emit(d, v.buf, x.buf)
	p.n.layers = append(p.n.layers, Layer{n.Name, len(n.Weights.Values), len(nonzero), formNames[d.one], formNames[d.many]})
	return v
}

// columns has a column for each value of the input's buffer, in the buffer's order. Columns are
// padded to whole fours by additions to the value behind the last output.
func (c *stencil) columns(size int) *columns {
	size = kernel.Up(size)
	tap := make([]int32, size)
	for t, off := range c.offs {
		tap[off] = int32(t) + 1
	}
	m := &columns{ptr: make([]int32, size+1)}
	for i, t := range tap {
		if t > 0 {
			for o, w := range c.weights[int(t-1)*c.outs : int(t)*c.outs] {
				if w != 0 {
					m.index = append(m.index, uint16(o))
					m.vals = append(m.vals, w)
				}
			}
			for len(m.vals)%4 != 0 {
				m.index, m.vals = append(m.index, uint16(c.outs)), append(m.vals, 0)
			}
		}
		m.ptr[i+1] = int32(len(m.vals))
	}
	return m
}

func (c *stencil) wide(taps []int, bias []float32) *wide {
	m := &wide{taps: make([]int32, len(taps)), pitch: kernel.Up(c.outs)}
	m.rows = make([]float32, (len(taps)+1)*m.pitch+kernel.Width)
	copy(m.rows, bias[:c.outs])
	for k, t := range taps {
		m.taps[k] = c.offs[t]
		copy(m.rows[(k+1)*m.pitch:], c.weights[t*c.outs:(t+1)*c.outs])
	}
	return m
}

func (d *dense) run(s *scratch, lanes int) {
	for i := range d.positions {
		src := s.from(d.src, lanes)[i*d.ins*lanes:]
		dst := s.from(d.dst, lanes)[i*d.outs*lanes:]
		switch {
		case lanes > 1 && d.many == byRows:
			d.set.Rows(dst, lanes, src, d.rows.ptr, d.rows.offs, d.rows.vals, d.bias, d.low, lanes, lanes)
		case lanes > 1:
			d.set.Panels(dst, lanes, src, d.panels.offs, d.panels.panels, d.bias, d.low, d.outs, lanes, lanes)
		case d.one == byColumns:
			d.byColumns(dst[:d.outs+1], src)
		case d.one == byRows:
			d.set.Dots(dst, src, d.dots.rows, d.dots.lengths, d.dots.index, d.dots.vals, d.bias, d.low)
		default:
			d.byInputs(s, dst, src)
		}
	}
	d.apply(s.at(d.dst, lanes)[:d.positions*d.outs*lanes])
}

// byColumns has room for one value behind the last output.
func (d *dense) byColumns(dst, x []float32) {
	copy(dst, d.bias)
	d.set.Columns(dst, x, d.columns.ptr, d.columns.index, d.columns.vals)
	if d.low == 0 {
		for i, v := range dst {
			dst[i] = max(v, 0)
		}
	}
}

// nothing is a bias of 0.
var nothing = make([]float32, 1)

// byInputs multiplies the dense rows of the inputs that are not zero.
func (d *dense) byInputs(s *scratch, dst, x []float32) {
	m := d.wide
	if need := len(m.taps) + 1; len(s.list) < need {
		s.list, s.offs = make([]float32, need), make([]int32, need)
	}
	list, offs := s.list[:len(m.taps)+1], s.offs[:len(m.taps)+1]
	list[0], offs[0] = 1, 0
	count := 1
	for k, t := range m.taps {
		if v := x[t]; v != 0 {
			list[count], offs[count] = v, int32((k+1)*m.pitch)
			count++
		}
	}
	s.ptr = [2]int32{0, int32(count)}
	d.set.Rows(dst, 0, m.rows, s.ptr[:], offs, list, nothing, d.low, m.pitch, 1)
}
