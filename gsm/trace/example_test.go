package trace_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gsmlab/gsm/trace"
)

// A run is written, killed in the middle of a line, and resumed from a
// checkpoint taken after step 2.
func Example() {
	dir, err := os.MkdirTemp("", "trace")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "trace.jsonl")

	w, err := trace.Create(path, trace.Header{Model: "lenet300", Compression: 60, Q: 4436, Prunable: 266200})
	if err != nil {
		fmt.Println(err)
		return
	}
	for step := 1; step <= 3; step++ {
		// The error of a full disk is kept, and Close returns it too.
		w.Write(trace.Step{Stage: trace.StageGSM, Step: step, Loss: 0.1, LearningRate: 0.01, Threshold: new(1e-6)})
	}
	if err := w.Close(); err != nil {
		fmt.Println(err)
		return
	}
	f, _ := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	f.WriteString(`{"type":"st`)
	f.Close()

	f, _ = os.Open(path)
	for rec, err := range trace.Read(f, "trace.jsonl") {
		switch {
		case errors.Is(err, trace.ErrTruncated):
			fmt.Println("unfinished:", err)
		case err != nil:
			fmt.Println(err)
		default:
			fmt.Printf("%T\n", rec)
		}
	}
	f.Close()

	if w, err = trace.AppendFrom(path, trace.StageGSM, 2); err != nil {
		fmt.Println(err)
		return
	}
	w.Close()
	run, err := trace.Load(path)
	fmt.Println(len(run.Steps), err)
	// Output:
	// trace.Header
	// trace.Step
	// trace.Step
	// trace.Step
	// unfinished: trace.jsonl:5: last line is cut off
	// 2 <nil>
}
