// The check of a cell: go/types on it, with the names of earlier cells and missing imports.

package lang

import (
	"context"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"runtime"
	"slices"
	"strings"
)

// Cell is what is checked.
type Cell struct {
	Number int // of its package
	Shown  int // its number in errors and lists
	Text   string
}

// Checked is a package that passed the type checker.
type Checked struct {
	Number  int
	Notes   []string // what follows from a redefinition, one line each
	shown   int
	sources []*source
	pkg     *types.Package
	info    *types.Info
	vars    map[*ast.Ident]ref // uses of what a name meant before this cell
	same    map[types.Object]ref
	views   map[types.Object]*types.Var // variables that are earlier ones under a new type
	void    bool                        // the last expression has no value
	steps   []step                      // of the cell
	lost    []*unit                     // that wait for variables which were lost with a worker
}

// Check parses and type-checks a cell, together with the declarations of earlier cells that follow
// a redefinition. The scope stays as it is until the cell is adopted. Cancelling ctx ends imports
// that must be built, and the check with Interrupted.
func (s *Scope) Check(ctx context.Context, in Cell) (*Checked, error) {
	c, err := s.check(ctx, in)
	if err == nil {
		err = s.plan(c)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (s *Scope) check(ctx context.Context, in Cell) (*Checked, error) {
	cell, err := parseCell(s.fset, in.Shown, in.Text)
	if err != nil {
		return nil, err
	}
	declared, vars := cell.declared()
	for _, spec := range cell.imports {
		if spec.name == "" {
			// for the name of the package; the checker reports an error
			s.importer.Import(ctx, spec.path)
		}
	}
	s.autoImport(cell, declared)
	if slices.ContainsFunc(declared, func(n string) bool {
		// a method for a type of an earlier cell: both move here
		t, _, isMethod := strings.Cut(n, ".")
		return isMethod && s.names.units[t] != nil && !slices.Contains(declared, t)
	}) {
		return s.checkAgain(ctx, in, declared, s.dependents(declared, declared), nil)
	}
	first, err := s.checkSources(ctx, in, []*source{cell}, declared)
	if err != nil && len(s.dependents(declared, nil)) == 0 {
		return nil, err
	}
	// variables that keep their type keep their place: what uses them follows by itself
	var same []string
	if err == nil {
		for _, name := range declared {
			old, isVar := s.names.objects[name].(*types.Var)
			if isVar && old != s.ctxVar && vars[name] && types.Identical(old.Type(), first.pkg.Scope().Lookup(name).Type()) {
				first.same[first.pkg.Scope().Lookup(name)] = s.names.refs[old]
				same = append(same, name)
			}
		}
	}
	changed := slices.DeleteFunc(slices.Clone(declared), func(n string) bool { return slices.Contains(same, n) })
	again := s.dependents(changed, declared)
	if len(again) == 0 {
		if err == nil {
			s.addViews(first, declared, nil)
		}
		return first, err
	}
	return s.checkAgain(ctx, in, declared, again, same)
}

// autoImport adds the imports that earlier cells made and those that a cell forgot.
func (s *Scope) autoImport(cell *source, declared []string) {
	have := map[string]bool{}
	for _, spec := range cell.imports {
		have[s.nameIn(spec)] = true
	}
	members := map[*ast.Ident]bool{}
	visit := func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := sel.X.(*ast.Ident); ok {
				_, imported := s.names.imports[id.Name]
				members[id] = imported || token.IsExported(sel.Sel.Name)
			}
		}
		return true
	}
	for _, d := range cell.decls {
		ast.Inspect(d, visit)
	}
	for _, st := range cell.stmts {
		ast.Inspect(st, visit)
	}
	for _, id := range append(slices.Clone(cell.free), cell.early...) {
		if have[id.Name] || slices.Contains(declared, id.Name) || !members[id] {
			continue
		}
		if spec, ok := s.names.imports[id.Name]; ok {
			cell.imports[id.Name], have[id.Name] = spec, true
		} else if s.names.objects[id.Name] == nil {
			if path, ok := s.packages.Find(id.Name); ok {
				cell.imports[id.Name], have[id.Name] = importSpec{name: id.Name, path: path}, true
			}
		}
	}
}

