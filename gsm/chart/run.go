// The charts of one run, drawn from its trace: density, flips, threshold, layers.

package chart

import (
	"errors"
	"fmt"
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"gsmlab/gsm/trace"
	"gsmlab/internal/phrase"
)

// summaryPoints is the number of stretches into which a long run is divided.
const summaryPoints = 300

// All returns the figures for which the run has data, in reading order.
func All(run *trace.Run) ([]*Figure, error) {
	var figures []*Figure
	for _, f := range []func(*trace.Run) (*Figure, error){Density, LossAccuracy, Layers, Collapse, runShrink, Flips, Threshold, runTickets} {
		fig, err := f(run)
		if errors.Is(err, ErrNoData) {
			continue
		}
		if err != nil {
			return nil, err
		}
		figures = append(figures, fig)
	}
	return figures, nil
}

// noData is the error of a chart for which a run has nothing to show.
func noData(figure, want string) error {
	return fmt.Errorf("chart: %s: %w: the trace has no %s", figure, ErrNoData, want)
}

// Density draws which share of each layer's weights had a gradient that passed, over the GSM steps,
// on a logarithmic axis. The dashed line is the global share Q/N; dotted lines mark drops of the
// learning rate.
func Density(run *trace.Run) (*Figure, error) {
	layers := shortNames(run.Header.Layers)
	steps := stepsWith(run, func(s trace.Step) bool { return len(s.Active) == len(layers) && len(layers) > 0 })
	if len(steps) == 0 {
		return nil, noData("density", "active counts per layer")
	}
	p := newPanel("GSM step", "active weights (% of the layer)", true)
	p.wholeX()
	xs := column(steps, func(s trace.Step) float64 { return float64(s.Step) })
	bucket := 1
	var ends []string
	for i, l := range layers {
		ys := column(steps, func(s trace.Step) float64 { return percent(s.Active[i], l.Prunable) })
		ends = append(ends, fmt.Sprintf("%s %s", l.Name, showPercent(ys[len(ys)-1])))
		c := &curve{name: l.Name, color: layerColor(i, len(layers)), dashes: layerDashes(i, len(layers))}
		c.xs, c.ys, bucket = average(xs, ys, min(perCurve(len(layers)), 400))
		p.add(c)
	}
	p.legend = layerLegend(p.legend)
	if h := run.Header; h.Prunable > 0 {
		y := percent(h.Q, h.Prunable)
		p.add(&curve{name: "all, Q/N = " + showPercent(y), xs: ends2(xs), ys: []float64{y, y}, color: ink, width: 1.5, dashes: []vg.Length{6, 3}})
	}
	p.marks = rateMarks(steps)
	f := &Figure{
		Name: "density", Title: "Active weights per layer while training with GSM",
		Caption: "Share of each layer's weights whose gradient passes, on a logarithmic axis. The threshold is global, so the layers find their own densities; " +
			"the dashed line is the share of all layers together. Dotted lines: the learning rate drops.",
		Alt:    fmt.Sprintf("Line chart of active weights in %% over %s. At the end: %s.", stepRange(steps), strings.Join(ends, ", ")),
		panels: []*panel{p},
	}
	if bucket > 1 {
		f.Caption += fmt.Sprintf(" Each point is the mean of about %d recorded steps.", bucket)
	}
	return f, finish(f)
}

// Flips draws how many weights changed between active and passive at each GSM
// step, and how many of them became active again.
func Flips(run *trace.Run) (*Figure, error) {
	steps := stepsWith(run, func(s trace.Step) bool { return s.Flips != nil || s.Reactivated != nil })
	if len(steps) == 0 {
		return nil, noData("flips", "flips")
	}
	p := newPanel("GSM step", "weights per step", true)
	p.wholeX()
	xs := column(steps, func(s trace.Step) float64 { return float64(s.Step) })
	add := func(name string, color int, get func(trace.Step) *int64) {
		ys := column(steps, func(s trace.Step) float64 { return optional(get(s)) })
		c := &curve{name: name, color: seriesColor(color), width: 1}
		c.summarize(xs, ys, summaryPoints)
		p.add(c)
	}
	add("flips", 0, func(s trace.Step) *int64 { return s.Flips })
	add("reactivations", 1, func(s trace.Step) *int64 { return s.Reactivated })
	p.marks = rateMarks(steps)
	f := &Figure{
		Name: "flips", Title: "Weights that change between active and passive",
		Caption: "Flips: weights whose activity differs from the step before. Reactivations: those that went from passive to active. " +
			"In long runs: the mean of each stretch of steps, shaded from the least to the greatest value.",
		Alt:    fmt.Sprintf("Line chart of mask flips and reactivations per step over %s.", stepRange(steps)),
		panels: []*panel{p},
	}
	return f, finish(f)
}

