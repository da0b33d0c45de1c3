// The session as a Go program, from the cells that ended without an error.

package lang

import (
	"context"
	"fmt"
	"go/ast"
	"go/token"
	"maps"
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

	versions *versions // nil: each name has one meaning
	cellNow  int       // whose parts are added
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
//
// What cells declare again takes the place of what was there before. Only where Go does not allow
// that, as for a variable of another type, the program has both.
func (s *Scope) Program(ctx context.Context, sources []Source, entry string) (Program, error) {
	p, text, bad, err := s.program(ctx, sources, entry, nil)
	if err == nil && bad > 0 {
		if v, failed := s.versions(ctx, sources, p.imports); failed == nil {
			if again, more, left, err := s.program(ctx, sources, entry, v); err == nil && left < bad {
				again.notes = append(again.notes, v.notes...)
				p, text = again, more
			}
		}
	}
	return Program{text, p.notes}, err
}

// program writes the program; bad counts what the type checker has against it.
func (s *Scope) program(ctx context.Context, sources []Source, entry string, v *versions) (p *program, text string, bad int, err error) {
	p = &program{s: s, entry: entry, imports: map[string]string{}, at: map[string]int{}, cell: map[string]int{}, vars: map[string]bool{}, versions: v}
	for _, source := range sources {
		if err := p.add(source); err != nil {
			return p, "", 0, err
		}
	}
	if v != nil {
		maps.Copy(p.imports, v.imports)
	}
	text, bad, err = p.text(ctx)
	return p, text, bad, err
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
	p.cellNow = source.Cell
	for _, key := range slices.Sorted(maps.Keys(src.imports)) {
		p.addImport(src.imports[key], source.Cell)
	}
	for _, id := range append(slices.Clone(src.free), src.early...) {
		p.ctx = p.ctx || id.Name == "ctx"
	}
	if p.versions != nil {
		defer func() {
			for _, f := range p.versions.follow[source.Cell] {
				p.comment = ""
				p.declare(source.Cell, f.key, f.text)
			}
		}()
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
	text := func(n ast.Node) string { return p.cut(src, n.Pos(), n.End()) }
	called := func(id *ast.Ident) string { return text(id) }
	switch d := d.(type) {
	case *ast.FuncDecl:
		name, body := called(d.Name), text(d)
		if p.entry == "init" { // go test is to name lines of cells
			p.comment += fmt.Sprintf("//line %s:%d\n", wire.CellFile(cell), p.s.fset.Position(d.Pos()).Line)
		}
		if r := receiver(d); r != "" {
			p.declare(cell, p.receiver(src, d)+"."+name, body)
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
					names = append(names, called(id))
				}
			}
			p.declare(cell, strings.Join(names, ", "), text(d))
			return
		}
		for _, spec := range d.Specs {
			p.declare(cell, called(spec.(*ast.TypeSpec).Name), "type "+text(spec))
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
		called := p.cut(src, id.Pos(), id.End())
		names = append(names, called)
		p.addName(cell, called)
	}
	if len(spec.Values) == 0 {
		return
	}
	add := func(names []string, from, to ast.Expr) {
		text := p.cut(src, from.Pos(), to.End())
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
	text := p.cut(src, st.Pos(), st.End())
	if a := defines(st); a != nil {
		for _, l := range a.Lhs {
			if id, ok := l.(*ast.Ident); ok {
				p.addName(cell, p.cut(src, id.Pos(), id.End()))
			}
		}
		text = p.cut(src, st.Pos(), a.TokPos) + "=" + p.cut(src, a.TokPos+token.Pos(len(":=")), st.End())
	}
	if p.entry == "init" && defines(st) == nil {
		return // of a test: see Program
	}
	if call := strings.TrimSuffix(strings.TrimSpace(text), ";"); call == "main()" {
		text = mainOf(cell) + "()"
	}
	p.body.WriteString(p.comment + text + "\n")
}

func (p *program) declares(name string) bool { _, ok := p.at[name]; return ok }

// cut is a part of the cell that is added, with the names that the program has.
func (p *program) cut(src *source, from, to token.Pos) string {
	if p.versions == nil {
		return src.text[src.offset(from):src.offset(to)]
	}
	return cut(src, from, to, p.versions.edits[p.cellNow])
}

// receiver is what the program calls the type of a method.
func (p *program) receiver(src *source, f *ast.FuncDecl) (name string) {
	ast.Inspect(f.Recv, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && id.Name == receiver(f) && name == "" {
			name = p.cut(src, id.Pos(), id.End())
		}
		return true
	})
	return name
}
