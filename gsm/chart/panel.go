// A panel: one pair of axes with curves, marks and a legend.

package chart

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A panel is one pair of axes with its curves, marks and legend.
type panel struct {
	plot   *plot.Plot
	curves []*curve
	marks  []mark
	legend []entry
	// yMin and yMax, where they are finite, replace the range of the data.
	yMin, yMax float64
	xMin, xMax float64 // likewise
	logY       bool
	yLabel     string
}

// An entry is a line of the legend: a sample of a curve's style, or only text.
type entry struct {
	text  string
	curve *curve
}

func newPanel(x, y string, logY bool) *panel {
	p := newBarePanel(x, y, logY)
	p.plot.Add(grid{})
	return p
}

// newBarePanel is newPanel without the grid.
func newBarePanel(x, y string, logY bool) *panel {
	p := plot.New()
	p.BackgroundColor = nil
	p.X.Label.Text = x
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.LineStyle = draw.LineStyle{Color: ink, Width: 0.75}
		axis.Tick.LineStyle = draw.LineStyle{Color: ink, Width: 0.5}
		axis.Tick.Length = 4
		axis.Padding = 0
		axis.Label.Padding = 3
		label, tick := textStyle(10), textStyle(9)
		label.XAlign, label.YAlign = axis.Label.TextStyle.XAlign, axis.Label.TextStyle.YAlign
		tick.XAlign, tick.YAlign = axis.Tick.Label.XAlign, axis.Tick.Label.YAlign
		axis.Label.TextStyle, axis.Tick.Label = label, tick
		axis.Tick.Marker = linearTicks{count: 6}
	}
	if logY {
		p.Y.Scale = logScale{}
		p.Y.Tick.Marker = logTicks{7}
	}
	nan := math.NaN()
	return &panel{plot: p, logY: logY, yLabel: y, yMin: nan, yMax: nan, xMin: nan, xMax: nan}
}

// add draws a curve and, if it has a name, lists it in the legend.
func (p *panel) add(c *curve) {
	if c.name != "" {
		p.legend = append(p.legend, entry{c.name, c})
	}
	p.curves = append(p.curves, c)
}

// A mark is a vertical dotted line with a short text at its top.
type mark struct {
	x    float64
	text string
}

// finish sets the axes from the curves and adds everything to the plot. It
// returns ErrNoData if no curve has a value.
func (p *panel) finish() error {
	var x, y extent
	for _, c := range p.curves {
		for i := range c.xs {
			if bad(c.xs[i]) || bad(c.ys[i]) {
				continue
			}
			x.add(c.xs[i])
			y.add(c.ys[i])
			if c.lo != nil {
				y.add(c.lo[i])
				y.add(c.hi[i])
			}
		}
	}
	if x.n == 0 {
		return ErrNoData
	}
	p.plot.X.Min, p.plot.X.Max = x.linear(0)
	if t, ok := p.plot.X.Tick.Marker.(linearTicks); ok && t.whole && x.lo == x.hi {
		p.plot.X.Min, p.plot.X.Max = x.lo-1, x.hi+1
	}
	if p.logY {
		p.plot.Y.Min, p.plot.Y.Max = y.log()
		if y.lo <= 0 {
			p.yLabel += " (0 at the lower edge)"
		}
	} else {
		p.plot.Y.Min, p.plot.Y.Max = y.linear(0.05)
	}
	p.headroom()
	if !bad(p.yMin) {
		p.plot.Y.Min = p.yMin
	}
	if !bad(p.yMax) {
		p.plot.Y.Max = p.yMax
	}
	if !bad(p.xMin) && !bad(p.xMax) {
		p.plot.X.Min, p.plot.X.Max = p.xMin, p.xMax
	}
	p.plot.Add(marks(p.marks))
	for _, c := range p.curves {
		p.plot.Add(c)
	}
	return nil
}

// headroom raises the upper end so that the texts of marks are above the curves.
func (p *panel) headroom() {
	texts := ""
	for _, m := range p.marks {
		texts += m.text
	}
	if texts == "" {
		return
	}
	const share = 0.07
	if y := &p.plot.Y; p.logY {
		y.Max *= math.Pow(y.Max/y.Min, share)
	} else {
		y.Max += (y.Max - y.Min) * share
	}
}

func bad(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }

// extent collects the range of values.
type extent struct {
	n       int
	lo, hi  float64
	loAbove float64 // smallest value above 0
}

func (e *extent) add(v float64) {
	if bad(v) {
		return
	}
	if e.n == 0 || v < e.lo {
		e.lo = v
	}
	if e.n == 0 || v > e.hi {
		e.hi = v
	}
	if v > 0 && (e.loAbove == 0 || v < e.loAbove) {
		e.loAbove = v
	}
	e.n++
}

