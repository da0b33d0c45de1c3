// Convolutions whose gradients XLA:CPU computes fast: as products of matrices, written by hand.

package models

import (
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"
)

// convolve is a valid convolution of stride 1 without bias. It has the variable of
// layers.Convolution with NoPadding and computes the same. On the CPU it consists mostly of matrix
// products, because XLA:CPU spends most of a training step in the gradients of its own convolution
// (see docs/lenet5-speed.md). Shapes: [N, H, W, C] -> [N, H-size+1, W-size+1, filters].
func convolve(scope *model.Scope, x *graph.Node, filters, size int) *graph.Node {
	if isGPU(x.Graph()) {
		return layers.Convolution(scope, x).CurrentScope().Channels(filters).KernelSize(size).NoPadding().UseBias(false).Done()
	}
	shape := shapes.Make(x.DType(), size, size, x.Shape().Dim(3), filters)
	return productConvolve(x, scope.VariableWithShape("weights", shape).NodeValue(x.Graph()))
}

// addBias adds the layer's bias, one value per channel. Shapes: [N, H, W, C] -> [N, H, W, C].
func addBias(scope *model.Scope, x *graph.Node) *graph.Node {
	bias := scope.VariableWithShape("biases", shapes.Make(x.DType(), x.Shape().Dim(3))).NodeValue(x.Graph())
	return graph.Add(x, graph.ExpandLeftToRank(bias, 4))
}

// isGPU reports whether the graph is compiled for a GPU, whose own convolutions are fast.
func isGPU(g *graph.Graph) bool {
	b, ok := g.Backend().(interface{ IsCUDA() bool })
	return ok && b.IsCUDA()
}

// productConvolve is a valid convolution of stride 1 written as a product of matrices, and so is
// its gradient with respect to the kernel. Shapes: x [N, H, W, C], kernel [K, K, C, F] -> [N,
// H-K+1, W-K+1, F].
//
// GoMLX's gradient of the patches with respect to x would be right, but XLA:CPU fuses its K*K sums
// into every reader and computes them again for each. So the gradient is written here by hand, as a
// convolution of dy. The code catches dy where it arrives at the product, and hands over the result
// where the gradient of x is asked for, which reverse differentiation does later.
func productConvolve(x, kernel *graph.Node) *graph.Node {
	in, k := x.Shape().Dimensions, kernel.Shape().Dimensions
	n, h, w := in[0], in[1]-k[0]+1, in[2]-k[1]+1

	var dx *graph.Node
	x = graph.IdentityWithCustomGradient(x, func(_, _ *graph.Node) *graph.Node { return dx })
	p := graph.Reshape(patches(x, k[0], k[1]), n*h*w, -1)
	y := graph.Dot(p, graph.Reshape(kernel, -1, k[3])).Product()
	y = graph.IdentityWithCustomGradient(y, func(_, dy *graph.Node) *graph.Node {
		dx = transposeConvolve(graph.Reshape(dy, n, h, w, k[3]), kernel)
		return dy
	})
	return graph.Reshape(y, n, h, w, k[3])
}

