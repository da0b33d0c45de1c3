package lesson

import (
	"os"
	"path/filepath"

	"gsmlab/gsm/trace"
	"gsmlab/models/recipe"
)

// Recorded reads the report and the trace of a run that takes too long for a lesson, from
// recorded/NAME beside the notebooks. recorded/README.md has the commands that made them.
func Recorded(name string) (*recipe.Report, *trace.Run) {
	dir := filepath.Join(os.Getenv("GONB_DIR"), "recorded", name)
	return Must(recipe.LoadReport(dir)), Must(trace.Load(filepath.Join(dir, recipe.TraceFile)))
}
