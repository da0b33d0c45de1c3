// Tests of what a program with an embedded network is: small, and built for each target.

package infer

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gsmlab/infer/code"
	"gsmlab/infer/graph"
)

// program predicts with an embedded network, and prints the place of the greatest value.
const program = `package main

import (
	_ "embed"

	"gsmlab/infer"
)

//go:embed net.gsm
var file string

func main() {
	n, err := infer.Load([]byte(file))
	if err != nil {
		panic(err)
	}
	src, dst := make([]float32, 5*n.InputSize()), make([]float32, 5*n.OutputSize())
	for i := range src {
		src[i] = float32(i*i%7) / 7
	}
	if err := n.Predict(dst, src); err != nil {
		panic(err)
	}
	best := 0
	for i := range 10 {
		if dst[i] > dst[best] {
			best = i
		}
	}
	println(best)
}
`

// TestTargets: a program with an embedded network builds for each target, is small, and gives the
// same answer where it can run: here, and as WebAssembly under node.
func TestTargets(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs")
	}
	file := packed(t, lenet5(1./125))
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	// In a folder of this module, so that it can import what is not published; in testdata, which
	// the tests of the whole checkout pass over while this one runs.
	testdata := filepath.Join(root, "infer", "testdata")
	if err := os.MkdirAll(testdata, 0o755); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(testdata, "program")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		os.RemoveAll(dir)
		os.Remove(testdata) // if nothing else is in it
	})
	for name, text := range map[string]string{"main.go": program, "net.gsm": string(file)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out := t.TempDir()
	answers := map[string]string{}
	for _, target := range []string{"linux/amd64", "linux/arm64", "js/wasm", "wasip1/wasm"} {
		system, processor, _ := strings.Cut(target, "/")
		binary := filepath.Join(out, system+processor)
		cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, ".")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+processor, "CGO_ENABLED=0")
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", target, err, text)
		}
		info, err := os.Stat(binary)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes, the network %d", target, info.Size(), len(file))
		most := int64(2_500_000)
		if processor == "wasm" {
			most = 2_900_000 // the same code is longer in WebAssembly
		}
		if info.Size() > most {
			t.Errorf("%s: a program of %d bytes: at most %d", target, info.Size(), most)
		}
		if run := runner(t, target, binary); run != nil {
			text, err := run.CombinedOutput()
			if err != nil {
				t.Errorf("%s: %v\n%s", target, err, text)
			}
			answers[target] = strings.TrimSpace(string(text))
		}
	}
	for target, answer := range answers {
		if len(answer) != 1 || answer != answers["linux/amd64"] {
			t.Errorf("%s answers %q: must be %q", target, answer, answers["linux/amd64"])
		}
	}
}

// runner is the command that runs a program, where this machine has one.
func runner(t *testing.T, target, binary string) *exec.Cmd {
	switch target {
	case "linux/amd64":
		return exec.CommandContext(t.Context(), binary)
	case "js/wasm", "wasip1/wasm":
		if _, err := exec.LookPath("node"); err != nil {
			t.Logf("%s is built and not run: there is no node", target)
			return nil
		}
		goroot, err := exec.Command("go", "env", "GOROOT").Output()
		if err != nil {
			t.Fatal(err)
		}
		if target == "js/wasm" {
			return exec.CommandContext(t.Context(), filepath.Join(strings.TrimSpace(string(goroot)), "lib", "wasm", "go_js_wasm_exec"), binary)
		}
		script := `const {WASI} = require("wasi"); const w = new WASI({version: "preview1", args: ["net"], env: {}});
WebAssembly.instantiate(require("fs").readFileSync(process.argv[1]), {wasi_snapshot_preview1: w.wasiImport}).then(m => w.start(m.instance));`
		return exec.CommandContext(t.Context(), "node", "--no-warnings", "-e", script, binary)
	}
	return nil
}

// TestLean: the runtime needs nothing outside the standard library, and neither fmt nor reflect,
// which are most of a small program.
func TestLean(t *testing.T) {
	list, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range strings.Fields(string(list)) {
		first, _, _ := strings.Cut(name, "/")
		if name == "fmt" || name == "reflect" || name == "encoding/json" || strings.Contains(first, ".") {
			t.Errorf("infer needs %s", name)
		}
	}
}

func packed(t testing.TB, g *graph.Graph) []byte {
	file, _, err := code.Encode(g, code.Options{Precision: func(int) code.Precision { return code.Precision{Entries: 16, Bias: 127} }})
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// BenchmarkLoad loads the files of models/packed: milliseconds, the median and the least.
func BenchmarkLoad(b *testing.B) {
	for _, name := range []string{"lenet-300-100-60x", "lenet-300-100-100x", "lenet-5-125x", "lenet-5-300x"} {
		file, err := os.ReadFile("../models/packed/" + name + ".gsm")
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			var all []float64
			for b.Loop() {
				start := time.Now()
				if _, err := Load(file); err != nil {
					b.Fatal(err)
				}
				all = append(all, time.Since(start).Seconds()*1e3)
			}
			slices.Sort(all)
			b.ReportMetric(all[len(all)/2], "median-ms")
			b.ReportMetric(all[0], "least-ms")
		})
	}
}
