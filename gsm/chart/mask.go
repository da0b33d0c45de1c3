package chart

import (
	"fmt"
	"image"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"gsmlab/internal/phrase"
)

// Mask draws which weights of a kernel are kept: those that are true or not zero. Values are in
// row-major order, as many as the dimensions multiply to. A dense kernel [inputs, outputs] is drawn
// as a matrix. A convolution [height, width, inputs, outputs], or [width, inputs, outputs], is
// drawn as a grid of filters, with a row for each input channel and a column for each output
// channel. The first dense kernel of a network for 28x28 images, [784, 300], may be drawn with the
// dimensions 28, 28, 1, 300, which shows what each unit sees of the image. Title names the kernel.
func Mask[T bool | float32 | float64](title string, values []T, dims ...int) (*Figure, error) {
	t, err := newTiling(len(values), dims, maxCells)
	if err != nil {
		return nil, fmt.Errorf("chart: mask: %w", err)
	}
	states := make([]state, len(values))
	kept := 0
	var zero T
	for i, v := range values {
		if v != v {
			return nil, fmt.Errorf("chart: mask: weight %d is NaN: draw the mask of weights that are finite", i)
		}
		if v != zero {
			states[i] = stateKept
			kept++
		}
	}
	p := newBarePanel("", "", false)
	p.plot.X.Min, p.plot.X.Max = 0, float64(t.columns)
	p.plot.Y.Min, p.plot.Y.Max = 0, float64(t.rows)
	if t.wrapped {
		p.plot.X.Tick.Marker, p.plot.Y.Tick.Marker = plot.ConstantTicks(nil), plot.ConstantTicks(nil)
	} else {
		p.plot.X.Label.Text, p.yLabel = "output channel (column)", "input (row)"
		p.wholeX()
		p.plot.Y.Tick.Marker = downTicks{t.rows}
	}
	width, height := t.reach()
	p.plot.Add(&maskPlot{enlarge(t.paint(states), 1200, 900), width, height, t.rows, t.columns})
	p.legend = []entry{
		{fmt.Sprintf("%s of %s kept", phrase.Count(kept), phrase.Count(len(values))), nil},
		{showPercent(percent(kept, len(values))), nil},
	}
	f := &Figure{
		Name: "mask", Title: title,
		Caption: t.caption(),
		Alt:     fmt.Sprintf("%s in which %s of %s weights are kept.", t.describe(), phrase.Count(kept), phrase.Count(len(values))),
		height:  400,
		panels:  []*panel{p},
	}
	if t.h*t.w > 1 || t.rows <= 40 && t.columns <= 40 || t.rows == 1 { // square cells
		f.height = math.Min(math.Max(430*t.ratio()+75, 170), 480)
	}
	return f, nil
}

// PixelMask is Mask for what has one value for each pixel of an image, row by row.
func PixelMask[T bool | float32 | float64](title string, values []T, rows, columns int) (*Figure, error) {
	f, err := Mask(title, values, rows, columns)
	if err != nil {
		return nil, err
	}
	f.panels[0].plot.X.Label.Text, f.panels[0].yLabel = "column of the image", "row of the image"
	f.Caption = "Each cell is a pixel."
	return f, nil
}

// maskPlot stretches the image over the axes. On the right and below, it draws past the axes
// whatever the last blocks have beyond the last column and row.
type maskPlot struct {
	img           *image.Paletted
	width, height float64 // of the image, in units of the axes' length
	rows, columns int
}

func (m *maskPlot) Plot(c draw.Canvas, p *plot.Plot) {
	w, h := c.Size().X*vg.Length(m.width), c.Size().Y*vg.Length(m.height)
	c.DrawImage(vg.Rectangle{Min: vg.Point{X: c.Min.X, Y: c.Max.Y - h}, Max: vg.Point{X: c.Min.X + w, Y: c.Max.Y}}, m.img)
	if m.columns <= 40 && m.rows <= 40 { // small enough for lines between the cells
		line := draw.LineStyle{Color: faint, Width: 0.5}
		for i := 1; i < m.columns; i++ {
			x := c.X(float64(i) / float64(m.columns))
			c.StrokeLine2(line, x, c.Min.Y, x, c.Max.Y)
		}
		for i := 1; i < m.rows; i++ {
			y := c.Y(float64(i) / float64(m.rows))
			c.StrokeLine2(line, c.Min.X, y, c.Max.X, y)
		}
	}
	frame(c, c.Rectangle)
}

// frame draws a thin rectangle.
func frame(c draw.Canvas, r vg.Rectangle) {
	c.StrokeLines(draw.LineStyle{Color: ink, Width: 0.75},
		[]vg.Point{r.Min, {X: r.Max.X, Y: r.Min.Y}, r.Max, {X: r.Min.X, Y: r.Max.Y}, r.Min})
}

// downTicks counts rows from the top.
type downTicks struct{ rows int }

func (t downTicks) Ticks(lo, hi float64) []plot.Tick {
	ticks := linearTicks{6, true}.Ticks(0, float64(t.rows))
	for i := range ticks {
		ticks[i].Value = float64(t.rows) - ticks[i].Value
	}
	return ticks
}
