// Figure: one or more panels, laid out and written as SVG or PNG.

package chart

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"image/color"
	"image/png"
	"math"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"gsmlab/internal/atomicfile"
)

// ErrNoData says that a run has nothing that a chart could show.
var ErrNoData = errors.New("no data to draw")

// Default size of a figure in points.
const (
	DefaultWidth  = 576
	DefaultHeight = 324
)

// maxSide limits a figure's sides, and so the memory that a PNG takes.
const maxSide = 4000

// Figure is a finished chart. The exported fields may be changed before it is
// drawn. A figure must not be drawn by two goroutines at once.
type Figure struct {
	Name    string // short name without spaces, for file names: "density"
	Title   string // what is shown, drawn above the chart
	Caption string // how to read it, one or two sentences, not drawn
	Alt     string // what the picture shows, for those who do not see it
	// Width and Height in points (1/72 inch), between 100 and 4000; 0 means
	// the default of the chart.
	Width, Height float64
	// Background is painted first; nil leaves the figure transparent.
	Background color.Color

	height float64 // default for Height
	panels []*panel
	body   func(draw.Canvas) // draws what is below the title in place of panels
}

// size returns the figure's size in points.
func (f *Figure) size() (w, h vg.Length, err error) {
	side := func(what string, v, def float64) vg.Length {
		if v == 0 {
			v = def
		}
		if !(v >= 100 && v <= maxSide) && err == nil {
			err = fmt.Errorf("chart: %s: %s of %v points: must be between 100 and %d", f.Name, what, v, maxSide)
		}
		return vg.Length(v)
	}
	height := f.height
	if height == 0 {
		height = DefaultHeight
	}
	w = side("width", f.Width, DefaultWidth)
	h = side("height", f.Height, min(height, maxSide))
	return w, h, err
}

// render draws onto a canvas. The drawing library panics on misuse; here the panic becomes an
// error.
func (f *Figure) render(c vg.Canvas, w, h vg.Length) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("chart: %s: drawing failed: %v", f.Name, p)
		}
	}()
	dc := draw.NewCanvas(c, w, h)
	if f.Background != nil {
		dc.SetColor(f.Background)
		dc.Fill(dc.Rectangle.Path())
	}
	f.layout(draw.Crop(dc, 6, -8, 5, -6))
	return nil
}

// layout places the title on top, the panels below each other and their
// legends in a column on the right.
func (f *Figure) layout(c draw.Canvas) {
	title := textStyle(12)
	title.XAlign, title.YAlign = draw.XCenter, draw.YTop
	for title.Font.Size > 8 && title.Width(f.Title) > c.Size().X {
		title.Font.Size--
	}
	c.FillText(title, vg.Point{X: c.Center().X, Y: c.Max.Y}, fit(title, f.Title, c.Size().X))
	c.Max.Y -= title.Height("X") + 8
	if f.body != nil {
		f.body(c)
		return
	}

	var legend vg.Length
	for _, p := range f.panels {
		legend = max(legend, min(p.legendWidth(), c.Size().X*0.34))
	}
	if legend > 0 {
		legend += 8
	}
	rows := make([]draw.Canvas, len(f.panels))
	height := (c.Size().Y - vg.Length(len(rows)-1)*8) / vg.Length(len(rows))
	label := vg.Length(0)
	for _, p := range f.panels {
		if p.yLabel != "" {
			label = 15
		}
	}
	left := vg.Length(0)
	for i, p := range f.panels {
		row := c
		row.Max.Y = c.Max.Y - vg.Length(i)*(height+8)
		row.Min.Y = row.Max.Y - height
		rows[i] = row
		row.Max.X -= legend
		row.Min.X += label
		p.tickCounts(row.Size())
		left = max(left, p.plot.DataCanvas(row).Min.X)
	}
	for i, p := range f.panels {
		row := rows[i]
		body := row
		body.Max.X -= legend
		body.Min.X += label
		body.Min.X += left - p.plot.DataCanvas(body).Min.X
		p.drawYLabel(row, p.plot.DataCanvas(body))
		p.plot.Draw(body)
		if legend > 0 {
			p.drawLegend(draw.Crop(row, row.Size().X-legend+8, 0, 0, 0))
		}
	}
}

// SVG returns the figure as an SVG document that can also stand inside HTML. Text stays text. Where
// Liberation Sans is missing, Arial, Helvetica or another font replaces it at the same width.
func (f *Figure) SVG() ([]byte, error) {
	w, h, err := f.size()
	if err != nil {
		return nil, err
	}
	c := vgsvg.New(w, h)
	if err := f.render(c, w, h); err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	if _, err := c.WriteTo(&buf); err != nil {
		return nil, fmt.Errorf("chart: %s: %w", f.Name, err)
	}
	return f.polishSVG(buf.String())
}

