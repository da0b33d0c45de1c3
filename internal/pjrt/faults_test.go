//go:build linux && cgo && !noxla

package pjrt

import (
	"context"
	"os"
	"slices"
	"syscall"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"gsmlab/internal/malloc"
)

// mallocPossible says whether we tune the malloc of this C library; see internal/malloc.
const mallocPossible = malloc.Tunable

// TestFewPageFaults runs a graph again and again that briefly needs 64 MiB, 16,384 pages. It judges
// the number of pages that the kernel had to hand out, not the time.
func TestFewPageFaults(t *testing.T) {
	if !malloc.Keeps() {
		t.Skip("malloc is not tuned here")
	}
	if _, _, ok := Find("cpu"); !ok {
		t.Skip("no plugin: run ./install.sh")
	}
	if testing.Short() {
		t.Skip("XLA takes seconds")
	}
	b, _, err := Open(context.Background(), "xla:cpu", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Finalize()
	exec, err := graph.NewExec(b, func(x *graph.Node) *graph.Node {
		return graph.Dot(graph.Sin(graph.Dot(x, graph.Transpose(x, 0, 1)).Product()), x).Product()
	})
	if err != nil {
		t.Fatal(err)
	}
	x := make([][]float32, 4096)
	for i := range x {
		x[i] = []float32{float32(i), 1}
	}
	// The heap grows now and then until it has settled, late on a busy machine, so the run in the
	// middle is judged. Without the tuning every run meets all pages.
	const runs = 30
	faults := make([]int64, runs)
	for i := range faults {
		before := minorFaults(t)
		if _, err := exec.Call(x); err != nil {
			t.Fatal(err)
		}
		faults[i] = minorFaults(t) - before
	}
	t.Logf("page faults of each run: %d (GSM_MALLOC=%s)", faults, os.Getenv("GSM_MALLOC"))
	slices.Sort(faults)
	if median := faults[runs/2]; median > 16384/4 {
		t.Errorf("%d page faults in the run in the middle: freed memory is given back", median)
	}
}

// minorFaults returns how many pages the process was given so far.
func minorFaults(t *testing.T) int64 {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return int64(usage.Minflt)
}
