// Charts of numbers from anywhere: lines with bands, and bars.

package chart

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"gsmlab/gsm/trace"
)

// A Series is a named line with an optional band, such as the mean accuracy of several seeds with
// the least and the greatest value.
type Series struct {
	Name     string
	X, Mean  []float64 // of one length
	Min, Max []float64 // of the same length, or nil for no band
}

// LineOptions are the settings of Lines; the zero value is a linear chart.
type LineOptions struct {
	Name       string // for file names; "" means "lines"
	LogX, LogY bool
	// YMin and YMax bound the axis unless both are 0.
	YMin, YMax float64
}

// Lines draws series against a common axis. Labels should name the unit.
func Lines(title, xLabel, yLabel string, series []Series, opts LineOptions) (*Figure, error) {
	name := opts.Name
	if name == "" {
		name = "lines"
	}
	if len(series) == 0 {
		return nil, fmt.Errorf("chart: %s: %w: no series", name, ErrNoData)
	}
	p := newPanel(xLabel, yLabel, opts.LogY)
	if opts.YMin != 0 || opts.YMax != 0 {
		if !(opts.YMin < opts.YMax) || bad(opts.YMin) || bad(opts.YMax) || opts.LogY && opts.YMin <= 0 {
			return nil, fmt.Errorf("chart: %s: axis from %v to %v: must ascend, and be positive if logarithmic", name, opts.YMin, opts.YMax)
		}
		p.yMin, p.yMax = opts.YMin, opts.YMax
	}
	if opts.LogX {
		p.plot.X.Tick.Marker = exponentTicks{}
	}
	var ends []string
	for i, s := range series {
		n := len(s.X)
		if len(s.Mean) != n || (s.Min != nil || s.Max != nil) && (len(s.Min) != n || len(s.Max) != n) {
			return nil, fmt.Errorf("chart: %s: series %q: x, mean, min and max have %d, %d, %d and %d values: must be the same number",
				name, s.Name, n, len(s.Mean), len(s.Min), len(s.Max))
		}
		if opts.LogX {
			s.X = slices.Clone(s.X)
			for k, x := range s.X {
				if !(x > 0) {
					return nil, fmt.Errorf("chart: %s: series %q: x is %v: must be above 0 on a logarithmic axis", name, s.Name, x)
				}
				s.X[k] = math.Log10(x)
			}
		}
		c := &curve{name: s.Name, color: seriesColor(i), dashes: seriesDashes(i), glyph: dotFor(n)}
		limit := perCurve(len(series))
		if s.Min != nil {
			limit /= 3
			_, c.lo, _ = average(s.X, s.Min, limit)
			_, c.hi, _ = average(s.X, s.Max, limit)
			c.xs, c.ys, _ = average(s.X, s.Mean, limit)
		} else {
			c.xs, c.ys = thin(s.X, s.Mean, limit)
		}
		p.add(c)
		if n > 0 {
			ends = append(ends, fmt.Sprintf("%s %.4g", s.Name, s.Mean[n-1]))
		}
	}
	f := &Figure{
		Name: name, Title: title,
		Alt:    fmt.Sprintf("Line chart of %s against %s. Last values: %s.", yLabel, xLabel, strings.Join(ends, ", ")),
		panels: []*panel{p},
	}
	return f, finish(f)
}

// dotFor marks the points of a line while they are few.
func dotFor(n int) draw.GlyphDrawer {
	if n <= 40 {
		return draw.CircleGlyph{}
	}
	return nil
}

// AccuracySeries returns the test accuracy in % of one stage, averaged over
// runs such as several seeds, with the band between the worst and the best.
// Only steps that all runs evaluated are used.
func AccuracySeries(name, stage string, runs ...*trace.Run) (Series, error) {
	s := Series{Name: name}
	if len(runs) == 0 {
		return s, fmt.Errorf("chart: series %q: %w: no runs", name, ErrNoData)
	}
	seen := make(map[int][]float64)
	for _, run := range runs {
		for _, e := range run.Evals {
			if e.Stage == stage && e.After == "" && e.Accuracy > 0 {
				seen[e.Step] = append(seen[e.Step], 100*e.Accuracy)
			}
		}
	}
	for _, e := range runs[0].Evals { // in order
		values := seen[e.Step]
		if e.Stage != stage || e.After != "" || len(values) != len(runs) {
			continue
		}
		delete(seen, e.Step)
		var y extent
		for _, v := range values {
			y.add(v)
		}
		s.X, s.Mean = append(s.X, float64(e.Step)), append(s.Mean, mean(values))
		s.Min, s.Max = append(s.Min, y.lo), append(s.Max, y.hi)
	}
	if len(s.X) == 0 {
		return s, fmt.Errorf("chart: series %q: %w: the runs share no evaluation of stage %q", name, ErrNoData, stage)
	}
	if len(runs) == 1 {
		s.Min, s.Max = nil, nil
	}
	return s, nil
}

