// The ground under pictures, and how pictures are made small. Transparent pictures are made for
// pages, whose colour a terminal may not have. Thin lines vanish if a picture is averaged into half
// blocks.

package picture

import (
	"image"
	"image/color"
	"image/draw"
)

const (
	nearlyBlack = 100 // no channel of a dark colour is this light
	nearlyWhite = 170 // no channel of a light colour is this dark
	faint       = 150 // the mean alpha of what is hard to see on any background
	notable     = 10  // percent of a picture's visible part
)

// onPage puts a transparent picture on a page if it could not be seen on a dark or a light
// terminal, as with a chart's dark text. Colours are visible on both and keep the terminal's
// background.
func onPage(img image.Image) image.Image {
	if o, ok := img.(interface{ Opaque() bool }); ok && o.Opaque() {
		return img
	}
	var shown, dark, light, solid uint64 // sums of alpha
	pixels := uint64(0)
	clear := false
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			c := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
			clear = clear || c.A < 255
			if c.A == 0 {
				continue
			}
			pixels++
			shown += uint64(c.A)
			switch {
			case max(c.R, c.G, c.B) < nearlyBlack:
				dark += uint64(c.A)
			case min(c.R, c.G, c.B) > nearlyWhite:
				light += uint64(c.A)
			}
		}
	}
	if pixels > 0 {
		solid = shown / pixels
	}
	isDark, isLight := dark*100 > shown*notable, light*100 > shown*notable
	var page color.Color
	switch {
	case !clear || pixels == 0:
		return img
	case isDark && isLight:
		page = color.Gray{0x90}
	case isLight:
		page = color.Gray{0x20}
	case isDark || solid < faint:
		page = color.White
	default:
		return img
	}
	out := image.NewNRGBA(image.Rectangle{Max: b.Size()})
	draw.Draw(out, out.Rect, image.NewUniform(page), image.Point{}, draw.Src)
	draw.Draw(out, out.Rect, img, b.Min, draw.Over)
	return out
}

// ground is the colour of most of a picture, on which lines are drawn; false if there is none, as
// in a photograph.
func ground(img *image.NRGBA) (color.NRGBA, bool) {
	counts := map[color.NRGBA]int{}
	most, all := color.NRGBA{}, 0
	step := max(1, max(img.Rect.Dx(), img.Rect.Dy())/200)
	for y := 0; y < img.Rect.Dy(); y += step {
		for x := 0; x < img.Rect.Dx(); x += step {
			c := img.NRGBAAt(x, y)
			if c.A == 0 {
				c = color.NRGBA{}
			}
			counts[c]++
			if all++; counts[c] > counts[most] {
				most = c
			}
		}
	}
	return most, counts[most]*100 > all*40
}

// ink is what differs from the ground in a box of pixels.
type ink struct{ r, g, b, weight, pixels int }

func (k *ink) add(c, from color.NRGBA) {
	differs := max(apart(c.A, from.A), 0)
	if c.A > 0 && from.A > 0 {
		differs = max(differs, apart(c.R, from.R), apart(c.G, from.G), apart(c.B, from.B))
	}
	if differs <= 16 {
		return
	}
	k.pixels++
	k.weight += differs
	k.r, k.g, k.b = k.r+differs*int(c.R), k.g+differs*int(c.G), k.b+differs*int(c.B)
}

func apart(a, b uint8) int { return max(int(a)-int(b), int(b)-int(a)) }

// shrunk makes a picture smaller and keeps its lines: a line that is one pixel wide stays as strong
// as any in the smaller picture. Pictures without a ground are averaged.
func shrunk(source image.Image, size image.Point) *image.NRGBA {
	from := source.Bounds()
	img := image.NewNRGBA(image.Rectangle{Max: from.Size()})
	draw.Draw(img, img.Rect, source, from.Min, draw.Src)
	base, has := ground(img)
	if !has {
		return scaled(img, size)
	}
	out := image.NewNRGBA(image.Rectangle{Max: size})
	by := float64(max(from.Dx()/size.X, from.Dy()/size.Y, 1))
	for y := range size.Y {
		top, bottom := span(y, from.Dy(), size.Y)
		for x := range size.X {
			left, right := span(x, from.Dx(), size.X)
			var k ink
			for v := top; v < bottom; v++ {
				for u := left; u < right; u++ {
					k.add(img.NRGBAAt(u, v), base)
				}
			}
			share := min(1, max(1, 0.65*by)*float64(k.pixels)/float64((bottom-top)*(right-left)))
			out.SetNRGBA(x, y, k.on(base, share))
		}
	}
	return out
}

// span says which of n pixels go into pixel i of a smaller picture.
func span(i, n, small int) (from, to int) {
	from = i * n / small
	return from, max(from+1, (i+1)*n/small)
}

// on is the colour of a pixel of which ink covers a share.
func (k *ink) on(base color.NRGBA, share float64) color.NRGBA {
	if k.weight == 0 {
		return base
	}
	mean := color.NRGBA{uint8(k.r / k.weight), uint8(k.g / k.weight), uint8(k.b / k.weight), 255}
	if base.A == 0 {
		mean.A = uint8(255 * share)
		return mean
	}
	mix := func(a, b uint8) uint8 { return uint8(float64(a)*share + float64(b)*(1-share) + 0.5) }
	return color.NRGBA{mix(mean.R, base.R), mix(mean.G, base.G), mix(mean.B, base.B), 255}
}

// hard makes each pixel either visible or not. Sixels have no partial transparency, and an encoder
// leaves out what is not opaque.
func hard(img *image.NRGBA) *image.NRGBA {
	for i := 3; i < len(img.Pix); i += 4 {
		img.Pix[i] = map[bool]uint8{true: 255}[img.Pix[i] >= seen]
	}
	return img
}

// seen is the alpha from which a pixel is drawn, if it can only be drawn as a whole.
const seen = 96
