// Scope: the names that cells have declared, as a value that can be copied for completion beside a
// running cell.

package lang

import (
	"context"
	"fmt"
	"go/token"
	"go/types"
	"maps"
	"slices"

	"gsmlab/kernel/engine/wire"
)

// cellPath is the path of the package that all cells share for the type checker, so that names
// which are not exported can be used from one cell in the next, and messages read as if it were one
// program.
const cellPath = "main"

// HiddenCells is where the numbers of packages start that the engine makes for itself. Their cells
// may use names with a tick.
const HiddenCells = 1_000_000

// Importer gives the packages that cells import. Cancelling ctx ends an import that has to build
// first.
type Importer interface {
	Import(ctx context.Context, path string) (*types.Package, error)
}

// Packages finds packages by the name that a cell uses without importing it, and knows the names of
// others.
type Packages interface {
	Find(name string) (path string, ok bool)
	NameOf(path string) string
	Packages() map[string]string // the path of each by its name
}

// Scope is what a cell is read against: the names that cells before it declared, and the packages
// that it can import. It is a whole value: a Copy can check cells beside a running one.
type Scope struct {
	fset     *token.FileSet // of what cells have declared and of what is imported
	importer Importer
	packages Packages
	ctxVar   types.Object // the context that cells see as ctx
	names    *names
}

// names is what cells have declared so far. What the maps hold is never changed, the maps are.
type names struct {
	objects map[string]types.Object // what a name means now
	cells   map[string]int          // the cell that declared it
	refs    map[types.Object]ref    // everything ever declared, also what is redefined since
	units   map[string]*unit
	imports map[string]importSpec
	effects map[string]importSpec // imports as _, by path
	dots    map[string]bool       // paths that are imported with a dot
	gone    map[string]*types.Var // variables that have been forgotten or lost
	texts   map[int]string        // of cells, by the number that they show
	// in which cells set their variables, where it is not that of the text
	orders map[int][]int
}

// ref is how built code reaches an object: in the package of a cell, or (0) as it is written.
type ref struct {
	pkg  int
	name string
	view bool   // name is a pointer to the variable
	path string // of another package: what was imported with a dot, or without a name itself
}

// unit is a function, method, type or const declaration that can be emitted again when something
// that it uses is redefined.
type unit struct {
	key        string // "f", "T", "T.m"; of a group the first name
	names      []string
	recv       string // of a method: its type
	text       string
	cell       int
	line       int
	directives []string // above a function
	imports    map[string]importSpec
	uses       map[string]bool // names of the session
	view       bool            // not a unit, but a variable that is seen under the new type
	waiting    bool            // lost with the worker, because it uses variables that were lost
}

// NewScope returns a scope in which only ctx is declared. The importer's positions must be in fset.
func NewScope(ctx context.Context, fset *token.FileSet, importer Importer, packages Packages) (*Scope, error) {
	s := &Scope{fset: fset, importer: importer, packages: packages, names: newNames()}
	pkg, err := importer.Import(ctx, "context")
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	s.ctxVar = types.NewVar(0, types.NewPackage(cellPath, "main"), "ctx", pkg.Scope().Lookup("Context").Type())
	s.ctxVar.Pkg().Scope().Insert(s.ctxVar)
	s.names.objects["ctx"] = s.ctxVar
	s.names.refs[s.ctxVar] = ref{name: tick + "rt.Ctx"}
	return s, nil
}

func newNames() *names {
	return &names{
		objects: map[string]types.Object{}, cells: map[string]int{}, refs: map[types.Object]ref{}, units: map[string]*unit{},
		imports: map[string]importSpec{}, effects: map[string]importSpec{}, dots: map[string]bool{}, gone: map[string]*types.Var{},
		texts: map[int]string{}, orders: map[int][]int{},
	}
}

// Copy returns a scope with the names as they are now.
func (s *Scope) Copy() *Scope {
	c, n := *s, s.names
	c.names = &names{
		objects: maps.Clone(n.objects), cells: maps.Clone(n.cells), refs: maps.Clone(n.refs), units: maps.Clone(n.units),
		imports: maps.Clone(n.imports), effects: maps.Clone(n.effects), dots: maps.Clone(n.dots), gone: maps.Clone(n.gone),
		texts: maps.Clone(n.texts), orders: maps.Clone(n.orders),
	}
	return &c
}

