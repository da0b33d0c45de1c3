package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gsmlab/gsm"
	"gsmlab/gsm/chart"
	"gsmlab/gsm/trace"
	"gsmlab/models"
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
		if _, planErr := os.Stat(filepath.Join(dir, recipe.PlanFile)); planErr != nil {
			// not a run of gsm's own
			return fmt.Errorf("report: %w: remove that line", err)
		}
		return fmt.Errorf("report: %w: run the same prune or ticket command again, which removes broken lines", err)
	}
	page, err := chart.RunPage(run)
	if err != nil {
		return err
	}
	masks, err := maskFigures(dir)
	if err != nil {
		return err
	}
	page.Figures = append(page.Figures, masks...)
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
	moving, err := chart.CollapseAnimation(run)
	if errors.Is(err, chart.ErrNoData) {
		return nil
	}
	if err != nil {
		return err
	}
	path := filepath.Join(filepath.Dir(a.out), moving.Name+".gif")
	if err := moving.Save(path); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "animation %s: %s\n", path, moving.Title)
	return nil
}

// maskFigures draws the masks of a run that has been cut, for at most five layers, evenly chosen.
func maskFigures(dir string) ([]*chart.Figure, error) {
	mask, err := gsm.LoadMask(filepath.Join(dir, recipe.MaskFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("report: %w: run the same prune command again to recreate it", err)
	}
	const most = 5
	n := len(mask.Layers)
	var figures []*chart.Figure
	for i := range min(n, most) {
		l := mask.Layers[i]
		if n > most {
			l = mask.Layers[i*(n-1)/(most-1)]
		}
		name := models.LayerName(l.Path)
		f, err := chart.Mask("Weights of "+name+" that were kept", l.Bools(), l.Dims...)
		if err != nil {
			return nil, err
		}
		f.Name = "mask-" + strings.ReplaceAll(name, "/", "-")
		figures = append(figures, f)
	}
	return figures, nil
}
