package deploy

// ONNX: a network as a model that ONNX's runtimes read. The file's format is protobuf, of which so
// little is needed that it is written here.

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	net "gsmlab/infer/graph"
)

// The versions that the file asks for: of ONNX's operations, and of its format.
const (
	onnxOpset = 17
	onnxIR    = 8
)

// ONNX writes a network as an ONNX model. Weights are dense, zeros included, since no runtime makes
// use of sparse ones. Inputs and outputs have a batch axis in front, named N. Where compact is set,
// dense layers read only those inputs that have weights: with a network that Optimize made, every
// runtime is faster.
func ONNX(g *net.Graph, compact bool) ([]byte, error) {
	if err := net.Check(g); err != nil {
		return nil, fmt.Errorf("deploy: %w", err)
	}
	w := &onnxWriter{graph: g, compact: compact, names: make([]string, len(g.Nodes))}
	inputs := 0
	for i := range g.Nodes {
		if g.Nodes[i].Op == net.Input {
			w.names[i] = numbered("input", inputs)
			w.inputs = append(w.inputs, w.value(w.names[i], &g.Nodes[i]))
			inputs++
			continue
		}
		if err := w.node(i); err != nil {
			return nil, fmt.Errorf("deploy: ONNX: %s: %w", g.Where(i), err)
		}
	}
	for k, o := range g.Outputs {
		name := numbered("output", k)
		w.op("Identity", []string{w.names[o]}, name)
		w.outputs = append(w.outputs, w.value(name, &g.Nodes[o]))
	}
	var body message
	for _, n := range w.nodes {
		body.bytes(1, n)
	}
	body.text(2, "gsmlab")
	for _, t := range w.tensors {
		body.bytes(5, t)
	}
	for _, v := range w.inputs {
		body.bytes(11, v)
	}
	for _, v := range w.outputs {
		body.bytes(12, v)
	}
	var opset, model message
	opset.text(1, "")
	opset.int(2, onnxOpset)
	model.int(1, onnxIR)
	model.text(2, "gsmlab")
	model.bytes(7, body)
	model.bytes(8, opset)
	return model, nil
}

func numbered(name string, k int) string {
	if k == 0 {
		return name
	}
	return fmt.Sprintf("%s%d", name, k)
}

// message is a protobuf message while it is written.
type message []byte

func (m *message) tag(field, wire int) {
	*m = binary.AppendUvarint(*m, uint64(field<<3|wire))
}
func (m *message) int(field int, v int64) {
	m.tag(field, 0)
	*m = binary.AppendUvarint(*m, uint64(v))
}
func (m *message) float(field int, v float32) {
	m.tag(field, 5)
	*m = binary.LittleEndian.AppendUint32(*m, math.Float32bits(v))
}
func (m *message) bytes(field int, v []byte) {
	m.tag(field, 2)
	*m = append(binary.AppendUvarint(*m, uint64(len(v))), v...)
}
func (m *message) text(field int, v string) { m.bytes(field, []byte(v)) }

// ints writes a packed list.
func (m *message) ints(field int, list []int) {
	var packed []byte
	for _, v := range list {
		packed = binary.AppendUvarint(packed, uint64(int64(v)))
	}
	m.bytes(field, packed)
}

// onnxWriter collects the parts of a model.
type onnxWriter struct {
	graph                           *net.Graph
	compact                         bool
	names                           []string // of the nodes' values
	nodes, tensors, inputs, outputs []message
	fresh                           int
}

// Types of numbers in ONNX.
const (
	onnxFloat = 1
	onnxInt64 = 7
	onnxBool  = 9
)

func onnxType(t net.Type) int64 {
	return map[net.Type]int64{net.Float: onnxFloat, net.Int: onnxInt64, net.Bool: onnxBool}[t]
}

