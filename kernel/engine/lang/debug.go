// Debugging builds: a call before each statement, and what the debugger knows of each.

package lang

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"gsmlab/kernel/engine/wire"
)

// Debugged says where a package that was built for debugging can stop, and what is seen there.
type Debugged struct {
	statements map[int]*Statement
	pkg        *types.Package
	refs       map[types.Object]ref
}

// Statement is one before which goroutines can stop.
type Statement struct {
	Place Place
	Func  string // the function that it is of, as stacks name it
	First bool   // no statement of its function comes before it in its line
	pos   token.Pos
	scope *types.Scope // the innermost; nil at the top level of a cell
	vars  []*types.Var // that it sees, the innermost first
}

// function is a function while its statements are being listed.
type function struct {
	name     string
	scope    *types.Scope
	literals int
	lines    map[int]bool // that have a statement
}

const builtFrame = wire.Tick + "f"

// enterFrame is the beginning of a function that is built for debugging.
const enterFrame = builtFrame + ":=" + tick + "rt.Enter(&" + wire.SymbolUnit + ");defer " + builtFrame + ".Leave();"

// eachStatement calls visit for each statement of n, of a function named f, that can be stopped at,
// and enter for each body of a function. at is where its text begins, st what its line is that of.
// For an "else if" it is the condition.
func eachStatement(n ast.Node, f *function, enter func(body *ast.BlockStmt, typ *ast.FuncType, f *function), visit func(at, st ast.Node, f *function)) {
	list := func(all []ast.Stmt, f *function) {
		for _, st := range all {
			inner := st
			for {
				l, ok := inner.(*ast.LabeledStmt)
				if !ok {
					break
				}
				inner = l.Stmt
			}
			switch s := inner.(type) {
			case *ast.EmptyStmt, *ast.BadStmt, *ast.BlockStmt, *ast.CaseClause, *ast.CommClause:
				continue
			case *ast.DeclStmt:
				if g, ok := s.Decl.(*ast.GenDecl); ok && g.Tok != token.VAR {
					continue
				}
			}
			visit(st, inner, f)
		}
	}
	ast.Inspect(n, func(m ast.Node) bool {
		switch m := m.(type) {
		case *ast.FuncDecl:
			if m.Body != nil {
				inner := &function{name: functionName(m), lines: map[int]bool{}}
				enter(m.Body, m.Type, inner)
				eachStatement(m.Body, inner, enter, visit)
			}
			return false
		case *ast.FuncLit:
			f.literals++
			inner := &function{name: fmt.Sprintf("%s.func%d", f.name, f.literals), lines: map[int]bool{}}
			enter(m.Body, m.Type, inner)
			eachStatement(m.Body, inner, enter, visit)
			return false
		case *ast.BlockStmt:
			list(m.List, f)
		case *ast.CaseClause:
			list(m.Body, f)
		case *ast.CommClause:
			list(m.Body, f)
		case *ast.IfStmt:
			if other, ok := m.Else.(*ast.IfStmt); ok {
				visit(other.Cond, other.Cond, f)
			}
		}
		return true
	})
}

// functionName is how stacks call a function.
func functionName(f *ast.FuncDecl) string {
	recv := receiver(f)
	if recv == "" {
		return f.Name.Name
	}
	if _, pointer := f.Recv.List[0].Type.(*ast.StarExpr); pointer {
		recv = "(*" + recv + ")"
	}
	return recv + "." + f.Name.Name
}

// topFunction is the function that a cell's own statements are of.
func (e *emitter) topFunction() *function {
	if e.top == nil {
		e.top = &function{name: fmt.Sprintf("cell %d", e.c.shown), lines: map[int]bool{}}
		if f, ok := e.c.pkg.Scope().Lookup(tick + "run").(*types.Func); ok {
			e.top.scope = f.Scope()
		}
	}
	return e.top
}