// nameIn returns the name that an import has in its file.
func (s *Scope) nameIn(spec importSpec) string {
	if spec.name != "" {
		return spec.name
	}
	return s.packages.NameOf(spec.path)
}

// Import imports a package.
func (s *Scope) Import(ctx context.Context, path string) (*types.Package, error) {
	return s.importer.Import(ctx, path)
}

// Position is the position of something that cells have declared, or that is imported.
func (s *Scope) Position(pos token.Pos) token.Position { return s.fset.Position(pos) }

// Text is the text of a cell, by the number that it shows.
func (s *Scope) Text(cell int) string { return s.names.texts[cell] }

// Declaration is the text that declares a function, type or constant of a cell, or "".
func (s *Scope) Declaration(name string) string {
	if u := s.names.units[name]; u != nil {
		return u.text
	}
	return ""
}

// Imports gives the imports of cells: the path of each by its name.
func (s *Scope) Imports() map[string]string {
	all := map[string]string{}
	for name, spec := range s.names.imports {
		all[name] = spec.path
	}
	return all
}

// Variables lists the variables that cells have declared, sorted by name.
func (s *Scope) Variables() (all []*types.Var) {
	for _, name := range slices.Sorted(maps.Keys(s.names.objects)) {
		if v, ok := s.names.objects[name].(*types.Var); ok && v != s.ctxVar {
			all = append(all, v)
		}
	}
	return all
}

// Object returns what a name of cells means, or nil.
func (s *Scope) Object(name string) types.Object { return s.names.objects[name] }

// Empty reports whether cells have declared nothing.
func (s *Scope) Empty() bool { return len(s.names.objects) <= 1 }

// CellOf is the number of the cell that declared a name.
func (s *Scope) CellOf(name string) int { return s.names.cells[name] }

// SetCell says that a cell declared a name, which the engine has declared again in its place.
func (s *Scope) SetCell(name string, cell int) { s.names.cells[name] = cell }

// Stored is how the worker finds a variable of cells.
func (s *Scope) Stored(name, file string) wire.Variable {
	r := s.names.refs[s.names.objects[name]]
	return wire.Variable{Name: name, Cell: r.pkg, Built: r.name, File: file}
}

// Drop takes a name away whose variable could not be given a value.
func (s *Scope) Drop(name string) { delete(s.names.objects, name) }

// Forget takes names from the scope: later cells cannot see them, what uses them keeps them. It
// returns the names that it did not know.
func (s *Scope) Forget(names ...string) (unknown []string) {
	for _, name := range names {
		if obj := s.names.objects[name]; obj == nil || obj == s.ctxVar {
			unknown = append(unknown, name)
			continue
		}
		if v, ok := s.names.objects[name].(*types.Var); ok {
			s.names.gone[name] = v
		}
		delete(s.names.objects, name)
		s.forget(name)
	}
	return unknown
}

// Name is something that a cell declared.
type Name struct {
	Name, Kind, Type string // Kind: "var", "func", "type", "const"
	Cell             int
}

// Names lists what cells have declared, sorted by name.
func (s *Scope) Names() (all []Name) {
	for _, name := range slices.Sorted(maps.Keys(s.names.objects)) {
		obj := s.names.objects[name]
		if s.names.refs[obj].pkg == 0 { // ctx
			continue
		}
		all = append(all, Name{name, ObjectKind(obj), TypeText(obj.Type()), s.names.cells[name]})
	}
	return all
}

// ObjectKind returns what an object is, as in Name.
func ObjectKind(obj types.Object) string {
	switch obj.(type) {
	case *types.Var:
		return "var"
	case *types.Func:
		return "func"
	case *types.TypeName:
		return "type"
	case *types.Const:
		return "const"
	}
	return ""
}

// IsCell reports whether a package is that of the cells.
func IsCell(pkg *types.Package) bool { return pkg != nil && pkg.Path() == cellPath }

// TypeText writes a type as people see it: cell types by name alone.
func TypeText(t types.Type) string {
	return types.TypeString(t, func(p *types.Package) string {
		if IsCell(p) {
			return ""
		}
		return p.Name()
	})
}
