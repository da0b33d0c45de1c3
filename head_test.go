package gsmlab_test

import (
	"bytes"
	"go/ast"
	"go/token"
	"strings"
	"testing"
)

// TestLongFilesSayWhatTheyAreFor: a Go file above 150 lines opens with a comment that is no
// declaration's.
func TestLongFilesSayWhatTheyAreFor(t *testing.T) {
	for path, file := range goFiles(t) {
		if lines := bytes.Count(file.source, []byte("\n")); lines > 150 && !opens(file.File) {
			t.Errorf("%s: %d lines: begin it with a comment that says what it is for", path, lines)
		}
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
