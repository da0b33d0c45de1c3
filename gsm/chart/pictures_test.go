// Each kind of chart is drawn once, to check that the same input gives the same bytes and that a
// PNG has its size and background.

package chart

import (
	"bytes"
	"encoding/xml"
	"flag"
	"image/color"
	"image/png"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"gsmlab/gsm/trace"
)

var outDir = flag.String("out", "", "folder into which TestPictures writes the pictures, to be looked at")

// short and long runs are made once; figures only read them.
var (
	shortRun = sync.OnceValue(func() *trace.Run { return synth(lenet300(), 20, 6, 20, 1) })
	longRun  = sync.OnceValue(func() *trace.Run { return synth(lenet300(), 235, 60, 80, 2) })
	deepRun  = sync.OnceValue(func() *trace.Run { return synth(deep(60), 20, 10, 100, 2) })
)

// sample returns every kind of figure, by file name.
func sample(t *testing.T) map[string]*Figure {
	t.Helper()
	figures := make(map[string]*Figure)
	add := func(name string, f *Figure, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		figures[name] = f
	}
	for name, run := range map[string]*trace.Run{"short": shortRun(), "long": longRun(), "deep": deepRun()} {
		all, err := All(run)
		if err != nil || len(all) != 7 {
			t.Fatalf("%s: %d figures, want 7: %v", name, len(all), err)
		}
		for _, f := range all {
			add(name+"-"+f.Name, f, nil)
		}
	}
	f, err := Lines("Winning tickets of LeNet-300 at 60x", "epoch", "test accuracy (%)", ticketLines(), LineOptions{Name: "tickets", YMin: 95, YMax: 98.6})
	add("tickets", f, err)
	rng := rand.New(rand.NewPCG(3, 4))
	scores := make([]float32, 50000)
	for i := range scores[:45000] {
		scores[i] = float32(math.Exp(rng.NormFloat64()*3 - 14))
	}
	f, err = ScoreHistogram(scores, 1e-4)
	add("scores", f, err)
	cells := make([]bool, 784*300)
	for i := range cells {
		r, c := i/300, i%300
		d := math.Hypot(float64(r%28)-14, float64(r/28)-14)
		cells[i] = rng.Float64() < 0.15*math.Exp(-d*d/60)*(0.2+float64(c%7)/7)
	}
	f, err = Mask("Mask of fc1, 784 inputs by 300 units", cells, 784, 300)
	add("mask-large", f, err)
	small := make([]float32, 25*20)
	for i := range small {
		if rng.Float64() < 0.2 {
			small[i] = 1
		}
	}
	f, err = Mask("Mask of conv1, 25 inputs by 20 channels", small, 25, 20)
	add("mask-small", f, err)
	return figures
}

func ticketLines() []Series {
	var out []Series
	for i, name := range []string{"GSM ticket, 3 seeds", "magnitude ticket, 3 seeds", "dense"} {
		s := Series{Name: name}
		for e := range 60 {
			y := []float64{98.2, 97.4, 98.3}[i] - 4*math.Exp(-float64(e)/5)
			s.X, s.Mean = append(s.X, float64(e+1)), append(s.Mean, y)
			if i < 2 {
				s.Min, s.Max = append(s.Min, y-0.15*float64(i+1)), append(s.Max, y+0.12*float64(i+1))
			}
		}
		out = append(out, s)
	}
	return out
}

func TestPictures(t *testing.T) {
	for name, f := range sample(t) {
		if f.Name == "" || f.Title == "" || f.Alt == "" {
			t.Errorf("%s: name %q, title %q, alt %q: none may be empty", name, f.Name, f.Title, f.Alt)
		}
		svg, err := f.SVG()
		if err != nil {
			t.Error(err)
			continue
		}
		if len(svg) > 200<<10 {
			t.Errorf("%s: the SVG has %d bytes, want at most 200 KB", name, len(svg))
		}
		wellFormed(t, name, svg)
		if *outDir == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(*outDir, name+".svg"), svg, 0o644); err != nil {
			t.Error(err)
		}
		for ground, c := range map[string]color.Color{"white": color.White, "dark": color.Gray{0x11}} {
			f.Background = c
			if err := f.Save(filepath.Join(*outDir, name+"-"+ground+".png")); err != nil {
				t.Error(err)
			}
		}
	}
}

