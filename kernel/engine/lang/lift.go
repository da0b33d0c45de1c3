package lang

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
)

// shieldTypes puts parentheses around the name in `type t u` where u is of an earlier cell:
// go/types looks for cycles through such names, and would miss the declaration of u. It notes which
// are aliases.
func shieldTypes(src *source, scope *types.Scope, aliases map[string]bool) {
	for _, d := range src.decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.TYPE {
			continue
		}
		for _, spec := range g.Specs {
			spec := spec.(*ast.TypeSpec)
			if id, ok := spec.Type.(*ast.Ident); ok && scope.Lookup(id.Name) != nil {
				// places stay
				spec.Type = &ast.ParenExpr{Lparen: id.Pos(), X: id, Rparen: id.End() - 1}
				aliases[spec.Name.Name] = spec.Assign.IsValid()
			}
		}
	}
}

const checkerFailed = "the type checker fails on this cell"

// safeFiles makes an error of a panic of go/types, which was not made for packages that come cell
// by cell: it must not end the front end.
func safeFiles(checker *types.Checker, files []*ast.File) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s (%v): write it in another way, and please report it", checkerFailed, r)
		}
	}()
	checker.Files(files) // errors go to the configuration's Error
	return nil
}

// methodOfAlias reports a method whose receiver is an alias of an earlier cell's type, for which
// go/types would look for the declaration of that type too.
func (s *Scope) methodOfAlias(c *Checked, aliases map[string]bool) error {
	for _, src := range c.sources {
		for _, d := range src.decls {
			if f, ok := d.(*ast.FuncDecl); ok && aliases[receiver(f)] {
				p := s.fset.Position(f.Name.Pos())
				return Errors{{Kind: KindCompile, Place: placeOf(p), pos: f.Name.Pos(),
					Msg: fmt.Sprintf("%s is an alias of a type of an earlier cell: name that type in the receiver", receiver(f))}}
			}
		}
	}
	return nil
}

// liftStatements makes declarations of a cell's statements: `x := f()` at the top level becomes a
// variable of the package, the others the body of a function.
func liftStatements(src *source, show bool) []ast.Decl {
	var decls []ast.Decl
	body := &ast.BlockStmt{}
	seen := map[string]bool{}
	for i, st := range src.stmts {
		if a := defines(st); a != nil {
			spec := &ast.ValueSpec{Values: a.Rhs}
			for k, l := range a.Lhs {
				id, ok := l.(*ast.Ident)
				if !ok {
					body.List = append(body.List, st) // the checker says what is wrong
					spec = nil
					break
				}
				name := id
				if seen[id.Name] { // assigned, not declared: a, err := f(); b, err := g()
					name = &ast.Ident{Name: fmt.Sprintf("%s·%dx%d", id.Name, i, k), NamePos: id.Pos()}
					body.List = append(body.List, &ast.AssignStmt{Lhs: []ast.Expr{&ast.Ident{Name: id.Name, NamePos: id.Pos()}}, Tok: token.ASSIGN, TokPos: a.TokPos,
						Rhs: []ast.Expr{&ast.Ident{Name: name.Name, NamePos: id.Pos()}}})
				} else if id.Name != "_" {
					seen[id.Name] = true
				}
				spec.Names = append(spec.Names, name)
			}
			if spec != nil {
				decls = append(decls, &ast.GenDecl{Tok: token.VAR, TokPos: st.Pos(), Specs: []ast.Spec{spec}})
			}
			continue
		}
		if x, ok := st.(*ast.ExprStmt); ok && show && x.X == src.show {
			call := &ast.CallExpr{Fun: &ast.Ident{Name: tick + "show", NamePos: x.Pos()}, Lparen: x.Pos(), Args: []ast.Expr{x.X}, Rparen: x.End()}
			st = &ast.ExprStmt{X: call}
		}
		body.List = append(body.List, st)
	}
	if n := len(src.stmts); n > 0 {
		body.Lbrace, body.Rbrace = src.stmts[0].Pos(), src.stmts[n-1].End()
	}
	run := &ast.FuncDecl{Name: &ast.Ident{Name: tick + "run", NamePos: body.Lbrace}, Type: &ast.FuncType{Params: &ast.FieldList{}}, Body: body}
	return append(decls, run)
}

// unusedImport matches what the type checker says of imports, which later cells may need.
var unusedImport = regexp.MustCompile(`^".*" imported (as .* )?and not used`)
