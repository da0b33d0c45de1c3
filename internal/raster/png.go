package raster

import (
	"bytes"
	"cmp"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"slices"
)

// PNG draws an SVG on white with scale pixels for each CSS pixel and returns it as a PNG, with the
// size in CSS pixels at which it should be shown. White stays readable on pages of any colour. The
// PNG has at most 256 colours, so that it stays small: those of a chart, with what lies between
// them and white.
func PNG(svg []byte, scale float64) (data []byte, size image.Point, err error) {
	img, err := Draw(svg, Options{Scale: scale})
	if err != nil {
		return nil, image.Point{}, err
	}
	var b bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&b, reduced(img)); err != nil {
		return nil, image.Point{}, fmt.Errorf("SVG: %w", err)
	}
	rounded := func(n int) int { return int(float64(n)/scale + 0.5) }
	return b.Bytes(), image.Pt(rounded(img.Rect.Dx()), rounded(img.Rect.Dy())), nil
}

// reduced is a picture in its 256 most frequent colours; other pixels get the nearest of these.
func reduced(img *image.RGBA) *image.Paletted {
	counts := map[color.RGBA]int{}
	for i := 0; i < len(img.Pix); i += 4 {
		counts[color.RGBA{img.Pix[i], img.Pix[i+1], img.Pix[i+2], img.Pix[i+3]}]++
	}
	var colors []color.RGBA
	for c := range counts {
		colors = append(colors, c)
	}
	slices.SortFunc(colors, func(a, b color.RGBA) int { // the same picture gives the same bytes
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a.R, b.R), cmp.Compare(a.G, b.G), cmp.Compare(a.B, b.B), cmp.Compare(a.A, b.A))
	})
	var palette color.Palette
	place := map[color.RGBA]uint8{}
	for i, c := range colors {
		if i < 256 {
			place[c] = uint8(i)
			palette = append(palette, c)
		} else {
			place[c] = uint8(palette.Index(c))
		}
	}
	out := image.NewPaletted(img.Rect, palette)
	for i := range out.Pix {
		out.Pix[i] = place[color.RGBA{img.Pix[4*i], img.Pix[4*i+1], img.Pix[4*i+2], img.Pix[4*i+3]}]
	}
	return out
}
