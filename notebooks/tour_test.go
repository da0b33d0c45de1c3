package notebooks_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"gsmlab/internal/nbformat"
)

// checkTour: what the tour of the kernel says has happened in it, in a run that nobody attended.
func checkTour(t *testing.T, nb *nbformat.Notebook) {
	t.Helper()
	// shows finds the cell with a text, and in what it shows a pattern, of which it returns the
	// groups.
	shows := func(source, pattern string) []string {
		t.Helper()
		for _, c := range nb.Cells {
			if c.Type != "code" || !strings.Contains(c.Source, source) {
				continue
			}
			var all strings.Builder
			for _, o := range c.Outputs {
				plain, _ := o.Data["text/plain"].(string)
				all.WriteString(o.Text + plain + strings.Join(o.Traceback, "\n") + "\n")
			}
			if m := regexp.MustCompile(pattern).FindStringSubmatch(all.String()); m != nil {
				return m[1:]
			}
			t.Errorf("the cell with %q shows\n%s\nwant %q", source, &all, pattern)
			return nil
		}
		t.Errorf("no cell has %q", source)
		return nil
	}
	number := func(groups []string) float64 {
		if len(groups) == 0 {
			return 0 // there is an error already
		}
		n, err := strconv.ParseFloat(groups[0], 64)
		if err != nil {
			t.Error(err)
		}
		return n
	}
	shows("momentum := 0.98", "note: table of cell [0-9]+ follows the new definition")
	shows("largest([]float64{3, 1, 4, 1, 5})", `stopped at cell\[[0-9]+\]:4 in largest, breakpoint 1`)
	shows("%locals", `v +float64 +1\n`)
	shows("%step", `stopped at cell\[[0-9]+\]:5 in largest`)
	shows("%continue", "^4\n")
	shows("%test", `(?s)--- PASS: TestLargest.*BenchmarkLeft\S*\s+[0-9]+\s+[0-9.]+ ns/op.*ok `)
	shows("!*go run", `^0\.6376\d+\n(?s:.*)\n4\n`)
	shows("%timeout", `the cell was stopped at cell\[[0-9]+\]:[0-9]+, the variables are kept`)
	if steps := number(shows("gsm.BudgetS", "^([0-9]+) steps, S = ")); steps < 20 {
		t.Errorf("after the interrupt there are %v steps", steps)
	}
	accuracy := number(shows("gsm.Cut", `^595 of 11900 weights; .*, ([0-9.]+) % after it`))
	shows("SIGKILL", `the worker was killed .*, store.* are lost`)
	if got := number(shows("%restore", `restored .*, store.* from (?s:.*) steps, accuracy ([0-9.]+) %`)); got != accuracy {
		t.Errorf("the restored network has an accuracy of %v %%, want %v %%", got, accuracy)
	}
}
