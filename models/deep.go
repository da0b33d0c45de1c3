package models

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/layers/norm"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"
)

// The parts that ResNet and DenseNet share. Scopes have the names of the modules in PyTorch's
// reference networks, with dots as separators, so that weights can be read and written by name
// (package weights).

// he returns the scope with the initialisation of both papers (He et al., 2015): normal kernels of
// variance 2 / fan-in, zero biases.
func he(scope *model.Scope) *model.Scope { return scope.WithInitializer(initializer.HeFn(scope)) }

// convolvePadded is a convolution without bias. Its border of size/2 zeros is the same on all
// sides, as in PyTorch; "same" padding differs where the stride is 2. Shapes: [N, H, W, C] -> [N,
// (H-1)/stride+1, (W-1)/stride+1, filters] for odd sizes.
func convolvePadded(scope *model.Scope, x *graph.Node, filters, size, stride int) *graph.Node {
	kernel := scope.VariableWithShape("weights", shapes.Make(x.DType(), size, size, x.Shape().Dim(3), filters)).NodeValue(x.Graph())
	if (size == 1 || size == 3) && !isGPU(x.Graph()) {
		return paddedConvolve(x, kernel, stride)
	}
	border := [2]int{size / 2, size / 2}
	return graph.Convolve(x, kernel).Strides(stride).PaddingPerDim([][2]int{border, border}).Done()
}

// batchNorm normalises each channel, with PyTorch's constants. Shapes: [N, H, W, C] -> the same.
func batchNorm(scope *model.Scope, x *graph.Node) *graph.Node {
	// The pure-Go backend has no operation for it: there, evaluation is spelled out and training is
	// refused.
	own := x.Graph().Backend().Capabilities().Operations[compute.OpTypeBatchNormForInference] || scope.IsTraining(x.Graph())
	return norm.BatchNorm(scope, x, -1).Momentum(0.9).Epsilon(1e-5).UseBackendInference(own).Done()
}

// normRelu is batch norm and ReLU. Shapes: [N, H, W, C] -> the same.
func normRelu(scope *model.Scope, x *graph.Node) *graph.Node {
	return activation.Relu(batchNorm(scope, x))
}

// meanOfAll averages over all positions. Shapes: [N, H, W, C] -> [N, C].
func meanOfAll(x *graph.Node) *graph.Node { return graph.ReduceMean(x, 1, 2) }

// once makes XLA compute x once and keep it, and the gradient that arrives at it too. Without it,
// XLA:CPU fuses a sum with all the sums before it: the 9th block of a residual network then begins
// with the first, for its value and again for each gradient (docs/resnet56-speed.md). Shapes: any
// -> the same.
func once(x *graph.Node) *graph.Node {
	if isGPU(x.Graph()) {
		return x
	}
	keep := func(x *graph.Node) *graph.Node {
		x, _ = barrier(x, graph.ScalarZero(x.Graph(), x.DType()))
		return x
	}
	return keep(graph.IdentityWithCustomGradient(x, func(_, dy *graph.Node) *graph.Node { return keep(dy) }))
}

// barrier returns a and b as XLA has computed them: what is behind is not fused with what they are
// made of. There are two, because go-xla leaves out a barrier of one value on the CPU.
func barrier(a, b *graph.Node) (_, _ *graph.Node) {
	both := graph.OptimizationBarriers(a, b)
	return both[0], both[1]
}
