package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"gsmlab/gsm/chart"
	"gsmlab/gsm/trace"
	"gsmlab/models/recipe"
)

type reportAction struct{ out string }

func (a *reportAction) flags(fs *flag.FlagSet) {
	fs.StringVar(&a.out, "out", "", "`FILE` for the page; charts go beside it (default: DIR/report.html)")
}

func (a *reportAction) run(_ context.Context, std stdio, in input) error {
	dir := in.arg(0)
	if dir == "" {
		return usagef("report: which run folder? Usage: gsm report DIR")
	}
	run, err := trace.Load(filepath.Join(dir, recipe.TraceFile))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("report %s: no %s in it: name the folder of a run", dir, recipe.TraceFile)
	}
	if err != nil {
		return fmt.Errorf("report: %w: run the same prune command again to continue the run and its trace", err)
	}
	page, err := chart.RunPage(run)
	if err != nil {
		return err
	}
	if a.out == "" {
		a.out = filepath.Join(dir, "report.html")
	}
	if err := chart.SaveHTML(a.out, page); err != nil {
		return fmt.Errorf("report --out %s: %w: name a file in a folder that can be written", a.out, plain(err))
	}
	fmt.Fprintf(std.out, "page      %s\n", a.out)
	for _, f := range page.Figures {
		path := filepath.Join(filepath.Dir(a.out), f.Name+".svg")
		if err := f.Save(path); err != nil {
			return err
		}
		fmt.Fprintf(std.out, "picture   %s: %s\n", path, f.Title)
	}
	return nil
}
