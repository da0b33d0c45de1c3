package chart

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"gsmlab/gsm/trace"
)

// A Cut says what cutting a network to its final size did to the test accuracy.
type Cut struct {
	Name          string
	Dense         float64 // accuracy of the network before it was pruned, 0 to 1; NaN if unknown
	Before, After float64 // accuracy right before and right after the cut
}

// CutOf reads the last cut of a trace, and the dense accuracy if the trace has the stage that
// trained the dense network.
func CutOf(name string, run *trace.Run) (Cut, error) {
	if len(run.Cuts) == 0 {
		return Cut{}, fmt.Errorf("chart: cut %q: %w: the run has not reached its final cut", name, ErrNoData)
	}
	last := run.Cuts[len(run.Cuts)-1]
	if before, after := last.Measured(); !before || !after {
		return Cut{}, fmt.Errorf("chart: cut %q: %w: the accuracy was not measured both before and after the cut", name, ErrNoData)
	}
	c := Cut{Name: name, Dense: math.NaN(), Before: last.AccuracyBefore, After: last.AccuracyAfter}
	if dense, ok := denseAccuracy(run); ok {
		c.Dense = dense
	}
	return c, nil
}

// maxCuts is how many rows a chart of cuts has room for.
const maxCuts = 40

// CutAccuracy shows whether cuts were lossless. In a row for each cut it draws the accuracy before
// and after the cut and that of the dense network.
func CutAccuracy(title string, cuts ...Cut) (*Figure, error) {
	if len(cuts) == 0 {
		return nil, fmt.Errorf("chart: cuts: %w: no cuts", ErrNoData)
	}
	if len(cuts) > maxCuts {
		return nil, fmt.Errorf("chart: cuts: %d cuts: at most %d are readable", len(cuts), maxCuts)
	}
	dense := &curve{name: "dense network", color: green, glyph: draw.BoxGlyph{}, noLine: true}
	before := &curve{name: "before the cut", color: blue, glyph: disc, noLine: true}
	after := &curve{name: "after the cut", color: orange, glyph: triangle, noLine: true}
	rows := make(cutRows, len(cuts))
	alt := ""
	for i, c := range cuts {
		if !(c.Before >= 0 && c.Before <= 1 && c.After >= 0 && c.After <= 1) || c.Dense < 0 || c.Dense > 1 {
			return nil, fmt.Errorf("chart: cuts: %q: accuracies %v (dense), %v and %v: must be between 0 and 1, the dense one may be NaN", c.Name, c.Dense, c.Before, c.After)
		}
		y := float64(len(cuts) - 1 - i)
		rows[i] = c
		if !math.IsNaN(c.Dense) {
			dense.xs, dense.ys = append(dense.xs, 100*c.Dense), append(dense.ys, y)
		}
		before.xs, before.ys = append(before.xs, 100*c.Before), append(before.ys, y)
		after.xs, after.ys = append(after.xs, 100*c.After), append(after.ys, y)
		alt += fmt.Sprintf(" %s: %.2f %% before, %.2f %% after the cut.", c.Name, 100*c.Before, 100*c.After)
	}
	p := newBarePanel("test accuracy (%)", "", false)
	p.plot.Add(grid{xOnly: true})
	var x extent
	for _, c := range []*curve{dense, before, after} {
		for _, v := range c.xs {
			x.add(v)
		}
		if len(c.xs) > 0 {
			p.add(c)
		}
	}
	margin := math.Max((x.hi-x.lo)*0.08, 0.05)
	p.xMin, p.xMax = x.lo-margin, x.hi+margin
	p.yMin, p.yMax = -0.5, float64(len(cuts))-0.4
	p.plot.Y.Tick.Marker = rows
	p.plot.Y.Tick.Length = 0
	p.plot.Add(rows)
	f := &Figure{
		Name: "cuts", Title: title,
		Caption: "Each row is a network: its accuracy before and after all but Q weights were set to zero, and the accuracy of the dense network. Where both marks coincide the cut is lossless.",
		Alt:     "Chart of the test accuracy before and after the cut." + alt,
		height:  math.Max(160, 80+30*float64(len(cuts))),
		panels:  []*panel{p},
	}
	return f, finish(f)
}

// cutRows names the rows, joins the marks of each row and writes the numbers.
type cutRows []Cut

func (rows cutRows) Ticks(lo, hi float64) []plot.Tick {
	bars := make(barTicks, len(rows))
	for i, c := range rows {
		bars[i].Name = c.Name
	}
	return bars.Ticks(lo, hi)
}

func (rows cutRows) Plot(c draw.Canvas, p *plot.Plot) {
	sty := textStyle(8)
	sty.XAlign, sty.YAlign = draw.XCenter, draw.YBottom
	for i, r := range rows {
		y := c.Y(p.Y.Norm(float64(len(rows) - 1 - i)))
		a, b := c.X(p.X.Norm(100*r.Before)), c.X(p.X.Norm(100*r.After))
		c.StrokeLine2(draw.LineStyle{Color: ink, Width: 1}, a, y, b, y)
		text := fmt.Sprintf("%.2f → %.2f", 100*r.Before, 100*r.After)
		w := sty.Width(text)/2 + 2
		x := min(max((a+b)/2, c.Min.X+w), c.Max.X-w)
		c.FillText(sty, vg.Point{X: x, Y: y + 5}, text)
	}
}
