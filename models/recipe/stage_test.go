package recipe

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"

	"gsmlab/gsm"
	"gsmlab/gsm/trace"
	"gsmlab/internal/pjrt/backendtest"
	"gsmlab/models/data"
)

// TestRenewAverages: the averages are those of augmented training images. Here the images are black, 0, and the
// augmentation makes all of each white, 1, so that the first layer's mean is a sum over its kernel: at a border
// of the image the taps beyond it see the padding's 0.
func TestRenewAverages(t *testing.T) {
	const size, n = 32, 20
	black := &data.Images{
		Name: "black", Pixels: make([]uint8, n*size*size*3), Labels: make([]int32, n),
		Height: size, Width: size, Channels: 3, Classes: 10, Mean: []float32{0, 0, 0}, Std: []float32{1, 1, 1},
		Augment: func(dst, _ data.Picture, _ *rand.Rand) {
			for i := range dst.Pixels {
				dst.Pixels[i] = 255
			}
		},
	}
	env := &Env{Plan: Plan{Model: "resnet-56", Seed: 1, Compression: 1, Batch: 10}, Backend: backendtest.Open(t), Data: data.Split{Train: black, Test: black}}
	opt, err := gsm.New(gsm.Config{Compression: 1})
	if err != nil {
		t.Fatal(err)
	}
	stage, err := newTrainer(env, "", trace.StageGSM, gsm.Config{}, opt, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := stage.renewAverages(); err != nil {
		t.Fatal(err)
	}
	kernel := tensors.MustCopyFlatData[float32](stage.store.GetVariable("/conv1/weights").MustValue())
	mean := tensors.MustCopyFlatData[float32](stage.store.GetVariable("/bn1/batch_normalization/mean").MustValue())
	inside := [3]float64{31. / 32, 1, 31. / 32}
	for c := range mean {
		want := 0.
		for i := range 9 * 3 {
			want += float64(kernel[i*16+c]) * inside[i/9] * inside[i/3%3]
		}
		if math.Abs(float64(mean[c])-want) > 1e-5 {
			t.Errorf("channel %d: mean %v, want %v", c, mean[c], want)
		}
	}
}
