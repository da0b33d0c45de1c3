package shell

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func setTest(r *run, args string) error {
	r.test = &args
	return nil
}

// runTests passes the session to go test, as a separate package in the session's module.
func (r *run) runTests(args string) error {
	text, err := r.eng.Program("init")
	if err != nil {
		return fmt.Errorf("%%test: %w", err)
	}
	for _, note := range text.Notes {
		r.out.Note(note)
	}
	dir, err := os.MkdirTemp(r.eng.ModuleDir(), "celltest")
	if err != nil {
		return fmt.Errorf("%%test: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "cell_test.go"), []byte(text.Text), 0o644); err != nil {
		return fmt.Errorf("%%test: %w", err)
	}
	// GoNB: %test "" has no flags
	flags := slices.DeleteFunc(words(args), func(s string) bool { return s == "" })
	if len(flags) == 0 {
		flags = r.testFlags()
	}
	command := append([]string{"test", "-mod=mod", "-vet=off"}, append(flags, "./"+filepath.Base(dir))...)
	if err := r.runProgram(r.ctx, program{name: "go", args: command, dir: r.eng.ModuleDir()}, r.out); err != nil {
		return programError("%test", err)
	}
	return nil
}

// testFlags selects the tests and benchmarks of the cell.
func (r *run) testFlags() []string {
	var tests, benchmarks []string
	for _, name := range r.cell.funcs {
		switch {
		case strings.HasPrefix(name, "Test"):
			tests = append(tests, name)
		case strings.HasPrefix(name, "Benchmark"):
			benchmarks = append(benchmarks, name)
		}
	}
	if len(tests) == 0 && len(benchmarks) == 0 {
		return []string{"-v"}
	}
	flags := []string{"-v", "-run", "^(" + strings.Join(tests, "|") + ")$"}
	if len(benchmarks) > 0 {
		flags = append(flags, "-bench", "^("+strings.Join(benchmarks, "|")+")$")
	}
	return flags
}
