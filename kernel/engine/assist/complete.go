// Completion: which names, members, fields and imports may be at the cursor.

package assist

import (
	"cmp"
	"context"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"gsmlab/kernel/engine/lang"
)

// candidate is an item and what orders it.
type candidate struct {
	Item
	distance int // of its declaration; smaller is nearer
}

// Distances of candidates that are not in a scope of the cell.
const (
	distanceField   = -1 // of the literal that is being written
	distanceCell    = 100
	distanceSession = 101
	distanceImport  = 102
	distanceBuiltin = 103
	distanceKeyword = 104
	distancePackage = 105 // not imported yet
)

// Complete says what may be at offset (in bytes) of code, which may be unfinished. Cancelling ctx
// ends the search for packages that code imports.
func (a Assistant) Complete(ctx context.Context, code string, offset int) Completion {
	offset = min(max(offset, 0), len(code))
	none := Completion{Start: offset, End: offset}
	if strings.Contains(code, placeholder) {
		return none
	}
	tok, at := tokenAround(code, offset)
	switch tok {
	case token.STRING:
		return a.completeImport(code, at, offset)
	case token.COMMENT, token.CHAR, token.INT, token.FLOAT, token.IMAG:
		return none
	}
	start, end := nameAt(code, offset)
	found := a.candidates(ctx, code, start, end, code[start:offset])
	return Completion{Start: start, End: offset, Items: matching(found, code[start:offset])}
}

// matching returns the items that begin with prefix, nearest first. Those that match in case come
// before those that do not.
func matching(all []candidate, prefix string) []Item {
	folded := strings.ToLower(prefix)
	rank := func(c candidate) int {
		if strings.HasPrefix(c.Text, prefix) {
			return 0
		}
		return 1
	}
	all = slices.DeleteFunc(all, func(c candidate) bool { return !strings.HasPrefix(strings.ToLower(c.Text), folded) })
	slices.SortStableFunc(all, func(a, b candidate) int {
		return cmp.Or(rank(a)-rank(b), a.distance-b.distance, cmp.Compare(a.Text, b.Text))
	})
	var items []Item
	seen := map[string]bool{}
	for _, c := range all {
		if !seen[c.Text] {
			seen[c.Text] = true
			items = append(items, c.Item)
		}
	}
	return items
}

// candidates lists what may be at code[start:end].
func (a Assistant) candidates(ctx context.Context, code string, start, end int, prefix string) []candidate {
	d := a.draft(ctx, code, start, end, placeholder)
	if d == nil {
		return nil
	}
	parent, above := d.Parent(1), d.Parent(2)
	if sel, ok := parent.(*ast.SelectorExpr); ok && sel.Sel == d.Name {
		return ofSelector(d, sel)
	}
	if d.Info.Defs[d.Name] != nil { // a new name
		return nil
	}
	var found []candidate
	lit, _ := parent.(*ast.CompositeLit)
	if kv, ok := parent.(*ast.KeyValueExpr); ok && kv.Key == ast.Expr(d.Name) {
		lit, _ = above.(*ast.CompositeLit)
	}
	if lit != nil && lit.Type != ast.Expr(d.Name) {
		fields, only := keys(d, lit)
		if only {
			return fields
		}
		found = fields
	}
	return append(found, a.inScope(d, prefix)...)
}

func ofSelector(d *lang.Draft, sel *ast.SelectorExpr) (found []candidate) {
	if id, ok := sel.X.(*ast.Ident); ok {
		if pkg, ok := d.Info.Uses[id].(*types.PkgName); ok {
			scope := pkg.Imported().Scope()
			for _, name := range scope.Names() {
				if obj := scope.Lookup(name); obj.Exported() {
					found = append(found, candidate{item(obj), 0})
				}
			}
			return found
		}
	}
	tv, ok := d.Info.Types[sel.X]
	if !ok || tv.Type == nil {
		return nil
	}
	for _, m := range members(tv.Type, !tv.IsType()) {
		c := candidate{item(m.obj), 2 * m.depth}
		if c.Kind == "method" { // after the fields
			c.distance++
		}
		found = append(found, c)
	}
	return found
}

