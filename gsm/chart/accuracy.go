// LossAccuracy: losses and accuracy over the steps of all stages.

package chart

import (
	"fmt"

	"gsmlab/gsm/trace"
	"gsmlab/internal/phrase"
)

// LossAccuracy draws the training and test loss. Below it comes the test accuracy, with the values
// before and after the cut marked. Stages follow each other on one axis. The accuracy axis shows
// the greatest value and what is near it: the first epochs of a network that begins at chance may
// leave it at the bottom. Tickets that are retrained afterwards have their own chart, Tickets.
func LossAccuracy(run *trace.Run) (*Figure, error) {
	if len(run.Steps) == 0 && len(run.Evals) == 0 && len(run.Cuts) == 0 {
		return nil, noData("accuracy", "steps and no evaluations")
	}
	run = withoutTickets(run)
	line := newTimeline(run)
	losses, err := lossPanel(run, line)
	if err != nil {
		return nil, err
	}
	accuracies, text, err := accuracyPanel(run, line)
	if err != nil {
		return nil, err
	}
	f := &Figure{
		Name: "accuracy", Title: "Loss and test accuracy",
		Caption: "Training loss of single minibatches (in long runs the mean of each stretch of steps, shaded from the least to the greatest), test loss and test accuracy. " +
			"Dotted lines: a stage begins or the learning rate drops.",
		Alt:    "Line charts of loss and accuracy over the steps of all stages." + text,
		height: 430,
	}
	for _, p := range []*panel{losses, accuracies} {
		if p != nil {
			f.panels = append(f.panels, p)
		}
	}
	switch len(f.panels) {
	case 0:
		return nil, noData("accuracy", "finite loss or accuracy")
	case 1:
		f.height = 0
	}
	return f, nil
}

// A timeline lays the stages one after the other.
type timeline struct {
	offset map[string]float64
	marks  []mark
	end    float64
}

func newTimeline(run *trace.Run) *timeline {
	t := &timeline{offset: make(map[string]float64)}
	var order []string
	last := make(map[string]int)
	see := func(stage string, step int) {
		if _, ok := last[stage]; !ok {
			order = append(order, stage)
		}
		last[stage] = max(last[stage], step)
	}
	for _, s := range run.Steps {
		see(s.Stage, s.Step)
	}
	for _, e := range run.Evals {
		see(e.Stage, e.Step)
	}
	for _, c := range run.Cuts {
		see(c.Stage, c.Step)
	}
	at := 0.0
	rates := make(map[string][]mark)
	for i := 1; i <= len(run.Steps); i++ { // pieces of one stage
		if i == len(run.Steps) || run.Steps[i].Stage != run.Steps[i-1].Stage {
			j := i - 1
			for j > 0 && run.Steps[j-1].Stage == run.Steps[j].Stage {
				j--
			}
			stage := run.Steps[j].Stage
			rates[stage] = append(rates[stage], rateMarks(run.Steps[j:i])...)
		}
	}
	for _, stage := range order {
		t.offset[stage] = at
		if len(order) > 1 {
			t.marks = append(t.marks, mark{at, stage})
		}
		for _, m := range rates[stage] {
			t.marks = append(t.marks, mark{at + m.x, ""})
		}
		at += float64(last[stage])
	}
	t.end = at
	return t
}

// frame gives a panel the whole timeline as its axis, with room for a mark at the end.
func (t *timeline) frame(p *panel) {
	p.marks = t.marks
	p.wholeX()
	p.xMin, p.xMax = 0, max(t.end, 1)*1.02
}

func (t *timeline) x(stage string, step int) float64 { return t.offset[stage] + float64(step) }

// lossPanel returns nil if no finite loss was recorded.
func lossPanel(run *trace.Run, line *timeline) (*panel, error) {
	p := newPanel("", "loss", true)
	line.frame(p)
	var xs, ys []float64
	worst := ""
	for _, s := range run.Steps {
		xs, ys = append(xs, line.x(s.Stage, s.Step)), append(ys, s.Loss)
		if bad(s.Loss) && worst == "" {
			worst = fmt.Sprintf("loss is %v at %s step %s", s.Loss, s.Stage, phrase.Count(s.Step))
		}
	}
	train := &curve{name: "training minibatch", color: sky, width: 0.9}
	train.summarize(xs, ys, 400)
	test := &curve{name: "test set", color: vermillion, glyph: dotFor(len(run.Evals))}
	after := &curve{name: "after the cut", color: vermillion, glyph: triangle, noLine: true}
	for _, e := range run.Evals {
		c := test
		if e.After != "" {
			c = after
		}
		if e.Loss != 0 { // 0 means not measured
			c.xs, c.ys = append(c.xs, line.x(e.Stage, e.Step)), append(c.ys, e.Loss)
		}
	}
	test.xs, test.ys = thin(test.xs, test.ys, 800)
	for _, c := range []*curve{train, test, after} {
		if len(c.xs) > 0 {
			p.add(c)
		}
	}
	if worst != "" {
		p.legend = append(p.legend, entry{worst, nil})
	}
	if err := p.finish(); err != nil {
		return nil, nil // nothing finite: the other panel may still have something
	}
	return p, nil
}

// farthest is how far the axis of accuracy goes down from the greatest value, as a multiple of how
// far the later half of the values does.
const farthest = 2.5

// accuracyPanel also returns a sentence for the alternative text. The panel is nil if no accuracy
// was recorded.
func accuracyPanel(run *trace.Run, line *timeline) (*panel, string, error) {
	p := newPanel("step", "test accuracy (%)", false)
	line.frame(p)
	test := &curve{name: "test set", color: vermillion, glyph: dotFor(len(run.Evals))}
	for _, e := range run.Evals {
		if e.After == "" && e.Accuracy > 0 { // 0 means not measured
			test.xs, test.ys = append(test.xs, line.x(e.Stage, e.Step)), append(test.ys, 100*e.Accuracy)
		}
	}
	var all, late extent
	for i, y := range test.ys {
		all.add(y)
		if i >= len(test.ys)/2 {
			late.add(y)
		}
	}
	test.xs, test.ys = thin(test.xs, test.ys, 800)
	if len(test.xs) > 0 {
		p.add(test)
	}
	text := ""
	for _, c := range run.Cuts {
		x := line.x(c.Stage, c.Step)
		if before, after := c.Measured(); !before || !after {
			continue
		}
		before, after := 100*c.AccuracyBefore, 100*c.AccuracyAfter
		p.add(&curve{name: fmt.Sprintf("before cut %.2f", before), xs: []float64{x}, ys: []float64{before}, color: blue, glyph: disc, noLine: true})
		p.add(&curve{name: fmt.Sprintf("after cut %.2f", after), xs: []float64{x}, ys: []float64{after}, color: orange, glyph: triangle, noLine: true})
		for _, y := range []float64{before, after} {
			all.add(y)
			late.add(y)
		}
		text += fmt.Sprintf(" Accuracy is %.2f %% before the cut and %.2f %% after it.", before, after)
	}
	if err := p.finish(); err != nil {
		return nil, "", nil
	}
	if all.n > 0 {
		low := max(all.lo, all.hi-farthest*(all.hi-late.lo))
		margin := max((all.hi-low)*0.1, 0.05)
		p.plot.Y.Min, p.plot.Y.Max = low-margin, all.hi+margin
		p.headroom()
	}
	return p, text, nil
}
