// Fuzz tests: whatever the checker accepts must be Go that fits the packages before it. They need
// no worker.

package lang

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"math/rand/v2"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"gsmlab/kernel/engine/celltest"
	"gsmlab/kernel/engine/wire"
)

// noPackages has no packages to import.
type noPackages struct{}

func (noPackages) Import(_ context.Context, path string) (*types.Package, error) {
	return nil, errors.New("no package " + path)
}
func (noPackages) Find(string) (string, bool)  { return "", false }
func (noPackages) Packages() map[string]string { return nil }
func (noPackages) NameOf(p string) string      { return path.Base(p) }

// offline is a scope that can check and emit without packages. It has no ctx.
func offline() *Scope {
	return &Scope{fset: token.NewFileSet(), importer: noPackages{}, packages: noPackages{}, names: newNames()}
}

// FuzzCell checks that any text is refused with an error or becomes Go that parses, and type-checks
// where it uses nothing of other cells.
func FuzzCell(f *testing.F) {
	for _, name := range []string{"language", "redefinition", "errors"} {
		a, err := txtar.ParseFile("../testdata/" + name + ".txtar")
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range a.Files {
			for _, cell := range celltest.Cells(string(file.Data)) {
				code := cell.Code
				f.Add(code)
			}
		}
	}
	for _, code := range []string{"x := func() {", "/*", "`", "func (", "func (a) b(", "a, b := <-c", "type a = a", "func init() {}\nfunc init() {}", "var a, b = b, a", "_ = 1", "_ := 1",
		"goto l; l:", "var _ interface{ m() } = nil", "x := x", "import . \"x\"", "type t struct{ t }", "const c = iota; c", "if x := 1; x > 0 {}", "for ;; {}", "func f[T any]() {}", ";", "\"", "a.b := 1", "type e struct{ error }; var v e; v"} {
		f.Add(code)
	}
	f.Fuzz(func(t *testing.T, code string) {
		if strings.Contains(code, "import") || len(code) > 2000 {
			t.Skip() // would ask the toolchain for packages
		}
		s := offline()
		Incomplete(code)
		c, err := s.Check(context.Background(), Cell{Number: 1, Shown: 1, Text: code})
		if err != nil {
			var cell *CellError
			if !errors.As(err, &cell) || strings.Contains(err.Error(), checkerFailed) {
				t.Errorf("%q: a bad error: %v", code, err)
			}
			return
		}
		s.Look(c)
		out, err := s.Emit(c)
		if err != nil {
			return
		}
		s.Adopt(c, out)
		if _, err := checkBuilt(out, nil); err != nil {
			t.Fatalf("%q became\n%s\n%v", code, out.Files["f0.go"], err)
		}
	})
}

// builtPath is the path of all cells for go/types, so that they share their unexported names, as
// the changed compiler has them do. Two errors remain, which that compiler does not report.
const builtPath = "gsmcell"

var sharedName = regexp.MustCompile(`^name \S+ not exported by package main$|^implicit assignment to unexported field \S+ in struct literal of type `)

// predeclared is what package cell has of predeclared types.
func predeclared() string {
	var text strings.Builder
	for _, name := range types.Universe.Names() {
		if _, ok := types.Universe.Lookup(name).(*types.TypeName); ok {
			fmt.Fprintf(&text, "\ntype %s%s = %s", strings.ToUpper(name[:1]), name[1:], name)
		}
	}
	return text.String()
}

// checkBuilt parses and type-checks the package of a cell as the compiler would.
func checkBuilt(out *Emitted, earlier map[string]*types.Package) (*types.Package, error) {
	fset := token.NewFileSet()
	var files []*ast.File
	for name, text := range out.Files {
		file, err := parser.ParseFile(fset, name, text, 0)
		if err != nil {
			return nil, fmt.Errorf("which does not parse: %w", err)
		}
		files = append(files, file)
	}
	var wrong error
	conf := types.Config{GoVersion: "go1.26", Importer: cellImporter(earlier), Error: func(err error) {
		if e, ok := err.(types.Error); wrong == nil && !(ok && sharedName.MatchString(e.Msg)) {
			wrong = err
		}
	}}
	pkg, _ := conf.Check(builtPath, fset, files, nil)
	if wrong != nil {
		return nil, fmt.Errorf("which does not type-check: %w", wrong)
	}
	return pkg, nil
}

