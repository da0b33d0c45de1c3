// Go's own tests as cells: a check that a person runs, for it takes a quarter of an hour.

package engine

import (
	"context"
	"fmt"
	"go/build/constraint"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// goRootTests lists the files of Go's test folder that are programs to be run, on this system.
func goRootTests(t *testing.T, root string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if d != nil && d.IsDir() && strings.HasSuffix(path, ".dir") {
			return filepath.SkipDir // packages of other tests
		}
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err == nil && isRun(string(text)) {
			name, _ := filepath.Rel(root, path) // below it
			files = append(files, name)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests in %s (%v): a distribution of Go has them, or a checkout of its repository", root, err)
	}
	return files
}

// isRun tells a file whose first words are `// run` and whose constraints hold.
func isRun(text string) bool {
	run := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if constraint.IsGoBuild(line) {
			x, err := constraint.Parse(line)
			if err != nil || !x.Eval(func(tag string) bool {
				return tag == runtime.GOOS || tag == runtime.GOARCH || tag == "gc" || tag == "cgo" || tag == "unix" || strings.HasPrefix(tag, "go1.")
			}) {
				return false
			}
		}
		if words := strings.Fields(strings.TrimPrefix(line, "//")); strings.HasPrefix(line, "//") && len(words) > 0 && words[0] == "run" {
			run = true
		}
		if strings.HasPrefix(line, "package ") {
			return run && line == "package main"
		}
	}
	return false
}

// asOneCell is a program as a cell.
func asOneCell(program string) string {
	before, after, _ := strings.Cut("\n"+program, "\npackage main")
	return before[min(1, len(before)):] + "\n" + after + "\nmain()\n"
}

// differs runs a program as a cell and says how it differs from what it does under go run.
func differs(s *Engine, root, name string) string {
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		return err.Error()
	}
	want, err := os.ReadFile(strings.TrimSuffix(filepath.Join(root, name), ".go") + ".out")
	if err != nil && !os.IsNotExist(err) {
		return err.Error()
	}
	if err := s.Restart(context.Background()); err != nil {
		return err.Error()
	}
	if err := s.Chdir(root); err != nil { // as Go's runner does
		return err.Error()
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var seen transcript
	err = s.Execute(ctx, asOneCell(string(text)), &seen)
	switch got := seen.String(); {
	case err != nil:
		return err.Error()
	case got != string(want):
		return fmt.Sprintf("printed %q, not %q", got, want)
	}
	return ""
}

// TestGoRoot runs Go's own tests as cells where GSM_GOROOT_TESTS is the folder of them, such as
// /usr/local/go/test; GSM_GOROOT_ONLY is a pattern of names. testdata/goroot.txt has those
// that differ, and why.
func TestGoRoot(t *testing.T) {
	root, only := os.Getenv("GSM_GOROOT_TESTS"), regexp.MustCompile(os.Getenv("GSM_GOROOT_ONLY"))
	if root == "" {
		t.Skip("set GSM_GOROOT_TESTS to the test folder of a Go distribution")
	}
	text, err := os.ReadFile("testdata/goroot.txt")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, reason, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && strings.HasSuffix(name, ".go") {
			known[name] = reason
		}
	}
	s := ownSession(t)
	s.grace = 5 * time.Second
	passed, all := 0, 0
	for _, name := range goRootTests(t, root) {
		if !only.MatchString(name) {
			continue
		}
		all++
		why := differs(s, root, name)
		reason, expected := known[name]
		delete(known, name)
		switch {
		case why == "" && expected:
			t.Errorf("%s is the same now; goroot.txt says %s", name, reason)
		case why != "" && !expected:
			t.Errorf("%s: %.1500s", name, why)
		}
		if why == "" {
			passed++
		}
	}
	t.Logf("%d of %d are the same", passed, all)
	if only.String() == "" && len(known) > 0 {
		t.Errorf("goroot.txt has what is no test: %v", slices.Sorted(maps.Keys(known)))
	}
}
