// Steps that work element by element: unary, binary, Select, and constants.

package infer

import (
	"math"
	"slices"

	"gsmlab/infer/graph"
	"gsmlab/infer/kernel"
)

// Convert is one of these, by the type that it converts to. They are no operations of a graph.
const (
	toInt graph.Op = 254 - iota
	toBool
	same
	divInt // Div of whole numbers, which drops the fraction
)

var converts = [...]graph.Op{graph.Float: same, graph.Int: toInt, graph.Bool: toBool}

type unary struct {
	op       graph.Op
	alpha    float32
	src, dst ref
}

func (u *unary) run(s *scratch, lanes int) {
	apply(u.op, u.alpha, s.at(u.dst, lanes), s.at(u.src, lanes))
}

// apply computes dst = op(src), which may be the same slice.
func apply(op graph.Op, alpha float32, dst, src []float32) {
	dst = dst[:len(src)]
	switch op {
	case graph.None, same:
		copy(dst, src)
	case graph.Relu:
		for i, v := range src {
			dst[i] = max(v, 0)
		}
	case graph.LeakyRelu:
		for i, v := range src {
			if v < 0 {
				v *= alpha
			}
			dst[i] = v
		}
	case graph.Neg:
		for i, v := range src {
			dst[i] = -v
		}
	case graph.Abs:
		for i, v := range src {
			dst[i] = float32(math.Abs(float64(v)))
		}
	case graph.Sqrt:
		for i, v := range src {
			dst[i] = float32(math.Sqrt(float64(v)))
		}
	default:
		for i, v := range src {
			dst[i] = float32(function(op, float64(v), float64(alpha)))
		}
	}
}

// function is a unary operation on one value.
func function(op graph.Op, x, alpha float64) float64 {
	switch op {
	case same:
		return x
	case toInt:
		return math.Trunc(x)
	case toBool:
		if x != 0 {
			return 1
		}
		return 0
	}
	return op.Of(x, alpha)
}

// An operand of a step of several inputs: a buffer, or a constant with the same value in each lane,
// which lies as the result does.
type operand struct {
	buf   ref
	konst []float32
	index []int32 // which value of the buffer goes with each of the result; nil is the same
}

// value returns the lanes of the operand for value i of the result, or a constant.
func (o *operand) value(s *scratch, i, lanes int) (lane []float32, konst float32) {
	if o.index != nil {
		i = int(o.index[i])
	}
	if o.buf == nil {
		return nil, o.konst[i]
	}
	at := (o.buf.off + i) * lanes
	return s.arena[at : at+lanes], 0
}

// operand makes node j ready to be read for a result that lies as out does.
func (p *planner) operand(j int, out *value) operand {
	v := &p.values[j]
	o := operand{buf: v.buf, konst: v.konst}
	if v.buf != nil && len(v.konst) > 0 {
		o.buf = nil // a constant that was also put into a buffer
	}
	regular := o.buf != nil && v.size() == out.size() && alike(v, out)
	if o.buf != nil && !regular && v.size() == out.size() && v.grid != nil && out.grid != nil {
		// Brought to lie alike, so that the step works on whole vectors.
		moved := p.like(out, out.shape)
		moved.grid = out.grid
		order := channelsFirst(v)
		p.copy(&moved, v, v.size(), order, order).fills = true
		o.buf, regular = moved.buf, true
	}
	if regular {
		return o
	}
	from := broadcastIndex(v.shape, out.shape)
	if o.buf == nil {
		o.konst = slices.Repeat(v.konst[:1], out.buf.size) // what lies between values has value 0
		for i := range out.size() {
			o.konst[out.at(i)] = v.konst[from(i)]
		}
		return o
	}
	o.index = make([]int32, out.buf.size) // what lies between values reads value 0
	for i := range out.size() {
		o.index[out.at(i)] = v.at(from(i))
	}
	return o
}

// all is all values of an operand that has no index, for one lane.
func (o *operand) all(s *scratch, size int) []float32 {
	if o.buf == nil {
		return o.konst[:size]
	}
	return s.at(o.buf, 1)
}

