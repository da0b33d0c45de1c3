// A kernel as a picture: matrices as they are, convolutions as tiles of filters, large ones in
// blocks.

package chart

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"gsmlab/internal/phrase"
)

// The longest side of a mask's image in cells: alone, in an animation and in a strip. Larger
// kernels are shown in blocks, each as opaque as the share of weights kept in it.
const (
	maxCells      = 512
	maxFrameCells = 400
	maxStripCells = 256
)

// errShape is shared by the checks of kernels.
var errShape = errors.New("the dimensions do not fit the number of values")

// A tiling lays out the weights of a kernel as the pixels of a picture: filters of h by w cells in
// rows and columns. The filters of a dense kernel are single cells.
type tiling struct {
	size          int
	h, w, in, out int
	rows, columns int  // of filters
	wrapped       bool // output channels fill the rows one after the other
	gap           int  // pixels between filters
	folded        bool // a filter is one pixel
	block         int  // cells to a pixel, in both directions
	width, height int  // of the picture in pixels
}

// newTiling lays out a kernel in at most limit pixels in each direction, or twice as many for a
// grid of filters.
func newTiling(size int, dims []int, limit int) (*tiling, error) {
	d := dims
	switch len(dims) {
	case 1:
		d = []int{1, 1, 1, dims[0]}
	case 2:
		d = []int{1, 1, dims[0], dims[1]}
	case 3:
		d = []int{1, dims[0], dims[1], dims[2]}
	case 4:
	default:
		return nil, fmt.Errorf("dimensions %v: kernels of 1 to 4 dimensions can be drawn", dims)
	}
	n := 1
	for _, k := range d {
		if k < 1 || n > math.MaxInt/k {
			return nil, fmt.Errorf("%d values of dimensions %v: %w", size, dims, errShape)
		}
		n *= k
	}
	if n != size {
		return nil, fmt.Errorf("%d values of dimensions %v: %w", size, dims, errShape)
	}
	t := &tiling{size: n, h: d[0], w: d[1], in: d[2], out: d[3], rows: d[2], columns: d[3], block: 1}
	if t.h*t.w > 1 {
		t.gap = 1
		if t.in == 1 && t.out > 3 {
			t.wrapped = true
			t.columns = int(math.Ceil(math.Sqrt(1.6 * float64(t.out))))
			t.rows = (t.out + t.columns - 1) / t.columns
		}
		limit *= 2 // shape tells filters apart, so fine ones are worth showing
		if w, h := t.cells(); max(w, h) > limit {
			t.folded, t.gap = true, 0
		}
	}
	w, h := t.cells()
	t.block = max(1, (max(w, h)+limit-1)/limit)
	t.width, t.height = (w+t.block-1)/t.block, (h+t.block-1)/t.block
	return t, nil
}

// cells returns the size of the picture before cells become blocks.
func (t *tiling) cells() (w, h int) {
	if t.folded {
		return t.columns, t.rows
	}
	return t.columns * (t.w + t.gap), t.rows * (t.h + t.gap)
}

// pixel returns the place of weight i.
func (t *tiling) pixel(i int) (x, y int) {
	column, row := i%t.out, i/t.out%t.in
	if t.wrapped {
		column, row = column%t.columns, column/t.columns
	}
	if t.folded {
		return column / t.block, row / t.block
	}
	x, y = i/(t.out*t.in)%t.w, i/(t.out*t.in*t.w)
	return (column*(t.w+t.gap) + x) / t.block, (row*(t.h+t.gap) + y) / t.block
}

// reach says how far the picture extends beyond the last column and row, relative to the size of
// these.
func (t *tiling) reach() (width, height float64) {
	w, h := t.cells()
	return float64(t.width*t.block) / float64(w), float64(t.height*t.block) / float64(h)
}

// ratio is the height of the picture for a width of 1, limited to what is readable.
func (t *tiling) ratio() float64 {
	return math.Min(math.Max(float64(t.height)/float64(t.width), 0.08), 1.25)
}

func (t *tiling) caption() string {
	switch {
	case t.folded && t.block == 1:
		return fmt.Sprintf("Each cell is a filter of %d by %d weights, a row for each input channel and a column for each output channel; the more opaque, the more weights are kept.", t.h, t.w)
	case t.folded:
		return fmt.Sprintf("Each cell is a block of %d by %d filters, the more opaque the more of their weights are kept.", t.block, t.block)
	case t.wrapped:
		return "Each square is the filter of an output channel; coloured cells are weights that are kept."
	case t.gap > 0:
		return "Each square is a filter, a row for each input channel and a column for each output channel; coloured cells are weights that are kept."
	case t.block > 1:
		return fmt.Sprintf("Each cell is a block of %d by %d weights, the more opaque the more of them are kept.", t.block, t.block)
	}
	return "Each cell is a weight; coloured cells are kept."
}

