// Numbers of weights on the host, layer by layer: scores, masks, and how many weights each layer
// keeps.

package rivals

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/gsm"
	"gsmlab/models"
)

// layer is one prunable variable. Layers are always in the order of gsm.Prunable.
type layer struct {
	path string
	dims []int
}

func (l layer) size() int {
	n := 1
	for _, d := range l.dims {
		n *= d
	}
	return n
}

// rows is the number of inputs of a unit: all dimensions of a kernel but the last, which counts the
// units.
func (l layer) rows() int { return l.size() / l.units() }

func (l layer) units() int { return l.dims[len(l.dims)-1] }

func (l layer) name() string { return models.LayerName(l.path) }

// layersOf lists the prunable layers of a store.
func layersOf(store *model.Store) []layer {
	var layers []layer
	for _, v := range gsm.Prunable(store, nil) {
		layers = append(layers, layer{v.Path(), v.Shape().Dimensions})
	}
	return layers
}

func sizes(layers []layer) []int {
	var n []int
	for _, l := range layers {
		n = append(n, l.size())
	}
	return n
}

func sum(numbers []int) int {
	total := 0
	for _, n := range numbers {
		total += n
	}
	return total
}

// numbers holds one number for each prunable weight: layer by layer, in row-major order.
type numbers [][]float64

// read copies a float32 variable for each layer; path gives the variable of a layer.
func read(store *model.Store, layers []layer, path func(layer string) string) (numbers, error) {
	out := make(numbers, len(layers))
	for i, l := range layers {
		flat, err := readFlat[float32](store, path(l.path))
		if err != nil {
			return nil, err
		}
		out[i] = make([]float64, len(flat))
		for j, x := range flat {
			out[i][j] = float64(x)
		}
	}
	return out, nil
}

// weightsOf copies the prunable weights.
func weightsOf(store *model.Store, layers []layer) (numbers, error) {
	return read(store, layers, func(path string) string { return path })
}

func readFlat[T float32 | bool](store *model.Store, path string) ([]T, error) {
	v := store.GetVariable(path)
	if v == nil {
		return nil, fmt.Errorf("rivals: the store has no variable %q", path)
	}
	value, err := v.Value()
	if err != nil {
		return nil, fmt.Errorf("rivals: reading %q: %w", path, err)
	}
	flat, err := tensors.CopyFlatData[T](value)
	if err != nil {
		return nil, fmt.Errorf("rivals: reading %q: %w", path, err)
	}
	return flat, nil
}

// write replaces the values of float32 variables.
func write(store *model.Store, layers []layer, values numbers) error {
	for i, l := range layers {
		if err := writeFlat(store, l.path, values[i]); err != nil {
			return err
		}
	}
	return nil
}

func writeFlat(store *model.Store, path string, values []float64) error {
	v := store.GetVariable(path)
	flat := make([]float32, len(values))
	for i, x := range values {
		flat[i] = float32(x)
	}
	if err := v.SetValue(tensors.FromFlatDataAndDimensions(flat, v.Shape().Dimensions...)); err != nil {
		return fmt.Errorf("rivals: writing %q: %w", path, err)
	}
	return nil
}

// each returns the numbers with f applied to them.
func (s numbers) each(f func(float64) float64) numbers {
	out := make(numbers, len(s))
	for i, l := range s {
		out[i] = make([]float64, len(l))
		for j, x := range l {
			out[i][j] = f(x)
		}
	}
	return out
}

// keep says of each prunable weight whether it stays.
type keep [][]bool

// greatest keeps the q greatest scores of all layers together. Ties at the threshold stay in order.
func greatest(scores numbers, q int) keep {
	all := make([]float64, 0, sum(lengths(scores)))
	for _, l := range scores {
		all = append(all, l...)
	}
	kept := make(keep, len(scores))
	for i, l := range scores {
		kept[i] = make([]bool, len(l))
	}
	if q <= 0 {
		return kept
	}
	slices.SortFunc(all, func(a, b float64) int { return cmp.Compare(b, a) })
	threshold := all[min(q, len(all))-1]
	ties := 0 // scores at the threshold that stay
	for _, s := range all[:min(q, len(all))] {
		if s == threshold {
			ties++
		}
	}
	for i, l := range scores {
		for j, s := range l {
			if s > threshold || s == threshold && ties > 0 {
				kept[i][j] = true
				if s == threshold {
					ties--
				}
			}
		}
	}
	return kept
}

// greatestOfEach keeps the n[i] greatest scores of layer i.
func greatestOfEach(scores numbers, n []int) keep {
	kept := make(keep, len(scores))
	for i := range scores {
		kept[i] = greatest(scores[i:i+1], n[i])[0]
	}
	return kept
}

func lengths(scores numbers) []int {
	var n []int
	for _, l := range scores {
		n = append(n, len(l))
	}
	return n
}

// counts is how many weights each layer keeps.
func (k keep) counts() []int {
	n := make([]int, len(k))
	for i, l := range k {
		for _, kept := range l {
			if kept {
				n[i]++
			}
		}
	}
	return n
}

// mask is k as a mask of package gsm.
func (k keep) mask(layers []layer) (gsm.Mask, error) {
	var m gsm.Mask
	for i, l := range layers {
		one, err := gsm.NewMaskLayer(l.path, l.dims, k[i])
		if err != nil {
			return m, err
		}
		m.Layers = append(m.Layers, one)
	}
	return m, nil
}

// apportion turns densities of layers into whole numbers of weights that add up to q: it rounds
// down and gives what is left to the largest remainders. No layer gets more than it has.
func apportion(densities []float64, sizes []int, q int) []int {
	n := make([]int, len(sizes))
	rest := make([]float64, len(sizes))
	order := make([]int, len(sizes))
	for i, d := range densities {
		exact := math.Min(d, 1) * float64(sizes[i])
		n[i] = min(int(exact), sizes[i])
		rest[i], order[i] = exact-float64(n[i]), i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rest[b], rest[a]) })
	for left := q - sum(n); left > 0; {
		before := left
		for _, i := range order {
			if left > 0 && n[i] < sizes[i] {
				n[i]++
				left--
			}
		}
		if left == before {
			break // every layer is full
		}
	}
	for i := len(order) - 1; sum(n) > q; i = (i - 1 + len(order)) % len(order) {
		if n[order[i]] > 0 {
			n[order[i]]--
		}
	}
	return n
}

// uniform gives every layer the same density.
func uniform(layers []layer, q int) []int {
	densities := make([]float64, len(layers))
	for i := range densities {
		densities[i] = float64(q) / float64(sum(sizes(layers)))
	}
	return apportion(densities, sizes(layers), q)
}

// noneEmpty reports the first layer for which a rule leaves no weight.
func noneEmpty(layers []layer, n []int, rule string, q int) error {
	for i, l := range layers {
		if n[i] == 0 {
			return fmt.Errorf("%s leaves none of the %d weights of layer %s when %d stay in all: take a lower ratio, or another method", rule, l.size(), l.name(), q)
		}
	}
	return nil
}
