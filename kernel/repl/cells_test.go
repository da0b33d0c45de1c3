// What the cells of a terminal show of pictures: charts, transparent pictures and thin lines, on
// dark and light terminals.

package repl

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
	"testing"

	"gsmlab/gsm/chart"
	"gsmlab/internal/ptyscreen"
	"gsmlab/kernel/engine"
	"gsmlab/kernel/repl/edit"
)

const columns, rows = 80, 24

// shownCells draws a value in half blocks on a terminal. It returns the colours of its half cells:
// the terminal's background where nothing is drawn.
func shownCells(t *testing.T, b engine.Bundle, background color.Color) [][]color.Color {
	t.Helper()
	t.Setenv("COLORTERM", "truecolor")
	t.Setenv("TERM", "xterm-256color")
	screen := ptyscreen.New(t, columns, rows)
	terminal, err := edit.Open(screen.TTY, screen.TTY)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	s := &prompt{opt: Options{Getenv: environment(map[string]string{"GSM_GRAPHICS": "blocks"})}, term: terminal, theme: theme{colour: true}}
	newPrinter(s).Result(b)
	terminal.Print("below\n")
	screen.Wait("below")
	var all [][]color.Color
	for y := range rows {
		var upper, lower []color.Color
		for x := range columns {
			content, fg, bg := screen.Cell(x, y)
			if bg == nil {
				bg = background
			}
			if content == "b" && x == 0 { // the text below
				return all
			}
			above, below := bg, bg
			switch content {
			case "▀":
				above = fg
			case "▄":
				below = fg
			}
			upper, lower = append(upper, above), append(lower, below)
		}
		all = append(all, upper, lower)
	}
	return all
}

// drawn counts the half cells that differ from the ground, the colour of most of them.
func drawn(cells [][]color.Color) (n int) {
	counts := map[[3]uint8]int{}
	spelled := func(c color.Color) [3]uint8 {
		p := color.NRGBAModel.Convert(c).(color.NRGBA)
		return [3]uint8{p.R, p.G, p.B}
	}
	var ground [3]uint8
	for _, row := range cells {
		for _, c := range row {
			p := spelled(c)
			if counts[p]++; counts[p] > counts[ground] {
				ground = p
			}
		}
	}
	for p, count := range counts {
		apart := 0.0
		for i := range p {
			apart = max(apart, math.Abs(float64(p[i])-float64(ground[i])))
		}
		if apart > 60 {
			n += count
		}
	}
	return n
}

func encoded(t *testing.T, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// lines is a picture of thin lines, one pixel wide, across its whole width.
func lines(ground, line color.Color) image.Image {
	img := image.NewNRGBA(image.Rect(0, 0, 640, 400))
	for y := range 400 {
		for x := range 640 {
			img.Set(x, y, ground)
			if y%100 == 50 {
				img.Set(x, y, line)
			}
		}
	}
	return img
}

func TestPicturesInCells(t *testing.T) {
	figure, err := chart.Lines("A chart", "step", "loss", []chart.Series{{Name: "loss", X: []float64{0, 1, 2, 3, 4}, Mean: []float64{5, 3, 2, 1.5, 1.2}}}, chart.LineOptions{})
	if err != nil {
		t.Fatal(err)
	}
	svg, err := figure.SVG()
	if err != nil {
		t.Fatal(err)
	}
	picture, err := figure.PNG(1)
	if err != nil {
		t.Fatal(err)
	}
	blank := color.NRGBA{}
	half := image.NewNRGBA(image.Rect(0, 0, 200, 100))
	for y := range 100 {
		for x := range 100 {
			half.SetNRGBA(x, y, color.NRGBA{200, 30, 30, 90})
		}
	}
	for _, test := range []struct {
		name  string
		value engine.Bundle
		least int // half cells
	}{
		{"a chart", engine.Bundle{"image/png": picture, "image/svg+xml": string(svg), "text/plain": "a chart"}, 100},
		{"a chart as a transparent PNG", engine.Bundle{"image/png": picture, "text/plain": "a chart"}, 100},
		{"dark lines on nothing", engine.Bundle{"image/png": encoded(t, lines(blank, color.Black))}, 4 * 60},
		{"light lines on nothing", engine.Bundle{"image/png": encoded(t, lines(blank, color.White))}, 4 * 60},
		{"red lines on nothing", engine.Bundle{"image/png": encoded(t, lines(blank, color.NRGBA{220, 20, 20, 255}))}, 4 * 60},
		{"dark lines on white", engine.Bundle{"image/png": encoded(t, lines(color.White, color.Black))}, 4 * 60},
		{"light lines on black", engine.Bundle{"image/png": encoded(t, lines(color.Black, color.White))}, 4 * 60},
		{"half transparent", engine.Bundle{"image/png": encoded(t, half)}, 500},
	} {
		t.Run(test.name, func(t *testing.T) {
			for terminal, background := range map[string]color.Color{"dark": color.Black, "light": color.White} {
				if n := drawn(shownCells(t, test.value, background)); n < test.least {
					t.Errorf("on a %s terminal %d half cells can be seen, want %d", terminal, n, test.least)
				}
			}
		})
	}
}
