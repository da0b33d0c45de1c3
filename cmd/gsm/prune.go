package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"text/tabwriter"

	"gsmlab/gsm"
	"gsmlab/gsm/chart"
	"gsmlab/gsm/trace"
	"gsmlab/internal/phrase"
	"gsmlab/models"
	"gsmlab/models/recipe"
)

type pruneAction struct{ training }

func (a *pruneAction) run(ctx context.Context, std stdio, in input) error {
	name := in.arg(0)
	if name == "" {
		name = defaultModel
	}
	a.goesWay = true
	p, o, err := a.begin(ctx, std, in, name)
	if err != nil || o == nil {
		return err
	}
	if err := a.goWay(ctx, o); err != nil {
		a.console.close()
		return err
	}
	r, err := recipe.Prune(ctx, p, *o)
	a.console.close()
	if err != nil {
		return err
	}
	w := a.human(std)
	if err := writeOutcome(w, r); err != nil {
		return err
	}
	run, err := trace.Load(filepath.Join(a.out, recipe.TraceFile))
	if err != nil {
		return err
	}
	figure, err := chart.Density(run)
	if err != nil {
		return err
	}
	if err := saveFigure(a.out, figure); err != nil {
		return err
	}
	fmt.Fprintf(w, "\npicture   %s (and .png): density of each layer over the steps\n", filepath.Join(a.out, figure.Name+".svg"))
	fmt.Fprintf(w, "report    %s\nhtml      %s report %s\n", filepath.Join(a.out, recipe.ReportFile), program, a.out)
	return a.writeJSON(std, r)
}

// begin makes everything that a plan needs. If the run is dry, it shows the plan and returns nil
// options.
func (t *training) begin(ctx context.Context, std stdio, in input, name string) (recipe.Plan, *recipe.Options, error) {
	p, err := t.plan(in, name)
	if err != nil {
		return p, nil, err
	}
	if t.dry {
		return p, nil, t.describe(ctx, t.human(std), p, newConsole(std.err))
	}
	if err := t.prepare(); err != nil {
		return p, nil, err
	}
	m, err := models.Lookup(p.Model)
	if err != nil {
		return p, nil, err
	}
	c := newConsole(std.err)
	t.console = c
	o := &recipe.Options{Out: t.out, Base: t.base, Devices: t.devices, Command: in.line}
	if err := t.open(ctx, o, m.Dataset, c); err != nil {
		return p, nil, err
	}
	c.say(fmt.Sprintf("%s on %s, %gx, preset %s, seed %d, backend %s, run folder %s", p.Model, m.Dataset, p.Compression, p.Preset, p.Seed, o.Spec, t.out))
	if hint := t.baseHint(p, 0); hint != "" {
		c.say("hint: " + hint)
	}
	return p, o, nil
}

// writeOutcome prints the table at the end of a run.
func writeOutcome(w io.Writer, r *recipe.Report) error {
	fmt.Fprintf(w, "\n%s, %gx, seed %d, %s\n\n", r.Model, r.Compression, r.Seed, r.Backend)
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintf(t, "accuracy dense\t%s\n", percent(r.AccuracyDense))
	fmt.Fprintf(t, "accuracy before the cut\t%s\n", percent(r.AccuracyBeforeCut))
	fmt.Fprintf(t, "accuracy after the cut\t%s\n", percent(r.AccuracyPruned))
	fmt.Fprintf(t, "non-zero weights\t%s of %s (Q = %s)\n", phrase.Count(r.Nonzero), phrase.Count(r.Prunable), phrase.Count(r.Q))
	if r.Size.Kept > 0 {
		stays := r.Size.StaysDense() // what lowers the compression of the whole model
		if stays != "" {
			stays = ": " + stays
		}
		fmt.Fprintf(t, "whole model\t%s of %s weights (%.1fx)%s\n", phrase.Count(r.Size.Left()), phrase.Count(r.Size.Total()), r.Size.Compression(), stays)
	}
	fmt.Fprintf(t, "budget S\t%.2f (%d or more is enough)\n", r.BudgetS, gsm.EnoughS)
	if r.StepMS > 0 {
		fmt.Fprintf(t, "GSM step\t%.2f ms, median of this call\n", r.StepMS)
	}
	fmt.Fprintf(t, "time\t%.1f s in this call\n", r.Seconds)
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	return writeLayers(w, r.Layers)
}

// writeLayers prints the density of each layer.
func writeLayers(w io.Writer, layers []recipe.LayerReport) error {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "layer\tprunable\tnon-zero\tdensity\t")
	for _, l := range layers {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t\n", l.Name, phrase.Count(l.Prunable), phrase.Count(l.Nonzero), percent(l.Density))
	}
	return t.Flush()
}

// saveFigure writes a figure as SVG and PNG into a folder.
func saveFigure(dir string, f *chart.Figure) error {
	for _, extension := range []string{".svg", ".png"} {
		if err := f.Save(filepath.Join(dir, f.Name+extension)); err != nil {
			return err
		}
	}
	return nil
}
