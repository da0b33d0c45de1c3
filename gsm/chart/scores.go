package chart

import (
	"fmt"
	"math"

	"gsmlab/internal/phrase"
)

// ScoreHistogram draws how the scores |w * dL/dw| of one step are spread, on logarithmic axes. It
// marks the threshold and colours the active side. Scores of exactly 0 have no place on the axis;
// the legend counts them.
func ScoreHistogram[F ~float32 | ~float64](scores []F, threshold F) (*Figure, error) {
	var y extent
	active, zeros := 0, 0
	for i, s := range scores {
		v := float64(s)
		switch {
		case math.IsNaN(v):
			return nil, fmt.Errorf("chart: scores: score %d is NaN: weights or gradients are not finite", i)
		case v < 0:
			return nil, fmt.Errorf("chart: scores: score %d is %v: must not be negative", i, v)
		case v == 0:
			zeros++
		}
		if s >= threshold {
			active++
		}
		y.add(v)
	}
	if math.IsNaN(float64(threshold)) || threshold < 0 {
		return nil, fmt.Errorf("chart: scores: threshold %v: must be a number that is not negative", threshold)
	}
	if y.loAbove == 0 {
		return nil, fmt.Errorf("chart: scores: %w: no score is above 0", ErrNoData)
	}
	edges, first := scoreEdges(y.loAbove, y.hi, float64(threshold))
	counts := make([]float64, len(edges)-1)
	for _, s := range scores {
		if v := math.Log10(float64(s)); !bad(v) {
			// Rounding must not move a score across the threshold.
			lo, hi := 0, len(counts)-1
			if s >= threshold {
				lo = min(first, hi)
			} else {
				hi = max(min(first-1, hi), 0)
			}
			i := int((v - edges[0]) / (edges[len(edges)-1] - edges[0]) * float64(len(counts)))
			counts[min(max(i, lo), hi)]++
		}
	}
	p := newPanel("score |w · ∂L/∂w|", "weights per bin", true)
	p.plot.X.Tick.Marker = powerTicks{}
	passive := &curve{name: phrase.Count(len(scores)-active) + " passive", color: ink, width: 0.8}
	passive.addBins(edges[:first+1], counts[:first])
	p.add(passive)
	above := &curve{name: phrase.Count(active) + " active", color: blue, width: 0.8}
	above.addBins(edges[first:], counts[first:])
	p.add(above)
	if threshold > 0 {
		p.marks = []mark{{math.Log10(float64(threshold)), "threshold"}}
	}
	p.legend = append(p.legend, entry{phrase.Count(len(scores)) + " weights", nil}, entry{phrase.Count(zeros) + " with score 0", nil})
	f := &Figure{
		Name: "scores", Title: "Scores of the weights in one step",
		Caption: "Histogram of |w · ∂L/∂w| of one minibatch, both axes logarithmic. Weights at or right of the dotted line get their gradient, the others only decay.",
		Alt: fmt.Sprintf("Histogram of %s scores between %.2g and %.2g; %s reach the threshold %.3g, %s are 0.",
			phrase.Count(len(scores)), y.loAbove, y.hi, phrase.Count(active), float64(threshold), phrase.Count(zeros)),
		panels: []*panel{p},
	}
	return f, finish(f)
}

// scoreEdges returns the edges of bins in log10, a tenth of a decade apart, or wider if the range
// is extreme. It also returns the index of the edge that is the threshold, so that no bin has both
// active and passive weights. For a threshold outside the range, or 0, that is the last or the
// first edge.
func scoreEdges(least, most, threshold float64) (edges []float64, first int) {
	lo, hi := math.Log10(least), math.Log10(most)
	width := math.Max(0.1, (hi-lo)/300)
	origin := math.Floor(lo*10) / 10
	if threshold > 0 && !bad(threshold) {
		origin = math.Log10(threshold)
	}
	from, to := int(math.Floor((lo-origin)/width)), int(math.Floor((hi-origin)/width))+1
	for k := from; k <= to; k++ {
		edges = append(edges, origin+float64(k)*width)
	}
	if threshold <= 0 {
		return edges, 0
	}
	if bad(threshold) {
		return edges, len(edges) - 1
	}
	return edges, min(max(-from, 0), len(edges)-1)
}

// addBins makes the curve the outline of bins, filled down to 0.
func (c *curve) addBins(edges, counts []float64) {
	for i, n := range counts {
		c.xs, c.ys = append(c.xs, edges[i], edges[i+1]), append(c.ys, n, n)
		c.lo, c.hi = append(c.lo, 0, 0), append(c.hi, n, n)
	}
}
