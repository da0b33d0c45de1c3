package recipe

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/distributed"
	"github.com/gomlx/gomlx/ml/dataset"
	"github.com/gomlx/gomlx/ml/train"

	"gsmlab/models/data"
	"gsmlab/models/distill"
)

// stream is the training images of one stage, on one or several devices.
type stream struct {
	train.Dataset
	batches *data.Batches
	devices int
}

// newStream makes the batches of a stage. On several devices each step uses the same images as on
// one, split among the devices in order. This is GoMLX's data-parallel training: its partitioner
// (XLA's) makes one program for all devices and sums the gradients before the optimizer sees them.
// A teacher, if there is one, adds its logits to the batches; it answers on the first device.
func (r *run) newStream(seed int64, teacher *distill.Teacher) (*stream, error) {
	p, set := r.plan, r.Data.Train
	s := &stream{devices: max(1, r.Devices)}
	if err := r.checkDevices(); err != nil {
		return nil, err
	}
	options := []data.Option{data.WithAugment(set.Form().Augment)}
	if s.devices == 1 {
		options = append(options, data.OnDevice(r.Backend, compute.DeviceNum(0)))
	}
	var err error
	if s.batches, err = data.NewBatches(set, p.Batch/s.devices, seed, options...); err != nil {
		return nil, err
	}
	s.Dataset = s.batches
	if teacher != nil {
		s.Dataset = teacher.Dataset(s.batches)
	}
	if s.devices == 1 {
		return s, nil
	}
	mesh, err := distributed.NewDeviceMesh([]int{s.devices}, []string{"batch"})
	if err != nil {
		return nil, fmt.Errorf("recipe: %d devices: %w", s.devices, err)
	}
	split, err := distributed.BuildSpec(mesh).S("batch").Done()
	if err != nil {
		return nil, fmt.Errorf("recipe: %d devices: %w", s.devices, err)
	}
	specs := []*distributed.ShardingSpec{split}
	if s.Dataset, err = dataset.NewDistributedAccumulator(r.Backend, s.Dataset, distributed.AutoSharding, specs, specs, nil); err != nil {
		return nil, fmt.Errorf("recipe: %d devices: %w", s.devices, err)
	}
	return s, nil
}

// checkDevices reports a number of devices that the backend lacks or that does not divide the
// batch.
func (r *run) checkDevices() error {
	switch n := r.Devices; {
	case n < 0:
		return fmt.Errorf("recipe: %d devices: must be at least 1", n)
	case n > 1 && n > r.Backend.NumDevices():
		return fmt.Errorf("recipe: %d devices: %s has %d", n, r.Spec, r.Backend.NumDevices())
	case n > 1 && r.plan.Batch%n != 0:
		return fmt.Errorf("recipe: %d devices: the batch of %d images cannot be split evenly among them", n, r.plan.Batch)
	}
	return nil
}

// startAt makes the next iteration begin with the batch of the given step.
func (s *stream) startAt(step int) { s.batches.StartAt(step * s.devices) }
