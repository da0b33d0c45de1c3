// What was meant by a name that is not there, and messages of the type checker in the words of
// cells.

package lang

import (
	"context"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gsmlab/internal/nearest"
)

var (
	undefinedMember = regexp.MustCompile(`^undefined: ([\pL_][\pL\pN_]*)\.([\pL_][\pL\pN_]*)$`)
	undefinedName   = regexp.MustCompile(`^undefined: ([\pL_][\pL\pN_]*)$`)
	noSuchMember    = regexp.MustCompile(` undefined \(type .* has no field or method ([\pL_][\pL\pN_]*)\)$`)
)

// suggest adds what was meant to errors about names that are not there.
func (s *Scope) suggest(c *Checked, list Errors) {
	if c.Number >= HiddenCells { // nobody has written it
		return
	}
	for _, e := range list {
		known := ""
		var meant string
		var ok bool
		if m := undefinedMember.FindStringSubmatch(e.Msg); m != nil {
			known = m[1] + "."
			meant, ok = nearest.Identifier(m[2], s.exportedBy(c, m[1]))
		} else if m := undefinedName.FindStringSubmatch(e.Msg); m != nil {
			meant, ok = nearest.Identifier(m[1], s.namesAt(c, e.pos))
		} else if m := noSuchMember.FindStringSubmatch(e.Msg); m != nil {
			if meant, ok = nearest.Identifier(m[1], membersAt(c, e.pos)); !ok {
				meant, ok = s.packageWith(c, e.pos, m[1])
			}
		}
		if ok {
			e.Msg += "; did you mean " + known + meant + "?"
		}
	}
}

// exportedBy lists what the package exports that is imported under a name.
func (s *Scope) exportedBy(c *Checked, name string) (all []string) {
	for _, obj := range c.info.Uses {
		if p, ok := obj.(*types.PkgName); ok && strings.TrimSuffix(p.Name(), "·old") == name {
			return slices.DeleteFunc(p.Imported().Scope().Names(), func(n string) bool { return !token.IsExported(n) })
		}
	}
	return nil
}

// namesAt lists the names that a cell can use at pos.
func (s *Scope) namesAt(c *Checked, pos token.Pos) []string {
	all := map[string]bool{}
	add := func(names []string) {
		for _, n := range names {
			if n != "_" && n != "init" && !Internal(n) {
				all[n] = true
			}
		}
	}
	add(types.Universe.Names())
	add(c.pkg.Scope().Names())
	if c.beforeDot(pos) {
		add(slices.Collect(maps.Keys(s.names.imports)))
		add(slices.Collect(maps.Keys(s.packages.Packages())))
	}
	for _, scope := range c.info.Scopes {
		if scope.Contains(pos) {
			add(scope.Names())
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// membersAt lists the fields and methods that cells may name of what stands before the name at pos.
func membersAt(c *Checked, pos token.Pos) []string {
	all := map[string]bool{}
	add := func(o types.Object) {
		if o.Exported() || IsCell(o.Pkg()) {
			all[o.Name()] = true
		}
	}
	visit := func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok || sel.Sel.Pos() != pos || c.info.TypeOf(sel.X) == nil {
			return true
		}
		t := c.info.TypeOf(sel.X)
		if !types.IsInterface(t) && !isPointer(t) {
			t = types.NewPointer(t)
		}
		for m := range types.NewMethodSet(t).Methods() {
			add(m.Obj())
		}
		if st, ok := deref(t).Underlying().(*types.Struct); ok {
			for f := range st.Fields() {
				add(f)
			}
		}
		return false
	}
	c.inspect(visit)
	return slices.Sorted(maps.Keys(all))
}

// packageWith finds the package that was meant by a type in `string.ToUpper`, and its member.
func (s *Scope) packageWith(c *Checked, pos token.Pos, member string) (meant string, ok bool) {
	c.inspect(func(n ast.Node) bool {
		sel, is := n.(*ast.SelectorExpr)
		if !is || sel.Sel.Pos() != pos {
			return true
		}
		if id, is := sel.X.(*ast.Ident); is && c.info.Types[id].IsType() {
			all := s.packages.Packages()
			name, near := nearest.Identifier(id.Name, slices.Sorted(maps.Keys(all)))
			if pkg, err := s.importer.Import(context.Background(), all[name]); near && err == nil && pkg.Scope().Lookup(member) != nil {
				meant, ok = name+"."+member, token.IsExported(member)
			}
		}
		return false
	})
	return meant, ok
}

// beforeDot reports whether the name at pos may be that of a package.
func (c *Checked) beforeDot(pos token.Pos) (is bool) {
	c.inspect(func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		is = is || ok && sel.X.Pos() == pos
		return !is
	})
	return is
}

// inspect visits the declarations and statements of all sources.
func (c *Checked) inspect(visit func(ast.Node) bool) {
	for _, src := range c.sources {
		for _, d := range src.decls {
			ast.Inspect(d, visit)
		}
		for _, st := range src.stmts {
			ast.Inspect(st, visit)
		}
	}
}

func isPointer(t types.Type) bool {
	_, ok := types.Unalias(t).(*types.Pointer)
	return ok
}

var (
	quoted    = regexp.MustCompile("\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`")
	oldNames  = regexp.MustCompile(`·(old|[0-9]+x[0-9]+)`)
	ofCell    = regexp.MustCompile(`main·([0-9]+)\.([\pL_][\pL\pN_]*)`)
	typeWords = `(?:type|of|as) [*\[\]]*`
)

// cleanMessage takes the names of checked code away from messages of the type checker.
// Where two declarations of one name meet, it says of which cell they are; declaredIn tells which
// cell declared what was built with another.
func cleanMessage(msg string, declaredIn func(name, built string) string) string {
	cells := map[string]map[string]bool{}
	for _, m := range ofCell.FindAllStringSubmatch(msg, -1) {
		if cells[m[2]] == nil {
			cells[m[2]] = map[string]bool{}
		}
		cells[m[2]][m[1]] = true
	}
	for name, of := range cells {
		if regexp.MustCompile(typeWords + name + `(?:$|[^\pL\pN_.])`).MatchString(msg) {
			of["this"] = true
		}
	}
	msg = ourWords.ReplaceAllString(msg, "")
	clean := func(text string) string {
		text = ownNames.ReplaceAllString(oldNames.ReplaceAllString(text, ""), "$1")
		return ofCell.ReplaceAllStringFunc(text, func(found string) string {
			m := ofCell.FindStringSubmatch(found)
			others := cells[m[2]]
			if len(others) < 2 {
				return m[2]
			}
			cell := declaredIn(m[2], m[1])
			if cell != m[1] && others[cell] { // the cell has it as it was, too
				return m[2] + " since cell " + m[1]
			}
			return m[2] + " of cell " + cell
		})
	}
	var out strings.Builder
	at := 0
	for _, q := range quoted.FindAllStringIndex(msg, -1) {
		// what a cell has written in quotes stays
		out.WriteString(clean(msg[at:q[0]]) + msg[q[0]:q[1]])
		at = q[1]
	}
	out.WriteString(clean(msg[at:]))
	return out.String()
}

// declaredIn returns the cell that declared what a name means now, where the cell with the number
// built has it: a redefinition builds the declarations of other cells again. Of what was redefined
// since that is not known.
func (s *Scope) declaredIn(name, built string) string {
	if obj := s.names.objects[name]; obj != nil && obj.Pkg() != nil && obj.Pkg().Name() == "main·"+built {
		return strconv.Itoa(s.names.cells[name])
	}
	return built
}
