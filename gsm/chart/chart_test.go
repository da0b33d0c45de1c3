// Tests of charts with odd input (empty runs, NaN, zeros on logarithmic axes, many layers) and of
// the numbers they show.

package chart

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"gonum.org/v1/plot"

	"gsmlab/gsm/trace"
)

// drawBoth fails the test unless the figure can be drawn in both formats.
func drawBoth(t *testing.T, what string, f *Figure) string {
	t.Helper()
	svg, err := f.SVG()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	wellFormed(t, what, svg)
	// A coordinate follows a path command, a comma or a quote.
	if m := regexp.MustCompile(`[MLQCA,"][+-]?(NaN|Inf).{0,20}`).Find(svg); m != nil {
		t.Errorf("%s: the SVG has the coordinate %s", what, m)
	}
	if _, err := f.PNG(0.5); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	return string(svg)
}

var runCharts = map[string]func(*trace.Run) (*Figure, error){
	"density": Density, "accuracy": LossAccuracy, "layers": Layers, "collapse": Collapse, "flips": Flips, "threshold": Threshold,
}

func TestEmptyRun(t *testing.T) {
	for name, f := range runCharts {
		for what, run := range map[string]*trace.Run{"empty": {}, "only a header": {Header: shortRun().Header}} {
			if _, err := f(run); !errors.Is(err, ErrNoData) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s of %s: error %v, want ErrNoData", name, what, err)
			}
		}
	}
	if figures, err := All(&trace.Run{}); err != nil || len(figures) != 0 {
		t.Errorf("All of an empty run: %d figures, %v", len(figures), err)
	}
}

// Every kind of odd value in every field gives an error or a picture, and no panic.
func TestOddValues(t *testing.T) {
	odd := []float64{0, -1, math.NaN(), math.Inf(1), math.Inf(-1), 5e-324, math.MaxFloat64, -math.MaxFloat64, 1}
	layers := []trace.Layer{{Name: "a", Prunable: 0}, {Name: "", Prunable: 10}, {Name: "c\x00<&\xff", Prunable: 1 << 40}}
	edges := []float64{-2, -1, 0}
	for i, v := range odd {
		for n := 1; n <= 3; n++ { // one point, and lines of odd and ordinary values
			run := &trace.Run{Header: trace.Header{Layers: layers, Prunable: 10, Q: 0, Compression: v, BudgetS: v, HistogramEdges: edges}}
			for k := range n {
				w := v
				if k == 1 {
					w = odd[(i+1)%len(odd)]
				}
				count := int64(math.Max(-5, math.Min(w, 1e18)))
				run.Steps = append(run.Steps, trace.Step{Stage: "gsm", Step: k, Loss: w, LearningRate: w, Threshold: new(w),
					Active: []int{0, 0, k}, Flips: new(count), Reactivated: new(int64(0)), Seconds: w})
				run.Evals = append(run.Evals, trace.Eval{Stage: "gsm", Step: k, Accuracy: w, Loss: w})
				run.Magnitudes = append(run.Magnitudes, trace.Magnitude{Stage: "gsm", Step: k, Threshold: w, MassBelow: w, Histogram: []int{0, 0, k, 0}})
			}
			run.Cuts = []trace.Cut{{Stage: "gsm", Step: n, Threshold: v, Kept: []int{0, 0, 0}, AccuracyBefore: v, AccuracyAfter: v}}
			for name, chart := range runCharts {
				what := fmt.Sprintf("%s of %d times %v", name, n, v)
				f, err := chart(run)
				if err != nil {
					if !errors.Is(err, ErrNoData) {
						t.Errorf("%s: %v", what, err)
					}
					continue
				}
				drawBoth(t, what, f)
			}
			page, err := RunPage(run)
			if err != nil {
				t.Fatal(err)
			}
			if err := WriteHTML(new(bytes.Buffer), page); err != nil {
				t.Fatal(err)
			}
		}
		for _, log := range []bool{false, true} {
			f, err := Lines("t", "x", "y", []Series{{"s", []float64{v, 1, 2}, []float64{1, v, 3}, []float64{v, 1, 1}, []float64{1, 1, v}}}, LineOptions{LogY: log})
			if err != nil {
				t.Fatalf("lines with %v: %v", v, err)
			}
			drawBoth(t, fmt.Sprintf("lines with %v", v), f)
		}
		if f, err := ScoreHistogram([]float64{v, 1e-5, 0}, v); err == nil {
			drawBoth(t, fmt.Sprintf("scores with %v", v), f)
		} else if v >= 0 {
			t.Errorf("scores with %v: %v", v, err)
		}
		if f, err := Bars("b", "t", "x", []Bar{{"a", v, "l"}, {"b", 1, ""}}); err == nil {
			drawBoth(t, fmt.Sprintf("bars with %v", v), f)
		} else if v >= 0 && !math.IsInf(v, 0) {
			t.Errorf("bars with %v: %v", v, err)
		}
	}
}

