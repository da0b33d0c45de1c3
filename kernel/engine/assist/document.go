// Documentation: the comments of source files, at the places that export data names.

package assist

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/parser"
	goscanner "go/scanner"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gsmlab/kernel/engine/lang"
)

// documentation returns the comment of an object and, for a type, its declaration.
func (a Assistant) documentation(d *lang.Draft, obj types.Object) (doc, text string) {
	switch pkg := obj.Pkg(); {
	case pkg == nil:
		return a.builtinDoc(obj)
	case pkg == d.Pkg: // of the cell in question
		if source, line, ok := d.Source(obj.Pos()); ok {
			return commentAt(source, line), ""
		}
	case lang.IsCell(pkg):
		at := a.Scope.Position(obj.Pos())
		return commentAt(a.Scope.Text(lang.CellNumber(at.Filename)), at.Line), a.Scope.Declaration(obj.Name())
	default:
		return a.sourceDoc(a.Scope.Position(obj.Pos()), obj)
	}
	return "", ""
}

// sourceDoc reads the documentation of what a package declares in its source.
func (a Assistant) sourceDoc(at token.Position, obj types.Object) (doc, text string) {
	path := a.SourceFile(at.Filename)
	source, err := os.ReadFile(path)
	if err != nil {
		return "", ""
	}
	doc = commentAt(string(source), at.Line)
	_, isType := obj.(*types.TypeName)
	if _, isConst := obj.(*types.Const); !isType && (doc != "" || !isConst) {
		return doc, ""
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return doc, ""
	}
	gen, spec := declarationAt(fset, file, at.Line)
	if gen == nil {
		return doc, ""
	}
	if doc == "" {
		doc = gen.Doc.Text()
	}
	if spec, ok := spec.(*ast.TypeSpec); ok && isType {
		text = typeSource(fset, spec)
	}
	return doc, text
}

// declarationAt finds the declaration of a type, constant or variable that begins on a line.
func declarationAt(fset *token.FileSet, file *ast.File, line int) (*ast.GenDecl, ast.Spec) {
	for _, d := range file.Decls {
		gen, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range gen.Specs {
			if fset.Position(spec.Pos()).Line == line {
				return gen, spec
			}
		}
	}
	return nil, nil
}

// typeSource prints the declaration of a type without its unexported parts.
func typeSource(fset *token.FileSet, spec *ast.TypeSpec) string {
	switch t := spec.Type.(type) {
	case *ast.StructType:
		t.Fields.List = slices.DeleteFunc(t.Fields.List, hidden)
	case *ast.InterfaceType:
		t.Methods.List = slices.DeleteFunc(t.Methods.List, hidden)
	}
	spec.Doc = nil
	var out bytes.Buffer
	if err := format.Node(&out, fset, &ast.GenDecl{Tok: token.TYPE, Specs: []ast.Spec{spec}}); err != nil {
		return ""
	}
	return unwrapped(out.String())
}

// unwrapped joins the lines of each paragraph of a comment, because what shows them has a width of
// its own. Lists and code keep their lines.
func unwrapped(source string) string {
	var out []string
	for line := range strings.Lines(source) {
		text := strings.TrimLeft(line, "\t ")
		indent := line[:len(line)-len(text)]
		text = strings.TrimRight(text, "\n")
		if k := len(out) - 1; k >= 0 && plainComment(text) {
			if before, ok := strings.CutPrefix(out[k], indent); ok && plainComment(before) {
				out[k] += strings.TrimPrefix(text, "//")
				continue
			}
		}
		out = append(out, indent+text)
	}
	return strings.Join(out, "\n")
}

// plainComment reports whether a line is a comment's text, and no code, item of a list or heading.
func plainComment(line string) bool {
	text, ok := strings.CutPrefix(line, "// ")
	return ok && text != "" && !strings.ContainsAny(text[:1], " \t-*+#") && !(text[0] >= '0' && text[0] <= '9')
}

// hidden reports whether a field has only unexported names. It removes such names.
func hidden(f *ast.Field) bool {
	if len(f.Names) == 0 {
		return false // embedded
	}
	f.Names = slices.DeleteFunc(f.Names, func(id *ast.Ident) bool { return !id.IsExported() })
	return len(f.Names) == 0
}

// builtinDoc reads the documentation of a predeclared name.
func (a Assistant) builtinDoc(obj types.Object) (doc, text string) {
	path := a.SourceFile("$GOROOT/src/builtin/builtin.go")
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return "", ""
	}
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.Name == obj.Name() {
				return d.Doc.Text(), ""
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					if spec.Name.Name == obj.Name() {
						return d.Doc.Text(), ""
					}
				case *ast.ValueSpec:
					if slices.ContainsFunc(spec.Names, func(id *ast.Ident) bool { return id.Name == obj.Name() }) {
						return d.Doc.Text(), ""
					}
				}
			}
		}
	}
	return "", ""
}

// packageDoc returns the comment of a package, from the first of its files that has one, and that
// file.
func (a Assistant) packageDoc(pkg *types.Package) (doc, source string) {
	for _, name := range pkg.Scope().Names() {
		at := a.Scope.Position(pkg.Scope().Lookup(name).Pos())
		if at.Filename == "" {
			continue
		}
		files, err := filepath.Glob(filepath.Join(filepath.Dir(a.SourceFile(at.Filename)), "*.go"))
		if err != nil {
			return "", ""
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.PackageClauseOnly|parser.ParseComments)
			if err == nil && file.Name.Name == pkg.Name() && file.Doc.Text() != "" {
				return file.Doc.Text(), path
			}
		}
		return "", ""
	}
	return "", ""
}

// commentAt returns the comment right above a line of Go, or after the code on the line.
func commentAt(text string, line int) string {
	file := token.NewFileSet().AddFile("", -1, len(text))
	var s goscanner.Scanner
	s.Init(file, []byte(text), func(token.Position, string) {}, goscanner.ScanComments)
	type comment struct {
		first, last int
		alone       bool // in its line
		ast.Comment
	}
	var all []comment
	latest := 0 // line of the latest token
	for {
		pos, tok, lit := s.Scan()
		at := file.Line(pos)
		if tok == token.EOF || at > line {
			break
		}
		if tok == token.COMMENT {
			all = append(all, comment{at, at + strings.Count(lit, "\n"), latest != at, ast.Comment{Slash: pos, Text: lit}})
		} else if tok != token.SEMICOLON || lit == ";" {
			latest = at
		}
	}
	var above, behind ast.CommentGroup
	next := line - 1
	for _, c := range slices.Backward(all) {
		switch {
		case c.first == line && !c.alone:
			behind.List = append(behind.List, &c.Comment)
		case c.last == next && c.alone:
			above.List = append([]*ast.Comment{&c.Comment}, above.List...)
			next = c.first - 1
		}
	}
	if len(above.List) > 0 {
		return above.Text()
	}
	return behind.Text()
}
