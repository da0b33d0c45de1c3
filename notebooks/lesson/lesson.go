// Package lesson holds what the notebooks share, so that their cells contain only the lesson: runs
// that are carried out once and read by every later cell, charts, tables, and a fast mode for
// tests. It works the same in gsmlab's kernel, which keeps values between cells, and under GoNB,
// which runs each cell as a separate program and keeps none.
//
// Errors are panics here, which suits a cell: the notebook shows the message and stops.
package lesson

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gomlx/compute"

	"gsmlab/backend"
	"gsmlab/gsm/trace"
	"gsmlab/kernel/display"
	"gsmlab/models"
	"gsmlab/models/data"
	"gsmlab/models/recipe"
)

// Fast reports whether $GSM_LESSON is "fast". Tests run the notebooks in this mode: sizes are
// smaller, and nothing else changes.
func Fast() bool { return os.Getenv("GSM_LESSON") == "fast" }

// Size returns full, or fast in the fast mode.
func Size[T any](full, fast T) T {
	if Fast() {
		return fast
	}
	return full
}

// Must returns v, or panics with err.
func Must[T any](v T, err error) T {
	Check(err)
	return v
}

// Check panics with err if it is not nil.
func Check(err error) {
	if err != nil {
		panic(err)
	}
}

// Backend returns the fastest backend of this machine.
func Backend() compute.Backend {
	b, info, err := backend.Open(display.Context(), "", say)
	Check(err)
	if info.Note != "" {
		say("note: " + info.Note)
	}
	return b
}

// Dir is the folder of the run called name: below $GSM_LESSON_RUNS, or in runs/ beside the
// notebook. The fast mode has separate runs.
func Dir(name string) string {
	root := os.Getenv("GSM_LESSON_RUNS")
	if root == "" {
		root = filepath.Join(os.Getenv("GONB_DIR"), "runs")
	}
	return filepath.Join(root, Size("", "fast"), name)
}

// Prune carries out a plan in the run folder Dir(name). It resumes a run that was stopped, and only
// reads one that is done. It returns the report and the trace. If base is not "", it names the run
// whose dense network is pruned; otherwise Prune trains one.
func Prune(name string, plan recipe.Plan, base string) (*recipe.Report, *trace.Run) {
	report := carryOut(name, plan, base, recipe.LoadReport, recipe.Prune)
	return report, Trace(name)
}

// Ticket is Prune for winning tickets.
func Ticket(name string, plan recipe.Plan) (*recipe.TicketReport, *trace.Run) {
	report := carryOut(name, plan, "", recipe.LoadTicketReport, recipe.Ticket)
	return report, Trace(name)
}

// Trace reads the trace of the run called name.
func Trace(name string) *trace.Run {
	return Must(trace.Load(filepath.Join(Dir(name), recipe.TraceFile)))
}

// carryOut runs a plan in its folder, unless the folder has a finished report of the same plan.
func carryOut[R any](name string, plan recipe.Plan, base string, done func(string) (*R, error), run func(context.Context, recipe.Plan, recipe.Options) (*R, error)) *R {
	dir := Dir(name)
	if report, err := done(dir); err == nil {
		if old, err := recipe.LoadPlan(dir); err == nil && fmt.Sprint(old) == fmt.Sprint(plan) {
			return report
		}
	}
	ctx, stop := interruptible()
	defer stop()
	m := Must(models.Lookup(plan.Model))
	o := recipe.Options{
		Out: dir, Backend: Backend(), Data: Must(data.Load(ctx, m.Dataset, data.Options{Say: say})),
		Command: "notebook", Watch: progress(),
	}
	if base != "" {
		o.Base = Dir(base)
	}
	return Must(run(ctx, plan, o))
}

// say prints a remark. Where data were found is left out: lessons are recorded, and the folders of
// the machine that records them are nobody's business.
func say(line string) {
	if before, folder, ok := strings.Cut(line, " from "); ok && filepath.IsAbs(folder) {
		line = before
	}
	fmt.Println(line)
}
