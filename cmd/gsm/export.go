package main

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"gsmlab/models/recipe"
	"gsmlab/models/weights"
)

type exportAction struct {
	stage, out string
	masks      bool
}

func (a *exportAction) flags(fs *flag.FlagSet) {
	fs.StringVar(&a.stage, "stage", recipe.StagePruned, fmt.Sprintf("`%s`: whose weights (default: %s)", strings.Join(recipe.EvalStages(), "|"), recipe.StagePruned))
	fs.StringVar(&a.out, "out", "", "`FILE` to write, ending in "+weights.Suffix+" (default: DIR/STAGE"+weights.Suffix+")")
	fs.BoolVar(&a.masks, "masks", false, "add a mask of each kernel, bytes named ..._mask: 1 where the weight is not zero")
}

func (a *exportAction) run(_ context.Context, std stdio, in input) error {
	dir := in.arg(0)
	if dir == "" {
		return usagef("export: which run folder? Usage: gsm export DIR")
	}
	if !slices.Contains(recipe.EvalStages(), a.stage) {
		return unknown("stage", a.stage, recipe.EvalStages())
	}
	if a.out == "" {
		a.out = filepath.Join(dir, a.stage+weights.Suffix)
	}
	if !strings.HasSuffix(a.out, weights.Suffix) {
		return usagef("--out %s: must end in %s", a.out, weights.Suffix)
	}
	if _, err := loadPlan("export", dir); err != nil {
		return err
	}
	if err := recipe.Export(dir, a.stage, a.out, a.masks, newConsole(std.err).say); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "weights   %s\n", a.out)
	return nil
}
