package lang

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// A cell runs in steps, in the order of its text: the variables that are declared before its first
// statement, its init functions, and then its statements, with the variables that are declared
// between them. Variables that are declared side by side are set in Go's order of initialisation. A
// step that uses what a later step sets would see a zero, so it is an error.

// step is what a cell does between two points in time.
type step struct {
	specs []*ast.ValueSpec // variables that are declared side by side
	inits []*ast.FuncDecl
	stmt  ast.Stmt
	set   []setting // the variables of specs, in the order in which they are set
}

// setting is one assignment of a declaration of variables: of all its names, or of the one at index
// i.
type setting struct {
	spec *ast.ValueSpec
	i    int // -1: all
}

// stepsOf cuts a cell into steps.
func stepsOf(src *source) (steps []step) {
	var specs []*ast.ValueSpec
	var inits []*ast.FuncDecl
	for _, d := range src.decls {
		switch d := d.(type) {
		case *ast.GenDecl:
			if d.Tok == token.VAR {
				for _, spec := range d.Specs {
					specs = append(specs, spec.(*ast.ValueSpec))
				}
			}
		case *ast.FuncDecl:
			if d.Recv == nil && d.Name.Name == "init" {
				inits = append(inits, d)
			}
		}
	}
	before := func(end int) (run []*ast.ValueSpec) {
		n := 0
		for n < len(specs) && (end < 0 || src.apart || src.offset(specs[n].Pos()) < end) {
			n++
		}
		run, specs = specs[:n], specs[n:]
		return run
	}
	end := -1
	if len(src.stmts) > 0 {
		end = src.offset(src.stmts[0].Pos())
	}
	steps = []step{{specs: before(end)}, {inits: inits}}
	for _, st := range src.stmts {
		if run := before(src.offset(st.Pos())); len(run) > 0 {
			steps = append(steps, step{specs: run})
		}
		steps = append(steps, step{stmt: st})
	}
	return append(steps, step{specs: before(-1)})
}

// nodes are the parts of the cell that the step evaluates.
func (p step) nodes() (all []ast.Node) {
	for _, spec := range p.specs {
		all = append(all, spec)
	}
	for _, f := range p.inits {
		all = append(all, f)
	}
	if p.stmt != nil {
		all = append(all, p.stmt)
	}
	return all
}

// declares lists the names of the variables that the step sets for the first time.
func (p step) declares() (names []*ast.Ident) {
	for _, spec := range p.specs {
		names = append(names, spec.Names...)
	}
	if a := defines(p.stmt); a != nil {
		for _, l := range a.Lhs {
			if id, ok := l.(*ast.Ident); ok {
				names = append(names, id)
			}
		}
	}
	return names
}

// setAt gives the step that sets each variable first.
func setAt(steps []step) map[string]int {
	at := map[string]int{}
	for k, p := range steps {
		for _, id := range p.declares() {
			if _, again := at[id.Name]; !again && id.Name != "_" {
				at[id.Name] = k
			}
		}
	}
	return at
}

// early lists the names in a cell that mean what they meant before it: those of variables that the
// same step or a later one declares. Keys of composite literals are left to earlyKeys.
func (s *Scope) early(src *source) (ids []*ast.Ident) {
	steps := stepsOf(src)
	at := setAt(steps)
	members := selectors(src)
	unresolved := map[*ast.Ident]bool{}
	for _, id := range append(slices.Clone(src.early), src.free...) {
		unresolved[id] = true
	}
	for k, p := range steps {
		if p.inits != nil {
			continue // a function sees the names of its cell
		}
		for _, n := range p.nodes() {
			spec, _ := n.(*ast.ValueSpec)
			keys := map[*ast.Ident]bool{}
			ast.Inspect(n, func(m ast.Node) bool {
				noteKeys(m, keys)
				id, ok := m.(*ast.Ident)
				if !ok || keys[id] || !unresolved[id] && !declaredAtTop(src, id) {
					return true
				}
				set, ours := at[name(id)]
				own := spec != nil && set == k && (s.names.objects[name(id)] != nil || s.packageOf(src, name(id), members[id]) != "") &&
					slices.ContainsFunc(spec.Names, func(n *ast.Ident) bool { return n != id && n.Name == name(id) })
				if ours && !(spec != nil && slices.Contains(spec.Names, id)) && (set > k || set == k && spec == nil || own) {
					ids = append(ids, id)
				}
				return true
			})
		}
	}
	return ids
}

