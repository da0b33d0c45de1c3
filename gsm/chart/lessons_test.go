// Tests and Examples of the charts that lessons draw: scores, shrinking, cuts, tickets.

package chart

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gsmlab/gsm/trace"
)

var update = flag.Bool("update", false, "write the golden pictures in testdata")

// lessons are small charts, one of each kind that explains the method.
func lessons(t *testing.T) map[string]*Figure {
	t.Helper()
	figures := make(map[string]*Figure)
	add := func(name string, f *Figure, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		figures[name] = f
	}
	f, err := ScoreHistogram([]float64{0, 1e-6, 2e-6, 1e-5, 3e-5, 3.1e-5, 2e-4, 1e-3, 5e-3}, 1e-4)
	add("scores", f, err)
	f, err = Mask("Mask of a dense kernel", []float32{0, 1, 0, 2, 0, -1, 0, 0, 0.5}, 3, 3)
	add("mask-dense", f, err)
	f, err = PixelMask("Pixels that are used", []bool{false, true, true, false, false, true}, 2, 3)
	add("mask-pixels", f, err)
	conv := make([]bool, 3*3*2*4)
	for i := range conv {
		conv[i] = i%5 == 0
	}
	f, err = Mask("Mask of a convolution", conv, 3, 3, 2, 4)
	add("mask-filters", f, err)
	f, err = MaskStrip("Mask of a dense kernel", moments("####", "#.##", "#..#", "##.."), 2, 2)
	add("mask-strip", f, err)
	f, err = Shrink(Series{Name: "measured", X: []float64{0, 2, 4, 6}, Mean: []float64{1, 0.13, 0.02, 0.0025}})
	add("shrink", f, err)
	f, err = CutAccuracy("Accuracy before and after the cut", Cut{"GSM", 0.9823, 0.9814, 0.9813}, Cut{"magnitude", 0.9823, 0.9823, 0.41}, Cut{"no dense", math.NaN(), 0.9, 0.9})
	add("cuts", f, err)
	left, err := Shrink(Series{Name: "measured", X: []float64{0, 2}, Mean: []float64{1, 0.13}})
	add("left", left, err)
	right, err := PixelMask("Pixels", []bool{false, true, true, false}, 2, 2)
	add("right", right, err)
	delete(figures, "left")
	delete(figures, "right")
	f, err = Beside("Two charts", left, right)
	add("beside", f, err)
	f, err = Tickets(ticketRun(0.98, 0.96), ticketRun(0.981, 0.95))
	add("tickets", f, err)
	return figures
}

func ticketRun(good, poor float64) *trace.Run {
	run := new(trace.Run)
	for i, stage := range []string{trace.StageTicket + "-gsm", trace.StageTicket + "-magnitude", trace.StageBase} {
		for e := range 5 {
			run.Evals = append(run.Evals, trace.Eval{Stage: stage, Step: 100 * e, Accuracy: []float64{good, poor, 0.983}[i] - 0.8*math.Exp(-2*float64(e))})
		}
	}
	return run
}

