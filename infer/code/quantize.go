// Codebooks: a few values that stand for all weights of a layer.

package code

import (
	"math"
	"slices"
)

// quantize makes the codebook of a layer by Lloyd's rounds, and replaces the weights by its
// entries. Zeros stay zero.
func quantize(values []float32, p Precision) precision {
	var list []float64
	for _, v := range values {
		if v != 0 {
			list = append(list, float64(v))
		}
	}
	if len(list) == 0 {
		return precision{entries: 1, step: stepOf([]float32{1}, most), book: []float32{1}}
	}
	slices.Sort(list)
	if kept := slices.Compact(slices.Clone(list)); p.Thrift == 0 && len(kept) <= p.Entries {
		// as few values as there may be already, such as those that package deploy has chosen
		return settled(values, kept, p.Step)
	}
	book := lloyd(list, min(p.Entries, len(list)), p.Thrift)
	small := make([]float32, len(book))
	for k, v := range book {
		small[k] = float32(v.center)
	}
	small = onSteps(small)
	cost := costs(list, small, p.Thrift)
	for i, v := range values {
		if v != 0 {
			values[i] = small[cheapest(float64(v), small, cost)]
		}
	}
	return precision{entries: len(small), step: stepOf(small, most), book: small}
}

// settled is a codebook of the values that there are, multiples of the step if there is one.
func settled(values []float32, kept []float64, step float32) precision {
	small := make([]float32, len(kept))
	for k, v := range kept {
		small[k] = float32(v)
	}
	if step != 0 {
		return precision{entries: len(small), step: step, book: small}
	}
	small = onSteps(small)
	for i, v := range values {
		if v != 0 {
			values[i] = small[nearest(small, v)]
		}
	}
	return precision{entries: len(small), step: stepOf(small, most), book: small}
}

// A center is an entry of a codebook while it is made.
type center struct{ center, cost float64 }

// lloyd improves entries that begin evenly spread over the values, which are sorted.
func lloyd(list []float64, entries int, thrift float64) []center {
	low, high := list[0], list[len(list)-1]
	book := make([]center, entries)
	for k := range book {
		book[k].center = low + (high-low)*(float64(k)+0.5)/float64(entries)
	}
	unit := thrift * variance(list)
	for range 60 {
		sums, counts := make([]float64, len(book)), make([]int, len(book))
		for _, v := range list {
			best, least := 0, math.Inf(1)
			for k, c := range book {
				if d := (v-c.center)*(v-c.center) + c.cost; d < least {
					best, least = k, d
				}
			}
			sums[best] += v
			counts[best]++
		}
		next := book[:0]
		for k := range sums {
			if counts[k] > 0 {
				bits := -math.Log2(float64(counts[k]) / float64(len(list)))
				next = append(next, center{sums[k] / float64(counts[k]), unit * bits})
			}
		}
		book = next
	}
	return book
}

func variance(list []float64) float64 {
	sum := 0.0
	for _, v := range list {
		sum += v * v
	}
	return sum / float64(len(list))
}

// onSteps rounds entries to what a codebook can hold, and leaves each once.
func onSteps(book []float32) []float32 {
	step := stepOf(book, most)
	var out []float32
	for _, v := range book {
		q := float32(math.Round(float64(v / step)))
		if q == 0 {
			q = float32(math.Copysign(1, float64(v)))
		}
		if e := q * step; !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	slices.Sort(out)
	return out
}

// Held returns the entries of a codebook as a file holds them: increasing whole multiples of a
// step. Fewer may be left.
func Held(entries []float32) []float32 {
	for range 8 { // the step depends on the greatest one
		next := onSteps(entries)
		if slices.Equal(next, entries) {
			break
		}
		entries = next
	}
	return entries
}

// Biases returns biases as a file holds them that is written with so many steps.
func Biases(values []float32, steps int) []float32 {
	out := slices.Clone(values)
	if steps == 0 || len(values) == 0 {
		return out
	}
	step := stepOf(values, steps)
	for i, v := range out {
		out[i] = float32(biasSteps(v, step)) * step
	}
	return out
}

// costs are what each entry's bits weigh, by how often values take it.
func costs(list []float64, book []float32, thrift float64) []float64 {
	counts, out := make([]float64, len(book)), make([]float64, len(book))
	for _, v := range list {
		counts[nearest(book, float32(v))]++
	}
	for k, n := range counts {
		out[k] = -thrift * variance(list) * math.Log2(max(n, 0.5)/float64(len(list)))
	}
	return out
}

func cheapest(v float64, book []float32, cost []float64) int {
	best, least := 0, math.Inf(1)
	for k, e := range book {
		if d := (v-float64(e))*(v-float64(e)) + cost[k]; d < least {
			best, least = k, d
		}
	}
	return best
}