func TestZeroIsSaidOnLogAxis(t *testing.T) {
	run := synth(lenet300(), 20, 1, 5, 1)
	f, err := Density(run)
	if err != nil {
		t.Fatal(err)
	}
	if svg := drawBoth(t, "no zero", f); strings.Contains(svg, "0 at the lower edge") {
		t.Error("the axis speaks of zeros where there are none")
	}
	run.Steps[len(run.Steps)-1].Active[2] = 0
	if f, err = Density(run); err != nil {
		t.Fatal(err)
	}
	if svg := drawBoth(t, "a zero", f); !strings.Contains(svg, "0 at the lower edge") {
		t.Error("the axis does not say where zeros are")
	}
}

// A network of very many layers still makes a small page.
func TestManyLayers(t *testing.T) {
	run := synth(deep(400), 20, 1, 10, 1)
	figures, err := All(run)
	if err != nil || len(figures) != 7 {
		t.Fatalf("%d figures, %v", len(figures), err)
	}
	for _, f := range figures {
		if n := len(drawBoth(t, f.Name, f)); n > 200<<10 {
			t.Errorf("%s has %d bytes", f.Name, n)
		}
	}
}

func TestNaNLossIsNamed(t *testing.T) {
	run := synth(lenet300(), 20, 1, 5, 1)
	run.Steps[30].Loss = math.NaN()
	f, err := LossAccuracy(run)
	if err != nil {
		t.Fatal(err)
	}
	if svg := drawBoth(t, "NaN loss", f); !strings.Contains(svg, "loss is NaN at gsm step 11") {
		t.Error("the legend does not name the step at which the loss is NaN")
	}
}

// TestAccuracyAxis: what a network had and lost is in the picture; the first epochs of one that
// begins at chance are not.
func TestAccuracyAxis(t *testing.T) {
	for _, tt := range []struct {
		accuracies []float64
		low, high  float64 // the least and the greatest of them that are shown
	}{
		{[]float64{93.39, 89.25, 87.38, 88, 88.84, 89.33, 89.5, 89.28, 89.32, 91.04, 91.25, 91.21, 91.46}, 87.38, 93.39},
		{[]float64{93.39, 58.7, 62.2, 73.97, 81.23}, 58.7, 93.39},
		{[]float64{10.1, 94, 96.5, 97.2, 97.8, 98, 98.1, 98.2, 98.2}, 97.2, 98.2},
		{[]float64{50, 50}, 50, 50},
	} {
		run := &trace.Run{}
		for i, y := range tt.accuracies {
			run.Evals = append(run.Evals, trace.Eval{Stage: "gsm", Step: i, Accuracy: y / 100})
		}
		f, err := LossAccuracy(run)
		if err != nil {
			t.Fatal(err)
		}
		y := f.panels[len(f.panels)-1].plot.Y
		low, high := 100., 0.
		for _, a := range tt.accuracies {
			if y.Min < a && a < y.Max {
				low, high = min(low, a), max(high, a)
			}
		}
		if low != tt.low || high != tt.high {
			t.Errorf("%v: shown from %g to %g (axis from %g to %g): must be from %g to %g", tt.accuracies, low, high, y.Min, y.Max, tt.low, tt.high)
		}
	}
}

func TestRateMarks(t *testing.T) {
	var steps []trace.Step
	for i, rate := range []float64{0, 0.01, 0.02, 0.03, 0.03, 0.003, 0.0029, 0.0003} {
		steps = append(steps, trace.Step{Stage: "gsm", Step: i + 1, LearningRate: rate})
	}
	want := []mark{{6, "lr 0.003"}, {8, "lr 0.0003"}}
	if got := rateMarks(steps); !reflect.DeepEqual(got, want) {
		t.Errorf("marks %v, want %v", got, want)
	}
}

func TestDensityNumbers(t *testing.T) {
	run := &trace.Run{Header: trace.Header{Q: 3, Prunable: 200, Layers: []trace.Layer{{Name: "m/a/w", Prunable: 100}, {Name: "m/b/w", Prunable: 100}}}}
	for i := range 3 {
		run.Steps = append(run.Steps, trace.Step{Stage: "gsm", Step: i + 1, Active: []int{i, 3 - i}})
	}
	f, err := Density(run)
	if err != nil {
		t.Fatal(err)
	}
	cs := f.panels[0].curves
	if len(cs) != 3 || !reflect.DeepEqual(cs[0].ys, []float64{0, 1, 2}) || !reflect.DeepEqual(cs[1].ys, []float64{3, 2, 1}) || !reflect.DeepEqual(cs[2].ys, []float64{1.5, 1.5}) {
		t.Errorf("curves %+v", cs)
	}
	if want := "Line chart of active weights in % over steps 1 to 3. At the end: a 2.00 %, b 1.00 %."; f.Alt != want {
		t.Errorf("alt %q, want %q", f.Alt, want)
	}
}

