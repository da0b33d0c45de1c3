package data

import (
	"cmp"
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/train"
)

// maker makes the tensors of a batch.
type maker struct {
	form    Form
	backend compute.Backend // nil: tensors on the host
	device  compute.DeviceNum
	x       []float32 // used again for each batch that goes to the device
	y       []int32
}

func newMaker(form Form) maker { return maker{form: form} }

// make returns a batch of n images, whose values and labels write fills in.
func (m *maker) make(n int, write func(values []float32, labels []int32) error) (train.Batch, error) {
	xs := shapes.Make(dtypes.Float32, n, m.form.Height, m.form.Width, m.form.Channels)
	ys := shapes.Make(dtypes.Int32, n, 1)
	var x, y *tensors.Tensor
	var err error
	if m.backend == nil {
		x, y, err = m.onHost(xs, ys, write)
	} else {
		x, y, err = m.onDevice(xs, ys, write)
	}
	if err != nil {
		return train.Batch{}, fmt.Errorf("data: making a batch of %s: %w", m.form.Name, err)
	}
	return train.Batch{Inputs: []*tensors.Tensor{x}, Labels: []*tensors.Tensor{y}}, nil
}

// onHost writes straight into the tensors' memory: one allocation per tensor and no copy.
func (m *maker) onHost(xs, ys shapes.Shape, write func([]float32, []int32) error) (x, y *tensors.Tensor, err error) {
	x, y = tensors.FromShape(xs), tensors.FromShape(ys)
	var inner, failed error
	err = tensors.MutableFlatData(y, func(labels []int32) {
		inner = tensors.MutableFlatData(x, func(values []float32) { failed = write(values, labels) })
	})
	if err = cmp.Or(err, inner, failed); err != nil {
		_, _ = x.FinalizeAll(), y.FinalizeAll()
		return nil, nil, err
	}
	return x, y, nil
}

// onDevice writes into memory that is used again and copied to the device, so that a step allocates
// no batch. The copy is complete when BufferFromFlatData returns. The tensors live on the device
// only, and the trainer donates them to the step.
func (m *maker) onDevice(xs, ys shapes.Shape, write func([]float32, []int32) error) (x, y *tensors.Tensor, err error) {
	if len(m.y) != ys.Size() {
		m.x, m.y = make([]float32, xs.Size()), make([]int32, ys.Size())
	}
	if err := write(m.x, m.y); err != nil {
		return nil, nil, err
	}
	if x, err = m.upload(m.x, xs); err != nil {
		return nil, nil, err
	}
	if y, err = m.upload(m.y, ys); err != nil {
		_ = x.FinalizeAll()
		return nil, nil, err
	}
	return x, y, nil
}

func (m *maker) upload(flat any, shape shapes.Shape) (*tensors.Tensor, error) {
	buffer, err := m.backend.BufferFromFlatData(m.device, flat, shape)
	if err != nil {
		return nil, fmt.Errorf("copying it to device %d: %w", m.device, err)
	}
	return tensors.FromBuffer(buffer)
}
