package data

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/train"
)

// maker turns images into the tensors of a batch.
type maker struct {
	d       *Images
	table   [][256]float32
	backend compute.Backend // nil: tensors on the host
	device  compute.DeviceNum
	x       []float32 // used again for each batch that goes to the device
	y       []int32
}

func newMaker(d *Images) maker { return maker{d: d, table: d.lookup()} }

// make returns a batch of n images; pick gives the index (for the label) and the bytes of the k-th.
func (m *maker) make(n int, pick func(k int) (int, []uint8)) (train.Batch, error) {
	d := m.d
	xs := shapes.Make(dtypes.Float32, n, d.Height, d.Width, d.Channels)
	ys := shapes.Make(dtypes.Int32, n, 1)
	var x, y *tensors.Tensor
	var err error
	if m.backend == nil {
		x, y, err = m.onHost(xs, ys, pick)
	} else {
		x, y, err = m.onDevice(xs, ys, pick)
	}
	if err != nil {
		return train.Batch{}, fmt.Errorf("data: making a batch of %s: %w", d.Name, err)
	}
	return train.Batch{Inputs: []*tensors.Tensor{x}, Labels: []*tensors.Tensor{y}}, nil
}

// onHost writes straight into the tensors' memory: one allocation per tensor and no copy.
func (m *maker) onHost(xs, ys shapes.Shape, pick func(int) (int, []uint8)) (x, y *tensors.Tensor, err error) {
	x, y = tensors.FromShape(xs), tensors.FromShape(ys)
	var inner error
	err = tensors.MutableFlatData(y, func(labels []int32) {
		inner = tensors.MutableFlatData(x, func(values []float32) { m.write(values, labels, pick) })
	})
	if err == nil {
		err = inner
	}
	return x, y, err
}

// onDevice writes into memory that is used again and copied to the device, so that a step allocates no batch.
// The copy is complete when BufferFromFlatData returns. The tensors live on the device only, and the trainer donates
// them to the step.
func (m *maker) onDevice(xs, ys shapes.Shape, pick func(int) (int, []uint8)) (x, y *tensors.Tensor, err error) {
	if len(m.y) != ys.Size() {
		m.x, m.y = make([]float32, xs.Size()), make([]int32, ys.Size())
	}
	m.write(m.x, m.y, pick)
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

func (m *maker) write(values []float32, labels []int32, pick func(int) (int, []uint8)) {
	size := m.d.Size()
	for k := range labels {
		i, src := pick(k)
		labels[k] = m.d.Labels[i]
		m.fill(values[k*size:(k+1)*size], src)
	}
}

// fill normalises one image.
func (m *maker) fill(dst []float32, src []uint8) {
	dst = dst[:len(src)]
	if len(m.table) == 1 {
		table := &m.table[0]
		for i, v := range src {
			dst[i] = table[v]
		}
		return
	}
	for c := range m.table {
		table := &m.table[c]
		for i := c; i < len(src); i += len(m.table) {
			dst[i] = table[src[i]]
		}
	}
}
