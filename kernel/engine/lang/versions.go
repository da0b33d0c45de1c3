// Versions of a name in the session as a program: a cell may declare a name again as something
// else, which a file of Go cannot.

package lang

import (
	"context"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"slices"
)

// versions says what a program calls what cells declared. What a name meant for some cells gets a
// name of its own where that is not what it means at the end.
type versions struct {
	edits map[int][]edit // in the text of a cell, by the number that it shows
	// declarations that follow what a cell declares again: where the earlier one stays, too
	follow  map[int][]following
	vars    map[string]*types.Var // by what the program calls them
	imports map[string]string     // name -> path, of packages whose names are variables, too
	called  func(types.Object) string
	notes   []string
}

// following is a declaration as it is after a later cell.
type following struct{ key, text string }

// version is what a name means from a cell on.
type version struct {
	name, called string
	obj          types.Object
	cell         int // which declared it first
}

// replay collects versions while the cells of a session are read once more.
type replay struct {
	scope   *Scope
	cells   []*Checked
	shown   []int
	order   []*version
	current map[string]*version
	of      map[ref]*version // by the package and name of the declaration
	split   []map[string]bool
	imports map[string]string
}

// versions reads the cells of a session again, as far as that needs no values. It is an error where
// one cannot be read without the others, such as one that failed.
func (s *Scope) versions(ctx context.Context, sources []Source, taken map[string]string) (*versions, error) {
	fresh, err := NewScope(ctx, s.fset, s.importer, s.packages)
	if err != nil {
		return nil, err
	}
	r := &replay{scope: fresh, current: map[string]*version{}, of: map[ref]*version{}, imports: map[string]string{}}
	for i, source := range sources {
		c, err := fresh.Check(ctx, Cell{Number: i + 1, Shown: source.Cell, Text: source.Text})
		if err != nil {
			return nil, err
		}
		built, err := fresh.Emit(c)
		if err != nil {
			return nil, err
		}
		r.add(c, built)
		fresh.Adopt(c, built)
	}
	r.name(taken)
	return r.versions(), nil
}

func place(r ref) ref { return ref{pkg: r.pkg, name: r.name} }

// add notes what a cell declares, before the scope adopts it.
func (r *replay) add(c *Checked, built *Emitted) {
	for id, was := range c.vars {
		if was.path != "" && was.name == "" {
			r.imports[name(id)] = was.path
		}
	}
	split := map[string]bool{}
	units := map[string]*unit{} // that follow
	for _, src := range c.sources[1:] {
		for _, name := range src.unit.names {
			units[name] = src.unit
		}
	}
	var fresh []types.Object
	for _, obj := range slices.SortedFunc(maps.Keys(built.refs), func(a, b types.Object) int { return int(a.Pos() - b.Pos()) }) {
		at, old := built.refs[obj], r.current[obj.Name()]
		if was, same := c.same[obj]; same {
			r.of[place(at)] = r.of[place(was)]
			continue
		}
		if was := c.views[obj]; was != nil {
			r.of[place(at)] = r.of[place(r.scope.names.refs[was])]
			continue
		}
		if units[obj.Name()] == nil && old != nil && !compatible(old.obj, obj) {
			split[obj.Name()] = true
		}
		fresh = append(fresh, obj)
	}
	for grown := true; grown; {
		grown = false
		for name, u := range units {
			uses := split[name] || split[u.recv]
			for used := range u.uses {
				uses = uses || split[used]
			}
			if uses && !split[name] {
				split[name], grown = true, true
			}
		}
	}
	for _, obj := range fresh {
		v := r.current[obj.Name()]
		if v == nil || split[obj.Name()] {
			v = &version{name: obj.Name(), cell: c.shown}
			r.order = append(r.order, v)
			r.current[obj.Name()] = v
		}
		v.obj = obj
		r.of[place(built.refs[obj])] = v
	}
	r.cells, r.shown, r.split = append(r.cells, c), append(r.shown, c.shown), append(r.split, split)
}

// compatible says whether a program can have the later of two declarations in place of both.
func compatible(a, b types.Object) bool {
	if ObjectKind(a) != ObjectKind(b) {
		return false
	}
	return sameLayout(a.Type(), b.Type(), map[[2]types.Type]bool{})
}

