package gsm_test

import (
	"encoding/json"
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// goldenOp is one layer of a golden net. Fields that an op does not use are zero.
type goldenOp struct {
	Op      string
	Name    string
	Stride  dim // of conv and pooling; 0 means 1 for conv, the size for pooling
	Padding pad // "valid" (default), "same" or a number of zeros on each side
	Size    dim // of pooling windows; 0 means 2
	Window  dim // another word for Size
	Kernel  dim `json:"kernel_size"` // another word for Size
}

// dim is a number or a list of equal numbers.
type dim int

func (d *dim) UnmarshalJSON(data []byte) error {
	var list []int
	if json.Unmarshal(data, &list) == nil && len(list) > 0 {
		*d = dim(list[0])
		return nil
	}
	return json.Unmarshal(data, (*int)(d))
}

type pad struct {
	same  bool
	zeros int
}

func (p *pad) UnmarshalJSON(data []byte) error {
	var word string
	if json.Unmarshal(data, &word) == nil {
		switch word {
		case "same", "SAME":
			p.same = true
		case "valid", "VALID":
		default:
			return fmt.Errorf("padding %q: known are valid, same and a number", word)
		}
		return nil
	}
	var d dim
	if err := d.UnmarshalJSON(data); err != nil {
		return err
	}
	p.zeros = int(d)
	return nil
}

// buildNet runs x through the layers of the golden net. Layouts: NHWC, HWIO, [in, out].
func buildNet(scope *model.Scope, c *golden, x *graph.Node) *graph.Node {
	g := x.Graph()
	param := func(layer, name string) *graph.Node {
		path := layer + "/" + name
		if _, ok := c.Init[path]; !ok {
			return nil
		}
		return scope.Store().GetVariable("/" + path).NodeValue(g)
	}
	for _, op := range c.Net {
		switch op.Op {
		case "dense", "linear":
			x = graph.Dot(x, param(op.Name, "kernel")).Product()
			x = addBias(x, param(op.Name, "bias"))
		case "conv", "conv2d":
			conv := graph.Convolve(x, param(op.Name, "kernel")).Strides(max(1, int(op.Stride)))
			switch {
			case op.Padding.same:
				conv = conv.PadSame()
			case op.Padding.zeros > 0:
				p := op.Padding.zeros
				conv = conv.PaddingPerDim([][2]int{{p, p}, {p, p}})
			default:
				conv = conv.NoPadding()
			}
			x = addBias(conv.Done(), param(op.Name, "bias"))
		case "relu":
			x = graph.MaxScalar(x, 0)
		case "tanh":
			x = graph.Tanh(x)
		case "sigmoid":
			x = graph.Sigmoid(x)
		case "maxpool", "max_pool", "maxpool2d":
			x = graph.ReduceMax(windows(op, x), 2, 4)
		case "avgpool", "avg_pool", "avgpool2d":
			x = graph.ReduceMean(windows(op, x), 2, 4)
		case "globalavgpool", "global_avg_pool":
			x = graph.ReduceMean(x, 1, 2)
		case "flatten":
			x = graph.Reshape(x, x.Shape().Dim(0), -1)
		default:
			panic(fmt.Errorf("golden net: unknown op %q; known are dense, conv, relu, tanh, sigmoid, maxpool, avgpool, globalavgpool, flatten", op.Op))
		}
	}
	return x
}

func addBias(x, bias *graph.Node) *graph.Node {
	if bias == nil {
		return x
	}
	return graph.Add(x, graph.ExpandLeftToRank(bias, x.Rank()))
}

// windows reshapes x [N,H,W,C] to its pooling windows [N,H/s,s,W/s,s,C] and drops the rest, as
// PyTorch does. Windows must not overlap, because the pure-Go backend has no gradient for those
// that do.
func windows(op goldenOp, x *graph.Node) *graph.Node {
	size := max(int(op.Size), int(op.Window), int(op.Kernel))
	if size == 0 {
		size = 2
	}
	if s := int(op.Stride); s != 0 && s != size {
		panic(fmt.Errorf("golden net: %s with stride %d unlike its size %d is unknown", op.Op, s, size))
	}
	d := x.Shape().Dimensions
	h, w := d[1]/size, d[2]/size
	x = graph.Slice(x, graph.AxisRange(), graph.AxisRange(0, h*size), graph.AxisRange(0, w*size), graph.AxisRange())
	return graph.Reshape(x, d[0], h, size, w, size, d[3])
}