// name is the name of an identifier as it is written.
func name(id *ast.Ident) string {
	name, _, _ := strings.Cut(id.Name, "·")
	return name
}

// declaredAtTop reports whether the parser found that a `var` of the cell declares id.
func declaredAtTop(src *source, id *ast.Ident) bool {
	if id.Obj == nil {
		return false
	}
	spec, ok := id.Obj.Decl.(*ast.ValueSpec)
	return ok && slices.ContainsFunc(src.decls, func(d ast.Decl) bool {
		g, ok := d.(*ast.GenDecl)
		return ok && slices.Contains(g.Specs, ast.Spec(spec))
	})
}

// noteKeys notes the keys of a composite literal that may be names of fields: only the type says.
func noteKeys(n ast.Node, keys map[*ast.Ident]bool) {
	lit, ok := n.(*ast.CompositeLit)
	if !ok {
		return
	}
	for _, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if id, ok := kv.Key.(*ast.Ident); ok {
				keys[id] = true
			}
		}
	}
}

// earlyKeys is early for the keys of composite literals, of which the type checker has found which
// are fields.
func earlyKeys(c *Checked) (ids []*ast.Ident) {
	if c.info == nil { // the check did not come as far
		return nil
	}
	src := c.sources[0]
	steps := stepsOf(src)
	at := setAt(steps)
	for k, p := range steps {
		for _, n := range p.nodes() {
			if _, isFunc := n.(*ast.FuncDecl); isFunc {
				continue
			}
			keys := map[*ast.Ident]bool{}
			ast.Inspect(n, func(m ast.Node) bool { noteKeys(m, keys); return true })
			spec, _ := n.(*ast.ValueSpec)
			for id := range keys {
				v, ok := c.info.Uses[id].(*types.Var)
				set, ours := at[id.Name]
				if !ok || !ours || v.IsField() || v.Parent() != c.pkg.Scope() || v.Pkg() != c.pkg {
					continue
				}
				own := spec != nil && slices.ContainsFunc(spec.Names, func(n *ast.Ident) bool { return n.Name == id.Name })
				if set > k || set == k && (spec == nil || own) {
					ids = append(ids, id)
				}
			}
		}
	}
	slices.SortFunc(ids, func(a, b *ast.Ident) int { return int(a.Pos() - b.Pos()) })
	return ids
}

// plan settles the steps of a checked cell. It is an error if one uses a variable that has no value
// yet.
func (s *Scope) plan(c *Checked) error {
	src := c.sources[0]
	u := newUsage(c)
	c.steps = stepsOf(src)
	at := map[types.Object]int{}
	for k, p := range c.steps {
		for _, id := range p.declares() {
			obj := c.pkg.Scope().Lookup(id.Name)
			if _, again := at[obj]; obj == nil || again || c.views[obj] != nil {
				continue
			}
			if _, same := c.same[obj]; !same { // the same variable has its earlier value
				at[obj] = k
			}
		}
	}
	var list Errors
	told := map[types.Object]bool{}
	for k, p := range c.steps {
		for _, n := range p.nodes() {
			for _, use := range u.of(n) {
				if p.inits != nil && use.through == "" {
					use.through = "init"
				}
				set, ours := at[use.v]
				if !ours || told[use.v] || set < k || set == k && p.stmt == nil {
					continue
				}
				told[use.v] = true
				list = append(list, s.tooEarly(use, set == k))
			}
		}
	}
	if len(list) > 0 {
		return list[:min(len(list), maxErrors)]
	}
	return s.planRuns(c, u)
}

