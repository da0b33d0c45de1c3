package recipe

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/norm"
	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/internal/pjrt/backendtest"
	"gsmlab/models"
	"gsmlab/models/data"
)

// TestRenewAverages: the averages are those of augmented training images. Here the images are
// black, 0, and the augmentation makes them all white, 1. So the first layer's mean is a sum over
// its kernel; at a border of the image, the taps beyond it see the padding's 0.
func TestRenewAverages(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles with XLA")
	}
	const size, n, channels = 8, 20, 4
	black := &data.Images{
		Name: "black", Pixels: make([]uint8, n*size*size*3), Labels: make([]int32, n),
		Height: size, Width: size, Channels: 3, Classes: 10, Mean: []float32{0, 0, 0}, Std: []float32{1, 1, 1},
		Augment: func(dst, _ data.Picture, _ *rand.Rand) {
			for i := range dst.Pixels {
				dst.Pixels[i] = 255
			}
		},
	}
	m := models.Model{
		Name: "conv-norm", Image: [3]int{size, size, 3}, Classes: 10, Prunable: 9*3*channels + channels*10,
		Logits: func(scope *model.Scope, images *graph.Node) *graph.Node {
			x := layers.Convolution(scope.In("conv1"), images).KernelSize(3).Channels(channels).UseBias(false).PadSame().Done()
			x = norm.BatchNorm(scope.In("bn1"), x, -1).Done()
			return layers.Dense(scope.In("fc"), graph.ReduceMean(x, 1, 2), true, 10)
		},
	}
	store := model.NewStore()
	store.SetParam(model.ParamInitialSeed, int64(1))
	net, err := openNetwork(backendtest.Open(t), m, store, black, learning{})
	if err != nil {
		t.Fatal(err)
	}
	if err := net.RenewAverages(black, 1); err != nil {
		t.Fatal(err)
	}
	values := func(path string) []float32 {
		v := store.GetVariable(path)
		if v == nil {
			t.Fatalf("no variable %s", path)
		}
		return tensors.MustCopyFlatData[float32](v.MustValue())
	}
	kernel, mean := values("/conv1/conv/weights"), values("/bn1/batch_normalization/mean")
	edge := (size - 1.) / size
	inside := [3]float64{edge, 1, edge}
	for c := range mean {
		want := 0.
		for i := range 9 * 3 {
			want += float64(kernel[i*channels+c]) * inside[i/9] * inside[i/3%3]
		}
		if math.Abs(float64(mean[c])-want) > 1e-5 {
			t.Errorf("channel %d: mean %v, want %v", c, mean[c], want)
		}
	}
}
