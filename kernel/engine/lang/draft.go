// Unfinished cells, checked as far as that goes; assist reads from them what may stand at the
// cursor.

package lang

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"gsmlab/kernel/engine/wire"
)

// DraftText is the text of a cell that may be unfinished, in the parts that parse. The name in
// question is at offset At of the declarations or of the statements.
type DraftText struct {
	Imports []string
	Decls   string
	Stmts   string
	InDecls bool
	At      int
}

// Draft is a cell that may be unfinished, checked as far as that goes.
type Draft struct {
	Name *ast.Ident // the name in question
	Path []ast.Node // the nodes around it, outermost first, and the name itself
	Pkg  *types.Package
	Info *types.Info

	scope   *Scope
	checked *Checked
	texts   []string // what was parsed, by the bases of the source; the name is in the last
}

// CheckDraft parses and checks a text as far as it goes, nil where it does not go as far as the
// name. The scope is not changed, and may be read by others meanwhile.
func (s *Scope) CheckDraft(ctx context.Context, t DraftText) *Draft {
	own := *s
	own.fset = token.NewFileSet() // its positions are forgotten with the draft
	return own.checkDraft(ctx, t)
}

func (s *Scope) checkDraft(ctx context.Context, t DraftText) *Draft {
	src := &source{imports: map[string]importSpec{}, apart: true}
	for _, part := range t.Imports {
		s.addImports(src, part)
	}
	decls := s.parseBroken(src, "package main\n", t.Decls, "")
	src.decls, src.free = decls.Decls, decls.Unresolved
	body := s.parseBroken(src, "package main\nfunc _() {\n", t.Stmts, "\n}")
	for _, decl := range body.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && f.Body != nil {
			src.stmts = append(src.stmts, f.Body.List...)
		}
	}
	src.early = body.Unresolved
	d := &Draft{scope: s, texts: []string{t.Decls, t.Stmts}}
	if t.InDecls {
		slices.Reverse(d.texts)
		slices.Reverse(src.bases)
	}
	receiversAsParameters(src)
	declared, _ := src.declared()
	s.autoImport(src, declared)
	d.checked = &Checked{sources: []*source{src}, vars: map[*ast.Ident]ref{}, same: map[types.Object]ref{}}
	extra, err := s.bindEarly(ctx, d.checked, s.early(src))
	if err != nil {
		extra = nil
	}
	d.find(src, t.At)
	if d.Name == nil || !s.checkBroken(ctx, d.checked, declared, extra) {
		return nil
	}
	d.Pkg, d.Info = d.checked.pkg, d.checked.info
	return d
}

// checkBroken runs the type checker on what may be no whole program. It was not made for that.
func (s *Scope) checkBroken(ctx context.Context, c *Checked, declared []string, extra []types.Object) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	s.runChecker(ctx, c, declared, extra, false) // errors are expected
	return true
}

func (s *Scope) addImports(src *source, part string) {
	f, err := parser.ParseFile(s.fset, "", "package main\n"+part, parser.ImportsOnly)
	if err != nil {
		return
	}
	for _, spec := range f.Imports {
		src.addImport(spec)
	}
}

// parseBroken parses what it can; the base of the latest file is the last one.
func (s *Scope) parseBroken(src *source, prefix, text, suffix string) *ast.File {
	// a file comes with any error
	f, _ := parser.ParseFile(s.fset, "", prefix+text+suffix, parser.AllErrors|parser.ParseComments)
	src.bases = append(src.bases, base{s.fset.File(f.FileStart), len(prefix)})
	return f
}

// receiversAsParameters makes functions of methods whose type is of an earlier cell, because the
// checker cannot add methods to it: `func (p point) f()` becomes `func _(p point)`.
func receiversAsParameters(src *source) {
	declared, _ := src.declared()
	for _, d := range src.decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv == nil || len(f.Recv.List) == 0 || slices.Contains(declared, receiver(f)) {
			continue
		}
		t := f.Recv.List[0].Type
		if p, ok := t.(*ast.StarExpr); ok {
			t = p.X
		}
		switch x := t.(type) { // the type's parameters become those of the function
		case *ast.IndexExpr:
			f.Type.TypeParams = typeParams(x.Index)
		case *ast.IndexListExpr:
			f.Type.TypeParams = typeParams(x.Indices...)
		}
		f.Type.Params.List = append(f.Recv.List, f.Type.Params.List...)
		f.Recv, f.Name = nil, &ast.Ident{Name: "_", NamePos: f.Name.Pos()}
	}
}

