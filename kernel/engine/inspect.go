package engine

import (
	"context"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gsmlab/kernel/engine/rt"
)

const (
	maxValue   = 2000        // bytes of an inspected value
	maxMethods = 60          // that are listed of a type
	valueWait  = time.Second // for a value to show itself
)

// Inspect implements Engine.
func (s *session) Inspect(code string, offset int) (Inspection, bool) {
	offset = min(max(offset, 0), len(code))
	start, end, ok := inspected(code, offset)
	if !ok || strings.Contains(code, tick) {
		return Inspection{}, false
	}
	view := s.beside()
	p := view.partialCell(code, start, end, "")
	if p == nil {
		return s.inspectPackage(view.names, code[start:end])
	}
	obj := p.info.ObjectOf(p.id)
	switch o := obj.(type) {
	case nil:
		return s.inspectPackage(view.names, code[start:end])
	case *types.PkgName:
		return s.describePackage(o.Imported()), true
	}
	found := s.inspectObject(view, p, obj)
	if _, isVar := obj.(*types.Var); isVar {
		found.Value = s.value(view.lookUp(p, obj))
	}
	return found, true
}

// inspected returns the name at offset, or the one before the bracket of the call around it.
func inspected(code string, offset int) (start, end int, ok bool) {
	tok, _ := tokenAround(code, offset)
	if tok != token.ILLEGAL && tok != token.IDENT && tok != token.STRING {
		return 0, 0, false
	}
	if tok != token.STRING {
		if start, end = nameAt(code, offset); start < end && !token.IsKeyword(code[start:end]) {
			return start, end, true
		}
	}
	tokens, _ := lex(code[:offset])
	depth := 0
	for i, t := range slices.Backward(tokens) {
		switch t.tok {
		case token.RPAREN, token.RBRACE, token.RBRACK:
			depth++
		case token.LBRACE, token.LBRACK:
			depth--
		case token.LPAREN:
			if depth--; depth < 0 && i > 0 && tokens[i-1].tok == token.IDENT {
				before := tokens[i-1]
				return before.offset, before.offset + len(before.lit), true
			}
		}
		if depth < 0 {
			depth = 0 // brackets of no call
		}
	}
	return 0, 0, false
}

// inspectPackage describes a package that would be imported by itself.
func (s *session) inspectPackage(names *names, name string) (Inspection, bool) {
	path, ok := s.index.find(name)
	if spec, known := names.imports[name]; known {
		path, ok = spec.path, true
	}
	if !ok {
		return Inspection{}, false
	}
	pkg, err := s.tools.Import(path)
	if err != nil {
		return Inspection{}, false
	}
	return s.describePackage(pkg), true
}

func (s *session) describePackage(pkg *types.Package) Inspection {
	return Inspection{Name: pkg.Name(), Kind: "package", Signature: fmt.Sprintf("package %s // import %q", pkg.Name(), pkg.Path()), Doc: s.packageDoc(pkg)}
}

// inspectObject says what an object is that a cell names.
func (s *session) inspectObject(view *session, p *partial, obj types.Object) Inspection {
	it := item(obj)
	name, _, _ := strings.Cut(obj.Name(), "·")
	found := Inspection{Name: name, Kind: it.Kind}
	if pkg := obj.Pkg(); pkg != nil && pkg.Path() != cellPath && obj.Parent() == pkg.Scope() {
		found.Name = pkg.Name() + "." + name
	}
	doc, text := s.documentation(view, p, obj)
	found.Doc = doc
	switch o := obj.(type) {
	case *types.Func:
		recv := ""
		if r := o.Signature().Recv(); r != nil {
			recv = "(" + typeText(r.Type()) + ") "
		}
		found.Signature = "func " + recv + found.Name + strings.TrimPrefix(it.Signature, "func")
	case *types.Builtin:
		found.Signature = "func " + name + strings.TrimPrefix(it.Signature, "func")
	case *types.TypeName:
		if text == "" {
			text = "type " + name + " " + it.Signature
		}
		found.Signature = text + methodList(o)
	default:
		found.Signature = it.Kind + " " + found.Name + " " + it.Signature
	}
	return found
}

// methodList lists the methods of a declared type, one a line.
func methodList(obj *types.TypeName) string {
	named, ok := types.Unalias(obj.Type()).(*types.Named)
	if !ok || types.IsInterface(named) {
		return ""
	}
	var lines []string
	for i := range named.NumMethods() {
		if m := named.Method(i); visible(m) {
			lines = append(lines, fmt.Sprintf("\nfunc (%s) %s%s", typeText(m.Signature().Recv().Type()), m.Name(), strings.TrimPrefix(typeText(m.Type()), "func")))
		}
	}
	slices.Sort(lines)
	if len(lines) > maxMethods {
		lines = append(lines[:maxMethods], fmt.Sprintf("\n... %d more", len(lines)-maxMethods))
	}
	if len(lines) > 0 {
		lines[0] = "\n" + lines[0]
	}
	return strings.Join(lines, "")
}

// lookUp returns what the worker evaluates to show the variable or field that was named, nil if it has no
// value yet, or if a call would be needed.
func (s *session) lookUp(p *partial, obj types.Object) *rt.Expr {
	var x ast.Expr = p.id
	if sel, ok := p.parent(1).(*ast.SelectorExpr); ok && sel.Sel == p.id {
		x = sel
	}
	if e := (lookup{s, p.checked}).expr(x, nil); e != nil {
		if calls(e) {
			return nil
		}
		return e
	}
	if old := s.names.objects[obj.Name()]; old != nil && obj.Parent() == p.pkg.Scope() { // the cell declares it, maybe again
		if r, ok := s.names.refs[old]; ok && types.Identical(old.Type(), obj.Type()) {
			return &rt.Expr{Op: rt.OpName, Name: r.name, Cell: r.pkg}
		}
	}
	return nil
}

func calls(x *rt.Expr) bool {
	return x != nil && (x.Op == rt.OpCall || x.Op == rt.OpSpread || slices.ContainsFunc(x.Args, calls))
}

// value evaluates x, unless a cell runs. A value that takes long to show itself is not waited for; until it
// is done, or is interrupted, the next cell waits.
func (s *session) value(x *rt.Expr) string {
	if x == nil || !s.running.TryLock() {
		return ""
	}
	select {
	case <-s.process.dead: // the next cell will say so
		s.running.Unlock()
		return ""
	default:
	}
	s.process.send(rt.Command{Do: "look", Look: x, Cell: s.shown, Quiet: true})
	answer := make(chan string, 1)
	go func() {
		defer s.running.Unlock()
		times := s.times
		defer func() { s.times = times }()
		if s.wait(context.Background(), s.shown) == nil {
			answer <- clean(s.said)
		} else {
			answer <- ""
		}
	}()
	var text string
	select {
	case text = <-answer:
	case <-time.After(valueWait):
	}
	if len(text) > maxValue {
		cut := maxValue
		for !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + "…"
	}
	return text
}