func wellFormed(t *testing.T, name string, svg []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
	}
}

func TestSameBytes(t *testing.T) {
	all := sample(t)
	for name, again := range sample(t) {
		if strings.HasPrefix(name, "deep") && name != "deep-density" {
			continue // the others show the same with other numbers
		}
		first := all[name]
		a, err := first.SVG()
		if err != nil {
			t.Fatal(err)
		}
		b, _ := first.SVG() // drawing must not change the figure
		c, _ := again.SVG()
		if !bytes.Equal(a, b) || !bytes.Equal(a, c) {
			t.Errorf("%s: the SVG differs from one time to the next", name)
		}
		a, err = first.PNG(1)
		if err != nil {
			t.Fatal(err)
		}
		c, _ = again.PNG(1)
		if !bytes.Equal(a, c) {
			t.Errorf("%s: the PNG differs from one time to the next", name)
		}
	}
}

func TestPNGSizeAndBackground(t *testing.T) {
	f, err := Density(shortRun())
	if err != nil {
		t.Fatal(err)
	}
	f.Width, f.Height = 300, 150
	text, err := f.PNG(1.5)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if b := img.Bounds(); b.Dx() != 600 || b.Dy() != 300 {
		t.Errorf("size %v, want 600 by 300", b)
	}
	if _, _, _, a := img.At(0, 0).RGBA(); a != 0 {
		t.Errorf("alpha %d in the corner, want a transparent background", a)
	}
}

var (
	textSize = regexp.MustCompile(`<text [^>]*font-size:([0-9.]+)px`)
	textFill = regexp.MustCompile(`<text [^>]*fill:(#[0-9A-Fa-f]{6})`)
)

// TestTextIsReadable: text is at least 9 px high as a page shows it, and stands out on white, on
// the near-black of dark pages, and on what it is drawn on.
func TestTextIsReadable(t *testing.T) {
	all := sample(t)
	maps.Copy(all, lessons(t))
	for name, f := range all {
		svg, err := f.SVG()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range textSize.FindAllStringSubmatch(string(svg), -1) {
			if points, _ := strconv.ParseFloat(m[1], 64); points*96/72 < 9 {
				t.Errorf("%s: text of %v points", name, points)
			}
		}
		for _, m := range textFill.FindAllStringSubmatch(string(svg), -1) {
			grounds := [][2]string{{m[1], "#ffffff"}, {m[1], "#111111"}}
			switch strings.ToLower(m[1]) {
			case "#ffffff": // only inside a bar
				grounds = [][2]string{{m[1], "#0072b2"}}
			case "#757575": // textOnDark makes it lighter
				grounds[1][0] = "#adadad"
				if !bytes.Contains(svg, []byte(textOnDark)) {
					t.Errorf("%s: text stays dark on dark pages", name)
				}
			}
			for _, g := range grounds {
				if c := contrast(t, g[0], g[1]); c < 4.5 {
					t.Errorf("%s: text of %s on %s has a contrast of %.2f", name, g[0], g[1], c)
				}
			}
		}
	}
}

// contrast is that of the Web Content Accessibility Guidelines, 1 to 21.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	luminance := func(hex string) float64 {
		n, err := strconv.ParseUint(hex[1:], 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for i, share := range []float64{0.0722, 0.7152, 0.2126} {
			v := float64(n>>(8*i)&0xff) / 255
			if v <= 0.04045 {
				v /= 12.92
			} else {
				v = math.Pow((v+0.055)/1.055, 2.4)
			}
			sum += share * v
		}
		return sum
	}
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}
