package lang

import (
	"go/ast"
	"go/types"
)

// callsOn says whether a function calls what may be, or call, a function of a cell: only then it
// can call itself without end, and needs a check where it begins. One that just unlocks a mutex
// must not be stopped before that.
func (e *emitter) callsOn(body *ast.BlockStmt) bool {
	found := false
	if body == nil {
		return false
	}
	ast.Inspect(body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || found {
			return !found
		}
		found = e.mayComeBack(call)
		return !found
	})
	return found
}

// mayComeBack says whether a call may end up in a function of a cell.
func (e *emitter) mayComeBack(call *ast.CallExpr) bool {
	fun := ast.Unparen(call.Fun)
	if t, ok := e.c.info.Types[fun]; ok && (t.IsType() || t.IsBuiltin()) {
		return false
	}
	var id *ast.Ident
	switch f := fun.(type) {
	case *ast.Ident:
		id = f
	case *ast.SelectorExpr:
		id = f.Sel
	default:
		return true
	}
	f, ok := e.c.info.Uses[id].(*types.Func)
	if !ok || f.Pkg() == nil || f.Pkg().Path() == cellPath {
		return true
	}
	if recv := f.Signature().Recv(); recv != nil && types.IsInterface(recv.Type()) {
		return true
	}
	for _, arg := range call.Args {
		t, ok := e.c.info.Types[arg]
		if !ok || !harmless(t.Type) {
			return true
		}
	}
	return false
}

// harmless says whether a value of type t has no methods and no functions that a library could
// call.
func harmless(t types.Type) bool {
	switch t := types.Unalias(t).(type) {
	case *types.Basic:
		return true
	case *types.Slice:
		return harmless(t.Elem())
	case *types.Array:
		return harmless(t.Elem())
	case *types.Map:
		return harmless(t.Key()) && harmless(t.Elem())
	}
	return false
}
