// The plan: from a graph to steps over buffers. A value may lie in its buffer in another order than
// the graph's, such as channel by channel with room between rows; the steps absorb the order.

package infer

import (
	"slices"

	"gsmlab/infer/graph"
	"gsmlab/infer/kernel"
)

// A buffer holds one value, from the step that writes it to the last that reads it.
type buffer struct {
	off, size   int
	first, last int
}

// A ref is a buffer, whose place is known when the plan is complete.
type ref = *buffer

// A value is what a node computed, and where it lies.
type value struct {
	shape []int
	buf   ref
	pos   []int32 // where the values lie in the buffer, in the graph's order; nil is in order
	grid  *grid   // for an image whose values lie regularly; pos agrees with it
	konst []float32
}

// A grid is how the values of an image lie in a buffer: value (y, x, c) at off + y*dy + x*dx +
// c*dc.
type grid struct {
	h, w, c, off, dy, dx, dc int
	halo                     int // how many zeros are sure to lie around each plane, at each side
}

// within is the grid without a promise of zeros.
func (g *grid) within() *grid {
	if g == nil || g.halo == 0 {
		return g
	}
	out := *g
	out.halo = 0
	return &out
}

func inOrder(shape []int) *grid {
	if len(shape) != 3 {
		return nil
	}
	h, w, c := shape[0], shape[1], shape[2]
	return &grid{h: h, w: w, c: c, dy: w * c, dx: c, dc: 1}
}

// planes is a grid of one plane for each channel, whose rows are pitch apart.
func planes(h, w, c, pitch int) (g *grid, size int) {
	stride := kernel.Up(h * pitch)
	return &grid{h: h, w: w, c: c, dy: pitch, dx: 1, dc: stride}, stride * c
}

// positions lists where a grid's values lie, nil for in order.
func (g *grid) positions() []int32 {
	list := make([]int32, 0, g.h*g.w*g.c)
	ordered := true
	for y := range g.h {
		for x := range g.w {
			for c := range g.c {
				at := g.off + y*g.dy + x*g.dx + c*g.dc
				ordered = ordered && at == len(list)
				list = append(list, int32(at))
			}
		}
	}
	if ordered {
		return nil
	}
	return list
}

// planar reports whether a value is an image that lies channel by channel, as convolutions want it.
func (v *value) planar() bool { return v.grid != nil && v.grid.dx == 1 && v.grid.c > 1 }

// prepared is how far a value lies as convolutions want it: 0 not in planes, else 1 more than the
// zeros around each plane.
func (v *value) prepared() int {
	if !v.planar() {
		return 0
	}
	return 1 + v.grid.halo
}

func (v *value) size() int { return graph.Elements(v.shape) }

// at is where value i lies.
func (v *value) at(i int) int32 {
	if v.pos == nil {
		return int32(i)
	}
	return v.pos[i]
}

// A planner makes the steps of a network.
type planner struct {
	g       *graph.Graph
	nonzero [][]int32 // see compile
	o       Options
	n       *Network
	values  []value
	buffers []ref
	readers [][]int // of each node, the nodes that read it
}

func plan(g *graph.Graph, nonzero [][]int32, o Options) (*Network, error) {
	p := &planner{g: g, nonzero: nonzero, o: o, n: &Network{}, values: make([]value, len(g.Nodes)), readers: make([][]int, len(g.Nodes))}
	p.n.set = p.set()
	live := alive(g)
	for i := range g.Nodes {
		if live[i] {
			for _, j := range g.Nodes[i].In {
				p.readers[j] = append(p.readers[j], i)
			}
		}
	}
	for i := range g.Nodes {
		if live[i] || g.Nodes[i].Op == graph.Input {
			p.node(i)
		}
	}
	for _, o := range g.Outputs {
		v := p.lanes(o)
		p.n.outputs = append(p.n.outputs, port{v.shape, v.size(), v.buf, v.pos})
		p.n.out += v.size()
	}
	for _, o := range p.n.outputs {
		o.at.last = len(p.n.steps)
	}
	p.place()
	p.choose()
	return p.n, nil
}

