// Adopting a checked cell: its names, imports and declarations become those of the session.

package lang

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// Adopt makes the names of a built cell those of the session.
func (s *Scope) Adopt(c *Checked, built *Emitted) {
	if c.Number < HiddenCells {
		s.names.texts[c.shown] = c.sources[0].text
		s.names.orders[c.shown] = c.order()
	}
	for obj, r := range built.refs {
		if _, same := c.same[obj]; same {
			continue // the earlier variable with a new value
		}
		s.names.refs[obj] = r
		s.names.objects[obj.Name()] = obj
		s.names.cells[obj.Name()] = c.shown
		delete(s.names.imports, obj.Name())
		if _, isType := obj.(*types.TypeName); isType {
			s.takeFromGroup(obj.Name())
		} else {
			s.forget(obj.Name())
		}
	}
	for _, src := range c.sources {
		if src.unit != nil {
			for _, name := range src.unit.names {
				s.names.cells[name] = src.unit.cell
			}
		}
		for _, spec := range src.imports {
			if c.Number > HiddenCells { // of the engine's own
				break
			}
			name := s.nameIn(spec)
			if name == "_" {
				spec.written, spec.pos = false, 0
				s.names.effects[spec.path] = spec
			}
			if name == "." {
				s.names.dots[spec.path] = true
			}
			if src.unit == nil && name != "_" && name != "." && !strings.Contains(name, "·") {
				spec.name, spec.written, spec.pos = name, false, 0
				s.names.imports[name] = spec
				delete(s.names.objects, name) // the import hides what was called so before
				s.forget(name)
			}
		}
		for _, d := range src.decls {
			s.adoptUnit(c, src, d)
		}
	}
	for _, u := range c.lost {
		s.names.units[u.key] = u
	}
}

// forget drops what could be emitted again under a name that means something else now.
func (s *Scope) forget(name string) {
	s.takeFromGroup(name)
	for key, u := range s.names.units {
		if key == name || u.recv == name {
			delete(s.names.units, key)
		}
	}
}

// takeFromGroup takes a name that is declared anew out of the group of constants that declared it.
func (s *Scope) takeFromGroup(name string) {
	for key, u := range s.names.units {
		if len(u.names) < 2 || !slices.Contains(u.names, name) {
			continue
		}
		src, err := s.parseUnit(u)
		if err != nil {
			continue
		}
		less := *u
		less.names = slices.DeleteFunc(slices.Clone(u.names), func(n string) bool { return n == name })
		less.key = less.names[0]
		for _, spec := range src.decls[0].(*ast.GenDecl).Specs {
			for _, id := range spec.(*ast.ValueSpec).Names {
				if id.Name == name {
					at := src.offset(id.Pos())
					// places stay
					less.text = u.text[:at] + "_" + strings.Repeat(" ", len(name)-1) + u.text[at+len(name):]
				}
			}
		}
		delete(s.names.units, key)
		s.names.units[less.key] = &less
	}
}

func (s *Scope) adoptUnit(c *Checked, src *source, d ast.Decl) {
	add := func(n ast.Node, keyword, key, recv string, names []string) {
		p := s.fset.Position(n.Pos())
		u := &unit{key: key, names: names, recv: recv, cell: CellNumber(p.Filename), line: p.Line, imports: map[string]importSpec{}, uses: map[string]bool{}}
		u.text = keyword + src.text[src.offset(n.Pos()):src.offset(n.End())]
		for k, spec := range src.imports {
			spec.pos = 0
			u.imports[k] = spec
		}
		ast.Inspect(n, func(m ast.Node) bool {
			if id, ok := m.(*ast.Ident); ok {
				obj := c.info.Uses[id]
				if obj == nil || obj.Name() == key {
					return true
				}
				_, same := c.same[obj]
				if _, known := s.names.refs[obj]; known || same {
					u.uses[obj.Name()] = true
				}
			}
			return true
		})
		s.names.units[key] = u
		if f, ok := n.(*ast.FuncDecl); ok && len(src.directives[f]) > 0 {
			u.directives = src.directives[f]
		}
	}
	switch d := d.(type) {
	case *ast.FuncDecl:
		recv := receiver(d)
		switch {
		case recv != "":
			add(d, "", recv+"."+d.Name.Name, recv, []string{recv + "." + d.Name.Name})
		case d.Name.Name != "init" && d.Name.Name != "_":
			add(d, "", d.Name.Name, "", []string{d.Name.Name})
		}
	case *ast.GenDecl:
		switch d.Tok {
		case token.TYPE:
			for _, spec := range d.Specs {
				name := spec.(*ast.TypeSpec).Name.Name
				add(spec, "type ", name, "", []string{name})
			}
		case token.CONST:
			var all []string
			for _, spec := range d.Specs {
				for _, id := range spec.(*ast.ValueSpec).Names {
					all = append(all, id.Name)
				}
			}
			if len(all) > 0 {
				add(d, "", all[0], "", all)
			}
		}
	}
}
