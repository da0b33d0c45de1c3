// What a picture is drawn on, and how it is made small: transparent pictures are made for pages,
// whose colour a terminal does not have, and thin lines vanish where a picture is averaged into
// half blocks.

package picture

import (
	"image"
	"image/color"
	"image/draw"
)

const (
	nearlyBlack = 100 // no channel of a dark colour is as light
	nearlyWhite = 170 // no channel of a light colour is as dark
	faint       = 150 // the mean alpha of what cannot be seen well on any background
	notable     = 10  // percent of what a picture shows
)

// onPage lays a transparent picture on a page where it could not be seen on a dark or on a light
// terminal: dark text of a chart, for example. Colours can be seen on both and keep the terminal's
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

// ground is the colour of most of a picture, which lines are drawn on; false: it has none, as a
// photograph.
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

// ink is what differs from the ground within a box of pixels.
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

// shrunk makes a picture smaller so that its lines stay: one that is a pixel wide is as strong as
// any in a picture that is so much smaller. Pictures without a ground are averaged.
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

// span is which of n pixels go into the one with the number i of a smaller picture.
func span(i, n, small int) (from, to int) {
	from = i * n / small
	return from, max(from+1, (i+1)*n/small)
}

// on is the colour of a pixel that ink covers a share of.
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

// hard makes each pixel seen or not: sixels have no transparency in between, and an encoder leaves
// out what is not opaque.
func hard(img *image.NRGBA) *image.NRGBA {
	for i := 3; i < len(img.Pix); i += 4 {
		img.Pix[i] = map[bool]uint8{true: 255}[img.Pix[i] >= seen]
	}
	return img
}

// seen is the alpha from which on a pixel is drawn where it can be drawn only as a whole.
const seen = 96
