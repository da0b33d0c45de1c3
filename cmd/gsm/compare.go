// The command compare: GSM against other pruning methods, and the joining of its shards.

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"gsmlab/internal/phrase"
	"gsmlab/models"
	"gsmlab/models/data"
	"gsmlab/models/recipe"
	"gsmlab/models/weights"
	"gsmlab/rivals"
)

// compareAction compares GSM with other pruning methods.
type compareAction struct {
	machine
	compress, methods, seeds, preset, out, base, shard string
	scale                                              float64
	search, merge, dry                                 bool
}

func (a *compareAction) flags(fs *flag.FlagSet) {
	fs.StringVar(&a.compress, "compress", "", "keep one weight in `C`, such as 20,60,100 (default: the preset's)")
	fs.StringVar(&a.methods, "methods", "", "`NAMES`: some of "+strings.Join(rivals.Names(), ", ")+" (default: all that fit)")
	fs.StringVar(&a.seeds, "seeds", "1", "`N,...`: of the initial weights and of the order of images, such as 1,2,3 (default: 1)")
	fs.StringVar(&a.preset, "preset", "", fmt.Sprintf("`%s`: the plan with the base stage, and with the steps that each method may train beyond it (default: quick)", presetChoices()))
	fs.Float64Var(&a.scale, "epochs-scale", 1, "multiply all lengths of the plan by `F`, for a shorter or longer comparison")
	fs.StringVar(&a.base, "base", "", "safetensors `FILE` with the dense network, for all seeds, instead of training one for each")
	fs.BoolVar(&a.search, "search", false, "first try up to three settings of each method, judged by training images that are held out, and use the best; without it each uses its published setting")
	fs.StringVar(&a.shard, "shard", "", "`I/N`: carry out part I of N of the runs, for N processes or machines")
	fs.BoolVar(&a.merge, "merge", false, "instead of MODEL name folders of one comparison, such as those of its shards: join them in --out")
	fs.StringVar(&a.out, "out", "", "`DIR`: folder of the comparison; what is done in it is not done again (default: runs/compare-MODEL-PRESET)")
	fs.BoolVar(&a.dry, "dry-run", false, "list the runs and their steps; train nothing")
	a.machine.flags(fs)
}

func (a *compareAction) run(ctx context.Context, std stdio, in input) error {
	if err := a.check(); err != nil {
		return err
	}
	if a.merge {
		return a.join(std, in)
	}
	g, err := a.grid(in)
	if err != nil {
		return err
	}
	shard := rivals.Shard{}
	if in.set["shard"] {
		if shard, err = rivals.ParseShard(a.shard); err != nil {
			return usageError{err}
		}
	}
	m, err := models.Lookup(g.Plan.Model)
	if err != nil {
		return err
	}
	c := newConsole(std.err)
	var o recipe.Options
	if err := a.openBackend(ctx, &o, c); err != nil {
		return err
	}
	if err := g.Check(o.Backend); err != nil {
		return usageError{err}
	}
	if a.dry {
		return a.describe(a.human(std), g, shard)
	}
	if o.Data, err = data.Load(ctx, m.Dataset, a.where(c)); err != nil {
		return err
	}
	c.say(fmt.Sprintf("%s on %s, preset %s, backend %s, folder %s", g.Plan.Model, m.Dataset, g.Plan.Preset, o.Spec, a.out))
	rows, failed, err := rivals.Compare(ctx, g, rivals.Options{
		Out: a.out, Shard: shard, Backend: o.Backend, Spec: o.Spec, Data: o.Data, Command: in.line, Say: c.say, Watch: c.progress,
	})
	c.close()
	if errors.Is(err, rivals.ErrOtherGrid) {
		return fmt.Errorf("%w: give this one its own folder with --out", err)
	}
	if err != nil {
		return err
	}
	if err := a.show(std, rows); err != nil {
		return err
	}
	return failures(failed, len(rows))
}

// failures names the runs that failed; the others have their rows.
func failures(failed []rivals.Failure, done int) error {
	if len(failed) == 0 {
		return nil
	}
	var names []string
	for _, f := range failed {
		names = append(names, f.Cell.String())
	}
	first, _, _ := strings.Cut(failed[0].Err.Error(), "\n")
	return fmt.Errorf("compare: %d of %d runs failed (%s); the first: %s; the same command tries them again", len(failed), done+len(failed), joined(names), first)
}

