// What rows say together: means and deviations, the table, the chart, and what is missing.

package rivals

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"gonum.org/v1/gonum/stat"

	"gsmlab/gsm/chart"
)

// Sum is what the rows of one method at one ratio have in common.
type Sum struct {
	Method      string
	Compression float64
	Seeds       []int64
	// Dense and Pruned are mean accuracies, fractions of the test set.
	Dense, Pruned float64
	// Deviation is the standard deviation of the pruned accuracy over seeds (that of a sample,
	// n-1); NaN for one seed.
	Deviation  float64
	Least      float64 // pruned accuracy of the worst seed
	Most       float64 // of the best one
	Nonzero    int
	Steps      int
	Minutes    float64 // mean
	EmptyLayer string  // a layer without a weight in some seed, "" if there is none
}

// Summary sums up rows: ratio by ratio, the best method first.
func Summary(rows []Row) []Sum {
	groups := map[Cell][]Row{}
	for _, r := range rows {
		c := Cell{Method: r.Method, Compression: r.Compression}
		groups[c] = append(groups[c], r)
	}
	var sums []Sum
	for c, group := range groups {
		slices.SortFunc(group, func(a, b Row) int { return cmp.Compare(a.Seed, b.Seed) })
		s := Sum{Method: c.Method, Compression: c.Compression, Nonzero: group[0].Nonzero, Steps: group[0].Steps}
		var pruned []float64
		n := float64(len(group))
		for _, r := range group {
			s.Seeds = append(s.Seeds, r.Seed)
			s.Dense += r.AccuracyDense / n
			s.Minutes += r.Seconds / 60 / n
			pruned = append(pruned, r.AccuracyPruned)
			if len(r.Empty) > 0 {
				s.EmptyLayer = r.Empty[0]
			}
		}
		s.Pruned, s.Deviation = stat.MeanStdDev(pruned, nil)
		s.Least, s.Most = slices.Min(pruned), slices.Max(pruned)
		sums = append(sums, s)
	}
	slices.SortFunc(sums, func(a, b Sum) int {
		return cmp.Or(cmp.Compare(a.Compression, b.Compression), cmp.Compare(b.Pruned, a.Pruned), cmp.Compare(a.Method, b.Method))
	})
	return sums
}

// WriteTable prints the summary of rows, and below it the settings of the methods and what they had
// to say.
func WriteTable(w io.Writer, rows []Row) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "ratio\tmethod\taccuracy\t+-\tdense\tnon-zero\tsteps\tminutes\tseeds\t")
	for _, s := range Summary(rows) {
		deviation := "-"
		if !math.IsNaN(s.Deviation) {
			deviation = fmt.Sprintf("%.2f", 100*s.Deviation)
		}
		empty := ""
		if s.EmptyLayer != "" {
			empty = " " + s.EmptyLayer + " is empty"
		}
		fmt.Fprintf(t, "%gx\t%s\t%.2f %%\t%s\t%.2f %%\t%d\t%d\t%.1f\t%d\t%s\n",
			s.Compression, s.Method, 100*s.Pruned, deviation, 100*s.Dense, s.Nonzero, s.Steps, s.Minutes, len(s.Seeds), empty)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w, "\nsteps are those beyond the dense network; a method that begins with the initial weights has those of the dense network too")
	for _, m := range Methods() {
		var settings, notes []string
		runs := map[string][]Cell{} // of each note
		for _, r := range rows {
			if r.Method != m.Name {
				continue
			}
			if !slices.Contains(settings, r.Setting) {
				settings = append(settings, r.Setting)
			}
			for _, note := range r.Notes {
				if runs[note] == nil {
					notes = append(notes, note)
				}
				runs[note] = append(runs[note], r.Cell())
			}
		}
		for _, s := range settings {
			from := ""
			if m.Scratch {
				from = " (from the initial weights)"
			}
			fmt.Fprintf(w, "%s%s: %s\n", m.Name, from, s)
		}
		for _, note := range notes {
			fmt.Fprintf(w, "  %s: %s\n", ratiosAndSeeds(runs[note]), note)
		}
	}
	return nil
}

