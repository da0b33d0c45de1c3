package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"text/tabwriter"

	"gsmlab/gsm/chart"
	"gsmlab/gsm/trace"
	"gsmlab/models"
	"gsmlab/models/recipe"
)

type ticketAction struct{ training }

func (a *ticketAction) run(ctx context.Context, std stdio, in input) error {
	name := in.arg(0)
	if name == "" {
		return usagef("ticket: which MODEL? Known are %s", joined(models.Names()))
	}
	env, err := a.begin(ctx, std, in, name)
	if err != nil || env == nil {
		return err
	}
	r, err := recipe.Ticket(ctx, env)
	a.console.close()
	if err != nil {
		return err
	}
	w := a.human(std)
	fmt.Fprintf(w, "\n%s, %gx, seed %d, %s: dense %s\n\n", r.Model, r.Compression, r.Seed, r.Backend, percent(r.AccuracyDense))
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "ticket\taccuracy\tnon-zero\t")
	if len(r.Tickets) > 0 {
		for _, l := range r.Tickets[0].Layers {
			fmt.Fprintf(t, "%s\t", l.Name)
		}
	}
	fmt.Fprintln(t)
	for _, o := range r.Tickets {
		fmt.Fprintf(t, "%s\t%s\t%s\t", o.Name, percent(o.Accuracy), count(o.Nonzero))
		for _, l := range o.Layers {
			fmt.Fprintf(t, "%s\t", percent(l.Density))
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	run, err := trace.Load(filepath.Join(a.out, recipe.TraceFile))
	if err != nil {
		return err
	}
	figure, err := ticketFigure(run)
	if err != nil {
		return err
	}
	if err := saveFigure(a.out, figure); err != nil {
		return err
	}
	fmt.Fprintf(w, "\npicture   %s (and .png): accuracy of both tickets while they are retrained\n", filepath.Join(a.out, figure.Name+".svg"))
	fmt.Fprintf(w, "report    %s\n", filepath.Join(a.out, recipe.TicketFile))
	return a.writeJSON(std, r)
}

// ticketFigure draws the test accuracy of the tickets while they are retrained, beside the dense
// network's. ErrNoData if no ticket was evaluated.
func ticketFigure(run *trace.Run) (*chart.Figure, error) {
	var lines []chart.Series
	tickets := 0
	for _, s := range []struct{ name, stage string }{
		{"GSM ticket", trace.StageTicket + "-" + recipe.TicketGSM},
		{"magnitude ticket", trace.StageTicket + "-" + recipe.TicketMagnitude},
		{"dense network", trace.StageBase},
	} {
		line, err := chart.AccuracySeries(s.name, s.stage, run)
		if errors.Is(err, chart.ErrNoData) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if s.stage != trace.StageBase {
			tickets++
		}
		line.Min, line.Max = nil, nil // one run has no spread
		lines = append(lines, line)
	}
	if tickets == 0 {
		return nil, fmt.Errorf("ticket curve: %w", chart.ErrNoData)
	}
	low, high := 100.0, 0.0
	for _, line := range lines {
		for i, y := range line.Mean {
			high = max(high, y)
			if i >= len(line.Mean)/5 { // the first steps, from 10 % up, would leave the curves no room
				low = min(low, y)
			}
		}
	}
	margin := max(0.1, (high-low)/10)
	f, err := chart.Lines("Winning tickets while they are retrained", "step", "test accuracy (%)", lines, chart.LineOptions{Name: "ticket", YMin: max(0, low-margin), YMax: min(100, high+margin)})
	if err != nil {
		return nil, err
	}
	f.Caption = "Test accuracy of the initial weights under each mask, retrained with the dense network's recipe."
	f.Alt = "Lines of test accuracy over steps for the GSM ticket, the magnitude ticket and the dense network."
	return f, nil
}
