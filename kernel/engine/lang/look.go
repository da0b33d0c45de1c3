// Look-ups: a cell that only looks at values, as an expression that the worker evaluates.

package lang

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strconv"

	"gsmlab/kernel/engine/wire"
)

// Look returns what the worker evaluates by reflection instead of running a built cell: nil unless
// the cell is one expression on one line that looks at values of the session. The line is where it
// is.
func (s *Scope) Look(c *Checked) (x *wire.Expr, line int) {
	cell := c.sources[0]
	if len(c.sources) > 1 || len(cell.decls) > 0 || len(cell.stmts) != 1 || cell.show == nil || c.void && !noResults(c.info, cell.show) {
		return nil, 0
	}
	for _, spec := range cell.imports {
		if spec.written { // it is to be remembered
			return nil, 0
		}
	}
	if s.fset.Position(cell.show.Pos()).Line != s.fset.Position(cell.show.End()).Line {
		// a panic names one line
		return nil, 0
	}
	l := lookup{s: s, c: c}
	return l.expr(cell.show, nil), s.fset.Position(cell.show.Pos()).Line
}

func noResults(info *types.Info, x ast.Expr) bool {
	call, ok := ast.Unparen(x).(*ast.CallExpr)
	return ok && info.Types[call].IsVoid()
}

// lookup translates a checked expression; each of its methods returns nil for what must be built.
type lookup struct {
	s *Scope
	c *Checked

	// for the debugger: the numbers of the variables of a frame, and what its package declares
	locals map[types.Object]int
	more   map[types.Object]ref
}

func (l lookup) typeOf(x ast.Expr) types.Type { return l.c.info.TypeOf(x) }

// expr translates x. want is the type of what x meets, which gives constants of declared types
// theirs.
func (l lookup) expr(x ast.Expr, want types.Type) *wire.Expr {
	tv := l.c.info.Types[x]
	switch {
	case tv.Value != nil:
		return l.constant(x, tv, want)
	case tv.IsNil():
		return &wire.Expr{Op: wire.OpNil}
	case tv.IsType() || tv.IsBuiltin():
		return nil
	}
	switch x := x.(type) {
	case *ast.ParenExpr:
		return l.expr(x.X, want)
	case *ast.Ident:
		return l.name(x)
	case *ast.SelectorExpr:
		if sel := l.c.info.Selections[x]; sel != nil && sel.Kind() == types.FieldVal {
			return l.field(l.expr(x.X, nil), sel.Recv(), sel.Index())
		}
	case *ast.IndexExpr:
		return l.index(x)
	case *ast.SliceExpr:
		return l.slice(x)
	case *ast.StarExpr:
		return node(wire.OpDeref, "", l.expr(x.X, nil))
	case *ast.UnaryExpr:
		switch x.Op {
		case token.AND:
			return node(wire.OpAddr, "", l.expr(x.X, nil))
		case token.ARROW:
			return nil
		}
		if computable(l.typeOf(x)) {
			return node(wire.OpUnary, x.Op.String(), l.expr(x.X, want))
		}
	case *ast.BinaryExpr:
		return l.binary(x)
	case *ast.CallExpr:
		return l.call(x)
	}
	return nil
}

// node makes an expression of parts, nil if one of them must be built.
func node(op wire.Op, name string, args ...*wire.Expr) *wire.Expr {
	if slices.Contains(args, nil) {
		return nil
	}
	return &wire.Expr{Op: op, Name: name, Args: args}
}

// known names an object of the session.
func (l lookup) known(id *ast.Ident) *wire.Expr {
	return l.refOf(l.c.info.Uses[id])
}

// refOf is how the worker finds an object, nil if it cannot.
func (l lookup) refOf(obj types.Object) *wire.Expr {
	if i, ok := l.locals[obj]; ok {
		return &wire.Expr{Op: wire.OpLocal, Path: []int{i}}
	}
	r, ok := l.s.names.refs[obj]
	if !ok {
		r, ok = l.more[obj]
	}
	if ok {
		return &wire.Expr{Op: wire.OpName, Name: r.name, Cell: r.pkg}
	}
	return nil
}

