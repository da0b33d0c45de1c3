package picture

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"

	"github.com/srwiley/oksvg"
	"github.com/srwiley/rasterx"
	"golang.org/x/image/math/f64"
)

// side is the longer side, in pixels, of the picture into which an SVG is drawn: enough for a large
// window. maxSide limits what text may cover.
const side, maxSide = 1200, 2000

// rasterize draws an SVG on white, because its colours are made for a page. If cols is set, it
// draws for half blocks in that many columns: lines are as wide as one block, and text, which could
// not be read, is left out.
func rasterize(data []byte, cols int) (img image.Image, err error) {
	defer func() { // the parser does not check everything that it reads
		if r := recover(); r != nil {
			img, err = nil, fmt.Errorf("kernel: SVG: %v", r)
		}
	}()
	icon, err := oksvg.ReadIconStream(bytes.NewReader(data), oksvg.IgnoreErrorMode)
	if err != nil {
		return nil, fmt.Errorf("kernel: SVG: %w", err)
	}
	w, h := icon.ViewBox.W, icon.ViewBox.H
	if !(w > 0 && h > 0) {
		return nil, fmt.Errorf("kernel: SVG: it has no size")
	}
	scale := side / max(w, h)
	size := image.Rect(0, 0, max(1, int(w*scale+.5)), max(1, int(h*scale+.5)))
	out := image.NewRGBA(size)
	draw.Draw(out, size, image.NewUniform(color.White), image.Point{}, draw.Src)
	if cols > 0 {
		for i := range icon.SVGPaths {
			icon.SVGPaths[i].LineWidth = max(icon.SVGPaths[i].LineWidth, icon.ViewBox.W/float64(cols))
		}
	}
	icon.SetTarget(0, 0, float64(size.Dx()), float64(size.Dy()))
	scanner := rasterx.NewScannerGV(size.Dx(), size.Dy(), out, size)
	icon.Draw(rasterx.NewDasher(size.Dx(), size.Dy(), scanner), 1)
	if cols == 0 {
		drawText(out, data, f64.Aff3{scale, 0, -icon.ViewBox.X * scale, 0, scale, -icon.ViewBox.Y * scale})
	}
	return out, nil
}
