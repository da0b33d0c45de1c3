// Check: a graph from anywhere, a hostile file included, is right in all that the runtime relies
// on, or an error names the node.

package graph

import (
	"errors"
	"math"
	"slices"
	"strconv"
)

// Limits of a graph, so that a small file cannot ask for the machine's memory.
const (
	MaxNodes    = 1 << 16 // nodes
	MaxRank     = 8       // axes of a value
	MaxElements = 1 << 28 // values of all nodes together for one image, and weights of all nodes
)

// Check reports the first fault of a graph: of indexes, shapes, attributes, types, constants, and
// of sizes beyond the limits. It reads and writes nothing else.
func Check(g *Graph) error {
	if err := CheckRead(g); err != nil {
		return err
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		what, k := "weight", slices.IndexFunc(n.Weights.Values, NotFinite)
		if k < 0 {
			what, k = "bias", slices.IndexFunc(n.Bias, NotFinite)
		}
		if k >= 0 {
			return errors.New("graph: " + g.Where(i) + ": " + what + " " + strconv.Itoa(k) + " is not finite")
		}
	}
	return nil
}

// CheckRead is Check for a graph of which it is known that the weights and the biases are finite:
// to look at each of them again is a good part of the time that a small file takes.
func CheckRead(g *Graph) error {
	if len(g.Nodes) == 0 {
		return errors.New("graph: no nodes")
	}
	if len(g.Nodes) > MaxNodes {
		return errors.New("graph: " + strconv.Itoa(len(g.Nodes)) + " nodes: at most " + strconv.Itoa(MaxNodes))
	}
	var values, weights int
	for i := range g.Nodes {
		if err := checkNode(g, i, &values, &weights); err != nil {
			return errors.New("graph: " + g.Where(i) + ": " + err.Error())
		}
	}
	if len(g.Outputs) == 0 {
		return errors.New("graph: no outputs")
	}
	for k, o := range g.Outputs {
		if o < 0 || o >= len(g.Nodes) {
			return errors.New("graph: output " + strconv.Itoa(k) + ": there is no node " + strconv.Itoa(o))
		}
	}
	return nil
}

// Where names a node in messages: its index, its operation and its name.
func (g *Graph) Where(i int) string {
	n := &g.Nodes[i]
	s := "node " + strconv.Itoa(i) + " (" + n.Op.String()
	if n.Name != "" {
		s += " " + strconv.Quote(n.Name)
	}
	return s + ")"
}

func checkNode(g *Graph, i int, values, weights *int) error {
	n := &g.Nodes[i]
	if !n.Op.Known() {
		return errors.New("operation " + strconv.Itoa(int(n.Op)) + " is not known")
	}
	if err := checkInputs(g, i); err != nil {
		return err
	}
	if err := grow(values, n.Shape, "values of all nodes"); err != nil {
		return err
	}
	if weightRank(n.Op) > 0 {
		if err := checkWeights(n, weights); err != nil {
			return err
		}
	} else if len(n.Weights.Values) > 0 || len(n.Weights.Shape) > 0 || len(n.Bias) > 0 || n.Act != None {
		return errors.New("it has weights, a bias or an activation, which only layers have")
	}
	if err := checkType(g, n); err != nil {
		return err
	}
	if n.Op != Const && len(n.Values) > 0 {
		return errors.New("it has values, which only Const has")
	}
	if NotFinite(n.Alpha) || n.Fill != n.Fill {
		return errors.New("its Alpha or Fill is not a number")
	}
	want, err := ShapeOf(g, i)
	if err != nil {
		return err
	}
	if !slices.Equal(want, n.Shape) {
		return errors.New("the shape is " + Format(n.Shape) + ": from its inputs it must be " + Format(want))
	}
	return nil
}

// checkInputs: the node reads as many nodes as its operation does, all before it.
func checkInputs(g *Graph, i int) error {
	n := &g.Nodes[i]
	want := table[n.Op].inputs
	if want < 0 && len(n.In) == 0 || want >= 0 && len(n.In) != want {
		s := strconv.Itoa(want)
		if want < 0 {
			s = "one or more"
		}
		return errors.New(strconv.Itoa(len(n.In)) + " inputs: it must have " + s)
	}
	for _, j := range n.In {
		if j < 0 || j >= i {
			return errors.New("input " + strconv.Itoa(j) + " is no node before it")
		}
	}
	return nil
}

