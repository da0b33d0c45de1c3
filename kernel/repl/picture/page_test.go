package picture

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi/sixel"
)

// filled is a picture of one colour with a transparent border.
func filled(c color.NRGBA) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, 200, 200))
	for y := 50; y < 150; y++ {
		for x := 50; x < 150; x++ {
			img.SetNRGBA(x, y, c)
		}
	}
	return img
}

// TestPages: a picture that could not be seen on some terminal gets a page, in each way to draw.
// Pictures that can be seen get none.
func TestPages(t *testing.T) {
	for _, test := range []struct {
		name string
		ink  color.NRGBA
		page color.Color // nil: the terminal's background
	}{
		{"black", color.NRGBA{0, 0, 0, 255}, color.White},
		{"dark blue", color.NRGBA{0, 0, 80, 255}, color.White},
		{"white", color.NRGBA{255, 255, 255, 255}, color.Gray{0x20}},
		{"red", color.NRGBA{220, 20, 20, 255}, nil},
		{"faint green", color.NRGBA{0, 200, 0, 100}, color.White},
	} {
		for _, p := range []Protocol{Kitty, ITerm, Sixel} {
			c := Canvas{Protocol: p, Cols: 40, Rows: 20, Cell: image.Pt(10, 20)}
			text, _, err := c.Draw(filled(test.ink))
			if err != nil {
				t.Fatal(err)
			}
			var img image.Image
			switch p {
			case Kitty:
				var data strings.Builder
				for _, chunk := range payloads(t, text, "\x1b_G", "\x1b\\") {
					_, payload, _ := strings.Cut(chunk, ";")
					data.WriteString(payload)
				}
				raw, err := base64.StdEncoding.DecodeString(data.String())
				if err != nil {
					t.Fatal(err)
				}
				img, err = png.Decode(bytes.NewReader(raw))
				if err != nil {
					t.Fatal(err)
				}
			case ITerm:
				_, payload, _ := strings.Cut(payloads(t, text, "\x1b]1337;File=", "\a")[0], ":")
				raw, err := base64.StdEncoding.DecodeString(payload)
				if err != nil {
					t.Fatal(err)
				}
				if img, err = png.Decode(bytes.NewReader(raw)); err != nil {
					t.Fatal(err)
				}
			case Sixel:
				_, payload, _ := strings.Cut(payloads(t, text, "\x1bP", "\x1b\\")[0], "q")
				if img, err = new(sixel.Decoder).Decode(strings.NewReader(payload)); err != nil {
					t.Fatal(err)
				}
			}
			corner, middle := color.NRGBAModel.Convert(img.At(5, 5)).(color.NRGBA), color.NRGBAModel.Convert(img.At(100, 100)).(color.NRGBA)
			if middle.A < 255 {
				t.Errorf("%s, %s: its middle is %v", test.name, p, middle)
			}
			near := func(a, b color.NRGBA) bool { // sixels have 100 steps per channel
				return apart(a.R, b.R) < 4 && apart(a.G, b.G) < 4 && apart(a.B, b.B) < 4
			}
			if test.page != nil && (corner.A < 255 || !near(corner, color.NRGBAModel.Convert(test.page).(color.NRGBA))) || test.page == nil && corner.A != 0 && p != Sixel {
				t.Errorf("%s, %s: its corner is %v, want %v", test.name, p, corner, test.page)
			}
		}
	}
}
