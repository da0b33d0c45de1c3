// Package graph holds a network for inference as plain data: nodes in the order of computation,
// with shapes, attributes and constants.
//
// It is the contract between what makes networks (package deploy), the file (package infer/code)
// and what runs them (package infer). It imports neither fmt nor reflect, so that a program with an
// embedded network stays small.
//
// A graph describes the computation for one image. The batch axis is implicit: shapes leave it
// out, and no node mixes images. Images are [height, width, channels].
package graph

// A Graph is a network for inference.
type Graph struct {
	// Nodes are in the order of computation: a node reads only nodes before it.
	Nodes []Node
	// Outputs are the indexes of the nodes whose values the network returns. There is at least one.
	Outputs []int
}

// A Node is one operation. Fields that an operation does not name in its comment stay zero.
type Node struct {
	Op   Op
	Name string // where the node comes from, for messages; it may be empty
	In   []int  // indexes of earlier nodes
	// Shape is the shape of the node's value for one image. A scalar has an empty shape. Each axis
	// is at least 1.
	Shape []int
	Type  Type

	// Values are the values of Const, in row-major order.
	Values []float32

	// Weights is the kernel of Dense and Conv2D and the table of Embed.
	Weights Tensor
	// Bias has one value for each output of Dense or Conv2D, or is empty.
	Bias []float32
	// Act is a unary operation that Dense and Conv2D apply to their sums, or None.
	Act Op
	// Alpha is the parameter of LeakyRelu and Elu, alone or as Act.
	Alpha float32

	// Window is the height and width of a pool's window. A convolution's is in its weights.
	Window [2]int
	// Stride and Dilation of Conv2D and pools, by height and width. Zero means 1.
	Stride, Dilation [2]int
	// Pads are the rows and columns around the image: top, bottom, left, right.
	Pads [4]int
	// Groups of Conv2D. Zero means 1.
	Groups int

	// Axes are those of reductions, Softmax, LogSoftmax and Concat (one), and the permutation of
	// Transpose.
	Axes []int
	// Start and Step are those of Slice, for each axis. Steps left out are 1.
	Start, Step []int
	// Low and High are how much Pad adds before and behind each axis, at least 0, and Fill is with
	// what.
	Low, High []int
	Fill      float32
	// TransposeB makes MatMul read its second input as [.., n, k].
	TransposeB bool
}

// A Tensor is a constant: a shape and its values in row-major order.
type Tensor struct {
	Shape  []int
	Values []float32
}

// A Type says which numbers a node holds. At run time each is a float32.
type Type uint8

// The types. Their numbers are part of the file's format.
const (
	Float Type = iota // any float32
	Int               // whole numbers of at most 24 bits, such as the input of Embed
	Bool              // 0 or 1
)

func (t Type) String() string {
	switch t {
	case Float:
		return "float"
	case Int:
		return "int"
	case Bool:
		return "bool"
	}
	return "unknown type"
}

// Elements is the number of values of a shape. It is for shapes that Check has accepted: on others
// it may overflow.
func Elements(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// Inputs are the indexes of the nodes that are inputs, in order.
func (g *Graph) Inputs() []int {
	var list []int
	for i := range g.Nodes {
		if g.Nodes[i].Op == Input {
			list = append(list, i)
		}
	}
	return list
}