// value declares an input or output.
func (w *onnxWriter) value(name string, n *net.Node) message {
	var shape message
	var batch message
	batch.text(2, "N")
	shape.bytes(1, batch)
	for _, d := range n.Shape {
		var dim message
		dim.int(1, int64(d))
		shape.bytes(1, dim)
	}
	var tensor, typ, v message
	tensor.int(1, onnxType(n.Type))
	tensor.bytes(2, shape)
	typ.bytes(1, tensor)
	v.text(1, name)
	v.bytes(2, typ)
	return v
}

// attr is an attribute of a node: an int, a float, a list of ints, or a text.
type attr struct {
	name  string
	value any
}

// op adds a node and returns the name of its output: out, or a new one.
func (w *onnxWriter) op(kind string, in []string, out string, attrs ...attr) string {
	if out == "" {
		w.fresh++
		out = fmt.Sprintf("t%d", w.fresh)
	}
	var n message
	for _, name := range in {
		n.text(1, name)
	}
	n.text(2, out)
	n.text(3, fmt.Sprintf("n%d", len(w.nodes)))
	n.text(4, kind)
	for _, a := range attrs {
		var m message
		m.text(1, a.name)
		switch v := a.value.(type) {
		case float32:
			m.float(2, v)
			m.int(20, 1)
		case int:
			m.int(3, int64(v))
			m.int(20, 2)
		case string:
			m.text(4, v)
			m.int(20, 3)
		case []int:
			m.ints(8, v)
			m.int(20, 7)
		}
		n.bytes(5, m)
	}
	w.nodes = append(w.nodes, n)
	return out
}

// constant adds a tensor and returns its name.
func (w *onnxWriter) constant(t net.Type, dims []int, values []float32) string {
	name := fmt.Sprintf("c%d", len(w.tensors))
	var m message
	m.ints(1, dims)
	m.int(2, onnxType(t))
	m.text(8, name)
	var raw []byte
	for _, v := range values {
		switch t {
		case net.Float:
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
		case net.Int:
			raw = binary.LittleEndian.AppendUint64(raw, uint64(int64(v)))
		default:
			raw = append(raw, byte(v))
		}
	}
	m.bytes(9, raw)
	w.tensors = append(w.tensors, m)
	return name
}

// list adds a tensor of whole numbers.
func (w *onnxWriter) list(values ...int) string {
	floats := make([]float32, len(values))
	for i, v := range values {
		floats[i] = float32(v)
	}
	return w.constant(net.Int, []int{len(values)}, floats)
}

// onnxNames are the operations that ONNX has under a name of its own and without parameters.
var onnxNames = map[net.Op]string{
	net.Relu: "Relu", net.Sigmoid: "Sigmoid", net.Tanh: "Tanh", net.Exp: "Exp", net.Log: "Log", net.Erf: "Erf", net.Neg: "Neg",
	net.Abs: "Abs", net.Sign: "Sign", net.Sqrt: "Sqrt", net.Floor: "Floor", net.Ceil: "Ceil", net.Round: "Round", net.Sin: "Sin",
	net.Cos: "Cos", net.Not: "Not", net.Add: "Add", net.Sub: "Sub", net.Mul: "Mul", net.Div: "Div", net.Max: "Max", net.Min: "Min",
	net.Pow: "Pow", net.Equal: "Equal", net.Less: "Less", net.LessOrEqual: "LessOrEqual", net.Greater: "Greater",
	net.GreaterOrEqual: "GreaterOrEqual", net.And: "And", net.Or: "Or", net.Select: "Where",
	net.ReduceMean: "ReduceMean", net.ReduceMax: "ReduceMax", net.ReduceMin: "ReduceMin",
}

