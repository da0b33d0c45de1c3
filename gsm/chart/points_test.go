package chart

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
)

// Points that cannot be drawn are left out and counted; the diagonal stays within both axes.
func TestPoints(t *testing.T) {
	f, err := Points("t", "x", "y", true, Series{Name: "a", X: []float64{1e-6, 1e-3, 0, 1}, Mean: []float64{1e-5, 1e-2, 1, 0}})
	if err != nil {
		t.Fatal(err)
	}
	curves := f.panels[0].curves
	if n := len(curves[0].xs); n != 2 || curves[0].xs[0] != -6 {
		t.Errorf("points at %v, want -6 and -3", curves[0].xs)
	}
	if d := curves[1]; math.Abs(d.xs[0]+5) > 1e-12 || math.Abs(d.xs[1]+3) > 1e-12 || d.ys[0] != 1e-5 || d.ys[1] != 1e-3 {
		t.Errorf("diagonal from (%v, %v) to (%v, %v)", d.xs[0], d.ys[0], d.xs[1], d.ys[1])
	}
	if svg := drawBoth(t, "points", f); !strings.Contains(svg, "2 at 0, not drawn") {
		t.Error("the legend does not count the points at 0")
	}
	for _, s := range []Series{{X: []float64{1}}, {X: []float64{1}, Mean: []float64{math.NaN()}}, {X: []float64{math.Inf(1)}, Mean: []float64{1}}} {
		if _, err := Points("t", "x", "y", false, s); err == nil {
			t.Errorf("%v: no error", s)
		}
	}
	if _, err := Points("t", "x", "y", false, Series{X: []float64{0}, Mean: []float64{1}}); !errors.Is(err, ErrNoData) {
		t.Errorf("nothing above 0: %v", err)
	}
}

// A logarithmic x axis is labelled with the numbers, not with their logarithms.
func TestLogX(t *testing.T) {
	x := []float64{64, 256, 1024}
	f, err := Lines("t", "images", "y", []Series{{Name: "a", X: x, Mean: []float64{1, 2, 3}}}, LineOptions{LogX: true})
	if err != nil {
		t.Fatal(err)
	}
	if svg := drawBoth(t, "logx", f); !strings.Contains(svg, ">100<") || !strings.Contains(svg, ">1,000<") || x[0] != 64 {
		t.Error("the axis has no 100 and 1,000, or the series was changed")
	}
	if _, err := Lines("t", "x", "y", []Series{{X: []float64{0}, Mean: []float64{1}}}, LineOptions{LogX: true}); err == nil {
		t.Error("x 0: no error")
	}
}

func ExamplePoints() {
	f, err := Points("Score and truth", "score", "change of the loss", true, Series{Name: "a weight", X: []float64{1e-6, 1e-3}, Mean: []float64{1.1e-6, 2e-3}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(f.Alt)
	// Output: 2 points of change of the loss from 1.1e-06 to 0.002 against score from 1e-06 to 0.001.
}
