// What follows a redefinition: which declarations depend on it, and whether they still fit.

package lang

import (
	"cmp"
	"context"
	"fmt"
	"go/ast"
	"go/types"
	"maps"
	"slices"
	"strings"

	"gsmlab/kernel/engine/wire"
)

// checkAgain checks the cell with the units that depend on what it redefines. A unit that does not
// fit any more is left as it is, and named.
func (s *Scope) checkAgain(ctx context.Context, in Cell, declared []string, again []*unit, same []string) (*Checked, error) {
	c, fit, left, err := s.fit(ctx, in, declared, again)
	if err != nil {
		return nil, err
	}
	for _, name := range same {
		if old, ok := s.names.objects[name].(*types.Var); ok && types.Identical(old.Type(), c.pkg.Scope().Lookup(name).Type()) {
			c.same[c.pkg.Scope().Lookup(name)] = s.names.refs[old]
		}
	}
	all := slices.Clone(declared)
	for _, l := range left {
		if !l.unit.waiting && !l.unit.view {
			c.Notes = append(c.Notes, fmt.Sprintf("%s of cell %d keeps what it used before: %s", l.unit.key, l.unit.cell, l.why))
		}
	}
	for _, u := range fit {
		all = append(all, u.names...)
		switch {
		case u.recv != "" || u.view: // goes without saying
		case u.waiting:
			c.Notes = append(c.Notes, fmt.Sprintf("%s of cell %d is back", u.key, u.cell))
		default:
			c.Notes = append(c.Notes, fmt.Sprintf("%s of cell %d follows the new definition", u.key, u.cell))
		}
	}
	c.Notes = append(c.Notes, s.staleNotes(all)...)
	return c, nil
}

// misfit is a unit that does not type-check with what the names that it uses mean now.
type misfit struct {
	unit *unit
	why  string
}

// fit checks the cell with those of the units that fit, and returns these and the others.
func (s *Scope) fit(ctx context.Context, in Cell, declared []string, units []*unit) (c *Checked, fit []*unit, left []misfit, err error) {
	fit = slices.Clone(units)
	for {
		cell, err := parseCell(s.fset, in.Shown, in.Text)
		if err != nil {
			return nil, nil, nil, err
		}
		s.autoImport(cell, declared)
		sources := []*source{cell}
		all := slices.Clone(declared)
		for _, u := range fit {
			again, err := s.parseUnit(u)
			if err != nil {
				return nil, nil, nil, err
			}
			sources = append(sources, again)
			all = append(all, u.names...)
		}
		c, err := s.checkSources(ctx, in, sources, all)
		i, why := blamed(err, sources[1:])
		if i < 0 && err != nil {
			return nil, nil, nil, err
		}
		if i < 0 {
			none := s.addViews(c, declared, fit)
			if len(none) == 0 {
				return c, fit, left, nil
			}
			fit = slices.DeleteFunc(fit, func(u *unit) bool { return slices.Contains(none, u) })
			continue
		}
		u := fit[i]
		left = append(left, misfit{u, why})
		fit = slices.Delete(fit, i, i+1)
		if u.recv == "" && !slices.Contains(declared, u.key) { // methods go with their type
			fit = slices.DeleteFunc(fit, func(m *unit) bool { return m.recv == u.key })
		}
	}
}

// blamed returns the first of the sources that an error is in, or -1.
func blamed(err error, sources []*source) (int, string) {
	list, _ := err.(Errors)
	for _, e := range list {
		for i, src := range sources {
			if src.contains(e.pos) {
				return i, e.Msg
			}
		}
	}
	return -1, ""
}

// staleNotes names the variables whose type was redefined: their values keep the earlier type.
func (s *Scope) staleNotes(declared []string) []string {
	var notes []string
	for _, name := range slices.Sorted(maps.Keys(s.names.objects)) {
		v, ok := s.names.objects[name].(*types.Var)
		if !ok || v == s.ctxVar || slices.Contains(declared, name) {
			continue
		}
		stale := mentions(v.Type(), func(n string) bool { return slices.Contains(declared, n) })
		if stale != "" {
			notes = append(notes, fmt.Sprintf("%s of cell %d keeps its value of the earlier type %s", name, s.names.cells[name], stale))
		}
	}
	return notes
}

// dependents returns the units that use one of the changed names, directly or through others,
// except those that the cell declares itself. A type moves with all its methods, a method with its
// type, and variables with the types that theirs mentions.
func (s *Scope) dependents(changed, declared []string) []*unit {
	hit := map[string]bool{}
	for _, n := range changed {
		hit[n] = true
		if t, _, ok := strings.Cut(n, "."); ok && s.names.units[t] != nil {
			hit[t] = true
		}
	}
	chosen := map[string]*unit{}
	for grown := true; grown; {
		grown = false
		for key, u := range s.names.units {
			if chosen[key] != nil || slices.ContainsFunc(u.names, func(n string) bool { return slices.Contains(declared, n) }) {
				continue
			}
			uses := hit[u.recv] || hit[key]
			for name := range u.uses {
				uses = uses || hit[name]
			}
			if !uses {
				continue
			}
			chosen[key], grown = u, true
			for _, n := range u.names {
				hit[n] = true
			}
			if u.recv != "" {
				hit[u.recv] = true
			}
		}
		for name, obj := range s.names.objects {
			v, isVar := obj.(*types.Var)
			if !isVar || v == s.ctxVar || chosen[name] != nil || slices.Contains(declared, name) || mentions(v.Type(), func(n string) bool { return hit[n] }) == "" {
				continue
			}
			if u, ok := s.viewOf(v); ok {
				chosen[name], grown, hit[name] = u, true, true
			}
		}
	}
	for key := range chosen { // directly changed names are replaced, not emitted again
		if slices.Contains(changed, key) {
			delete(chosen, key)
		}
	}
	return slices.SortedFunc(maps.Values(chosen), byPlace)
}

func byPlace(a, b *unit) int {
	return cmp.Or(a.cell-b.cell, a.line-b.line, strings.Compare(a.key, b.key))
}

func (s *Scope) parseUnit(u *unit) (*source, error) {
	src := &source{text: u.text, imports: u.imports, unit: u}
	f, err := src.parse(s.fset, fmt.Sprintf("package main\n//line %s:%d:1\n", wire.CellFile(u.cell), u.line), u.text, "")
	if err != nil {
		return nil, err
	}
	src.decls, src.free = f.Decls, f.Unresolved
	if fun, ok := f.Decls[0].(*ast.FuncDecl); ok {
		src.directives = map[*ast.FuncDecl][]string{fun: u.directives}
	}
	return src, nil
}