func TestGolden(t *testing.T) {
	for name, f := range lessons(t) {
		if *outDir != "" {
			for ground, c := range map[string]color.Color{"white": color.White, "dark": color.Gray{0x11}} {
				lit := *f
				lit.Background = c
				if err := lit.Save(filepath.Join(*outDir, "lesson-"+name+"-"+ground+".png")); err != nil {
					t.Error(err)
				}
			}
		}
		got := []byte(drawBoth(t, name, f))
		path := filepath.Join("testdata", name+".svg")
		if *update {
			if err := os.MkdirAll("testdata", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs: if it is meant to, run go test ./gsm/chart -run Golden -update, and look at it", path)
		}
	}
}

func TestBeside(t *testing.T) {
	if _, err := Beside("none"); !errors.Is(err, ErrNoData) {
		t.Errorf("no figures: %v", err)
	}
	f := lessons(t)["beside"]
	svg, err := f.SVG()
	if err != nil {
		t.Fatal(err)
	}
	for _, title := range []string{"Two charts", "Pixels", "measured"} {
		if !strings.Contains(string(svg), title) {
			t.Errorf("%q is missing", title)
		}
	}
	wide := &Figure{Name: "wide", Width: maxSide + 1}
	if _, err := Beside("one", wide); err == nil || !strings.Contains(err.Error(), "wide: width") {
		t.Errorf("a figure that is too wide: %v", err)
	}
}

// No bin has both active and passive weights, whatever the threshold.
func TestScoreBins(t *testing.T) {
	scores := []float64{0, 1e-6, 2e-6, 1e-5, 3e-5, 3.1e-5, 2e-4, 1e-3, 5e-3}
	for _, threshold := range []float64{0, 1e-9, 1e-6, 2.7e-6, 3e-5, 3.1e-5, 5e-3, 1} {
		f, err := ScoreHistogram(scores, threshold)
		if err != nil {
			t.Fatal(err)
		}
		for k, c := range f.panels[0].curves {
			want, got := 0.0, 0.0
			for _, s := range scores {
				if s > 0 && (s >= threshold) == (k == 1) {
					want++
				}
			}
			for i := 0; i < len(c.ys); i += 2 {
				got += c.ys[i]
				if at := math.Pow(10, c.xs[i]+1e-9); c.ys[i] > 0 && (at >= threshold) != (k == 1) {
					t.Errorf("threshold %v: a bin at %v is on the wrong side", threshold, at)
				}
			}
			if got != want {
				t.Errorf("threshold %v: curve %d has %v weights, want %v", threshold, k, got, want)
			}
		}
	}
}

// If weights shrink as the closed form says, their trace lies on it.
func TestShrinkSeries(t *testing.T) {
	// Half the steps at rate 0.02, half at 0.01: two thirds of S after the first half.
	run := &trace.Run{Header: trace.Header{BudgetS: 9, Every: 10, Stages: []trace.StagePlan{{Name: trace.StageGSM, Steps: 100}}}}
	for i := -400; i <= 0; i++ {
		run.Header.HistogramEdges = append(run.Header.HistogramEdges, float64(i)/40)
	}
	for step := 10; step <= 100; step += 10 {
		rate := 0.02
		if step > 50 {
			rate = 0.01
		}
		run.Steps = append(run.Steps, trace.Step{Stage: trace.StageGSM, Step: step, LearningRate: rate})
	}
	spent := map[int]float64{0: 0, 25: 3, 50: 6, 75: 7.5, 100: 9}
	for _, step := range []int{0, 25, 50, 75, 100} {
		m := trace.Magnitude{Stage: trace.StageGSM, Step: step, Histogram: make([]int, len(run.Header.HistogramEdges)+1)}
		if step == 0 {
			m.Stage = trace.StageBase
		}
		w := make([]float32, 1001)
		for i := range w {
			w[i] = float32(0.1 * math.Exp(-spent[step]))
		}
		if err := trace.AddHistogram(m.Histogram, run.Header.HistogramEdges, w); err != nil {
			t.Fatal(err)
		}
		run.Magnitudes = append(run.Magnitudes, m)
	}
	s, err := ShrinkSeries("median", run)
	if err != nil {
		t.Fatal(err)
	}
	if want := []float64{3, 6, 7.5, 9}; len(s.X) != 4 || math.Abs(s.X[0]-3) > 1e-12 || math.Abs(s.X[2]-7.5) > 1e-12 || math.Abs(s.X[3]-9) > 1e-12 {
		t.Errorf("S is %v, want %v", s.X, want)
	}
	for i, x := range s.X { // a bin is 1/40 of a decade
		if off := math.Abs(math.Log10(s.Mean[i]) + x/math.Ln10); off > 1.0/40 {
			t.Errorf("%v is left at S %v, want %v", s.Mean[i], x, math.Exp(-x))
		}
	}
	// Without the end of the stage, nobody knows what its steps spent.
	run.Steps = run.Steps[:8]
	if _, err := ShrinkSeries("median", run); !errors.Is(err, ErrNoData) {
		t.Errorf("an unfinished run: %v", err)
	}
}

func TestMedianMagnitude(t *testing.T) {
	edges := []float64{-2, -1, 0}
	for _, tt := range []struct {
		counts []int
		want   float64
	}{
		{[]int{0, 4, 0, 0}, math.Pow(10, -1.5)},
		{[]int{1, 1, 2, 0}, 0.1},
		{[]int{5, 1, 1, 0}, math.NaN()}, // below the first edge
		{[]int{0, 0, 0, 3}, math.NaN()},
		{[]int{0, 0, 0, 0}, math.NaN()},
		{[]int{1}, math.NaN()},
	} {
		if got := medianMagnitude(edges, tt.counts); got != tt.want && !(math.IsNaN(got) && math.IsNaN(tt.want)) {
			t.Errorf("%v: %v, want %v", tt.counts, got, tt.want)
		}
	}
}

func TestCutOf(t *testing.T) {
	run := shortRun()
	c, err := CutOf("x", run)
	dense, _ := lastAccuracy(run, trace.StageBase)
	if want := (Cut{"x", dense, run.Cuts[0].AccuracyBefore, run.Cuts[0].AccuracyAfter}); err != nil || c != want {
		t.Errorf("%+v, %v; want %+v", c, err, want)
	}
}

func TestTicketLines(t *testing.T) {
	f, err := Tickets(ticketRun(0.98, 0.96), ticketRun(0.97, 0.94))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range f.panels[0].curves {
		names = append(names, c.name)
	}
	if want := []string{"GSM ticket", "magnitude ticket", "dense network"}; !reflect.DeepEqual(names, want) {
		t.Errorf("lines %q, want %q", names, want)
	}
	if c := f.panels[0].curves[0]; math.Abs(c.lo[4]-c.hi[4]+1) > 1e-9 {
		t.Errorf("band from %v to %v, want one of 1 %%", c.lo[4], c.hi[4])
	}
}

// Tickets are retrained from new weights, and no other chart shows that.
func TestTicketsAreApart(t *testing.T) {
	run := *shortRun()
	alone, err := RunPage(&run)
	if err != nil {
		t.Fatal(err)
	}
	run.Evals = append(slices.Clone(run.Evals), ticketRun(0.9, 0.8).Evals[:10]...)
	run.Magnitudes = append(slices.Clone(run.Magnitudes), trace.Magnitude{Stage: trace.StageTicket + "-gsm", Step: 1, Histogram: run.Magnitudes[0].Histogram})
	page, err := RunPage(&run)
	if err != nil || len(page.Figures) != len(alone.Figures)+1 {
		t.Fatalf("%d figures, %v; want %d", len(page.Figures), err, len(alone.Figures)+1)
	}
	for i, f := range alone.Figures {
		a, _ := f.SVG()
		b, err := page.Figures[i].SVG()
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s has changed, %v", f.Name, err)
		}
	}
}