// FuzzSession runs three cells, of which later ones redeclare and use what earlier ones declared,
// through everything but the compiler: what the checker accepts must be Go that fits to the
// packages before it.
func FuzzSession(f *testing.F) {
	for _, name := range []string{"language", "redefinition", "views", "crash"} {
		a, err := txtar.ParseFile("../testdata/" + name + ".txtar")
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range a.Files {
			var codes []string
			for _, cell := range celltest.Cells(string(file.Data)) {
				codes = append(codes, cell.Code)
			}
			for i := range len(codes) - 2 {
				f.Add(codes[i], codes[i+1], codes[i+2])
				f.Add(codes[0], codes[i+1], codes[i+2])
			}
		}
	}
	for _, codes := range [][3]string{
		{"type t struct{ a int }; x := t{1}; func (t t) m() int { return t.a }", "func (t t) n() int { return t.m() }", "x.n()"},
		{"type t struct{ a int }; x := []t{{1}}; func f() int { return x[0].a }", "type t struct{ a int }; x := []t{{2}}", "x[0].a + f()"},
		{"type a struct{ b *b }; type b struct{ a *a }; v := a{}", "func (a) m() {}", "func (b) m() {}; v.m(); v.b.m()"},
		{"type i interface{ m() i }; var v i", "type i interface{ m() i }", "v = nil"},
		{"const ( a = iota; b; c ); x := b", "func b() {}", "type a int; const c a = 1; c"},
		{"x := 1; func f() int { return x }", "x := \"a\"", "func f() string { return x }; f()"},
		{"type g[T any] struct{ v T }; x := g[g[int]]{}; func (g[T]) m() {}", "func (g[T]) n() {}", "x.v.n(); x.m()"},
		{"type t = struct{ a int }; x := t{}", "type t = struct{ a int }; x := x", "x.a++"},
		{"f := func() int { return 1 }; x := f()", "func f() int { return 2 }; x := x + f()", "x + f()"},
		{"type e struct{ error }; var x e", "type e struct{ error }", "x"},
		{"type n struct{ next *n; f func(n) n; c chan n; m map[string]n }; var x, y = n{}, new(n)", "func (n *n) len() int { return 0 }", "x.len(); y.next = &x; x = x"},
		{"x, y := 1, 2", "x, y := y, x", "for x = range y { y++ }; switch x := any(x).(type) { case int: _ = x }; x--; p := &x; *p = 3"},
	} {
		f.Add(codes[0], codes[1], codes[2])
	}
	f.Fuzz(func(t *testing.T, first, second, third string) {
		for _, code := range []string{first, second, third} {
			if strings.Contains(code, "import") || len(code) > 1000 {
				t.Skip() // would ask the toolchain for packages
			}
		}
		runOffline(t, []string{first, second, third})
	})
}

// runOffline has cells checked, built as text, and that text checked. Cells with errors change
// nothing.
func runOffline(t *testing.T, codes []string) {
	s := offline()
	earlier := map[string]*types.Package{}
	for i, code := range codes {
		c, err := s.Check(context.Background(), Cell{Number: i + 1, Shown: i + 1, Text: code})
		if err != nil {
			var cell *CellError
			if !errors.As(err, &cell) || strings.Contains(err.Error(), checkerFailed) {
				t.Errorf("%q: a bad error: %v", code, err)
			}
			continue
		}
		out, err := s.Emit(c)
		if err != nil {
			continue
		}
		pkg, err := checkBuilt(out, earlier)
		if err != nil {
			var built strings.Builder
			for name, text := range out.Files {
				fmt.Fprintf(&built, "%s:\n%s\n", name, text)
			}
			t.Fatalf("%s\ncell %d became\n%s\n%v", strings.Join(codes[:i+1], "\n--\n"), i+1, built.String(), err)
		}
		s.Adopt(c, out)
		earlier[wire.CellPackage(i+1)] = pkg
	}
}

