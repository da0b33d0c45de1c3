// Colours, dashes, number formats, ticks and axes that all charts share.

package chart

import (
	"image/color"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"gsmlab/internal/phrase"
)

var (
	// ink has a contrast of 4.6 on white. On the near-black of dark pages no grey with 4.5 on white
	// has more than 4.2: enough for lines; textOnDark lightens text.
	ink   = color.NRGBA{0x75, 0x75, 0x75, 0xff}
	faint = color.NRGBA{0x80, 0x80, 0x80, 0x38}

	white = color.NRGBA{0xff, 0xff, 0xff, 0xff}

	blue       = color.NRGBA{0x00, 0x72, 0xb2, 0xff}
	orange     = color.NRGBA{0xe6, 0x9f, 0x00, 0xff}
	green      = color.NRGBA{0x00, 0x9e, 0x73, 0xff}
	vermillion = color.NRGBA{0xd5, 0x5e, 0x00, 0xff}
	purple     = color.NRGBA{0xcc, 0x79, 0xa7, 0xff}
	sky        = color.NRGBA{0x56, 0xb4, 0xe9, 0xff}
	// palette is Okabe and Ito's without yellow and black, which vanish on
	// white and on black.
	palette = []color.NRGBA{blue, orange, green, vermillion, purple, sky}
)

// seriesColor and seriesDashes tell up to 24 lines apart; then they repeat.
func seriesColor(i int) color.NRGBA { return palette[i%len(palette)] }

func seriesDashes(i int) []vg.Length {
	dashes := [][]vg.Length{nil, {5, 2}, {1.5, 1.5}, {6, 2, 1.5, 2}}
	return dashes[i/len(palette)%len(dashes)]
}

// ramp returns the colour at t in [0, 1], from blue over purple to orange. Colour-blind readers can
// tell the middle tones apart too.
func ramp(t float64) color.NRGBA {
	t = math.Min(math.Max(t, 0), 1) * 2
	a, b := blue, purple
	if t > 1 {
		a, b, t = purple, orange, t-1
	}
	mix := func(x, y uint8) uint8 { return uint8(math.Round(float64(x) + t*(float64(y)-float64(x)))) }
	return color.NRGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 0xff}
}

func textStyle(size vg.Length) text.Style {
	return text.Style{
		Color:   ink,
		Font:    font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, size),
		Handler: plot.DefaultTextHandler,
	}
}

// fit shortens s in the middle until it is no wider than width.
func fit(sty text.Style, s string, width vg.Length) string {
	s = printable(s)
	if sty.Width(s) <= width {
		return s
	}
	runes := []rune(s)
	for keep := min(len(runes)-1, 400); keep > 1; keep-- {
		head := keep / 3 // the end of a variable's path says more than the beginning
		short := string(runes[:head]) + "…" + string(runes[len(runes)-(keep-head):])
		if sty.Width(short) <= width {
			return short
		}
	}
	return "…"
}

// logScale is a logarithmic axis. Unlike the library's, it does not panic: values without a
// logarithm lie below the axis.
type logScale struct{}

func (logScale) Normalize(lo, hi, x float64) float64 {
	if x <= 0 || lo <= 0 {
		return -1
	}
	return (math.Log(x) - math.Log(lo)) / (math.Log(hi) - math.Log(lo))
}

// linearTicks marks multiples of 1, 2 or 5 times a power of ten.
type linearTicks struct {
	count int
	whole bool // no fractions: for steps, rows and columns
}

func (t linearTicks) Ticks(lo, hi float64) []plot.Tick {
	step := niceStep((hi - lo) / float64(max(t.count, 2)))
	if t.whole {
		step = max(step, 1)
	}
	if !(step > 0) || math.IsInf(step, 0) {
		return nil
	}
	var ticks []plot.Tick
	first := math.Ceil(lo/step - 1e-9)
	for i := range 3 * max(t.count, 2) {
		v := (first + float64(i)) * step
		if v > hi+step*1e-9 {
			break
		}
		if v == 0 {
			v = 0 // not -0
		}
		ticks = append(ticks, plot.Tick{Value: v, Label: tickLabel(v, step)})
	}
	return ticks
}

