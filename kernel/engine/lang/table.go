package lang

import (
	"fmt"
	"go/types"
	"strings"
)

// table writes the function by which the worker reaches what the package declares, by its built
// name: pointers to variables, functions, and constants of a declared type (the type is known
// nowhere else).
func (e *emitter) table(out *strings.Builder) {
	// the cell may have names like any, or name
	fmt.Fprintf(out, "func %s(%sname %[2]srt.String) (%[2]sfound %[2]srt.Any) {\nswitch %[2]sname {\n", builtTable, tick)
	scope := e.c.pkg.Scope()
	for _, name := range scope.Names() {
		obj := scope.Lookup(name)
		r, ours := e.refs[obj]
		if !ours || r.pkg != e.c.Number {
			continue
		}
		switch o := obj.(type) {
		case *types.Var:
			fmt.Fprintf(out, "case %q: return &%s\n", r.name, e.text(r))
		case *types.Func:
			if o.Signature().TypeParams().Len() == 0 {
				fmt.Fprintf(out, "case %q: return %s\n", r.name, r.name)
			}
		case *types.Const:
			if _, named := types.Unalias(o.Type()).(*types.Named); named {
				fmt.Fprintf(out, "case %q: return %s\n", r.name, r.name)
			}
		}
	}
	out.WriteString("}\nreturn\n}\n")
}
