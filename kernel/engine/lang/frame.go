// Expressions that the debugger evaluates: in a stopped frame, or in the session.

package lang

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"

	"gsmlab/kernel/engine/wire"
)

// LookAt reads code as seen from a statement of a package that was built for debugging, or (with d
// nil) from the session: an expression that the worker can evaluate, or an assignment of one to a
// target.
func (s *Scope) LookAt(ctx context.Context, d *Debugged, statement int, code string) (value, target *wire.Expr, err error) {
	defer func() { // go/types was not made for scopes of several packages
		if r := recover(); r != nil {
			err = fmt.Errorf("%s cannot be checked: %v", code, r)
		}
	}()
	x, to, err := ParseLook(code)
	if err != nil {
		return nil, nil, err
	}
	l, pkg := s.seenFrom(ctx, d, statement, x, to)
	if value, err = l.checked(pkg, x); err != nil || to == nil {
		return value, nil, err
	}
	target, err = l.checked(pkg, to)
	return value, target, err
}

// TypeAt is LookAt for an expression, with the text of its type.
func (s *Scope) TypeAt(ctx context.Context, d *Debugged, statement int, code string) (value *wire.Expr, typ string, err error) {
	x, to, err := ParseLook(code)
	if err != nil {
		return nil, "", err
	}
	if to != nil {
		return nil, "", fmt.Errorf("%s is an assignment", code)
	}
	l, pkg := s.seenFrom(ctx, d, statement, x)
	if value, err = l.checked(pkg, x); err != nil {
		return nil, "", err
	}
	return value, TypeText(types.Default(l.typeOf(x))), nil
}

// seenFrom is a package with the names that a statement sees, and those that expressions import.
func (s *Scope) seenFrom(ctx context.Context, d *Debugged, statement int, all ...ast.Expr) (lookup, *types.Package) {
	l := lookup{s: s, c: &Checked{}, locals: map[types.Object]int{}}
	pkg := types.NewPackage(cellPath, "main")
	insert := func(obj types.Object) {
		if pkg.Scope().Lookup(obj.Name()) == nil {
			pkg.Scope().Insert(obj)
		}
	}
	if d != nil {
		l.more = d.refs
		if st := d.statements[statement]; st != nil {
			st.fill(insert, l.locals)
		}
		for _, name := range d.pkg.Scope().Names() {
			if obj := d.pkg.Scope().Lookup(name); l.refOf(obj) != nil {
				insert(obj)
			}
		}
	}
	for _, obj := range s.names.objects {
		insert(obj)
	}
	s.fillImports(ctx, pkg, insert, all...)
	return l, pkg
}

// ParseLook parses what LookAt reads: an expression, or an assignment of one to a target.
func ParseLook(code string) (x, target ast.Expr, err error) {
	if x, err := parser.ParseExpr(code); err == nil {
		return x, nil, nil
	}
	f, err := parser.ParseFile(token.NewFileSet(), "", "package p; func _() {\n"+code+"\n}", parser.SkipObjectResolution)
	if err == nil && len(f.Decls) == 1 {
		if body := f.Decls[0].(*ast.FuncDecl).Body; len(body.List) == 1 {
			if a, ok := body.List[0].(*ast.AssignStmt); ok && a.Tok == token.ASSIGN && len(a.Lhs) == 1 && len(a.Rhs) == 1 {
				return a.Rhs[0], a.Lhs[0], nil
			}
		}
	}
	return nil, nil, fmt.Errorf("%q is neither an expression nor an assignment: the debugger evaluates no other Go", code)
}

// fill inserts what functions declare and the statement sees.
func (s *Statement) fill(insert func(types.Object), locals map[types.Object]int) {
	for i, v := range s.vars {
		insert(v)
		locals[v] = i
	}
	for scope := s.scope; scope != nil && scope.Parent() != nil; scope = scope.Parent() {
		for _, name := range scope.Names() {
			switch _, obj := s.scope.LookupParent(name, s.pos); obj.(type) {
			case *types.Const, *types.TypeName:
				if obj.Parent() == scope {
					insert(obj)
				}
			}
		}
	}
}

// fillImports inserts the packages that expressions name.
func (s *Scope) fillImports(ctx context.Context, pkg *types.Package, insert func(types.Object), all ...ast.Expr) {
	for _, x := range all {
		if x == nil {
			continue
		}
		ast.Inspect(x, func(n ast.Node) bool {
			sel, _ := n.(*ast.SelectorExpr)
			if sel == nil {
				return true
			}
			id, ok := sel.X.(*ast.Ident)
			if !ok || pkg.Scope().Lookup(id.Name) != nil {
				return true
			}
			spec, known := s.names.imports[id.Name]
			if path, found := s.packages.Find(id.Name); !known && found {
				spec.path = path
			}
			if spec.path != "" {
				if imported, err := s.importer.Import(ctx, spec.path); err == nil {
					insert(types.NewPkgName(token.NoPos, pkg, id.Name, imported))
				}
			}
			return true
		})
	}
}

// checked type-checks an expression and translates it for the worker.
func (l lookup) checked(pkg *types.Package, x ast.Expr) (*wire.Expr, error) {
	l.c.info = &types.Info{
		Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{},
		Selections: map[*ast.SelectorExpr]*types.Selection{}, Scopes: map[ast.Node]*types.Scope{},
	}
	if err := types.CheckExpr(l.s.fset, pkg, token.NoPos, x, l.c.info); err != nil {
		var e types.Error
		if errors.As(err, &e) {
			return nil, errors.New(cleanMessage(e.Msg, l.s.declaredIn))
		}
		return nil, err
	}
	if found := l.expr(x, nil); found != nil {
		return found, nil
	}
	return nil, fmt.Errorf("%s has to be built, and the debugger only looks: at names, fields and elements, by arithmetic and comparisons, and by calls of methods and of functions of cells", types.ExprString(x))
}
