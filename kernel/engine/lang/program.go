// The session as a Go program, from the cells that ended without an error.

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
	"strconv"
	"strings"

	"gsmlab/kernel/engine/wire"
)

// Program is a session as one Go file.
type Program struct {
	Text  string
	Notes []string // what is different from the session, one line each
}

// program collects the parts of the file.
type program struct {
	s       *Scope
	entry   string            // the function with the statements: "main" or "init"
	imports map[string]string // name -> path
	decls   []string          // in the order of the cells
	at      map[string]int    // declared name -> index in decls
	cell    map[string]int    // declared name -> its cell
	vars    map[string]bool
	body    strings.Builder
	values  []value  // of variables that are declared side by side, not yet in body
	inits   int      // functions init of the cell that are declared
	calls   []string // of them, not yet in body
	ctx     bool     // cells use ctx
	comment string   // above what is added
	notes   []string
}

// value gives variables their value.
type value struct {
	at   int // in its cell
	text string
}

// Source is the text of a cell.
type Source struct {
	Cell int
	Text string
}

// Program is the session as a Go program. Variables are those of the package, and the statements of
// all cells follow each other in the function main. With the entry init it is what a test needs:
// variables get the values that they were declared with, and other statements are left out.
func (s *Scope) Program(ctx context.Context, sources []Source, entry string) (Program, error) {
	p := &program{s: s, entry: entry, imports: map[string]string{}, at: map[string]int{}, cell: map[string]int{}, vars: map[string]bool{}}
	for _, source := range sources {
		if err := p.add(source); err != nil {
			return Program{}, err
		}
	}
	text, err := p.text(ctx)
	return Program{text, p.notes}, err
}

func (p *program) note(format string, args ...any) {
	if note := fmt.Sprintf(format, args...); !slices.Contains(p.notes, note) {
		p.notes = append(p.notes, note)
	}
}

// add takes the parts of a cell.
func (p *program) add(source Source) error {
	src, err := parseCell(p.s.fset, source.Cell, source.Text)
	if err != nil {
		return err
	}
	declared, _ := src.declared()
	p.s.autoImport(src, declared)
	for _, key := range slices.Sorted(maps.Keys(src.imports)) {
		p.addImport(src.imports[key], source.Cell)
	}
	for _, id := range append(slices.Clone(src.free), src.early...) {
		p.ctx = p.ctx || id.Name == "ctx"
	}
	before := 0
	p.inits = 0
	for _, d := range src.decls {
		if f, ok := d.(*ast.FuncDecl); ok && isInit(f) {
			p.calls = append(p.calls, initOf(source.Cell, len(p.calls)))
		}
	}
	for _, part := range Split(source.Text) {
		p.comment = commentAbove(source.Text[before:part.Start])
		before = part.End
		if part.Imports {
			continue
		}
		for _, d := range src.decls {
			if at := src.offset(d.Pos()); at >= part.Start && at < part.End {
				p.addDecl(source.Cell, src, d)
			}
		}
		for _, st := range src.stmts {
			if at := src.offset(st.Pos()); at >= part.Start && at < part.End {
				p.addValues(source.Cell)
				p.callInits()
				p.addStatement(source.Cell, src, st)
			}
		}
	}
	p.addValues(source.Cell)
	p.callInits()
	return nil
}

// callInits calls the functions init of a cell where the session has: when the variables above its
// first statement have their values. In a program init itself would run before all cells.
func (p *program) callInits() {
	for _, name := range p.calls {
		p.body.WriteString(name + "()\n")
	}
	p.calls = nil
}

// commentAbove returns the lines of comment at the end of text, which belong to what follows.
func commentAbove(text string) string {
	lines := strings.SplitAfter(text, "\n")
	from := len(lines) - 1 // what stands before it in its own line is no comment of lines
	for from > 0 && strings.HasPrefix(strings.TrimSpace(lines[from-1]), "//") {
		from--
	}
	if from == 0 && !strings.HasPrefix(strings.TrimSpace(lines[0]), "//") {
		return ""
	}
	return strings.Join(lines[from:len(lines)-1], "")
}

func (p *program) addImport(spec importSpec, cell int) {
	name := p.s.nameIn(spec)
	if name == "_" || name == "." {
		name += " " + spec.path // there may be several
	}
	if old := p.imports[name]; old != "" && old != spec.path {
		p.note("cell %d means %s by %s, an earlier cell %s: the program has the former", cell, strconv.Quote(spec.path), name, strconv.Quote(old))
	}
	p.imports[name] = spec.path
}

const redeclared = "%s of cell %d is declared again in cell %d: the program has the latter everywhere"

// declare keeps a declaration in place of an earlier one of the same name.
func (p *program) declare(cell int, name, text string) {
	if i, again := p.at[name]; again {
		p.note(redeclared, name, p.cell[name], cell)
		p.decls[i] = ""
	} else if p.vars[name] {
		p.note(redeclared, name, p.cell[name], cell)
		delete(p.vars, name)
	}
	p.at[name], p.cell[name] = len(p.decls), cell
	p.decls = append(p.decls, p.comment+text)
	p.comment = ""
}