// ratiosAndSeeds names the runs of one method that cells are, such as "20x, 60x seeds 1, 2; 100x
// seed 1". Ratios with the same seeds are named together.
func ratiosAndSeeds(cells []Cell) string {
	cells = slices.Clone(cells)
	slices.SortFunc(cells, func(a, b Cell) int {
		return cmp.Or(cmp.Compare(a.Compression, b.Compression), cmp.Compare(a.Seed, b.Seed))
	})
	var ratios, groups []string
	seeds := map[string][]string{} // of a ratio
	for _, c := range slices.Compact(cells) {
		ratio := fmt.Sprintf("%gx", c.Compression)
		if seeds[ratio] == nil {
			ratios = append(ratios, ratio)
		}
		seeds[ratio] = append(seeds[ratio], fmt.Sprint(c.Seed))
	}
	named := map[string][]string{} // ratios with the same seeds
	for _, ratio := range ratios {
		group := "seed "
		if len(seeds[ratio]) > 1 {
			group = "seeds "
		}
		group += strings.Join(seeds[ratio], ", ")
		if named[group] == nil {
			groups = append(groups, group)
		}
		named[group] = append(named[group], ratio)
	}
	for i, group := range groups {
		groups[i] = strings.Join(named[group], ", ") + " " + group
	}
	return strings.Join(groups, "; ")
}

// Chart draws the accuracy of each method over the ratio: the mean, and the band between the worst
// and the best seed. The best method at the largest ratio comes first. Where some methods are far
// below the others, the axis begins shortVisible points below the best.
func Chart(rows []Row) (*chart.Figure, error) {
	sums := Summary(rows)
	var series []chart.Series
	best, worst := 0.0, 100.0
	for _, m := range Methods() {
		s := chart.Series{Name: m.Name}
		banded := false
		for _, sum := range sums {
			if sum.Method != m.Name {
				continue
			}
			s.X, s.Mean = append(s.X, sum.Compression), append(s.Mean, 100*sum.Pruned)
			s.Min, s.Max = append(s.Min, 100*sum.Least), append(s.Max, 100*sum.Most)
			banded = banded || len(sum.Seeds) > 1
			best, worst = max(best, 100*sum.Most), min(worst, 100*sum.Least)
		}
		if len(s.X) == 0 {
			continue
		}
		if !banded {
			s.Min, s.Max = nil, nil
		}
		series = append(series, s)
	}
	// The legend has the order of the lines at their right ends, and the best are drawn plainest.
	slices.SortStableFunc(series, func(a, b chart.Series) int {
		return cmp.Compare(b.Mean[len(b.Mean)-1], a.Mean[len(a.Mean)-1])
	})
	title := "Accuracy over the compression ratio"
	if len(rows) > 0 {
		title = fmt.Sprintf("%s: accuracy over the compression ratio", rows[0].Model)
	}
	opts := chart.LineOptions{Name: "compare"}
	if low := math.Floor(best - shortVisible); worst < low {
		opts.YMin, opts.YMax = low, best+shortVisible/20
		title += fmt.Sprintf(" (above %.0f %%)", low)
	}
	return chart.Lines(title, "compression ratio", "accuracy in %", series, opts)
}

// shortVisible is how many points below the best accuracy a chart shows.
const shortVisible = 6

// Missing lists the cells that rows have none for, among all their methods, ratios and seeds.
func Missing(rows []Row) []string {
	have := map[Cell]bool{}
	var g Grid
	for _, r := range rows {
		have[r.Cell()] = true
		if !slices.Contains(g.Compressions, r.Compression) {
			g.Compressions = append(g.Compressions, r.Compression)
		}
		if !slices.Contains(g.Methods, r.Method) {
			g.Methods = append(g.Methods, r.Method)
		}
		if !slices.Contains(g.Seeds, r.Seed) {
			g.Seeds = append(g.Seeds, r.Seed)
		}
	}
	var missing []string
	for _, c := range g.Cells() {
		if !have[c] {
			missing = append(missing, c.String())
		}
	}
	return missing
}
