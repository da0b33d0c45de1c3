// What layers read: the second moments of their inputs over training images, and the Hessians of
// their squared errors, which those are.

package rivals

import (
	"context"
	"fmt"
	"slices"

	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"gonum.org/v1/gonum/mat"

	"gsmlab/models"
	"gsmlab/models/data"
)

// hessianImages is from how many training images the inputs of layers are taken, without
// augmentation. Each position of a convolution counts as one input.
const hessianImages, hessianBatch = 10_000, 250

// mostInputs is the longest input of a layer whose Hessian is computed: the cost of its inverse
// grows with the third power.
const mostInputs = 6_000

// moments are the second moments of a layer's inputs x with a 1 appended: the mean of x x^T.
type moments struct {
	layer layer
	mean  *mat.SymDense // of rows + 1
}

// inputs measures the moments of all layers of the dense network.
func (t *Task) inputs(ctx context.Context) ([]moments, error) {
	images, err := data.NewEval(t.training.Subset(hessianImages), hessianBatch)
	if err != nil {
		return nil, err
	}
	exec, err := model.NewExec(t.backend, t.base.Store(), func(scope *model.Scope, images *graph.Node) []*graph.Node {
		t.model.Logits(scope, images)
		var products []*graph.Node
		for _, l := range t.layers {
			x := inputOf(scope.Store(), images.Graph(), l)
			x = graph.Concatenate([]*graph.Node{x, graph.Ones(x.Graph(), withLast(x, 1))}, -1)
			products = append(products, graph.DotGeneral(x, []int{0}, nil, x, []int{0}, nil), graph.Const(x.Graph(), int64(x.Shape().Dim(0))))
		}
		return products
	})
	if err != nil {
		return nil, fmt.Errorf("rivals: inputs of the layers of %s: %w", t.model.Name, err)
	}
	out := make([]moments, len(t.layers))
	counts := make([]float64, len(t.layers))
	for i, l := range t.layers {
		out[i] = moments{l, mat.NewSymDense(l.rows()+1, nil)}
	}
	for b, err := range images.Iter() {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		products, err := exec.Call(b.Inputs[0])
		if err != nil {
			return nil, fmt.Errorf("rivals: inputs of the layers of %s: %w", t.model.Name, err)
		}
		for i := range out {
			counts[i] += float64(tensors.ToScalar[int64](products[2*i+1]))
			flat, err := tensors.CopyFlatData[float32](products[2*i])
			if err != nil {
				return nil, err
			}
			n := out[i].layer.rows() + 1
			for a := range n {
				for c := a; c < n; c++ {
					out[i].mean.SetSym(a, c, out[i].mean.At(a, c)+float64(flat[a*n+c]))
				}
			}
		}
	}
	for i := range out {
		out[i].mean.ScaleSym(1/counts[i], out[i].mean)
	}
	return out, nil
}

// inputOf returns what a layer multiplies with its kernel: one row for each image, or for each
// position of a convolution. Shape: [n, rows].
//
// The layer's operation is linear in its kernel. With the identity in the place of the kernel it
// returns its own input, whatever its strides, padding and dilation are.
func inputOf(store *model.Store, g *graph.Graph, l layer) *graph.Node {
	op := operation(store, g, l)
	shape := withLast(op.Inputs()[1], l.rows())
	one := graph.DiagonalWithValue(graph.ScalarOne(g, op.DType()), l.rows())
	return graph.Reshape(op.CloneWithInputs(op.Inputs()[0], graph.Reshape(one, shape.Dimensions...)), -1, l.rows())
}

// operation returns the product or convolution of a layer, whose second input is the kernel in some
// form.
func operation(store *model.Store, g *graph.Graph, l layer) *graph.Node {
	kernel := store.GetVariable(l.path).NodeValue(g)
	for {
		var readers []*graph.Node
		for _, n := range g.Nodes() {
			// The pure-Go backend has dense layers as one fused operation beside the plain one.
			if n.Type() != graph.NodeTypeFusedDense && slices.Contains(n.Inputs(), kernel) {
				readers = append(readers, n)
			}
		}
		if len(readers) != 1 {
			panic(fmt.Errorf("the kernel of layer %s is read in %d places: its inputs are those of a plain dense layer or convolution only", l.name(), len(readers)))
		}
		op := readers[0]
		if len(op.Inputs()) == 1 && op.Shape().Size() == kernel.Shape().Size() {
			kernel = op // the kernel in another form
			continue
		}
		if linear := op.Type() == graph.NodeTypeDotGeneral || op.Type() == graph.NodeTypeConvGeneral; !linear || op.Inputs()[1] != kernel {
			panic(fmt.Errorf("layer %s is neither a dense layer nor a convolution", l.name()))
		}
		return op
	}
}

// withLast is the shape of x with another last dimension.
func withLast(x *graph.Node, n int) shapes.Shape {
	shape := x.Shape().Clone()
	shape.Dimensions[shape.Rank()-1] = n
	return shape
}

// biasPath is where the layers of package models keep the bias of a kernel.
func biasPath(l layer) string {
	scope, _ := model.SplitPath(l.path)
	return model.JoinPath(scope, "biases")
}

// biasOf returns the bias of a layer, nil if it has none.
func biasOf(store *model.Store, l layer) ([]float64, error) {
	path := biasPath(l)
	if store.GetVariable(path) == nil {
		return nil, nil
	}
	values, err := read(store, []layer{l}, func(string) string { return path })
	if err != nil {
		return nil, err
	}
	return values[0], nil
}

// invert returns the inverse of a symmetric matrix that should be positive definite. If it is
// singular, a share of its mean diagonal is added to the diagonal, ten times more until it is not;
// the damping returned is what was added.
func invert(h *mat.SymDense) (inverse *mat.SymDense, damping float64) {
	n := h.SymmetricDim()
	trace := mat.Trace(h) / float64(n)
	if trace <= 0 {
		trace = 1
	}
	damped := mat.NewSymDense(n, nil)
	for share := 0.0; ; share = max(share*10, 1e-8) {
		damping = share * trace
		damped.CopySym(h)
		for i := range n {
			damped.SetSym(i, i, h.At(i, i)+damping)
		}
		var c mat.Cholesky
		inverse = mat.NewSymDense(n, nil)
		// beyond a condition of 1e12 the digits of float32 inputs are used up
		if c.Factorize(damped) && c.Cond() < 1e12 && c.InverseTo(inverse) == nil {
			return inverse, damping
		}
	}
}

// hessiansFit refuses models with a layer that reads more inputs than a Hessian is computed for.
func hessiansFit(_ models.Model, layers []layer, _ int) error {
	for _, l := range layers {
		if l.rows() > mostInputs {
			return fmt.Errorf("layer %s has %d inputs, and Hessians are computed up to %d: take another method", l.name(), l.rows(), mostInputs)
		}
	}
	return nil
}
