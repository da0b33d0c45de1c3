// The operations, by number and name, and how many inputs each takes.

package graph

// An Op is an operation.
type Op uint8

// The operations. Their numbers are part of the file's format: new ones go to the end.
const (
	// None is no operation: the Act of a layer without an activation.
	None Op = iota
	// Input is what the caller gives. It reads Shape and Type.
	Input
	// Const is the same value for each image. It reads Values.
	Const

	// Dense is act(x*W + bias) over the last axis of x: x[.., in], Weights [in, out], Bias [out].
	Dense
	// Conv2D is act(conv(x, W) + bias): x[h, w, cin], Weights [kh, kw, cin/groups, cout], Bias
	// [cout]. As everywhere in machine learning it is a correlation: the kernel is not flipped.
	// Output channel o reads the input channels of its group, o / (cout/groups). It reads Stride,
	// Dilation, Pads (with zeros) and Groups.
	Conv2D
	// MaxPool is the greatest of each window of x[h, w, c], padding left out.
	MaxPool
	// SumPool is the sum of each window of x[h, w, c].
	SumPool
	// MeanPool is the mean of each window of x[h, w, c], padding left out of sum and count.
	MeanPool
	// MatMul is a*b over the last two axes, both computed: a[.., m, k], b[.., k, n]. The axes
	// before them are equal. It reads TransposeB.
	MatMul
	// Embed looks up rows: x[..] of Type Int, Weights [count, width], value [.., width]. An index
	// out of range counts as the nearest in range.
	Embed

	// Element by element.
	Relu      // max(x, 0)
	LeakyRelu // x where x > 0, Alpha*x elsewhere
	Elu       // x where x > 0, Alpha*(exp(x)-1) elsewhere
	Sigmoid   // 1 / (1+exp(-x))
	Tanh
	Gelu     // x * (1+erf(x/sqrt(2))) / 2
	GeluTanh // Gelu by its usual approximation with tanh
	Swish    // x * sigmoid(x)
	Exp
	Expm1 // exp(x)-1
	Log
	Log1p // log(1+x)
	Erf
	Neg
	Abs
	Sign // -1, 0 or 1
	Sqrt
	Rsqrt // 1/sqrt(x)
	Floor
	Ceil
	Round // to the nearest whole number, halves to the even one
	Sin
	Cos
	Not     // of a Bool
	Convert // to the node's Type: to Int by dropping the fraction, to Bool by x != 0

	// Of two inputs, element by element. Shapes broadcast as in numpy: aligned at the last axis,
	// and an axis of 1, or one that is not there, repeats.
	Add
	Sub
	Mul
	Div
	Max
	Min
	Pow
	Equal // this and the next five give Bool
	NotEqual
	Less
	LessOrEqual
	Greater
	GreaterOrEqual
	And // of Bools
	Or  // of Bools

	// Select is In[1] where In[0], a Bool, is true, and In[2] elsewhere. The three broadcast.
	Select

	// Over Axes, in increasing order. The value's shape lacks them, or has 1 in their places: both
	// are good.
	ReduceSum
	ReduceMean
	ReduceMax
	ReduceMin
	Softmax    // over Axes, jointly
	LogSoftmax // log(Softmax)

	// Of shapes.
	Reshape   // to Shape, in row-major order
	Transpose // axis i of the value is axis Axes[i] of the input
	Concat    // of one input or more, along Axes[0]
	Slice     // from Start by Step; Shape says how many
	Pad       // with Fill, Low before and High behind
	Broadcast // to Shape, as operations of two inputs do

	ops // the number of operations
)

// A kind groups operations that Check treats alike.
type kind uint8

const (
	other kind = iota
	unary
	binary
	compare
	reduce
	pool
)

// table has for each operation its name, its kind and its number of inputs; -1 is one or more.
var table = [ops]struct {
	name   string
	kind   kind
	inputs int
}{
	None:  {"None", other, 0},
	Input: {"Input", other, 0}, Const: {"Const", other, 0},
	Dense: {"Dense", other, 1}, Conv2D: {"Conv2D", other, 1},
	MaxPool: {"MaxPool", pool, 1}, SumPool: {"SumPool", pool, 1}, MeanPool: {"MeanPool", pool, 1},
	MatMul: {"MatMul", other, 2}, Embed: {"Embed", other, 1},
	Relu: {"Relu", unary, 1}, LeakyRelu: {"LeakyRelu", unary, 1}, Elu: {"Elu", unary, 1},
	Sigmoid: {"Sigmoid", unary, 1}, Tanh: {"Tanh", unary, 1}, Gelu: {"Gelu", unary, 1},
	GeluTanh: {"GeluTanh", unary, 1}, Swish: {"Swish", unary, 1}, Exp: {"Exp", unary, 1},
	Expm1: {"Expm1", unary, 1}, Log: {"Log", unary, 1}, Log1p: {"Log1p", unary, 1},
	Erf: {"Erf", unary, 1}, Neg: {"Neg", unary, 1}, Abs: {"Abs", unary, 1}, Sign: {"Sign", unary, 1},
	Sqrt: {"Sqrt", unary, 1}, Rsqrt: {"Rsqrt", unary, 1}, Floor: {"Floor", unary, 1},
	Ceil: {"Ceil", unary, 1}, Round: {"Round", unary, 1}, Sin: {"Sin", unary, 1}, Cos: {"Cos", unary, 1},
	Not: {"Not", unary, 1}, Convert: {"Convert", unary, 1},
	Add: {"Add", binary, 2}, Sub: {"Sub", binary, 2}, Mul: {"Mul", binary, 2}, Div: {"Div", binary, 2},
	Max: {"Max", binary, 2}, Min: {"Min", binary, 2}, Pow: {"Pow", binary, 2},
	Equal: {"Equal", compare, 2}, NotEqual: {"NotEqual", compare, 2}, Less: {"Less", compare, 2},
	LessOrEqual: {"LessOrEqual", compare, 2}, Greater: {"Greater", compare, 2},
	GreaterOrEqual: {"GreaterOrEqual", compare, 2}, And: {"And", binary, 2}, Or: {"Or", binary, 2},
	Select:    {"Select", other, 3},
	ReduceSum: {"ReduceSum", reduce, 1}, ReduceMean: {"ReduceMean", reduce, 1},
	ReduceMax: {"ReduceMax", reduce, 1}, ReduceMin: {"ReduceMin", reduce, 1},
	Softmax: {"Softmax", other, 1}, LogSoftmax: {"LogSoftmax", other, 1},
	Reshape: {"Reshape", other, 1}, Transpose: {"Transpose", other, 1}, Concat: {"Concat", other, -1},
	Slice: {"Slice", other, 1}, Pad: {"Pad", other, 1}, Broadcast: {"Broadcast", other, 1},
}

func (o Op) String() string {
	if o < ops {
		return table[o].name
	}
	return "unknown operation"
}

// Known reports whether the operation exists. None does not count.
func (o Op) Known() bool { return o > None && o < ops }

// Unary reports whether the operation works on one input, element by element, so that it may be an
// activation.
func (o Op) Unary() bool { return o < ops && table[o].kind == unary }

// Binary reports whether the operation works on two inputs that broadcast, comparisons included.
func (o Op) Binary() bool {
	return o < ops && (table[o].kind == binary || table[o].kind == compare)
}

// Reduction reports whether the operation reduces Axes.
func (o Op) Reduction() bool { return o < ops && table[o].kind == reduce }

// Pool reports whether the operation slides a window over an image.
func (o Op) Pool() bool { return o < ops && table[o].kind == pool }