// grid makes the comparison that the flags describe, and chooses its folder.
func (a *compareAction) grid(in input) (rivals.Grid, error) {
	g := rivals.Grid{Base: a.base, Search: a.search}
	if len(in.args) > 1 {
		return g, usagef("compare: unexpected argument %q: usage: gsm compare MODEL, or gsm compare --merge DIR...", in.args[1])
	}
	name := in.arg(0)
	if name == "" {
		return g, usagef("compare: which MODEL? Known are %s", joined(models.Names()))
	}
	t := training{preset: a.preset, scale: a.scale, seed: 1, devices: 1, out: "unused"}
	p, err := t.plan(input{}, name)
	if err != nil {
		return g, err
	}
	g.Plan = p
	if g.Compressions, err = list(a.compress, "compress", "20,60,100", func(s string) (float64, error) { return strconv.ParseFloat(s, 64) }); err != nil {
		return g, err
	}
	if len(g.Compressions) == 0 {
		g.Compressions = []float64{p.Compression}
	}
	if g.Seeds, err = list(a.seeds, "seeds", "1,2,3", func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) }); err != nil {
		return g, err
	}
	if g.Methods, err = list(a.methods, "methods", "gsm,gmp,l-obs", func(s string) (string, error) { return s, nil }); err != nil {
		return g, err
	}
	for _, m := range g.Methods {
		if _, err := rivals.Lookup(m); err != nil {
			return g, unknown("method", m, rivals.Names())
		}
	}
	if a.base != "" && !strings.HasSuffix(a.base, weights.Suffix) {
		return g, usagef("--base %s: must be a %s file with the dense network; without --base one is trained for each seed", a.base, weights.Suffix)
	}
	if len(g.Methods) == 0 {
		for _, m := range rivals.Methods() {
			if !m.Scratch || a.base == "" {
				g.Methods = append(g.Methods, m.Name)
			}
		}
	}
	if a.out == "" {
		a.out = filepath.Join("runs", fmt.Sprintf("compare-%s-%s", p.Model, p.Preset))
		if a.scale != 1 {
			a.out += fmt.Sprintf("-epochs%g", a.scale)
		}
		if a.search {
			a.out += "-search"
		}
	}
	return g, nil
}

// list reads the values of a flag, which commas separate.
func list[T any](text, name, example string, parse func(string) (T, error)) ([]T, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var values []T
	for _, word := range strings.Split(text, ",") {
		word = strings.TrimSpace(word)
		v, err := parse(word)
		if err != nil || word == "" {
			return nil, usagef("--%s %s: %q is not understood: separate values by commas, as in --%s %s", name, text, word, name, example)
		}
		values = append(values, v)
	}
	return values, nil
}

// describe lists the runs of a dry comparison.
func (a *compareAction) describe(w io.Writer, g rivals.Grid, shard rivals.Shard) error {
	m, err := models.Lookup(g.Plan.Model)
	if err != nil {
		return err
	}
	images, err := data.TrainLen(m.Dataset)
	if err != nil {
		return err
	}
	base := fmt.Sprintf("%s steps for each seed", phrase.Count(g.Plan.Base.Epochs*g.Plan.StepsPerEpoch(images)))
	if g.Base != "" {
		base = g.Base
	}
	cells := shard.Of(g.Cells())
	fmt.Fprintf(w, "model          %s: %s prunable weights\n", m.Name, phrase.Count(m.Prunable))
	fmt.Fprintf(w, "dense network  %s\n", base)
	fmt.Fprintf(w, "each method    up to %s steps beyond it, %d images in a batch\n", phrase.Count(g.Steps(images)), g.Plan.Batch)
	fmt.Fprintf(w, "folder         %s\n", a.out)
	fmt.Fprintf(w, "runs           %d\n", len(cells))
	for _, c := range cells {
		fmt.Fprintf(w, "  %s\n", c)
	}
	return nil
}

// join merges folders.
func (a *compareAction) join(std stdio, in input) error {
	for _, flag := range []string{"shard", "compress", "methods", "seeds", "dry-run"} {
		if in.set[flag] {
			return usagef("compare: --merge and --%s: merging takes all rows of the folders", flag)
		}
	}
	if len(in.args) == 0 {
		return usagef("compare: --merge needs the folders to merge: gsm compare --merge DIR... --out DIR")
	}
	if a.out == "" {
		return usagef("compare: --merge needs --out DIR for the rows of all folders")
	}
	rows, err := rivals.Merge(a.out, in.args)
	if err != nil {
		return err
	}
	return a.show(std, rows)
}

// show prints the table, draws the chart and writes the rows.
func (a *compareAction) show(std stdio, rows []rivals.Row) error {
	w := a.human(std)
	if len(rows) == 0 {
		fmt.Fprintln(w, "no run has ended yet")
		return a.writeJSON(std, []rivals.Row{})
	}
	fmt.Fprintln(w)
	if err := rivals.WriteTable(w, rows); err != nil {
		return err
	}
	if missing := rivals.Missing(rows); len(missing) > 0 {
		fmt.Fprintf(w, "\nmissing: %d runs: %s\n", len(missing), phrase.Few(missing))
	}
	figure, err := rivals.Chart(rows)
	if err != nil {
		return err
	}
	if err := saveFigure(a.out, figure); err != nil {
		return err
	}
	fmt.Fprintf(w, "\npicture  %s (and .png): accuracy of each method over the ratio\n", filepath.Join(a.out, figure.Name+".svg"))
	return a.writeJSON(std, rows)
}