// Threshold draws the Q-th greatest score |w * dL/dw| of each GSM step.
func Threshold(run *trace.Run) (*Figure, error) {
	steps := stepsWith(run, func(s trace.Step) bool { return s.Threshold != nil })
	if len(steps) == 0 {
		return nil, noData("threshold", "thresholds")
	}
	p := newPanel("GSM step", "threshold of |w · ∂L/∂w|", true)
	p.wholeX()
	c := &curve{color: blue, width: 1}
	c.summarize(column(steps, func(s trace.Step) float64 { return float64(s.Step) }),
		column(steps, func(s trace.Step) float64 { return *s.Threshold }), summaryPoints)
	p.add(c)
	p.marks = rateMarks(steps)
	f := &Figure{
		Name: "threshold", Title: "Score that a weight needs to be active",
		Caption: "The Q-th greatest score |w · ∂L/∂w| of each step's minibatch, on a logarithmic axis. " +
			"In long runs: the mean of each stretch of steps, shaded from the least to the greatest value.",
		Alt:    fmt.Sprintf("Line chart of the score threshold over %s, from %.2g to %.2g.", stepRange(steps), *steps[0].Threshold, *steps[len(steps)-1].Threshold),
		panels: []*panel{p},
	}
	return f, finish(f)
}

// Layers draws the share of each layer's weights that the final cut kept, as bars with numbers.
// Networks of more than 120 layers get a line over the layers' numbers. If there are several cuts,
// it shows the last.
func Layers(run *trace.Run) (*Figure, error) {
	layers := shortNames(run.Header.Layers)
	if len(run.Cuts) == 0 || len(layers) == 0 || len(run.Cuts[len(run.Cuts)-1].Kept) != len(layers) {
		return nil, noData("layers", "cut with counts per layer")
	}
	cut := run.Cuts[len(run.Cuts)-1]
	bars := make([]Bar, len(layers))
	var parts []string
	for i, l := range layers {
		v := percent(cut.Kept[i], l.Prunable)
		bars[i] = Bar{l.Name, v, fmt.Sprintf("%s  (%s of %s)", showPercent(v), phrase.Count(cut.Kept[i]), phrase.Count(l.Prunable))}
		parts = append(parts, l.Name+" "+showPercent(v))
	}
	const title, label = "Weights left in each layer after the cut", "weights left (% of the layer)"
	var f *Figure
	var err error
	if len(bars) <= maxLayerBars {
		f, err = Bars("layers", title, label, bars)
	} else {
		s := Series{X: make([]float64, len(bars)), Mean: make([]float64, len(bars))}
		for i, b := range bars {
			s.X[i], s.Mean[i] = float64(i+1), b.Value
		}
		f, err = Lines(title, "layer", label, []Series{s}, LineOptions{Name: "layers", LogY: true})
	}
	if err != nil {
		return nil, err
	}
	f.Caption = fmt.Sprintf("The global magnitude cut keeps the %s greatest |w| of %s prunable weights; no layer has a quota.",
		phrase.Count(cut.Q), phrase.Count(run.Header.Prunable))
	f.Alt = "Chart of the weights left per layer: " + strings.Join(parts, ", ") + "."
	return f, nil
}

// stepsWith returns the GSM steps that have what is asked for. If there are none, it returns those
// of the first stage that has some, because other programs may name their stages as they like.
func stepsWith(run *trace.Run, has func(trace.Step) bool) []trace.Step {
	stage := ""
	for _, s := range run.Steps {
		if has(s) && (stage == "" || s.Stage == trace.StageGSM) {
			stage = s.Stage
		}
	}
	var steps []trace.Step
	for _, s := range run.Steps {
		if s.Stage == stage && has(s) {
			steps = append(steps, s)
		}
	}
	return steps
}

func column(steps []trace.Step, get func(trace.Step) float64) []float64 {
	out := make([]float64, len(steps))
	for i, s := range steps {
		out[i] = get(s)
	}
	return out
}

func optional(v *int64) float64 {
	if v == nil {
		return math.NaN()
	}
	return float64(*v)
}

