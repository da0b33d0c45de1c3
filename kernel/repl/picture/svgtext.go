package picture

import (
	"bytes"
	"encoding/xml"
	"image"
	"image/color"
	"image/draw"
	"math"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/srwiley/oksvg"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/f64"
	"golang.org/x/image/math/fixed"

	xdraw "golang.org/x/image/draw"
)

// oksvg does not draw text, and a chart says little without it. This file draws the <text> elements
// of charts: position, transforms, size, colour and anchor, all in one font.

// goFont is the font of all text.
var goFont = sync.OnceValue(func() *opentype.Font {
	f, _ := opentype.Parse(goregular.TTF) // part of the package
	return f
})

// label is text being read.
type label struct {
	at     f64.Aff3
	x, y   float64
	size   float64
	anchor string
	fill   color.Color
	text   strings.Builder
}

// drawText draws the text of an SVG onto out; to maps its coordinates to pixels.
func drawText(out draw.Image, data []byte, to f64.Aff3) {
	decoder := xml.NewDecoder(bytes.NewReader(data))
	decoder.Strict = false
	matrices := []f64.Aff3{to}
	var open *label
	for {
		token, err := decoder.Token()
		if err != nil {
			return
		}
		switch token := token.(type) {
		case xml.StartElement:
			attributes := attributesOf(token)
			m := times(matrices[len(matrices)-1], transform(attributes["transform"]))
			matrices = append(matrices, m)
			if token.Name.Local == "text" {
				open = newLabel(m, attributes)
			}
		case xml.EndElement:
			if len(matrices) > 1 {
				matrices = matrices[:len(matrices)-1]
			}
			if token.Name.Local == "text" && open != nil {
				open.draw(out)
				open = nil
			}
		case xml.CharData:
			if open != nil && open.text.Len() < 1000 {
				open.text.Write(token)
			}
		}
	}
}

// attributesOf returns the attributes of an element, including those in its style.
func attributesOf(e xml.StartElement) map[string]string {
	all := map[string]string{}
	for _, a := range e.Attr {
		all[a.Name.Local] = a.Value
	}
	for _, rule := range strings.Split(all["style"], ";") {
		if name, value, ok := strings.Cut(rule, ":"); ok {
			all[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return all
}

func newLabel(at f64.Aff3, attributes map[string]string) *label {
	l := &label{at: at, x: number(attributes["x"]), y: number(attributes["y"]), size: number(attributes["font-size"]), anchor: attributes["text-anchor"]}
	if l.size <= 0 || l.size > 500 {
		l.size = 16
	}
	l.fill = color.Black
	if fill := attributes["fill"]; fill == "none" {
		return nil
	} else if c, err := oksvg.ParseSVGColor(fill); err == nil && c != nil {
		l.fill = c
	}
	return l
}

// draw draws the label in the font's size into a mask, and then the mask onto out, as the matrix
// says.
func (l *label) draw(out draw.Image) {
	text := strings.Join(strings.Fields(l.text.String()), " ")
	scale := math.Sqrt(math.Abs(l.at[0]*l.at[4] - l.at[1]*l.at[3]))
	size := l.size * scale
	if text == "" || !(size >= 1 && size < 1000) {
		return
	}
	face, err := opentype.NewFace(goFont(), &opentype.FaceOptions{Size: size, DPI: 72})
	if err != nil {
		return
	}
	defer face.Close()
	metrics := face.Metrics()
	ascent := metrics.Ascent.Ceil()
	width := font.MeasureString(face, text)
	mask := image.NewRGBA(image.Rect(0, 0, min(width.Ceil()+2, 2*maxSide), ascent+metrics.Descent.Ceil()))
	d := font.Drawer{Dst: mask, Src: image.NewUniform(l.fill), Face: face, Dot: fixed.P(0, ascent)}
	d.DrawString(text)
	x := l.x
	switch shift := float64(width) / 64 / scale; l.anchor {
	case "middle":
		x -= shift / 2
	case "end":
		x -= shift
	}
	m := times(l.at, f64.Aff3{1 / scale, 0, x, 0, 1 / scale, l.y - float64(ascent)/scale})
	xdraw.BiLinear.Transform(out, m, mask, mask.Bounds(), draw.Over, nil)
}

func number(text string) float64 {
	text = strings.TrimRight(strings.TrimSpace(text), "abcdefghijklmnopqrstuvwxyz%")
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}

// times returns the matrix that applies b and then a.
func times(a, b f64.Aff3) f64.Aff3 {
	return f64.Aff3{
		a[0]*b[0] + a[1]*b[3], a[0]*b[1] + a[1]*b[4], a[0]*b[2] + a[1]*b[5] + a[2],
		a[3]*b[0] + a[4]*b[3], a[3]*b[1] + a[4]*b[4], a[3]*b[2] + a[4]*b[5] + a[5],
	}
}

var transforms = regexp.MustCompile(`([a-zA-Z]+)\s*\(([^)]*)\)`)

// transform reads a transform attribute.
func transform(text string) f64.Aff3 {
	m := f64.Aff3{1, 0, 0, 0, 1, 0}
	for _, found := range transforms.FindAllStringSubmatch(text, 50) {
		var v [6]float64
		given := strings.FieldsFunc(found[2], func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' })
		for i := range min(len(given), len(v)) {
			v[i] = number(given[i])
		}
		switch found[1] {
		case "translate":
			m = times(m, f64.Aff3{1, 0, v[0], 0, 1, v[1]})
		case "scale":
			if len(given) < 2 {
				v[1] = v[0]
			}
			m = times(m, f64.Aff3{v[0], 0, 0, 0, v[1], 0})
		case "rotate":
			sin, cos := math.Sincos(v[0] * math.Pi / 180)
			m = times(m, times(times(f64.Aff3{1, 0, v[1], 0, 1, v[2]}, f64.Aff3{cos, -sin, 0, sin, cos, 0}), f64.Aff3{1, 0, -v[1], 0, 1, -v[2]}))
		case "matrix":
			m = times(m, f64.Aff3{v[0], v[2], v[4], v[1], v[3], v[5]})
		}
	}
	return m
}
