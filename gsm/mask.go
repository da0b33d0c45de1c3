// Mask: one bit per prunable weight, and how to count, combine and apply such masks.

package gsm

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/gomlx/gomlx/ml/model"
)

// Mask says of every prunable weight whether it is kept, in one bit each, layer by layer. It is a
// value: methods that combine masks return new ones.
type Mask struct {
	Layers []MaskLayer
}

// MaskLayer is the mask of one variable. NewMaskLayer makes one; its fields are only for reading.
type MaskLayer struct {
	Path string // of the variable in the store
	Dims []int
	bits []uint64 // weight i in row-major order is bit i%64 of word i/64; unused bits are 0
}

// NewMaskLayer returns the mask of a variable that keeps the weights for which keep, in row-major
// order, is true. keep must have as many entries as dims multiply to.
func NewMaskLayer(path string, dims []int, keep []bool) (MaskLayer, error) {
	l := MaskLayer{Path: path, Dims: slices.Clone(dims)}
	for _, d := range dims {
		if d < 0 {
			return MaskLayer{}, fmt.Errorf("gsm: mask of %q: shape %v has a negative dimension", path, dims)
		}
	}
	if l.Size() != len(keep) {
		return MaskLayer{}, fmt.Errorf("gsm: mask of %q: %d entries for shape %v of %d weights", path, len(keep), dims, l.Size())
	}
	l.bits = make([]uint64, words(len(keep)))
	for i, k := range keep {
		if k {
			l.bits[i/64] |= 1 << (i % 64)
		}
	}
	return l, nil
}

func words(n int) int { return (n + 63) / 64 }

// Size is the number of weights, kept or not.
func (l MaskLayer) Size() int {
	n := 1
	for _, d := range l.Dims {
		n *= d
	}
	return n
}

// Kept is the number of weights kept.
func (l MaskLayer) Kept() int {
	n := 0
	for _, w := range l.bits {
		n += bits.OnesCount64(w)
	}
	return n
}

// Density is Kept/Size; 0 for a layer without weights.
func (l MaskLayer) Density() float64 { return density(l.Kept(), l.Size()) }

func density(kept, size int) float64 {
	if size == 0 {
		return 0
	}
	return float64(kept) / float64(size)
}

// Keep reports whether weight i, in row-major order, is kept.
func (l MaskLayer) Keep(i int) bool { return l.bits[i/64]>>(i%64)&1 == 1 }

// Bools returns Keep for every weight.
func (l MaskLayer) Bools() []bool {
	keep := make([]bool, l.Size())
	for i := range keep {
		keep[i] = l.Keep(i)
	}
	return keep
}

// Layer returns the layer of a variable.
func (m Mask) Layer(path string) (MaskLayer, bool) {
	for _, l := range m.Layers {
		if l.Path == path {
			return l, true
		}
	}
	return MaskLayer{}, false
}

// Size is the number of weights that the mask covers.
func (m Mask) Size() int {
	n := 0
	for _, l := range m.Layers {
		n += l.Size()
	}
	return n
}

// Kept is the number of weights kept over all layers.
func (m Mask) Kept() int {
	n := 0
	for _, l := range m.Layers {
		n += l.Kept()
	}
	return n
}

// Density is Kept/Size, the inverse of the compression ratio; 0 for an empty mask.
func (m Mask) Density() float64 { return density(m.Kept(), m.Size()) }

// Diff keeps the weights that exactly one of the two masks keeps: the flips from one to the other.
func (m Mask) Diff(other Mask) (Mask, error) {
	return m.combine(other, func(a, b uint64) uint64 { return a ^ b })
}

// Union keeps the weights that either mask keeps.
func (m Mask) Union(other Mask) (Mask, error) {
	return m.combine(other, func(a, b uint64) uint64 { return a | b })
}

// Intersection keeps the weights that both masks keep.
func (m Mask) Intersection(other Mask) (Mask, error) {
	return m.combine(other, func(a, b uint64) uint64 { return a & b })
}

// Equal reports whether both masks keep the same weights of the same layers.
func (m Mask) Equal(other Mask) bool {
	d, err := m.Diff(other)
	return err == nil && d.Kept() == 0
}

func (m Mask) combine(other Mask, op func(a, b uint64) uint64) (Mask, error) {
	if len(m.Layers) != len(other.Layers) {
		return Mask{}, fmt.Errorf("gsm: masks of different models: %d and %d layers", len(m.Layers), len(other.Layers))
	}
	var out Mask
	for i, a := range m.Layers {
		b := other.Layers[i]
		if a.Path != b.Path || !slices.Equal(a.Dims, b.Dims) {
			return Mask{}, fmt.Errorf("gsm: masks of different models: layer %d is %q %v in one and %q %v in the other", i, a.Path, a.Dims, b.Path, b.Dims)
		}
		for _, l := range []MaskLayer{a, b} {
			if err := l.check(); err != nil {
				return Mask{}, err
			}
		}
		c := MaskLayer{Path: a.Path, Dims: a.Dims, bits: make([]uint64, len(a.bits))}
		for w := range c.bits {
			c.bits[w] = op(a.bits[w], b.bits[w])
		}
		out.Layers = append(out.Layers, c)
	}
	return out, nil
}

// Apply sets the weights that the mask does not keep to exactly zero. Every layer of the mask must
// be in the store with the same shape; otherwise nothing is changed.
func (m Mask) Apply(store *model.Store) error {
	for _, l := range m.Layers {
		if err := l.matches(store.GetVariable(l.Path)); err != nil {
			return err
		}
	}
	for _, l := range m.Layers {
		v := store.GetVariable(l.Path)
		copies, err := masters(store, v)
		if err != nil {
			return err
		}
		// Also the copies that weights in half precision are trained as: a copy that rounds to zero
		// is not zero.
		for _, v := range append(copies, v) {
			if err := l.zero(v); err != nil {
				return err
			}
		}
	}
	return nil
}

// zero sets the weights of v that the mask does not keep to zero.
func (l MaskLayer) zero(v *model.Variable) error {
	values, err := floats(v)
	if err != nil {
		return err
	}
	for i := range values {
		if !l.Keep(i) {
			values[i] = 0
		}
	}
	return setFloats(v, values)
}

// check reports a layer that NewMaskLayer did not make, or that was changed since.
func (l MaskLayer) check() error {
	if len(l.bits) != words(l.Size()) {
		return fmt.Errorf("gsm: mask of %q does not fit its shape %v: make layers with NewMaskLayer", l.Path, l.Dims)
	}
	return nil
}

// matches reports how a variable differs from the one that the mask was made for.
func (l MaskLayer) matches(v *model.Variable) error {
	if err := l.check(); err != nil {
		return err
	}
	if v == nil || !v.HasValue() {
		return fmt.Errorf("gsm: mask of another model: there is no variable %q in the store", l.Path)
	}
	if !slices.Equal(v.Shape().Dimensions, l.Dims) {
		return fmt.Errorf("gsm: mask of another model: variable %q has shape %v, the mask %v", l.Path, v.Shape().Dimensions, l.Dims)
	}
	return nil
}
