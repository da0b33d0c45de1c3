// The command summary: finished runs in one table, over their seeds.

package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"slices"
	"text/tabwriter"

	"gonum.org/v1/gonum/stat"

	"gsmlab/gsm/trace"
	"gsmlab/internal/phrase"
	"gsmlab/models/recipe"
)

// summaryAction compares runs that differ in more than their seeds with each other.
type summaryAction struct{ json string }

func (a *summaryAction) flags(fs *flag.FlagSet) {
	fs.StringVar(&a.json, "json", "", "write the table to `FILE` too; - is the standard output")
}

// planRuns are the finished runs of one plan, whatever their seeds. Accuracies are fractions.
type planRuns struct {
	Plan    recipe.Plan `json:"plan"` // with the seed of the first run
	Seeds   []int64     `json:"seeds"`
	Nonzero int         `json:"nonzero"`
	Dense   spread      `json:"accuracy_dense"`
	Before  spread      `json:"accuracy_before_cut"`
	After   spread      `json:"accuracy_pruned"`
	// Reactivated is how many weights a step of the GSM stage made active that were passive in the
	// step before, the mean over steps and runs.
	Reactivated float64 `json:"reactivated"`
}

// spread is what several runs have measured.
type spread struct {
	Mean float64 `json:"mean"`
	Min  float64 `json:"min"`
	// Deviation is the sample's standard deviation, 0 for one run.
	Deviation float64 `json:"deviation"`
}

func (a *summaryAction) run(_ context.Context, std stdio, in input) error {
	if len(in.args) == 0 {
		return usagef("summary: which run folders? Usage: gsm summary DIR...")
	}
	m := machine{json: a.json}
	if err := m.check(); err != nil {
		return err
	}
	plans, err := summarize(in.args)
	if err != nil {
		return err
	}
	if err := writeSummary(m.human(std), plans); err != nil {
		return err
	}
	return m.writeJSON(std, plans)
}

// summarize reads the runs in the folders, which may be in any order, and groups them by plan.
func summarize(dirs []string) ([]planRuns, error) {
	type finished struct {
		report      *recipe.Report
		reactivated float64
	}
	var plans []planRuns
	var runs [][]finished
	for _, dir := range dirs {
		p, err := loadPlan("summary", dir)
		if err != nil {
			return nil, err
		}
		r, err := recipe.LoadReport(dir)
		if err != nil {
			return nil, fmt.Errorf("summary %s: %w", dir, err)
		}
		back, err := reactivated(dir)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(plans, func(q planRuns) bool {
			same := p
			same.Seed = q.Plan.Seed
			return reflect.DeepEqual(same, q.Plan)
		})
		if i < 0 {
			i = len(plans)
			plans, runs = append(plans, planRuns{Plan: p, Nonzero: r.Nonzero}), append(runs, nil)
		}
		if slices.Contains(plans[i].Seeds, p.Seed) {
			return nil, usagef("summary: %s and another folder have the same plan and seed %d, which would count twice: name one of them", dir, p.Seed)
		}
		plans[i].Seeds, runs[i] = append(plans[i].Seeds, p.Seed), append(runs[i], finished{r, back})
	}
	for i := range plans {
		over := func(f func(finished) float64) spread {
			var values []float64
			for _, r := range runs[i] {
				values = append(values, f(r))
			}
			return spreadOf(values)
		}
		plans[i].Dense = over(func(f finished) float64 { return f.report.AccuracyDense })
		plans[i].Before = over(func(f finished) float64 { return f.report.AccuracyBeforeCut })
		plans[i].After = over(func(f finished) float64 { return f.report.AccuracyPruned })
		plans[i].Reactivated = over(func(f finished) float64 { return f.reactivated }).Mean
	}
	return plans, nil
}

// reactivated is the mean number of weights that a step of the run's GSM stage reactivated.
func reactivated(dir string) (float64, error) {
	run, err := trace.Load(filepath.Join(dir, recipe.TraceFile))
	if err != nil {
		return 0, err
	}
	sum, n := 0., 0
	for _, s := range run.Steps {
		if s.Stage == trace.StageGSM && s.Reactivated != nil {
			sum += float64(*s.Reactivated)
			n++
		}
	}
	if n == 0 {
		return 0, fmt.Errorf("summary: %s has no step of the GSM stage: let the run finish first", filepath.Join(dir, recipe.TraceFile))
	}
	return sum / float64(n), nil
}

// spreadOf is the spread of at least one value.
func spreadOf(values []float64) spread {
	s := spread{Min: slices.Min(values), Mean: stat.Mean(values, nil)}
	if len(values) > 1 {
		s.Deviation = stat.StdDev(values, nil)
	}
	return s
}

// writeSummary prints one row for each plan.
func writeSummary(w io.Writer, plans []planRuns) error {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "model\tratio\tplan\tseeds\tdense\tbefore the cut\tafter the cut\tleast\tdeviation\tnon-zero\tback in a step")
	for _, p := range plans {
		fmt.Fprintf(t, "%s\t%gx\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%.0f\n", p.Plan.Model, p.Plan.Compression, planName(p.Plan), seedList(p.Seeds),
			percent(p.Dense.Mean), percent(p.Before.Mean), percent(p.After.Mean), percent(p.After.Min), deviation(p), phrase.Count(p.Nonzero), p.Reactivated)
	}
	return t.Flush()
}

// planName is the preset and the numbers of the GSM stage that flags can change.
func planName(p recipe.Plan) string {
	name := fmt.Sprintf("%s, %d epochs", p.Preset, p.GSM.Epochs)
	for _, f := range stageFlags {
		if value := *f.field(&p.GSM); value != 0 {
			name += fmt.Sprintf(", %s %g", f.short, value)
		}
	}
	if p.GSM.Cosine {
		name += ", cosine"
	}
	return name
}

// seedList shortens seeds that follow each other: 1-3,7.
func seedList(seeds []int64) string {
	seeds = slices.Sorted(slices.Values(seeds))
	text := ""
	for i := 0; i < len(seeds); {
		last := i
		for last+1 < len(seeds) && seeds[last+1] == seeds[last]+1 {
			last++
		}
		if text != "" {
			text += ","
		}
		text += fmt.Sprint(seeds[i])
		if last > i {
			text += fmt.Sprintf("-%d", seeds[last])
		}
		i = last + 1
	}
	return text
}

// deviation is that of the accuracy after the cut, in points.
func deviation(p planRuns) string {
	if len(p.Seeds) < 2 {
		return "-"
	}
	return fmt.Sprintf("%.2f", 100*p.After.Deviation)
}
