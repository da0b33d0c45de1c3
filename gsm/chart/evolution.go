// A mask over time: MaskStrip shows moments side by side, MaskAnimation one after the other.

package chart

import (
	"fmt"
	"image"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"gsmlab/internal/phrase"
)

// A Moment is the mask of a kernel at one time during its training.
type Moment struct {
	Label string // when it was: "step 470"
	Keep  []bool // in row-major order, as Bools of gsm.MaskLayer returns it
}

// The most moments in a strip and in an animation. If there are more, some are chosen evenly.
const (
	maxStrip  = 8
	maxFrames = 60
)

// evolution is what a strip and an animation share.
type evolution struct {
	tiling   *tiling
	pictures []picture
	from, to string // labels of the first and the last moment
	kept     [2]int // then
}

// A picture is a moment, painted.
type picture struct {
	label, note string
	img         *image.Paletted
}

const evolutionCaption = "Blue weights are kept and were kept in the picture before, orange ones are new or came back since then, grey ones were lost since then."

// newEvolution paints at most that many of the moments in at most that many cells. Each moment is
// compared with the one painted before it.
func newEvolution(name string, moments []Moment, most, cells int, dims []int) (*evolution, error) {
	if len(moments) == 0 {
		return nil, fmt.Errorf("chart: %s: %w: no moments", name, ErrNoData)
	}
	t, err := newTiling(len(moments[0].Keep), dims, cells)
	if err != nil {
		return nil, fmt.Errorf("chart: %s: %q: %w", name, moments[0].Label, err)
	}
	for _, m := range moments {
		if len(m.Keep) != t.size {
			return nil, fmt.Errorf("chart: %s: %q: %d values of dimensions %v: %w", name, m.Label, len(m.Keep), dims, errShape)
		}
	}
	moments = evenly(moments, most)
	e := &evolution{tiling: t, from: moments[0].Label, to: moments[len(moments)-1].Label}
	states := make([]state, t.size)
	for k, m := range moments {
		kept, gained, lost := 0, 0, 0
		for i, keep := range m.Keep {
			before := keep
			if k > 0 {
				before = moments[k-1].Keep[i]
			}
			switch {
			case keep && before:
				states[i] = stateKept
			case keep:
				states[i] = stateGained
				gained++
			case before:
				states[i] = stateLost
				lost++
			default:
				states[i] = statePruned
			}
			if keep {
				kept++
			}
		}
		note := showPercent(percent(kept, t.size)) + " kept"
		if k > 0 {
			note += fmt.Sprintf(", +%s −%s", phrase.Count(gained), phrase.Count(lost))
		} else {
			e.kept[0] = kept
		}
		e.kept[1] = kept
		e.pictures = append(e.pictures, picture{m.Label, note, t.paint(states)})
	}
	return e, nil
}

// evenly returns at most n of the values, including the first and the last.
func evenly[T any](values []T, n int) []T {
	if len(values) <= n {
		return values
	}
	some := make([]T, n)
	for i := range some {
		some[i] = values[i*(len(values)-1)/(n-1)]
	}
	return some
}

// figure draws pictures below each other in rows.
func (e *evolution) figure(name, title string, pictures []picture, columns int) *Figure {
	rows := (len(pictures) + columns - 1) / columns
	ratio := vg.Length(e.tiling.ratio())
	width := vg.Length(DefaultWidth-14-12*(columns-1)) / vg.Length(columns)
	height := min(width*ratio, 340)
	f := &Figure{
		Name: name, Title: title,
		Caption: e.tiling.caption() + " " + evolutionCaption,
		height:  float64(50+rows*momentText) + float64(rows)*float64(height),
	}
	f.body = func(c draw.Canvas) { drawPictures(c, pictures, columns, ratio) }
	return f
}

// momentText is the height in points of the text above a picture and the gap below it.
const momentText = 34