// niceStep returns the nearest of 1, 2 and 5 times the powers of ten.
func niceStep(x float64) float64 {
	if !(x > 0) {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(x)))
	switch m := x / unit; { // the bounds are geometric means of neighbours
	case m < math.Sqrt(2):
		return unit
	case m < math.Sqrt(10):
		return 2 * unit
	case m < math.Sqrt(50):
		return 5 * unit
	}
	return 10 * unit
}

// tickLabel formats v with as many decimals as steps of that size need.
func tickLabel(v, step float64) string {
	decimals := -int(math.Floor(math.Log10(step)))
	switch {
	case decimals > 4 || decimals < -9:
		return strconv.FormatFloat(v, 'g', 4, 64)
	case decimals > 0:
		return strconv.FormatFloat(v, 'f', decimals, 64)
	}
	return phrase.Commas(strconv.FormatFloat(v, 'f', 0, 64))
}

// logTicks marks decades, and also 2 and 5 times them on a short axis.
type logTicks struct{ count int }

func (t logTicks) Ticks(lo, hi float64) []plot.Tick {
	if !(lo > 0 && hi > lo) || math.IsInf(hi, 0) {
		return nil
	}
	first, last := int(math.Floor(math.Log10(lo))), int(math.Ceil(math.Log10(hi)))
	decades := math.Log10(hi) - math.Log10(lo)
	var ticks []plot.Tick
	labels := 0
	add := func(v float64, labelled bool) {
		// The edges may have been rounded away from the very values they stand for.
		if v < lo*(1-1e-12) || v > hi*(1+1e-12) {
			return
		}
		label := ""
		if labelled {
			label = logLabel(v)
			labels++
		}
		ticks = append(ticks, plot.Tick{Value: v, Label: label})
	}
	every := max(1, int(math.Ceil(decades/float64(max(t.count, 2)))))
	for d := first; d <= last; d++ {
		unit := math.Pow(10, float64(d))
		add(unit, d%every == 0)
		if decades > 8 {
			continue
		}
		for m := 2.0; m < 10; m++ {
			add(m*unit, decades < 1.5 && (m == 2 || m == 5))
		}
	}
	if labels < 2 {
		return linearTicks{count: t.count}.Ticks(lo, hi)
	}
	return ticks
}

// logLabel writes small and large powers with an exponent.
func logLabel(v float64) string {
	if v >= 0.001 && v < 1e6 {
		if v >= 1 {
			return phrase.Commas(strconv.FormatFloat(v, 'f', 0, 64))
		}
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	// 1e-06 -> 1e-6
	s := strconv.FormatFloat(v, 'e', -1, 64)
	if utf8.RuneCountInString(s) > 8 {
		s = strconv.FormatFloat(v, 'e', 0, 64)
	}
	s = strings.Replace(s, "e-0", "e-", 1)
	return strings.Replace(strings.Replace(s, "e+0", "e", 1), "e+", "e", 1)
}

// grid draws faint lines at the labelled ticks.
type grid struct{ xOnly bool }

func (g grid) Plot(c draw.Canvas, p *plot.Plot) {
	line := draw.LineStyle{Color: faint, Width: 0.5}
	for _, t := range p.X.Tick.Marker.Ticks(p.X.Min, p.X.Max) {
		if x := c.X(p.X.Norm(t.Value)); !t.IsMinor() && c.ContainsX(x) {
			c.StrokeLine2(line, x, c.Min.Y, x, c.Max.Y)
		}
	}
	if g.xOnly {
		return
	}
	for _, t := range p.Y.Tick.Marker.Ticks(p.Y.Min, p.Y.Max) {
		if y := c.Y(p.Y.Norm(t.Value)); !t.IsMinor() && c.ContainsY(y) {
			c.StrokeLine2(line, c.Min.X, y, c.Max.X, y)
		}
	}
}
