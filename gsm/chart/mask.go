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
	img := enlarge(maskImage(rows, cols, block, cells))

	p := newPanel("output channel (column)", "input (row)", false)
	p.wholeX()
	p.plot.X.Min, p.plot.X.Max = 0, float64(cols)
	p.plot.Y.Min, p.plot.Y.Max = 0, float64(rows)
	p.plot.Y.Tick.Marker = downTicks{rows}
	p.plot.Add(&maskPlot{img, float64((cols+block-1)/block*block) / float64(cols), float64((rows+block-1)/block*block) / float64(rows)})
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
func maskImage(rows, cols, block int, kept func(r, c int) bool) *image.Paletted {
	h, w := (rows+block-1)/block, (cols+block-1)/block
	// Entry i has the opacity i/15: few levels keep the file small.
	shades := make(color.Palette, 16)
	for i := range shades {
		shades[i] = color.NRGBA{blue.R, blue.G, blue.B, uint8(17 * i)}
	}
	img := image.NewPaletted(image.Rect(0, 0, w, h), shades)
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
			if n > 0 { // at half opacity already, so that single weights are seen
				img.SetColorIndex(x, y, uint8(7+math.Ceil(8*float64(n)/float64(all))))
			}
		}
	}
	return img
}

// enlarge repeats pixels until the image is about as fine as a PNG of the
// figure: the library's scaling smooths, and would blur large cells.
func enlarge(img *image.Paletted) *image.Paletted {
	b := img.Bounds()
	fx, fy := max(1, 1200/b.Dx()), max(1, 900/b.Dy())
	out := image.NewPaletted(image.Rect(0, 0, b.Dx()*fx, b.Dy()*fy), img.Palette)
	for y := range out.Rect.Max.Y {
		for x := range out.Rect.Max.X {
			out.SetColorIndex(x, y, img.ColorIndexAt(x/fx, y/fy))
		}
	}
	return out
}

// maskPlot stretches the image over the axes, and beyond them on the right
// and below by what the last blocks have beyond the last column and row.
type maskPlot struct {
	img           *image.Paletted
	width, height float64 // of the image, in units of the axes' length
}

func (m *maskPlot) Plot(c draw.Canvas, p *plot.Plot) {
	w, h := c.Size().X*vg.Length(m.width), c.Size().Y*vg.Length(m.height)
	c.DrawImage(vg.Rectangle{Min: vg.Point{X: c.Min.X, Y: c.Max.Y - h}, Max: vg.Point{X: c.Min.X + w, Y: c.Max.Y}}, m.img)
	frame := draw.LineStyle{Color: ink, Width: 0.75}
	c.StrokeLines(frame, []vg.Point{c.Min, {X: c.Max.X, Y: c.Min.Y}, c.Max, {X: c.Min.X, Y: c.Max.Y}, c.Min})
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