// node writes one node of the network.
func (w *onnxWriter) node(i int) error {
	n := &w.graph.Nodes[i]
	in := make([]string, len(n.In))
	for k, j := range n.In {
		in[k] = w.names[j]
		// numpy's rule aligns the last axes, and the batch is the first
		if n.Op.Binary() || n.Op == net.Select || n.Op == net.Broadcast {
			in[k] = w.aligned(in[k], &w.graph.Nodes[j], len(n.Shape))
		}
	}
	switch {
	case n.Op.Unary():
		w.names[i] = w.unary(n, n.Op, in[0])
	case n.Op == net.NotEqual:
		w.names[i] = w.op("Not", []string{w.op("Equal", in, "")}, "")
	case n.Op == net.ReduceSum:
		w.names[i] = w.op("ReduceSum", []string{in[0], w.list(behind(n.Axes)...)}, "", attr{"keepdims", w.keeps(n)})
	case n.Op.Reduction():
		w.names[i] = w.op(onnxNames[n.Op], in, "", attr{"axes", behind(n.Axes)}, attr{"keepdims", w.keeps(n)})
	case onnxNames[n.Op] != "":
		w.names[i] = w.op(onnxNames[n.Op], in, "")
	case n.Op == net.Const:
		w.names[i] = w.constant(n.Type, append([]int{1}, n.Shape...), n.Values)
	case isLayer(n):
		w.names[i] = w.layer(n, in[0])
	case n.Op.Pool():
		w.names[i] = w.pool(n, in[0])
	default:
		return w.moved(n, i, in)
	}
	return nil
}

// keeps says whether a reduction keeps its axes.
func (w *onnxWriter) keeps(n *net.Node) int {
	if len(n.Shape) == len(w.graph.Nodes[n.In[0]].Shape) {
		return 1
	}
	return 0
}

// aligned adds axes of 1 behind the batch.
func (w *onnxWriter) aligned(name string, n *net.Node, rank int) string {
	if len(n.Shape) == rank {
		return name
	}
	return w.op("Reshape", []string{name, w.list(slices.Concat([]int{0}, slices.Repeat([]int{1}, rank-len(n.Shape)), n.Shape)...)}, "")
}

// reshape gives each image a shape.
func (w *onnxWriter) reshape(name string, shape []int) string {
	return w.op("Reshape", []string{name, w.list(append([]int{0}, shape...)...)}, "")
}

// unary writes an elementwise operation, which may be a layer's activation.
func (w *onnxWriter) unary(n *net.Node, op net.Op, x string) string {
	one := func(v float32) string { return w.constant(net.Float, nil, []float32{v}) }
	two := func(kind, a, b string) string { return w.op(kind, []string{a, b}, "") }
	switch op {
	case net.LeakyRelu, net.Elu:
		return w.op(op.String(), []string{x}, "", attr{"alpha", n.Alpha})
	case net.Swish:
		return two("Mul", x, w.op("Sigmoid", []string{x}, ""))
	case net.Gelu:
		e := w.op("Erf", []string{two("Mul", x, one(rootHalf))}, "")
		return two("Mul", two("Mul", x, one(0.5)), two("Add", e, one(1)))
	case net.GeluTanh:
		inner := two("Mul", two("Add", x, two("Mul", two("Pow", x, one(3)), one(0.044715))), one(rootTwoByPi))
		return two("Mul", two("Mul", x, one(0.5)), two("Add", w.op("Tanh", []string{inner}, ""), one(1)))
	case net.Expm1:
		return two("Sub", w.op("Exp", []string{x}, ""), one(1))
	case net.Log1p:
		return w.op("Log", []string{two("Add", x, one(1))}, "")
	case net.Rsqrt:
		return w.op("Reciprocal", []string{w.op("Sqrt", []string{x}, "")}, "")
	case net.Convert:
		return w.op("Cast", []string{x}, "", attr{"to", int(onnxType(n.Type))})
	}
	return w.op(onnxNames[op], []string{x}, "")
}

// first and last move the channels of images: ONNX has them first.
func (w *onnxWriter) first(x string) string {
	return w.op("Transpose", []string{x}, "", attr{"perm", []int{0, 3, 1, 2}})
}

func (w *onnxWriter) last(x string) string {
	return w.op("Transpose", []string{x}, "", attr{"perm", []int{0, 2, 3, 1}})
}

