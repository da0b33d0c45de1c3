// Animations: figures one after the other, as a GIF and as an HTML slider.

package chart

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"path/filepath"
	"strings"
)

// A Frame is one figure of an animation and the label that the slider shows for it.
type Frame struct {
	Label  string
	Figure *Figure
}

// An Animation shows figures one after the other: as an HTML slider, which is how a notebook cell
// shows it, or as an animated GIF. Where nothing moves it is a single picture. The exported fields
// may be changed before it is drawn.
type Animation struct {
	Name    string // short name without spaces, for file names
	Title   string // what is shown
	Caption string // how to read it, not drawn
	Alt     string // what it shows, for those who do not see it
	// Seconds is how long each frame stays, between 0.05 and 10; 0 means 0.7.
	// The last one stays three times as long.
	Seconds float64

	frames []Frame
	still  *Figure // for where nothing moves; nil means the last frame
}

// NewAnimation makes an animation of figures, which should have the same size and axes. Name is for
// file names.
func NewAnimation(name, title string, frames []Frame) (*Animation, error) {
	if len(frames) == 0 {
		return nil, fmt.Errorf("chart: %s: %w: no frames", name, ErrNoData)
	}
	if len(frames) > 2*maxFrames {
		return nil, fmt.Errorf("chart: %s: %d frames: at most %d make an animation that a notebook can hold", name, len(frames), 2*maxFrames)
	}
	for i, f := range frames {
		if f.Figure == nil {
			return nil, fmt.Errorf("chart: %s: frame %d (%q) has no figure", name, i, f.Label)
		}
	}
	return &Animation{
		Name: name, Title: title,
		Alt:    fmt.Sprintf("Animation of %d pictures, from %s to %s.", len(frames), frames[0].Label, frames[len(frames)-1].Label),
		frames: frames,
	}, nil
}

// seconds returns how long a frame stays.
func (a *Animation) seconds() (float64, error) {
	if a.Seconds == 0 {
		return 0.7, nil
	}
	if !(a.Seconds >= 0.05 && a.Seconds <= 10) {
		return 0, fmt.Errorf("chart: %s: %v seconds a frame: must be between 0.05 and 10", a.Name, a.Seconds)
	}
	return a.Seconds, nil
}

// PNG returns the animation as one picture, see Figure.PNG.
func (a *Animation) PNG(scale float64) ([]byte, error) {
	if a.still != nil {
		return a.still.PNG(scale)
	}
	return a.frames[len(a.frames)-1].Figure.PNG(scale)
}

// GIF returns the animation as a GIF that repeats. GIF has no half-transparent pixels, so frames
// without their own background are painted on white.
func (a *Animation) GIF() ([]byte, error) {
	seconds, err := a.seconds()
	if err != nil {
		return nil, err
	}
	var out gif.GIF
	var colors colorTable
	var before *image.Paletted
	for i, f := range a.frames {
		fig := *f.Figure
		if fig.Background == nil {
			fig.Background = color.White
		}
		text, err := fig.PNG(1)
		if err != nil {
			return nil, err
		}
		img, err := png.Decode(bytes.NewReader(text))
		if err != nil {
			return nil, fmt.Errorf("chart: %s: %w", a.Name, err)
		}
		whole := colors.reduce(img)
		if before != nil && before.Rect != whole.Rect {
			return nil, fmt.Errorf("chart: %s: frame %d (%q) is %v pixels, the first %v: frames must have one size",
				a.Name, i, f.Label, whole.Rect.Size(), before.Rect.Size())
		}
		out.Image = append(out.Image, changes(before, whole))
		out.Delay = append(out.Delay, int(100*seconds+0.5))
		out.Disposal = append(out.Disposal, gif.DisposalNone)
		before = whole
	}
	out.Delay[len(out.Delay)-1] *= 3
	for _, img := range out.Image {
		img.Palette = colors.colors
	}
	out.Config = image.Config{ColorModel: colors.colors, Width: before.Rect.Dx(), Height: before.Rect.Dy()}
	var buf bytes.Buffer
	if err := gif.EncodeAll(&buf, &out); err != nil {
		return nil, fmt.Errorf("chart: %s: %w", a.Name, err)
	}
	return buf.Bytes(), nil
}

