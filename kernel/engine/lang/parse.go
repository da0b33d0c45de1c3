// Parsing: imports, declarations and statements of a cell, with every node at its line and column.

package lang

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"slices"
	"strconv"
	"strings"

	"gsmlab/kernel/engine/wire"
)

// source is one file of a package that is about to be built: a cell, or a declaration of an earlier
// cell that is emitted again.
type source struct {
	text    string
	decls   []ast.Decl // without imports
	stmts   []ast.Stmt // as they were written
	imports map[string]importSpec
	free    []*ast.Ident // of the declarations: not resolved in their own function
	early   []*ast.Ident // of the statements: not resolved by a statement before
	bases   []base
	// the last statement is an expression, and a semicolon says not to show it
	silent bool
	// that statement as an assignment, where Go has no such statement
	hushed ast.Stmt
	// the last statement where it is an expression to be shown
	show       ast.Expr
	unit       *unit                      // set for a declaration that is emitted again
	directives map[*ast.FuncDecl][]string // the //go: lines above functions
	apart      bool                       // declarations and statements have texts of their own
}

// base maps positions of one parse to offsets in the text.
type base struct {
	file   *token.File
	prefix int
}

func (b base) contains(pos token.Pos) bool {
	return int(pos) >= b.file.Base() && int(pos) <= b.file.Base()+b.file.Size()
}

type importSpec struct {
	name, path string
	written    bool // in this cell
	pos        token.Pos
}

// offset returns the place of pos in the text of the source.
func (s *source) offset(pos token.Pos) int {
	for _, b := range s.bases {
		if b.contains(pos) {
			return min(max(b.file.Offset(pos)-b.prefix, 0), len(s.text))
		}
	}
	return 0
}

// contains reports whether pos is in the source.
func (s *source) contains(pos token.Pos) bool {
	return slices.ContainsFunc(s.bases, func(b base) bool { return b.contains(pos) })
}

// parseCell parses the source of cell n.
func parseCell(fset *token.FileSet, n int, text string) (*source, error) {
	if err := reserved(n, text); err != nil {
		return nil, err
	}
	s := &source{text: text, imports: map[string]importSpec{}}
	chunks := Split(text)
	where := "//line " + wire.CellFile(n) + ":1:1\n"
	decls, err := s.parse(fset, "package main\n"+where, keep(text, chunks, func(c Chunk) bool { return c.Decl && !c.Imports }), "")
	if err != nil {
		return nil, err
	}
	s.decls, s.free = decls.Decls, decls.Unresolved
	imports, err := s.parse(fset, "package main\n"+where, keep(text, chunks, func(c Chunk) bool { return c.Imports }), "")
	if err != nil {
		return nil, err
	}
	for _, spec := range imports.Imports {
		if s.addImport(spec).path == "C" {
			return nil, &CellError{Kind: KindCompile, Place: Place{Cell: n, Line: fset.Position(spec.Pos()).Line}, Msg: "cgo is not supported in cells: put it into a package and import that"}
		}
	}
	body, err := s.parse(fset, "package main\nfunc _() {\n"+where, keep(text, chunks, func(c Chunk) bool { return !c.Decl }), "\n}")
	if err != nil {
		return nil, err
	}
	f, ok := body.Decls[0].(*ast.FuncDecl)
	if !ok || len(body.Decls) != 1 {
		return nil, &CellError{Kind: KindCompile, Place: Place{Cell: n, Line: 1, Col: 1}, Msg: "syntax error: unbalanced braces"}
	}
	s.stmts, s.early = f.Body.List, body.Unresolved
	for _, st := range s.stmts { // what the parser repaired must not reach the emitter
		if _, bad := st.(*ast.BadStmt); bad {
			return nil, &CellError{Kind: KindCompile, Place: Place{Cell: n, Line: 1, Col: 1}, Msg: "syntax error"}
		}
	}
	if k := len(s.stmts); k > 0 && len(chunks) > 0 {
		last, isExpr := s.stmts[k-1].(*ast.ExprStmt)
		if isExpr && s.offset(last.Pos()) >= chunks[len(chunks)-1].Start {
			if s.silent = silenced(text); !s.silent {
				s.show = last.X
			}
		}
	}
	return s, s.readDirectives(n)
}

