package rivals

import (
	"math"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/internal/pjrt/backendtest"
	"gsmlab/models"
)

// TestInputOf: what a layer is said to read, times its kernel, is what the layer computes: in dense
// layers, in convolutions that are written as products, and in padded ones with strides.
func TestInputOf(t *testing.T) {
	for _, name := range []string{"mlp-digits", "lenet-5", "resnet-56-projection"} {
		if testing.Short() && name == "resnet-56-projection" {
			continue // half a minute on the pure-Go backend
		}
		m, err := models.Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		store := model.NewStore()
		images := tensors.FromShape(shapes.Make(dtypes.Float32, append([]int{2}, m.Image[:]...)...))
		if err := tensors.MutableFlatData(images, func(flat []float32) {
			for i := range flat {
				flat[i] = float32(math.Sin(float64(i)))
			}
		}); err != nil {
			t.Fatal(err)
		}
		var layers []layer
		out, err := model.CallOnceN(backendtest.Open(t), store, func(scope *model.Scope, images *graph.Node) []*graph.Node {
			m.Logits(scope, images)
			layers = layersOf(scope.Store())
			var differences []*graph.Node
			for _, l := range layers {
				op := operation(scope.Store(), images.Graph(), l)
				inputs := inputOf(scope.Store(), images.Graph(), l)
				kernel := graph.Reshape(scope.Store().GetVariable(l.path).NodeValue(op.Graph()), l.rows(), l.units())
				product := graph.Dot(inputs, kernel).Product()
				difference := graph.Sub(product, graph.Reshape(op, -1, l.units()))
				differences = append(differences, graph.ReduceAllMax(graph.Abs(difference)), graph.ReduceAllMax(graph.Abs(op)))
			}
			return differences
		}, images)
		if err != nil {
			t.Fatal(err)
		}
		for i, l := range layers {
			difference, size := tensors.ToScalar[float32](out[2*i]), tensors.ToScalar[float32](out[2*i+1])
			if !(difference <= 1e-5*size) { // float32 sums in another order
				t.Errorf("%s %s: inputs times kernel differ by %g from outputs of up to %g", name, l.name(), difference, size)
			}
		}
	}
}
