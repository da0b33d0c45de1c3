package main

import (
	"context"
	"fmt"
	"path/filepath"
	"text/tabwriter"

	"gsmlab/gsm/chart"
	"gsmlab/gsm/trace"
	"gsmlab/internal/phrase"
	"gsmlab/models"
	"gsmlab/models/recipe"
)

type ticketAction struct{ training }

func (a *ticketAction) run(ctx context.Context, std stdio, in input) error {
	name := in.arg(0)
	if name == "" {
		return usagef("ticket: which MODEL? Known are %s", joined(models.Names()))
	}
	p, o, err := a.begin(ctx, std, in, name)
	if err != nil || o == nil {
		return err
	}
	r, err := recipe.Ticket(ctx, p, *o)
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
		fmt.Fprintf(t, "%s\t%s\t%s\t", o.Name, percent(o.Accuracy), phrase.Count(o.Nonzero))
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
	figure, err := chart.Tickets(run)
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
