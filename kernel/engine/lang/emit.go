// The package that is built of a checked cell: text edits on it, and the code around it.

package lang

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strings"

	"gsmlab/kernel/engine/wire"
)

// edit replaces text[start:end].
type edit struct {
	start, end int
	text       string
}

// The names of what each built package has for the worker.
const (
	builtRun   = wire.SymbolRun
	builtGone  = wire.SymbolGone
	builtTable = wire.SymbolTable
)

// emitter writes the files of a checked package.
type emitter struct {
	s      *Scope // of which it reads what was declared before
	c      *Checked
	refs   map[types.Object]ref
	src    *source
	cellPk map[int]bool      // packages of cells that the file uses
	extra  map[string]string // path -> name of imports that types need
	inits  []string

	debug *Debugged   // nil unless it is built for debugging
	lines map[int]int // how many statements each line has, of those that the debugger knows
	top   *function   // of the cell's own statements
}

// Emitted is a package ready to be compiled.
type Emitted struct {
	Number  int               // of the cell
	Files   map[string]string // by name
	Imports []string          // paths

	refs map[types.Object]ref // what it declares
}

// Names lists the names that it declares.
func (e *Emitted) Names() (names []string) {
	for obj := range e.refs {
		names = append(names, obj.Name())
	}
	return names
}

// Types lists the names of the types that it declares.
func (e *Emitted) Types() (names []string) {
	for obj, r := range e.refs {
		if _, ok := obj.(*types.TypeName); ok && r.pkg == e.Number {
			names = append(names, obj.Name())
		}
	}
	return names
}

// Emit writes the package. It fails when a variable has a type that cannot be written down.
func (s *Scope) Emit(c *Checked) (*Emitted, error) { return s.emit(c, nil) }

func (s *Scope) emit(c *Checked, debug *Debugged) (*Emitted, error) {
	e := &emitter{s: s, c: c, refs: map[types.Object]ref{}, debug: debug, lines: map[int]int{}}
	scope := c.pkg.Scope()
	for _, name := range scope.Names() {
		obj := scope.Lookup(name)
		if obj.Pkg() == c.pkg && !strings.HasPrefix(name, tick) && !strings.Contains(name, "·") {
			if same, ok := c.same[obj]; ok {
				e.refs[obj] = same
			} else {
				e.refs[obj] = ref{pkg: c.Number, name: builtName(obj), view: c.views[obj] != nil}
			}
		}
	}
	out := &Emitted{Number: c.Number, Files: map[string]string{}, refs: e.refs}
	for i, src := range c.sources {
		text, imports, err := e.file(src)
		if err != nil {
			return nil, err
		}
		out.Files[fmt.Sprintf("f%d.go", i)] = text
		out.Imports = append(out.Imports, imports...)
	}
	return out, nil
}

// refOf is how built code reaches obj, which this cell or an earlier one declares.
func (e *emitter) refOf(obj types.Object) (ref, bool) {
	if r, ok := e.refs[obj]; ok {
		return r, true
	}
	r, ok := e.s.names.refs[obj]
	return r, ok
}

// text is how the file names what r refers to.
func (e *emitter) text(r ref) string {
	name := r.name
	if r.path != "" {
		// without a name it is the package
		name = strings.TrimSuffix(e.packageName(r.path)+"."+name, ".")
	}
	if r.pkg != 0 && r.pkg != e.c.Number {
		e.cellPk[r.pkg] = true
		name = fmt.Sprintf("%sc%d.%s", tick, r.pkg, r.name)
	}
	if r.view {
		return "(*" + name + ")"
	}
	return name
}

func (e *emitter) file(src *source) (string, []string, error) {
	e.src, e.cellPk, e.extra, e.inits = src, map[int]bool{}, map[string]string{}, nil
	var body, run strings.Builder
	for _, d := range src.decls {
		if err := e.decl(&body, d); err != nil {
			return "", nil, err
		}
	}
	if src.unit == nil {
		if err := e.run(&body, &run); err != nil {
			return "", nil, err
		}
	}
	var head strings.Builder
	head.WriteString("package main\n")
	paths := []string{wire.CallsPath, "sync/atomic"}
	fmt.Fprintf(&head, "import %srt %q\nimport %satomic \"sync/atomic\"\nvar _ = %srt.Check\nvar _ %satomic.Bool\n", tick, wire.CallsPath, tick, tick, tick)
	imports := map[string]bool{}
	for _, key := range e.usedImports(src, body.String()+run.String()) {
		spec := src.imports[key]
		if spec.name == "." { // what is used of it has its own name
			spec.name = "_"
		}
		imports[fmt.Sprintf("import %s %q\n", spec.name, spec.path)] = true
		paths = append(paths, spec.path)
	}
	for path, name := range e.extra {
		imports[fmt.Sprintf("import %s %q\n", name, path)] = true
		paths = append(paths, path)
	}
	for n := range e.cellPk {
		path := wire.CellPackage(n)
		imports[fmt.Sprintf("import %sc%d %q\n", tick, n, path)] = true
		paths = append(paths, path)
	}
	// Imports must come before the vars above.
	text := head.String()
	cut := strings.Index(text, "var _")
	return text[:cut] + strings.Join(slices.Sorted(maps.Keys(imports)), "") + text[cut:] + body.String() + run.String(), paths, nil
}

