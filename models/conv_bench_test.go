package models

import (
	"fmt"
	"testing"

	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gsmlab/internal/pjrt/backendtest"
)

// zeroBorder puts k zeros around each image. Shapes: [N, H, W, C] -> [N, H+2k, W+2k, C].
func zeroBorder(x *graph.Node, k int) *graph.Node {
	d := x.Shape().Dimensions
	rows := graph.Zeros(x.Graph(), shapes.Make(x.DType(), d[0], k, d[2], d[3]))
	x = graph.Concatenate([]*graph.Node{rows, x, rows}, 1)
	columns := graph.Zeros(x.Graph(), shapes.Make(x.DType(), d[0], d[1]+2*k, k, d[3]))
	return graph.Concatenate([]*graph.Node{columns, x, columns}, 2)
}

// BenchmarkResNetConvolution times the three convolutions of a training step one by one, at the
// sizes of ResNet-56 with a batch of 64. It also times other ways to compute the gradient of the
// kernel, which costs the most on XLA:CPU (docs/resnet56-speed.md):
//
//	go test -run XXX -bench ResNetConvolution -benchtime 30x ./models
func BenchmarkResNetConvolution(b *testing.B) {
	backend := backendtest.Open(b)
	border := [][2]int{{1, 1}, {1, 1}}
	for _, c := range []struct{ size, channels int }{{32, 16}, {16, 32}, {8, 64}} {
		image := []int{64, c.size, c.size, c.channels}
		x, kernel, dy := pattern(image...), pattern(3, 3, c.channels, c.channels), pattern(image...)
		rows := func(x *graph.Node) *graph.Node { return graph.Reshape(x, -1, x.Shape().Dim(3)) }
		gradient := func(x, kernel, dy, of *graph.Node) *graph.Node {
			y := graph.Convolve(x, kernel).PaddingPerDim(border).Done()
			return graph.Gradient(graph.ReduceAllSum(graph.Mul(y, dy)), of)[0]
		}
		for _, way := range []struct {
			name string
			f    func(x, kernel, dy *graph.Node) *graph.Node
		}{
			{"nothing", func(x, _, dy *graph.Node) *graph.Node { return graph.Mul(x, dy) }},
			{"forward", func(x, kernel, _ *graph.Node) *graph.Node {
				return graph.Convolve(x, kernel).PaddingPerDim(border).Done()
			}},
			{"dx", func(x, kernel, dy *graph.Node) *graph.Node { return gradient(x, kernel, dy, x) }},
			{"dkernel", func(x, kernel, dy *graph.Node) *graph.Node { return gradient(x, kernel, dy, kernel) }},
			{"dkernel-ours", func(x, _, dy *graph.Node) *graph.Node { return kernelGradient(x, dy, 3) }},
			{"dkernel-transposed-first", func(x, _, dy *graph.Node) *graph.Node {
				return graph.Convolve(graph.TransposeAllAxes(x, 3, 1, 2, 0), graph.TransposeAllAxes(dy, 1, 2, 0, 3)).PaddingPerDim(border).Done()
			}},
			{"dkernel-patches", func(x, _, dy *graph.Node) *graph.Node {
				return graph.DotGeneral(rows(patches(zeroBorder(x, 1), 3, 3)), []int{0}, nil, rows(dy), []int{0}, nil)
			}},
			{"one-of-nine-products", func(x, _, dy *graph.Node) *graph.Node {
				return graph.DotGeneral(rows(x), []int{0}, nil, rows(dy), []int{0}, nil)
			}},
		} {
			b.Run(fmt.Sprintf("%dx%dx%d/%s", c.size, c.size, c.channels, way.name), func(b *testing.B) {
				// Reduced to a number, so that the copy to the host is not timed.
				exec, err := graph.NewExec(backend, func(x, kernel, dy *graph.Node) *graph.Node { return graph.ReduceAllSum(way.f(x, kernel, dy)) })
				if err != nil {
					b.Fatal(err)
				}
				run := func() {
					out, err := exec.Call(x, kernel, dy)
					if err != nil {
						b.Fatal(err)
					}
					tensors.ToScalar[float32](out[0])
					out[0].MustFinalizeAll()
				}
				run()
				for b.Loop() {
					run()
				}
			})
		}
	}
}
