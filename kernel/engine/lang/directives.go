package lang

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/build/constraint"
	"go/scanner"
	"go/token"
	"slices"
	"strings"
)

// honoured are the directives that the compiler gets: they stand above a function.
var honoured = []string{"noinline", "norace", "nocheckptr", "registerparams", "uintptrescapes"}

// remedies say what to do instead of a directive that a cell cannot have.
var remedies = map[string]string{
	"embed":    "read the file with os.ReadFile, or put the variable into a package and import that",
	"linkname": "put the function into a package and import that",
	"generate": "run its command with ! in a cell of its own",
	"debug":    "set the environment variable GODEBUG before the kernel starts",
	"nosplit":  "leave it out: an interrupt needs the check that it forbids",
}

// readDirectives notes the //go: lines of cell n that stand above functions, and reports those that
// a cell cannot have: none is dropped in silence. As in Go a directive begins its line.
func (s *source) readDirectives(n int) error {
	fset := token.NewFileSet()
	file := fset.AddFile("", -1, len(s.text))
	var scan scanner.Scanner
	// errors were reported
	scan.Init(file, []byte(s.text), func(token.Position, string) {}, scanner.ScanComments)
	funcs := map[int]*ast.FuncDecl{}
	for _, d := range s.decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			funcs[s.offset(d.Pos())] = f
		}
	}
	s.directives = map[*ast.FuncDecl][]string{}
	var above []string // the next token
	var first token.Position
	for {
		pos, tok, lit := scan.Scan()
		p := file.Position(pos)
		if text, ok := strings.CutPrefix(lit, "//go:"); ok && tok == token.COMMENT && p.Column == 1 {
			if err := acceptable(text); err != nil {
				return Errors{{Kind: KindCompile, Place: Place{n, p.Line, 1}, Msg: err.Error()}}
			}
			if word := firstWord(text); word != "build" {
				if above == nil {
					first = p
				}
				above = append(above, "//go:"+text)
			}
			continue
		}
		if tok == token.COMMENT || tok == token.SEMICOLON && lit == "\n" {
			continue
		}
		if len(above) > 0 {
			f := funcs[file.Offset(pos)]
			if f == nil || tok == token.EOF {
				return Errors{{Kind: KindCompile, Place: Place{n, first.Line, 1}, Msg: "misplaced " + above[0] + ": it belongs above a function"}}
			}
			s.directives[f], above = above, nil
		}
		if tok == token.EOF {
			return nil
		}
	}
}

func firstWord(text string) string {
	if words := strings.Fields(text); len(words) > 0 {
		return words[0]
	}
	return ""
}

// acceptable returns an error for a directive, without its //go:, that a cell cannot have.
func acceptable(text string) error {
	word := firstWord(text)
	switch {
	case slices.Contains(honoured, word):
		return nil
	case word == "build":
		x, err := constraint.Parse("//go:" + text)
		if err != nil {
			return fmt.Errorf("//go:build: %v", err)
		}
		if !x.Eval(tagHolds) {
			return fmt.Errorf("//go:%s excludes this cell: take the line away", text)
		}
		return nil
	}
	remedy := remedies[word]
	if remedy == "" {
		remedy = "take the line away, or put the code into a package and import that"
	}
	return fmt.Errorf("//go:%s is not for cells: %s", word, remedy)
}

// tagHolds tells whether a build tag is set for cells.
func tagHolds(tag string) bool {
	c := build.Default
	unix := slices.Contains([]string{"linux", "darwin", "freebsd", "netbsd", "openbsd"}, c.GOOS)
	return tag == c.GOOS || tag == c.GOARCH || tag == c.Compiler || tag == "cgo" || tag == "unix" && unix ||
		slices.Contains(c.ReleaseTags, tag) || slices.Contains(c.ToolTags, tag)
}

// recovers reports whether a function calls recover itself, not in a literal inside of it.
func recovers(f ast.Node) (found bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		if _, inner := n.(*ast.FuncLit); inner && n != f {
			return false
		}
		id, ok := n.(*ast.Ident)
		found = found || ok && id.Name == "recover"
		return !found
	})
	return found
}
