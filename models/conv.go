package models

import (
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"
)

// convolution is a valid convolution of stride 1 with bias, as layers.Convolution builds it with
// NoPadding, and with the same variables. On the CPU it is computed by matrix products instead,
// since XLA:CPU spends most of a training step in the gradients of its own convolution (see
// docs/lenet5-speed.md). Shapes: [N, H, W, C] -> [N, H-size+1, W-size+1, filters].
func convolution(scope *model.Scope, x *graph.Node, filters, size int) *graph.Node {
	if isGPU(x.Graph()) {
		return layers.Convolution(scope, x).CurrentScope().Channels(filters).KernelSize(size).NoPadding().Done()
	}
	dtype, channels := x.DType(), x.Shape().Dim(3)
	kernel := scope.VariableWithShape("weights", shapes.Make(dtype, size, size, channels, filters)).NodeValue(x.Graph())
	bias := scope.VariableWithShape("biases", shapes.Make(dtype, filters)).NodeValue(x.Graph())
	return graph.Add(productConvolve(x, kernel), graph.ExpandLeftToRank(bias, 4))
}

// isGPU reports whether the graph is compiled for a GPU, whose own convolutions are fast.
func isGPU(g *graph.Graph) bool {
	b, ok := g.Backend().(interface{ IsCUDA() bool })
	return ok && b.IsCUDA()
}

// productConvolve is a valid convolution of stride 1 written as products of matrices, forwards and
// backwards. Shapes: x [N, H, W, C], kernel [K, K, C, F] -> [N, H-K+1, W-K+1, F].
//
// GoMLX's gradient of the patches would be right, but XLA:CPU fuses its 25 sums into every reader
// and computes them again for each. So the gradient with respect to x is given here by hand: dy is
// seen where it arrives at the product, and handed over where the gradient of x is asked for, which
// reverse differentiation does later.
func productConvolve(x, kernel *graph.Node) *graph.Node {
	in, k := x.Shape().Dimensions, kernel.Shape().Dimensions
	n, h, w := in[0], in[1]-k[0]+1, in[2]-k[1]+1
	flat := graph.Reshape(kernel, -1, k[3])

	var dx *graph.Node
	x = graph.IdentityWithCustomGradient(x, func(_, _ *graph.Node) *graph.Node { return dx })
	p := graph.Reshape(patches(x, k[0], k[1]), n*h*w, -1)
	y := graph.Dot(p, flat).Product()
	y = graph.IdentityWithCustomGradient(y, func(_, dy *graph.Node) *graph.Node {
		dp := graph.Dot(dy, flat).General([]int{1}, nil, []int{1}, nil)
		dx = overlapAdd(graph.Reshape(dp, n, h, w, k[0]*k[1], k[2]), k[0], k[1])
		return dy
	})
	return graph.Reshape(y, n, h, w, k[3])
}

// patches lists, for every output position, the window under the kernel. Shapes: [N, H, W, C] ->
// [N, H-kh+1, W-kw+1, kh*kw*C].
func patches(x *graph.Node, kh, kw int) *graph.Node {
	d := x.Shape().Dimensions
	h, w := d[1]-kh+1, d[2]-kw+1
	parts := make([]*graph.Node, 0, kh*kw)
	for i := range kh {
		for j := range kw {
			parts = append(parts, graph.Slice(x, graph.AxisRange(), graph.AxisRange(i, i+h), graph.AxisRange(j, j+w), graph.AxisRange()))
		}
	}
	return graph.Concatenate(parts, -1)
}

// overlapAdd is the transpose of patches: it adds up windows where they overlap. Shapes:
// [N, h, w, kh*kw, C] -> [N, h+kh-1, w+kw-1, C]. It works on two halves of the batch and joins
// them, since XLA:CPU computes what is concatenated once, and a plain sum again for each reader.
func overlapAdd(p *graph.Node, kh, kw int) *graph.Node {
	n := p.Shape().Dim(0)
	if n == 1 {
		return overlapAddRange(p, kh, kw, 0, 1)
	}
	return graph.Concatenate([]*graph.Node{overlapAddRange(p, kh, kw, 0, n/2), overlapAddRange(p, kh, kw, n/2, n)}, 0)
}

func overlapAddRange(p *graph.Node, kh, kw, from, to int) *graph.Node {
	d := p.Shape().Dimensions
	zero := graph.ScalarZero(p.Graph(), p.DType())
	var sum *graph.Node
	for i := range kh {
		for j := range kw {
			k := i*kw + j
			part := graph.Slice(p, graph.AxisRange(from, to), graph.AxisRange(), graph.AxisRange(), graph.AxisRange(k, k+1))
			part = graph.Reshape(part, to-from, d[1], d[2], d[4])
			part = graph.Pad(part, zero, graph.PadAxis{}, graph.PadAxis{Start: i, End: kh - 1 - i}, graph.PadAxis{Start: j, End: kw - 1 - j}, graph.PadAxis{})
			if sum == nil {
				sum = part
			} else {
				sum = graph.Add(sum, part)
			}
		}
	}
	return sum
}