// reserved refuses names that are the kernel's own.
func reserved(n int, text string) error {
	if n >= HiddenCells || !strings.Contains(text, tick) {
		return nil
	}
	tokens, _ := Lex(text)
	for _, t := range tokens {
		if t.Tok == token.IDENT && strings.Contains(t.Lit, tick) {
			line := 1 + strings.Count(text[:t.Offset], "\n")
			col := t.Offset - strings.LastIndex(text[:t.Offset], "\n")
			return &CellError{Kind: KindCompile, Place: Place{Cell: n, Line: line, Col: col}, Msg: "the name " + t.Lit + " has the letter U+A78B, by which the kernel marks names of its own: choose another"}
		}
	}
	return nil
}

// addImport adds an import that is written in the cell, and returns it.
func (s *source) addImport(spec *ast.ImportSpec) importSpec {
	path, _ := strconv.Unquote(spec.Path.Value)
	name := ""
	if spec.Name != nil {
		name = spec.Name.Name
	}
	added := importSpec{name, path, true, spec.Pos()}
	s.imports[spec.Path.Value+" "+name] = added
	return added
}

func (s *source) parse(fset *token.FileSet, prefix, text, suffix string) (*ast.File, error) {
	f, err := parser.ParseFile(fset, "", prefix+text+suffix, parser.AllErrors|parser.ParseComments)
	if err != nil {
		return nil, syntaxError(err, text)
	}
	s.bases = append(s.bases, base{fset.File(f.FileStart), len(prefix)})
	return f, nil
}

// silenced reports whether the text ends in a semicolon that was written, comments aside.
func silenced(text string) bool {
	tokens, _ := Lex(text)
	return len(tokens) > 0 && tokens[len(tokens)-1].Lit == ";"
}

// hush makes the last statement of a silent cell one that Go has: `x;` is evaluated and not shown.
func (s *source) hush() {
	x := s.stmts[len(s.stmts)-1].(*ast.ExprStmt).X
	s.hushed = &ast.AssignStmt{Lhs: []ast.Expr{&ast.Ident{Name: "_", NamePos: x.Pos()}}, TokPos: x.Pos(), Tok: token.ASSIGN, Rhs: []ast.Expr{x}}
	s.stmts[len(s.stmts)-1] = s.hushed
}

func syntaxError(err error, text string) error {
	var list scanner.ErrorList
	if !errors.As(err, &list) || len(list) == 0 {
		return err
	}
	list.Sort()
	// the others follow from it
	e := list[0]
	if lines := strings.Split(strings.TrimRight(text, "\n"), "\n"); Incomplete(text) && e.Pos.Line > len(lines) {
		// in what we put behind the cell
		e.Pos.Line, e.Pos.Column, e.Msg = len(lines), len(lines[len(lines)-1])+1, "the cell ends too early"
	}
	return Errors{{Kind: KindCompile, Place: placeOf(e.Pos), Msg: "syntax error: " + e.Msg}}
}

// defines returns the assignment if st declares variables at the top level of the cell.
func defines(st ast.Stmt) *ast.AssignStmt {
	if a, ok := st.(*ast.AssignStmt); ok && a.Tok == token.DEFINE {
		return a
	}
	return nil
}

// receiver returns the name of the type that a method belongs to, "" for a function.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil || len(f.Recv.List) == 0 {
		return ""
	}
	t := f.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.ParenExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

// declared lists what the source declares at package level, methods as "T.m"; vars tells which of
// them are variables.
func (s *source) declared() (names []string, vars map[string]bool) {
	vars = map[string]bool{}
	add := func(name string, isVar bool) {
		if name != "_" && name != "init" {
			names = append(names, name)
			vars[name] = isVar
		}
	}
	for _, d := range s.decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if r := receiver(d); r != "" {
				add(r+"."+d.Name.Name, false)
			} else {
				add(d.Name.Name, false)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					add(spec.Name.Name, false)
				case *ast.ValueSpec:
					for _, id := range spec.Names {
						add(id.Name, d.Tok == token.VAR)
					}
				}
			}
		}
	}
	for _, st := range s.stmts {
		if a := defines(st); a != nil {
			for _, l := range a.Lhs {
				if id, ok := l.(*ast.Ident); ok && !slices.Contains(names, id.Name) {
					add(id.Name, true)
				}
			}
		}
	}
	return names, vars
}

// Syntax returns the syntax errors of a cell, nil without any.
func Syntax(code string) error {
	_, err := parseCell(token.NewFileSet(), 0, code)
	return err
}
