package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"

	"gsmlab/models"
	"gsmlab/models/recipe"
)

type evalAction struct {
	machine
	stage string
}

func (a *evalAction) flags(fs *flag.FlagSet) {
	fs.StringVar(&a.stage, "stage", recipe.StagePruned, fmt.Sprintf("`%s`: whose weights (default: %s)", strings.Join(recipe.EvalStages(), "|"), recipe.StagePruned))
	a.machine.flags(fs)
}

func (a *evalAction) run(ctx context.Context, std stdio, in input) error {
	dir := in.arg(0)
	if dir == "" {
		return usagef("eval: which run folder? Usage: gsm eval DIR")
	}
	if err := a.check(); err != nil {
		return err
	}
	if !slices.Contains(recipe.EvalStages(), a.stage) {
		return unknown("stage", a.stage, recipe.EvalStages())
	}
	p, err := loadPlan("eval", dir)
	if err != nil {
		return err
	}
	m, err := models.Lookup(p.Model)
	if err != nil {
		return err
	}
	env := &recipe.Env{Out: dir}
	if err := a.open(ctx, env, m.Dataset, newConsole(std.err)); err != nil {
		return err
	}
	r, err := recipe.Evaluate(ctx, env, a.stage)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.human(std), "%s %s: accuracy %s, loss %.4f on %s test images; %s of %s weights are not zero\n",
		r.Model, a.stage, percent(r.Accuracy), r.Loss, count(r.Images), count(r.Nonzero), count(r.Prunable))
	return a.writeJSON(std, r)
}

// joined lists names in a sentence.
func joined(names []string) string { return strings.Join(names, ", ") }