func TestShortNames(t *testing.T) {
	for _, tt := range []struct{ in, want []string }{
		{[]string{"/net/fc1/weights", "/net/fc2/weights"}, []string{"fc1", "fc2"}},
		{[]string{"/net/a", "/net/a/b"}, []string{"a", "a/b"}},
		{[]string{"/net/w"}, []string{"net/w"}},
		{[]string{"x/w", "x/w"}, []string{"w", "w"}},
		{[]string{"", "a"}, []string{"", "a"}},
	} {
		var layers []trace.Layer
		for _, n := range tt.in {
			layers = append(layers, trace.Layer{Name: n})
		}
		var got []string
		for _, l := range shortNames(layers) {
			got = append(got, l.Name)
		}
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q became %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestThinKeepsExtremes(t *testing.T) {
	xs, ys := make([]float64, 10000), make([]float64, 10000)
	for i := range xs {
		xs[i], ys[i] = float64(i), math.Sin(float64(i))
	}
	ys[4321], ys[1234], ys[77] = 50, -50, math.NaN()
	gx, gy := thin(xs, ys, 100)
	var e extent
	for i, y := range gy {
		e.add(y)
		if i > 0 && gx[i] <= gx[i-1] {
			t.Fatalf("x is not ascending at %d", i)
		}
	}
	if len(gx) > 100 || e.lo != -50 || e.hi != 50 {
		t.Errorf("%d points from %v to %v", len(gx), e.lo, e.hi)
	}
}

func TestSummarize(t *testing.T) {
	xs, ys := make([]float64, 100), make([]float64, 100)
	for i := range xs {
		xs[i], ys[i] = float64(i), float64(i%10)
	}
	c := new(curve)
	c.summarize(xs, ys, 10)
	for b := range 10 {
		if c.xs[b] != float64(b)*10+4.5 || c.ys[b] != 4.5 || c.lo[b] != 0 || c.hi[b] != 9 {
			t.Fatalf("bucket %d: x %v, mean %v from %v to %v", b, c.xs[b], c.ys[b], c.lo[b], c.hi[b])
		}
	}
}

func labels(ticks []plot.Tick) (out []string) {
	for _, t := range ticks {
		if t.Label != "" {
			out = append(out, t.Label)
		}
	}
	return out
}

func TestTicks(t *testing.T) {
	for _, tt := range []struct {
		ticker plot.Ticker
		lo, hi float64
		want   string
	}{
		{linearTicks{count: 5}, 0, 100, "0 20 40 60 80 100"},
		{linearTicks{count: 6}, 1, 18800, "2,000 4,000 6,000 8,000 10,000 12,000 14,000 16,000 18,000"},
		{linearTicks{count: 5}, -0.25, 0.25, "-0.2 -0.1 0.0 0.1 0.2"},
		{linearTicks{count: 5}, 98.01, 98.29, "98.05 98.10 98.15 98.20 98.25"},
		{linearTicks{count: 5}, 3, 3, ""},
		{linearTicks{count: 5}, -math.MaxFloat64, math.MaxFloat64, ""},
		{linearTicks{5, true}, 0, 2, "0 1 2"},
		{logTicks{7}, 1e-7, 1e-3, "1e-7 1e-6 1e-5 1e-4 0.001"},
		{logTicks{7}, 0.8, 22, "1 2 5 10 20"},
		{logTicks{7}, 1.1, 1.4, "1.10 1.15 1.20 1.25 1.30 1.35 1.40"},
		{logTicks{4}, 1e-12, 1, "1e-12 1e-9 1e-6 0.001 1"},
		{logTicks{4}, 0, 1, ""},
		{powerTicks{}, -4, 1, "1e-4 0.001 0.01 0.1 1 10"},
	} {
		if got := strings.Join(labels(tt.ticker.Ticks(tt.lo, tt.hi)), " "); got != tt.want {
			t.Errorf("%#v from %v to %v: %s, want %s", tt.ticker, tt.lo, tt.hi, got, tt.want)
		}
	}
}

// White and #111 both leave a contrast of at least 4 to the text.
func TestInkIsReadableOnBoth(t *testing.T) {
	light := func(v uint8) float64 {
		s := float64(v) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	text := light(ink.R)
	if white, dark := 1.05/(text+0.05), (text+0.05)/(light(0x11)+0.05); white < 4 || dark < 4 {
		t.Errorf("contrast %.2f on white, %.2f on dark", white, dark)
	}
}

func TestAccuracySeries(t *testing.T) {
	run := func(accuracies ...float64) *trace.Run {
		r := new(trace.Run)
		for i, a := range accuracies {
			r.Evals = append(r.Evals, trace.Eval{Stage: "ticket", Step: 10 * (i + 1), Accuracy: a})
		}
		return r
	}
	s, err := AccuracySeries("x", "ticket", run(0.5, 0.75), run(0.25, 0.25, 1))
	want := Series{"x", []float64{10, 20}, []float64{37.5, 50}, []float64{25, 25}, []float64{50, 75}}
	if err != nil || !reflect.DeepEqual(s, want) {
		t.Errorf("%+v, %v; want %+v", s, err, want)
	}
	if _, err := AccuracySeries("x", "gsm", run(1)); !errors.Is(err, ErrNoData) {
		t.Errorf("stage without evaluations: %v", err)
	}
}

func TestErrors(t *testing.T) {
	good, err := Density(shortRun())
	if err != nil {
		t.Fatal(err)
	}
	figure := func(change func(*Figure)) *Figure {
		f := *good
		change(&f)
		return &f
	}
	var errs []error
	add := func(_ any, err error) { errs = append(errs, err) }
	add(Lines("t", "x", "y", []Series{{Name: "s", X: []float64{1}}}, LineOptions{}))
	add(Lines("t", "x", "y", []Series{{"s", []float64{1}, []float64{1}, []float64{1}, nil}}, LineOptions{}))
	add(Lines("t", "x", "y", nil, LineOptions{}))
	add(Lines("t", "x", "y", []Series{{"s", []float64{1}, []float64{1}, nil, nil}}, LineOptions{YMin: 2, YMax: 1}))
	add(Mask("m", []bool{true}, 1, 2))
	add(Mask("m", []bool{}, 0, 0))
	add(Mask("m", []bool{true}, -1, -1))
	add(ScoreHistogram([]float64{0, 0}, 0))
	add(Bars("b", "t", "x", nil))
	add(good.PNG(0))
	add(good.PNG(math.NaN()))
	add(figure(func(f *Figure) { f.Width = 1e9 }).SVG())
	add(figure(func(f *Figure) { f.Height = math.NaN() }).PNG(1))
	add(nil, good.Save(filepath.Join(t.TempDir(), "x.gif")))
	add(nil, good.Save(filepath.Join(t.TempDir(), "none", "x.svg")))
	for i, err := range errs {
		if err == nil || !strings.HasPrefix(err.Error(), "chart: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("case %d: error %v, want one line", i, err)
		}
	}
}

func TestSave(t *testing.T) {
	f, err := Layers(shortRun())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	svg, _ := f.SVG()
	png, _ := f.PNG(2)
	for name, want := range map[string][]byte{"a.svg": svg, "a.PNG": png} {
		if err := f.Save(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s has other bytes, %v", name, err)
		}
	}
	if files, _ := os.ReadDir(dir); len(files) != 2 {
		t.Errorf("files left: %v", files)
	}
}

// Whatever the reader accepts can be drawn.
func FuzzCharts(f *testing.F) {
	head := `{"type":"header","version":1,"q":1,"prunable":4,"layers":[{"name":"a","prunable":2},{"name":"b","prunable":2}],"histogram_edges":[-1,0]}` + "\n"
	f.Add([]byte(head + `{"type":"step","stage":"gsm","step":1,"loss":"NaN","threshold":0,"active":[0,2],"flips":0,"learning_rate":1}`))
	f.Add([]byte(head + `{"type":"magnitude","stage":"x","step":0,"threshold":"+Inf","histogram":[0,0,1]}`))
	f.Add([]byte(head + `{"type":"eval","stage":"base","step":9,"accuracy":1e308,"loss":-1}` + "\n" + `{"type":"cut","stage":"gsm","step":1,"kept":[1,0]}`))
	f.Add([]byte(`{"type":"header","version":1,"histogram_edges":[1e300,1.1e300]}` + "\n" + `{"type":"magnitude","stage":"x","histogram":[1,2,3]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		run, err := trace.Collect(bytes.NewReader(text), "x")
		if err != nil || len(run.Header.Layers) > 100 {
			return
		}
		page, err := RunPage(run)
		if err != nil {
			t.Fatal(err)
		}
		for _, fig := range page.Figures {
			svg, err := fig.SVG()
			if err != nil {
				t.Fatal(err)
			}
			wellFormed(t, fig.Name, svg)
		}
	})
}
