package picture

import (
	"image"
	"image/color"
	"strings"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
)

// blocks draws two pixels in each cell: the upper half in the text colour, the lower half in the
// background colour. Where a pixel is transparent, the terminal's own background shows.
func (c Canvas) blocks(img image.Image) (text string, rows int) {
	size := fit(img.Bounds().Size(), image.Pt(c.Cols, 2*c.Rows))
	small := scaled(img, size)
	if size.X < img.Bounds().Dx() {
		small = shrunk(img, size)
	}
	profile := c.Colours
	if profile < colorprofile.ANSI {
		profile = colorprofile.ANSI256
	}
	var b strings.Builder
	for y := 0; y < size.Y; y += 2 {
		style := ""
		for x := range size.X {
			upper, above := opaque(small, x, y)
			lower, below := opaque(small, x, y+1)
			glyph, fg, bg := " ", color.Color(nil), color.Color(nil)
			switch {
			case above && below:
				glyph, fg, bg = "▀", upper, lower
			case above:
				glyph, fg = "▀", upper
			case below:
				glyph, fg = "▄", lower
			}
			now := ansi.Style{}
			if fg != nil {
				now = now.ForegroundColor(profile.Convert(fg))
			}
			if bg != nil {
				now = now.BackgroundColor(profile.Convert(bg))
			}
			if s := "\x1b[m" + styleText(now); s != style {
				b.WriteString(s)
				style = s
			}
			b.WriteString(glyph)
		}
		b.WriteString("\x1b[m\r\n")
	}
	return b.String(), (size.Y + 1) / 2
}

func styleText(s ansi.Style) string {
	if len(s) == 0 {
		return ""
	}
	return s.String()
}

// opaque returns the colour of a pixel, and whether to draw it.
func opaque(img *image.NRGBA, x, y int) (color.Color, bool) {
	if y >= img.Rect.Max.Y {
		return nil, false
	}
	p := img.NRGBAAt(x, y)
	return color.NRGBA{p.R, p.G, p.B, 255}, p.A >= seen
}