func (l lookup) name(id *ast.Ident) *wire.Expr {
	switch o := l.c.info.Uses[id].(type) {
	case *types.Var:
		return l.known(id)
	case *types.Func:
		if o.Signature().TypeParams().Len() == 0 {
			return l.known(id)
		}
	}
	return nil
}

func (l lookup) constant(x ast.Expr, tv types.TypeAndValue, want types.Type) *wire.Expr {
	basic, ok := tv.Type.Underlying().(*types.Basic)
	if !ok {
		return nil
	}
	e := &wire.Expr{Op: wire.OpConst}
	if types.Unalias(tv.Type) == types.Type(basic) {
		basic = types.Typ[types.Default(basic).(*types.Basic).Kind()] // uint8 for byte
		e.Type = basic.Name()
	} else if want == nil || !types.Identical(want, tv.Type) {
		// only the cell that declared it knows the type
		if id, ok := x.(*ast.Ident); ok {
			return l.known(id)
		}
		return nil
	}
	switch info := basic.Info(); {
	case info&types.IsBoolean != 0:
		e.Text = tv.Value.ExactString()
	case info&types.IsString != 0:
		e.Text = strconv.Quote(constant.StringVal(tv.Value))
	case info&types.IsInteger != 0:
		v := constant.ToInt(tv.Value)
		if v.Kind() != constant.Int {
			return nil
		}
		e.Text = v.ExactString()
	case info&types.IsFloat != 0:
		f, _ := constant.Float64Val(tv.Value)
		if basic.Kind() == types.Float32 {
			small, _ := constant.Float32Val(tv.Value)
			f = float64(small)
		}
		e.Text = strconv.FormatFloat(f, 'g', -1, 64)
	default:
		return nil
	}
	return e
}

// field follows path from a value of type t.
func (l lookup) field(x *wire.Expr, t types.Type, path []int) *wire.Expr {
	if l.follow(t, path) == nil || x == nil {
		return nil
	}
	return &wire.Expr{Op: wire.OpField, Path: path, Args: []*wire.Expr{x}}
}

// follow returns the type that path leads to.
func (l lookup) follow(t types.Type, path []int) types.Type {
	for _, i := range path {
		if p, ok := t.Underlying().(*types.Pointer); ok {
			t = p.Elem()
		}
		st, ok := t.Underlying().(*types.Struct)
		if !ok {
			return nil
		}
		t = st.Field(i).Type()
	}
	return t
}

func (l lookup) index(x *ast.IndexExpr) *wire.Expr {
	switch t := l.typeOf(x.X).Underlying().(type) {
	case *types.Map:
		if tv := l.c.info.Types[x]; tv.IsType() {
			return nil
		}
		return node(wire.OpIndex, "", l.expr(x.X, nil), l.expr(x.Index, t.Key()))
	case *types.Slice, *types.Array, *types.Pointer, *types.Basic:
		return node(wire.OpIndex, "", l.expr(x.X, nil), l.expr(x.Index, nil))
	}
	return nil // a function that is instantiated
}

func (l lookup) slice(x *ast.SliceExpr) *wire.Expr {
	switch l.typeOf(x.X).Underlying().(type) {
	case *types.Slice, *types.Basic:
	default: // arrays: their message for bounds is another
		return nil
	}
	e := node(wire.OpSlice, "", l.expr(x.X, nil))
	for _, b := range []ast.Expr{x.Low, x.High, x.Max} {
		if e == nil {
			return nil
		}
		var bound *wire.Expr
		if b != nil {
			if bound = l.expr(b, nil); bound == nil {
				return nil
			}
		}
		e.Args = append(e.Args, bound)
	}
	return e
}

// computable tells whether the worker computes with values of type t.
func computable(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&(types.IsBoolean|types.IsInteger|types.IsFloat|types.IsString) != 0
}

