package chart

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"

	"gsmlab/internal/phrase"
)

// Points shows whether one quantity foretells another. It draws pairs of numbers as dots on
// logarithmic axes, each series in its colour. diagonal adds the line on which both numbers are
// equal. Pairs with a number that is not above 0 have no place on the axes; the legend counts them.
func Points(title, xLabel, yLabel string, diagonal bool, series ...Series) (*Figure, error) {
	p := newPanel(xLabel, yLabel, true)
	p.plot.X.Tick.Marker = exponentTicks{}
	var x, y extent
	drawn, left := 0, 0
	for i, s := range series {
		if len(s.X) != len(s.Mean) {
			return nil, fmt.Errorf("chart: points: series %q: %d and %d values: must be the same number", s.Name, len(s.X), len(s.Mean))
		}
		every := 1 + len(s.X)/perCurve(4*len(series))
		c := &curve{name: s.Name, color: seriesColor(i), glyph: seriesGlyph(i), noLine: true, small: true}
		for k := 0; k < len(s.X); k++ {
			a, b := s.X[k], s.Mean[k]
			if math.IsNaN(a) || math.IsNaN(b) || math.IsInf(a, 0) || math.IsInf(b, 0) {
				return nil, fmt.Errorf("chart: points: series %q: point %d is (%v, %v): must be finite", s.Name, k, a, b)
			}
			if a <= 0 || b <= 0 {
				left++
				continue
			}
			x.add(a)
			y.add(b)
			drawn++
			if k%every == 0 {
				c.xs, c.ys = append(c.xs, math.Log10(a)), append(c.ys, b)
			}
		}
		p.add(c)
	}
	if drawn == 0 {
		return nil, fmt.Errorf("chart: points: %w: no pair is above 0", ErrNoData)
	}
	if diagonal {
		// The diagonal is only as long as both axes reach, so that it widens neither.
		if lo, hi := max(x.lo, y.lo), min(x.hi, y.hi); lo < hi {
			p.add(&curve{name: "equal", color: ink, dashes: seriesDashes(len(palette)), xs: []float64{math.Log10(lo), math.Log10(hi)}, ys: []float64{lo, hi}})
		}
	}
	if left > 0 {
		p.legend = append(p.legend, entry{phrase.Count(left) + " at 0, not drawn", nil})
	}
	f := &Figure{
		Name: "points", Title: title,
		Alt:    fmt.Sprintf("%s points of %s from %.2g to %.2g against %s from %.2g to %.2g.", phrase.Count(drawn), yLabel, y.lo, y.hi, xLabel, x.lo, x.hi),
		panels: []*panel{p},
	}
	return f, finish(f)
}

// exponentTicks labels an axis of logarithms the way logTicks labels a logarithmic axis.
type exponentTicks struct{}

func (exponentTicks) Ticks(lo, hi float64) []plot.Tick {
	if !(lo > -300 && hi < 300) { // beyond the powers of ten that float64 has
		return linearTicks{count: 5}.Ticks(lo, hi)
	}
	ticks := logTicks{7}.Ticks(math.Pow(10, lo), math.Pow(10, hi))
	for i := range ticks {
		ticks[i].Value = math.Log10(ticks[i].Value)
	}
	return ticks
}
