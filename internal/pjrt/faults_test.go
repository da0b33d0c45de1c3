//go:build linux && cgo && !noxla

package pjrt

import (
	"context"
	"os"
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
	const runs, warm = 10, 10 // the heap settles in the first ten
	var before, after syscall.Rusage
	for i := range warm + runs {
		if i == warm {
			syscall.Getrusage(syscall.RUSAGE_SELF, &before)
		}
		if _, err := exec.Call(x); err != nil {
			t.Fatal(err)
		}
	}
	syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	faults := (after.Minflt - before.Minflt) / runs
	t.Logf("%d page faults a run (GSM_MALLOC=%s)", faults, os.Getenv("GSM_MALLOC"))
	if faults > 16384/2 {
		t.Errorf("%d page faults a run: freed memory is given back", faults)
	}
}
