// Tests of the table that a comparison ends in.

package rivals_test

import (
	"slices"
	"strings"
	"testing"

	"gsmlab/rivals"
)

// TestTableNamesRunsOfANote: the table gives what several runs have to say once, with the ratios and seeds it is about.
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
