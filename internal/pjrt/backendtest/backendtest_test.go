package backendtest

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"

	"gsmlab/internal/pjrt"
)

// envHelper activates the helper tests below in the processes that other tests start.
const envHelper = "GSM_TEST_HELPER"

func TestEachMultiplies(t *testing.T) {
	Each(t, func(t *testing.T, b compute.Backend) {
		spec := os.Getenv(EnvOne)
		if name, _, _ := strings.Cut(spec, ":"); b.Name() != name && !strings.EqualFold(b.Name(), "Go Backend") {
			t.Fatalf("backend %q in the process for %s", b.Name(), spec)
		}
		if again := Open(t); again != b {
			t.Error("a second backend was opened in one process")
		}
		t.Run("two matrices", func(t *testing.T) {
			got, err := graph.CallOnce(b, func(x, y *graph.Node) *graph.Node { return graph.Dot(x, y).Product() },
				[][]float32{{1, 2}, {3, 4}}, [][]float32{{5, 6}, {7, 8}})
			if err != nil {
				t.Fatal(err)
			}
			v := got.Value().([][]float32)
			want := [][]float32{{19, 22}, {43, 50}}
			for i := range want {
				for j := range want[i] {
					if v[i][j] != want[i][j] {
						t.Fatalf("on %s: %v, want %v", spec, v, want)
					}
				}
			}
		})
	})
}

// Other tests run TestHelper; alone it does nothing.
func TestHelper(t *testing.T) {
	mode := os.Getenv(envHelper)
	if mode == "" {
		t.Skip("for other tests")
	}
	Each(t, func(t *testing.T, b compute.Backend) {
		switch mode {
		case "pass":
			os.Stdout.WriteString("a line without its end") // must not hide the verdict
		case "fail in a subtest":
			t.Run("sub", func(t *testing.T) { t.Error("wrong by 7") })
		case "exit":
			os.Exit(0) // looks like success
		case "panic":
			panic("at the disco")
		case "skip":
			t.Skip("not on this backend")
		}
	})
}

// helper runs TestHelper in a new process, on the pure-Go backend unless backends says otherwise.
func helper(t *testing.T, mode, backends string) (string, error) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestHelper$", "-test.v", "-test.count=1")
	cmd.Env = append(os.Environ(), EnvOne+"=", EnvMany+"="+backends, envHelper+"="+mode)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestEachReports(t *testing.T) {
	for _, c := range []struct {
		mode, backends string
		ok             bool
		want           string
	}{
		{"pass", "go", true, "--- PASS: TestHelper/go"},
		{"skip", "go", true, "--- SKIP: TestHelper/go"},
		{"fail in a subtest", "go", false, "wrong by 7"},
		{"exit", "go", false, "--- FAIL: TestHelper/go"},
		{"panic", "go", false, "at the disco"},
		{"pass", "go,xla:abacus", false, `asks for "xla:abacus"`},
		{"pass", " , ", false, "names no backend"},
	} {
		out, err := helper(t, c.mode, c.backends)
		if (err == nil) != c.ok || !strings.Contains(out, c.want) {
			t.Errorf("%s on %q: %v, want %q in\n%s", c.mode, c.backends, err, c.want, out)
		}
	}
}

// Every backend present gets its subtest. If there is a list, only listed backends do.
func TestEachRunsAll(t *testing.T) {
	present := pjrt.Present()
	out, err := helper(t, "pass", "")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, spec := range present {
		if !strings.Contains(out, "--- PASS: TestHelper/"+spec) {
			t.Errorf("%s did not run:\n%s", spec, out)
		}
	}
	if out, err = helper(t, "pass", "go"); err != nil || strings.Contains(out, "TestHelper/xla") {
		t.Errorf("restricted to go: %v\n%s", err, out)
	}
}

func TestVerdict(t *testing.T) {
	for out, want := range map[string]string{
		"": "",
		"testing: warning: no tests to run\nPASS\n": "",
		"--- PASS: TestA (0.1s)\nPASS\n":            "PASS",
		"dots...--- PASS: TestA (0.1s)\n":           "PASS",
		"--- PASS: TestAB (0.1s)\n":                 "",
		"    --- PASS: TestA/sub (0.1s)\n":          "",
		"--- SKIP: TestA (0.1s)\n":                  "SKIP",
	} {
		if got := verdict("TestA", out); got != want {
			t.Errorf("%q: verdict %q, want %q", out, got, want)
		}
	}
}

func TestOwnFlags(t *testing.T) {
	for flag, own := range map[string]bool{
		"-test.run=X": true, "-test.v=true": true, "-test.v": true, "-test.coverprofile=/x": true, "-test.paniconexit0": true,
		"-test.timeout=1m0s": false, "-test.short=true": false, "-update": false, "-test.cpu=1,2": false,
	} {
		if got := ownFlags.MatchString(flag); got != own {
			t.Errorf("%s: %v, want %v", flag, got, own)
		}
	}
}
