package engine

import (
	"go/token"
	"maps"
)

// publish makes the names as they are now those that are seen beside a running cell. What the maps of
// names hold is never changed, the maps are.
func (s *session) publish() {
	n := s.names
	s.view.Store(&names{
		maps.Clone(n.objects), maps.Clone(n.cells), maps.Clone(n.refs), maps.Clone(n.units), maps.Clone(n.imports), maps.Clone(n.effects), maps.Clone(n.texts),
	})
}

// beside returns a session that can check cells while another cell runs: it has the names as they are
// now and shares the tools. It has its own positions, which are forgotten with it.
func (s *session) beside() *session {
	return &session{fset: token.NewFileSet(), tools: s.tools, index: s.index, names: s.view.Load()}
}