// drawPictures fills the canvas with rows of pictures, and a legend below them.
func drawPictures(c draw.Canvas, pictures []picture, columns int, ratio vg.Length) {
	const gap, legend = 12, 16
	rows := (len(pictures) + columns - 1) / columns
	width := (c.Size().X - vg.Length(columns-1)*gap) / vg.Length(columns)
	row := (c.Size().Y - legend) / vg.Length(rows)
	w := min(width, max(row-momentText, 10)/ratio)
	name, note := textStyle(9), textStyle(8)
	for _, s := range []*text.Style{&name, &note} {
		s.XAlign, s.YAlign = draw.XCenter, draw.YTop
	}
	for i, p := range pictures {
		x := c.Min.X + vg.Length(i%columns)*(width+gap) + width/2
		y := c.Max.Y - vg.Length(i/columns)*row
		c.FillText(name, vg.Point{X: x, Y: y}, fit(name, p.label, width))
		c.FillText(note, vg.Point{X: x, Y: y - 12}, fit(note, p.note, width+gap/2))
		box := vg.Rectangle{Min: vg.Point{X: x - w/2, Y: y - 25 - w*ratio}, Max: vg.Point{X: x + w/2, Y: y - 25}}
		frame(c, drawSharp(c, box, p.img))
	}
	drawStates(c)
}

// drawStates writes the meaning of an evolution's colours at the bottom.
func drawStates(c draw.Canvas) {
	sty := textStyle(legendText)
	sty.YAlign = draw.YCenter
	entries := []struct {
		text string
		ink  int
	}{{"kept", inkGained - 1}, {"new since the picture before", inkGained + opacities - 1}, {"lost since then", inkLost}}
	total := vg.Length(0)
	for _, e := range entries {
		total += sty.Width(e.text) + 40
	}
	x, y := c.Center().X-total/2, c.Min.Y+6
	for _, e := range entries {
		c.FillPolygon(maskPalette[e.ink], []vg.Point{{X: x, Y: y - 4}, {X: x + 8, Y: y - 4}, {X: x + 8, Y: y + 4}, {X: x, Y: y + 4}})
		c.FillText(sty, vg.Point{X: x + 12, Y: y + 0.5}, e.text)
		x += sty.Width(e.text) + 40
	}
}

// MaskStrip draws how the mask of a kernel changes. It shows at most eight moments side by side,
// evenly chosen, each with the weights that came and went since the one before. The dimensions are
// those of Mask.
func MaskStrip(title string, moments []Moment, dims ...int) (*Figure, error) {
	e, err := newEvolution("mask strip", moments, maxStrip, maxStripCells, dims)
	if err != nil {
		return nil, err
	}
	columns := len(e.pictures)
	if columns > 4 {
		columns = (columns + 1) / 2
	}
	if e.tiling.ratio() < 0.3 { // wide kernels go below each other
		columns = min(columns, 2)
	}
	f := e.figure("mask-strip", title, e.pictures, columns)
	f.Alt = e.alt("Row of pictures")
	return f, nil
}

// MaskAnimation is MaskStrip as an animation, with at most 60 moments.
func MaskAnimation(title string, moments []Moment, dims ...int) (*Animation, error) {
	e, err := newEvolution("mask animation", moments, maxFrames, maxFrameCells, dims)
	if err != nil {
		return nil, err
	}
	frames := make([]Frame, len(e.pictures))
	for i, p := range e.pictures {
		f := e.figure("mask", title, []picture{p}, 1)
		f.Alt = fmt.Sprintf("%s at %s: %s.", e.tiling.describe(), p.label, p.note)
		frames[i] = Frame{p.label, f}
	}
	a, err := NewAnimation("mask", title, frames)
	if err != nil {
		return nil, err
	}
	a.Caption, a.Alt = e.tiling.caption()+" "+evolutionCaption, e.alt("Animation")
	a.still, err = MaskStrip(title, moments, dims...)
	return a, err
}

func (e *evolution) alt(kind string) string {
	return fmt.Sprintf("%s of a mask from %s to %s: first %s, then %s of %s weights are kept.",
		kind, e.from, e.to, phrase.Count(e.kept[0]), phrase.Count(e.kept[1]), phrase.Count(e.tiling.size))
}