// keys lists the fields that a struct literal lacks. only says that nothing else may be there.
func keys(d *lang.Draft, lit *ast.CompositeLit) (found []candidate, only bool) {
	t := d.Info.TypeOf(lit)
	if t == nil {
		return nil, false
	}
	if ptr, ok := t.Underlying().(*types.Pointer); ok {
		// &T{} in a slice of pointers may be written {}
		t = ptr.Elem()
	}
	st, ok := t.Underlying().(*types.Struct)
	if !ok {
		return nil, false
	}
	used := map[string]bool{}
	for _, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if id, ok := kv.Key.(*ast.Ident); ok && id != d.Name {
				used[id.Name], only = true, true
			}
		}
	}
	for i := range st.NumFields() {
		if f := st.Field(i); visible(f) && !used[f.Name()] {
			found = append(found, candidate{item(f), distanceField})
		}
	}
	return found, only
}

// inScope lists the names that can be used at the place in question.
func (a Assistant) inScope(d *lang.Draft, prefix string) (found []candidate) {
	inner := d.Around()
	depth := 0
	for scope := inner; scope != nil; scope = scope.Parent() {
		for _, name := range scope.Names() {
			_, obj := inner.LookupParent(name, d.Name.Pos())
			if obj == nil || obj != scope.Lookup(name) || lang.Internal(name) || name == "_" {
				continue
			}
			near := depth
			switch {
			case scope == types.Universe:
				if near = distanceBuiltin; prefix == "" {
					continue
				}
			case scope != d.Pkg.Scope():
			case obj.Pkg() == d.Pkg:
				near = distanceCell
			default:
				near = distanceSession
			}
			found = append(found, candidate{item(obj), near})
		}
		depth++
	}
	for _, imports := range []map[string]string{a.Scope.Imports(), d.Imports()} {
		for name, path := range imports {
			found = append(found, candidate{Item{Text: name, Kind: "package", Signature: path}, distanceImport})
		}
	}
	if prefix == "" {
		return found
	}
	for t := token.BREAK; t <= token.VAR; t++ {
		found = append(found, candidate{Item{Text: t.String(), Kind: "keyword"}, distanceKeyword})
	}
	for name, path := range a.Packages.Packages() {
		found = append(found, candidate{Item{Text: name, Kind: "package", Signature: path}, distancePackage})
	}
	return found
}

// completeImport completes the path of an import in the string that begins at start.
func (a Assistant) completeImport(code string, start, offset int) Completion {
	none := Completion{Start: offset, End: offset}
	inImport := false
	for _, c := range lang.Split(code) {
		inImport = inImport || c.Imports && c.Start <= start && start < c.End
	}
	if !inImport {
		return none
	}
	start++ // the quote
	if offset < start {
		return none
	}
	var found []candidate
	for _, path := range a.Packages.Paths() {
		found = append(found, candidate{Item{Text: path, Kind: "module"}, strings.Count(path, "/")})
	}
	return Completion{Start: start, End: offset, Items: matching(found, code[start:offset])}
}

// item describes an object.
func item(obj types.Object) Item {
	it := Item{Text: obj.Name(), Kind: lang.ObjectKind(obj)}
	switch o := obj.(type) {
	case *types.PkgName:
		it.Kind, it.Signature = "package", o.Imported().Path()
	case *types.Builtin, *types.Nil:
		it.Kind = "func"
		if obj.Name() == "nil" {
			it.Kind = "var"
		}
		it.Signature = builtins[obj.Name()]
	case *types.TypeName:
		it.Signature = shortType(o.Type())
	case *types.Const:
		it.Signature = lang.TypeText(o.Type()) + " = " + o.Val().String()
	case *types.Var:
		if o.IsField() {
			it.Kind = "field"
		}
		it.Signature = lang.TypeText(o.Type())
	case *types.Func:
		if o.Signature().Recv() != nil {
			it.Kind = "method"
		}
		it.Signature = lang.TypeText(o.Type())
	}
	return it
}

// builtins are the signatures of the predeclared functions.
var builtins = map[string]string{
	"append": "func(s []T, elems ...T) []T", "cap": "func(v T) int", "clear": "func(t T)", "close": "func(c chan<- T)", "complex": "func(r, i float64) complex128", "copy": "func(dst, src []T) int",
	"delete": "func(m map[K]V, key K)", "imag": "func(c complex128) float64", "len": "func(v T) int", "make": "func(T, size ...int) T", "max": "func(x T, y ...T) T", "min": "func(x T, y ...T) T",
	"new": "func(T) *T", "panic": "func(v any)", "print": "func(args ...T)", "println": "func(args ...T)", "real": "func(c complex128) float64", "recover": "func() any",
}

// shortType says what kind of type a declared one is.
func shortType(t types.Type) string {
	switch u := t.Underlying().(type) {
	case *types.Struct:
		return "struct"
	case *types.Interface:
		return "interface"
	default:
		return lang.TypeText(u)
	}
}
