package chart

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gsmlab/gsm/trace"
)

// Tickets draws the test accuracy of winning tickets while they are retrained, beside that of the
// dense network. There is one line for each stage whose name begins with trace.StageTicket, and one
// for trace.StageBase. Runs are repetitions, such as several seeds: lines are their mean, and bands
// reach from the worst to the best.
func Tickets(runs ...*trace.Run) (*Figure, error) {
	var stages []string
	for _, run := range runs {
		for _, e := range run.Evals {
			if strings.HasPrefix(e.Stage, trace.StageTicket) && !slices.Contains(stages, e.Stage) {
				stages = append(stages, e.Stage)
			}
		}
	}
	if len(stages) == 0 {
		return nil, noData("ticket", "ticket that was retrained")
	}
	var lines []Series
	for _, stage := range append(stages, trace.StageBase) {
		line, err := AccuracySeries(ticketName(stage), stage, runs...)
		if errors.Is(err, ErrNoData) && stage == trace.StageBase {
			continue
		}
		if err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
	// The first steps, at 10 % and up, would leave the curves no room.
	var y extent
	for _, line := range lines {
		for i, v := range line.Mean {
			if i >= len(line.Mean)/5 {
				y.add(v)
			}
		}
	}
	margin := max(0.1, (y.hi-y.lo)/10)
	low, high := max(0, y.lo-margin), min(100, y.hi+margin)
	if y.n == 0 || low >= high {
		return nil, noData("ticket", "accuracy between 0 and 1")
	}
	f, err := Lines("Winning tickets while they are retrained", "step", "test accuracy (%)", lines, LineOptions{Name: "ticket", YMin: low, YMax: high})
	if err != nil {
		return nil, err
	}
	f.Caption = "Test accuracy of the initial weights under each mask, retrained with the dense network's recipe."
	if len(runs) > 1 {
		f.Caption += fmt.Sprintf(" Mean of %d runs, shaded from the worst to the best.", len(runs))
	}
	return f, nil
}

// ticketName turns the stage "ticket-gsm" into "GSM ticket".
func ticketName(stage string) string {
	if stage == trace.StageBase {
		return "dense network"
	}
	kind := strings.Trim(strings.TrimPrefix(stage, trace.StageTicket), "-")
	switch kind {
	case "":
		return "ticket"
	case trace.StageGSM:
		return "GSM ticket"
	}
	return kind + " ticket"
}

func runTickets(run *trace.Run) (*Figure, error) { return Tickets(run) }

// withoutTickets returns the run without the retraining of tickets, which starts over from the
// initial weights. A run that has nothing else is returned as it is.
func withoutTickets(run *trace.Run) *trace.Run {
	ticket := func(stage string) bool { return strings.HasPrefix(stage, trace.StageTicket) }
	out := *run
	out.Steps = slices.DeleteFunc(slices.Clone(run.Steps), func(s trace.Step) bool { return ticket(s.Stage) })
	out.Evals = slices.DeleteFunc(slices.Clone(run.Evals), func(e trace.Eval) bool { return ticket(e.Stage) })
	out.Magnitudes = slices.DeleteFunc(slices.Clone(run.Magnitudes), func(m trace.Magnitude) bool { return ticket(m.Stage) })
	if len(out.Steps)+len(out.Evals)+len(out.Magnitudes) == 0 {
		return run
	}
	return &out
}
