package raster

import (
	"image"
	"image/color"

	"github.com/srwiley/rasterx"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// scanner fills shapes like rasterx's ScannerGV, but looks only at the pixels that a shape may
// touch. ScannerGV goes over the whole picture for each of them, and a chart has hundreds.
type scanner struct {
	out    *image.RGBA
	source image.Image
	points []point
	extent fixed.Rectangle26_6
	tile   vector.Rasterizer
}

// point is the start of a line that is closed later, or its next corner.
type point struct {
	at    fixed.Point26_6
	start bool
}

var _ rasterx.Scanner = (*scanner)(nil)

func (s *scanner) add(a fixed.Point26_6, start bool) {
	if len(s.points) == 0 {
		s.extent = fixed.Rectangle26_6{Min: a, Max: a}
	}
	e := &s.extent
	e.Min.X, e.Min.Y, e.Max.X, e.Max.Y = min(e.Min.X, a.X), min(e.Min.Y, a.Y), max(e.Max.X, a.X), max(e.Max.Y, a.Y)
	s.points = append(s.points, point{a, start})
}

func (s *scanner) Start(a fixed.Point26_6) { s.add(a, true) }
func (s *scanner) Line(b fixed.Point26_6)  { s.add(b, false) }

func (s *scanner) Draw() {
	e := s.extent
	box := image.Rect(e.Min.X.Floor(), e.Min.Y.Floor(), e.Max.X.Ceil(), e.Max.Y.Ceil()).Intersect(s.out.Rect)
	if box.Empty() {
		return
	}
	s.tile.Reset(box.Dx(), box.Dy())
	for _, p := range s.points {
		x, y := float32(p.at.X)/64-float32(box.Min.X), float32(p.at.Y)/64-float32(box.Min.Y)
		if p.start {
			s.tile.MoveTo(x, y)
		} else {
			s.tile.LineTo(x, y)
		}
	}
	s.tile.Draw(s.out, box, s.source, box.Min)
}

func (s *scanner) SetColor(c any) {
	switch c := c.(type) {
	case color.Color:
		s.source = image.NewUniform(c)
	case rasterx.ColorFunc:
		s.source = gradient{c, s.out.Rect}
	}
}

func (s *scanner) GetPathExtent() fixed.Rectangle26_6 { return s.extent }
func (s *scanner) Clear()                             { s.points, s.extent = s.points[:0], fixed.Rectangle26_6{} }

// The rest of the interface is not used by oksvg, or cannot be done with package vector.
func (s *scanner) SetBounds(w, h int)      {}
func (s *scanner) SetWinding(nonZero bool) {}
func (s *scanner) SetClip(image.Rectangle) {}

// gradient is a picture whose colours a function gives.
type gradient struct {
	colour rasterx.ColorFunc
	bounds image.Rectangle
}

func (g gradient) ColorModel() color.Model { return color.RGBAModel }
func (g gradient) Bounds() image.Rectangle { return g.bounds }
func (g gradient) At(x, y int) color.Color { return g.colour(x, y) }