func typeParams(args ...ast.Expr) *ast.FieldList {
	list := &ast.FieldList{}
	for _, a := range args {
		if id, ok := a.(*ast.Ident); ok {
			list.List = append(list.List, &ast.Field{Names: []*ast.Ident{{Name: id.Name, NamePos: id.Pos()}}, Type: &ast.Ident{Name: "any", NamePos: id.Pos()}})
		}
	}
	return list
}

// find looks for the name at offset at of the source's text.
func (d *Draft) find(src *source, at int) {
	b := src.bases[len(src.bases)-1]
	pos := b.file.Pos(min(b.prefix+at, b.file.Size()))
	visit := func(root ast.Node) {
		var path []ast.Node
		ast.Inspect(root, func(n ast.Node) bool {
			if n == nil {
				path = path[:len(path)-1]
				return true
			}
			path = append(path, n)
			if id, ok := n.(*ast.Ident); ok && id.Pos() == pos && d.Name == nil {
				d.Name, d.Path = id, slices.Clone(path)
			}
			return true
		})
	}
	for _, decl := range src.decls {
		visit(decl)
	}
	for _, st := range src.stmts {
		visit(st)
	}
}

// Parent returns the node n levels above the name, or nil.
func (d *Draft) Parent(n int) ast.Node {
	if i := len(d.Path) - 1 - n; i >= 0 {
		return d.Path[i]
	}
	return nil
}

// Around returns the innermost scope of Go around the name.
func (d *Draft) Around() *types.Scope {
	for _, n := range slices.Backward(d.Path) {
		switch f := n.(type) { // the scope of a function is that of its type
		case *ast.FuncDecl:
			n = f.Type
		case *ast.FuncLit:
			n = f.Type
		}
		if scope := d.Info.Scopes[n]; scope != nil {
			return scope
		}
	}
	for n, scope := range d.Info.Scopes {
		if _, isFile := n.(*ast.File); isFile { // there is one
			return scope
		}
	}
	return d.Pkg.Scope()
}

// Imports gives the imports of the draft: the path of each by its name.
func (d *Draft) Imports() map[string]string {
	all := map[string]string{}
	for _, spec := range d.checked.sources[0].imports {
		if name := d.scope.nameIn(spec); name != "_" && name != "." {
			all[name] = spec.path
		}
	}
	return all
}

// Source returns the text of the draft that pos is in, and its line there.
func (d *Draft) Source(pos token.Pos) (text string, line int, ok bool) {
	for i, b := range d.checked.sources[0].bases {
		if b.contains(pos) {
			return d.texts[i], b.file.Line(pos) - b.file.Line(b.file.Pos(b.prefix)) + 1, true
		}
	}
	return "", 0, false
}

// Look returns what the worker evaluates to show the variable or field obj that was named, nil if
// it has no value yet, or if a call would be needed.
func (d *Draft) Look(obj types.Object) *wire.Expr {
	var x ast.Expr = d.Name
	if sel, ok := d.Parent(1).(*ast.SelectorExpr); ok && sel.Sel == d.Name {
		x = sel
	}
	if e := (lookup{s: d.scope, c: d.checked}).expr(x, nil); e != nil {
		if calls(e) {
			return nil
		}
		return e
	}
	names := d.scope.names
	if old := names.objects[obj.Name()]; old != nil && obj.Parent() == d.Pkg.Scope() {
		// the cell declares it, maybe again
		if r, ok := names.refs[old]; ok && types.Identical(old.Type(), obj.Type()) {
			return &wire.Expr{Op: wire.OpName, Name: r.name, Cell: r.pkg}
		}
	}
	return nil
}

func calls(x *wire.Expr) bool {
	return x != nil && (x.Op == wire.OpCall || x.Op == wire.OpSpread || slices.ContainsFunc(x.Args, calls))
}

// WrittenName is the name of an object as the cell writes it; the checker may know it by another.
func WrittenName(obj types.Object) string {
	name, _, _ := strings.Cut(obj.Name(), "·")
	return name
}

// Internal reports whether a name is one that cells do not write: the engine's own.
func Internal(name string) bool {
	return strings.Contains(name, "·") || strings.HasPrefix(name, tick)
}
