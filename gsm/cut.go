// The cut after training: the Q greatest magnitudes of all layers stay, exactly Q of them.

package gsm

import (
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/gomlx/ml/model"
)

// MagnitudeMask returns the mask that keeps the q prunable weights of the greatest magnitude over
// all layers together, and the smallest magnitude kept. It keeps exactly q: where weights tie at
// the threshold, the first ones stay, by layer and then in row-major order. predicate is as in
// Prunable; it is an error if it picks variables of several optimizers' networks. Weights in half
// precision are compared by their float32 copies, which are what was trained.
func MagnitudeMask(store *model.Store, predicate func(*model.Variable) bool, q int) (Mask, float64, error) {
	variables, err := prunable(store, predicate)
	if err != nil {
		return Mask{}, 0, err
	}
	if err := together(store, variables); err != nil {
		return Mask{}, 0, err
	}
	return magnitudeMask(store, variables, q, 0)
}

// magnitudeMask is MagnitudeMask, but first keeps a share of each layer, as in Config.MinDensity.
func magnitudeMask(store *model.Store, variables []*model.Variable, q int, density float64) (Mask, float64, error) {
	magnitudes, keep := make([][]float64, len(variables)), make([][]bool, len(variables))
	n := 0
	for i, v := range variables {
		values, err := trainedValues(store, v)
		if err != nil {
			return Mask{}, 0, err
		}
		for j, w := range values {
			if math.IsNaN(w) || math.IsInf(w, 0) {
				return Mask{}, 0, fmt.Errorf("gsm: weight %d of %q is %g: training diverged, go back to an earlier checkpoint", j, v.Path(), w)
			}
			values[j] = math.Abs(w)
		}
		magnitudes[i], keep[i] = values, make([]bool, len(values))
		n += len(values)
	}
	if n == 0 {
		return Mask{}, 0, fmt.Errorf("gsm: %w in the store", ErrNothingPrunable)
	}
	if q < 1 || q > n {
		return Mask{}, 0, fmt.Errorf("gsm: %w: Q %d: must be between 1 and the %d prunable weights", ErrCompression, q, n)
	}
	threshold, left := math.Inf(1), q
	if density > 0 {
		for i := range magnitudes {
			k, least := keepGreatest(magnitudes[i:i+1], keep[i:i+1], protected(density, len(keep[i])), true)
			left -= k
			threshold = min(threshold, least)
		}
		if left < 0 {
			return Mask{}, 0, tooDense(density, q)
		}
	}
	_, least := keepGreatest(magnitudes, keep, left, false)
	threshold = min(threshold, least)
	var m Mask
	for i, v := range variables {
		l, err := NewMaskLayer(v.Path(), v.Shape().Dimensions, keep[i])
		if err != nil {
			return Mask{}, 0, err
		}
		m.Layers = append(m.Layers, l)
	}
	return m, threshold, nil
}

// keepGreatest keeps the k greatest magnitudes among the weights that are not kept yet. It returns
// how many it kept and the smallest of them, or infinity if there is none. If positive is set, it
// leaves zeros out.
func keepGreatest(magnitudes [][]float64, keep [][]bool, k int, positive bool) (kept int, threshold float64) {
	n := 0
	for _, layer := range magnitudes {
		n += len(layer)
	}
	candidates := make([]float64, 0, n)
	for i, layer := range magnitudes {
		for j, w := range layer {
			if !keep[i][j] && (w > 0 || !positive) {
				candidates = append(candidates, w)
			}
		}
	}
	k = min(k, len(candidates))
	if k < 1 {
		return 0, math.Inf(1)
	}
	threshold = selectGreatest(candidates, k)
	ties := k
	for _, w := range candidates {
		if w > threshold {
			ties--
		}
	}
	for i, layer := range magnitudes {
		for j, w := range layer {
			switch {
			case keep[i][j]:
			case w > threshold:
				keep[i][j] = true
			case w == threshold && ties > 0:
				keep[i][j] = true
				ties--
			}
		}
	}
	return k, threshold
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

// Cut prunes the network that the optimizer has trained, down to Q weights or one in Compression.
// It first keeps MinDensity of each layer. It returns the mask and the smallest magnitude kept. The
// store says which variables the optimizer has pruned together; before its first step they are
// those that Prunable picks.
func (o *Optimizer) Cut(store *model.Store) (Mask, float64, error) {
	variables, err := o.network(store)
	if err != nil {
		return Mask{}, 0, err
	}
	q, err := o.config.quota(count(variables))
	if err != nil {
		return Mask{}, 0, err
	}
	m, threshold, err := magnitudeMask(store, variables, q, o.config.MinDensity)
	if err != nil {
		return Mask{}, 0, err
	}
	return m, threshold, m.Apply(store)
}

// selectGreatest returns the k-th greatest of values, and reorders them. It is Hoare's quickselect
// with the median of three, in linear time on average. None may be NaN.
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

// Nonzero counts the prunable weights that are not exactly zero, per layer in the order of
// Prunable.
func Nonzero(store *model.Store, predicate func(*model.Variable) bool) ([]int, error) {
	variables, err := prunable(store, predicate)
	if err != nil {
		return nil, err
	}
	var counts []int
	for _, v := range variables {
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
