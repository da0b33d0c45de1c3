package data

import (
	"iter"
	"testing"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/gomlx/gomlx/ml/train/metric"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"gsmlab/internal/pjrt/backendtest"
)

// A softmax regression learns the digits from our batches: images, labels, shapes and ownership are
// what GoMLX's trainer expects. Batches made on the device are the same batches. Such a model, from
// zero weights, gets about 89 % of the digits of writers it has not seen.
func TestTrainerLearnsDigits(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, backend compute.Backend) {
		host := learnDigits(t, backend)
		device := learnDigits(t, backend, OnDevice(backend, 0))
		t.Logf("loss and accuracy %v, on device %v", host, device)
		if host[1] < 0.87 || host[1] > 0.95 {
			t.Errorf("accuracy %.4f, want about 0.89", host[1])
		}
		for i := range host {
			// Both see the same numbers; a backend may still add them up in another order each
			// time.
			if d := host[i] - device[i]; d < -0.003 || d > 0.003 {
				t.Errorf("loss and accuracy %v, but %v with batches on the device", host, device)
			}
		}
	})
}

// learnDigits returns the mean loss and the accuracy on the test part.
func learnDigits(t *testing.T, backend compute.Backend, opts ...Option) [2]float32 {
	s := digits(t)
	linear := func(scope *model.Scope, _ any, inputs []*graph.Node) []*graph.Node {
		x := graph.Reshape(inputs[0], inputs[0].Shape().Dimensions[0], s.Train.Size())
		return []*graph.Node{layers.Dense(scope.In("linear").WithInitializer(initializer.Zero), x, true, s.Train.Classes)}
	}
	accuracy := metric.NewSparseCategoricalAccuracy("accuracy", "acc")
	trainer := train.NewTrainer(backend, model.NewStore(), linear, loss.SparseCategoricalCrossEntropyLogits,
		optimizer.StochasticGradientDescent().WithLearningRate(0.1).WithDecay(false).Done(), nil, []metric.Interface{accuracy})
	b := newBatches(t, s.Train, 128, 1, opts...)
	if _, err := train.NewLoop(trainer).RunSteps(b, 40*b.StepsPerEpoch()); err != nil {
		t.Fatal(err)
	}
	test, err := NewEval(s.Test, 256)
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := trainer.Eval(test)
	if err != nil {
		t.Fatal(err)
	}
	return [2]float32{tensors.ToScalar[float32](metrics[0]), tensors.ToScalar[float32](metrics[len(metrics)-1])}
}

// BenchmarkHandOver is what the training step waits for with each batch: the batch itself, from the
// background, and its way to the device.
func BenchmarkHandOver(b *testing.B) {
	backend := backendtest.Open(b)
	mnist, cifar := numbered(60000, 1), numbered(50000, 3)
	mnist.Height, mnist.Width, mnist.Pixels = 28, 28, make([]uint8, 60000*784)
	cifar.Height, cifar.Width, cifar.Pixels = 32, 32, make([]uint8, 50000*3072)
	for _, c := range []struct {
		name  string
		d     Set
		batch int
		step  time.Duration
		opts  []Option
	}{
		{"mnist/host", mnist, 256, time.Millisecond, nil},
		{"mnist/device", mnist, 256, time.Millisecond, []Option{OnDevice(backend, 0)}},
		// ResNet-56 has 126 million multiplications an image: no step of 64 is as short.
		{"cifar10/host", cifar, 64, 10 * time.Millisecond, []Option{WithAugment(PadCropFlip(4))}},
		{"cifar10/device", cifar, 64, 10 * time.Millisecond, []Option{WithAugment(PadCropFlip(4)), OnDevice(backend, 0)}},
	} {
		b.Run(c.name, func(b *testing.B) {
			next, stop := iter.Pull2(newBatches(b, c.d, c.batch, 1, c.opts...).Iter())
			defer stop()
			for b.Loop() {
				b.StopTimer()
				time.Sleep(c.step)
				b.StartTimer()
				batch, err, _ := next()
				if err == nil {
					err = batch.Inputs[0].MaterializeOnDevice(backend, false, 0)
				}
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				_ = batch.Finalize()
				b.StartTimer()
			}
		})
	}
}
