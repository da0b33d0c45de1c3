// Tests of convolutions and pooling against GoMLX's, with values and gradients, on each backend.

package models

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/internal/pjrt/backendtest"
)

// near compares two vectors with a tolerance relative to the greatest entry. Sums of some hundred
// products, added in another order in float32, differ by about 1e-6 of it.
func near(t *testing.T, what string, got, want *tensors.Tensor) {
	t.Helper()
	if !got.Shape().Equal(want.Shape()) {
		t.Fatalf("%s: shape %s, want %s", what, got.Shape(), want.Shape())
	}
	a, b := tensors.MustCopyFlatData[float32](got), tensors.MustCopyFlatData[float32](want)
	scale := 0.0
	for _, v := range b {
		scale = max(scale, math.Abs(float64(v)))
	}
	if scale == 0 {
		t.Fatalf("%s: all zero", what)
	}
	for i := range a {
		if d := math.Abs(float64(a[i] - b[i])); !(d <= 2e-5*scale) {
			t.Fatalf("%s: entry %d of %d is %g, want %g", what, i, len(a), a[i], b[i])
		}
	}
}

// runner returns a function that gives the value and both gradients of a convolution, for x and
// kernel of the given dimensions.
func runner(t *testing.T, b compute.Backend, x, kernel []int) func(convolve func(x, kernel *graph.Node) *graph.Node) []*tensors.Tensor {
	return func(convolve func(x, kernel *graph.Node) *graph.Node) []*tensors.Tensor {
		t.Helper()
		out, err := graph.CallOnceN(b, func(x, kernel *graph.Node) []*graph.Node {
			return withGradients(x, kernel, convolve(x, kernel))
		}, pattern(x...), pattern(kernel...))
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// withGradients returns y, and the gradients of a sum of y with respect to x and the kernel. The
// sum has a different weight at each place.
func withGradients(x, kernel, y *graph.Node) []*graph.Node {
	weights := graph.Sin(graph.Iota(y.Graph(), shapes.Make(y.DType(), y.Shape().Size()), 0))
	loss := graph.ReduceAllSum(graph.Mul(graph.Reshape(y, -1), weights))
	return append([]*graph.Node{y}, graph.Gradient(loss, x, kernel)...)
}

func TestProductConvolve(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, c := range []struct{ x, kernel []int }{
			{[]int{4, 28, 28, 1}, []int{5, 5, 1, 20}},
			{[]int{3, 12, 12, 20}, []int{5, 5, 20, 50}},
			{[]int{1, 6, 9, 3}, []int{2, 3, 3, 4}}, // neither square nor a batch
			{[]int{2, 3, 3, 2}, []int{1, 1, 2, 5}},
			{[]int{2, 4, 5, 2}, []int{4, 5, 2, 3}}, // one position
		} {
			t.Run(fmt.Sprint(c.x, c.kernel), func(t *testing.T) {
				run := runner(t, b, c.x, c.kernel)
				got := run(productConvolve)
				// The same product with GoMLX's gradient of the patches, which is right and slow.
				plain := run(func(x, kernel *graph.Node) *graph.Node {
					k := kernel.Shape().Dimensions
					p := patches(x, k[0], k[1])
					y := graph.Dot(graph.Reshape(p, -1, p.Shape().Dim(3)), graph.Reshape(kernel, -1, k[3])).Product()
					return graph.Reshape(y, x.Shape().Dim(0), p.Shape().Dim(1), p.Shape().Dim(2), k[3])
				})
				library := run(func(x, kernel *graph.Node) *graph.Node { return graph.Convolve(x, kernel).NoPadding().Done() })
				// otherwise GoMLX 0.28.2 gets its gradient of x wrong
				square := c.kernel[0] == c.kernel[1]
				for i, what := range []string{"value", "gradient of x", "gradient of the kernel"} {
					near(t, what, got[i], plain[i])
					if square || i != 1 {
						near(t, what, got[i], library[i])
					}
				}
			})
		}
		t.Run("variables", func(t *testing.T) { sameVariables(t, b) })
	})
}

// Each layer here matches a GoMLX layer. It has the same variables, so checkpoints are
// interchangeable. With the same variables it has the same values, wherever bias and ReLU are.
func sameVariables(t *testing.T, b compute.Backend) {
	build := func(layer func(scope *model.Scope, x *graph.Node) *graph.Node) (*model.Store, *tensors.Tensor) {
		store := model.NewStore()
		exec, err := model.NewExec(b, store, func(scope *model.Scope, x *graph.Node) *graph.Node {
			fixed := func(g *graph.Graph, shape shapes.Shape) *graph.Node {
				return graph.Sin(graph.Reshape(graph.Iota(g, shapes.Make(dtypes.Float32, shape.Size()), 0), shape.Dimensions...))
			}
			return layer(scope.WithInitializer(fixed).In("conv1"), x)
		})
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Call(pattern(2, 12, 12, 3))
		if err != nil {
			t.Fatal(err)
		}
		return store, out[0]
	}
	ours, got := build(func(scope *model.Scope, x *graph.Node) *graph.Node {
		return activation.Relu(addBias(scope, maxPool2(convolve(scope, x, 4, 5))))
	})
	theirs, want := build(func(scope *model.Scope, x *graph.Node) *graph.Node {
		return maxPool2(activation.Relu(layers.Convolution(scope, x).CurrentScope().Channels(4).KernelSize(5).NoPadding().Done()))
	})
	near(t, "value", got, want)
	list := func(s *model.Store) (out []string) {
		for v := range s.IterVariables() {
			out = append(out, v.Path()+" "+v.Shape().String())
		}
		slices.Sort(out)
		return out
	}
	if a, b := list(ours), list(theirs); !slices.Equal(a, b) {
		t.Errorf("variables %q, want %q", a, b)
	}
}

