// The statements of a cell: which of them are package variables, and in which order they are set.

package lang

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"

	"gsmlab/kernel/engine/wire"
)

// run writes the function that carries out the cell's statements, in order.
func (e *emitter) run(vars, out *strings.Builder) error {
	fmt.Fprintf(vars, "var %s %satomic.Bool\n", builtGone, tick)
	fmt.Fprintf(out, "func %s() {\n", builtRun)
	if e.debug != nil {
		fmt.Fprintf(vars, "var %s %srt.Unit\n", wire.SymbolUnit, tick)
		fmt.Fprintf(out, "%s\n", enterFrame)
	}
	for _, p := range e.c.steps {
		for _, set := range p.set {
			if len(set.spec.Values) > 0 {
				out.WriteString(e.line(set.spec.Pos()) + e.stopAt(set.spec, e.topFunction()) + "\n")
			}
			if set.i < 0 {
				e.assign(out, set.spec)
			} else {
				e.assignOne(out, set.spec, set.i)
			}
		}
		if p.inits != nil {
			for _, name := range e.inits {
				fmt.Fprintf(out, "%s()\n", name)
			}
		}
		if p.stmt != nil {
			if err := e.statement(vars, out, p.stmt); err != nil {
				return err
			}
		}
	}
	out.WriteString("}\n")
	e.table(out)
	return nil
}

func (e *emitter) assignOne(out *strings.Builder, v *ast.ValueSpec, i int) {
	name := e.target(v.Names[i])
	if len(v.Values) == 0 {
		if name != "_" {
			fmt.Fprintf(out, "%s = %srt.Zero(&%[1]s)\n", name, tick)
		}
		return
	}
	value := v.Values[i]
	if name == "_" && v.Type != nil {
		name = "var _ " + e.apply(v.Type.Pos(), v.Type.End(), e.edits(v.Type, true))
	}
	out.WriteString(e.line(value.Pos()) + name + " = " + e.apply(value.Pos(), value.End(), e.edits(value, true)) + "\n")
}

// assign writes a declaration of variables by one value as an assignment.
func (e *emitter) assign(out *strings.Builder, v *ast.ValueSpec) {
	targets := make([]string, len(v.Names))
	for i, id := range v.Names {
		targets[i] = e.target(id)
	}
	from, to := v.Values[0].Pos(), v.Values[len(v.Values)-1].End()
	var edits []edit
	for _, value := range v.Values {
		edits = append(edits, e.edits(value, true)...)
	}
	if v.Type != nil && !slices.ContainsFunc(targets, func(t string) bool { return t != "_" }) {
		// var _ I = T{} asks for the type's check
		out.WriteString("var _ " + e.apply(v.Type.Pos(), v.Type.End(), e.edits(v.Type, true)) + " =\n" + e.line(from) + e.apply(from, to, edits) + "\n")
		return
	}
	out.WriteString(strings.Join(targets, ", ") + " =\n" + e.line(from) + e.apply(from, to, edits) + "\n")
}

// target is the built name of a variable at the top level of the cell.
func (e *emitter) target(id *ast.Ident) string {
	if id.Name == "_" {
		return "_"
	}
	obj := e.c.pkg.Scope().Lookup(id.Name)
	if r, ok := e.refOf(obj); ok {
		return e.text(r)
	}
	return builtName(obj)
}

func (e *emitter) statement(vars, out *strings.Builder, st ast.Stmt) error {
	fmt.Fprintf(out, "%s%s%srt.CheckIn(&%s)\n", e.line(st.Pos()), e.stopAt(st, e.topFunction()), tick, builtGone)
	if a := defines(st); a != nil {
		targets := make([]string, len(a.Lhs))
		for i, l := range a.Lhs {
			id := l.(*ast.Ident) // checked
			targets[i] = e.target(id)
			if obj := e.c.info.Defs[id]; obj != nil {
				if err := e.variable(vars, id); err != nil {
					return err
				}
			}
		}
		from, to := a.Rhs[0].Pos(), writtenEnd(a.Rhs[len(a.Rhs)-1])
		var edits []edit
		for _, r := range a.Rhs {
			edits = append(edits, e.edits(r, true)...)
		}
		out.WriteString(strings.Join(targets, ", ") + " =\n" + e.line(from) + e.apply(from, to, edits) + "\n")
		return nil
	}
	text := e.apply(st.Pos(), writtenEnd(st), e.edits(st, true))
	if x, ok := st.(*ast.ExprStmt); ok && x.X == e.src.show && !e.c.void {
		text = tick + "rt.Show(\n" + e.line(st.Pos()) + text + ")"
		out.WriteString(text + "\n")
		return nil
	}
	if st == e.src.hushed {
		out.WriteString("_ =\n")
	}
	out.WriteString(e.line(st.Pos()) + text + "\n")
	return nil
}

// writtenEnd is the end of n in the text: the names that were changed for the checker count as they
// are there.
func writtenEnd(n ast.Node) token.Pos {
	changed := map[*ast.Ident]string{}
	ast.Inspect(n, func(m ast.Node) bool {
		if id, ok := m.(*ast.Ident); ok && strings.Contains(id.Name, "·") {
			changed[id] = id.Name
			id.Name, _, _ = strings.Cut(id.Name, "·")
		}
		return true
	})
	end := n.End()
	for id, name := range changed {
		id.Name = name
	}
	return end
}