// clearIndex is the palette's transparent entry: the pixel is as in the frame before.
const clearIndex = 0

// changes returns the pixels of a frame that differ from the frame before.
func changes(before, now *image.Paletted) *image.Paletted {
	out := image.NewPaletted(now.Rect, nil)
	copy(out.Pix, now.Pix)
	if before == nil {
		return out
	}
	for i, v := range before.Pix {
		if out.Pix[i] == v {
			out.Pix[i] = clearIndex
		}
	}
	return out
}

// A colorTable gives the colours of all frames places in one palette. The colours it meets first
// get entries; when the palette is full, others get the nearest entry.
type colorTable struct {
	index  map[color.RGBA]uint8
	colors color.Palette
}

func (t *colorTable) reduce(img image.Image) *image.Paletted {
	if t.index == nil {
		t.index = make(map[color.RGBA]uint8)
		t.colors = color.Palette{color.RGBA{}} // clearIndex
	}
	out := image.NewPaletted(img.Bounds(), nil)
	last, place := color.RGBA{}, uint8(clearIndex)
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			c := color.RGBAModel.Convert(img.At(x, y)).(color.RGBA)
			if c != last || place == clearIndex {
				last, place = c, t.place(c)
			}
			out.Pix[y*out.Stride+x] = place
		}
	}
	return out
}

func (t *colorTable) place(c color.RGBA) uint8 {
	if i, ok := t.index[c]; ok {
		return i
	}
	c.A = 0xff // half-transparent backgrounds become opaque
	i := 1 + t.colors[1:].Index(c)
	if len(t.colors) < 256 {
		i = len(t.colors)
		t.colors = append(t.colors, c)
	}
	t.index[c] = uint8(i)
	return uint8(i)
}

//go:embed animation.html
var animationText string

var animationTemplate = template.Must(template.New("animation").Parse(animationText))

// HTML returns the animation as a piece of a page with a slider and a play button. It loads nothing
// from elsewhere and needs no ids, so it works offline, several times in a page, and when a
// notebook is reopened. Where scripts do not run, as in an untrusted notebook, the GIF plays.
func (a *Animation) HTML() (string, error) {
	seconds, err := a.seconds()
	if err != nil {
		return "", err
	}
	type frame struct {
		Label string `json:"label"`
		Alt   string `json:"alt"`
		SVG   string `json:"svg"`
	}
	frames := make([]frame, len(a.frames))
	for i, f := range a.frames {
		svg, err := f.Figure.SVG()
		if err != nil {
			return "", err
		}
		frames[i] = frame{printable(f.Label), f.Figure.Alt, string(svg)}
	}
	still, err := a.GIF()
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(frames)
	if err != nil {
		return "", fmt.Errorf("chart: %s: %w", a.Name, err)
	}
	var buf bytes.Buffer
	err = animationTemplate.Execute(&buf, map[string]any{
		"Key":          fmt.Sprintf("%x", sha256.Sum256(text))[:16],
		"Title":        a.Title,
		"Alt":          a.Alt,
		"Milliseconds": int(1000 * seconds),
		// a URL's + would take five bytes
		"Still":  template.HTMLAttr(`src="data:image/gif;base64,` + base64.StdEncoding.EncodeToString(still) + `"`),
		"Frames": frames,
	})
	if err != nil {
		return "", fmt.Errorf("chart: %s: %w", a.Name, err)
	}
	return buf.String(), nil
}

// Save writes the animation to path in the format of its extension: .gif, or .html for a standalone
// page. The file appears whole or not at all.
func (a *Animation) Save(path string) error {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".gif":
		text, err := a.GIF()
		if err != nil {
			return err
		}
		return writeFile(path, text)
	case ".html":
		text, err := a.HTML()
		if err != nil {
			return err
		}
		head := "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + xmlText(a.Title) +
			"</title><style>:root { color-scheme: light dark; } body { font-family: sans-serif; }</style></head><body>\n"
		return writeFile(path, []byte(head+text+"<p style=\"max-width:36rem\">"+xmlText(a.Caption)+"</p>\n</body></html>\n"))
	}
	return fmt.Errorf("chart: %s: unknown extension %q: use .gif or .html", path, filepath.Ext(path))
}
