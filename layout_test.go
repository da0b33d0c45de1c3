// Package gsmlab_test guards the layout that README.md draws.
package gsmlab_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayImport says, for each room, which other rooms its code (tests aside) may import.
var mayImport = map[string][]string{
	"gsm":                   {},
	"gsm/ticket":            {"gsm"},
	"gsm/trace":             {},
	"gsm/chart":             {"gsm/trace"},
	"models":                {},
	"models/data":           {},
	"models/recipe":         {"gsm", "gsm/ticket", "gsm/trace", "models", "models/data", "models/weights"},
	"internal/bench":        {"gsm", "models", "models/data", "internal/pjrt"},
	"cmd/gsm":               {"*"},
	"kernel":                {"*"},
	"kernel/engine":         {"kernel/engine/rt"},
	"kernel/shell":          {"kernel/engine", "internal/nbformat"},
	"kernel/engine/rt":      {"kernel/engine/rt/cell"},
	"kernel/engine/rt/cell": {},
	"kernel/engine/rt/keep": {"kernel/engine/rt"},
	"kernel/repl":           {"kernel/engine", "kernel/repl/edit", "kernel/repl/picture", "kernel/shell"},
	"kernel/notebook":       {"internal/nbformat", "kernel/engine", "kernel/shell"},
	"kernel/repl/edit":      {},
	"kernel/repl/picture":   {},
	"kernel/jupyter":        {"kernel/engine", "kernel/jupyter/zmtp", "kernel/shell"},
	"kernel/jupyter/zmtp":   {},
	"models/weights":        {"gsm"},
	"kernel/engine/worker":  {"kernel/engine/rt", "internal/malloc"},
	"backend":               {"internal/pjrt"},
	"kernel/display":        {"kernel/engine/rt/cell"},
	"notebooks/lesson":      {"backend", "gsm", "gsm/chart", "gsm/ticket", "gsm/trace", "kernel/display", "models", "models/data", "models/recipe"},
}

// sourceFiles parses every Go file of the module that is no test.
func sourceFiles(t *testing.T) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && path != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "runs") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		files[filepath.ToSlash(path)] = f
		return err
	})
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	return files
}

func TestImportsFollowTheLayout(t *testing.T) {
	for path, f := range sourceFiles(t) {
		room := filepath.ToSlash(filepath.Dir(path))
		allowed, known := mayImport[room]
		if !known && !strings.HasPrefix(room, "internal/") {
			t.Errorf("%s: the room %s is not in the layout: add it to mayImport and to README.md", path, room)
			continue
		}
		for _, spec := range f.Imports {
			target, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			target, ours := strings.CutPrefix(target, "gsmlab/")
			if target == "internal/atomicfile" || target == "internal/nearest" || target == "internal/utf8tail" { // tools without opinions
				continue
			}
			if !ours || slices.Contains(allowed, "*") || slices.Contains(allowed, target) {
				continue
			}
			if !known && (strings.HasPrefix(target, "internal/")) {
				continue // rooms under internal may use each other
			}
			t.Errorf("%s imports %s: against the direction in which data flows", path, target)
		}
	}
}

func TestTraceNeedsNoBackend(t *testing.T) {
	for path, f := range sourceFiles(t) {
		if !strings.HasPrefix(path, "gsm/trace/") && !strings.HasPrefix(path, "gsm/chart/") {
			continue
		}
		for _, spec := range f.Imports {
			if strings.Contains(spec.Path.Value, "gomlx") {
				t.Errorf("%s imports %s: traces and charts are read without a backend", path, spec.Path.Value)
			}
		}
	}
}

// TestLibrariesDoNotExitOrLog: only programs decide that a process ends, and what is printed.
func TestLibrariesDoNotExitOrLog(t *testing.T) {
	for path, f := range sourceFiles(t) {
		if f.Name.Name == "main" {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && (x.Name == "os" && sel.Sel.Name == "Exit" || x.Name == "log") {
				t.Errorf("%s uses %s.%s: return an error instead", path, x.Name, sel.Sel.Name)
			}
			return true
		})
	}
}

func TestModuleIsTidy(t *testing.T) {
	if os.Getenv("GSM_OFFLINE") != "" || testing.Short() {
		t.Skip("go mod tidy needs the module proxy")
	}
	out, err := exec.Command("go", "mod", "tidy", "-diff").CombinedOutput()
	if err != nil {
		t.Errorf("go mod tidy would change go.mod or go.sum (%v):\n%s", err, out)
	}
}
