// Tests of completion on a scope and an importer, without a worker.

package assist

import (
	"context"
	"errors"
	"fmt"
	"go/token"
	"go/types"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"gsmlab/kernel/engine/celltest"
	"gsmlab/kernel/engine/lang"
	"gsmlab/kernel/engine/wire"
)

// completions are cells with the cursor at ‸, and the first items expected: "x/kind" or "x/kind
// signature".
var completions = []struct{ code, want string }{
	{"origin.‸", "Label/field string, x/field int, y/field int, move/method func(dx int), norm/method func(scale float64) float64"},
	{"ori‸", "origin/var point"},
	{"ra‸", "rate/var float64, range/keyword, race/package runtime/race, rand/package math/rand"},
	{"fmt.Printl‸", "Println/func func(a ...any) (n int, err error)"},
	{"x := fmt.Sprint‸(1)\nx", "Sprint/func func(a ...any) string, Sprintf/func func(format string, a ...any) string, Sprintln/func func(a ...any) string"},
	{"str.ToUp‸", "ToUpper/func func(s string) string, ToUpperSpecial/func func(c unicode.SpecialCase, s string) string"},
	{"func f() { y := point{}; y.‸", "Label/field string, x/field int"},
	{"func f() {\n\ty := origin\n\ty.n‸\n}\nf()", "norm/method func(scale float64) float64"},
	{"func f(param int) { local := 1; if lo‸", "local/var int"},
	{"func f(param int) { for i := range para‸", "param/var int"},
	{"func f(param int) { switch { case para‸", "param/var int"},
	{"func f(param int) { local := 1; { inner := 2; }; in‸ }", "int/type int, int16/type int16"},
	{"func f() { later := 1; _ = later }\nlate‸", ""},
	{"gsm.Config{Com‸", "Compression/field float64"},
	{"c := gsm.Config{Compression: 2, ‸}", "Decayed/field func(*model.Variable) bool, FreezeAfter/field int, LearningRate/field gsm.Schedule"},
	{"point{‸", "Label/field string, x/field int, y/field int"},
	{"point{x: 1, ‸", "Label/field string, y/field int"},
	{"point{x: ori‸", "origin/var point"},
	{"[]point{{‸", "Label/field string, x/field int, y/field int"},
	{"[]*point{{x: 1, L‸}}", "Label/field string"},
	{"map[string]point{\"a\": {y‸", "y/field int"},
	{"nodes[\"a\"][0].‸", "Builder/field strings.Builder, name/field string, point/field *point, Label/field string, x/field int, y/field int, Cap/method func() int"},
	{"st.items[0].La‸", "Label/field string"},
	{"st.p‸", "push/method func(v point)"},
	{"origin.norm(2).‸", ""},
	{"time.Now().Unix‸", "Unix/method func() int64, UnixMicro/method func() int64, UnixMilli/method func() int64, UnixNano/method func() int64"},
	{"var w sync.Wait‸", "WaitGroup/type struct"},
	{"var v po‸", "point/type struct"},
	{"func (p *point) far() bool { return p.‸", "Label/field string, x/field int"},
	{"func (s *stack[E]) pop() E { return s.it‸", "items/field []E"},
	{"func (p *poi‸", "point/type struct"},
	{"func g(p poi‸", "point/type struct"},
	{"var m map[poi‸", "point/type struct"},
	{"go doub‸", "double/func func(x float64) float64"},
	{"defer origin.mo‸", "move/method func(dx int)"},
	{"double(ra‸, 1)", "rate/var float64, range/keyword"},
	{"ret‸", "return/keyword"},
	{"lim‸", "limit/const untyped int = 10"},
	{"len‸", "len/func func(v T) int"},
	{"import \"encoding/js‸\"", "encoding/json/module"},
	{"import (\n\t\"fmt\"\n\t\"net/ht‸\n)", "net/http/module, net/http/cgi/module"},
	{"x := \"ori‸\"", ""},
	{"// ori‸", ""},
	{"/* ori‸ */ x", ""},
	{"1.‸", ""},
	{"0x1‸", ""},
	{"x‸yz := 1", ""},
	{"type t struct { a int; b poi‸", "point/type struct"},
	{"type pair struct { left, right int }\np := pair{}\np.‸\nfmt.Println(p)", "left/field int, right/field int"},
	{"p := pair{}\np.l‸\ntype pair struct { left, right int }", "left/field int"},
	{"rate := rate.‸", ""},
	{"origin := origin.La‸", "Label/field string"},
	{"if v, ok := nodes[\"a\"]; ok { v[0].na‸", "name/field string"},
	{"var e error\ne.‸", "Error/method func() string"},
	{"func() { defer func() { r := reco‸", "recover/func func() any"},
	{"unfinished(\norigin.‸", "Label/field string"},
	{"broken := ) \norigin.L‸", "Label/field string"},
	{"ct‸", "ctx/var context.Context"},
	{"for i, n := range nodes { n[0].na‸ }", "name/field string"},
	{"ORI‸", "origin/var point"},
	{"nodes[ori‸]", "origin/var point"},
	{"func gen[T fmt.Stringer](v T) { v.‸ }", "String/method func() string"},
	{"origin.\n\tLa‸", "Label/field string"},
	{"graph.Mat‸", "MatMul/func"},
	{"point.‸", "move/method func(dx int), norm/method"},
	{"x := []func(){ func() { origin.L‸ } }", "Label/field string"},
	{"héllo := origin\nhéllo.L‸", "Label/field string"},
	{"select { case v := <-ct‸", "ctx/var context.Context"},
	{"import . \"strings\"\nToUpperS‸", "ToUpperSpecial/func func(c unicode.SpecialCase, s string) string"},
	{"import m \"math\"\nm.Sqr‸", "Sqrt/func func(x float64) float64"},
	{"rate := \"a\"\nfunc() { rate := 2; ra‸ }", "rate/var int, range/keyword"},
	{"zzz‸", ""},
}

