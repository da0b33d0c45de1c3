package lesson

import (
	"os"
	"path/filepath"

	"gsmlab/gsm/trace"
)

// Recorded reads the trace of a run that is too long for a lesson: recorded/NAME.jsonl beside the notebooks. recorded/README.md
// has the commands that made them.
func Recorded(name string) *trace.Run {
	return Must(trace.Load(filepath.Join(os.Getenv("GONB_DIR"), "recorded", name+".jsonl")))
}
