// Names that a cell declares anew and uses before: they mean what they meant until then.

package lang

import (
	"context"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
)

// bindEarly gives uses of a name before the cell declares it anew their earlier meaning, as in
// `x := x + 1`: the names are changed for the checker, and objects for them returned.
func (s *Scope) bindEarly(ctx context.Context, c *Checked, ids []*ast.Ident) (extra []types.Object, err error) {
	made := map[string]bool{}
	members := selectors(c.sources[0])
	for _, id := range ids {
		name := name(id)
		old := s.names.objects[name]
		if path := s.packageMeant(ctx, c.sources[0], name, members[id], old); path != "" {
			id.Name = name + "·old"
			c.vars[id] = ref{path: path}
			maps.DeleteFunc(c.sources[0].imports, func(_ string, spec importSpec) bool {
				return s.nameIn(spec) == name // the cell has a variable of that name
			})
			c.sources[0].imports[id.Name] = importSpec{name: id.Name, path: path}
			continue
		}
		meant := s.names.refs[old]
		for _, path := range s.dotted(c.sources[0]) {
			if pkg, err := s.importer.Import(ctx, path); old == nil && err == nil && token.IsExported(name) {
				if old = pkg.Scope().Lookup(name); old != nil {
					meant = ref{name: name, path: path}
				}
			}
		}
		if old == nil {
			p := s.fset.Position(id.Pos())
			if types.Universe.Lookup(name) != nil {
				continue
			}
			return nil, Errors{{Kind: KindCompile, Place: placeOf(p), Msg: "undefined: " + name + " (it is declared further down)"}}
		}
		id.Name = name + "·old"
		c.vars[id] = meant
		if made[name] {
			continue
		}
		made[name] = true
		pkg := old.Pkg()
		switch o := old.(type) {
		case *types.Var:
			extra = append(extra, types.NewVar(o.Pos(), pkg, id.Name, o.Type()))
		case *types.Func:
			extra = append(extra, types.NewFunc(o.Pos(), pkg, id.Name, o.Signature()))
		case *types.Const:
			extra = append(extra, types.NewConst(o.Pos(), pkg, id.Name, o.Type(), o.Val()))
		case *types.TypeName:
			extra = append(extra, types.NewTypeName(o.Pos(), pkg, id.Name, o.Type()))
		}
	}
	return extra, nil
}

// selectors finds the names in a cell that stand before a dot.
func selectors(src *source) map[*ast.Ident]*ast.SelectorExpr {
	all := map[*ast.Ident]*ast.SelectorExpr{}
	visit := func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := sel.X.(*ast.Ident); ok {
				all[id] = sel
			}
		}
		return true
	}
	for _, d := range src.decls {
		ast.Inspect(d, visit)
	}
	for _, st := range src.stmts {
		ast.Inspect(st, visit)
	}
	return all
}

// packageMeant returns the package that a name means in `log := log.New(os.Stderr, "", 0)`, or "".
// If the name is a variable already, as when that cell runs again, it means the package where the
// variable has no such member.
func (s *Scope) packageMeant(ctx context.Context, src *source, name string, sel *ast.SelectorExpr, old types.Object) string {
	path := s.packageOf(src, name, sel)
	if path == "" || old == nil {
		return path
	}
	pkg, err := s.importer.Import(ctx, path)
	if err != nil || pkg.Scope().Lookup(sel.Sel.Name) == nil {
		return ""
	}
	if v, isVar := old.(*types.Var); isVar {
		if member, _, _ := types.LookupFieldOrMethod(v.Type(), true, v.Pkg(), sel.Sel.Name); member == nil {
			return path
		}
	}
	return ""
}

// packageOf returns the package whose member sel would be, if name were none of the session, or "".
func (s *Scope) packageOf(src *source, name string, sel *ast.SelectorExpr) string {
	if sel == nil || !token.IsExported(sel.Sel.Name) {
		return ""
	}
	for _, spec := range src.imports {
		if s.nameIn(spec) == name {
			return spec.path
		}
	}
	if spec, imported := s.names.imports[name]; imported {
		return spec.path
	}
	path, _ := s.packages.Find(name)
	return path
}
