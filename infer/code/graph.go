// Graphs: the nodes and their attributes, and the tensors of their weights. What follows from the
// inputs, such as most shapes, is not in the file.

package code

import (
	"errors"
	"slices"
	"strconv"

	"gsmlab/infer/graph"
)

// A graphModel is what the coder has learned of a graph.
type graphModel struct {
	nodes, outputs, inputs, name number
	op, typ                      number
	in, shape, attribute         number
	flags                        [8]chance
	letters                      [256]chance
	tensor                       *tensorModel
	bias                         biasModel
	float                        floatModel
}

// A budget is what a file may ask for. It grows with the file, so that a small one cannot fill the
// memory.
type budget struct{ values, weights, nodes, inputs int }

const (
	freeElements = 1 << 22 // what any file may ask for
	perByte      = 1 << 12 // and what each of its bytes adds
)

func budgetOf(size int) budget {
	elements := min(freeElements+perByte*size, graph.MaxElements)
	return budget{elements, elements, 1<<12 + size, 1<<14 + 8*size}
}

// take spends the elements of a shape.
func take(left *int, shape []int) error {
	n := 1
	for _, d := range shape {
		if d < 1 || d > *left/n {
			return errors.New("the shape " + graph.Format(shape) + " is empty, or too large for so small a file")
		}
		n *= d
	}
	*left -= n
	return nil
}

// graph codes a whole graph. Forms are read only while encoding.
func (c *coder) graph(g *graph.Graph, b budget, names bool, forms []form) error {
	m := &graphModel{tensor: newTensorModel()}
	names = c.flag(names, &m.flags[0])
	count := c.number(len(g.Nodes), &m.nodes)
	if count < 1 || count > b.nodes || count > graph.MaxNodes {
		return errors.New(strconv.Itoa(count) + " nodes in so small a file")
	}
	if c.enc == nil {
		g.Nodes = make([]graph.Node, count)
		c.nonzero = make([][]int32, count)
	}
	for i := range g.Nodes {
		var how form
		if c.enc != nil {
			how = forms[i]
			c.enc.node()
		}
		if err := c.node(m, g, i, &b, names, &how); err != nil {
			return errors.New(g.Where(i) + ": " + err.Error())
		}
	}
	c.category(Header)
	n := c.number(len(g.Outputs), &m.outputs)
	if n < 1 || n > b.inputs {
		return errors.New(strconv.Itoa(n) + " outputs in so small a file")
	}
	if c.enc == nil {
		g.Outputs = make([]int, n)
	}
	for k, o := range g.Outputs {
		g.Outputs[k] = count - 1 - c.number(count-1-o, &m.in)
	}
	return c.ended()
}

// node codes one node.
func (c *coder) node(m *graphModel, g *graph.Graph, i int, b *budget, names bool, how *form) error {
	c.category(Header)
	n := &g.Nodes[i]
	n.Op = graph.Op(min(c.number(int(n.Op), &m.op), 255))
	if !n.Op.Known() {
		return errors.New("the operation is not known: a newer version may have written the file")
	}
	n.Type = graph.Type(min(c.number(int(n.Type), &m.typ), 255))
	if names {
		n.Name = c.text(n.Name, m)
	}
	if err := c.inputs(m, n, i, b); err != nil {
		return err
	}
	if err := c.attributes(m, g, n); err != nil {
		return err
	}
	if err := c.shape(m, g, i, b); err != nil {
		return err
	}
	switch n.Op {
	case graph.Const:
		return c.constant(m, n, b)
	case graph.Dense, graph.Conv2D, graph.Embed:
		return c.layer(m, g, i, how)
	}
	return c.ended()
}

// text codes a name, of at most 255 bytes.
func (c *coder) text(s string, m *graphModel) string {
	n := min(c.number(min(len(s), 255), &m.name), 255)
	out := make([]byte, n)
	for k := range out {
		v := uint32(0)
		if c.enc != nil {
			v = uint32(s[k])
		}
		out[k] = byte(c.tree(v, 8, m.letters[:]))
	}
	return string(out)
}

// list codes a list of numbers, at least 0.
func (c *coder) list(v []int, m *number, most int) ([]int, error) {
	n := c.number(len(v), m)
	if n > most {
		return nil, errors.New("a list of " + strconv.Itoa(n) + " numbers: at most " + strconv.Itoa(most))
	}
	if c.enc == nil && n > 0 {
		v = make([]int, n)
	}
	for k := range v {
		v[k] = c.number(v[k], m)
	}
	return v, nil
}

// inputs codes how far back the inputs are.
func (c *coder) inputs(m *graphModel, n *graph.Node, i int, b *budget) error {
	if n.Op == graph.Input || n.Op == graph.Const {
		return nil
	}
	count := c.number(len(n.In), &m.inputs)
	if count < 1 || count > b.inputs {
		return errors.New(strconv.Itoa(count) + " inputs")
	}
	b.inputs -= count
	if c.enc == nil {
		n.In = make([]int, count)
	}
	for k := range n.In {
		n.In[k] = i - 1 - c.number(i-1-n.In[k], &m.in)
		if n.In[k] < 0 || n.In[k] >= i {
			return errors.New("an input that is no node before it")
		}
	}
	return nil
}

