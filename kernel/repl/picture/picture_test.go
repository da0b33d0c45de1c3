// Tests of pictures: protocols, half blocks, SVG and broken files.

package picture

import (
	"bytes"
	"context"
	"encoding/base64"
	"image"
	"image/color"
	"image/png"
	"os"
	"strings"
	"testing"

	"github.com/charmbracelet/colorprofile"
	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi/kitty"
	"github.com/charmbracelet/x/ansi/sixel"
	"github.com/charmbracelet/x/vt"
)

var (
	red  = color.NRGBA{255, 0, 0, 255}
	blue = color.NRGBA{0, 0, 255, 255}
)

// quarters is a picture of w x h pixels: red above, blue below, and transparent in its right half.
func quarters(w, h int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w / 2 {
			img.Set(x, y, map[bool]color.Color{true: red, false: blue}[y < h/2])
		}
	}
	return img
}

func same(a, b color.Color) bool {
	if a == nil || b == nil {
		return a == b
	}
	r, g, bl, _ := a.RGBA()
	R, G, B, _ := b.RGBA()
	return r == R && g == G && bl == B
}

func TestBlocks(t *testing.T) {
	c := Canvas{Protocol: Blocks, Cols: 10, Rows: 10, Colours: colorprofile.TrueColor}
	text, rows, err := c.Draw(quarters(4, 2))
	if err != nil || rows != 1 {
		t.Fatalf("%d rows, %v", rows, err)
	}
	e := vt.NewEmulator(10, 4)
	e.WriteString(text)
	for x, want := range []string{"▀", "▀", " ", " "} {
		cell := e.CellAt(x, 0)
		if cell.Content != want || want == "▀" && (!same(cell.Style.Fg, red) || !same(cell.Style.Bg, blue)) || want == " " && cell.Style.Bg != nil {
			t.Errorf("cell %d: %q in %v on %v", x, cell.Content, cell.Style.Fg, cell.Style.Bg)
		}
	}
	if p := e.CursorPosition(); p.X != 0 || p.Y != 1 {
		t.Errorf("the cursor is at %v", p)
	}
	if _, rows, _ := c.Draw(quarters(100, 300)); rows != 10 {
		t.Errorf("a tall picture has %d rows, the room 10", rows)
	}
}

// payloads returns the text between the given parts of a sequence.
func payloads(t *testing.T, text, start, end string) []string {
	t.Helper()
	var all []string
	for {
		_, rest, ok := strings.Cut(text, start)
		if !ok {
			return all
		}
		payload, rest, ok := strings.Cut(rest, end)
		if !ok {
			t.Fatalf("%q is not ended", text)
		}
		all, text = append(all, payload), rest
	}
}

func TestProtocols(t *testing.T) {
	img := quarters(400, 200)
	for _, p := range []Protocol{Kitty, ITerm, Sixel} {
		c := Canvas{Protocol: p, Cols: 20, Rows: 5, Cell: image.Pt(10, 20)}
		text, rows, err := c.Draw(img)
		if err != nil || rows != 5 {
			t.Fatalf("%s: %d rows, %v", p, rows, err)
		}
		var got image.Image
		switch p {
		case Kitty:
			var data []byte
			for i, chunk := range payloads(t, text, "\x1b_G", "\x1b\\") {
				options, payload, _ := strings.Cut(chunk, ";")
				if i == 0 && (!strings.Contains(options, "c=20") || !strings.Contains(options, "r=5") || !strings.Contains(options, "C=1") || !strings.Contains(options, "q=2")) {
					t.Errorf("kitty: options %s", options)
				}
				data = append(data, payload...)
			}
			raw, err := base64.StdEncoding.DecodeString(string(data))
			if err != nil {
				t.Fatal(err)
			}
			got, err = (&kitty.Decoder{Format: kitty.PNG}).Decode(bytes.NewReader(raw))
			if err != nil {
				t.Fatal(err)
			}
		case ITerm:
			_, payload, _ := strings.Cut(payloads(t, text, "\x1b]1337;File=", "\a")[0], ":")
			raw, err := base64.StdEncoding.DecodeString(payload)
			if err != nil {
				t.Fatal(err)
			}
			if got, err = png.Decode(bytes.NewReader(raw)); err != nil {
				t.Fatal(err)
			}
		case Sixel:
			payload := payloads(t, text, "\x1bP", "\x1b\\")[0]
			_, payload, _ = strings.Cut(payload, "q")
			if got, err = new(sixel.Decoder).Decode(strings.NewReader(payload)); err != nil {
				t.Fatal(err)
			}
		}
		if size := got.Bounds().Size(); size != image.Pt(200, 100) {
			t.Errorf("%s: %v pixels for a room of 200 x 100", p, size)
		}
		if !same(got.At(10, 10), red) || !same(got.At(10, 90), blue) {
			t.Errorf("%s: %v above %v", p, got.At(10, 10), got.At(10, 90))
		}
	}
	c := Canvas{Protocol: Kitty, Cols: 80, Rows: 20, Cell: image.Pt(8, 16)}
	if text, rows, _ := c.Draw(quarters(28, 28)); rows != 7 || !strings.Contains(text, "c=14") {
		// 4 x 28 = 112 pixels
		t.Errorf("a tiny picture has %d rows", rows)
	}
}

// terminal answers queries with events.
type terminal []uv.Event