// polishSVG replaces the library's prologue with one that is valid inside HTML and describes the
// picture. It also repairs what the library writes wrongly.
func (f *Figure) polishSVG(text string) ([]byte, error) {
	start := strings.Index(text, "<svg")
	end := strings.Index(text, "<g ")
	if start < 0 || end < start {
		return nil, fmt.Errorf("chart: %s: the SVG library wrote no document", f.Name)
	}
	w, h, _ := f.size()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" `+
		`width="%.5gpt" height="%.5gpt" viewBox="0 0 %.5g %.5g" role="img">`+"\n<title>%s</title>\n<desc>%s</desc>\n",
		w.Points(), h.Points(), w.Points(), h.Points(), xmlText(f.Title), xmlText(f.Alt))
	if f.Background == nil { // the page shows through, and may be dark
		b.WriteString(textOnDark)
	}
	text = svgText.ReplaceAllStringFunc(text[end:], keepWidth)
	b.WriteString(strings.NewReplacer(
		"font-family:Liberation Sans;font-variant:normal;font-weight:normal;font-style:normal",
		"font-family:'Liberation Sans',Arial,Helvetica,sans-serif",
		// Images are PNG, and the enlarged cells of a mask must stay sharp.
		"data:image/jpg;base64,", "data:image/png;base64,",
		"<image ", `<image style="image-rendering:pixelated" preserveAspectRatio="none" `,
	).Replace(text))
	return []byte(b.String()), nil
}

// textOnDark lightens the text in ink where the page is dark: pictures in a page follow its colour
// scheme.
const textOnDark = `<style>@media (prefers-color-scheme: dark) { text[style*="#757575"] { fill: #adadad !important } }</style>` + "\n"

// svgText matches a text as the library writes it.
var svgText = regexp.MustCompile(`<text ([^>]*font-size:([0-9.]+)px[^>]*>)([^<]*)</text>`)

// keepWidth tells a text how wide it is. The chart is laid out for Liberation Sans; a wider font in
// its place would run into its neighbours.
func keepWidth(element string) string {
	m := svgText.FindStringSubmatch(element)
	size, err := strconv.ParseFloat(m[2], 64)
	width := textStyle(vg.Length(size)).Width(html.UnescapeString(m[3]))
	if err != nil || width <= 0 {
		return element
	}
	return fmt.Sprintf(`<text textLength="%.4g" lengthAdjust="spacingAndGlyphs" %s%s</text>`, width.Points(), m[1], m[3])
}

// xmlText escapes text and drops the characters that XML forbids.
func xmlText(s string) string { return html.EscapeString(printable(s)) }

// printable replaces control characters, which XML forbids and fonts lack, and invalid UTF-8.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0xfffe || r == 0xffff {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
}

// PNG returns the figure as a PNG with 96*scale pixels an inch, so that scale
// 1 shows it at the size of the SVG in a browser. Scale must be above 0.1 and
// at most 8.
func (f *Figure) PNG(scale float64) ([]byte, error) {
	if !(scale > 0.1 && scale <= 8) {
		return nil, fmt.Errorf("chart: %s: scale %v: must be above 0.1 and at most 8", f.Name, scale)
	}
	w, h, err := f.size()
	if err != nil {
		return nil, err
	}
	dpi := int(math.Round(96 * scale))
	c := vgimg.NewWith(vgimg.UseWH(w, h), vgimg.UseDPI(dpi), vgimg.UseBackgroundColor(color.Transparent))
	if err := f.render(c, w, h); err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	if err := png.Encode(&buf, c.Image()); err != nil {
		return nil, fmt.Errorf("chart: %s: %w", f.Name, err)
	}
	return buf.Bytes(), nil
}

// Save writes the figure to path in the format of its extension: .svg, or .png at scale 2. The file
// appears whole or not at all.
func (f *Figure) Save(path string) error {
	var text []byte
	var err error
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".svg":
		text, err = f.SVG()
	case ".png":
		text, err = f.PNG(2)
	default:
		return fmt.Errorf("chart: %s: unknown extension %q: use .svg or .png", path, ext)
	}
	if err != nil {
		return err
	}
	return writeFile(path, text)
}

func writeFile(path string, text []byte) error {
	if err := atomicfile.WriteBytes(path, text); err != nil {
		return fmt.Errorf("chart: %s: %w", path, err)
	}
	return nil
}

var _ plot.Plotter = (*curve)(nil)
