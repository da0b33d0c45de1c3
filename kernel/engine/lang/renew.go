package lang

import (
	"context"
	"maps"
	"slices"
)

// Renew checks, as cell in, what has to be built so that all functions and methods of cells are
// built anew: those, and the types of the methods with what depends on them. It returns nil where
// there is none, and otherwise also the names of the functions and types.
func (s *Scope) Renew(ctx context.Context, in Cell) (c *Checked, names []string, err error) {
	var changed []string
	for _, u := range s.names.units {
		_, isFunc := s.names.objects[u.key]
		switch {
		case u.waiting:
		case u.recv != "":
			changed = append(changed, u.recv)
		case isFunc && ObjectKind(s.names.objects[u.key]) == "func":
			changed = append(changed, u.key)
		}
	}
	if len(changed) == 0 {
		return nil, nil, nil
	}
	slices.Sort(changed)
	changed = slices.Compact(changed)
	chosen := map[string]*unit{}
	for _, u := range s.dependents(changed, nil) {
		if !u.waiting {
			chosen[u.key] = u
		}
	}
	for _, name := range changed {
		if u := s.names.units[name]; u != nil {
			chosen[name] = u
		}
	}
	c, fit, left, err := s.fit(ctx, in, nil, slices.SortedFunc(maps.Values(chosen), byPlace))
	if err != nil {
		return nil, nil, err
	}
	var all []string
	for _, u := range fit {
		all = append(all, u.names...)
		if u.recv == "" && !u.view {
			names = append(names, u.names...)
		}
	}
	for _, l := range left {
		if !l.unit.view {
			c.Notes = append(c.Notes, l.unit.key+" stays as it was built: "+l.why)
		}
	}
	c.Notes = append(c.Notes, s.staleNotes(all)...)
	return c, names, nil
}
