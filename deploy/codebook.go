package deploy

// The codebook of a layer, chosen for the fewest bits at a given error: Lloyd's rounds with the
// price of each entry (entropy-constrained quantization, Chou, Lookabaugh and Gray 1989).

import (
	"math"
	"slices"

	"gsmlab/infer/code"
)

// A weighed is a weight, and what the square of its error weighs.
type weighed struct{ value, weight float64 }

// A codebook is what weights are rounded to.
type codebook struct {
	entries, cost []float64 // the cost is in the unit of a weighed square
	zero          bool      // weights may become zero, which costs nothing
}

// codebookOf makes a codebook whose entries are as a file holds them. Density is the share of
// weights that are not zero: the fewer they are, the more it costs to say where one is.
func codebookOf(list []weighed, thrift, density float64) *codebook {
	square := 0.0
	low, high := math.Inf(1), math.Inf(-1)
	for _, w := range list {
		square += w.value * w.value * w.weight
		low, high = min(low, w.value), max(high, w.value)
	}
	bit := thrift * square / float64(len(list))
	place := 0.0
	if density < 0.5 {
		place = math.Log2((1 - density) / density)
	}
	b := &codebook{zero: thrift > 0}
	for k := range code.MaxEntries {
		b.entries = append(b.entries, low+(high-low)*(float64(k)+0.5)/code.MaxEntries)
		b.cost = append(b.cost, bit*place)
	}
	const rounds = 40
	for range rounds {
		next := b.improved(list, bit, place)
		if slices.Equal(next.entries, b.entries) {
			break
		}
		b = next
	}
	small := make([]float32, len(b.entries))
	for k, e := range b.entries {
		small[k] = float32(e)
	}
	b.entries, b.cost = nil, nil
	for _, e := range code.Held(small) {
		b.entries, b.cost = append(b.entries, float64(e)), append(b.cost, bit*place)
	}
	return b.priced(list, bit, place)
}

// improved moves each entry into the middle of those that take it. Entries that none takes are
// dropped, but for the last.
func (b *codebook) improved(list []weighed, bit, place float64) *codebook {
	sums, weights := make([]float64, len(b.entries)), make([]float64, len(b.entries))
	counts := make([]float64, len(b.entries))
	total := 0.0
	for _, w := range list {
		if k := b.index(w); k >= 0 {
			sums[k] += w.value * w.weight
			weights[k] += w.weight
			counts[k]++
			total++
		}
	}
	next := &codebook{zero: b.zero}
	for k, n := range counts {
		if n > 0 && weights[k] > 0 {
			next.entries = append(next.entries, sums[k]/weights[k])
			next.cost = append(next.cost, bit*(place-math.Log2(n/total)))
		}
	}
	if len(next.entries) == 0 {
		return b
	}
	return next
}

// priced counts again who takes which entry.
func (b *codebook) priced(list []weighed, bit, place float64) *codebook {
	counts := make([]float64, len(b.entries))
	total := 0.0
	for _, w := range list {
		if k := b.index(w); k >= 0 {
			counts[k]++
			total++
		}
	}
	for k, n := range counts {
		b.cost[k] = bit * (place - math.Log2(max(n, 0.5)/max(total, 1)))
	}
	return b
}

// index is the entry for a weight, -1 for zero.
func (b *codebook) index(w weighed) int {
	best, least := -1, math.Inf(1)
	if b.zero {
		least = w.value * w.value * w.weight
	}
	for k, e := range b.entries {
		if d := (w.value-e)*(w.value-e)*w.weight + b.cost[k]; d < least {
			best, least = k, d
		}
	}
	return best
}

// entry is what a weight becomes.
func (b *codebook) entry(w weighed) float64 {
	if k := b.index(w); k >= 0 {
		return b.entries[k]
	}
	return 0
}
