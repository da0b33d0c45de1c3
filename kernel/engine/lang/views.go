package lang

import (
	"fmt"
	"go/types"
	"strconv"
)

// A type that gets a method, or is declared again as it was, is a new type for Go. Variables of it,
// and of types made of it, are seen under the new type from then on: a view is a pointer of the new
// type to the old variable. Nothing is copied, so what points into the variable goes on to do so.

// viewOf returns a declaration of the variable v, to be checked with what its type means now.
func (s *Scope) viewOf(v *types.Var) (*unit, bool) {
	u := &unit{key: v.Name(), names: []string{v.Name()}, view: true, line: 1, cell: s.names.cells[v.Name()], imports: map[string]importSpec{}}
	w := typeWriter{ref: func(o types.Object) (string, bool) { return o.Name(), true }}
	w.pkg = func(p *types.Package) string {
		name := fmt.Sprintf("%sv%d", tick, len(u.imports))
		for _, spec := range u.imports {
			if spec.path == p.Path() {
				return spec.name
			}
		}
		u.imports[strconv.Quote(p.Path())] = importSpec{name: name, path: p.Path()}
		return name
	}
	w.typ(v.Type())
	u.text = "var " + v.Name() + " " + w.out.String()
	return u, w.err == nil
}

// mentions returns the name of a cell's type in t for which is holds, or "".
func mentions(t types.Type, is func(string) bool) (found string) {
	w := typeWriter{pkg: func(p *types.Package) string { return p.Name() }}
	w.ref = func(o types.Object) (string, bool) {
		if is(o.Name()) {
			found = o.Name()
		}
		return o.Name(), true
	}
	w.typ(t)
	return found
}

// addViews settles which variables of the checked package are views: those of the units, and those
// that the cell declares again. It returns the units that are none after all.
func (s *Scope) addViews(c *Checked, declared []string, units []*unit) (none []*unit) {
	c.views = map[types.Object]*types.Var{}
	add := func(name string) bool {
		old, _ := s.names.objects[name].(*types.Var)
		now, _ := c.pkg.Scope().Lookup(name).(*types.Var)
		if old == nil || now == nil || old == s.ctxVar || types.Identical(old.Type(), now.Type()) || !sameLayout(old.Type(), now.Type(), map[[2]types.Type]bool{}) {
			return false
		}
		c.views[now] = old
		return true
	}
	for _, name := range declared {
		add(name)
	}
	for _, u := range units {
		if u.view && !add(u.key) {
			none = append(none, u)
		}
	}
	return none
}

// sameLayout reports whether a value of one type can be taken for one of the other: they differ at
// most in which declaration of a cell's type of the same name they mean.
func sameLayout(a, b types.Type, assumed map[[2]types.Type]bool) bool {
	a, b = types.Unalias(a), types.Unalias(b)
	if types.Identical(a, b) || assumed[[2]types.Type{a, b}] {
		return true
	}
	assumed[[2]types.Type{a, b}] = true
	same := func(a, b types.Type) bool { return sameLayout(a, b, assumed) }
	switch a := a.(type) {
	case *types.Named:
		b, ok := b.(*types.Named)
		if !ok || a.Obj().Name() != b.Obj().Name() || a.TypeArgs().Len() != b.TypeArgs().Len() {
			return false
		}
		for i := range a.TypeArgs().Len() {
			if !same(a.TypeArgs().At(i), b.TypeArgs().At(i)) {
				return false
			}
		}
		if a.Obj() == b.Obj() {
			return true
		}
		return isCellType(a) && isCellType(b) && same(a.Underlying(), b.Underlying())
	case *types.Pointer:
		b, ok := b.(*types.Pointer)
		return ok && same(a.Elem(), b.Elem())
	case *types.Slice:
		b, ok := b.(*types.Slice)
		return ok && same(a.Elem(), b.Elem())
	case *types.Array:
		b, ok := b.(*types.Array)
		return ok && a.Len() == b.Len() && same(a.Elem(), b.Elem())
	case *types.Map:
		b, ok := b.(*types.Map)
		return ok && same(a.Key(), b.Key()) && same(a.Elem(), b.Elem())
	case *types.Chan:
		b, ok := b.(*types.Chan)
		return ok && a.Dir() == b.Dir() && same(a.Elem(), b.Elem())
	case *types.Struct:
		b, ok := b.(*types.Struct)
		if !ok || a.NumFields() != b.NumFields() {
			return false
		}
		for i := range a.NumFields() {
			f, g := a.Field(i), b.Field(i)
			if f.Name() != g.Name() || f.Embedded() != g.Embedded() || !same(f.Type(), g.Type()) {
				return false
			}
		}
		return true
	case *types.Signature:
		b, ok := b.(*types.Signature)
		return ok && a.Variadic() == b.Variadic() && sameTuple(a.Params(), b.Params(), same) && sameTuple(a.Results(), b.Results(), same)
	}
	return false // interfaces: a value in one knows the methods of the other, and compares by that
}

func sameTuple(a, b *types.Tuple, same func(a, b types.Type) bool) bool {
	if a.Len() != b.Len() {
		return false
	}
	for i := range a.Len() {
		if !same(a.At(i).Type(), b.At(i).Type()) {
			return false
		}
	}
	return true
}

func isCellType(t *types.Named) bool {
	p := t.Obj().Pkg()
	return p != nil && p.Path() == cellPath
}
