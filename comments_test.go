package gsmlab_test

import (
	"go/ast"
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
	for path, file := range goFiles(t) {
		lines := strings.Split(string(file.source), "\n")
		for _, group := range file.Comments {
			if strings.Contains(strings.ToLower(group.Text()), "output:") {
				continue
			}
			for _, c := range group.List {
				line := file.fset.PositionFor(c.Pos(), false).Line
				if w := columns(lines[line-1]); w > widest && mayWrap(c) {
					t.Errorf("%s:%d: the comment ends in column %d: wrap it at %d", path, line, w, widest)
				}
			}
		}
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
