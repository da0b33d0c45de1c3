package lang

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// Rerun is what must not have changed for a cell that ran before to run again as it was built.
type Rerun struct {
	orders []int  // see names
	text   string // of the cell
	// names of the session that the cell uses or declares; nil: the name is not one
	means   map[string]types.Object
	refs    map[string]ref    // of what `x` meant on the right side of `x := x + 1`
	imports map[string]string // names of packages, with their paths
	fresh   []string          // functions and constants that the cell declares
}

// Rerun says how to know later that a cell, which has just been adopted, need not be built to run
// again. It is nil where it always is: types are new types each time, and what follows from a
// redefinition is said each time.
func (s *Scope) Rerun(c *Checked, built *Emitted) *Rerun {
	cell := c.sources[0]
	if len(c.sources) > 1 || len(c.Notes)+len(c.views)+len(c.lost)+len(s.names.dots) > 0 {
		return nil
	}
	r := &Rerun{orders: c.order(), text: cell.text, means: map[string]types.Object{}, refs: map[string]ref{}, imports: map[string]string{}}
	for _, d := range cell.decls {
		switch d := d.(type) {
		case *ast.GenDecl:
			if d.Tok == token.TYPE {
				return nil
			}
			if d.Tok == token.CONST {
				for _, spec := range d.Specs {
					for _, id := range spec.(*ast.ValueSpec).Names {
						r.fresh = append(r.fresh, id.Name)
					}
				}
			}
		case *ast.FuncDecl:
			if d.Recv != nil {
				return nil
			}
			r.fresh = append(r.fresh, d.Name.Name)
		}
	}
	for _, spec := range cell.imports {
		if spec.name == "." {
			return nil
		}
	}
	for id, was := range c.vars {
		name, _, _ := strings.Cut(id.Name, "·")
		r.refs[name] = was
	}
	for obj := range built.refs {
		r.means[obj.Name()] = s.names.objects[obj.Name()]
	}
	for id, obj := range c.info.Uses {
		switch o := obj.(type) {
		case *types.PkgName:
			r.imports[id.Name], r.means[id.Name] = o.Imported().Path(), nil
			continue
		case nil:
			continue
		}
		if obj.Parent() == types.Universe {
			r.means[id.Name] = s.names.objects[id.Name]
		} else if _, ours := s.names.refs[obj]; ours && s.names.objects[obj.Name()] == obj {
			r.means[obj.Name()] = obj
		} else if ours {
			if _, declared := built.refs[obj]; !declared {
				return nil // a meaning that the name has lost already
			}
		}
	}
	return r
}

// Fits reports whether a cell can run again as it was built: all names that it uses or declares
// mean what they meant then, and nothing follows from what it declares again.
func (s *Scope) Fits(r *Rerun) bool {
	for name, obj := range r.means {
		if s.names.objects[name] != obj {
			return false
		}
	}
	for name, was := range r.refs {
		if now, ok := s.names.refs[s.names.objects[name]]; !ok || now != was {
			return false
		}
	}
	for name, path := range r.imports {
		if spec, ok := s.names.imports[name]; ok && spec.path != path {
			return false
		} else if found, known := s.packages.Find(name); !ok && (!known || found != path) {
			return false
		}
	}
	return len(s.dependents(r.fresh, r.fresh)) == 0
}

// Again notes that a cell has run again, now as the one that shows another number.
func (s *Scope) Again(r *Rerun, shown int) {
	s.names.texts[shown], s.names.orders[shown] = r.text, r.orders
	for _, name := range r.fresh {
		if _, ok := s.names.cells[name]; ok {
			s.names.cells[name] = shown
		}
		if u := s.names.units[name]; u != nil {
			moved := *u
			moved.cell = shown
			s.names.units[name] = &moved
		}
	}
}
