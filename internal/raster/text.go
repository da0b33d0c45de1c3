// What oksvg leaves out: <text> and <image> elements, with their position, transforms, size, colour
// and anchor. A chart says little without its text, and a mask is an image.

package raster

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"image"
	"image/color"
	"image/draw"
	_ "image/gif" // formats that may be embedded
	_ "image/jpeg"
	_ "image/png"
	"maps"
	"math"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"codeberg.org/go-fonts/liberation/liberationsansregular"
	"github.com/srwiley/oksvg"
	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/f64"
	"golang.org/x/image/math/fixed"

	xdraw "golang.org/x/image/draw"
)

// sans is the font of all text. It is as wide as Arial and Helvetica, which SVG often names.
var sans = sync.OnceValue(func() *opentype.Font {
	f, _ := opentype.Parse(liberationsansregular.TTF) // part of the package
	return f
})

// label is a text element. Its place in the drawing is at.
type label struct {
	at     f64.Aff3
	x, y   float64
	size   float64
	anchor string
	fill   color.Color
	text   strings.Builder
}

// picture is an image element.
type picture struct {
	at         f64.Aff3
	attributes map[string]string
}

// scope is what an element passes on to those inside it.
type scope struct {
	at        f64.Aff3
	inherited map[string]string
}

// survey reads the text and the embedded pictures of an SVG. Marked is the SVG with a mark in the
// place of each picture.
func survey(svg []byte) (marked []byte, pictures []picture, labels []*label) {
	decoder := xml.NewDecoder(bytes.NewReader(svg))
	decoder.Strict = false
	scopes := []scope{{at: f64.Aff3{1, 0, 0, 0, 1, 0}}}
	var open *label
	copied := 0 // bytes of svg that are in marked
	for {
		start := int(decoder.InputOffset())
		token, err := decoder.Token()
		if err != nil {
			return append(marked, svg[copied:]...), pictures, labels
		}
		switch token := token.(type) {
		case xml.StartElement:
			attributes := attributesOf(token)
			outer := scopes[len(scopes)-1]
			here := scope{times(outer.at, transform(attributes["transform"])), maps.Clone(outer.inherited)}
			for _, name := range []string{"fill", "font-size", "text-anchor"} {
				if value, ok := attributes[name]; ok {
					if here.inherited == nil {
						here.inherited = map[string]string{}
					}
					here.inherited[name] = value
				}
			}
			scopes = append(scopes, here)
			switch token.Name.Local {
			case "text":
				open = newLabel(here, attributes)
			case "image":
				pictures = append(pictures, picture{here.at, attributes})
				marked = append(append(marked, svg[copied:start]...), mark...)
				copied = int(decoder.InputOffset())
				if decoder.Skip() == nil { // up to its end, which a self-closed element has at once
					copied = int(decoder.InputOffset())
				}
				scopes = scopes[:len(scopes)-1]
			}
		case xml.EndElement:
			if len(scopes) > 1 {
				scopes = scopes[:len(scopes)-1]
			}
			if token.Name.Local == "text" && open != nil {
				labels = append(labels, open)
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

// newLabel returns nil for text that is not painted.
func newLabel(in scope, attributes map[string]string) *label {
	l := &label{at: in.at, x: number(attributes["x"]), y: number(attributes["y"]), size: number(in.inherited["font-size"]), anchor: in.inherited["text-anchor"]}
	if l.size <= 0 || l.size > 500 {
		l.size = 16
	}
	l.fill = color.Black
	if fill := in.inherited["fill"]; fill == "none" {
		return nil
	} else if c, err := oksvg.ParseSVGColor(fill); err == nil && c != nil {
		l.fill = c
	}
	return l
}

// draw draws the label in the font's size into a mask, and then the mask onto out, as the matrices
// say.
func (l *label) draw(out draw.Image, to f64.Aff3) {
	text := strings.Join(strings.Fields(l.text.String()), " ")
	at := times(to, l.at)
	scale := math.Sqrt(math.Abs(at[0]*at[4] - at[1]*at[3]))
	size := l.size * scale
	if text == "" || !(size >= 1 && size < 1000) {
		return
	}
	face, err := opentype.NewFace(sans(), &opentype.FaceOptions{Size: size, DPI: 72})
	if err != nil {
		return
	}
	defer face.Close()
	metrics := face.Metrics()
	ascent := metrics.Ascent.Ceil()
	width := font.MeasureString(face, text)
	mask := image.NewRGBA(image.Rect(0, 0, min(width.Ceil()+2, 2*MaxSide), ascent+metrics.Descent.Ceil()))
	d := font.Drawer{Dst: mask, Src: image.NewUniform(l.fill), Face: face, Dot: fixed.P(0, ascent)}
	d.DrawString(text)
	x := l.x
	switch shift := float64(width) / 64 / scale; l.anchor {
	case "middle":
		x -= shift / 2
	case "end":
		x -= shift
	}
	m := times(at, f64.Aff3{1 / scale, 0, x, 0, 1 / scale, l.y - float64(ascent)/scale})
	xdraw.BiLinear.Transform(out, m, mask, mask.Bounds(), draw.Over, nil)
}

// maxEmbedded limits the pixels of an embedded picture.
const maxEmbedded = 16 << 20

// draw draws the picture into its box. What cannot be read, or is not part of the SVG, is left out.
func (p picture) draw(out draw.Image, to f64.Aff3) {
	_, encoded, inline := strings.Cut(p.attributes["href"], ";base64,")
	data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(encoded), ""))
	if !inline || err != nil {
		return
	}
	config, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil || config.Width <= 0 || config.Height <= 0 || config.Width > maxEmbedded/config.Height {
		return
	}
	img, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return
	}
	w, h := number(p.attributes["width"]), number(p.attributes["height"])
	if w <= 0 || h <= 0 {
		w, h = float64(config.Width), float64(config.Height)
	}
	x, y, across, down := number(p.attributes["x"]), number(p.attributes["y"]), w/float64(config.Width), h/float64(config.Height)
	if p.attributes["preserveAspectRatio"] != "none" {
		least := min(across, down)
		x, y = x+(w-least*float64(config.Width))/2, y+(h-least*float64(config.Height))/2
		across, down = least, least
	}
	m := times(times(to, p.at), f64.Aff3{across, 0, x, 0, down, y})
	var by xdraw.Transformer = xdraw.ApproxBiLinear
	if math.Abs(m[0]*m[4]-m[1]*m[3]) >= 1 { // enlarged pixels stay sharp
		by = xdraw.NearestNeighbor
	}
	by.Transform(out, m, img, img.Bounds(), draw.Over, nil)
}

// rootOf returns the attributes of the first element of an SVG.
func rootOf(svg []byte) map[string]string {
	decoder := xml.NewDecoder(bytes.NewReader(svg))
	decoder.Strict = false
	for {
		token, err := decoder.Token()
		if err != nil {
			return nil
		}
		if root, ok := token.(xml.StartElement); ok {
			return attributesOf(root)
		}
	}
}

// cssWidth is the width of an SVG in CSS pixels, or otherwise if its root names none.
func cssWidth(root map[string]string, otherwise float64) float64 {
	text := strings.TrimSpace(root["width"])
	unit := strings.TrimLeft(text, "0123456789.+-")
	pixels, known := map[string]float64{"": 1, "px": 1, "pt": 96. / 72, "pc": 16, "in": 96, "cm": 96 / 2.54, "mm": 96 / 25.4}[unit]
	if width := number(text); known && width > 0 {
		return width * pixels
	}
	return otherwise
}

func number(text string) float64 {
	text = strings.TrimRight(strings.TrimSpace(text), "abcdefghijklmnopqrstuvwxyz%")
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}

// numbers reads a list of numbers.
func numbers(list string) (all []float64) {
	for _, text := range strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune(", \n\t", r) }) {
		all = append(all, number(text))
	}
	return all
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
		given := numbers(found[2])
		copy(v[:], given)
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
