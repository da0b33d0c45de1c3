package gsmlab_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLongFilesSayWhatTheyAreFor: a Go file above 150 lines opens with a comment that is no
// declaration's.
func TestLongFilesSayWhatTheyAreFor(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if name := d.Name(); err == nil && d.IsDir() && path != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "runs") {
			return filepath.SkipDir
		}
		if err != nil || filepath.Ext(path) != ".go" {
			return err
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, source, parser.ParseComments)
		if err != nil {
			return err
		}
		if lines := bytes.Count(source, []byte("\n")); lines > 150 && !opens(file) {
			t.Errorf("%s: %d lines: begin it with a comment that says what it is for", path, lines)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// opens reports whether a file begins with a comment on itself: the package's, or one that stands
// alone before the first declaration.
func opens(file *ast.File) bool {
	if file.Doc != nil {
		return true
	}
	for _, c := range file.Comments {
		if strings.TrimSpace(c.Text()) == "" { // directives only
			continue
		}
		for _, d := range file.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
				continue
			}
			return c.End() < d.Pos() && c != doc(d)
		}
	}
	return false
}

func doc(d ast.Decl) *ast.CommentGroup {
	switch d := d.(type) {
	case *ast.GenDecl:
		return d.Doc
	case *ast.FuncDecl:
		return d.Doc
	}
	return nil
}
