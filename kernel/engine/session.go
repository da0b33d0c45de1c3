package engine

import (
	"context"
	"go/types"
	"maps"
	"slices"

	"gsmlab/kernel/engine/rt"
)

type cellKey struct{}

// WithCell gives the cell that is executed with the context its number in errors and lists, where a front
// end numbers cells itself. Without it the engine counts what it executes.
func WithCell(ctx context.Context, number int) context.Context {
	return context.WithValue(ctx, cellKey{}, number)
}

// CellNumber returns what WithCell set, or 0.
func CellNumber(ctx context.Context) int {
	n, _ := ctx.Value(cellKey{}).(int)
	return n
}

// Times implements Engine.
func (s *session) Times() Times {
	s.running.Lock()
	defer s.running.Unlock()
	return s.times
}

// Args implements Engine.
func (s *session) Args(args []string, redefined ...string) {
	s.running.Lock()
	defer s.running.Unlock()
	s.args = slices.Clone(args)
	s.process.send(rt.Command{Do: "args", Args: s.args, Flags: redefined})
}

// Forget implements Engine.
func (s *session) Forget(names ...string) (unknown []string) {
	s.running.Lock()
	defer s.running.Unlock()
	for _, name := range names {
		if obj := s.names.objects[name]; obj == nil || obj == s.ctx {
			unknown = append(unknown, name)
			continue
		}
		delete(s.names.objects, name)
		s.forget(name)
	}
	s.publish()
	return unknown
}

// Environ implements Engine.
func (s *session) Environ() []string { return s.place.environ() }

// ModuleDir implements Engine.
func (s *session) ModuleDir() string { return s.tools.base }

// Who implements Engine.
func (s *session) Who() []Name {
	names := s.view.Load()
	var all []Name
	for _, name := range slices.Sorted(maps.Keys(names.objects)) {
		obj := names.objects[name]
		if names.refs[obj].pkg == 0 { // ctx
			continue
		}
		n := Name{Name: name, Cell: names.cells[name]}
		n.Kind, n.Type = kindOf(obj), typeText(obj.Type())
		all = append(all, n)
	}
	return all
}

// kindOf returns what an object is, as in Name.
func kindOf(obj types.Object) string {
	switch obj.(type) {
	case *types.Var:
		return "var"
	case *types.Func:
		return "func"
	case *types.TypeName:
		return "type"
	case *types.Const:
		return "const"
	}
	return ""
}

// typeText writes a type as people see it: cell types by name alone.
func typeText(t types.Type) string {
	return types.TypeString(t, func(p *types.Package) string {
		if p.Path() == cellPath {
			return ""
		}
		return p.Name()
	})
}