// alive says which nodes the outputs depend on.
func alive(g *graph.Graph) []bool {
	live := make([]bool, len(g.Nodes))
	for _, o := range g.Outputs {
		live[o] = true
	}
	for i := len(live) - 1; i >= 0; i-- {
		if live[i] {
			for _, j := range g.Nodes[i].In {
				live[j] = true
			}
		}
	}
	return live
}

// node plans one node.
func (p *planner) node(i int) {
	n := &p.g.Nodes[i]
	v := value{shape: n.Shape}
	switch op := n.Op; {
	case op == graph.Input:
		v = p.input(i)
	case op == graph.Const:
		v.konst = n.Values
	case op == graph.Dense:
		v = p.dense(i)
	case op == graph.Conv2D:
		v = p.conv(i)
	case op.Pool():
		v = p.pool(n)
	case op == graph.MatMul:
		v = p.matMul(n)
	case op == graph.Embed:
		v = p.embed(n)
	case op == graph.Relu && p.fusible(n.In[0]) != nil:
		p.fusible(n.In[0]).low = 0
		v = p.values[n.In[0]]
	case op.Unary():
		x := p.lanes(n.In[0])
		v = p.like(x, n.Shape)
		f, alpha := n.Op, n.Alpha
		if f == graph.Convert {
			f = converts[n.Type]
		}
		p.emit(&unary{f, alpha, x.buf, v.buf}, v.buf, x.buf)
		if f == graph.Relu || f == graph.LeakyRelu {
			v.grid = x.grid // zeros stay zeros
		}
	case op.Binary():
		v = p.binary(n)
	case op == graph.Select:
		v = p.pick(n)
	case op.Reduction():
		v = p.reduce(n)
	case op == graph.Softmax || op == graph.LogSoftmax:
		v = p.softmax(n)
	case op == graph.Reshape:
		v = p.reshape(n)
	default:
		v = p.moved(n)
	}
	p.values[i] = v
}

// fusible is the step of a node that is a plain sum which nobody reads but one other node.
func (p *planner) fusible(i int) *binary {
	if p.g.Nodes[i].Op != graph.Add || len(p.readers[i]) != 1 || slices.Contains(p.g.Outputs, i) || len(p.n.steps) == 0 {
		return nil
	}
	for k := len(p.n.steps) - 1; k >= 0; k-- {
		if b, ok := p.n.steps[k].(*binary); ok && b.dst == p.values[i].buf {
			if b.op == graph.Add && b.a.buf != nil && b.b.buf != nil && b.a.index == nil && b.b.index == nil {
				return b
			}
			return nil
		}
	}
	return nil
}

// input plans an input. An image that layers read channel by channel is put in planes at once.
func (p *planner) input(i int) value {
	n := &p.g.Nodes[i]
	v := value{shape: n.Shape}
	planar := len(n.Shape) == 3 && n.Shape[2] > 1
	for _, r := range p.readers[i] {
		planar = planar && p.g.Nodes[r].Op == graph.Conv2D
	}
	if planar && len(p.readers[i]) > 0 {
		v = p.inPlanes(n.Shape, n.Shape[1])
	} else {
		v = p.inOrder(n.Shape)
	}
	v.buf.first = -1
	p.n.inputs = append(p.n.inputs, port{v.shape, v.size(), v.buf, v.pos})
	p.n.in += v.size()
	return v
}

// buffer makes a buffer of so many values.
func (p *planner) buffer(size int) ref {
	b := &buffer{size: kernel.Up(size), first: len(p.n.steps), last: len(p.n.steps)}
	p.buffers = append(p.buffers, b)
	return b
}

// inOrder makes a value that lies in the graph's order.
func (p *planner) inOrder(shape []int) value {
	return value{shape: shape, buf: p.buffer(graph.Elements(shape)), grid: inOrder(shape)}
}

// inPlanes makes an image that lies channel by channel.
func (p *planner) inPlanes(shape []int, pitch int) value {
	g, size := planes(shape[0], shape[1], shape[2], pitch)
	return value{shape: shape, buf: p.buffer(size), grid: g, pos: g.positions()}
}