func TestLessonErrors(t *testing.T) {
	nan := math.NaN()
	var errs []error
	add := func(_ any, err error) { errs = append(errs, err) }
	add(ScoreHistogram([]float64{1, nan}, 1))
	add(ScoreHistogram([]float64{1}, nan))
	add(ScoreHistogram([]float64{1}, -1))
	add(Mask("m", []float64{1, nan}, 1, 2))
	add(Mask("m", []bool{true}, 1<<40, 1<<40, 1<<40, 1<<40))
	add(Shrink(Series{Name: "s", X: []float64{1, 2}, Mean: []float64{1}}))
	add(Shrink(Series{Name: "s"}))
	add(Shrink(Series{Name: "s", X: []float64{1}, Mean: []float64{nan}}))
	add(Shrink(Series{Name: "s", X: []float64{-1}, Mean: []float64{1}}))
	add(Shrink(Series{Name: "s", X: []float64{1e9}, Mean: []float64{1}}))
	add(ShrinkSeries("s", new(trace.Run)))
	add(CutOf("x", new(trace.Run)))
	add(CutAccuracy("t"))
	add(CutAccuracy("t", make([]Cut, 41)...))
	add(CutAccuracy("t", Cut{"x", 0.9, nan, 0.9}))
	add(CutAccuracy("t", Cut{"x", 98.2, 0.9, 0.9}))
	add(Tickets())
	add(Tickets(shortRun()))
	add(Tickets(ticketRun(0.9, 0.8), shortRun()))
	for i, err := range errs {
		if err == nil || !strings.HasPrefix(err.Error(), "chart: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("case %d: error %v, want one line", i, err)
		}
	}
}

func ExampleMask() {
	// A convolution of 3x3 filters from 1 to 2 channels; gsm.MaskLayer has Bools and Dims.
	keep := make([]bool, 3*3*1*2)
	keep[0], keep[8], keep[17] = true, true, true
	f, err := Mask("conv1", keep, 3, 3, 1, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(f.Alt)
	// Output: Grid of 2 filters of 3 by 3 weights in which 3 of 18 weights are kept.
}

func ExampleMaskAnimation() {
	a, err := MaskAnimation("fc1", []Moment{
		{"step 0", []bool{true, true, true, false}},
		{"step 470", []bool{true, false, false, true}},
	}, 2, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(a.Alt)
	// Output: Animation of a mask from step 0 to step 470: first 3, then 2 of 4 weights are kept.
}

func ExampleShrink() {
	f, err := Shrink(Series{Name: "measured", X: []float64{0, 4, 8}, Mean: []float64{1, 0.02, 0.0004}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(f.Alt)
	// Output: Line chart of the share of a passive weight that is left over the budget S, from 1 to 4.5e-05 at S = 10. measured: 0.0004 at S = 8, where the closed form is 0.00034.
}

func ExampleCutAccuracy() {
	f, err := CutAccuracy("LeNet-300-100, 60x", Cut{Name: "GSM", Dense: 0.9823, Before: 0.9814, After: 0.9813})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(f.Alt)
	// Output: Chart of the test accuracy before and after the cut. GSM: 98.14 % before, 98.13 % after the cut.
}