func percent(part, all int) float64 {
	if all <= 0 {
		return math.NaN()
	}
	return 100 * float64(part) / float64(all)
}

// showPercent formats a percentage with about three digits.
func showPercent(p float64) string {
	switch {
	case math.IsNaN(p):
		return "n/a"
	case p == 0 || p >= 10:
		return fmt.Sprintf("%.1f %%", p)
	case p >= 0.1:
		return fmt.Sprintf("%.2f %%", p)
	}
	return fmt.Sprintf("%.2g %%", p)
}

func ends2(xs []float64) []float64 { return []float64{xs[0], xs[len(xs)-1]} }

func stepRange(steps []trace.Step) string {
	return fmt.Sprintf("steps %s to %s", phrase.Count(steps[0].Step), phrase.Count(steps[len(steps)-1].Step))
}

// rateMarks finds where the learning rate drops by a fifth or more at once. Smooth schedules have
// no such places, and a warm-up only rises.
func rateMarks(steps []trace.Step) []mark {
	var ms []mark
	for i := 1; i < len(steps); i++ {
		was, is := steps[i-1].LearningRate, steps[i].LearningRate
		if steps[i].Stage == steps[i-1].Stage && is < 0.8*was {
			ms = append(ms, mark{float64(steps[i].Step), "lr " + strings.ReplaceAll(fmt.Sprintf("%.2g", is), "e-0", "e-")})
		}
	}
	if len(ms) > 24 { // not milestones but noise
		return nil
	}
	return ms
}

// maxLayerBars is how many bars still fit on a page or two.
const maxLayerBars = 120

// manyLayers is the number of layers from which colours run from the first layer to the last. Fewer
// layers each have their own colour.
const manyLayers = 13

func layerColor(i, n int) color.NRGBA {
	if n < manyLayers {
		return seriesColor(i)
	}
	return ramp(float64(i) / float64(n-1))
}

func layerDashes(i, n int) []vg.Length {
	if n < manyLayers {
		return seriesDashes(i)
	}
	return nil
}

// shortNames returns the layers with shorter names: it drops the path elements with which all of
// them begin or end. "/lenet300/fc1/weights" becomes "fc1".
func shortNames(layers []trace.Layer) []trace.Layer {
	paths := make([][]string, len(layers))
	for i, l := range layers {
		paths[i] = strings.Split(strings.Trim(l.Name, "/"), "/")
	}
	// same says whether all paths have the same element at that place, and other elements besides.
	same := func(at func([]string) string) bool {
		for _, p := range paths {
			if len(p) < 2 || at(p) != at(paths[0]) {
				return false
			}
		}
		return len(paths) > 1
	}
	for same(func(p []string) string { return p[0] }) {
		for i := range paths {
			paths[i] = paths[i][1:]
		}
	}
	for same(func(p []string) string { return p[len(p)-1] }) {
		for i, p := range paths {
			paths[i] = p[:len(p)-1]
		}
	}
	out := slices.Clone(layers)
	for i, p := range paths {
		out[i].Name = strings.Join(p, "/")
	}
	return out
}

// layerLegend keeps seven of many entries, evenly spaced.
func layerLegend(all []entry) []entry {
	n := len(all)
	if n < manyLayers {
		return all
	}
	out := []entry{{fmt.Sprintf("%d layers, such as", n), nil}}
	for i := range 7 {
		k := i * (n - 1) / 6
		out = append(out, entry{fmt.Sprintf("%d: %s", k+1, all[k].text), all[k].curve})
	}
	return out
}

// finish finishes all panels of a figure.
func finish(f *Figure) error {
	for _, p := range f.panels {
		if err := p.finish(); err != nil {
			return fmt.Errorf("chart: %s: %w", f.Name, err)
		}
	}
	return nil
}

// seriesGlyph tells six sets of points apart without colour.
func seriesGlyph(i int) draw.GlyphDrawer {
	glyphs := []draw.GlyphDrawer{disc, triangle, draw.BoxGlyph{}, draw.RingGlyph{}, draw.TriangleGlyph{}, draw.SquareGlyph{}}
	return glyphs[i%len(glyphs)]
}

// disc and triangle tell the points before and after the cut apart without colour.
var (
	disc     draw.GlyphDrawer = draw.CircleGlyph{}
	triangle draw.GlyphDrawer = draw.PyramidGlyph{}
)
