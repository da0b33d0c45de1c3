package main

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"

	"gsmlab/gsm/trace"
	"gsmlab/models/recipe"
)

// goWay carries out the plans that come before the one asked for (recipe.Plan.Way), each in its
// own run folder, where the command that names its preset would find it. It makes the network
// before the last one's cut the base of what follows.
func (t *training) goWay(ctx context.Context, o *recipe.Options) error {
	for _, q := range t.way {
		there := *o
		there.Out = t.wayFolder(q)
		q = q.Scaled(t.scale)
		report, err := finished(there.Out, q)
		if err != nil {
			if report, err = recipe.Prune(ctx, q, there); err != nil {
				return fmt.Errorf("on the way to %s: %w", o.Out, err)
			}
		}
		t.console.say(fmt.Sprintf("by way of %gx: %s before the cut, %s after it, run folder %s",
			q.Compression, percent(report.AccuracyBeforeCut), percent(report.AccuracyPruned), there.Out))
		o.Base = filepath.Join(there.Out, trace.StageGSM)
	}
	return nil
}

// finished returns the report of a run folder that holds the plan.
func finished(dir string, plan recipe.Plan) (*recipe.Report, error) {
	p, err := recipe.LoadPlan(dir)
	if err != nil {
		return nil, err
	}
	if !reflect.DeepEqual(p, plan) {
		return nil, recipe.ErrOtherPlan
	}
	return recipe.LoadReport(dir)
}

// wayFolder is the run folder of a plan that comes before: beside that of the last one, under the
// name that it would have if its preset and flags had been given.
func (t *training) wayFolder(q recipe.Plan) string {
	preset, err := recipe.New(q.Model, q.Preset)
	suffix := ""
	for _, f := range stageFlags {
		if value := *f.field(&q.GSM); err == nil && value != *f.field(&preset.GSM) {
			suffix += fmt.Sprintf("-%s%g", f.short, value)
		}
	}
	return filepath.Join(filepath.Dir(t.out), folderName(q, suffix+t.scaled()))
}
