// Package backendtest runs tests on each GoMLX backend present on the machine.
package backendtest

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/gomlx/compute"

	"gsmlab/internal/pjrt"
)

const (
	// EnvOne names the one backend of a child process; Each sets it. If you set it by hand, Each
	// runs in this process on that backend alone, as a debugger or a profiler needs.
	EnvOne = "GSM_TEST_BACKEND"
	// EnvMany restricts Each to a comma-separated list of specs, as in "go,xla:cpu". A listed spec
	// that is not present fails the test.
	EnvMany = "GSM_TEST_BACKENDS"
)

// devices is how many the backend of this process is opened with, where that can be chosen.
var devices = 1

// one opens the backend of this process, once.
var one = sync.OnceValues(func() (compute.Backend, error) {
	spec := os.Getenv(EnvOne)
	if spec == "" && testing.Short() {
		spec = "go"
	}
	if spec == "xla:cuda" {
		spec += ",tf32=false" // go-xla's default rounds the inputs of products to 10 bits
	}
	b, _, err := pjrt.OpenDevices(context.Background(), spec, devices, nil)
	return b, err
})

// Open returns the process's backend, for tests and benchmarks that need just one: the one named by
// $GSM_TEST_BACKEND or else the best one present, with -short GoMLX's own. It lives as long as the
// process.
func Open(tb testing.TB) compute.Backend {
	tb.Helper()
	b, err := one()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// Each runs fn once per backend present (go, xla:cpu, xla:cuda), as a subtest named by the spec.
// With -short it runs only on GoMLX's own, because XLA takes seconds to compile each graph.
//
// Each backend gets its own process, because XLA can start only once per process: the test binary
// runs again with -test.run for this one test. A child that did not run and pass the test fails,
// even if it ran nothing. t must be a top-level test, and each child repeats what the test does
// before Each.
func Each(t *testing.T, fn func(t *testing.T, b compute.Backend)) {
	t.Helper()
	EachDevices(t, 1, fn)
}

// EachDevices is [Each] for a test of several devices: XLA on the CPU has n.
func EachDevices(t *testing.T, n int, fn func(t *testing.T, b compute.Backend)) {
	t.Helper()
	if spec := os.Getenv(EnvOne); spec != "" {
		devices = n // of a child; by hand, the first test's
		fn(t, Open(t))
		return
	}
	if strings.Contains(t.Name(), "/") {
		t.Fatalf("backendtest: Each must be called in a top-level test, not in %s", t.Name())
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range specs(t) {
		t.Run(spec, func(t *testing.T) { runChild(t, exe, spec) })
	}
}

// specs lists the backends to run on.
func specs(t *testing.T) []string {
	present := pjrt.Present()
	list := os.Getenv(EnvMany)
	if list == "" && testing.Short() {
		return present[:1] // slowest to compute, quickest to begin
	}
	if list == "" {
		return present
	}
	var out []string
	for _, spec := range strings.Split(list, ",") {
		if spec = strings.TrimSpace(spec); spec != "" {
			out = append(out, spec)
		}
	}
	if len(out) == 0 {
		t.Fatalf("backendtest: %s=%q names no backend", EnvMany, list)
	}
	for _, spec := range out {
		if !contains(present, spec) {
			t.Errorf("backendtest: %s asks for %q, present are %v: run ./install.sh", EnvMany, spec, present)
		}
	}
	return out
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// ownFlags are test flags that a child must not inherit. They would select other tests, or make the
// child overwrite the parent's files.
var ownFlags = regexp.MustCompile(`^--?test\.(run|v|bench|count|cpuprofile|memprofile|blockprofile|mutexprofile|trace|coverprofile|gocoverdir|outputdir|testlogfile|paniconexit0|fuzz.*|list|json|skip|shuffle|parallel|failfast)(=|$)`)

// runChild runs the parent test of t in a new process on one backend.
func runChild(t *testing.T, exe, spec string) {
	name, _, _ := strings.Cut(t.Name(), "/")
	args := []string{"-test.run=^" + regexp.QuoteMeta(name) + "$", "-test.v", "-test.count=1"}
	for _, a := range os.Args[1:] {
		if !ownFlags.MatchString(a) {
			args = append(args, a)
		}
	}
	ctx := context.Background()
	if deadline, ok := t.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline)
		defer cancel()
	}
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Env = append(os.Environ(), EnvOne+"="+spec)
	raw, err := cmd.CombinedOutput()
	out := string(raw)
	if err != nil {
		t.Fatalf("%s on %s: %v\n%s", name, spec, err, out)
	}
	judge(t, name, out)
}

// judge turns the output of a child that exited with 0 into the result of the subtest.
func judge(t testing.TB, name, out string) {
	t.Helper()
	switch verdict(name, out) {
	case "PASS":
		if testing.Verbose() {
			t.Log("\n" + out)
		}
	case "SKIP":
		t.Skip("\n" + out)
	default:
		t.Fatalf("the child process did not run %s:\n%s", name, out)
	}
}

// verdict finds the line with which the testing package reports a top-level test: PASS, SKIP, FAIL
// or "".
func verdict(name, out string) string {
	m := regexp.MustCompile(`--- (PASS|SKIP|FAIL): ` + regexp.QuoteMeta(name) + ` \(`).FindStringSubmatch(out)
	if m == nil {
		return ""
	}
	return m[1]
}
