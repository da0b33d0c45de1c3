package engine

import (
	"context"
	"errors"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// offlineSession can check and emit, but knows only packages that the cells under test do not import.
func offlineSession() *session {
	s := &session{fset: token.NewFileSet(), index: &index{}, names: newNames()}
	s.tools = &tools{known: known{exports: map[string]string{}, gc: importer.Default()}}
	return s
}

// FuzzCell checks that any text is refused with an error or becomes Go that parses, and type-checks
// where it uses nothing of other cells.
func FuzzCell(f *testing.F) {
	for _, path := range []string{"language", "redefinition", "errors"} {
		a, err := txtar.ParseFile("testdata/" + path + ".txtar")
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range a.Files {
			for _, cell := range cells(string(file.Data)) {
				code := cell.code
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
		s := offlineSession()
		Incomplete(code)
		c, err := s.check(1, code)
		if err != nil {
			var cell *CellError
			if !errors.As(err, &cell) {
				t.Errorf("%q: an error without a place: %v", code, err)
			}
			return
		}
		s.look(c)
		out, refs, err := s.emit(c)
		if err != nil {
			return
		}
		s.adopt(c, refs)
		fset := token.NewFileSet()
		var files []*ast.File
		for name, text := range out.files {
			file, err := parser.ParseFile(fset, name, text, 0)
			if err != nil {
				t.Fatalf("%q became\n%s\nwhich does not parse: %v", code, text, err)
			}
			files = append(files, file)
		}
		conf := types.Config{GoVersion: "go1.26", Importer: cellImporter{}, Error: func(error) {}}
		if _, err := conf.Check("gsmcell/c1", fset, files, nil); err != nil {
			t.Fatalf("%q became\n%s\nwhich does not type-check: %v", code, out.files["f0.go"], err)
		}
	})
}

// fakeRuntime imports what every built cell imports, from source text.
type fakeRuntime struct{}

func (fakeRuntime) Import(path string) (*types.Package, error) {
	text := map[string]string{
		callsPath:     "package cell\nimport \"sync/atomic\"\nfunc Check() {}\nfunc CheckIn(*atomic.Bool) {}\nfunc Zero[T any](p *T) (z T) { return }\nfunc Show(...any) {}",
		"sync/atomic": "package atomic\ntype Bool struct{}",
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

func TestNamesAreCleaned(t *testing.T) {
	for in, want := range map[string]string{
		"Ꞌc12.Ꞌpoint{Ꞌx:1}":  "main.point{x:1}",
		"gsmcell/c3.Ꞌf(...)": "main.f(...)",
		"c3.x stays":         "c3.x stays",
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
	for text, want := range map[string]int{"abc": 0, "a\xea": 1, "a\xea\x9e": 2, "aꞋ": 3, "aꞋc1": 5, "aꞋx": 0, "a\x00\x01gsm1": 6, "a\x00b": 0} {
		if got := held(text); got != want {
			t.Errorf("held(%q) = %d, want %d", text, got, want)
		}
	}
}

func TestInterruptDuringBuild(t *testing.T) {
	s := offlineSession()
	s.interrupt = make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var cell *CellError
	if err := buildError(1, func() error { _, err := s.tools.run(ctx, ".", "go", "version"); return err }()); !errors.As(err, &cell) || cell.Kind != "interrupt" {
		t.Errorf("a cancelled build gives %v", err)
	}
}

// cellImporter gives all files of a cell the same atomic.Bool.
type cellImporter struct{}

func (cellImporter) Import(path string) (*types.Package, error) {
	if path == "sync/atomic" {
		return theAtomic, nil
	}
	return fakeRuntime{}.Import(path)
}