// layer writes a dense layer or a convolution.
func (w *onnxWriter) layer(n *net.Node, x string) string {
	dims := n.Weights.Shape
	outs := dims[len(dims)-1]
	if n.Op == net.Dense {
		y := ""
		x, weights := w.liveInputs(n, x)
		if len(n.Shape) == 1 {
			in := []string{x, weights}
			if len(n.Bias) > 0 {
				in = append(in, w.constant(net.Float, []int{outs}, n.Bias))
			}
			y = w.op("Gemm", in, "")
		} else if y = w.op("MatMul", []string{x, weights}, ""); len(n.Bias) > 0 {
			y = w.op("Add", []string{y, w.constant(net.Float, []int{outs}, n.Bias)}, "")
		}
		return w.activated(n, y)
	}
	in := []string{w.first(x), w.constant(net.Float, []int{outs, dims[2], dims[0], dims[1]}, transposed(n.Weights.Values, dims, []int{3, 2, 0, 1}))}
	if len(n.Bias) > 0 {
		in = append(in, w.constant(net.Float, []int{outs}, n.Bias))
	}
	y := w.op("Conv", in, "", append(windowAttrsOf(n, dims[:2]), attr{"group", max(1, n.Groups)})...)
	return w.last(w.activated(n, y))
}

// liveInputs picks the inputs that a dense layer reads, if it leaves out enough of them for that to
// pay.
func (w *onnxWriter) liveInputs(n *net.Node, x string) (inputs, weights string) {
	ins, outs := n.Weights.Shape[0], n.Weights.Shape[1]
	var live []int
	var values []float32
	for i := range ins {
		row := n.Weights.Values[i*outs : (i+1)*outs]
		if slices.ContainsFunc(row, func(v float32) bool { return v != 0 }) {
			live = append(live, i)
			values = append(values, row...)
		}
	}
	if !w.compact || len(live) == 0 || 10*len(live) > 9*ins {
		return x, w.constant(net.Float, n.Weights.Shape, n.Weights.Values)
	}
	picked := w.op("Gather", []string{x, w.list(live...)}, "", attr{"axis", len(n.Shape)})
	return picked, w.constant(net.Float, []int{len(live), outs}, values)
}

func (w *onnxWriter) activated(n *net.Node, y string) string {
	if n.Act == net.None {
		return y
	}
	return w.unary(n, n.Act, y)
}

// windowAttrsOf are the attributes of convolutions and pools.
func windowAttrsOf(n *net.Node, kernel []int) []attr {
	s, d := ones(n.Stride), ones(n.Dilation)
	list := []attr{{"kernel_shape", kernel}, {"strides", s[:]}, {"pads", []int{n.Pads[0], n.Pads[2], n.Pads[1], n.Pads[3]}}}
	if d != [2]int{1, 1} {
		list = append(list, attr{"dilations", d[:]})
	}
	return list
}

func (w *onnxWriter) pool(n *net.Node, x string) string {
	attrs := windowAttrsOf(n, n.Window[:])
	x = w.first(x)
	switch n.Op {
	case net.MaxPool:
		return w.last(w.op("MaxPool", []string{x}, "", attrs...))
	case net.MeanPool:
		if ones(n.Dilation) == [2]int{1, 1} {
			return w.last(w.op("AveragePool", []string{x}, "", attrs...))
		}
	}
	// a sum is a convolution of each channel with ones
	channels := n.Shape[2]
	size := n.Window[0] * n.Window[1]
	weights := w.constant(net.Float, []int{channels, 1, n.Window[0], n.Window[1]}, slices.Repeat([]float32{1}, channels*size))
	y := w.last(w.op("Conv", []string{x, weights}, "", append(attrs, attr{"group", channels})...))
	if n.Op == net.SumPool {
		return y
	}
	counts := summed(w.graph, &net.Node{Op: net.SumPool, In: n.In, Shape: n.Shape, Window: n.Window, Stride: n.Stride, Dilation: n.Dilation, Pads: n.Pads})
	table := make([]float32, net.Elements(n.Shape))
	for k := range table {
		table[k] = float32(counts(k))
	}
	return w.op("Div", []string{y, w.constant(net.Float, append([]int{1}, n.Shape...), table)}, "")
}