// powerTicks labels an axis of logarithms with the powers of ten that they stand for.
type powerTicks struct{}

func (powerTicks) Ticks(lo, hi float64) []plot.Tick {
	if !(lo >= -400 && hi <= 400) { // beyond the powers of ten that float64 has
		return linearTicks{count: 5}.Ticks(lo, hi)
	}
	every := int(math.Max(1, math.Ceil((hi-lo)/9)))
	var ticks []plot.Tick
	for e := int(math.Ceil(lo - 1e-9)); float64(e) <= hi+1e-9; e++ {
		label := ""
		if e%every == 0 {
			label = logLabel(math.Pow(10, float64(e)))
		}
		ticks = append(ticks, plot.Tick{Value: float64(e), Label: label})
	}
	if len(ticks) < 2 {
		return linearTicks{count: 5}.Ticks(lo, hi)
	}
	return ticks
}

// Bar is one bar of Bars.
type Bar struct {
	Name  string
	Value float64 // not negative; NaN draws no bar
	Label string  // written at its end
}

// Bars draws horizontal bars from the top down. The figure grows with their number. More than 200
// bars are an error, because the figure would be too tall to read.
func Bars(name, title, xLabel string, bars []Bar) (*Figure, error) {
	if len(bars) == 0 {
		return nil, fmt.Errorf("chart: %s: %w: no bars", name, ErrNoData)
	}
	if len(bars) > 200 {
		return nil, fmt.Errorf("chart: %s: %d bars: at most 200 are readable", name, len(bars))
	}
	p := newBarePanel(xLabel, "", false)
	p.plot.Add(grid{xOnly: true})
	var most extent
	most.add(0)
	for _, b := range bars {
		if b.Value < 0 || math.IsInf(b.Value, 0) {
			return nil, fmt.Errorf("chart: %s: bar %q is %v: must be finite and not negative", name, b.Name, b.Value)
		}
		most.add(b.Value)
	}
	if most.hi == 0 {
		most.hi = 1
	}
	// A third of the width is left for the labels, without ticks.
	p.plot.X.Min, p.plot.X.Max = 0, min(most.hi, 1e300)*1.4
	p.plot.X.Tick.Marker = ticksUpTo(most.hi * 1.05)
	p.plot.Y.Min, p.plot.Y.Max = -0.5, float64(len(bars))-0.5
	p.plot.Y.Tick.Marker = barTicks(bars)
	p.plot.Y.Tick.Length = 0
	p.plot.Add(barPlot(bars))
	f := &Figure{Name: name, Title: title, height: 80 + 18*float64(len(bars)), panels: []*panel{p}}
	f.height = max(f.height, 150)
	if len(bars) > 20 {
		f.height = 80 + 13*float64(len(bars))
	}
	f.Alt = fmt.Sprintf("Bar chart of %s with %d bars.", xLabel, len(bars))
	return f, nil
}

// ticksUpTo are linear ticks that stop before the axis does.
type ticksUpTo float64

func (limit ticksUpTo) Ticks(lo, hi float64) []plot.Tick {
	return linearTicks{count: 5}.Ticks(lo, min(hi, float64(limit)))
}

// barTicks names the bars on the vertical axis.
type barTicks []Bar

func (bars barTicks) Ticks(lo, hi float64) []plot.Tick {
	sty := textStyle(9)
	ticks := make([]plot.Tick, len(bars))
	for i, b := range bars {
		ticks[i] = plot.Tick{Value: float64(len(bars) - 1 - i), Label: fit(sty, b.Name, 150)}
		if b.Name == "" {
			ticks[i].Label = " "
		}
	}
	return ticks
}

type barPlot []Bar

// Plot draws the bars. A label goes to the right of its bar, or inside it if there is no room.
func (bars barPlot) Plot(c draw.Canvas, p *plot.Plot) {
	sty := textStyle(8.5)
	sty.YAlign = draw.YCenter
	height := min(c.Size().Y/vg.Length(len(bars))*0.7, 14)
	for i, b := range bars {
		if math.IsNaN(b.Value) {
			continue
		}
		y, x := c.Y(p.Y.Norm(float64(len(bars)-1-i))), c.X(p.X.Norm(b.Value))
		c.FillPolygon(blue, []vg.Point{{X: c.Min.X, Y: y - height/2}, {X: x, Y: y - height/2}, {X: x, Y: y + height/2}, {X: c.Min.X, Y: y + height/2}})
		w := sty.Width(b.Label)
		s := sty
		at := x + 4
		if at+w > c.Max.X {
			at = x - 4 - w
			s.Color = white
		}
		c.FillText(s, vg.Point{X: max(at, c.Min.X+2), Y: y + 1}, b.Label)
	}
}
