package engine

import (
	"fmt"
	"go/types"
	"maps"
	"slices"
	"strings"
)

// checkAgain checks the cell with the units that depend on what it redefines. A unit that does not fit
// any more is left as it is, and named.
func (s *session) checkAgain(number int, code string, declared []string, again []*unit, same []string) (*checked, error) {
	var notes []string
	for {
		cell, err := parseCell(s.fset, s.shown, code)
		if err != nil {
			return nil, err
		}
		s.autoImport(cell, declared)
		sources := []*source{cell}
		all := slices.Clone(declared)
		for _, u := range again {
			again, err := s.parseUnit(u)
			if err != nil {
				return nil, err
			}
			sources = append(sources, again)
			all = append(all, u.names...)
		}
		c, err := s.checkSources(number, sources, all)
		list, _ := err.(Errors)
		dropped := false
		for _, e := range list {
			if e.Cell == s.shown {
				continue
			}
			for i, u := range again {
				lines := strings.Count(u.text, "\n")
				if u.cell == e.Cell && e.Line >= u.line && e.Line <= u.line+lines {
					notes = append(notes, fmt.Sprintf("%s of cell %d keeps what it used before: %s", u.key, u.cell, e.Msg))
					again = slices.Delete(slices.Clone(again), i, i+1)
					if u.recv == "" { // methods go with their type
						again = slices.DeleteFunc(again, func(m *unit) bool { return m.recv == u.key && !slices.Contains(declared, u.key) })
					}
					dropped = true
					break
				}
			}
			if dropped {
				break
			}
		}
		if dropped {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, name := range same {
			if old, ok := s.names.objects[name].(*types.Var); ok && types.Identical(old.Type(), c.pkg.Scope().Lookup(name).Type()) {
				c.same[c.pkg.Scope().Lookup(name)] = s.names.refs[old]
			}
		}
		for _, u := range again {
			if u.recv != "" { // goes without saying
				continue
			}
			notes = append(notes, fmt.Sprintf("%s of cell %d follows the new definition", u.key, u.cell))
		}
		c.notes = append(notes, s.staleNotes(all)...)
		return c, nil
	}
}

// staleNotes names the variables whose type was redefined: their values keep the earlier type.
func (s *session) staleNotes(declared []string) []string {
	var notes []string
	for _, name := range slices.Sorted(maps.Keys(s.names.objects)) {
		v, ok := s.names.objects[name].(*types.Var)
		if !ok || v == s.ctx || slices.Contains(declared, name) {
			continue
		}
		w := typeWriter{pkg: func(p *types.Package) string { return p.Name() }}
		stale := ""
		w.ref = func(o types.Object) (string, bool) {
			if slices.Contains(declared, o.Name()) {
				stale = o.Name()
			}
			return o.Name(), true
		}
		w.typ(v.Type())
		if stale != "" {
			notes = append(notes, fmt.Sprintf("%s of cell %d keeps its value of the earlier type %s", name, s.names.cells[name], stale))
		}
	}
	return notes
}

// dependents returns the units that use one of the changed names, directly or through others, except
// those that the cell declares itself. A type moves with all its methods, and a method with its type.
func (s *session) dependents(changed, declared []string) []*unit {
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
	}
	for key := range chosen { // directly changed names are replaced, not emitted again
		if slices.Contains(changed, key) {
			delete(chosen, key)
		}
	}
	return slices.SortedFunc(maps.Values(chosen), func(a, b *unit) int {
		if a.cell != b.cell {
			return a.cell - b.cell
		}
		return a.line - b.line
	})
}

func (s *session) parseUnit(u *unit) (*source, error) {
	src := &source{text: u.text, imports: u.imports, unit: u}
	f, err := src.parse(s.fset, fmt.Sprintf("package main\n//line cell[%d]:%d:1\n", u.cell, u.line), u.text, "")
	if err != nil {
		return nil, err
	}
	src.decls, src.free = f.Decls, f.Unresolved
	return src, nil
}