// tooEarly is the error of a use of a variable before it is set.
func (s *Scope) tooEarly(u use, itself bool) *CellError {
	p := s.fset.Position(u.at)
	v := u.v.Name()
	if u.through == "" {
		return &CellError{Kind: KindCompile, Place: placeOf(p), pos: u.at, Msg: "undefined: " + v + " (it is declared further down)"}
	}
	if itself {
		return &CellError{Kind: KindCompile, Place: placeOf(p), pos: u.at,
			Msg: fmt.Sprintf("%s uses %s, which has no value before this statement: give it one in a statement above", u.through, v)}
	}
	return &CellError{Kind: KindCompile, Place: placeOf(p), pos: u.at,
		Msg: fmt.Sprintf("%s uses %s, which is set further down, in line %d: move that above this line", u.through, v, s.fset.Position(u.v.Pos()).Line)}
}

// planRuns orders the variables that are declared side by side.
func (s *Scope) planRuns(c *Checked, u *usage) error {
	for k := range c.steps {
		set, cycle := inOrder(c, u, c.steps[k].specs)
		if len(cycle) > 0 {
			first := cycle[len(cycle)-1].v
			p := s.fset.Position(first.Pos())
			text := first.Name()
			for _, use := range cycle {
				text += " needs the value of " + use.v.Name()
				if use.through != "" {
					text += " through " + use.through
				}
				text += ","
			}
			return Errors{{Kind: KindCompile, Place: placeOf(p), pos: first.Pos(), Msg: "initialization cycle: " + strings.TrimSuffix(text, ",")}}
		}
		c.steps[k].set = set
	}
	return nil
}

// order gives the offsets in the cell of the values of its variables, in the order in which they
// are set; nil where that is the order of the text.
func (c *Checked) order() (offsets []int) {
	for _, p := range c.steps {
		for _, set := range p.set {
			if len(set.spec.Values) > 0 {
				offsets = append(offsets, c.sources[0].offset(set.spec.Values[max(set.i, 0)].Pos()))
			}
		}
	}
	if slices.IsSorted(offsets) {
		return nil
	}
	return offsets
}

// pending is a variable's assignment that has not been given its place in the order.
type pending struct {
	setting
	sets  []types.Object
	needs []use
}

// inOrder orders assignments as the Go specification does: the next is the earliest in the text
// that needs no variable without a value. Where none is left, cycle lists variables that need each
// other.
func inOrder(c *Checked, u *usage, specs []*ast.ValueSpec) (order []setting, cycle []use) {
	var rest []*pending
	waits := map[types.Object]*pending{} // variables without a value
	add := func(spec *ast.ValueSpec, i int, names []*ast.Ident) {
		p := &pending{setting: setting{spec, i}}
		for _, id := range names {
			if obj := c.info.Defs[id]; obj != nil {
				p.sets, waits[obj] = append(p.sets, obj), p
			}
		}
		rest = append(rest, p)
	}
	for _, spec := range specs {
		switch len(spec.Values) {
		case 1:
			add(spec, -1, spec.Names)
		default: // those without a value have their turn, too
			for i := range spec.Names {
				add(spec, i, spec.Names[i:i+1])
			}
		}
	}
	for _, p := range rest {
		if len(p.spec.Values) == 0 {
			continue
		}
		for _, use := range u.of(p.spec.Values[max(p.i, 0)]) {
			if _, same := c.same[use.v]; !same || !slices.Contains(p.sets, use.v) {
				// it has its earlier value
				p.needs = append(p.needs, use)
			}
		}
	}
	needed := func(p *pending) *use {
		for i := range p.needs {
			if waits[p.needs[i].v] != nil {
				return &p.needs[i]
			}
		}
		return nil
	}
	for len(rest) > 0 {
		next := slices.IndexFunc(rest, func(p *pending) bool { return needed(p) == nil })
		if next < 0 {
			return nil, cycleFrom(rest[0], waits, needed)
		}
		for _, v := range rest[next].sets {
			delete(waits, v)
		}
		order = append(order, rest[next].setting)
		rest = slices.Delete(rest, next, next+1)
	}
	return order, nil
}

// cycleFrom follows what p needs until that repeats itself.
func cycleFrom(p *pending, waits map[types.Object]*pending, needed func(*pending) *use) (path []use) {
	for {
		next := needed(p)
		if at := slices.IndexFunc(path, func(u use) bool { return u.v == next.v }); at >= 0 {
			return append(path[at+1:], *next)
		}
		path, p = append(path, *next), waits[next.v]
	}
}