// attributes codes what the operation reads beside its inputs, the kernel's shape included.
func (c *coder) attributes(m *graphModel, g *graph.Graph, n *graph.Node) (err error) {
	a := &m.attribute
	pair := func(v *[2]int) { v[0], v[1] = c.number(v[0], a), c.number(v[1], a) }
	list := func(v *[]int) {
		if err == nil {
			*v, err = c.list(*v, a, graph.MaxRank)
		}
	}
	if n.Op == graph.Conv2D || n.Op.Pool() {
		if simple := n.Stride == [2]int{} && n.Dilation == [2]int{} && n.Pads == [4]int{}; !c.flag(simple, &m.flags[1]) {
			pair(&n.Stride)
			pair(&n.Dilation)
			for k := range n.Pads {
				n.Pads[k] = c.number(n.Pads[k], a)
			}
		}
	}
	switch op := n.Op; {
	case op == graph.Dense || op == graph.Conv2D || op == graph.Embed:
		c.kernel(m, g, n)
	case op.Pool():
		pair(&n.Window)
	case op.Reduction(), op == graph.Softmax, op == graph.LogSoftmax, op == graph.Concat, op == graph.Transpose:
		list(&n.Axes)
	case op == graph.Slice:
		list(&n.Start)
		list(&n.Step)
	case op == graph.Pad:
		list(&n.Low)
		list(&n.High)
		n.Fill = c.float(n.Fill, &m.float)
	case op == graph.MatMul:
		n.TransposeB = c.flag(n.TransposeB, &m.flags[2])
	}
	if n.Op == graph.Dense || n.Op == graph.Conv2D {
		n.Act = graph.Op(min(c.number(int(n.Act), &m.op), 255))
	}
	for _, op := range []graph.Op{n.Op, n.Act} {
		if op == graph.LeakyRelu || op == graph.Elu {
			n.Alpha = c.float(n.Alpha, &m.float)
		}
	}
	return err
}

// kernel codes the shape of a layer's weights, as far as its input does not say it.
func (c *coder) kernel(m *graphModel, g *graph.Graph, n *graph.Node) {
	a := &m.attribute
	shape := n.Weights.Shape
	if c.enc == nil {
		shape = make([]int, 2)
		if n.Op == graph.Conv2D {
			shape = make([]int, 4)
		}
		n.Weights.Shape = shape
	}
	in := g.Nodes[n.In[0]].Shape
	channels := 1
	if len(in) > 0 {
		channels = in[len(in)-1]
	}
	switch n.Op {
	case graph.Conv2D:
		n.Groups = c.number(n.Groups, a)
		shape[0], shape[1] = c.number(shape[0], a), c.number(shape[1], a)
		shape[2] = channels / max(n.Groups, 1)
	case graph.Dense:
		shape[0] = channels
	case graph.Embed:
		shape[0] = c.number(shape[0], a)
	}
	last := len(shape) - 1
	shape[last] = c.number(shape[last], a)
}

// shape codes the shape of a node's value where it does not follow.
func (c *coder) shape(m *graphModel, g *graph.Graph, i int, b *budget) (err error) {
	n := &g.Nodes[i]
	switch op := n.Op; {
	case op == graph.Input, op == graph.Const, op == graph.Reshape, op == graph.Slice, op == graph.Broadcast:
		if n.Shape, err = c.list(n.Shape, &m.shape, graph.MaxRank); err != nil {
			return err
		}
		// A constant's values come later.
		if err := take(&b.values, n.Shape); err != nil || op == graph.Input || op == graph.Const {
			return err
		}
		_, err = graph.ShapeOf(g, i)
		return err
	case op.Reduction():
		// As many axes as the input where they stay as 1.
		rank := len(g.Nodes[n.In[0]].Shape)
		if c.flag(len(n.Shape) == rank, &m.flags[3]) && c.enc == nil {
			n.Shape = make([]int, rank)
		}
	}
	if op := n.Op; op == graph.Dense || op == graph.Conv2D || op == graph.Embed {
		if err := take(&b.weights, n.Weights.Shape); err != nil {
			return err
		}
	}
	shape, err := graph.ShapeOf(g, i)
	if err != nil {
		return err
	}
	n.Shape = slices.Clone(shape)
	return take(&b.values, n.Shape)
}

// constant codes the values of a constant, exactly.
func (c *coder) constant(m *graphModel, n *graph.Node, b *budget) error {
	c.category(Constants)
	if c.enc == nil {
		n.Values = make([]float32, graph.Elements(n.Shape))
	}
	for k := range n.Values {
		switch n.Type {
		case graph.Bool:
			n.Values[k] = float32(b2i(c.flag(n.Values[k] != 0, &m.flags[4])))
		case graph.Int:
			n.Values[k] = float32(unzigzag(c.number(zigzag(int(n.Values[k])), &m.attribute)))
		default:
			n.Values[k] = c.float(n.Values[k], &m.float)
		}
		if k&1023 == 0 && c.exhausted() {
			return errShort
		}
	}
	return c.ended()
}

// layer codes the weights and the bias of a layer.
func (c *coder) layer(m *graphModel, g *graph.Graph, i int, how *form) error {
	n := &g.Nodes[i]
	f := frameOf(n.Weights.Shape, how.near)
	if c.enc == nil {
		n.Weights.Values = make([]float32, f.rows*f.cols)
	}
	nonzero, err := c.tensor(m.tensor, n.Weights.Values, f, &how.values)
	if err != nil {
		return err
	}
	if c.enc == nil {
		c.nonzero[i] = nonzero
	}
	c.category(Header)
	if n.Op == graph.Embed || !c.flag(len(n.Bias) > 0, &m.flags[5]) {
		return nil
	}
	if c.enc == nil {
		n.Bias = make([]float32, f.cols)
	}
	return c.bias(&m.bias, n.Bias, how.bias, how.biasStep)
}
