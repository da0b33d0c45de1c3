package gsm

import (
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/gomlx/ml/model"
)

// MagnitudeMask returns the mask that keeps the q prunable weights of the greatest magnitude over
// all layers together, and the smallest magnitude kept. Exactly q are kept: of weights that tie at
// the threshold, those that come first, by layer and then in row-major order, are kept. predicate
// is as in Prunable.
func MagnitudeMask(store *model.Store, predicate func(*model.Variable) bool, q int) (Mask, float64, error) {
	variables := Prunable(store, predicate)
	magnitudes := make([][]float64, len(variables))
	var all []float64
	for i, v := range variables {
		values, err := floats(v)
		if err != nil {
			return Mask{}, 0, err
		}
		for j, w := range values {
			if math.IsNaN(w) || math.IsInf(w, 0) {
				return Mask{}, 0, fmt.Errorf("gsm: weight %d of %q is %g: training diverged, go back to an earlier checkpoint", j, v.Path(), w)
			}
			values[j] = math.Abs(w)
		}
		magnitudes[i] = values
		all = append(all, values...)
	}
	if len(all) == 0 {
		return Mask{}, 0, fmt.Errorf("gsm: %w in the store", ErrNothingPrunable)
	}
	if q < 1 || q > len(all) {
		return Mask{}, 0, fmt.Errorf("gsm: %w: Q %d: must be between 1 and the %d prunable weights", ErrCompression, q, len(all))
	}
	threshold := selectGreatest(all, q)
	ties := q
	for _, w := range all {
		if w > threshold {
			ties--
		}
	}
	var m Mask
	for i, v := range variables {
		keep := make([]bool, len(magnitudes[i]))
		for j, w := range magnitudes[i] {
			keep[j] = w > threshold
			if w == threshold && ties > 0 {
				keep[j] = true
				ties--
			}
		}
		l, err := NewMaskLayer(v.Path(), v.Shape().Dimensions, keep)
		if err != nil {
			return Mask{}, 0, err
		}
		m.Layers = append(m.Layers, l)
	}
	return m, threshold, nil
}

// Cut prunes the trained network: it zeroes all prunable weights but the q of the greatest
// magnitude, see MagnitudeMask. It returns the mask and the smallest magnitude kept.
func Cut(store *model.Store, predicate func(*model.Variable) bool, q int) (Mask, float64, error) {
	m, threshold, err := MagnitudeMask(store, predicate, q)
	if err != nil {
		return Mask{}, 0, err
	}
	return m, threshold, m.Apply(store)
}

// selectGreatest returns the k-th greatest of values, which it reorders: Hoare's quickselect with
// the median of three, in linear time on average. None may be NaN.
func selectGreatest(values []float64, k int) float64 {
	low, high := 0, len(values)-1
	for low < high {
		pivot := median(values[low], values[(low+high)/2], values[high])
		i, j := low, high
		for i <= j {
			for values[i] > pivot {
				i++
			}
			for values[j] < pivot {
				j--
			}
			if i <= j {
				values[i], values[j] = values[j], values[i]
				i++
				j--
			}
		}
		switch {
		case k-1 <= j:
			high = j
		case k-1 >= i:
			low = i
		default:
			return values[k-1]
		}
	}
	return values[k-1]
}

func median(a, b, c float64) float64 {
	three := []float64{a, b, c}
	slices.Sort(three)
	return three[1]
}

// Nonzero counts the prunable weights that are not exactly zero, per layer in the order of Prunable.
func Nonzero(store *model.Store, predicate func(*model.Variable) bool) ([]int, error) {
	var counts []int
	for _, v := range Prunable(store, predicate) {
		values, err := floats(v)
		if err != nil {
			return nil, err
		}
		n := 0
		for _, w := range values {
			if w != 0 {
				n++
			}
		}
		counts = append(counts, n)
	}
	return counts, nil
}
