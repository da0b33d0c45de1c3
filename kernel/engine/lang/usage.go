// Which variables a piece of a cell uses, also through the functions and methods that it may call.

package lang

import (
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"slices"
)

// usage finds which variables of a checked cell a piece of code uses, also through functions and
// methods that are built with the cell.
type usage struct {
	c       *Checked
	bodies  map[types.Object]*ast.FuncDecl
	methods map[string][]*types.Func // by name, those that may be called through an interface
	direct  map[*ast.FuncDecl][]reference
}

// use is a variable that code uses.
type use struct {
	v       types.Object
	at      token.Pos // in the code
	through string    // the function that is named there, "" where it is the variable
}

// reference is a variable or a function that code names, or a method that it may call.
type reference struct {
	obj types.Object
	at  token.Pos
}

func newUsage(c *Checked) *usage {
	u := &usage{c, map[types.Object]*ast.FuncDecl{}, map[string][]*types.Func{}, map[*ast.FuncDecl][]reference{}}
	for _, src := range c.sources {
		for _, d := range src.decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			obj, ok := c.info.Defs[f.Name].(*types.Func)
			if !ok {
				continue
			}
			u.bodies[obj] = f
			if f.Recv != nil {
				u.methods[obj.Name()] = append(u.methods[obj.Name()], obj)
			}
		}
	}
	return u
}

// of lists the variables that n uses, each once.
func (u *usage) of(n ast.Node) (uses []use) {
	known := map[types.Object]bool{}
	for _, r := range u.references(n) {
		if _, isVar := r.obj.(*types.Var); isVar {
			if !known[r.obj] {
				known[r.obj] = true
				uses = append(uses, use{r.obj, r.at, ""})
			}
			continue
		}
		through := r.obj.Name()
		if recv := r.obj.(*types.Func).Signature().Recv(); recv != nil {
			through = TypeText(deref(recv.Type())) + "." + through
		}
		visited := map[types.Object]bool{}
		var visit func(f types.Object)
		visit = func(f types.Object) {
			body := u.bodies[f]
			if body == nil || visited[f] {
				return
			}
			visited[f] = true
			if u.direct[body] == nil {
				u.direct[body] = append(u.references(body.Body), reference{})
			}
			for _, r := range u.direct[body] {
				if _, isVar := r.obj.(*types.Var); !isVar {
					visit(r.obj)
				} else if !known[r.obj] {
					known[r.obj] = true
					uses = append(uses, use{r.obj, 0, through})
				}
			}
		}
		n := len(uses)
		visit(r.obj)
		for i := n; i < len(uses); i++ {
			uses[i].at = r.at
		}
	}
	return uses
}

// references lists the variables and functions of this package that n names, and the methods that
// it may call through an interface.
func (u *usage) references(n ast.Node) (refs []reference) {
	ast.Inspect(n, func(m ast.Node) bool {
		switch m := m.(type) {
		case *ast.Ident:
			switch o := u.c.info.Uses[m].(type) {
			case *types.Var:
				if o.Pkg() == u.c.pkg && o.Parent() == u.c.pkg.Scope() {
					refs = append(refs, reference{o, m.Pos()})
				}
			case *types.Func:
				if o.Pkg() == u.c.pkg {
					refs = append(refs, reference{o.Origin(), m.Pos()})
				}
			}
		case *ast.SelectorExpr:
			if sel := u.c.info.Selections[m]; sel != nil && sel.Kind() != types.FieldVal && types.IsInterface(sel.Recv()) {
				refs = u.called(refs, m.Sel, sel.Recv())
			}
		case *ast.ExprStmt:
			if m.X == u.c.sources[0].show && !u.c.void {
				refs = u.handed(refs, nil, m.X)
			}
		case *ast.CallExpr:
			refs = u.arguments(refs, m)
		case *ast.AssignStmt:
			if len(m.Lhs) == len(m.Rhs) && m.Tok == token.ASSIGN {
				for i, x := range m.Rhs {
					refs = u.handed(refs, u.c.info.TypeOf(m.Lhs[i]), x)
				}
			}
		case *ast.ValueSpec:
			if m.Type != nil {
				for _, x := range m.Values {
					refs = u.handed(refs, u.c.info.TypeOf(m.Type), x)
				}
			}
		case *ast.CompositeLit:
			refs = u.elements(refs, m)
		}
		return true
	})
	return refs
}