func TestMaxPool2(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		// Known answers, with an odd row and column.
		out, err := graph.CallOnceN(b, func(x *graph.Node) []*graph.Node {
			return []*graph.Node{maxPool2(graph.ExpandAxes(x, 0, -1))}
		}, [][]float32{{1, 2, 3, 4, 99}, {5, 6, -7, 8, 99}, {-1, -2, 0, 0, 99}, {-4, -3, 0, 0, 99}, {99, 99, 99, 99, 99}})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := tensors.MustCopyFlatData[float32](out[0]), []float32{6, 8, -1, 0}; !slices.Equal(got, want) {
			t.Errorf("pooled %v, want %v", got, want)
		}
		if b.Name() != "xla" {
			// pure Go lacks the gradient of GoMLX's pooling, which the rest of this test needs
			return
		}
		for _, dims := range [][]int{{2, 24, 24, 3}, {3, 7, 5, 2}} {
			run := func(pool func(x *graph.Node) *graph.Node) []*tensors.Tensor {
				out, err := graph.CallOnceN(b, func(x *graph.Node) []*graph.Node { return withGradients(x, x, pool(x))[:2] }, pattern(dims...))
				if err != nil {
					t.Fatal(err)
				}
				return out
			}
			got := run(maxPool2)
			want := run(func(x *graph.Node) *graph.Node { return graph.MaxPool(x).Window(2).NoPadding().Done() })
			near(t, "value", got[0], want[0])
			near(t, "gradient", got[1], want[1])
		}
	})
}

// TestStridedConvolution: a stride leaves out positions and changes nothing else, in value or
// gradients.
func TestStridedConvolution(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, c := range []struct {
			x      []int
			size   int
			filter int
		}{{[]int{2, 8, 8, 3}, 3, 4}, {[]int{2, 8, 8, 4}, 1, 5}, {[]int{1, 9, 9, 2}, 7, 3}} {
			run := func(build func(scope *model.Scope, x *graph.Node) *graph.Node) []*tensors.Tensor {
				store := model.NewStore()
				exec, err := model.NewExec(b, store, func(scope *model.Scope, x *graph.Node) []*graph.Node {
					y := build(scope.WithInitializer(func(g *graph.Graph, s shapes.Shape) *graph.Node {
						return graph.Cos(graph.Reshape(graph.Iota(g, shapes.Make(s.DType, s.Size()), 0), s.Dimensions...))
					}), x)
					return withGradients(x, store.GetVariable("/weights").NodeValue(x.Graph()), y)
				})
				if err != nil {
					t.Fatal(err)
				}
				out, err := exec.Call(pattern(c.x...))
				if err != nil {
					t.Fatal(err)
				}
				return out
			}
			got := run(func(scope *model.Scope, x *graph.Node) *graph.Node {
				return convolvePadded(scope, x, c.filter, c.size, 2)
			})
			want := run(func(scope *model.Scope, x *graph.Node) *graph.Node {
				y := convolvePadded(scope, x, c.filter, c.size, 1)
				return graph.Slice(y, graph.AxisRange(), graph.AxisRange().Stride(2), graph.AxisRange().Stride(2), graph.AxisRange())
			})
			for i, what := range []string{"y", "dx", "dkernel"} {
				near(t, fmt.Sprint(what, c), got[i], want[i])
			}
		}
	})
}

// TestPaddedConvolve: values and both gradients are those of GoMLX's convolution.
func TestPaddedConvolve(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, c := range []struct {
			x, kernel []int
			stride    int
		}{
			{[]int{4, 32, 32, 16}, []int{3, 3, 16, 16}, 1},
			{[]int{3, 8, 8, 32}, []int{3, 3, 32, 24}, 1},
			{[]int{3, 16, 16, 8}, []int{3, 3, 8, 16}, 2},
			{[]int{2, 11, 12, 3}, []int{3, 3, 3, 4}, 2}, // neither square nor both even
			{[]int{2, 11, 12, 3}, []int{3, 3, 3, 4}, 3},
			{[]int{2, 10, 18, 40}, []int{3, 3, 40, 20}, 1}, // blocks of two columns
			{[]int{2, 5, 20, 70}, []int{3, 3, 70, 3}, 1},
			{[]int{1, 9, 9, 65}, []int{3, 3, 65, 66}, 1}, // of one
			{[]int{1, 1, 72, 2}, []int{3, 3, 2, 3}, 1},   // one row
			{[]int{1, 72, 1, 2}, []int{3, 3, 2, 3}, 1},   // one column
			{[]int{2, 20, 4, 2}, []int{3, 3, 2, 3}, 1},   // one block
			{[]int{2, 9, 12, 3}, []int{1, 1, 3, 4}, 1},
			{[]int{2, 9, 12, 3}, []int{1, 1, 3, 4}, 2},
			{[]int{1, 2, 1, 2}, []int{3, 3, 2, 1}, 1}, // smaller than the kernel
		} {
			t.Run(fmt.Sprint(c.x, c.kernel, c.stride), func(t *testing.T) {
				run := runner(t, b, c.x, c.kernel)
				got := run(func(x, kernel *graph.Node) *graph.Node { return paddedConvolve(x, kernel, c.stride) })
				border := [2]int{c.kernel[0] / 2, c.kernel[0] / 2}
				want := run(func(x, kernel *graph.Node) *graph.Node {
					return graph.Convolve(x, kernel).Strides(c.stride).PaddingPerDim([][2]int{border, border}).Done()
				})
				for i, what := range []string{"value", "gradient of x", "gradient of the kernel"} {
					near(t, what, got[i], want[i])
				}
			})
		}
	})
}
