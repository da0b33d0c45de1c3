// Package raster draws SVG as pixels, for those who cannot show SVG: terminals, and viewers of
// notebooks that do not trust it. Shapes are oksvg's; text and embedded pictures, which oksvg
// leaves out, are drawn here.
package raster

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"slices"

	"github.com/srwiley/oksvg"
	"github.com/srwiley/rasterx"
	"golang.org/x/image/math/f64"
)

// MaxSide limits the sides of what is drawn, and so the memory that it takes.
const MaxSide = 8000

// Options say how to draw. Either Side or Scale must be above 0.
type Options struct {
	Side   int         // pixels of the longer side
	Scale  float64     // pixels for each CSS pixel, 1/96 inch, of the size that the SVG names
	Ground color.Color // painted first; nil is white, because colours of SVG are made for a page
	// Columns, if it is not 0, is in how many half blocks the picture will be shown: lines are as
	// wide as one of these, and text, which could not be read, is left out.
	Columns int
}

// Draw draws an SVG. The error says what is wrong with the SVG.
func Draw(svg []byte, o Options) (out *image.RGBA, err error) {
	defer func() { // the parser does not check everything that it reads
		if r := recover(); r != nil {
			out, err = nil, fmt.Errorf("SVG: %v", r)
		}
	}()
	marked, pictures, labels := survey(svg)
	icon, err := oksvg.ReadIconStream(bytes.NewReader(marked), oksvg.IgnoreErrorMode)
	if err != nil {
		return nil, fmt.Errorf("SVG: %w", err)
	}
	root := rootOf(svg)
	if box := numbers(root["viewBox"]); len(box) == 4 { // oksvg misses it behind a width in percent
		icon.ViewBox.X, icon.ViewBox.Y, icon.ViewBox.W, icon.ViewBox.H = box[0], box[1], box[2], box[3]
	}
	w, h := icon.ViewBox.W, icon.ViewBox.H
	if !(w > 0 && h > 0) {
		return nil, fmt.Errorf("SVG: it has no size")
	}
	scale := float64(o.Side) / max(w, h)
	if o.Scale > 0 {
		scale = o.Scale * cssWidth(root, w) / w
	}
	if max(w, h)*scale > MaxSide {
		return nil, fmt.Errorf("SVG: %.0f by %.0f pixels: at most %d by %d can be drawn", w*scale, h*scale, MaxSide, MaxSide)
	}
	size := image.Rect(0, 0, max(1, int(w*scale+.5)), max(1, int(h*scale+.5)))
	out = image.NewRGBA(size)
	ground := o.Ground
	if ground == nil {
		ground = color.White
	}
	draw.Draw(out, size, image.NewUniform(ground), image.Point{}, draw.Src)
	for i := range icon.SVGPaths { // oksvg does not scale these
		path := &icon.SVGPaths[i]
		path.LineWidth *= scale
		if o.Columns > 0 {
			path.LineWidth = max(path.LineWidth, float64(size.Dx())/float64(o.Columns))
		}
		path.DashOffset *= scale
		path.Dash = slices.Clone(path.Dash) // several paths may share it
		for j := range path.Dash {
			path.Dash[j] *= scale
		}
	}
	icon.SetTarget(0, 0, float64(size.Dx()), float64(size.Dy()))
	to := f64.Aff3{scale, 0, -icon.ViewBox.X * scale, 0, scale, -icon.ViewBox.Y * scale}
	dasher := rasterx.NewDasher(size.Dx(), size.Dy(), &scanner{out: out})
	for i := range icon.SVGPaths {
		if path := &icon.SVGPaths[i]; len(pictures) > 0 && slices.Equal(path.Path, markPath) {
			pictures[0].draw(out, to)
			pictures = pictures[1:]
		} else {
			path.DrawTransformed(dasher, 1, icon.Transform)
		}
	}
	if o.Columns == 0 {
		for _, l := range labels {
			l.draw(out, to)
		}
	}
	return out, nil
}

// mark stands for an embedded picture among the shapes, so that it is drawn in its turn. It is
// nothing to be seen.
const mark = `<path fill="none" stroke="none" d="M0 0L0.015625 0.03125"/>`

var markPath = func() rasterx.Path {
	icon, err := oksvg.ReadIconStream(bytes.NewReader([]byte(`<svg viewBox="0 0 1 1">` + mark + `</svg>`)))
	if err != nil || len(icon.SVGPaths) != 1 {
		panic(fmt.Sprintf("raster: the mark is %d paths: %v", len(icon.SVGPaths), err))
	}
	return icon.SVGPaths[0].Path
}()