// linear returns the range with a margin on both sides, never empty. It keeps ranges away from the
// limits of float64, where differences overflow.
func (e *extent) linear(margin float64) (lo, hi float64) {
	lo, hi = max(e.lo, -1e300), min(e.hi, 1e300)
	if d := hi - lo; d > math.Abs(hi)*1e-9 {
		return lo - d*margin, hi + d*margin
	}
	d := math.Max(math.Abs(hi)*0.1, 1e-9)
	if hi == 0 {
		d = 1
	}
	return lo - d, hi + d
}

// log returns a range of positive numbers around the positive values.
func (e *extent) log() (lo, hi float64) {
	if e.loAbove == 0 {
		return 0.1, 1
	}
	lo, hi = max(e.loAbove, 1e-300)/1.25, min(e.hi, 1e270)*1.25
	if e.lo <= 0 {
		lo /= 2 // room between the smallest value and the edge that stands for 0
	}
	return lo, max(hi, lo*2)
}

// marks draws vertical lines. It leaves out a text that would run into the previous one.
type marks []mark

func (ms marks) Plot(c draw.Canvas, p *plot.Plot) {
	line := draw.LineStyle{Color: ink, Width: 0.6, Dashes: []vg.Length{1, 2}}
	sty := textStyle(8)
	sty.YAlign = draw.YTop
	free := c.Min.X
	for _, m := range ms {
		x := c.X(p.X.Norm(m.x))
		if !c.ContainsX(x) {
			continue
		}
		c.StrokeLine2(line, x, c.Min.Y, x, c.Max.Y)
		w := sty.Width(m.text) + 4
		if x >= free && x+w <= c.Max.X {
			c.FillText(sty, vg.Point{X: x + 2, Y: c.Max.Y - 1}, m.text)
			free = x + w
		}
	}
}

// tickCounts chooses how many labels the axes have room for on a canvas of the given size.
func (p *panel) tickCounts(size vg.Point) {
	x, y := int(min(max(size.X/62, 2), 8)), int(min(max(size.Y/34, 2), 8))
	choose := func(axis *plot.Axis, n int) {
		switch t := axis.Tick.Marker.(type) {
		case linearTicks:
			axis.Tick.Marker = linearTicks{n, t.whole}
		case logTicks:
			axis.Tick.Marker = logTicks{n}
		}
	}
	choose(&p.plot.X, x)
	choose(&p.plot.Y, y)
}

// wholeX says that the horizontal axis counts something.
func (p *panel) wholeX() { p.plot.X.Tick.Marker = linearTicks{6, true} }

// drawYLabel writes the label of the vertical axis upwards at the left edge of c, centred on the
// data. The library would make room for it at the middle of the values, which is near the top on a
// log axis.
func (p *panel) drawYLabel(c, data draw.Canvas) {
	sty := textStyle(10)
	sty.XAlign, sty.YAlign = draw.XCenter, draw.YBottom
	sty.Rotation = math.Pi / 2
	flat := textStyle(10)
	c.FillText(sty, vg.Point{X: c.Min.X + 11, Y: data.Center().Y}, fit(flat, p.yLabel, data.Size().Y*1.15))
}

const (
	legendText   = vg.Length(9)
	legendLine   = vg.Length(13)
	legendSample = vg.Length(18)
)

func (p *panel) legendWidth() (w vg.Length) {
	for _, e := range p.legend {
		tw := textStyle(legendText).Width(printable(e.text)) + 1
		if e.curve != nil {
			tw += legendSample + 4
		}
		w = max(w, tw)
	}
	return w
}

// drawLegend draws the legend from the top down. A last line counts the entries that found no room.
func (p *panel) drawLegend(c draw.Canvas) {
	sty := textStyle(legendText)
	sty.YAlign = draw.YCenter
	room := int(c.Size().Y / legendLine)
	for i, e := range p.legend {
		y := c.Max.Y - legendLine*(vg.Length(i)+0.5)
		if i == room-1 && len(p.legend) > room {
			c.FillText(sty, vg.Point{X: c.Min.X, Y: y}, fmt.Sprintf("and %d more", len(p.legend)-i))
			return
		}
		x := c.Min.X
		if e.curve != nil {
			e.curve.sample(c, x, x+legendSample, y)
			x += legendSample + 4
		}
		c.FillText(sty, vg.Point{X: x, Y: y}, fit(sty, e.text, c.Max.X-x))
	}
}
