// Shrink: what the budget predicts for a passive weight, beside what a trace measured.

package chart

import (
	"fmt"
	"math"
	"sort"

	"gsmlab/gsm/trace"
)

// enoughS is the budget from which passive weights are too small to matter.
const enoughS = 8

// Shrink draws which share of a passive weight is left after the budget S, the sum of αη/(1-β) over
// the steps. The closed form e^-S is a line; measured shares are points beside it. X of a series is
// S; Mean is the share that is left, 1 at first. Without series it draws the closed form alone.
func Shrink(measured ...Series) (*Figure, error) {
	var s extent
	s.add(enoughS * 1.25)
	for _, m := range measured {
		if len(m.X) == 0 || len(m.X) != len(m.Mean) {
			return nil, fmt.Errorf("chart: shrink: series %q: %d values of S and %d shares: must be the same number, and at least one", m.Name, len(m.X), len(m.Mean))
		}
		for i, x := range m.X {
			if !(x >= 0) || bad(x) || !(m.Mean[i] >= 0) || bad(m.Mean[i]) {
				return nil, fmt.Errorf("chart: shrink: series %q: share %v at S %v: both must be finite and not negative", m.Name, m.Mean[i], x)
			}
			if x > 700 { // e^-S is 0 beyond
				return nil, fmt.Errorf("chart: shrink: series %q: S is %v: at most 700 can be drawn", m.Name, x)
			}
			s.add(x)
		}
	}
	p := newPanel("budget S", "share of a passive weight that is left", true)
	p.xMin, p.xMax = 0, s.hi*1.02
	form := &curve{name: "closed form e^-S", color: ink, dashes: seriesDashes(len(palette))}
	form.xs, form.ys = []float64{0, s.hi}, []float64{1, math.Exp(-s.hi)}
	p.add(form)
	for i, m := range measured {
		c := &curve{name: m.Name, color: seriesColor(i), glyph: seriesGlyph(i), noLine: true}
		c.xs, c.ys = thin(m.X, m.Mean, perCurve(10*len(measured)))
		p.add(c)
	}
	p.marks = []mark{{enoughS, "S = 8: 0.03 % left"}}
	f := &Figure{
		Name: "shrink", Title: "What is left of a passive weight",
		Caption: "A weight that gets no gradient only decays, and momentum makes the decay 1/(1-β) times as strong. On this axis the closed form is a straight line; " +
			"from S = 8 on, cutting what is left changes nothing that matters.",
		Alt:    fmt.Sprintf("Line chart of the share of a passive weight that is left over the budget S, from 1 to %.2g at S = %.3g.", math.Exp(-s.hi), s.hi),
		panels: []*panel{p},
	}
	for _, m := range measured {
		k := len(m.X) - 1
		f.Alt += fmt.Sprintf(" %s: %.2g at S = %.3g, where the closed form is %.2g.", m.Name, m.Mean[k], m.X[k], math.Exp(-m.X[k]))
	}
	return f, finish(f)
}

// ShrinkSeries measures, from the histograms of a trace, what is left of the median weight after
// the budget spent so far. With compression well above 2, the median weight is passive. The weights
// at the end of the stage before count as 1, or else the first recorded ones. The trace must reach
// the end of the GSM stage: only then is it known which part of the budget each step spent.
func ShrinkSeries(name string, run *trace.Run) (Series, error) {
	s := Series{Name: name}
	if len(run.Header.HistogramEdges) < 2 {
		return s, noData("shrink", "histograms")
	}
	spent, err := spentBudget(run)
	if err != nil {
		return s, err
	}
	first, firstS := math.NaN(), 0.0
	for _, m := range run.Magnitudes {
		size := medianMagnitude(run.Header.HistogramEdges, m.Histogram)
		if m.Stage != trace.StageGSM {
			first = size // of the stage before
			continue
		}
		if math.IsNaN(size) || size <= 0 {
			continue
		}
		at := spent(m.Step)
		if math.IsNaN(first) {
			first, firstS = size, at
		}
		s.X, s.Mean = append(s.X, at-firstS), append(s.Mean, size/first)
	}
	if len(s.X) == 0 {
		return s, noData("shrink", "histograms of the GSM stage")
	}
	return s, nil
}

// spentBudget returns a function that says how much of S the steps so far have spent, each in
// proportion to its learning rate.
func spentBudget(run *trace.Run) (func(step int) float64, error) {
	h := run.Header
	var steps []int
	var sums []float64
	before, sum := 0, 0.0
	for _, s := range run.Steps {
		if s.Stage == trace.StageGSM && s.Step > before && s.LearningRate >= 0 && !bad(s.LearningRate) {
			// A recorded step stands for all steps since the one recorded before it.
			sum += s.LearningRate * float64(s.Step-before)
			before = s.Step
			steps, sums = append(steps, before), append(sums, sum)
		}
	}
	planned := before
	for _, p := range h.Stages {
		if p.Name == trace.StageGSM {
			planned = p.Steps
		}
	}
	if len(steps) == 0 || !(sum > 0) || bad(sum) || !(h.BudgetS > 0 && h.BudgetS <= 700) || before+max(h.Every, 1) <= planned {
		return nil, noData("shrink", "whole GSM stage with learning rates and a budget S")
	}
	return func(step int) float64 {
		i := sort.SearchInts(steps, step)
		switch {
		case i == len(steps):
			return h.BudgetS
		case i == 0:
			return h.BudgetS * sums[0] / sum * float64(step) / float64(steps[0])
		}
		t := float64(step-steps[i-1]) / float64(steps[i]-steps[i-1])
		return h.BudgetS * (sums[i-1] + t*(sums[i]-sums[i-1])) / sum
	}, nil
}

// medianMagnitude returns the median |w| of a histogram of log10|w|, interpolated within its bin.
// It is NaN if the median is in one of the outermost bins, which have no outer edge.
func medianMagnitude(edges []float64, counts []int) float64 {
	if len(counts) != len(edges)+1 {
		return math.NaN()
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	half, below := float64(total)/2, 0.0
	for i, n := range counts {
		if n > 0 && below+float64(n) >= half {
			if i == 0 || i == len(counts)-1 {
				return math.NaN()
			}
			return math.Pow(10, edges[i-1]+(edges[i]-edges[i-1])*(half-below)/float64(n))
		}
		below += float64(n)
	}
	return math.NaN()
}

// runShrink is Shrink for the measurements of a trace.
func runShrink(run *trace.Run) (*Figure, error) {
	s, err := ShrinkSeries("median weight", run)
	if err != nil {
		return nil, err
	}
	f, err := Shrink(s)
	if err != nil {
		return nil, err
	}
	f.Caption += " The median weight is one of the passive ones. It may lie below the line, which is the limit of small steps, and above it while many weights change sides."
	return f, nil
}
