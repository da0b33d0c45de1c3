// Tests of what SVG looks like in pixels: sizes, lines, text, pictures, and a chart as PNG.

package raster

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"strings"
	"testing"
)

var (
	red   = color.RGBA{255, 0, 0, 255}
	green = color.RGBA{0, 255, 0, 255}
	blue  = color.RGBA{0, 0, 255, 255}
	white = color.RGBA{255, 255, 255, 255}
)

func drawn(t *testing.T, svg string, o Options) *image.RGBA {
	t.Helper()
	img, err := Draw([]byte(svg), o)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// inked is the smallest rectangle with all pixels of a colour.
func inked(img *image.RGBA, c color.RGBA) (r image.Rectangle) {
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			if img.RGBAAt(x, y) == c {
				r = r.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return r
}

// TestScale: one unit of an SVG is as many pixels as its size in CSS pixels says.
func TestScale(t *testing.T) {
	for attributes, want := range map[string]image.Point{
		`width="72pt" height="36pt" viewBox="0 0 72 36"`:   {192, 96},
		`width="1in" height="0.5in" viewBox="0 0 200 100"`: {192, 96},
		`width="50" height="20"`:                           {100, 40},
		`width="100%" viewBox="0 0 30 60"`:                 {60, 120},
	} {
		svg := `<svg xmlns="http://www.w3.org/2000/svg" ` + attributes + `><rect width="5" height="5" fill="#ff0000"/></svg>`
		img := drawn(t, svg, Options{Scale: 2})
		if img.Rect.Size() != want || img.RGBAAt(0, 0) != red || img.RGBAAt(want.X-1, want.Y-1) != white {
			t.Errorf("%s: %v pixels, want %v; %v in the first corner", attributes, img.Rect.Size(), want, img.RGBAAt(0, 0))
		}
	}
	if _, err := Draw([]byte(`<svg viewBox="0 0 9000 1"><path d="M0 0L1 1"/></svg>`), Options{Scale: 1}); err == nil {
		t.Error("a picture of 9000 pixels was drawn")
	}
}

// TestPictures: an embedded picture is drawn in its turn, in its box, and upright under a matrix
// that turns the axes over.
func TestPictures(t *testing.T) {
	two := image.NewNRGBA(image.Rect(0, 0, 1, 2))
	two.Set(0, 0, red)
	two.Set(0, 1, green)
	var data bytes.Buffer
	if err := png.Encode(&data, two); err != nil {
		t.Fatal(err)
	}
	element := `<image x="10" y="-30" width="20" height="20" %s xlink:href="data:image/png;base64,` + base64.StdEncoding.EncodeToString(data.Bytes()) + `"/>`
	svg := `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="40" height="40" viewBox="0 0 40 40">` +
		`<g transform="scale(1, -1) translate(0, -40)"><rect width="40" height="40" fill="#ffffff"/><g transform="scale(1, -1)">` + element + `</g>` +
		`<rect x="10" y="28" width="20" height="2" fill="#0000ff"/></g></svg>`
	img := drawn(t, fmt.Sprintf(svg, `preserveAspectRatio="none"`), Options{Scale: 1})
	if r := inked(img, red); r != image.Rect(10, 12, 30, 20) { // rows 10 and 11 are blue
		t.Errorf("the upper pixel covers %v", r)
	}
	if r := inked(img, green); r != image.Rect(10, 20, 30, 30) {
		t.Errorf("the lower pixel covers %v", r)
	}
	if r := inked(img, blue); r != image.Rect(10, 10, 30, 12) {
		t.Errorf("the bar that is drawn later covers %v", r)
	}
	if r := inked(drawn(t, fmt.Sprintf(svg, ""), Options{Scale: 1}), green); r != image.Rect(15, 20, 25, 30) {
		t.Errorf("in its own proportions the lower pixel covers %v", r)
	}
}

// TestText: text lies where its anchor and its matrix say, in the colour and size of what it is in.
func TestText(t *testing.T) {
	for anchor, want := range map[string][2]int{"start": {100, 150}, "middle": {75, 125}, "end": {50, 100}} {
		img := drawn(t, `<svg xmlns="http://www.w3.org/2000/svg" width="200" height="50" fill="#0000ff" font-size="20"><text x="100" y="30" text-anchor="`+anchor+`">MMM</text></svg>`, Options{Scale: 1})
		r := inked(img, blue)
		if r.Min.X < want[0] || r.Max.X > want[1]+1 || r.Dx() < 40 || r.Max.Y < 29 || r.Max.Y > 30 || r.Dy() < 12 || r.Dy() > 16 {
			t.Errorf("%s: the text covers %v, want %v across, up from 30", anchor, r, want)
		}
	}
}

// TestSides: a picture for half blocks has bold lines and no text.
func TestSides(t *testing.T) {
	chart, err := os.ReadFile("../../docs/img/density.svg")
	if err != nil {
		t.Fatal(err)
	}
	fine, bold := drawn(t, string(chart), Options{Side: 600}), drawn(t, string(chart), Options{Side: 600, Columns: 60})
	count := func(img *image.RGBA) (n int) {
		for i := 0; i < len(img.Pix); i += 4 {
			if img.Pix[i] != 255 {
				n++
			}
		}
		return n
	}
	if fine.Rect.Dx() != 600 || count(bold) < 2*count(fine) {
		t.Errorf("%v pixels, %d of them inked, for blocks %d", fine.Rect, count(fine), count(bold))
	}
	if _, err := Draw([]byte("<svg></svg>"), Options{Side: 10}); err == nil || !strings.Contains(err.Error(), "no size") {
		t.Errorf("an SVG without a size: %v", err)
	}
}

func FuzzDraw(f *testing.F) {
	f.Add(`<svg viewBox="0 0 9 9"><g transform="scale(1,-1)"><path d="M0 0L5 5" stroke="red"/><text x="1" y="2" font-size="3">a</text></g></svg>`)
	f.Add(`<svg viewBox="0 0 9 9"><image width="1" href="data:image/png;base64,"><title/></image><image></svg>`)
	f.Fuzz(func(t *testing.T, svg string) {
		if len(svg) > 2000 {
			return
		}
		img, err := Draw([]byte(svg), Options{Side: 100})
		if err == nil && max(img.Rect.Dx(), img.Rect.Dy()) > 101 {
			t.Errorf("%v pixels", img.Rect)
		}
	})
}

// TestPNG: a chart is opaque, twice as fine as it is shown, small, and the same each time.
func TestPNG(t *testing.T) {
	chart, err := os.ReadFile("../../docs/img/density.svg")
	if err != nil {
		t.Fatal(err)
	}
	data, size, err := PNG(chart, 2)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if b := img.Bounds().Size(); b != size.Mul(2) || size != image.Pt(768, 432) || len(data) > 100<<10 {
		t.Errorf("%v pixels for %v in %d bytes", b, size, len(data))
	}
	if p, ok := img.(*image.Paletted); !ok || !p.Opaque() || p.At(0, 0) != white {
		t.Errorf("a %T with %v in the corner", img, img.At(0, 0))
	}
	if again, _, _ := PNG(chart, 2); !bytes.Equal(data, again) {
		t.Error("the PNG differs from one time to the next")
	}
}

// TestLines: lines and their dashes grow with the picture.
func TestLines(t *testing.T) {
	img := drawn(t, `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="10"><path d="M0 5L40 5" stroke="#ff0000" stroke-width="2" stroke-dasharray="8,8" fill="none"/></svg>`, Options{Scale: 4})
	if r := inked(img, red); r.Dy() != 8 || r.Min.Y != 16 {
		t.Errorf("the line covers %v", r)
	}
	if a, b := img.RGBAAt(16, 20), img.RGBAAt(48, 20); a != red || b != white {
		t.Errorf("a dash is %v, a gap %v", a, b)
	}
}