// grow adds the elements of a shape to a total, within the limits.
func grow(total *int, shape []int, what string) error {
	if len(shape) > MaxRank {
		return errors.New(strconv.Itoa(len(shape)) + " axes: at most " + strconv.Itoa(MaxRank))
	}
	n := 1
	for _, d := range shape {
		if d < 1 {
			return errors.New("the shape is " + Format(shape) + ": each axis must be at least 1")
		}
		if d > MaxElements/n {
			return errors.New("the shape is " + Format(shape) + ": at most " + strconv.Itoa(MaxElements) + " elements")
		}
		n *= d
	}
	if n > MaxElements-*total {
		return errors.New(what + " pass " + strconv.Itoa(MaxElements))
	}
	*total += n
	return nil
}

// checkWeights: the weights are as many as their shape says, so is the bias, and the activation is
// one.
func checkWeights(n *Node, total *int) error {
	if err := grow(total, n.Weights.Shape, "weights of all nodes"); err != nil {
		return errors.New("weights: " + err.Error())
	}
	rank := weightRank(n.Op)
	if len(n.Weights.Shape) != rank {
		return errors.New("weights " + Format(n.Weights.Shape) + ": there must be " + strconv.Itoa(rank) + " axes")
	}
	if want := Elements(n.Weights.Shape); len(n.Weights.Values) != want {
		return errors.New(strconv.Itoa(len(n.Weights.Values)) + " weights: the shape " + Format(n.Weights.Shape) + " has " + strconv.Itoa(want))
	}
	if n.Op == Embed && (len(n.Bias) > 0 || n.Act != None) {
		return errors.New("a bias or an activation, which Embed does not have")
	}
	if out := n.Weights.Shape[rank-1]; len(n.Bias) != 0 && len(n.Bias) != out {
		return errors.New("a bias of " + strconv.Itoa(len(n.Bias)) + " values: the weights have " + strconv.Itoa(out) + " outputs")
	}
	if n.Act != None && (!n.Act.Unary() || n.Act == Not || n.Act == Convert) {
		return errors.New("the activation " + n.Act.String() + " is none: it must be a unary operation on floats")
	}
	return nil
}

// weightRank is the number of axes of an operation's weights, 0 where it has none.
func weightRank(op Op) int {
	switch op {
	case Dense, Embed:
		return 2
	case Conv2D:
		return 4
	}
	return 0
}

// NotFinite reports a value that is no finite number.
func NotFinite(v float32) bool {
	const exponent = 0xff << 23
	return math.Float32bits(v)&exponent == exponent
}

// whole reports a value that Int can hold.
func whole(v float32) bool {
	return v >= -1<<24 && v <= 1<<24 && v == float32(int32(v))
}

// checkType: the node's type follows from its operation and its inputs.
func checkType(g *Graph, n *Node) error {
	if n.Type > Bool {
		return errors.New("type " + strconv.Itoa(int(n.Type)) + " is not known")
	}
	in := func(k int) Type { return g.Nodes[n.In[k]].Type }
	want := n.Type
	switch op := n.Op; {
	case op == Input:
	case op == Const:
		for k, v := range n.Values {
			if v != v || n.Type == Int && !whole(v) || n.Type == Bool && v != 0 && v != 1 {
				return errors.New("value " + strconv.Itoa(k) + " is no " + n.Type.String())
			}
		}
	case op == Embed:
		if in(0) != Int {
			return errors.New("its input is " + in(0).String() + ": it must be int")
		}
		want = Float
	case op == Convert:
	case op == Not || op == And || op == Or:
		for k := range n.In {
			if in(k) != Bool {
				return errors.New("an input is " + in(k).String() + ": it must be bool")
			}
		}
		want = Bool
	case op == Select:
		if in(0) != Bool || in(1) != in(2) {
			return errors.New("its inputs are " + in(0).String() + ", " + in(1).String() + " and " + in(2).String() + ": they must be bool and two of one type")
		}
		want = in(1)
	case op == Neg || op == Abs || op == Sign:
		want = in(0)
	case op == Dense || op == Conv2D || op == Softmax || op == LogSoftmax || op.Unary():
		want = Float
		if in(0) != Float {
			return errors.New("its input is " + in(0).String() + ": it must be float")
		}
	default: // all inputs are of one type, and so is the value
		for k := range n.In {
			if in(k) != in(0) {
				return errors.New("its inputs are " + in(0).String() + " and " + in(k).String() + ": they must be of one type")
			}
		}
		want = in(0)
		if table[op].kind == compare {
			want = Bool
		}
	}
	if n.Type != want {
		return errors.New("the type is " + n.Type.String() + ": it must be " + want.String())
	}
	return nil
}

// Format writes a shape for messages.
func Format(shape []int) string {
	s := "["
	for i, d := range shape {
		if i > 0 {
			s += " "
		}
		s += strconv.Itoa(d)
	}
	return s + "]"
}
