// Tests of the table that a comparison ends in.

package rivals_test

import (
	"slices"
	"strings"
	"testing"

	"gsmlab/rivals"
)

// TestTableNamesRunsOfANote: what several runs have to say stands there once, with their ratios and
// seeds.
func TestTableNamesRunsOfANote(t *testing.T) {
	var rows []rivals.Row
	for _, ratio := range []float64{100, 20, 2.5} {
		for _, seed := range []int64{3, 1, 2} {
			r := rivals.Row{Model: "m", Method: "dns", Compression: ratio, Seed: seed, Setting: "published"}
			r.Notes = append(r.Notes, "of all")
			if ratio != 2.5 {
				r.Notes = append(r.Notes, "of two ratios")
			}
			if ratio == 20 || seed == 2 {
				r.Notes = append(r.Notes, "of some")
			}
			if ratio == 100 && seed == 1 {
				r.Notes = append(r.Notes, "of one")
			}
			rows = append(rows, r)
		}
	}
	var out strings.Builder
	if err := rivals.WriteTable(&out, rows); err != nil {
		t.Fatal(err)
	}
	_, notes, found := strings.Cut(out.String(), "dns: published\n")
	if !found {
		t.Fatalf("no setting in\n%s", out.String())
	}
	got := strings.Split(strings.TrimRight(notes, "\n"), "\n")
	slices.Sort(got)
	want := []string{
		"  100x seed 1: of one",
		"  2.5x, 100x seed 2; 20x seeds 1, 2, 3: of some",
		"  2.5x, 20x, 100x seeds 1, 2, 3: of all",
		"  20x, 100x seeds 1, 2, 3: of two ratios",
	}
	if !slices.Equal(got, want) {
		t.Errorf("notes\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestChartOrder: the legend has the order of the lines at the largest ratio, and the title says
// where the axis begins.
func TestChartOrder(t *testing.T) {
	var rows []rivals.Row
	for method, accuracy := range map[string]float64{"magnitude": 0.3, "gmp": 0.971, "dns": 0.9845, "gsm": 0.985} {
		rows = append(rows,
			rivals.Row{Model: "m", Method: method, Compression: 20, Seed: 1, AccuracyPruned: 0.98},
			rivals.Row{Model: "m", Method: method, Compression: 100, Seed: 1, AccuracyPruned: accuracy})
	}
	figure, err := rivals.Chart(rows)
	if err != nil {
		t.Fatal(err)
	}
	picture, err := figure.SVG()
	if err != nil {
		t.Fatal(err)
	}
	svg, at := string(picture), -1
	for _, name := range []string{">gsm<", ">dns<", ">gmp<", ">magnitude<"} {
		next := strings.Index(svg, name)
		if next <= at {
			t.Errorf("%s of the legend is at %d, after one at %d", name, next, at)
		}
		at = next
	}
	if want := "(above 92 %)"; !strings.Contains(svg, want) {
		t.Errorf("no %q in the title", want)
	}
}