// alike reports whether two values of as many elements lie alike.
func alike(a, b *value) bool {
	if a.buf.size != b.buf.size || (a.pos == nil) != (b.pos == nil) {
		return false
	}
	if a.grid != nil && b.grid != nil {
		return *a.grid.within() == *b.grid.within()
	}
	if a.pos == nil || len(a.pos) > 0 && len(a.pos) == len(b.pos) && &a.pos[0] == &b.pos[0] {
		return true
	}
	for i, at := range a.pos {
		if b.pos[i] != at {
			return false
		}
	}
	return true
}

// broadcastIndex maps the index of a value of the result to the operand's.
func broadcastIndex(shape, out []int) func(i int) int {
	strides := make([]int, len(out))
	stride := 1
	for k := len(shape) - 1; k >= 0; k-- {
		if shape[k] > 1 {
			strides[len(out)-len(shape)+k] = stride
		}
		stride *= shape[k]
	}
	return func(i int) int {
		at := 0
		for k := len(out) - 1; k >= 0; k-- {
			at += i % out[k] * strides[k]
			i /= out[k]
		}
		return at
	}
}

// result makes the value of an operation on several inputs: it lies as an input that is as large
// does, so that the others are moved. That is one which convolutions need not move again, in planes
// and with zeros around them, if there is one, else the first.
func (p *planner) result(n *graph.Node) value {
	size := graph.Elements(n.Shape)
	var like *value
	for _, j := range n.In {
		v := &p.values[j]
		if v.buf != nil && len(v.konst) == 0 && v.size() == size && (like == nil || v.prepared() > like.prepared()) {
			like = v
		}
	}
	if like != nil {
		return p.like(like, n.Shape)
	}
	return p.inOrder(n.Shape)
}

type binary struct {
	op   graph.Op
	a, b operand
	dst  ref
	set  *kernel.Set
	low  float32 // the least value of a sum: 0 where Relu follows
}

func (p *planner) binary(n *graph.Node) value {
	v := p.result(n)
	op := n.Op
	if op == graph.Div && n.Type == graph.Int {
		op = divInt
	}
	step := &binary{op, p.operand(n.In[0], &v), p.operand(n.In[1], &v), v.buf, p.set(), float32(math.Inf(-1))}
	p.emitOperands(step, v.buf, &step.a, &step.b)
	if op == graph.Add && step.a.buf != nil && step.b.buf != nil && step.a.index == nil && step.b.index == nil && v.grid != nil {
		// Zeros around both are zeros around the sum.
		zeros := *v.grid
		zeros.halo = min(p.halo(n.In[0], &v), p.halo(n.In[1], &v))
		v.grid = &zeros
	}
	return v
}

// halo is the zeros that are sure to lie around the planes of a node's value, as brought to lie as
// out does.
func (p *planner) halo(j int, out *value) int {
	v := &p.values[j]
	if !alike(v, out) {
		return min(out.grid.dy, 1<<10) // it was moved, into zeros
	}
	return v.grid.halo
}

// emitOperands adds a step that reads operands.
func (p *planner) emitOperands(s step, writes ref, list ...*operand) {
	var reads []ref
	for _, o := range list {
		if o.buf != nil {
			reads = append(reads, o.buf)
		}
	}
	p.emit(s, writes, reads...)
}

func (b *binary) run(s *scratch, lanes int) {
	dst := s.at(b.dst, lanes)
	if b.a.buf != nil && b.b.buf != nil && b.a.index == nil && b.b.index == nil {
		x, y := s.at(b.a.buf, lanes), s.at(b.b.buf, lanes)
		if b.op == graph.Add {
			b.set.Add(dst, x, y, b.low)
			return
		}
		combine(b.op, dst, x, y)
		return
	}
	if lanes == 1 && b.a.index == nil && b.b.index == nil {
		combine(b.op, dst, b.a.all(s, len(dst)), b.b.all(s, len(dst)))
		return
	}
	for i := range b.dst.size {
		x, cx := b.a.value(s, i, lanes)
		y, cy := b.b.value(s, i, lanes)
		d := dst[i*lanes : (i+1)*lanes]
		switch {
		case x != nil && y != nil:
			combine(b.op, d, x, y)
		case x != nil:
			combineRight(b.op, d, x, cy)
		case y != nil:
			for k, v := range y {
				d[k] = scalar(b.op, cx, v)
			}
		default:
			v := scalar(b.op, cx, cy)
			for k := range d {
				d[k] = v
			}
		}
	}
}

