package lang

import (
	"context"
	"maps"
	"slices"
)

// Revive checks, for a new worker, the functions, types and constants that an earlier scope had, as
// cell in. Those that use a lost variable wait until a cell declares it again; their names are
// returned. The checked package is nil where there is nothing to build.
func (s *Scope) Revive(ctx context.Context, old *Scope, in Cell) (c *Checked, waiting []string, err error) {
	n, o := s.names, old.names
	n.imports, n.effects, n.dots, n.texts, n.orders, n.gone = o.imports, o.effects, o.dots, o.texts, o.orders, o.gone
	for _, v := range old.Variables() {
		n.gone[v.Name()] = v
	}
	units := slices.SortedFunc(maps.Values(old.names.units), byPlace)
	if len(units)+len(old.names.effects) == 0 {
		return nil, nil, nil
	}
	c, again, _, err := s.fit(ctx, in, nil, units)
	if err != nil {
		return nil, nil, err
	}
	maps.Copy(c.sources[0].imports, old.names.effects)
	for _, u := range units {
		if !slices.Contains(again, u) {
			lost := *u
			lost.waiting = true
			c.lost = append(c.lost, &lost)
			waiting = append(waiting, u.names...)
		}
	}
	return c, waiting, nil
}
