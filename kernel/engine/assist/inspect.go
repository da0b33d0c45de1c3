// Inspection: what the name at the cursor means.

package assist

import (
	"context"
	"fmt"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"gsmlab/kernel/engine/lang"
	"gsmlab/kernel/engine/wire"
)

const maxMethods = 60 // the most methods that are listed for a type

// Inspect says what the name at offset means, or the function whose arguments are at offset. value
// is what the worker can evaluate to show the value of a variable, or nil.
func (a Assistant) Inspect(ctx context.Context, code string, offset int) (found Inspection, value *wire.Expr, ok bool) {
	offset = min(max(offset, 0), len(code))
	start, end, ok := inspected(code, offset)
	if !ok || strings.Contains(code, placeholder) {
		return Inspection{}, nil, false
	}
	d := a.draft(ctx, code, start, end, "")
	if d == nil {
		found, ok = a.inspectPackage(ctx, code[start:end])
		return found, nil, ok
	}
	obj := d.Info.ObjectOf(d.Name)
	switch o := obj.(type) {
	case nil:
		found, ok = a.inspectPackage(ctx, code[start:end])
		return found, nil, ok
	case *types.PkgName:
		return a.describePackage(o.Imported()), nil, true
	}
	found = a.inspectObject(d, obj)
	if _, isVar := obj.(*types.Var); isVar {
		value = d.Look(obj)
	}
	return found, value, true
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
	tokens, _ := lang.Lex(code[:offset])
	depth := 0
	for i, t := range slices.Backward(tokens) {
		switch t.Tok {
		case token.RPAREN, token.RBRACE, token.RBRACK:
			depth++
		case token.LBRACE, token.LBRACK:
			depth--
		case token.LPAREN:
			if depth--; depth < 0 && i > 0 && tokens[i-1].Tok == token.IDENT {
				before := tokens[i-1]
				return before.Offset, before.Offset + len(before.Lit), true
			}
		}
		if depth < 0 {
			depth = 0 // brackets that are not of a call
		}
	}
	return 0, 0, false
}

// inspectPackage describes a package that would be imported automatically.
func (a Assistant) inspectPackage(ctx context.Context, name string) (Inspection, bool) {
	path, ok := a.Packages.Find(name)
	if known, imported := a.Scope.Imports()[name]; imported {
		path, ok = known, true
	}
	if !ok {
		return Inspection{}, false
	}
	pkg, err := a.Scope.Import(ctx, path)
	if err != nil {
		return Inspection{}, false
	}
	return a.describePackage(pkg), true
}

func (a Assistant) describePackage(pkg *types.Package) Inspection {
	doc, file := a.packageDoc(pkg)
	return Inspection{
		Name: pkg.Name(), Kind: "package", Signature: fmt.Sprintf("package %s // import %q", pkg.Name(), pkg.Path()), Doc: doc,
		links: a.links(pkg, file),
	}
}

// inspectObject describes an object that a cell names.
func (a Assistant) inspectObject(d *lang.Draft, obj types.Object) Inspection {
	it := item(obj)
	name := lang.WrittenName(obj)
	found := Inspection{Name: name, Kind: it.Kind}
	if pkg := obj.Pkg(); pkg != nil && !lang.IsCell(pkg) && obj.Parent() == pkg.Scope() {
		found.Name = pkg.Name() + "." + name
	}
	doc, text := a.documentation(d, obj)
	found.Doc, found.links = doc, a.links(obj.Pkg(), a.SourceFile(a.Scope.Position(obj.Pos()).Filename))
	switch o := obj.(type) {
	case *types.Func:
		recv := ""
		if r := o.Signature().Recv(); r != nil {
			recv = "(" + lang.TypeText(r.Type()) + ") "
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

// methodList lists the methods of a declared type, one per line.
func methodList(obj *types.TypeName) string {
	named, ok := types.Unalias(obj.Type()).(*types.Named)
	if !ok || types.IsInterface(named) {
		return ""
	}
	var lines []string
	for i := range named.NumMethods() {
		if m := named.Method(i); visible(m) {
			lines = append(lines, fmt.Sprintf("\nfunc (%s) %s%s", lang.TypeText(m.Signature().Recv().Type()), m.Name(), strings.TrimPrefix(lang.TypeText(m.Type()), "func")))
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