// combine computes dst = x op y.
func combine(op graph.Op, dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	switch op {
	case graph.Add:
		for i := range dst {
			dst[i] = x[i] + y[i]
		}
	case graph.Mul:
		for i := range dst {
			dst[i] = x[i] * y[i]
		}
	default:
		for i := range dst {
			dst[i] = scalar(op, x[i], y[i])
		}
	}
}

// combineRight computes dst = x op y for a constant y.
func combineRight(op graph.Op, dst, x []float32, y float32) {
	x = x[:len(dst)]
	switch op {
	case graph.Add:
		for i := range dst {
			dst[i] = x[i] + y
		}
	case graph.Mul:
		for i := range dst {
			dst[i] = x[i] * y
		}
	default:
		for i := range dst {
			dst[i] = scalar(op, x[i], y)
		}
	}
}

// scalar computes x op y.
func scalar(op graph.Op, x, y float32) float32 {
	truth := false
	switch op {
	case graph.Add:
		return x + y
	case graph.Sub:
		return x - y
	case graph.Mul:
		return x * y
	case graph.Div:
		return x / y
	case divInt:
		return float32(math.Trunc(float64(x) / float64(y)))
	case graph.Max:
		return max(x, y)
	case graph.Min:
		return min(x, y)
	case graph.Pow:
		return float32(math.Pow(float64(x), float64(y)))
	case graph.Equal:
		truth = x == y
	case graph.NotEqual:
		truth = x != y
	case graph.Less:
		truth = x < y
	case graph.LessOrEqual:
		truth = x <= y
	case graph.Greater:
		truth = x > y
	case graph.GreaterOrEqual:
		truth = x >= y
	case graph.And:
		truth = x != 0 && y != 0
	case graph.Or:
		truth = x != 0 || y != 0
	}
	if truth {
		return 1
	}
	return 0
}

// pick is Select.
type pick struct {
	cond, yes, no operand
	dst           ref
}

func (p *planner) pick(n *graph.Node) value {
	v := p.result(n)
	step := &pick{p.operand(n.In[0], &v), p.operand(n.In[1], &v), p.operand(n.In[2], &v), v.buf}
	p.emitOperands(step, v.buf, &step.cond, &step.yes, &step.no)
	return v
}

func (q *pick) run(s *scratch, lanes int) {
	dst := s.at(q.dst, lanes)
	for i := range q.dst.size {
		cond, c := q.cond.value(s, i, lanes)
		yes, y := q.yes.value(s, i, lanes)
		no, n := q.no.value(s, i, lanes)
		d := dst[i*lanes : (i+1)*lanes]
		for k := range d {
			if cond != nil {
				c = cond[k]
			}
			source, konst := no, n
			if c != 0 {
				source, konst = yes, y
			}
			if source != nil {
				konst = source[k]
			}
			d[k] = konst
		}
	}
}

// fill writes a constant into a buffer.
type fill struct {
	konst []float32
	at    []int32 // where its values go; nil is in order
	dst   ref
}

func (f *fill) run(s *scratch, lanes int) {
	dst := s.at(f.dst, lanes)
	if lanes == 1 && f.at == nil {
		copy(dst, f.konst)
		return
	}
	for i, v := range f.konst {
		if f.at != nil {
			i = int(f.at[i])
		}
		d := dst[i*lanes : (i+1)*lanes]
		for k := range d {
			d[k] = v
		}
	}
}