// moved writes the operations that are neither elementwise nor layers.
func (w *onnxWriter) moved(n *net.Node, i int, in []string) error {
	switch n.Op {
	case net.MatMul:
		b := in[1]
		if rank := len(n.Shape) + 1; n.TransposeB {
			axes := count(rank)
			axes[rank-1], axes[rank-2] = rank-2, rank-1
			b = w.op("Transpose", []string{b}, "", attr{"perm", axes})
		}
		w.names[i] = w.op("MatMul", []string{in[0], b}, "")
	case net.Embed:
		table := w.constant(net.Float, n.Weights.Shape, n.Weights.Values)
		low, high := w.constant(net.Int, nil, []float32{0}), w.constant(net.Int, nil, []float32{float32(n.Weights.Shape[0] - 1)})
		w.names[i] = w.op("Gather", []string{table, w.op("Clip", []string{in[0], low, high}, "")}, "", attr{"axis", 0})
	case net.Softmax, net.LogSoftmax:
		return w.softmax(n, i, in[0])
	case net.Reshape:
		w.names[i] = w.reshape(in[0], n.Shape)
	case net.Transpose:
		w.names[i] = w.op("Transpose", in, "", attr{"perm", append([]int{0}, behind(n.Axes)...)})
	case net.Concat:
		for k, j := range n.In {
			in[k] = w.repeated(in[k], j)
		}
		w.names[i] = w.op("Concat", in, "", attr{"axis", n.Axes[0] + 1})
	case net.Slice:
		var ends, steps []int
		for a, start := range n.Start {
			step := 1
			if len(n.Step) > 0 {
				step = n.Step[a]
			}
			ends, steps = append(ends, start+(n.Shape[a]-1)*step+1), append(steps, step)
		}
		w.names[i] = w.op("Slice", []string{in[0], w.list(n.Start...), w.list(ends...), w.list(behind(count(len(n.Start)))...), w.list(steps...)}, "")
	case net.Pad:
		pads := slices.Concat([]int{0}, n.Low, []int{0}, n.High)
		w.names[i] = w.op("Pad", []string{in[0], w.list(pads...), w.constant(n.Type, nil, []float32{n.Fill})}, "")
	case net.Broadcast:
		w.names[i] = w.op("Expand", []string{in[0], w.list(append([]int{1}, n.Shape...)...)}, "")
	default:
		return fmt.Errorf("the operation cannot be written")
	}
	return nil
}

// softmax is over several axes at once where they are the last ones.
func (w *onnxWriter) softmax(n *net.Node, i int, x string) error {
	if len(n.Axes) == 1 {
		w.names[i] = w.op(n.Op.String(), []string{x}, "", attr{"axis", n.Axes[0] + 1})
		return nil
	}
	first := n.Axes[0]
	if !slices.Equal(n.Axes, count(len(n.Shape))[first:]) {
		return fmt.Errorf("a softmax over axes %v, which are not the last ones", n.Axes)
	}
	flat := w.reshape(x, append(slices.Clone(n.Shape[:first]), net.Elements(n.Shape[first:])))
	w.names[i] = w.reshape(w.op(n.Op.String(), []string{flat}, "", attr{"axis", -1}), n.Shape)
	return nil
}

// repeated gives a constant as many images as the input has.
func (w *onnxWriter) repeated(name string, j int) string {
	if w.depends(j) {
		return name
	}
	input := w.graph.Inputs()[0]
	images := w.op("Shape", []string{w.names[input]}, "", attr{"start", 0}, attr{"end", 1})
	shape := w.op("Concat", []string{images, w.list(w.graph.Nodes[j].Shape...)}, "", attr{"axis", 0})
	return w.op("Expand", []string{name, shape}, "")
}

// depends reports a value that depends on an input.
func (w *onnxWriter) depends(i int) bool {
	n := &w.graph.Nodes[i]
	return n.Op == net.Input || slices.ContainsFunc(n.In, w.depends)
}