// transposeConvolve is the gradient of a valid convolution of stride 1 with respect to its input:
// dy with a border of zeros, convolved with the rotated kernel with its channels swapped. Shapes:
// dy [N, h, w, F], kernel [K, K, C, F] -> [N, h+K-1, w+K-1, C].
func transposeConvolve(dy, kernel *graph.Node) *graph.Node {
	rows, columns := kernel.Shape().Dim(0)-1, kernel.Shape().Dim(1)-1
	zero := graph.ScalarZero(dy.Graph(), dy.DType())
	// Padded here, because XLA:CPU is slow at a convolution's own padding.
	dy = graph.Pad(dy, zero, graph.PadAxis{}, graph.PadAxis{Start: rows, End: rows}, graph.PadAxis{Start: columns, End: columns}, graph.PadAxis{})
	turned := graph.TransposeAllAxes(graph.Reverse(kernel, 0, 1), 0, 1, 3, 2)
	return graph.Convolve(dy, turned).NoPadding().Done()
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

// paddedConvolve is a convolution with a border of K/2 zeros on all sides. Its gradient with
// respect to the kernel is written for XLA:CPU. Shapes: x [N, H, W, C], kernel [K, K, C, F] with K
// 1 or 3 -> [N, (H-1)/stride+1, (W-1)/stride+1, F].
//
// XLA:CPU computes that gradient as a convolution of transposed images with a kernel as large as an
// image. It fuses the transpositions, which jump through memory, with the code that computes x and
// dy. This takes 40 % of a training step (docs/resnet56-speed.md). The convolution and its gradient
// with respect to x are GoMLX's.
func paddedConvolve(x, kernel *graph.Node, stride int) *graph.Node {
	k := kernel.Shape().Dim(0)
	// known when dy arrives, and handed over where the gradient of the kernel is asked for
	var dkernel *graph.Node
	kernel = graph.IdentityWithCustomGradient(kernel, func(_, _ *graph.Node) *graph.Node { return dkernel })
	border := [2]int{k / 2, k / 2}
	y := graph.Convolve(x, kernel).Strides(stride).PaddingPerDim([][2]int{border, border}).Done()
	return graph.IdentityWithCustomGradient(y, func(_, dy *graph.Node) *graph.Node {
		dkernel = kernelGradient(x, spread(dy, x.Shape().Dim(1), x.Shape().Dim(2), stride), k)
		return dy
	})
}

// spread puts zeros between positions, up to the size h by w, so that a convolution with a stride
// becomes one without. Shapes: [N, (h-1)/stride+1, (w-1)/stride+1, F] -> [N, h, w, F].
func spread(dy *graph.Node, h, w, stride int) *graph.Node {
	if stride == 1 {
		return dy
	}
	axis := func(to int) graph.PadAxis { return graph.PadAxis{End: (to - 1) % stride, Interior: stride - 1} }
	return graph.Pad(dy, graph.ScalarZero(dy.Graph(), dy.DType()), graph.PadAxis{}, axis(h), axis(w), graph.PadAxis{})
}

// kernelGradient is the gradient of a padded convolution of stride 1 with respect to its kernel.
// Shapes: x [N, H, W, C], dy [N, H, W, F] -> [k, k, C, F], for k 1 or 3.
func kernelGradient(x, dy *graph.Node, k int) *graph.Node {
	if k == 1 {
		return graph.Reshape(product(x, dy, 1), 1, 1, x.Shape().Dim(3), dy.Shape().Dim(3))
	}
	// Else XLA computes x and dy again in each of the loops below, from all that they are made of.
	x, dy = barrier(x, dy)
	if x.Shape().Dim(1)*x.Shape().Dim(2) <= 8*8 { // on small images XLA's way is faster
		border := [2]int{1, 1}
		p := graph.Convolve(graph.TransposeAllAxes(x, 3, 1, 2, 0), graph.TransposeAllAxes(dy, 1, 2, 0, 3)).PaddingPerDim([][2]int{border, border}).Done()
		return graph.TransposeAllAxes(p, 1, 2, 0, 3)
	}
	return blockGradient(x, dy)
}

// blockGradient is kernelGradient for k = 3, as products of matrices without a list of patches.
//
// The kernel's row and column say by how much x is shifted against dy. Rows are shifted by copying.
// For the columns, a product takes blocks of b columns, which lie in memory one after the other: of
// the b by b results, those of x's column beside dy's belong to a column of the kernel. Only where
// the two lie in blocks beside each other, columns are picked and multiplied by themselves. So each
// product has about 64 by 64 results, where the processor is fast, and few are for nothing.
func blockGradient(x, dy *graph.Node) *graph.Node {
	h, w, c, f := x.Shape().Dim(1), x.Shape().Dim(2), x.Shape().Dim(3), dy.Shape().Dim(3)
	b := 4
	for b > 1 && (w%b != 0 || b*min(c, f) > 64) {
		b /= 2
	}
	// the columns at the edges between blocks, at the left of an edge and at its right
	edges := w > b
	var xLeft, xRight, dyLeft, dyRight *graph.Node
	if edges {
		columns := func(x *graph.Node, from, to int) *graph.Node {
			return graph.Slice(x, graph.AxisRange(), graph.AxisRange(), graph.AxisRange(from, to).Stride(b), graph.AxisRange())
		}
		xLeft, xRight = columns(x, b-1, w-b), columns(x, b, w)
		dyLeft, dyRight = columns(dy, b-1, w-b), columns(dy, b, w)
	}
	var kernel []*graph.Node // row by row
	for row := range 3 {
		columns := [3]*graph.Node{}
		add := func(k int, p *graph.Node) {
			if columns[k] == nil {
				columns[k] = p
			} else {
				columns[k] = graph.Add(columns[k], p)
			}
		}
		if by := row - 1; by == 0 || h > 1 {
			shifted := func(x, dy *graph.Node, b int) *graph.Node {
				if f < c { // the one that is less to copy
					return product(x, shiftRows(dy, -by), b)
				}
				return product(shiftRows(x, by), dy, b)
			}
			p := graph.Reshape(shifted(x, dy, b), b, c, b, f)
			for i := range b {
				for j := max(i-1, 0); j <= min(i+1, b-1); j++ {
					add(i-j+1, graph.Reshape(graph.Slice(p, graph.AxisElem(i), graph.AxisRange(), graph.AxisElem(j), graph.AxisRange()), c, f))
				}
			}
			if edges {
				add(0, shifted(xLeft, dyRight, 1))
				add(2, shifted(xRight, dyLeft, 1))
			}
		}
		for _, p := range columns {
			if p == nil { // the image is one row or one column
				p = graph.Zeros(x.Graph(), shapes.Make(x.DType(), c, f))
			}
			kernel = append(kernel, p)
		}
	}
	return graph.Reshape(graph.Concatenate(kernel, 0), 3, 3, c, f)
}

// product multiplies each channel of x with each of dy, and sums over all positions: for blocks of
// b columns, each column's channels apart. Shapes: x [N, H, W, C], dy [N, H, W, F] -> [b*C, b*F].
func product(x, dy *graph.Node, b int) *graph.Node {
	rows := func(x *graph.Node) *graph.Node { return graph.Reshape(x, -1, b*x.Shape().Dim(3)) }
	return graph.DotGeneral(rows(x), []int{0}, nil, rows(dy), []int{0}, nil)
}

// shiftRows has row h+by of x in row h, and zeros beyond the border. by is -1, 0 or 1. Shapes: [N,
// H, W, C] -> the same.
func shiftRows(x *graph.Node, by int) *graph.Node {
	if by == 0 {
		return x
	}
	d := x.Shape().Dimensions
	parts := []*graph.Node{
		graph.Zeros(x.Graph(), shapes.Make(x.DType(), d[0], 1, d[2], d[3])),
		graph.Slice(x, graph.AxisRange(), graph.AxisRange(max(by, 0), d[1]+min(by, 0)), graph.AxisRange(), graph.AxisRange()),
	}
	if by > 0 {
		parts[0], parts[1] = parts[1], parts[0]
	}
	return graph.Concatenate(parts, 1)
}
