package gsmlab_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

const widest = 100 // columns of a comment; a tab counts 4

// TestCommentsWrap: line comments end by column 100, alone or behind code. Directives, code blocks
// in comments, table rows, the output of Examples and single words, such as addresses, may be
// wider.
func TestCommentsWrap(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if name := d.Name(); err == nil && d.IsDir() && path != "." &&
			(strings.HasPrefix(name, ".") || name == "testdata" || name == "runs") {
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
		lines := strings.Split(string(source), "\n")
		for _, group := range file.Comments {
			if strings.Contains(strings.ToLower(group.Text()), "output:") {
				continue
			}
			for _, c := range group.List {
				line := fset.PositionFor(c.Pos(), false).Line
				if w := columns(lines[line-1]); w > widest && mayWrap(c) {
					t.Errorf("%s:%d: the comment ends in column %d: wrap it at %d", path, line, w, widest)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func columns(line string) int {
	return utf8.RuneCountInString(line) + 3*strings.Count(line, "\t")
}

// asWritten are comments that stay as they are: directives, code, tables.
var asWritten = regexp.MustCompile(`^//([a-z]+:|line |export |\t|    | \||\S)`)

func mayWrap(c *ast.Comment) bool {
	return strings.HasPrefix(c.Text, "//") && !asWritten.MatchString(c.Text) && len(strings.Fields(c.Text)) > 2
}
