// The text of the program that a session is: what its parts need of imports and variables, and what
// the type checker says to it.

package lang

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path"
	"slices"
	"strings"
)

// text writes the file, sees what the type checker says to it, and writes it again: with only the
// imports that it needs, and with values that the session showed printed. It counts what the
// checker says.
func (p *program) text(ctx context.Context) (string, int, error) {
	fset := token.NewFileSet()
	first := p.write(ctx, p.body.String(), nil)
	file, err := parser.ParseFile(fset, "", first, parser.SkipObjectResolution)
	if err != nil {
		return "", 0, fmt.Errorf("engine: the program cannot be parsed: %w", err)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{}}
	var bad []types.Error
	config := types.Config{Importer: boundImporter{ctx, p.s.importer}, Error: func(err error) {
		var e types.Error
		if errors.As(err, &e) && !unusedImport.MatchString(e.Msg) && !strings.Contains(e.Msg, "is not used") {
			bad = append(bad, e)
		}
	}}
	config.Check("main", fset, []*ast.File{file}, info) // its errors are in bad
	used := map[string]bool{}
	for _, obj := range info.Uses {
		if name, ok := obj.(*types.PkgName); ok {
			used[name.Name()] = true
		} else if obj.Pkg() != nil {
			used[". "+obj.Pkg().Path()] = true
		}
	}
	body := p.printing(fset, file, info, first)
	if strings.Contains(body, "fmt.Println(") {
		used["fmt"] = true
		p.imports["fmt"] = "fmt"
	}
	for i, e := range bad[:min(len(bad), 3)] {
		if i == 0 {
			p.note("the program does not build as it is:")
		}
		p.note("    %s", cleanMessage(e.Msg, p.s.declaredIn))
	}
	text, err := format.Source([]byte(p.write(ctx, body, used)))
	if err != nil {
		return "", 0, fmt.Errorf("engine: the program cannot be formatted: %w", err)
	}
	return string(text), len(bad), nil
}

// printing returns the body with expressions that have a value as arguments of fmt.Println.
func (p *program) printing(fset *token.FileSet, file *ast.File, info *types.Info, text string) string {
	var body *ast.BlockStmt
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == p.entry && f.Recv == nil {
			body = f.Body
		}
	}
	if body == nil || len(body.List) == 0 {
		return ""
	}
	offset := func(pos token.Pos) int { return fset.Position(pos).Offset }
	at := offset(body.Lbrace) + 1
	var out strings.Builder
	for _, st := range body.List {
		x, ok := st.(*ast.ExprStmt)
		if !ok || !info.Types[x.X].IsValue() || printsItself(info, x.X) {
			continue
		}
		out.WriteString(text[at:offset(x.Pos())] + "fmt.Println(" + text[offset(x.Pos()):offset(x.End())] + ")")
		at = offset(x.End())
	}
	out.WriteString(text[at:offset(body.Rbrace)])
	return out.String()
}

// typeOf writes the type of a variable.
func (p *program) typeOf(name string, qualifier types.Qualifier) (string, bool) {
	if p.versions == nil {
		obj, ok := p.s.names.objects[name].(*types.Var)
		if !ok {
			obj, ok = p.s.names.gone[name]
		}
		if !ok {
			return "", false
		}
		return types.TypeString(obj.Type(), qualifier), true
	}
	obj, ok := p.versions.vars[name]
	if !ok {
		return "", false
	}
	w := typeWriter{pkg: qualifier, ref: func(o types.Object) (string, bool) { return cmp.Or(p.versions.called(o), o.Name()), true }}
	w.typ(obj.Type())
	return w.out.String(), true
}

// write puts the parts together; used names the imports that are needed, nil all.
func (p *program) write(ctx context.Context, body string, used map[string]bool) string {
	var vars strings.Builder
	names := maps.Clone(p.imports)
	qualifier := func(pkg *types.Package) string {
		if pkg.Path() == cellPath {
			return ""
		}
		name := pkg.Name()
		for names[name] != "" && names[name] != pkg.Path() || names[name] == "" && (p.vars[name] || p.declares(name)) {
			name += "_"
		}
		names[name] = pkg.Path()
		if used != nil {
			used[name] = true
		}
		return name
	}
	for _, name := range slices.Sorted(maps.Keys(p.vars)) {
		typ, ok := p.typeOf(name, qualifier)
		if !ok {
			p.note("the variable %s is not one of the session any more", name)
			continue
		}
		fmt.Fprintf(&vars, "%s %s\n", name, typ)
	}
	if p.ctx && !p.vars["ctx"] {
		vars.WriteString("ctx = context.Background()\n")
		names["context"] = "context"
		if used != nil {
			used["context"] = true
		}
	}
	var b strings.Builder
	b.WriteString("package main\n\nimport (\n")
	foreign := func(name string) int { // the standard library comes first
		if first, _, _ := strings.Cut(names[name], "/"); strings.Contains(first, ".") || first == "gsmlab" {
			return 1
		}
		return 0
	}
	last := 0
	for _, name := range slices.SortedFunc(maps.Keys(names), func(a, b string) int {
		return cmp.Or(foreign(a)-foreign(b), cmp.Compare(names[a], names[b]))
	}) {
		file := names[name]
		if foreign(name) > last {
			b.WriteString("\n")
			last = 1
		}
		if kind, _, blank := strings.Cut(name, " "); blank {
			if kind == "_" || used == nil || used[name] {
				fmt.Fprintf(&b, "%s %q\n", kind, file)
			}
		} else if used == nil || used[name] {
			if pkg, err := p.s.importer.Import(ctx, file); err == nil && name == pkg.Name() && name == path.Base(file) {
				name = ""
			}
			fmt.Fprintf(&b, "%s %q\n", name, file)
		}
	}
	b.WriteString(")\n\n")
	if vars.Len() > 0 {
		b.WriteString("var (\n" + vars.String() + ")\n\n")
	}
	for _, d := range p.decls {
		if d != "" {
			b.WriteString(d + "\n\n")
		}
	}
	b.WriteString("func " + p.entry + "() {\n" + strings.TrimSpace(body) + "\n}\n")
	return b.String()
}