func (p *program) addDecl(cell int, src *source, d ast.Decl) {
	text := func(n ast.Node) string { return src.text[src.offset(n.Pos()):src.offset(n.End())] }
	switch d := d.(type) {
	case *ast.FuncDecl:
		name, body := d.Name.Name, text(d)
		if p.entry == "init" { // go test is to name lines of cells
			p.comment += fmt.Sprintf("//line %s:%d\n", wire.CellFile(cell), p.s.fset.Position(d.Pos()).Line)
		}
		if r := receiver(d); r != "" {
			p.declare(cell, r+"."+name, body)
			return
		}
		if name == "main" || name == "init" { // the program has its own
			name = mainOf(cell)
			if isInit(d) {
				name = initOf(cell, p.inits)
				p.inits++
			}
			at := src.offset(d.Name.Pos()) - src.offset(d.Pos())
			body = body[:at] + name + body[at+len("main"):]
		}
		p.declare(cell, name, body)
	case *ast.GenDecl:
		if d.Tok == token.VAR {
			for _, spec := range d.Specs {
				p.addVar(cell, src, spec.(*ast.ValueSpec))
			}
			return
		}
		if d.Tok == token.CONST { // a group with iota stays together
			var names []string
			for _, spec := range d.Specs {
				for _, id := range spec.(*ast.ValueSpec).Names {
					names = append(names, id.Name)
				}
			}
			p.declare(cell, strings.Join(names, ", "), text(d))
			return
		}
		for _, spec := range d.Specs {
			p.declare(cell, spec.(*ast.TypeSpec).Name.Name, "type "+text(spec))
		}
	}
}

func mainOf(cell int) string { return fmt.Sprintf("mainOfCell%d", cell) }

// initOf is the name of the n-th function init of a cell, beginning with 0.
func initOf(cell, n int) string {
	if n == 0 {
		return fmt.Sprintf("initOfCell%d", cell)
	}
	return fmt.Sprintf("initOfCell%d_%d", cell, n+1)
}

func isInit(f *ast.FuncDecl) bool { return f.Recv == nil && f.Name.Name == "init" }

// addVar turns a variable's initial value into a statement: it is to be computed when its cell is.
func (p *program) addVar(cell int, src *source, spec *ast.ValueSpec) {
	var names []string
	for _, id := range spec.Names {
		names = append(names, id.Name)
		p.addName(cell, id.Name)
	}
	if len(spec.Values) == 0 {
		return
	}
	add := func(names []string, from, to ast.Expr) {
		text := src.text[src.offset(from.Pos()):src.offset(to.End())]
		p.values = append(p.values, value{src.offset(from.Pos()), fmt.Sprintf("%s%s = %s\n", p.comment, strings.Join(names, ", "), text)})
		p.comment = ""
	}
	if n := len(spec.Values); n > 1 && p.s.names.orders[cell] != nil {
		// others may come between them
		for i, v := range spec.Values {
			add(names[i:i+1], v, v)
		}
	} else {
		add(names, spec.Values[0], spec.Values[n-1])
	}
}

// addValues writes values in the order in which the cell has computed them.
func (p *program) addValues(cell int) {
	order := p.s.names.orders[cell]
	slices.SortStableFunc(p.values, func(a, b value) int { return slices.Index(order, a.at) - slices.Index(order, b.at) })
	for _, v := range p.values {
		p.body.WriteString(v.text)
	}
	p.values = nil
}

func (p *program) addName(cell int, name string) {
	if name == "_" {
		return
	}
	if i, again := p.at[name]; again {
		p.note(redeclared, name, p.cell[name], cell)
		p.decls[i] = ""
		delete(p.at, name)
	}
	p.vars[name], p.cell[name] = true, cell
}

func (p *program) addStatement(cell int, src *source, st ast.Stmt) {
	text := src.text[src.offset(st.Pos()):src.offset(st.End())]
	if a := defines(st); a != nil {
		for _, l := range a.Lhs {
			if id, ok := l.(*ast.Ident); ok {
				p.addName(cell, id.Name)
			}
		}
		at := src.offset(a.TokPos) - src.offset(st.Pos())
		text = text[:at] + "=" + text[at+len(":="):]
	}
	if p.entry == "init" && defines(st) == nil {
		return // of a test: see Program
	}
	if call := strings.TrimSuffix(strings.TrimSpace(text), ";"); call == "main()" {
		text = mainOf(cell) + "()"
	}
	p.body.WriteString(p.comment + text + "\n")
}

// text writes the file, sees what the type checker says to it, and writes it again: with only the
// imports that it needs, and with values that the session showed printed.
func (p *program) text(ctx context.Context) (string, error) {
	fset := token.NewFileSet()
	first := p.write(ctx, p.body.String(), nil)
	file, err := parser.ParseFile(fset, "", first, parser.SkipObjectResolution)
	if err != nil {
		return "", fmt.Errorf("engine: the program cannot be parsed: %w", err)
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
		return "", fmt.Errorf("engine: the program cannot be formatted: %w", err)
	}
	return string(text), nil
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

// write puts the parts together; used names the imports that are needed, nil all.
func (p *program) write(ctx context.Context, body string, used map[string]bool) string {
	var vars strings.Builder
	names := maps.Clone(p.imports)
	qualifier := func(pkg *types.Package) string {
		if pkg.Path() == cellPath {
			return ""
		}
		name := pkg.Name()
		for names[name] != "" && names[name] != pkg.Path() {
			name += "_"
		}
		names[name] = pkg.Path()
		if used != nil {
			used[name] = true
		}
		return name
	}
	for _, name := range slices.Sorted(maps.Keys(p.vars)) {
		obj, ok := p.s.names.objects[name].(*types.Var)
		if !ok {
			obj, ok = p.s.names.gone[name]
		}
		if !ok {
			p.note("the variable %s is not one of the session any more", name)
			continue
		}
		fmt.Fprintf(&vars, "%s %s\n", name, types.TypeString(obj.Type(), qualifier))
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