func (t *tiling) describe() string {
	if t.h*t.w > 1 {
		return fmt.Sprintf("Grid of %s filters of %d by %d weights", phrase.Count(t.in*t.out), t.h, t.w)
	}
	return fmt.Sprintf("Grid of %d rows and %d columns", t.rows, t.columns)
}

// A state is what a picture shows of a weight.
type state uint8

const (
	statePruned state = iota
	stateKept
	stateGained // kept, but not in the picture before
	stateLost   // not kept, but in the picture before
)

// The palette of masks: nothing, a pruned weight between others, a lost one, and eight opacities
// each for kept and for gained weights. Few levels keep the file small.
const (
	inkNone = iota
	inkPruned
	inkLost
	inkKept
	inkGained = inkKept + opacities
	opacities = 8
)

var maskPalette = func() color.Palette {
	p := color.Palette{
		color.NRGBA{},
		color.NRGBA{ink.R, ink.G, ink.B, 0x26},
		color.NRGBA{ink.R, ink.G, ink.B, 0x80},
	}
	for _, c := range []color.NRGBA{blue, orange} {
		for i := 1; i <= opacities; i++ {
			// far from transparent, so that single weights are visible
			p = append(p, color.NRGBA{c.R, c.G, c.B, uint8(0x9f + 12*i)})
		}
	}
	return p
}()

// paint makes the picture. A pixel for several weights shows how many of them are kept, and whether
// most of those are new.
func (t *tiling) paint(states []state) *image.Paletted {
	type tally struct{ all, lost, kept, gained int }
	tallies := make([]tally, t.width*t.height)
	for i, s := range states {
		x, y := t.pixel(i)
		c := &tallies[y*t.width+x]
		c.all++
		switch s {
		case stateKept:
			c.kept++
		case stateGained:
			c.kept++
			c.gained++
		case stateLost:
			c.lost++
		}
	}
	img := image.NewPaletted(image.Rect(0, 0, t.width, t.height), maskPalette)
	for i, c := range tallies {
		switch {
		case c.kept > 0:
			first := inkKept
			if 2*c.gained > c.kept {
				first = inkGained
			}
			img.Pix[i] = uint8(first + (opacities*c.kept+c.all-1)/c.all - 1)
		case c.lost > 0:
			img.Pix[i] = inkLost
		case c.all > 0 && t.gap > 0:
			img.Pix[i] = inkPruned
		}
	}
	return img
}

// enlarge repeats pixels until the image is about as fine as a PNG of the figure. The library's
// scaling smooths, which would blur large cells.
func enlarge(img *image.Paletted, width, height int) *image.Paletted {
	b := img.Bounds()
	fx, fy := max(1, width/b.Dx()), max(1, height/b.Dy())
	out := image.NewPaletted(image.Rect(0, 0, b.Dx()*fx, b.Dy()*fy), img.Palette)
	for y := range out.Rect.Max.Y {
		for x := range out.Rect.Max.X {
			out.SetColorIndex(x, y, img.ColorIndexAt(x/fx, y/fy))
		}
	}
	return out
}

// dot is the size of a PNG's pixel at scale 1.
const dot = vg.Inch / 96

// drawSharp draws an image around the middle of a box. The image is as large as fits with whole
// dots per pixel, on the grid of dots, so that nothing is smoothed and files stay small. It returns
// the area that the image covers.
func drawSharp(c draw.Canvas, box vg.Rectangle, img *image.Paletted) vg.Rectangle {
	size := img.Rect.Size()
	fit := func(room vg.Length, n int) (dots int, length vg.Length) {
		dots = n * int(math.Floor(float64(room/dot)+1e-6)/float64(n))
		if dots == 0 { // no room for whole dots
			return n, room
		}
		return dots, vg.Length(dots) * dot
	}
	dx, w := fit(box.Size().X, size.X)
	dy, h := fit(box.Size().Y, size.Y)
	at := vg.Point{X: box.Min.X + (box.Size().X-w)/2, Y: box.Max.Y - h}
	at.X, at.Y = vg.Length(math.Floor(float64(at.X/dot)))*dot, vg.Length(math.Ceil(float64(at.Y/dot)))*dot
	r := vg.Rectangle{Min: at, Max: vg.Point{X: at.X + w, Y: at.Y + h}}
	c.DrawImage(r, enlarge(img, dx, dy))
	return r
}
