package lesson

import (
	"os"
	"path/filepath"

	"gsmlab/gsm/trace"
	"gsmlab/models/recipe"
)

// Recorded reads the report and the trace of a run that is too long for a lesson, from recorded/NAME beside the notebooks.
// recorded/README.md has the commands that made them.
func Recorded(name string) (*recipe.Report, *trace.Run) {
	dir := filepath.Join(os.Getenv("GONB_DIR"), "recorded", name)
	return Must(recipe.LoadReport(dir)), Must(trace.Load(filepath.Join(dir, recipe.TraceFile)))
}

// Go's linker leaves the tables of a package out of a plugin whose code does not read them, and cells that are linked later share
// the package as the first of them brought it: without this, reading weights in a later cell finds safetensors' table of types empty.
func init() { keep(recipe.EvaluateWeights) }

//go:noinline
func keep(any) {}