// hooks are the edits that have the functions and the nested statements of n call the debugger.
func (e *emitter) hooks(n ast.Node) (list []edit) {
	if e.debug == nil {
		return nil
	}
	enter := func(body *ast.BlockStmt, typ *ast.FuncType, f *function) {
		f.scope = e.c.info.Scopes[typ]
		at := e.src.offset(body.Lbrace) + 1
		list = append(list, edit{at, at, enterFrame})
	}
	eachStatement(n, e.topFunction(), enter, func(at, st ast.Node, f *function) {
		text := e.stopAt(st, f)
		start := e.src.offset(at.Pos())
		if cond, ok := st.(ast.Expr); ok {
			if t, ok := e.c.info.TypeOf(cond).(*types.Basic); !ok || t.Info()&types.IsBoolean == 0 || text == "" {
				return // && wants both of one type
			}
			end := e.src.offset(writtenEnd(cond))
			call := strings.Replace(strings.TrimSuffix(text, ";"), ".At(", ".AtTrue(", 1)
			list = append(list, edit{start, start, call + "&&("}, edit{end, end, ")"})
			return
		}
		list = append(list, edit{start, start, text})
	})
	return list
}

// stopAt is the call before a statement, "" where there can be none.
func (e *emitter) stopAt(st ast.Node, f *function) string {
	if e.debug == nil {
		return ""
	}
	p := placeOf(e.s.fset.Position(st.Pos()))
	number := wire.StatementNumber(p.Line, e.lines[p.Line])
	if wire.LineOf(number) != p.Line {
		return "" // more statements than a line may have
	}
	e.lines[p.Line]++
	s := &Statement{Place: p, Func: f.name, First: !f.lines[p.Line], pos: st.Pos()}
	f.lines[p.Line] = true
	if f.scope != nil {
		s.scope = f.scope.Innermost(st.Pos())
		s.vars = e.visible(s.scope, st.Pos())
	}
	e.debug.statements[number] = s
	text := fmt.Sprintf("%s.At(%d", builtFrame, number)
	for _, v := range s.vars {
		text += ",&" + v.Name()
	}
	return text + ");"
}

// visible lists the variables of functions that are seen at pos, the innermost first.
func (e *emitter) visible(scope *types.Scope, pos token.Pos) (vars []*types.Var) {
	seen := map[string]bool{}
	for s := scope; s != nil && s != e.c.pkg.Scope() && s.Parent() != e.c.pkg.Scope(); s = s.Parent() {
		var own []*types.Var
		for _, name := range s.Names() {
			_, obj := scope.LookupParent(name, pos)
			if v, ok := obj.(*types.Var); ok && v.Parent() == s && !seen[name] {
				own = append(own, v)
				seen[name] = true
			}
		}
		slices.SortFunc(own, func(a, b *types.Var) int { return int(a.Pos() - b.Pos()) })
		vars = append(vars, own...)
	}
	return vars
}

// EmitForDebugging is Emit for a package that stops where the debugger wants.
func (s *Scope) EmitForDebugging(c *Checked) (*Emitted, *Debugged, error) {
	d := &Debugged{statements: map[int]*Statement{}, pkg: c.pkg}
	out, err := s.emit(c, d)
	if err != nil {
		return nil, nil, err
	}
	d.refs = out.refs
	return out, d, nil
}

// Statement returns a statement by its number, or nil.
func (d *Debugged) Statement(number int) *Statement { return d.statements[number] }

// At lists the statements that are the first of their function in a line of a cell.
func (d *Debugged) At(cell, line int) (numbers []int) {
	for n, s := range d.statements {
		if s.First && s.Place.Cell == cell && s.Place.Line == line {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers
}

// Names lists the variables that a statement sees.
func (s *Statement) Names() (names []string) {
	for _, v := range s.vars {
		names = append(names, v.Name())
	}
	return names
}

// Lines lists the lines of a cell in which a statement begins: goroutines can stop there.
func Lines(text string) (lines []int) {
	fset := token.NewFileSet()
	src, err := parseCell(fset, 0, text)
	if err != nil {
		return nil
	}
	visit := func(_, st ast.Node, _ *function) { lines = append(lines, fset.Position(st.Pos()).Line) }
	for _, d := range src.decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR {
			for _, spec := range g.Specs {
				if len(spec.(*ast.ValueSpec).Values) > 0 {
					visit(nil, spec, nil)
				}
			}
		}
		eachStatement(d, &function{}, func(*ast.BlockStmt, *ast.FuncType, *function) {}, visit)
	}
	for _, st := range src.stmts {
		visit(nil, st, nil)
		eachStatement(st, &function{}, func(*ast.BlockStmt, *ast.FuncType, *function) {}, visit)
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}
