package assist

import (
	"go/types"

	"gsmlab/kernel/engine/lang"
)

// member is a field or method, and the number of embedded fields through which it is reached.
type member struct {
	obj   types.Object
	depth int
}

// visible reports whether cells may use a field or method: their own, and exported ones.
func visible(obj types.Object) bool {
	return obj.Exported() || lang.IsCell(obj.Pkg())
}

// members lists the fields (of a value) and methods of t that cells may use.
func members(t types.Type, value bool) (all []member) {
	if value {
		all = fields(t)
	}
	if _, isPointer := types.Unalias(t).(*types.Pointer); !isPointer && !types.IsInterface(t) {
		t = types.NewPointer(t) // variables also have the methods of their pointers
	}
	set := types.NewMethodSet(t)
	for i := range set.Len() {
		if m := set.At(i); visible(m.Obj()) {
			all = append(all, member{m.Obj(), len(m.Index()) - 1})
		}
	}
	return all
}

// fields lists the fields of t, including those of embedded structs that are not hidden or
// ambiguous.
func fields(t types.Type) (all []member) {
	known := map[string]bool{}
	visited := map[types.Type]bool{}
	level := []types.Type{t}
	for depth := 0; len(level) > 0; depth++ {
		var next []types.Type
		count := map[string]int{}
		var here []member
		for _, t := range level {
			if p, ok := t.Underlying().(*types.Pointer); ok {
				t = p.Elem()
			}
			st, ok := t.Underlying().(*types.Struct)
			if !ok || visited[t] {
				continue
			}
			visited[t] = true
			for i := range st.NumFields() {
				f := st.Field(i)
				count[f.Name()]++
				here = append(here, member{f, depth})
				if f.Embedded() {
					next = append(next, f.Type())
				}
			}
		}
		for _, m := range here {
			if name := m.obj.Name(); count[name] == 1 && !known[name] && name != "_" && visible(m.obj) {
				all = append(all, m)
			}
		}
		for name := range count {
			known[name] = true
		}
		level = next
	}
	return all
}