// checkSources runs the type checker on sources[0], the cell, and on units that are emitted again.
func (s *Scope) checkSources(ctx context.Context, in Cell, sources []*source, declared []string) (*Checked, error) {
	c := &Checked{Number: in.Number, shown: in.Shown, sources: sources, vars: map[*ast.Ident]ref{}, same: map[types.Object]ref{}}
	cell := sources[0]
	extra, err := s.bindEarly(ctx, c, s.early(cell))
	if err != nil {
		return nil, err
	}
	if err := s.redeclared(cell); err != nil {
		return nil, err
	}
	err = s.runChecker(ctx, c, declared, extra, cell.show != nil)
	if keys := earlyKeys(c); len(keys) > 0 {
		more, early := s.bindEarly(ctx, c, keys)
		if early != nil {
			return nil, early
		}
		extra = append(extra, more...)
		err = s.runChecker(ctx, c, declared, extra, cell.show != nil)
	}
	if list, ok := err.(Errors); ok && cell.silent && cell.hushed == nil && strings.HasSuffix(list[len(list)-1].Msg, " is not used") {
		cell.hush()
		err = s.runChecker(ctx, c, declared, extra, false)
	}
	if err == nil && cell.show != nil && printsItself(c.info, cell.show) {
		c.void = true
	}
	if list, ok := err.(Errors); ok && cell.show != nil && slices.ContainsFunc(list, func(e *CellError) bool { return strings.Contains(e.Msg, "used as value") }) {
		c.void = true
		err = s.runChecker(ctx, c, declared, extra, false)
	}
	return c, err
}

// redeclared reports a `:=` that declares nothing new in the cell.
func (s *Scope) redeclared(cell *source) error {
	seen := map[string]bool{"_": true}
	for _, st := range cell.stmts {
		a := defines(st)
		if a == nil {
			continue
		}
		fresh := false
		for _, l := range a.Lhs {
			if id, ok := l.(*ast.Ident); ok {
				fresh = fresh || !seen[id.Name]
				seen[id.Name] = true
			} else {
				fresh = true // the checker says what is wrong
			}
		}
		if !fresh {
			p := s.fset.Position(a.TokPos)
			return Errors{{Kind: KindCompile, Place: placeOf(p), Msg: "no new variables on left side of :="}}
		}
	}
	return nil
}

