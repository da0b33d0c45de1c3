// Comparisons of pruning methods: carried out here, or recorded.

package lesson

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"gsmlab/kernel/display"
	"gsmlab/models"
	"gsmlab/models/data"
	"gsmlab/rivals"
)

// Compare carries out a comparison in the folder Dir(name) and returns a row for each of its runs.
// Runs that are done there already are only read.
func Compare(name string, grid rivals.Grid) []rivals.Row {
	ctx, stop := interruptible()
	defer stop()
	m := Must(models.Lookup(grid.Plan.Model))
	rows, failed, err := rivals.Compare(ctx, grid, rivals.Options{
		Out: Dir(name), Backend: Backend(), Data: Must(data.Load(ctx, m.Dataset, data.Options{Say: say})),
		Command: "notebook", Watch: progress(),
	})
	Check(err)
	for _, f := range failed {
		Check(fmt.Errorf("%s: %w", f.Cell, f.Err))
	}
	return rows
}

// A Comparison is one that takes too long for a lesson. recorded/README.md has the command that
// made it.
type Comparison struct {
	Name string // of its file in recorded/compare beside the notebooks
	Rows []rivals.Row
}

// Comparisons reads all recorded comparisons, in the order of their names.
func Comparisons() []Comparison {
	paths := Must(filepath.Glob(filepath.Join(os.Getenv("GONB_DIR"), "recorded", "compare", "*.json")))
	if len(paths) == 0 {
		panic(fmt.Errorf("lesson.Comparisons: nothing is recorded in recorded/compare beside the notebook: copy that folder, too"))
	}
	var all []Comparison
	for _, path := range paths {
		c := Comparison{Name: strings.TrimSuffix(filepath.Base(path), ".json")}
		if err := json.Unmarshal(Must(os.ReadFile(path)), &c.Rows); err != nil {
			panic(fmt.Errorf("lesson.Comparisons: %s: %w", path, err))
		}
		all = append(all, c)
	}
	return all
}

// interruptible is the context of a cell, which ends when the cell is interrupted.
func interruptible() (context.Context, context.CancelFunc) {
	ctx := display.Context()
	if display.InKernel() { // the kernel takes care of interrupts itself
		return ctx, func() {}
	}
	return signal.NotifyContext(ctx, os.Interrupt)
}