func (l lookup) binary(x *ast.BinaryExpr) *wire.Expr {
	left, right := l.typeOf(x.X), l.typeOf(x.Y)
	switch x.Op {
	case token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ:
		equality := x.Op == token.EQL || x.Op == token.NEQ
		if t := types.Unalias(l.typeOf(x)); t != types.Typ[types.Bool] && t != types.Typ[types.UntypedBool] || !equality && !computable(left) {
			return nil
		}
	case token.SHL, token.SHR:
		if b, ok := left.(*types.Basic); l.c.info.Types[x.X].Value != nil && (!ok || b.Info()&types.IsUntyped != 0) || !computable(l.typeOf(x)) {
			return nil
		}
		return node(wire.OpBinary, x.Op.String(), l.expr(x.X, nil), l.expr(x.Y, nil))
	default:
		if !computable(l.typeOf(x)) {
			return nil
		}
	}
	return node(wire.OpBinary, x.Op.String(), l.expr(x.X, right), l.expr(x.Y, left))
}

func (l lookup) call(x *ast.CallExpr) *wire.Expr {
	fun := ast.Unparen(x.Fun)
	switch tv := l.c.info.Types[fun]; {
	case tv.IsType():
		basic, ok := types.Unalias(tv.Type).(*types.Basic)
		if _, bytes := l.typeOf(x.Args[0]).Underlying().(*types.Slice); !ok || !computable(basic) || !bytes && !computable(l.typeOf(x.Args[0])) {
			return nil
		}
		e := node(wire.OpConvert, "", l.expr(x.Args[0], nil))
		if e != nil {
			e.Type = types.Typ[basic.Kind()].Name()
		}
		return e
	case tv.IsBuiltin():
		id, ok := fun.(*ast.Ident)
		if !ok || id.Name != "len" && id.Name != "cap" {
			return nil
		}
		return node(wire.Op(id.Name), "", l.expr(x.Args[0], nil)) // OpLen or OpCap
	}
	var f *wire.Expr
	if sel, ok := fun.(*ast.SelectorExpr); ok && l.c.info.Selections[sel] != nil && l.c.info.Selections[sel].Kind() == types.MethodVal {
		f = l.method(sel)
	} else {
		f = l.expr(fun, nil)
	}
	sig, ok := l.typeOf(fun).Underlying().(*types.Signature)
	if f == nil || !ok {
		return nil
	}
	if len(x.Args) == 1 {
		if _, several := l.typeOf(x.Args[0]).(*types.Tuple); several {
			return nil
		}
	}
	args := []*wire.Expr{f}
	for i, a := range x.Args {
		n := sig.Params().Len() - 1
		want := sig.Params().At(min(i, n)).Type()
		if sig.Variadic() && i >= n && !x.Ellipsis.IsValid() {
			want = want.(*types.Slice).Elem()
		}
		args = append(args, l.expr(a, want))
	}
	if x.Ellipsis.IsValid() {
		return node(wire.OpSpread, "", args...)
	}
	return node(wire.OpCall, "", args...)
}

// method translates x.m where it is called: the receiver is made what the method takes.
func (l lookup) method(x *ast.SelectorExpr) *wire.Expr {
	sel := l.c.info.Selections[x]
	m := sel.Obj().(*types.Func)
	recv, t := l.expr(x.X, nil), sel.Recv()
	if path := sel.Index()[:len(sel.Index())-1]; len(path) > 0 {
		recv = l.field(recv, t, path)
		if t = l.follow(t, path); t == nil {
			return nil
		}
	}
	if recv == nil {
		return nil
	}
	_, takesPointer := types.Unalias(m.Signature().Recv().Type()).(*types.Pointer)
	_, isPointer := t.Underlying().(*types.Pointer)
	switch {
	case types.IsInterface(t):
	case takesPointer && !isPointer:
		recv = node(wire.OpAddr, "", recv)
	case !takesPointer && isPointer:
		recv = node(wire.OpDeref, "", recv)
	}
	return node(wire.OpMethod, m.Name(), recv)
}