// declared returns an assistant that reads what cells declare. No cell has run.
func declared(t testing.TB, scope *lang.Scope, packages Packages, cells ...string) Assistant {
	t.Helper()
	for i, text := range cells {
		c, err := scope.Check(context.Background(), lang.Cell{Number: i + 1, Shown: i + 1, Text: text})
		if err != nil {
			t.Fatal(err)
		}
		built, err := scope.Emit(c)
		if err != nil {
			t.Fatal(err)
		}
		scope.Adopt(c, built)
	}
	return Assistant{Scope: scope, Packages: packages, SourceFile: func(name string) string { return name }}
}

// online is an assistant that can import all packages, after one cell that sets up the state.
func online(t testing.TB) Assistant {
	t.Helper()
	tools := celltest.Tools(t)
	scope, err := lang.NewScope(context.Background(), tools.FileSet(), tools, tools.Index())
	if err != nil {
		t.Fatal(err)
	}
	a := declared(t, scope, tools.Index(), celltest.AssistState)
	a.SourceFile = tools.SourceFile
	return a
}

func TestComplete(t *testing.T) {
	a := online(t)
	for _, c := range completions {
		offset := strings.Index(c.code, "‸")
		if offset < 0 {
			offset = len(c.code)
		}
		code := strings.Replace(c.code, "‸", "", 1)
		start := time.Now()
		got := a.Complete(context.Background(), code, offset)
		took := time.Since(start)
		var first []string
		want := strings.Split(c.want, ", ")
		for i, it := range got.Items {
			text := strings.TrimSpace(it.Text + "/" + it.Kind + " " + it.Signature)
			if strings.Contains(text, wire.Tick) {
				t.Errorf("%s: %s", c.code, text)
			}
			if i < strings.Count(c.want, "/") {
				first = append(first, text)
			}
		}
		text := strings.Join(first, ", ")
		if c.want == "" && len(got.Items) > 0 || !strings.HasPrefix(text, c.want) {
			t.Errorf("%s: %s, want %s", c.code, fmt.Sprint(text, got.Items[:min(3, len(got.Items))]), want)
		}
		if got.End != offset || got.Start > offset || len(got.Items) > 0 && !slices.ContainsFunc(got.Items, func(i Item) bool {
			return strings.HasPrefix(strings.ToLower(i.Text), strings.ToLower(code[got.Start:got.End]))
		}) {
			t.Errorf("%s: replaces %d to %d", c.code, got.Start, got.End)
		}
		if took > 5*time.Millisecond {
			t.Log(c.code, took)
		}
	}
}

// FuzzComplete asks for completions and inspections anywhere in any text.
func FuzzComplete(f *testing.F) {
	for _, c := range completions {
		f.Add(strings.Replace(c.code, "‸", "", 1), max(strings.Index(c.code, "‸"), 0))
	}
	for _, code := range []string{"", "}", "func (", "if x := 1; ", "type t struct {", "\"", "`", "/*", "'", "a.b.c.", "x[", "...", "func f[T any](", "switch x := y.(type) { case ", "\xff\xfe.", "é.", "import \"", "import (", "T{a:", "a.(", "<-", "&", "goto ", "var (", "const (a = iota; "} {
		for _, offset := range []int{0, 1, len(code) / 2, len(code)} {
			f.Add(code, offset)
		}
	}
	scope, err := lang.NewScope(context.Background(), token.NewFileSet(), onlyContext{}, onlyContext{})
	if err != nil {
		f.Fatal(err)
	}
	a := declared(f, scope, onlyContext{}, "type point struct{ x, y int }\nfunc (p point) norm() int { return p.x }\nvar origin point\nfunc double(x int) int { return 2 * x }")
	f.Fuzz(func(t *testing.T, code string, offset int) {
		if strings.Contains(code, "import") || len(code) > 2000 {
			t.Skip() // would ask the toolchain for packages
		}
		got := a.Complete(context.Background(), code, offset)
		if got.Start < 0 || got.Start > got.End || got.End > len(code) {
			t.Fatalf("%q at %d: replaces %d to %d", code, offset, got.Start, got.End)
		}
		a.Inspect(context.Background(), code, offset)
		for _, i := range got.Items {
			if i.Text == "" || strings.ContainsAny(i.Text+i.Signature, wire.Tick+"·") {
				t.Fatalf("%q at %d: %v", code, offset, i)
			}
		}
	})
}

// onlyContext has no package but context.
type onlyContext struct{}

func (onlyContext) Import(_ context.Context, path string) (*types.Package, error) {
	if path != "context" {
		return nil, errors.New("no package " + path)
	}
	pkg := types.NewPackage(path, path)
	pkg.Scope().Insert(types.NewTypeName(0, pkg, "Context", types.NewInterfaceType(nil, nil)))
	pkg.MarkComplete()
	return pkg, nil
}
func (onlyContext) Find(string) (string, bool)  { return "", false }
func (onlyContext) NameOf(p string) string      { return path.Base(p) }
func (onlyContext) Packages() map[string]string { return nil }
func (onlyContext) Paths() []string             { return nil }
