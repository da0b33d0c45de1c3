// Curves: lines and bands through points, thinned so that a long run makes a small file and keeps
// its extremes.

package chart

import (
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A curve is a line through points, or the points alone. Points that are not
// finite leave a gap, and a lone point between gaps is drawn as a dot.
type curve struct {
	name   string    // for the legend; "" lists nothing
	xs, ys []float64 // of one length
	lo, hi []float64 // band around ys, nil for none
	color  color.NRGBA
	width  vg.Length
	dashes []vg.Length
	glyph  draw.GlyphDrawer // drawn at each point; nil for none
	noLine bool             // only glyphs
	small  bool             // glyphs of half the size
	steps  bool             // each value holds until the next x
}

func (c *curve) style() draw.LineStyle {
	width := c.width
	if width == 0 {
		width = 1.2
	}
	return draw.LineStyle{Color: c.color, Width: width, Dashes: c.dashes}
}

// Plot draws the curve; it implements plot.Plotter.
func (c *curve) Plot(dc draw.Canvas, p *plot.Plot) {
	_, logY := p.Y.Scale.(logScale)
	at := func(i int, y float64) (vg.Point, bool) {
		if bad(c.xs[i]) || bad(y) {
			return vg.Point{}, false
		}
		if logY {
			y = max(y, p.Y.Min)
		}
		// Values far outside are clipped; without bounds they would overflow.
		nx, ny := p.X.Norm(c.xs[i]), min(max(p.Y.Norm(y), -10), 10)
		return vg.Point{X: dc.X(nx), Y: dc.Y(ny)}, true
	}
	c.plotBand(dc, at)
	var run []vg.Point
	flush := func() {
		switch {
		case len(run) == 1 && c.glyph == nil:
			c.dot(dc, draw.CircleGlyph{}, run[0])
		case len(run) > 1 && !c.noLine:
			dc.StrokeLines(c.style(), dc.ClipLinesXY(run)...)
		}
		run = nil
	}
	for i, y := range c.ys {
		pt, ok := at(i, y)
		if !ok {
			flush()
			continue
		}
		if c.steps && len(run) > 0 {
			run = append(run, vg.Point{X: pt.X, Y: run[len(run)-1].Y})
		}
		run = append(run, pt)
		if c.glyph != nil {
			c.dot(dc, c.glyph, pt)
		}
	}
	flush()
}

func (c *curve) dot(dc draw.Canvas, glyph draw.GlyphDrawer, pt vg.Point) {
	if !dc.Contains(pt) {
		return
	}
	radius := vg.Length(2)
	if c.noLine {
		radius = 4
	}
	if c.small {
		radius /= 2
	}
	dc.DrawGlyphNoClip(draw.GlyphStyle{Color: c.color, Radius: radius, Shape: glyph}, pt)
}

// plotBand fills the area between lo and hi, in pieces between gaps.
func (c *curve) plotBand(dc draw.Canvas, at func(int, float64) (vg.Point, bool)) {
	if c.lo == nil {
		return
	}
	shade := c.color
	shade.A = 0x40
	var low, high []vg.Point
	flush := func() {
		if len(low) > 1 {
			for i := len(high) - 1; i >= 0; i-- {
				low = append(low, high[i])
			}
			dc.FillPolygon(shade, dc.ClipPolygonXY(low))
		}
		low, high = nil, nil
	}
	for i := range c.xs {
		a, ok := at(i, c.lo[i])
		b, ok2 := at(i, c.hi[i])
		if !ok || !ok2 {
			flush()
			continue
		}
		low, high = append(low, a), append(high, b)
	}
	flush()
}

// sample draws the style between x0 and x1 for the legend.
func (c *curve) sample(dc draw.Canvas, x0, x1, y vg.Length) {
	if c.lo != nil {
		shade := c.color
		shade.A = 0x40
		dc.FillPolygon(shade, []vg.Point{{X: x0, Y: y - 4}, {X: x1, Y: y - 4}, {X: x1, Y: y + 4}, {X: x0, Y: y + 4}})
	}
	if !c.noLine {
		dc.StrokeLine2(c.style(), x0, y, x1, y)
	}
	if c.glyph != nil {
		c.dot(dc, c.glyph, vg.Point{X: (x0 + x1) / 2, Y: y})
	}
}

// maxPoints is how many points a figure draws in all. At about 14 bytes each in an SVG, it keeps
// the file below 200 KB.
const maxPoints = 8000

// perCurve shares the points among n curves.
func perCurve(n int) int { return min(max(maxPoints/max(n, 1), 4), 800) }

// thin reduces a line to about limit points and keeps its extremes: from each bucket of neighbours
// it keeps the least and the greatest value, in order. It drops values that are not finite, unless
// a bucket has no others.
func thin(xs, ys []float64, limit int) ([]float64, []float64) {
	if len(xs) <= limit {
		return xs, ys
	}
	buckets := max(limit/2, 1)
	outX, outY := make([]float64, 0, 2*buckets), make([]float64, 0, 2*buckets)
	keep := func(i int) { outX, outY = append(outX, xs[i]), append(outY, ys[i]) }
	for b := range buckets {
		lo, hi := b*len(xs)/buckets, (b+1)*len(xs)/buckets
		least, most := -1, -1
		for i := lo; i < hi; i++ {
			if bad(ys[i]) {
				continue
			}
			if least < 0 || ys[i] < ys[least] {
				least = i
			}
			if most < 0 || ys[i] > ys[most] {
				most = i
			}
		}
		switch {
		case least < 0:
			outX, outY = append(outX, xs[lo]), append(outY, math.NaN())
		case least == most:
			keep(least)
		default:
			keep(min(least, most))
			keep(max(least, most))
		}
	}
	return outX, outY
}

// average reduces a line to limit points, each the mean of a bucket of neighbours. It also returns
// the most values that a bucket has.
func average(xs, ys []float64, limit int) (mx, my []float64, size int) {
	if len(xs) <= limit {
		return xs, ys, 1
	}
	mx, my = make([]float64, limit), make([]float64, limit)
	for b := range limit {
		lo, hi := b*len(xs)/limit, (b+1)*len(xs)/limit
		size = max(size, hi-lo)
		mx[b], my[b] = mean(xs[lo:hi]), mean(ys[lo:hi])
	}
	return mx, my, size
}

// summarize gives the curve all values if there are at most 2*limit. Else it gives the means of
// limit buckets, with a band from the least to the greatest value.
func (c *curve) summarize(xs, ys []float64, limit int) {
	if len(xs) <= 2*limit {
		c.xs, c.ys = xs, ys
		return
	}
	c.xs, c.ys, _ = average(xs, ys, limit)
	c.lo, c.hi = make([]float64, limit), make([]float64, limit)
	for b := range limit {
		var e extent
		for _, y := range ys[b*len(xs)/limit : (b+1)*len(xs)/limit] {
			e.add(y)
		}
		c.lo[b], c.hi[b] = e.lo, e.hi
		if e.n == 0 {
			c.lo[b], c.hi[b] = math.NaN(), math.NaN()
		}
	}
}

// mean returns the mean of the finite values, NaN if there are none.
func mean(vs []float64) float64 {
	n := 0.0
	m := 0.0
	for _, v := range vs {
		if !bad(v) {
			n++
			m += (v - m) / n // no overflow
		}
	}
	if n == 0 {
		return math.NaN()
	}
	return m
}
