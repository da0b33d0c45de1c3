// Tests of Save and Load: values of all kinds, damaged and foreign files, GoMLX's tensors and
// stores.

package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// execute runs cells that must not fail and returns what they showed.
func execute(t testing.TB, s *Engine, codes ...string) string {
	t.Helper()
	var seen transcript
	for _, code := range codes {
		if err := s.Execute(context.Background(), code, &seen); err != nil {
			t.Fatalf("%s: %v", code, err)
		}
	}
	return seen.String()
}

// leaves describes what was left, one line each.
func leaves(left []Left) string {
	var b strings.Builder
	for _, l := range left {
		fmt.Fprintf(&b, "%s: %s\n", l.Name, l.Reason)
	}
	return b.String()
}

// crash makes the worker end and start again.
func crash(t *testing.T, s *Engine) {
	t.Helper()
	var cell *CellError
	if err := s.Execute(context.Background(), "syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 1, 0, 0)", &transcript{}); !errors.As(err, &cell) || cell.Kind != KindCrash {
		t.Fatalf("not a crash: %v", err)
	}
}

const savedTypes = `type point struct { x, y int; label *string }
type shape interface { area() int }
func (p point) area() int { return p.x * p.y }
type guarded struct { mu sync.Mutex; n map[string][]point }
type tree struct { left, right *tree; value int }
type list struct { next *list }
type scale float64`

const savedValues = `name := "a point"
p := point{3, 4, &name}
var s shape = point{x: 5, y: 6}
var anything any = map[string]any{"a": []any{1, "two", scale(2.5)}, "b": &tree{value: 7}}
g := guarded{n: map[string][]point{"k": {{x: 1}, {y: 2}}}}
t := &tree{left: &tree{value: 1}, value: 2}
pi, big1 := 3.5, new(big.Int).Exp(big.NewInt(7), big.NewInt(90), nil)
var zero, none, when = 0, (*point)(nil), time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
f := func() int { return 1 }
var nilFunc func()
ch := make(chan int)
var both any = []any{tree{value: 1}, &tree{value: 2}, nil, (*tree)(nil)}
holes := []*point{nil, {x: 1}, {}}
shapes := [][]int{nil, {}, {1}}
mixed := struct{ a [3]uint8; b map[point][]scale; c complex128; e error; m map[string]int; t time.Duration }{a: [3]uint8{1, 2, 3}, b: map[point][]scale{{x: 1}: {-0.5}}, c: 2i, m: map[string]int{}, t: time.Minute}
ring := &list{}; ring.next = ring
buf := bytes.NewBufferString("x")`

func TestSaveAndLoad(t *testing.T) {
	s := newTestSession(t)
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "session.gsm")
	execute(t, s, savedTypes, savedValues, "func total() int { return p.area() + s.area() }")
	show := `fmt.Println(name, p.x, p.y, *p.label, s.area(), anything.(map[string]any)["a"], anything.(map[string]any)["b"].(*tree).value, g.n, t.left.value, t.value, pi, big1, zero, none, when, nilFunc == nil)
fmt.Println(both.([]any)[0].(tree).value, both.([]any)[1].(*tree).value, both.([]any)[2], both.([]any)[3].(*tree) == nil, holes[0] == nil, holes[1].x, *holes[2], shapes[0] == nil, shapes[1] == nil, shapes[2], mixed, mixed.m == nil)`
	want := execute(t, s, show)
	saved, err := s.Save(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(saved.Names, " "), "anything big1 both g holes mixed name nilFunc none p pi s shapes t when zero"; got != want {
		t.Errorf("saved %s, want %s", got, want)
	}
	const left = "buf: a bytes.Buffer has the field buf, which is not exported\nch: it is or holds a channel (chan int)\n" +
		"f: it is or holds a function (func() int)\nring: it refers to itself (through a *main.list)\n"
	if got := leaves(saved.Left); got != left {
		t.Errorf("left:\n%swant:\n%s", got, left)
	}

	crash(t, s)
	loaded, err := s.Load(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(loaded.Names, " "), strings.Join(saved.Names, " "); got != want || len(loaded.Left) != 0 {
		t.Errorf("loaded %s and left\n%swant %s", got, leaves(loaded.Left), want)
	}
	if len(loaded.Notes) != 1 || loaded.Notes[0] != "total of cell 3 is back" {
		t.Errorf("notes: %q", loaded.Notes)
	}
	if got := execute(t, s, show); got != want {
		t.Errorf("after a crash: %s, want %s", got, want)
	}
	for _, n := range s.Who() {
		if n.Cell > 3 {
			t.Errorf("%s is said to be of cell %d", n.Name, n.Cell)
		}
	}

	// Values are loaded in place: a pointer to a variable sees its old value again.
	execute(t, s, "ref := &p\np.x = 99\npi := \"no number now\"\nfunc zero() {}")
	if loaded, err = s.Load(ctx, path); err != nil {
		t.Fatal(err)
	}
	const changed = "pi: it is a string now and was a float64 when it was saved\nzero: the name is a func now\n"
	if got := leaves(loaded.Left); got != changed {
		t.Errorf("left:\n%swant:\n%s", got, changed)
	}
	if got := execute(t, s, "ref.x"); got != "= 3\n" {
		t.Errorf("through a pointer: %s", got)
	}

	// A new session, in which one type is missing and another has changed.
	if err := s.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	execute(t, s, "type point struct { x, y int; label *string }\nfunc (p point) area() int { return 0 }\ntype guarded struct { n map[string][]int }")
	if loaded, err = s.Load(ctx, path); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(loaded.Names, " "), "big1 holes name nilFunc none p pi shapes when zero"; got != want {
		t.Errorf("in a new session: loaded %s, want %s", got, want)
	}
	const missing = "mixed: its type cannot be declared: undefined: scale\ns: its type cannot be declared: undefined: shape\nt: its type cannot be declared: undefined: tree\n" +
		"g: the type guarded was another when it was saved\nanything: an interface held a "
	if got := leaves(loaded.Left); !strings.HasPrefix(got, missing) || !strings.Contains(got, "both: an interface held a tree, which is not declared\n") {
		t.Errorf("in a new session: left\n%swant\n%s", got, missing)
	}
	if got := execute(t, s, "fmt.Println(p.x, p.area(), name)"); got != "3 0 a point\n" {
		t.Errorf("in a new session: %s", got)
	}
}

func TestLoadRefusesOtherFiles(t *testing.T) {
	s := newTestSession(t)
	ctx := context.Background()
	dir := t.TempDir()
	if err := s.Chdir(dir); err != nil {
		t.Fatal(err)
	}
	execute(t, s, "x, data := 1, make([]byte, 5000)")
	if _, err := s.Save(ctx, "good"); err != nil { // in the worker's folder
		t.Fatal(err)
	}
	execute(t, s, "x = 2")
	good, err := os.ReadFile(filepath.Join(dir, "good"))
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 1
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"short":   {good[:len(good)-300], "checksum"},
		"tiny":    {good[:20], "end is missing"},
		"flipped": {flipped, "checksum"},
		"longer":  {append(bytes.Clone(good), 'x'), "checksum"},
		"foreign": {[]byte("package main\n"), "is not a checkpoint of a session"},
		"empty":   {nil, "is not a checkpoint of a session"},
		"newer":   {append([]byte("gsmlab session 9\n"), good[17:]...), "another version"},
		"older":   {append([]byte("gsmlab session 1\n"), good[17:]...), "or run the cells again"},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), c.data, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Load(ctx, name); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), filepath.Join(dir, name)) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if _, err := s.Load(ctx, "none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := s.Save(ctx, filepath.Join(dir, "none", "x")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	if got := execute(t, s, "x"); got != "= 2\n" {
		t.Errorf("a bad file has changed x: %s", got)
	}
	if _, err := s.Load(ctx, "good"); err != nil {
		t.Error(err)
	}
	if got := execute(t, s, "x + len(data)"); got != "= 5001\n" {
		t.Errorf("after loading: %s", got)
	}
}

