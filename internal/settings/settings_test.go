package settings

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const root = "../.."

// TestReadme: README.md has exactly this table.
func TestReadme(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(raw), "\n## Settings\n")
	_, text, found := strings.Cut(text, "\n|---|---|\n")
	text, _, _ = strings.Cut(text, "\n\n")
	var want strings.Builder
	for _, s := range All() {
		name := s.Name
		if s.Usual != "" {
			name += "=" + s.Usual
		}
		fmt.Fprintf(&want, "| `%s` | %s |\n", name, s.About)
	}
	if !found || text != strings.TrimSuffix(want.String(), "\n") {
		t.Errorf("README.md's table of settings is\n%s\n\nwant\n%s", text, want.String())
	}
}

// TestNamesAreInTheTable: no Go file names one of our variables by a literal, so none can be
// missing from the table.
func TestNamesAreInTheTable(t *testing.T) {
	ours := map[string]bool{}
	for _, s := range All() {
		ours[s.Name] = true
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && (name == "testdata" || name == "settings" || name == "runs" || len(name) > 2 && name[0] == '.') {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if fun, ok := call.Fun.(*ast.SelectorExpr); !ok || fun.Sel.Name != "Getenv" && fun.Sel.Name != "LookupEnv" {
				return true
			}
			for _, arg := range call.Args {
				lit, ok := arg.(*ast.BasicLit)
				if !ok {
					continue
				}
				value, _ := strconv.Unquote(lit.Value)
				// Lessons have variables that their tests set.
				if ours[value] || strings.HasPrefix(value, "GSM_") && !strings.HasPrefix(value, "GSM_LESSON") {
					t.Errorf("%s reads %s by a literal: use package settings", path, value)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
