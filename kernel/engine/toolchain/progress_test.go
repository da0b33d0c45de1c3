package toolchain

import (
	"context"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestProgressIsCounted: lines of go build -v are packages; other lines are the text of an error.
func TestProgressIsCounted(t *testing.T) {
	var steps []string
	say := func(s Step) { steps = append(steps, s.String()) }
	run := func(script string) ([]byte, error) {
		steps = nil
		return counted(context.Background(), exec.Command("sh", "-c", script), exec.Command("sh", "-c", "echo a; echo b; echo c"), "compiling", say)
	}
	out, err := run("echo result; printf 'unsafe\\ninternal/a' >&2; sleep 2; printf 'bi\\nfmt\\n' >&2")
	want := []string{"compiling", "compiling (1)", "compiling (2 of at most 3)", "compiling (3 of at most 3)"}
	if err != nil || string(out) != "result\n" || !slices.Equal(steps, want) {
		t.Errorf("%q, %v, %q; want %q", out, err, steps, want)
	}
	_, err = run("printf 'fmt\\n# my/pkg\\na.go:1:2: undefined: x\\nlast' >&2; exit 2")
	if err == nil || !strings.HasSuffix(err.Error(), "exit status 2: # my/pkg\na.go:1:2: undefined: x\nlast") {
		t.Errorf("%v", err)
	}
	var lines []string
	line := Lines(func(s string) { lines = append(lines, s) })
	for done := range 500 {
		line(Step{"one", done, 500})
	}
	line(Step{Text: "two"})
	if want := []string{"one", "two"}; !slices.Equal(lines[1:], want) {
		t.Errorf("%q, want %q", lines, want)
	}
}