// name chooses what the program calls each version. The latest keeps the name, unless an import has
// it, or main.
func (r *replay) name(taken map[string]string) {
	used := map[string]bool{}
	for _, v := range r.order {
		used[v.name] = true
	}
	for _, v := range r.order {
		_, isFunc := v.obj.(*types.Func)
		v.called = v.name
		if r.current[v.name] != v || taken[v.name] != "" || r.imports[v.name] != "" || v.name == "main" && !isFunc {
			v.called = fmt.Sprintf("%sOfCell%d", v.name, v.cell)
			for used[v.called] {
				v.called += "_"
			}
		}
		used[v.called] = true
	}
}

// call is what the program calls an object, "" where that is its name.
func (r *replay) call(obj types.Object) string {
	at, ok := r.scope.names.refs[obj]
	if !ok {
		return ""
	}
	if v := r.of[place(at)]; v != nil {
		return v.called
	}
	return ""
}

// callIn is call for what a cell names, which may be its declaration of a variable that was there.
func (r *replay) callIn(c *Checked, obj types.Object) string {
	if was, same := c.same[obj]; same {
		if v := r.of[place(was)]; v != nil {
			return v.called
		}
	}
	return r.call(obj)
}

func (r *replay) versions() *versions {
	out := &versions{edits: map[int][]edit{}, follow: map[int][]following{}, vars: map[string]*types.Var{}, imports: r.imports, called: r.call}
	for i, c := range r.cells {
		n := r.shown[i]
		cell := c.sources[0]
		for _, d := range cell.decls {
			out.edits[n] = append(out.edits[n], r.edits(c, cell, d)...)
		}
		for _, st := range cell.stmts {
			out.edits[n] = append(out.edits[n], r.edits(c, cell, st)...)
		}
		for _, src := range c.sources[1:] {
			d := src.decls[0]
			key := src.unit.key
			if src.unit.view || !r.split[i][src.unit.names[0]] {
				continue
			}
			text := cut(src, d.Pos(), d.End(), r.edits(c, src, d))
			if f, ok := d.(*ast.FuncDecl); ok {
				key = cut(src, f.Name.Pos(), f.Name.End(), r.edits(c, src, d))
				if recv := receiver(f); recv != "" {
					key = r.receiver(c, f) + "." + f.Name.Name
				}
			} else if v := r.of[place(r.scope.names.refs[c.pkg.Scope().Lookup(key)])]; v != nil {
				key = v.called
			}
			out.follow[n] = append(out.follow[n], following{key, text})
		}
	}
	for _, v := range r.order {
		if obj, ok := v.obj.(*types.Var); ok {
			out.vars[v.called] = obj
		}
		if v.called != v.name {
			out.notes = append(out.notes, fmt.Sprintf("the program calls %s of cell %d %s, because Go has one meaning for a name", v.name, v.cell, v.called))
		}
	}
	return out
}

// receiver is what the program calls the type of a method.
func (r *replay) receiver(c *Checked, f *ast.FuncDecl) string {
	if obj := c.pkg.Scope().Lookup(receiver(f)); obj != nil {
		if called := r.call(obj); called != "" {
			return called
		}
	}
	return receiver(f)
}

// edits renames in n what the program calls otherwise.
func (r *replay) edits(c *Checked, src *source, n ast.Node) (list []edit) {
	ast.Inspect(n, func(m ast.Node) bool {
		id, ok := m.(*ast.Ident)
		if !ok {
			return true
		}
		called := ""
		if was, early := c.vars[id]; early {
			if v := r.of[place(was)]; v != nil && was.path == "" {
				called = v.called
			}
		} else if obj := c.info.ObjectOf(id); obj != nil {
			called = r.callIn(c, obj)
		} else if obj := c.pkg.Scope().Lookup(name(id)); obj != nil && declares(n, id) {
			called = r.callIn(c, obj) // the second `err` of a cell, for example
		}
		if was := name(id); called != "" && called != was {
			at := src.offset(id.Pos())
			list = append(list, edit{at, at + len(was), called})
		}
		return true
	})
	return list
}

// declares says whether a statement at the top level of a cell declares id.
func declares(n ast.Node, id *ast.Ident) bool {
	st, ok := n.(ast.Stmt)
	a := (*ast.AssignStmt)(nil)
	if ok {
		a = defines(st)
	}
	return a != nil && slices.Contains(a.Lhs, ast.Expr(id))
}

// cut is a part of a text with those of the edits that are in it.
func cut(src *source, from, to token.Pos, edits []edit) string {
	at, end := src.offset(from), src.offset(to)
	text := ""
	for _, e := range slices.SortedFunc(slices.Values(edits), func(a, b edit) int { return a.start - b.start }) {
		if e.start >= at && e.end <= end {
			text += src.text[at:e.start] + e.text
			at = e.end
		}
	}
	return text + src.text[at:end]
}
