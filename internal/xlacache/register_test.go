//go:build linux && amd64 && cgo && !noxla

package xlacache_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gsmlab/internal/pjrt"
	"gsmlab/internal/settings"
	"gsmlab/internal/xlacache"
)

// envChild marks a process that compiles and computes, and says what came out.
const envChild = "GSM_TEST_XLACACHE"

// TestExecutablesAreKept: a second process compiles nothing of what a first one has saved, and
// computes the same bits. Damaged files and another setting of XLA mean compiling again. A call of
// oneDNN cannot be saved, and does not end the process.
func TestExecutablesAreKept(t *testing.T) {
	if os.Getenv(envChild) != "" {
		child(t)
		return
	}
	if testing.Short() {
		t.Skip("compiles with XLA")
	}
	plugin, _, ok := pjrt.Find("cpu")
	if !ok {
		t.Skip("no plugin")
	}
	root := t.TempDir()
	// The plugin is found by its folder, because the cache folder is another one.
	run := func(set ...string) (compiled, bits string) {
		t.Helper()
		cmd := exec.Command(os.Args[0], "-test.run=^TestExecutablesAreKept$", "-test.v")
		cmd.Env = append(os.Environ(), envChild+"=1", settings.Cache+"="+root, settings.Plugins+"="+filepath.Dir(plugin))
		cmd.Env = append(cmd.Env, set...)
		out, err := cmd.CombinedOutput()
		_, result, found := strings.Cut(string(out), "compiled ")
		if err != nil || !found {
			t.Fatalf("%v\n%s", err, out)
		}
		compiled, bits, _ = strings.Cut(result, " graphs: ")
		bits, _, _ = strings.Cut(bits, "\n")
		return compiled, bits
	}
	compiled, want := run()
	if compiled != "3" {
		t.Fatalf("the first process compiled %s graphs, want 3", compiled)
	}
	files, err := filepath.Glob(filepath.Join(root, "compiled", "*"))
	if err != nil || len(files) == 0 {
		t.Skip("this plugin is not the one whose executables are kept")
	}
	if len(files) != 2 {
		t.Errorf("%d files for two graphs and one that calls oneDNN", len(files))
	}
	for _, c := range []struct{ what, set, compiled string }{
		{"again", "", "1"},
		{"with another flag", "XLA_FLAGS=--xla_backend_optimization_level=1", "3"},
		{"without a cache", settings.XLACache + "=off", "0"}, // nobody counts
	} {
		if compiled, got := run(c.set); compiled != c.compiled || got != want {
			t.Errorf("%s: compiled %s graphs, want %s; computed %s, want %s", c.what, compiled, c.compiled, got, want)
		}
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		raw[len(raw)/2] ^= 1
		if err := os.WriteFile(file, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if compiled, got := run(); compiled != "3" || got != want {
		t.Errorf("with damaged files: compiled %s graphs, want 3; computed %s, want %s", compiled, got, want)
	}
}

// child compiles three graphs: a product, a sort, and a convolution large enough for oneDNN. The
// values are such that no order of adding up changes a sum.
func child(t *testing.T) {
	xlacache.KeepAll()
	b, _, err := pjrt.Open(context.Background(), "xla:cpu", nil)
	if err != nil {
		t.Fatal(err)
	}
	values := func(dims ...int) *tensors.Tensor {
		x := tensors.FromShape(shapes.Make(dtypes.Float32, dims...))
		tensors.MustMutableFlatData(x, func(flat []float32) {
			for i := range flat {
				flat[i] = float32(i*7%16) / 16
			}
		})
		return x
	}
	var bits []uint32
	for _, c := range []struct {
		f    func(x, y *graph.Node) *graph.Node
		x, y *tensors.Tensor
	}{
		{func(x, y *graph.Node) *graph.Node { return graph.ReduceAllSum(graph.MatMul(x, y)) }, values(16, 16), values(16, 16)},
		{func(x, y *graph.Node) *graph.Node { return graph.ReduceAllSum(graph.Mul(graph.Sort(x, -1, true), y)) }, values(33), values(33)},
		{func(x, y *graph.Node) *graph.Node { return graph.ReduceAllMax(graph.Convolve(x, y).PadSame().Done()) }, values(64, 32, 32, 16), values(3, 3, 16, 16)},
	} {
		out, err := graph.CallOnce(b, c.f, c.x, c.y)
		if err != nil {
			t.Fatal(err)
		}
		bits = append(bits, math.Float32bits(tensors.ToScalar[float32](out)))
	}
	fmt.Printf("compiled %d graphs: %x\n", xlacache.Compiled(), bits)
}