// called adds the methods that a call through an interface may mean.
func (u *usage) called(refs []reference, name *ast.Ident, recv types.Type) []reference {
	face, ok := recv.Underlying().(*types.Interface)
	if !ok {
		return refs
	}
	for _, m := range u.methods[name.Name] {
		t := deref(m.Signature().Recv().Type())
		if named, ok := t.(*types.Named); ok && named.TypeParams().Len() > 0 || types.Implements(types.NewPointer(t), face) {
			refs = append(refs, reference{m, name.Pos()})
		}
	}
	return refs
}

// arguments adds the methods that a function may call on what it is given.
func (u *usage) arguments(refs []reference, call *ast.CallExpr) []reference {
	if tv := u.c.info.Types[call.Fun]; tv.IsType() {
		for _, x := range call.Args {
			refs = u.handed(refs, tv.Type, x)
		}
		return refs
	}
	t := u.c.info.TypeOf(call.Fun)
	if t == nil {
		return refs
	}
	sig, ok := t.Underlying().(*types.Signature)
	if !ok || sig.Params().Len() == 0 {
		return refs
	}
	last := sig.Params().Len() - 1
	for i, x := range call.Args {
		want := sig.Params().At(min(i, last)).Type()
		if slice, ok := want.Underlying().(*types.Slice); ok && sig.Variadic() && i >= last && !call.Ellipsis.IsValid() {
			want = slice.Elem()
		}
		refs = u.handed(refs, want, x)
	}
	return refs
}

// elements adds the methods of what a literal holds as interfaces.
func (u *usage) elements(refs []reference, lit *ast.CompositeLit) []reference {
	t := u.c.info.TypeOf(lit)
	if t == nil {
		return refs
	}
	var elem types.Type
	switch t := t.Underlying().(type) {
	case *types.Slice:
		elem = t.Elem()
	case *types.Array:
		elem = t.Elem()
	case *types.Map:
		elem = t.Elem()
	case *types.Struct:
	default:
		return refs
	}
	for i, e := range lit.Elts {
		want := elem
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if id, isName := kv.Key.(*ast.Ident); isName && elem == nil {
				if f := u.c.info.Uses[id]; f != nil {
					want = f.Type()
				}
			}
			e = kv.Value
		} else if st, ok := t.Underlying().(*types.Struct); ok && i < st.NumFields() {
			want = st.Field(i).Type()
		}
		if want != nil {
			refs = u.handed(refs, want, e)
		}
	}
	return refs
}

// handed adds the exported methods of the types in x's, where x becomes an interface (nil: it is
// shown): who gets it may call them.
func (u *usage) handed(refs []reference, want types.Type, x ast.Expr) []reference {
	t := u.c.info.TypeOf(x)
	if len(u.methods) == 0 || t == nil || want != nil && !types.IsInterface(want) {
		return refs
	}
	visited := map[types.Type]bool{}
	var visit func(t types.Type)
	visit = func(t types.Type) {
		if visited[t] {
			return
		}
		visited[t] = true
		switch t := types.Unalias(t).(type) {
		case *types.Named:
			if !isCellType(t) || types.IsInterface(t) {
				return
			}
			for _, name := range slices.Sorted(maps.Keys(u.methods)) {
				for _, m := range u.methods[name] {
					recv, ok := deref(m.Signature().Recv().Type()).(*types.Named)
					if ok && m.Exported() && recv.Obj() == t.Obj() {
						refs = append(refs, reference{m, x.Pos()})
					}
				}
			}
			visit(t.Underlying())
		case *types.Pointer:
			visit(t.Elem())
		case *types.Slice:
			visit(t.Elem())
		case *types.Array:
			visit(t.Elem())
		case *types.Map:
			visit(t.Key())
			visit(t.Elem())
		case *types.Struct:
			for i := range t.NumFields() {
				visit(t.Field(i).Type())
			}
		}
	}
	visit(t)
	return refs
}

// deref is the type that a receiver is a value of or a pointer to.
func deref(t types.Type) types.Type {
	t = types.Unalias(t)
	if p, ok := t.(*types.Pointer); ok {
		return types.Unalias(p.Elem())
	}
	return t
}
