package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// gonbCell is a cell of a user: it makes a backend, compiles a graph and runs it. The number in it changes,
// so that nothing is found in a cache.
const gonbCell = `import (
	"fmt"

	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

%%%%
backend, err := gobackend.New("")
if err != nil {
	panic(err)
}
exec := graph.MustNewExec(backend, func(x *graph.Node) *graph.Node { return graph.MulScalar(x, %d) })
fmt.Println(exec.MustCall(tensors.FromValue([]float32{1, 2, 3}))[0].Value())
`

// BenchmarkGoNB runs the same cells in GoNB and then in this engine, and reports the medians. It needs
// gonb and goimports in PATH (README.md says how), and the Jupyter clients of install.sh:
// `go test -run XXX -bench GoNB -benchtime 1x ./kernel/engine`.
func BenchmarkGoNB(b *testing.B) {
	for _, need := range []string{"gonb", "goimports"} {
		if _, err := exec.LookPath(need); err != nil {
			b.Skipf("%s is not in PATH: kernel/engine/README.md says how to build it", need)
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		b.Skip(err)
	}
	python := filepath.Join(cache, "gsmlab", "jupyter-clients", "bin", "python3")
	if _, err := os.Stat(python); err != nil {
		b.Skipf("Jupyter's clients are not there (%v): run ./install.sh", err)
	}
	const cells = 9
	s := newTestSession(b)
	root := s.tools.root
	codes := []string{fmt.Sprintf("!*cp '%s/go.mod' '%[1]s/go.sum' . && go mod edit -module gonb_session", root)}
	for i := range cells {
		codes = append(codes, fmt.Sprintf(gonbCell, i))
	}
	for b.Loop() {
		input, err := json.Marshal(codes)
		if err != nil {
			b.Fatal(err)
		}
		cmd := exec.Command(python, "testdata/gonb.py", "gonb")
		var out, errs bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &out, &errs
		cmd.Env = append(os.Environ(), "JUPYTER_PLATFORM_DIRS=0")
		if err := cmd.Run(); err != nil {
			b.Fatalf("GoNB: %v\n%s", err, errs.String())
		}
		var got struct {
			Seconds []float64
			Last    string
		}
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			b.Fatalf("GoNB: %v: %s", err, out.String())
		}
		const want = "[8 16 24]\n"
		if len(got.Seconds) != cells || got.Last != want {
			b.Fatalf("GoNB: %d cells, the last showed %q, want %q", len(got.Seconds), got.Last, want)
		}
		var theirs, ours []time.Duration
		for _, t := range got.Seconds[1:] { // the first fills the build cache
			theirs = append(theirs, time.Duration(t*float64(time.Second)))
		}
		for i, code := range codes[1:] {
			var seen transcript
			start := time.Now()
			if err := s.Execute(context.Background(), strings.Replace(code, "%%\n", "", 1), &seen); err != nil {
				b.Fatal(err)
			}
			if i > 0 {
				ours = append(ours, time.Since(start))
			}
			if i == cells-1 && seen.String() != want {
				b.Fatalf("the engine showed %q, want %q", seen.String(), want)
			}
		}
		b.ReportMetric(median(theirs), "gonb-ms/cell")
		b.ReportMetric(median(ours), "gsmlab-ms/cell")
	}
}