// snippets declare and use the same few names in many ways.
var snippets = strings.Split(`type t struct{ a int }
type t struct{ a int; next *t }
type t int
type t[P any] struct{ a P }
type t interface{ m() int }
type t = u
type u struct{ t; b []t }
type u map[string]t
type u func(t) u
type u interface{ m() int; n(t) u }
func (t t) m() int { return 1 }
func (t *t) m() int { return 2 }
func (u u) n(t) u { return u }
func (t t) k() t { return t }
var x t
var x, y t
var x u
x := t{}
x := 1
x := x
x, y := y, x
x := []t{{}, {}}
x := map[string]*t{"a": {}}
x := t[int]{}
y := &x
y := any(x)
y := func() t { return x }
y := struct{ x t; f func(u) }{}
y := make(chan t, 1)
var y interface{ m() int } = x
func f() t { return x }
func f() int { return x.m() }
func f(t) u { panic(1) }
func g() { f() }
func g() { x = f() }
func g() any { return y }
func g[P any](p P) t { var z t; _ = p; return z }
const c = 1
const c t = 2
const ( c = iota; d; e )
func d() int { return c }
type e struct{ x int; t }
x
y
x.m()
x.a
f()
g()
x = f()
x.a = 3
*y = x
for i := range 3 { _ = i; x := x; _ = x }
switch z := any(x).(type) { case t: _ = z; case u: _ = z }
func() { x, z := x, c; _, _ = x, z }()
d
defer g()
x, z := 1, x
if z := f(); true { _ = z }
_ = e{x: 1}
_, ok := any(x).(t)
go func() { x = x }()
func init() { _ = x }
y <- x
x = <-y
labels: for { break labels }
x[0].a++
type t struct { u *u }
var z = func() (int, t) { return 1, x }
a, b := z()`, "\n")

// FuzzSnippets runs sessions of snippets: a byte chooses one, which is a cell of its own, or after
// a byte past the last one belongs to the cell before.
func FuzzSnippets(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		choice := make([]byte, 15)
		for i := range choice {
			choice[i] = byte(random.Uint32())
		}
		f.Add(choice)
	}
	f.Fuzz(func(t *testing.T, choice []byte) {
		var codes []string
		join := false
		for _, b := range choice[:min(len(choice), 40)] {
			i := int(b) % (len(snippets) + len(snippets)/3)
			switch {
			case i >= len(snippets):
				join = len(codes) > 0
			case join:
				codes[len(codes)-1] += "\n" + snippets[i]
				join = false
			default:
				codes = append(codes, snippets[i])
			}
		}
		runOffline(t, codes)
	})
}

// fakeRuntime imports what every built cell imports, from source text.
type fakeRuntime struct{}

func (fakeRuntime) Import(path string) (*types.Package, error) {
	text := map[string]string{
		wire.CallsPath: "package cell\nimport \"sync/atomic\"\nfunc Check() {}\nfunc CheckApart() {}\nfunc CheckIn(*atomic.Bool) {}\nfunc Zero[T any](p *T) (z T) { return }\nfunc Show(...any) {}" + predeclared(),
		"sync/atomic":  "package atomic\ntype Bool struct{}",
	}[path]
	if text == "" {
		return nil, errors.New("no package " + path)
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, text, 0)
	if err != nil {
		return nil, err
	}
	if path == "sync/atomic" {
		return (&types.Config{}).Check(path, fset, []*ast.File{file}, nil)
	}
	return (&types.Config{Importer: sharedAtomic{}}).Check(path, fset, []*ast.File{file}, nil)
}

var theAtomic = func() *types.Package { p, _ := fakeRuntime{}.Import("sync/atomic"); return p }()

type sharedAtomic struct{}

func (sharedAtomic) Import(string) (*types.Package, error) { return theAtomic, nil }

func TestIncomplete(t *testing.T) {
	for code, want := range map[string]bool{
		"x := 1\n": false, "func f() {\n": true, "func f() {\n}\n": false, "x +\n": true, "s := `a\n": true, "/* a\n": true, "f(1,\n": true, "": false, "// c\n": false, "}\n": false, "x\n": false,
	} {
		if got := Incomplete(code); got != want {
			t.Errorf("Incomplete(%q) = %v, want %v", code, got, want)
		}
	}
}

// cellImporter gives all files of a cell the same atomic.Bool, and the cells before.
type cellImporter map[string]*types.Package

func (c cellImporter) Import(path string) (*types.Package, error) {
	switch {
	case path == "sync/atomic":
		return theAtomic, nil
	case path == "unsafe":
		return types.Unsafe, nil
	case c[path] != nil:
		return c[path], nil
	}
	return fakeRuntime{}.Import(path)
}
