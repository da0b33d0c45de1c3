package chart

import (
	"fmt"
	"image"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// maxCells is the longest side of the mask image in cells. Larger kernels are
// shown in blocks, each as opaque as the share of weights kept in it.
const maxCells = 512

// Mask draws which weights of a kernel are kept: those that are true or not
// zero. Values hold rows*cols cells row by row; kernels of rank 4 are reshaped
// by the caller, usually to [height*width*in, out]. Title names the kernel.
func Mask[T bool | float32 | float64](title string, values []T, rows, cols int) (*Figure, error) {
	if rows < 1 || cols < 1 || len(values)/rows != cols || len(values)%rows != 0 {
		return nil, fmt.Errorf("chart: mask: %d values in %d rows and %d columns: %w", len(values), rows, cols, errShape)
	}
	var zero T
	kept := 0
	cells := func(r, c int) bool { return values[r*cols+c] != zero }
	for _, v := range values {
		if v != zero {
			kept++
		}
	}
	block := max(1, (max(rows, cols)+maxCells-1)/maxCells)
	img := maskImage(rows, cols, block, cells)

	p := newPanel("output channel (column)", "input (row)", false)
	p.plot.X.Min, p.plot.X.Max = 0, float64(cols)
	p.plot.Y.Min, p.plot.Y.Max = 0, float64(rows)
	p.plot.Y.Tick.Marker = downTicks{rows}
	p.plot.Add(&maskPlot{img, rows, cols, block})
	p.legend = []entry{
		{fmt.Sprintf("%s of %s kept", count(kept), count(len(values))), nil},
		{showPercent(percent(kept, len(values))), nil},
	}
	f := &Figure{
		Name: "mask", Title: title,
		Caption: "Each cell is a weight; coloured cells are kept.",
		Alt: fmt.Sprintf("Grid of %d rows and %d columns in which %s of %s weights are kept.",
			rows, cols, count(kept), count(len(values))),
		height: 400,
		panels: []*panel{p},
	}
	if block > 1 {
		f.Caption = fmt.Sprintf("Each cell is a block of %d by %d weights, the more opaque the more of them are kept.", block, block)
	}
	return f, nil
}

// maskImage paints one pixel for each block of cells.
func maskImage(rows, cols, block int, kept func(r, c int) bool) *image.NRGBA {
	h, w := (rows+block-1)/block, (cols+block-1)/block
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			n, all := 0, 0
			for r := y * block; r < min((y+1)*block, rows); r++ {
				for c := x * block; c < min((x+1)*block, cols); c++ {
					all++
					if kept(r, c) {
						n++
					}
				}
			}
			shade := blue
			if n == 0 {
				shade = color.NRGBA{}
			} else if block > 1 {
				// The root makes single weights in large blocks visible; 16
				// levels keep the file small.
				level := math.Ceil(15 * math.Sqrt(float64(n)/float64(all)))
				shade.A = uint8(level * 17)
			}
			img.SetNRGBA(x, y, shade)
		}
	}
	return img
}

// maskPlot stretches the image over the axes.
type maskPlot struct {
	img        *image.NRGBA
	rows, cols int
	block      int
}

func (m *maskPlot) Plot(c draw.Canvas, p *plot.Plot) {
	// Blocks may reach beyond the last row and column.
	b := m.img.Bounds()
	w := c.Size().X * vg.Length(float64(b.Dx()*m.block)/float64(m.cols))
	h := c.Size().Y * vg.Length(float64(b.Dy()*m.block)/float64(m.rows))
	c.DrawImage(vg.Rectangle{Min: vg.Point{X: c.Min.X, Y: c.Max.Y - h}, Max: vg.Point{X: c.Min.X + w, Y: c.Max.Y}}, m.img)
	frame := draw.LineStyle{Color: ink, Width: 0.75}
	c.StrokeLines(frame, []vg.Point{c.Min, {X: c.Max.X, Y: c.Min.Y}, c.Max, {X: c.Min.X, Y: c.Max.Y}, c.Min})
}

// downTicks counts rows from the top.
type downTicks struct{ rows int }

func (t downTicks) Ticks(lo, hi float64) []plot.Tick {
	ticks := linearTicks{6}.Ticks(0, float64(t.rows))
	for i := range ticks {
		ticks[i].Value = float64(t.rows) - ticks[i].Value
	}
	return ticks
}