// usedImports returns the keys of the source's imports that the written code names. It reads what
// was written, because types of variables are written anew and may not need what the cell named.
func (e *emitter) usedImports(src *source, written string) []string {
	used := map[string]bool{".": true, "_": true}
	file, err := parser.ParseFile(token.NewFileSet(), "", "package p\n"+written, 0)
	if err != nil || file == nil {
		return slices.Collect(maps.Keys(src.imports)) // the compiler says what is wrong
	}
	unresolved := map[*ast.Ident]bool{}
	for _, id := range file.Unresolved {
		unresolved[id] = true
	}
	ast.Inspect(file, func(n ast.Node) bool {
		// the keys of struct literals are not resolved either
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := sel.X.(*ast.Ident); ok && unresolved[id] {
				used[id.Name] = true
			}
		}
		return true
	})
	var keys []string
	for key, spec := range src.imports {
		if used[e.s.nameIn(spec)] {
			keys = append(keys, key)
		}
	}
	return keys
}

// line is the directive that maps what follows to the place of pos in its cell.
func (e *emitter) line(pos token.Pos) string {
	p := e.s.fset.Position(pos)
	return fmt.Sprintf("//line %s:%d:%d\n", p.Filename, p.Line, p.Column)
}

func (e *emitter) decl(out *strings.Builder, d ast.Decl) error {
	switch d := d.(type) {
	case *ast.FuncDecl:
		edits := e.edits(d, false)
		if d.Recv == nil && d.Name.Name == "init" {
			name := fmt.Sprintf("%sinit%d", tick, len(e.inits))
			e.inits = append(e.inits, name)
			at := e.src.offset(d.Name.Pos())
			edits = append(edits, edit{at, at + len("init"), name})
		}
		for _, directive := range e.src.directives[d] {
			out.WriteString(directive + "\n")
		}
		out.WriteString(e.line(d.Pos()) + e.apply(d.Pos(), d.End(), edits) + "\n")
	case *ast.GenDecl:
		if d.Tok != token.VAR {
			out.WriteString(e.line(d.Pos()) + e.apply(d.Pos(), d.End(), e.edits(d, false)) + "\n")
			return nil
		}
		for _, spec := range d.Specs {
			for _, id := range spec.(*ast.ValueSpec).Names {
				if err := e.variable(out, id); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// variable declares the variable of the package that id defines.
func (e *emitter) variable(out *strings.Builder, id *ast.Ident) error {
	obj, ok := e.c.info.Defs[id]
	if !ok || obj == nil || id.Name == "_" {
		return nil
	}
	if _, same := e.c.same[obj]; same {
		return nil
	}
	w := typeWriter{pkg: func(p *types.Package) string { return e.packageName(p.Path()) }, predeclared: e.predeclared}
	w.ref = func(o types.Object) (string, bool) {
		r, ok := e.refOf(o)
		return e.text(r), ok
	}
	w.typ(obj.Type())
	if w.err != nil {
		p := e.s.fset.Position(id.Pos())
		return Errors{{Kind: KindCompile, Place: placeOf(p), Msg: fmt.Sprintf("%s: %v", id.Name, w.err)}}
	}
	if old := e.c.views[obj]; old != nil {
		fmt.Fprintf(out, "var %s = (*%s)(%s.Pointer(&%s))\n", builtName(obj), w.out.String(), e.packageName("unsafe"), e.text(e.s.names.refs[old]))
		return nil
	}
	fmt.Fprintf(out, "var %s %s\n", builtName(obj), w.out.String())
	return nil
}

// builtName is how a top-level object of a cell is called in the built package: as in the cell,
// except that Go wants main to be a function without parameters.
func builtName(obj types.Object) string {
	if obj.Name() != "main" {
		return obj.Name()
	}
	f, ok := obj.(*types.Func)
	if ok && f.Signature().Params().Len()+f.Signature().Results().Len()+f.Signature().TypeParams().Len() == 0 {
		return obj.Name()
	}
	return tick + obj.Name()
}

// predeclared is how the file names a predeclared type, which the cell may hide by a declaration of
// its own.
func (e *emitter) predeclared(name string) string {
	if obj := e.c.pkg.Scope().Lookup(name); obj == nil || e.refs[obj].pkg != e.c.Number {
		return name
	}
	return tick + "rt." + strings.ToUpper(name[:1]) + name[1:]
}

// packageName imports a package for a type that is written and returns its name in the file.
func (e *emitter) packageName(path string) string {
	name := tick + "p" + strings.NewReplacer("/", "_", ".", "_", "-", "_").Replace(path)
	e.extra[path] = name
	return name
}

// edits renames what n uses and declares, and puts checks into its loops and functions; own tells
// that n is part of the cell's statements, not of a function that lives on.
func (e *emitter) edits(n ast.Node, own bool) []edit {
	var list []edit
	apart := false // the check must not be inlined
	check := func(block *ast.BlockStmt, own bool) {
		if block == nil {
			return
		}
		text := tick + "rt.Check();"
		if apart {
			text = tick + "rt.CheckApart();"
		}
		if own {
			text = tick + "rt.CheckIn(&" + builtGone + ");"
		}
		at := e.src.offset(block.Lbrace) + 1
		list = append(list, edit{at, at, text})
	}
	members := map[*ast.Ident]bool{} // that stand after a dot
	// they undo things: an interrupt that comes as they begin must not stop that
	deferred := map[*ast.FuncLit]bool{}
	var walk func(n ast.Node, own bool)
	walk = func(n ast.Node, own bool) {
		defer func(before bool) { apart = before }(apart)
		apart = !own && recovers(n)
		ast.Inspect(n, func(m ast.Node) bool {
			switch m := m.(type) {
			case *ast.DeferStmt:
				if f, ok := ast.Unparen(m.Call.Fun).(*ast.FuncLit); ok {
					deferred[f] = true
				}
			case *ast.FuncLit:
				if m != n {
					walk(m, false)
					return false
				}
				if !deferred[m] && e.callsOn(m.Body) {
					check(m.Body, false)
				}
			case *ast.FuncDecl:
				if e.callsOn(m.Body) {
					check(m.Body, false)
				}
			case *ast.ForStmt:
				check(m.Body, own)
			case *ast.RangeStmt:
				check(m.Body, own)
			case *ast.BranchStmt:
				if m.Tok == token.GOTO {
					at := e.src.offset(m.Pos())
					list = append(list, edit{at, at, tick + "rt.Check();"})
				}
			case *ast.SelectorExpr:
				members[m.Sel] = true
			case *ast.Ident:
				if text, ok := e.rename(m, members[m]); ok {
					at := e.src.offset(m.Pos())
					name, _, _ := strings.Cut(m.Name, "·")
					list = append(list, edit{at, at + len(name), text})
				}
			}
			return true
		})
	}
	walk(n, own)
	return append(list, e.hooks(n)...)
}

// rename returns the built name of an identifier where it differs; member tells that it stands
// after a dot.
func (e *emitter) rename(id *ast.Ident, member bool) (string, bool) {
	if r, ok := e.c.vars[id]; ok {
		return e.text(r), true
	}
	obj := e.c.info.Uses[id]
	if obj == nil {
		obj = e.c.info.Defs[id]
	}
	if obj == nil {
		return "", false
	}
	r, ok := e.refOf(obj)
	if pkg := obj.Pkg(); !ok && !member && pkg != nil && !IsCell(pkg) && obj.Parent() == pkg.Scope() {
		// imported with a dot
		return e.packageName(pkg.Path()) + "." + id.Name, true
	}
	if !ok {
		return "", false
	}
	text := e.text(r)
	return text, text != id.Name
}

// apply returns the text from..to with the edits made.
func (e *emitter) apply(from, to token.Pos, edits []edit) string {
	at, end := e.src.offset(from), e.src.offset(to)
	slices.SortStableFunc(edits, func(a, b edit) int { return a.start - b.start })
	var out strings.Builder
	for _, ed := range edits {
		if ed.start < at || ed.end > end {
			continue
		}
		out.WriteString(e.src.text[at:ed.start])
		out.WriteString(ed.text)
		at = ed.end
	}
	out.WriteString(e.src.text[at:end])
	return out.String()
}