// like makes a value that lies as another does, of the same number of values.
func (p *planner) like(x *value, shape []int) value {
	return value{shape: shape, buf: p.buffer(x.buf.size), pos: x.pos, grid: x.grid.within()}
}

// emit adds a step that writes one buffer and reads others.
func (p *planner) emit(s step, writes ref, reads ...ref) {
	at := len(p.n.steps)
	for _, r := range reads {
		r.last = max(r.last, at)
	}
	if writes != nil {
		writes.first, writes.last = min(writes.first, at), max(writes.last, at)
	}
	p.n.steps = append(p.n.steps, s)
}

// lanes is a node's value in a buffer: a constant is put into one.
func (p *planner) lanes(i int) *value {
	v := &p.values[i]
	if v.buf == nil {
		konst := v.konst
		*v = p.inOrder(v.shape)
		v.konst = konst
		// The constant is written once for all its readers, here: so no other buffer may take its
		// place before the last of them.
		p.emit(&fill{konst, nil, v.buf}, v.buf)
	}
	return v
}

// ordered is a node's value in the graph's order.
func (p *planner) ordered(i int) *value {
	v := p.lanes(i)
	if v.pos == nil {
		return v
	}
	out := p.inOrder(v.shape)
	p.copy(&out, v, out.size(), nil, nil)
	return &out
}

// place gives each buffer its place: the first that no living buffer has.
func (p *planner) place() {
	list := slices.Clone(p.buffers)
	slices.SortStableFunc(list, func(a, b ref) int {
		if a.first != b.first {
			return a.first - b.first
		}
		return b.size - a.size
	})
	var placed []ref
	for _, b := range list {
		placed = slices.DeleteFunc(placed, func(o ref) bool { return o.last < b.first })
		slices.SortFunc(placed, func(a, b ref) int { return a.off - b.off })
		at := 0
		for _, o := range placed {
			if at+b.size <= o.off {
				break
			}
			at = max(at, o.off+o.size)
		}
		b.off = at
		placed = append(placed, b)
		p.n.arena = max(p.n.arena, at+b.size)
	}
}

// fold computes what does not depend on an input, and makes constants of it.
func fold(g *graph.Graph) (*graph.Graph, error) {
	constant := make([]bool, len(g.Nodes))
	any := false
	for i := range g.Nodes {
		n := &g.Nodes[i]
		constant[i] = n.Op != graph.Input
		for _, j := range n.In {
			constant[i] = constant[i] && constant[j]
		}
		any = any || constant[i] && n.Op != graph.Const
	}
	if !any {
		return g, nil
	}
	// Only what a node that is not constant reads, or what is an output, is asked for.
	part := &graph.Graph{Nodes: slices.Clone(g.Nodes)}
	wanted := func(i int) {
		if constant[i] && g.Nodes[i].Op != graph.Const && !slices.Contains(part.Outputs, i) {
			part.Outputs = append(part.Outputs, i)
		}
	}
	for i := range g.Nodes {
		if !constant[i] {
			for _, j := range g.Nodes[i].In {
				wanted(j)
			}
			part.Nodes[i] = graph.Node{Op: graph.Const, Values: make([]float32, graph.Elements(g.Nodes[i].Shape)), Shape: g.Nodes[i].Shape}
		}
	}
	for _, o := range g.Outputs {
		wanted(o)
	}
	if len(part.Outputs) == 0 {
		return g, nil
	}
	n, err := plan(part, nil, Options{Lanes: 1})
	if err != nil {
		return nil, err
	}
	dst := make([]float32, n.out)
	n.block(&scratch{}, dst, nil, 1, 1)
	out := &graph.Graph{Nodes: slices.Clone(g.Nodes), Outputs: g.Outputs}
	for _, i := range part.Outputs {
		shape := g.Nodes[i].Shape
		size := graph.Elements(shape)
		out.Nodes[i] = graph.Node{Op: graph.Const, Name: g.Nodes[i].Name, Shape: shape, Type: g.Nodes[i].Type, Values: dst[:size:size]}
		dst = dst[size:]
	}
	return out, nil
}