// TestSaveGoMLX saves weights, and restores them to a store that an executor holds.
func TestSaveGoMLX(t *testing.T) {
	s := newTestSession(t)
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "weights")
	declare := `import "github.com/gomlx/compute/gobackend"
func must[T any](v T, err error) T { if err != nil { panic(err) }; return v }
type net struct { store *model.Store; inputs []*tensors.Tensor; steps int }
func layer(scope *model.Scope, x *graph.Node) *graph.Node {
	w := scope.In("dense").VariableWithValue("weights", []float32{1, 2, 3}).NodeValue(x)
	return graph.Mul(x, w)
}`
	values := `backend := must(gobackend.New(""))
store := model.NewStore()
exec := must(model.NewExec(backend, store, layer))
x := tensors.FromValue([]float32{1, 1, 1})`
	execute(t, s, declare, values, `exec.MustCall(x)
store.GetVariable("/dense/weights").MustSetValue(tensors.FromValue([]float32{4, 5, 6}))
store.GetVariable("/dense/weights").Trainable = false
store.SetParam("rate", 0.5)
n := net{model.NewStore(), []*tensors.Tensor{x, nil, tensors.FromValue(int32(7))}, 3}
m := map[string]*tensors.Tensor{"x": x}
all := []any{x}`)
	saved, err := s.Save(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(saved.Names, " "), "m n store x"; got != want {
		t.Errorf("saved %s, want %s; left\n%s", got, want, leaves(saved.Left))
	}
	if got := leaves(saved.Left); !strings.Contains(got, "all: an interface holds a *tensors.Tensor") || !strings.Contains(got, "exec: ") || !strings.Contains(got, "backend: ") {
		t.Errorf("left:\n%s", got)
	}
	crash(t, s)
	execute(t, s, values, "exec.MustCall(x)")
	loaded, err := s.Load(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(loaded.Names, " "), "m n store x"; got != want {
		t.Errorf("loaded %s, want %s; left\n%s", got, want, leaves(loaded.Left))
	}
	got := execute(t, s, `fmt.Println(exec.MustCall(x)[0].Value(), store.GetVariable("/dense/weights").Trainable, model.MustGetRootParam[float64](store, "rate"),
	len(n.inputs), n.inputs[0].Value(), n.inputs[1], n.inputs[2].Value(), n.steps, n.store.NumVariables(), m["x"].Value())`)
	if want := "[4 5 6] false 0.5 3 [1 1 1] <nil> 7 3 0 [1 1 1]\n"; got != want {
		t.Errorf("got %s want %s", got, want)
	}
	execute(t, s, `store = model.NewStore()
store.VariableWithValue("/dense/weights", []float32{1, 2})`)
	if loaded, err = s.Load(ctx, path); err != nil {
		t.Fatal(err)
	}
	if got := leaves(loaded.Left); !strings.Contains(got, "store: the variable /dense/weights of the store has the shape (Float32)[2], and had (Float32)[3]") {
		t.Errorf("another model: left\n%s", got)
	}
}