func (t terminal) Query(ctx context.Context, request string, wanted func(uv.Event) bool) bool {
	for _, e := range t {
		if wanted(e) {
			return true
		}
	}
	return false
}

func TestDetect(t *testing.T) {
	ok := uv.KittyGraphicsEvent{Options: kitty.Options{ID: 31}, Payload: []byte("OK")}
	for _, test := range []struct {
		name, env string
		answers   terminal
		want      Protocol
		cell      image.Point
		bad       string
	}{
		{"kitty by its name", "TERM=xterm-kitty", nil, Kitty, image.Point{}, ""},
		{"iTerm2", "TERM=xterm-256color TERM_PROGRAM=iTerm.app", terminal{uv.CellSizeEvent{Width: 7, Height: 15}, uv.PrimaryDeviceAttributesEvent{62}}, ITerm, image.Pt(7, 15), ""},
		{"answers for kitty", "TERM=xterm-256color", terminal{ok, uv.PrimaryDeviceAttributesEvent{62, 4}}, Kitty, image.Point{}, ""},
		{"answers with sixels", "TERM=xterm", terminal{uv.PrimaryDeviceAttributesEvent{62, 4, 22}}, Sixel, image.Point{}, ""},
		{"no sixels", "TERM=xterm", terminal{uv.PrimaryDeviceAttributesEvent{62, 22}}, Blocks, image.Point{}, ""},
		{"no answer", "TERM=xterm", nil, Blocks, image.Point{}, ""},
		{"tmux in kitty", "TERM=tmux-256color KITTY_WINDOW_ID=1 TMUX=x", terminal{uv.PrimaryDeviceAttributesEvent{1, 2}}, Blocks, image.Point{}, ""},
		{"console", "TERM=linux", nil, Blocks, image.Point{}, ""},
		{"dumb", "TERM=dumb", nil, None, image.Point{}, ""},
		{"set", "TERM=dumb GSM_GRAPHICS=Sixel", nil, Sixel, image.Point{}, ""},
		{"set to none", "TERM=xterm-kitty GSM_GRAPHICS=none", nil, None, image.Point{}, ""},
		{"set wrongly", "TERM=xterm-kitty GSM_GRAPHICS=best", nil, Kitty, image.Point{}, "kernel: GSM_GRAPHICS=best: must be one of kitty, iterm, sixel, blocks, none"},
	} {
		getenv := func(name string) string {
			for _, field := range strings.Fields(test.env) {
				if value, ok := strings.CutPrefix(field, name+"="); ok {
					return value
				}
			}
			return ""
		}
		p, cell, err := Detect(context.Background(), getenv, test.answers)
		bad := ""
		if err != nil {
			bad = err.Error()
		}
		if p != test.want || cell != test.cell || bad != test.bad {
			t.Errorf("%s: %s, %v, %q", test.name, p, cell, bad)
		}
	}
}

func TestSVG(t *testing.T) {
	const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="100" height="50" viewBox="0 0 100 50"><title>A  title</title><desc>and more</desc>` +
		`<rect x="0" y="0" width="50" height="50" fill="#ff0000"/><g transform="translate(75, 40) rotate(-90)"><text x="0" y="0" style="font-size:20px;fill:#0000ff">MMM</text></g></svg>`
	img, err := Canvas{Protocol: Kitty}.Decode("image/svg+xml", []byte(svg))
	if err != nil {
		t.Fatal(err)
	}
	if size := img.Bounds().Size(); size != image.Pt(side, side/2) {
		t.Errorf("%v pixels", size)
	}
	if !same(img.At(300, 300), red) {
		t.Errorf("the rectangle is %v", img.At(300, 300))
	}
	// Rotated by 90 degrees, the text goes up from (75, 40) and stays within 20 units to the left.
	inked := image.Rectangle{}
	for y := range side / 2 {
		for x := side / 2; x < side; x++ {
			if same(img.At(x, y), blue) {
				inked = inked.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	if unit := side / 100; inked.Empty() || inked.Max.X > 76*unit || inked.Min.X < 55*unit || inked.Max.Y > 40*unit || inked.Dy() < 30*unit {
		t.Errorf("the text covers %v", inked)
	}
	chart, err := os.ReadFile("../../../docs/img/density.svg")
	if err != nil {
		t.Fatal(err)
	}
	c := Canvas{Protocol: Blocks, Cols: 80, Rows: 24, Colours: colorprofile.TrueColor}
	if img, err = c.Decode("image/svg+xml", chart); err != nil {
		t.Fatal(err)
	}
	text, rows, err := c.Draw(img)
	if err != nil || rows < 20 || strings.Count(text, "▀") < 1000 {
		t.Errorf("a chart has %d rows, %v", rows, err)
	}
}

func TestBroken(t *testing.T) {
	for mime, data := range map[string]string{"image/png": "\x89PNG\r\n\x1a\n", "image/jpeg": "text", "image/svg+xml": "<svg></svg>"} {
		if _, err := (Canvas{}).Decode(mime, []byte(data)); err == nil {
			t.Errorf("%s of %q was drawn", mime, data)
		}
	}
	var huge bytes.Buffer
	if err := png.Encode(&huge, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
		t.Fatal(err)
	}
	header := huge.Bytes()
	copy(header[16:24], "\x00\x10\x00\x00\x00\x10\x00\x00") // a size of 2^20 x 2^20
	if _, err := (Canvas{}).Decode("image/png", header); err == nil {
		t.Error("a picture of 2^40 pixels was decoded")
	}
}