// printsItself tells a call of fmt.Println and its like, whose results nobody wants to see.
func printsItself(info *types.Info, x ast.Expr) bool {
	call, ok := x.(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	f := info.Uses[sel.Sel]
	return f != nil && f.Pkg() != nil && f.Pkg().Path() == "fmt" && (strings.HasPrefix(f.Name(), "Print") || strings.HasPrefix(f.Name(), "Fprint"))
}

// boundImporter is an Importer for go/types.
type boundImporter struct {
	ctx      context.Context
	importer Importer
}

func (b boundImporter) Import(path string) (*types.Package, error) {
	return b.importer.Import(b.ctx, path)
}

func (s *Scope) runChecker(ctx context.Context, c *Checked, declared []string, extra []types.Object, show bool) error {
	// messages tell cells apart by it
	c.pkg = types.NewPackage(cellPath, fmt.Sprintf("main·%d", c.shown))
	s.fill(ctx, c, declared, extra)
	aliases := map[string]bool{}
	var files []*ast.File
	for i, src := range c.sources {
		shieldTypes(src, c.pkg.Scope(), aliases)
		f := fileOf(src, c.pkg.Name())
		if i == 0 {
			f.Decls = append(f.Decls, liftStatements(src, show)...)
		}
		files = append(files, f)
	}
	if err := s.methodOfAlias(c, aliases); err != nil {
		return err
	}
	c.info = &types.Info{
		Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{},
		Selections: map[*ast.SelectorExpr]*types.Selection{}, Implicits: map[ast.Node]types.Object{},
		Scopes: map[ast.Node]*types.Scope{},
	}
	var list Errors
	var cycles Errors // in an order of initialization that cells need not have
	conf := types.Config{GoVersion: "go1.26", Importer: boundImporter{ctx, s.importer}, Sizes: types.SizesFor("gc", runtime.GOARCH), Error: func(err error) {
		e, ok := err.(types.Error)
		if !ok || !concernsCell(e.Msg) {
			return
		}
		to := &list
		if strings.HasPrefix(e.Msg, "initialization cycle") {
			to = &cycles
		}
		if len(*to) < maxErrors {
			*to = append(*to, &CellError{Kind: KindCompile, Place: placeOf(s.fset.Position(e.Pos)), Msg: cleanMessage(e.Msg, s.declaredIn), pos: e.Pos})
		}
	}}
	if err := safeFiles(types.NewChecker(&conf, s.fset, c.pkg, c.info), files); err != nil {
		return Errors{{Kind: KindCompile, Place: Place{c.shown, 1, 1}, Msg: err.Error()}}
	}
	if ctx.Err() != nil {
		return Interrupted() // whatever the check has met then
	}
	if len(cycles) > 0 && typeless(c.pkg) {
		list = append(list, cycles...)
	}
	if len(list) > 0 {
		s.suggest(c, list)
		slices.SortStableFunc(list, func(a, b *CellError) int { return a.Place.Line - b.Place.Line })
		return list
	}
	return nil
}

// typeless reports whether a variable of the package has no type: its own value was needed to find
// it.
func typeless(pkg *types.Package) bool {
	return slices.ContainsFunc(pkg.Scope().Names(), func(name string) bool {
		obj := pkg.Scope().Lookup(name)
		return obj.Pkg() == pkg && obj.Type() == types.Typ[types.Invalid]
	})
}

// fill puts what the cell can name, and does not declare itself, into the scope of its package.
func (s *Scope) fill(ctx context.Context, c *Checked, declared []string, extra []types.Object) {
	// their types must be declared here: the checker cannot add methods to others
	methodsOf := map[string]bool{}
	for _, name := range declared {
		if t, _, isMethod := strings.Cut(name, "."); isMethod {
			methodsOf[t] = true
		}
	}
	imported := map[string]bool{}
	for _, src := range c.sources {
		for _, spec := range src.imports {
			imported[s.nameIn(spec)] = true
		}
	}
	scope := c.pkg.Scope()
	for name, obj := range s.names.objects {
		if !slices.Contains(declared, name) && !imported[name] && !methodsOf[name] {
			scope.Insert(obj)
		}
	}
	for _, obj := range extra {
		scope.Insert(obj)
	}
	for _, path := range s.dotted(c.sources[0]) {
		s.fillDotted(ctx, scope, path, func(name string) bool { return slices.Contains(declared, name) || imported[name] || methodsOf[name] })
	}
	anys := types.NewTuple(types.NewVar(0, c.pkg, "", types.NewSlice(types.Universe.Lookup("any").Type())))
	scope.Insert(types.NewFunc(0, c.pkg, tick+"show", types.NewSignatureType(nil, nil, nil, anys, nil, true)))
}

// dotted lists the packages that this cell and cells before it have imported with a dot.
func (s *Scope) dotted(cell *source) []string {
	paths := map[string]bool{}
	for path := range s.names.dots {
		paths[path] = true
	}
	for _, spec := range cell.imports {
		if spec.name == "." {
			paths[spec.path] = true
		}
	}
	return slices.Sorted(maps.Keys(paths))
}

// fillDotted adds the names of a package that was imported with a dot. What cells declare comes
// first: as imports of a file they would be errors in each cell after such a declaration.
func (s *Scope) fillDotted(ctx context.Context, scope *types.Scope, path string, hidden func(string) bool) {
	pkg, err := s.importer.Import(ctx, path)
	if err != nil {
		return // fileOf has the checker import it too, which reports this
	}
	for _, name := range pkg.Scope().Names() {
		if token.IsExported(name) && !hidden(name) {
			scope.Insert(pkg.Scope().Lookup(name))
		}
	}
}

// fileOf is the source's imports and declarations as a file.
func fileOf(src *source, pkg string) *ast.File {
	f := &ast.File{Name: ast.NewIdent(pkg)}
	var specs []ast.Spec
	for _, key := range slices.Sorted(maps.Keys(src.imports)) {
		spec := src.imports[key]
		one := &ast.ImportSpec{Path: &ast.BasicLit{Kind: token.STRING, Value: fmt.Sprintf("%q", spec.path), ValuePos: spec.pos}}
		switch spec.name {
		case "":
		case ".": // see fillDotted
			one.Name = &ast.Ident{Name: "_", NamePos: spec.pos}
		default:
			one.Name = &ast.Ident{Name: spec.name, NamePos: spec.pos}
		}
		specs = append(specs, one)
		f.Imports = append(f.Imports, one)
	}
	if len(specs) > 0 {
		f.Decls = append(f.Decls, &ast.GenDecl{Tok: token.IMPORT, Specs: specs})
	}
	f.Decls = append(f.Decls, src.decls...)
	return f
}

// concernsCell tells which errors of the type checker are the cell's own.
func concernsCell(msg string) bool {
	switch {
	case unusedImport.MatchString(msg): // later cells may need it
	case strings.HasPrefix(msg, "\t"): // belongs to the error before
	case strings.HasPrefix(msg, "implicit assignment to unexported field") && strings.Contains(msg, "struct literal of type main·"):
		// the fields of an earlier cell's type are ours; the compiler checks the values
	default:
		return true
	}
	return false
}
