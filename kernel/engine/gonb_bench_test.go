// Benchmarks of the same cells in GoNB and in this engine, in turns.

package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"gsmlab/internal/jupyterclients"
)

// gonbCell is a cell of a user: it opens a backend, compiles a graph and runs it. The number in it
// changes, so that nothing is found in a cache.
const gonbCell = `import (
	"fmt"

	%q
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

%%%%
%s
if err != nil {
	panic(err)
}
exec := graph.MustNewExec(engine, func(x *graph.Node) *graph.Node { return graph.MulScalar(x, %d) })
fmt.Println(exec.MustCall(tensors.FromValue([]float32{1, 2, 3}))[0].Value())
`

// BenchmarkGoNB runs the same cells in GoNB and in this engine, by turns, and reports the medians.
// It needs gonb and goimports in PATH (README.md says how), and the Jupyter clients of install.sh:
// `go test -v -run XXX -bench GoNB -benchtime 1x ./kernel/engine`.
func BenchmarkGoNB(b *testing.B) {
	for _, need := range []string{"gonb", "goimports"} {
		if _, err := exec.LookPath(need); err != nil {
			b.Skipf("%s is not in PATH: kernel/engine/README.md says how to build it", need)
		}
	}
	python := jupyterclients.Python(b)
	b.Run("fmt", func(b *testing.B) {
		s, ask := newTestSession(b), startGoNB(b, python)
		for b.Loop() {
			stamp := time.Now().UnixNano() // no cache has these cells
			var times [4][]time.Duration
			for i := range 20 {
				for again := range 2 {
					code := fmt.Sprintf("fmt.Println(%d + %d)\n", stamp, i)
					took, _, shown := ask("%%\n" + code)
					var seen transcript
					start := time.Now()
					if err := s.Execute(context.Background(), code, &seen); err != nil || seen.String() != shown {
						b.Fatalf("GoNB showed %q, the engine %q: %v", shown, seen.String(), err)
					}
					times[again] = append(times[again], took)
					times[2+again] = append(times[2+again], time.Since(start))
				}
			}
			for i, name := range []string{"gonb-warm-ms", "gonb-again-ms", "gsmlab-warm-ms", "gsmlab-again-ms"} {
				b.ReportMetric(median(times[i]), name)
			}
		}
	})
	for _, bench := range []struct{ name, path, open string }{
		{"go", "github.com/gomlx/compute/gobackend", `engine, err := gobackend.New("")`},
		{"xla", "gsmlab/backend", `engine, _, err := backend.Open(context.Background(), "xla:cpu", nil)`},
	} {
		b.Run(bench.name, func(b *testing.B) {
			s, ask := newTestSession(b), startGoNB(b, python)
			ask(fmt.Sprintf("!*cp '%s/go.mod' '%[1]s/go.sum' . && go mod edit -module gonb_session -require gsmlab@v0.0.0 -replace 'gsmlab=%[1]s'", s.tools.Root()))
			const cells = 9
			for b.Loop() {
				var theirs, ours, theirCPU, ourCPU []time.Duration
				for i := range cells {
					code := fmt.Sprintf(gonbCell, bench.path, bench.open, i)
					want := fmt.Sprintf("[%d %d %d]\n", i, 2*i, 3*i)
					took, cpu, shown := ask(code)
					if !strings.HasSuffix(shown, want) {
						b.Fatalf("GoNB showed %q, want %q", shown, want)
					}
					var seen transcript
					start, before := time.Now(), cpuTime(s)
					if err := s.Execute(context.Background(), strings.Replace(code, "%%\n", "", 1), &seen); err != nil {
						b.Fatal(err)
					}
					if !strings.HasSuffix(seen.String(), want) {
						b.Fatalf("the engine showed %q, want %q", seen.String(), want)
					}
					if i > 0 { // the first fills the build cache
						theirs, ours = append(theirs, took), append(ours, time.Since(start))
						theirCPU, ourCPU = append(theirCPU, cpu), append(ourCPU, cpuTime(s)-before)
					}
				}
				b.ReportMetric(median(theirs), "gonb-ms/cell")
				b.ReportMetric(median(ours), "gsmlab-ms/cell")
				b.ReportMetric(median(theirCPU), "gonb-cpu-ms/cell")
				b.ReportMetric(median(ourCPU), "gsmlab-cpu-ms/cell")
			}
		})
	}
}

// startGoNB starts GoNB under Jupyter's client; the function that it returns runs a cell.
func startGoNB(b *testing.B, python string) func(code string) (took, cpu time.Duration, shown string) {
	cmd := exec.Command(python, "testdata/gonb.py", "gonb")
	cmd.Env = append(os.Environ(), "JUPYTER_PLATFORM_DIRS=0")
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	cells, results := json.NewEncoder(in), json.NewDecoder(out)
	return func(code string) (took, cpu time.Duration, shown string) {
		b.Helper()
		var got struct {
			Seconds, CPU  float64
			Status, Shown string
		}
		if err := cells.Encode(code); err != nil {
			b.Fatalf("GoNB: %v", err)
		}
		if err := results.Decode(&got); err != nil {
			b.Fatalf("GoNB: %v", err)
		}
		if got.Status != "ok" {
			b.Fatalf("GoNB: %s", got.Shown)
		}
		return time.Duration(got.Seconds * float64(time.Second)), time.Duration(got.CPU * float64(time.Second)), got.Shown
	}
}

// cpuTime is the CPU time of the engine, of the tools that it has run, and of the worker.
func cpuTime(s *Engine) time.Duration {
	total := time.Duration(0)
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var r syscall.Rusage
		if syscall.Getrusage(who, &r) == nil {
			total += time.Duration(r.Utime.Nano() + r.Stime.Nano())
		}
	}
	return total + s.process.computed()
}
