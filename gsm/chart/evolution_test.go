// Tests of masks as pictures and over time: tilings, states, GIF and slider.

package chart

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"gsmlab/gsm/trace"
)

// rowsOf prints a tiling's picture: . for a pruned weight, k for a kept one,
// + for one that is new, - for a lost one, and a space for nothing.
func rowsOf(t *testing.T, states []state, limit int, dims ...int) []string {
	t.Helper()
	tl, err := newTiling(len(states), dims, limit)
	if err != nil {
		t.Fatal(err)
	}
	img := tl.paint(states)
	var rows []string
	for y := range img.Rect.Dy() {
		row := ""
		for x := range img.Rect.Dx() {
			switch i := img.ColorIndexAt(x, y); {
			case i >= inkGained:
				row += "+"
			case i >= inkKept:
				row += "k"
			default:
				row += string(" .-"[i])
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func TestTilings(t *testing.T) {
	only := func(n int, at ...int) []state {
		s := make([]state, n)
		for k, i := range at {
			s[i] = []state{stateKept, stateGained, stateLost}[k%3]
		}
		return s
	}
	for _, tt := range []struct {
		states []state
		limit  int
		dims   []int
		want   []string
	}{
		// Weight [input 1, output 2] of a matrix is in row 1, column 2.
		{only(6, 5, 0, 1), 9, []int{2, 3}, []string{"+- ", "  k"}},
		{only(3, 2), 9, []int{3}, []string{"  k"}},
		// Weight [y 1, x 0, input 1, output 0] of a 2x2x2x2 kernel is in the filter in row 1,
		// column 0.
		{only(16, 1*8+0*4+1*2+0), 9, []int{2, 2, 2, 2}, []string{".. .. ", ".. .. ", "      ", ".. .. ", "k. .. ", "      "}},
		// One input channel: the filters of 5 outputs fill rows of 3.
		{only(10, 4), 20, []int{2, 1, 5}, []string{".. .. .. ", "         ", ".. k.    ", "         "}},
		// Too large for single weights, so a filter is a pixel.
		{only(16, 10), 2, []int{2, 2, 2, 2}, []string{"  ", "k "}},
		// Here a block of filters is a pixel.
		{only(64, 3), 1, []int{2, 2, 4, 4}, []string{" k", "  "}},
	} {
		if got := rowsOf(t, tt.states, tt.limit, tt.dims...); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%v: %q, want %q", tt.dims, got, tt.want)
		}
	}
}

// The opacity of a block shows which share of it is kept.
func TestBlocksAreShaded(t *testing.T) {
	states := make([]state, 32)
	for _, i := range []int{0, 1, 2, 3, 8, 9, 10, 11, 4} {
		// a full block of 2x4 and one of 8 in the next
		states[i] = stateKept
	}
	tl, err := newTiling(32, []int{4, 8}, 2)
	if err != nil {
		t.Fatal(err)
	}
	img := tl.paint(states)
	alpha := func(x, y int) uint8 { return img.At(x, y).(color.NRGBA).A }
	if tl.block != 4 || alpha(0, 0) != 0x9f+4*12 || alpha(1, 0) != 0x9f+12 {
		t.Errorf("block %d, opacities %d and %d", tl.block, alpha(0, 0), alpha(1, 0))
	}
}

func moments(keeps ...string) []Moment {
	var ms []Moment
	for i, keep := range keeps {
		m := Moment{Label: fmt.Sprintf("step %d", 10*i)}
		for _, c := range keep {
			m.Keep = append(m.Keep, c == '#')
		}
		ms = append(ms, m)
	}
	return ms
}

func TestEvolutionStates(t *testing.T) {
	e, err := newEvolution("x", moments("###.", "#..#", "##.#"), 8, 99, []int{2, 2})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range e.pictures {
		got = append(got, fmt.Sprint(p.note, p.img.Pix))
	}
	kept, gained := inkKept+opacities-1, inkGained+opacities-1
	want := []string{
		fmt.Sprint("75.0 % kept", []int{kept, kept, kept, 0}),
		fmt.Sprint("50.0 % kept, +1 −2", []int{kept, inkLost, inkLost, gained}),
		fmt.Sprint("75.0 % kept, +1 −0", []int{kept, gained, 0, kept}),
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func decode(t *testing.T, f *Figure) image.Image {
	t.Helper()
	text, err := f.PNG(1)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// After each frame, a GIF shows what the figure shows.
func TestGIF(t *testing.T) {
	a, err := MaskAnimation("m", moments("###.", "#..#", "##.#"), 2, 2)
	if err != nil {
		t.Fatal(err)
	}
	a.Seconds = 0.5
	text, err := a.GIF()
	if err != nil {
		t.Fatal(err)
	}
	g, err := gif.DecodeAll(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(g.Delay, []int{50, 50, 150}) || g.LoopCount != 0 {
		t.Errorf("delays %v, %d loops", g.Delay, g.LoopCount)
	}
	shown := g.Image[0]
	for i, img := range g.Image {
		for k, v := range img.Pix {
			if v != clearIndex {
				shown.Pix[k] = v
			}
		}
		fig := *a.frames[i].Figure
		fig.Background = color.White
		want := decode(t, &fig)
		for _, at := range [][2]int{{200, 120}, {500, 120}, {200, 300}, {500, 300}} {
			r, gr, b, _ := shown.At(at[0], at[1]).RGBA()
			r2, g2, b2, _ := want.At(at[0], at[1]).RGBA()
			if r != r2 || gr != g2 || b != b2 {
				t.Errorf("frame %d at %v: %x %x %x, want %x %x %x", i, at, r, gr, b, r2, g2, b2)
			}
		}
	}
}

// The slider holds every frame, loads nothing from elsewhere and needs no ids.
func TestSlider(t *testing.T) {
	ms := moments("###.", "#..#", "##.#")
	ms[1].Label = `</script><b>"x"`
	a, err := MaskAnimation("T</script>", ms, 2, 2)
	if err != nil {
		t.Fatal(err)
	}
	text, err := a.HTML()
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := a.HTML(); again != text {
		t.Error("a second time it differs")
	}
	data := regexp.MustCompile(`var frames = (\[.*\]), wait = +700 ,`).FindStringSubmatch(text)
	if data == nil {
		t.Fatal("no frames")
	}
	var frames []struct{ Label, Alt, SVG string }
	if err := json.Unmarshal([]byte(data[1]), &frames); err != nil || len(frames) != 3 || frames[1].Label != ms[1].Label {
		t.Fatalf("%d frames, %v", len(frames), err)
	}
	for _, f := range frames {
		wellFormed(t, f.Label, []byte(f.SVG))
	}
	rest := strings.Replace(text, data[1], "", 1)
	if m := regexp.MustCompile(`(?i)\sid=|src="http|<link|@import|https?:|<b>`).FindString(rest); m != "" || strings.Count(text, "</script>") != 1 {
		t.Errorf("it has %q, and %d ends of scripts", m, strings.Count(text, "</script>"))
	}
	if !strings.Contains(rest, `<img src="data:image/gif;base64,`) {
		t.Error("no GIF for where scripts are not run")
	}
	path := filepath.Join(t.TempDir(), "a.html")
	if err := a.Save(path); err != nil {
		t.Fatal(err)
	}
	if page, err := os.ReadFile(path); err != nil || !bytes.Contains(page, []byte(text)) || !bytes.HasPrefix(page, []byte("<!DOCTYPE html>")) {
		t.Errorf("page of %d bytes, %v", len(page), err)
	}
}

// Where nothing moves, masks are shown as a strip.
func TestStill(t *testing.T) {
	ms := moments("###.", "#..#")
	a, err := MaskAnimation("m", ms, 2, 2)
	if err != nil {
		t.Fatal(err)
	}
	strip, err := MaskStrip("m", ms, 2, 2)
	if err != nil {
		t.Fatal(err)
	}
	got, err := a.PNG(1)
	want, _ := strip.PNG(1)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the still is not the strip, %v", err)
	}
}

func TestManyMoments(t *testing.T) {
	var ms []Moment
	for i := range 200 {
		ms = append(ms, Moment{fmt.Sprint(i), make([]bool, 4)})
	}
	e, err := newEvolution("x", ms, maxStrip, maxStripCells, []int{2, 2})
	if err != nil || len(e.pictures) != maxStrip || e.pictures[0].label != "0" || e.pictures[maxStrip-1].label != "199" {
		t.Errorf("%d pictures, %v", len(e.pictures), err)
	}
}

func TestEvolutionErrors(t *testing.T) {
	f, err := Mask("m", []bool{true}, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	small := *f
	small.Width = 200
	var many []Frame
	for range 121 {
		many = append(many, Frame{"x", f})
	}
	uneven, err := NewAnimation("a", "t", []Frame{{"a", f}, {"b", &small}})
	if err != nil {
		t.Fatal(err)
	}
	hasty, err := NewAnimation("a", "t", []Frame{{"a", f}})
	if err != nil {
		t.Fatal(err)
	}
	hasty.Seconds = 0.001
	var errs []error
	add := func(_ any, err error) { errs = append(errs, err) }
	add(MaskStrip("t", nil, 2, 2))
	add(MaskStrip("t", moments("####", "###"), 2, 2))
	add(MaskStrip("t", moments("###"), 2, 2))
	add(MaskStrip("t", moments("###"), 1, 1, 1, 1, 3))
	add(MaskAnimation("t", moments("###")))
	add(NewAnimation("a", "t", nil))
	add(NewAnimation("a", "t", []Frame{{"x", nil}}))
	add(NewAnimation("a", "t", many))
	add(uneven.GIF())
	add(hasty.GIF())
	add(hasty.HTML())
	add(nil, uneven.Save("x.png"))
	add(CollapseAnimation(new(trace.Run)))
	for i, err := range errs {
		if err == nil || !strings.HasPrefix(err.Error(), "chart: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("case %d: error %v, want one line", i, err)
		}
	}
	if _, err := MaskStrip("t", nil, 2, 2); !errors.Is(err, ErrNoData) {
		t.Errorf("no moments: %v", err)
	}
}
