// Two plugins that share a package's unexported names, really built and loaded, and the reading of
// patches.

package toolchain

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// host is a worker that loads the plugins it is given.
const host = `package main

import (
	"fmt"
	"os"
	"plugin"
)

func main() {
	for _, path := range os.Args[1:] {
		if _, err := plugin.Open(path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
}
`

func testSpec(t *testing.T, roots ...string) Spec {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module scratch\n\ngo 1.26.0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return Spec{Module: dir, Main: host, Roots: append(roots, "fmt", "os", "plugin"), Index: []string{"std"}, Env: append(os.Environ(), "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=1")}
}

// testGo uses the user's cache, because building the compiler takes minutes.
func testGo(t *testing.T) (*Go, Options) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds Go's compiler, where the cache has none")
	}
	opt := Options{Root: ".", Say: Lines(func(s string) { t.Log(s) })}
	start := time.Now()
	g, err := Get(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	t.Log("Get:", time.Since(start))
	return g, opt
}

func TestCells(t *testing.T) {
	g, opt := testGo(t)
	spec := testSpec(t, "encoding/json", "reflect", "strings", "errors", "runtime")
	start := time.Now()
	l, err := g.Library(context.Background(), spec, opt)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	t.Log("Library:", time.Since(start))
	start = time.Now()
	if l, err = g.Library(context.Background(), spec, opt); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Log("Library again:", time.Since(start))
	start = time.Now()
	spec.Roots, spec.Index = []string{"text/tabwriter"}, nil
	added, err := g.Extend(context.Background(), spec, []*Library{l}, opt)
	if err != nil {
		t.Fatal(err)
	}
	defer added.Close()
	t.Log("Extend:", time.Since(start))
	plugins := []string{added.Object}
	var before []Cell
	for i, text := range []string{cellA, cellB} {
		dir := t.TempDir()
		file := filepath.Join(dir, "f.go")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		start = time.Now()
		cell, compiled, err := g.Cell(context.Background(), []*Library{l, added}, before, []string{"gsmcell/a", "gsmcell/b"}[i], []string{file}, dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Log("Cell:", compiled.Sub(start), time.Since(compiled))
		before, plugins = append(before, cell), append(plugins, cell.Plugin)
	}
	out, err := exec.Command(l.Worker, plugins...).CombinedOutput()
	if got := string(out); err != nil || got != wanted {
		t.Errorf("%v: %s\nwant %s", err, got, wanted)
	}
}

const cellA = `package main

import "encoding/json"

type point struct { x int; Y int }
type pair[T any] struct { a, b T }
func (p *pair[T]) sum(f func(T, T) T) T { return f(p.a, p.b) }
type shape interface { area() int }
type square struct { side int }
func (s square) area() int { return s.side * s.side }
type grid [200][200]*int
var p = point{1, 2}
var sh shape = square{3}
func text(v any) string { b, _ := json.Marshal(v); return string(b) }
`

const cellB = `package main

import (
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"text/tabwriter"
	a "gsmcell/a"
)

type triangle struct { h int }
func (t triangle) area() int { return t.h }
type both struct { a.point; z int }
var g a.grid
var log strings.Builder
func name() string { pc, _, _, _ := runtime.Caller(0); return runtime.FuncForPC(pc).Name() }
func init() {
	a.sh = triangle{5}
	_, ok := any(a.sh).(interface{ area() int })
	x := 7
	g[100][100] = &x
	runtime.GC()
	log.WriteString(fmt.Sprint(a.sh.area(), ok, both{a.p, 3}.x, *g[100][100]))
	tab := tabwriter.NewWriter(&log, 8, 0, 1, '.', 0)
	fmt.Fprint(tab, "\ta\t\n")
	tab.Flush()
	pr := &a.pair[a.point]{a.p, a.p}
	f := reflect.TypeOf(a.p).Field(0)
	fmt.Printf("%s %s %T %T %s %q %v %s\n", log.String(), a.text(a.p), a.p, pr, name(), f.PkgPath, f.IsExported(), reflect.TypeOf(pr).Elem().Name())
}
`

const wanted = `5 true 1 7........a.......
 {"Y":2} main.point *main.pair[main.point] main.name "main" false pair[main.point]` + "\n"

func TestPatch(t *testing.T) {
	diff := "--- a/cmd/x.go\n+++ b/cmd/x.go\n@@ -1,3 +1,3 @@\n a\n-b\n+c\n d\n@@ -9 +9 @@\n-e\n+f\n"
	files, err := parsePatch(diff)
	if err != nil || len(files) != 1 || files[0].name != "cmd/x.go" {
		t.Fatal(files, err)
	}
	if got, err := files[0].apply("0\na\nb\nd\n\ne\n"); err != nil || got != "0\na\nc\nd\n\nf\n" {
		t.Errorf("%q, %v", got, err)
	}
	for _, text := range []string{"a\nb\nd\na\nb\nd\ne\n", "a\nb\nx\ne\n"} {
		if _, err := files[0].apply(text); err == nil || !strings.Contains(err.Error(), "cmd/x.go") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := parsePatch("+++ b/x\n@@\n?\n"); err == nil {
		t.Error("a strange line is no error")
	}
}
