package main

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"gsmlab/internal/phrase"
	"gsmlab/models"
	"gsmlab/models/recipe"
)

type evalAction struct {
	machine
	stage, weights string
}

func (a *evalAction) flags(fs *flag.FlagSet) {
	fs.StringVar(&a.stage, "stage", recipe.StagePruned, fmt.Sprintf("`%s`: whose weights (default: %s)", strings.Join(recipe.EvalStages(), "|"), recipe.StagePruned))
	fs.StringVar(&a.weights, "weights", "", "measure a safetensors `FILE` with PyTorch's names instead of a run: the argument is then a model")
	a.machine.flags(fs)
}

func (a *evalAction) run(ctx context.Context, std stdio, in input) error {
	dir := in.arg(0)
	if dir == "" {
		return usagef("eval: which run folder? Usage: gsm eval DIR, gsm eval FILE.gsm, or gsm eval MODEL --weights FILE")
	}
	if err := a.check(); err != nil {
		return err
	}
	if isPacked(dir) {
		return a.packed(ctx, std, dir)
	}
	if a.weights != "" {
		return a.file(ctx, std, dir)
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
	o := recipe.Options{Out: dir}
	if err := a.openTest(ctx, &o, m.Dataset, newConsole(std.err)); err != nil {
		return err
	}
	r, err := recipe.Evaluate(ctx, a.stage, o)
	if err != nil {
		return err
	}
	return a.say(std, r, a.stage)
}

// file measures a file's weights in the network called name.
func (a *evalAction) file(ctx context.Context, std stdio, name string) error {
	m, err := models.Lookup(name)
	if err != nil {
		return unknown("model", name, models.Names())
	}
	var o recipe.Options
	if err := a.openTest(ctx, &o, m.Dataset, newConsole(std.err)); err != nil {
		return err
	}
	r, err := recipe.EvaluateWeights(ctx, name, a.weights, o)
	if err != nil {
		return err
	}
	return a.say(std, r, filepath.Base(a.weights))
}

func (a *evalAction) say(std stdio, r *recipe.EvalReport, from string) error {
	fmt.Fprintf(a.human(std), "%s %s: accuracy %s, loss %.4f on %s test images; %s of %s weights are not zero\n",
		r.Model, from, percent(r.Accuracy), r.Loss, phrase.Count(r.Images), phrase.Count(r.Nonzero), phrase.Count(r.Prunable))
	return a.writeJSON(std, r)
}

// joined lists names within a sentence.
func joined(names []string) string { return strings.Join(names, ", ") }
