package chart

import (
	"fmt"
	"math"

	"gsmlab/gsm/trace"
	"gsmlab/internal/phrase"
)

// Collapse draws histograms of log10|w| at several steps: passive weights move to the left and
// vanish. It chooses at most six steps, evenly, from those recorded.
func Collapse(run *trace.Run) (*Figure, error) {
	edges := run.Header.HistogramEdges
	at, err := histograms(run)
	if err != nil {
		return nil, err
	}
	at = evenly(at, 6)
	p := newPanel("|w|", "weights per bin", true)
	p.plot.X.Tick.Marker = powerTicks{}
	for i, m := range at {
		t := 0.0
		if len(at) > 1 {
			t = float64(i) / float64(len(at)-1)
		}
		c := &curve{name: momentName(m), color: ramp(t), steps: true}
		c.xs, c.ys = binSteps(edges, m.Histogram)
		p.add(c)
	}
	last := at[len(at)-1]
	p.marks = cutMark(last)
	f := &Figure{
		Name: "collapse", Title: "Magnitude of the weights at several steps",
		Caption: "Histogram of |w| of all prunable weights, both axes logarithmic. Weights without gradient shrink and move to the left; " +
			"when nothing is left near the dotted line, cutting below it changes nothing.",
		Alt: fmt.Sprintf("Histograms of the magnitude of the weights at %d steps. At the last one, weights below the cut hold %s of the total magnitude.",
			len(at), showPercent(100*last.MassBelow)),
		panels: []*panel{p},
	}
	return f, finish(f)
}

// CollapseAnimation is Collapse as an animation on common axes: a frame for each recorded
// histogram, at most 30. The first histogram stays as an outline.
func CollapseAnimation(run *trace.Run) (*Animation, error) {
	edges := run.Header.HistogramEdges
	at, err := histograms(run)
	if err != nil {
		return nil, err
	}
	at = evenly(at, 30)
	most := 1
	for _, m := range at {
		for _, n := range m.Histogram {
			most = max(most, n)
		}
	}
	frames := make([]Frame, len(at))
	for i, m := range at {
		p := newPanel("|w|", "weights per bin", true)
		p.plot.X.Tick.Marker = powerTicks{}
		p.yMin, p.yMax = 0.5, 2*float64(most)
		start := &curve{name: momentName(at[0]), color: ink, width: 0.8, steps: true}
		start.xs, start.ys = binSteps(edges, at[0].Histogram)
		p.add(start)
		now := &curve{name: momentName(m), color: blue, width: 1}
		xs, ys := binSteps(edges, m.Histogram)
		now.addBins(xs, ys[:len(ys)-1])
		p.add(now)
		p.marks = cutMark(m)
		f := &Figure{
			Name: "collapse", Title: "Magnitude of the weights during training",
			Alt: fmt.Sprintf("Histogram of the magnitude of the weights at %s. Weights below the cut hold %s of the total magnitude.",
				momentName(m), showPercent(100*m.MassBelow)),
			panels: []*panel{p},
		}
		if err := finish(f); err != nil {
			return nil, err
		}
		frames[i] = Frame{momentName(m), f}
	}
	a, err := NewAnimation("collapse", "Magnitude of the weights during training", frames)
	if err != nil {
		return nil, err
	}
	a.Caption = "Histogram of |w| of all prunable weights, both axes logarithmic, with the first one as a grey line. " +
		"The dotted line is where the magnitude cut would be: weights without gradient move away from it to the left."
	a.Seconds = 0.3
	a.still, err = Collapse(run)
	return a, err
}

// histograms returns the records that have a histogram.
func histograms(run *trace.Run) (at []trace.Magnitude, err error) {
	for _, m := range withoutTickets(run).Magnitudes {
		if n := len(run.Header.HistogramEdges); len(m.Histogram) == n+1 && n > 1 {
			at = append(at, m)
		}
	}
	if len(at) == 0 {
		return nil, noData("collapse", "histograms")
	}
	return at, nil
}

func momentName(m trace.Magnitude) string {
	return fmt.Sprintf("%s, step %s", m.Stage, phrase.Count(m.Step))
}

// cutMark marks the magnitude of the smallest weight that the cut would keep.
func cutMark(m trace.Magnitude) []mark {
	if !(m.Threshold > 0) || bad(m.Threshold) {
		return nil
	}
	return []mark{{math.Log10(m.Threshold), "cut"}}
}

// binSteps turns bins into a step line. The outermost bins have no outer edge; they are as wide as
// their neighbours.
func binSteps(edges []float64, counts []int) (xs, ys []float64) {
	n := len(edges)
	xs = append(xs, 2*edges[0]-edges[1])
	xs = append(xs, edges...)
	xs = append(xs, 2*edges[n-1]-edges[n-2])
	for _, c := range counts {
		ys = append(ys, float64(c))
	}
	return xs, append(ys, ys[len(ys)-1])
}
