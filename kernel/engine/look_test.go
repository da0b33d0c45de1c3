// Look-ups show what built cells show: about 220 expressions, evaluated both ways.

package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

const lookState = `
type color int
const ( red color = iota; green; blue )
const big = 1 << 62
const half = 0.5
func (c color) String() string { return [...]string{"red", "green", "blue"}[c] }
type inner struct { depth int; Tag string }
func (i *inner) sink(n int) int { i.depth += n; return i.depth }
func (i inner) where() string { return fmt.Sprint("at ", i.depth) }
type Outer struct { *inner; col color; next *Outer; table map[string][]int; any any }
type shape interface { area() float64 }
type square struct{ side float32 }
func (s square) area() float64 { return float64(s.side * s.side) }
type list[T any] struct{ items []T }
func (l list[T]) at(i int) T { return l.items[i] }
func (l *list[T]) grow(more ...T) int { l.items = append(l.items, more...); return len(l.items) }
type failure struct{ code int }
func (f *failure) Error() string { return fmt.Sprint("failure ", f.code) }
type loud struct{}
func (loud) String() string { panic("String fails") }
type text string
type flags uint8

i, i8, u, u8 := 7, int8(-100), uint(3), uint8(200)
f, f32 := 2.5, float32(0.1)
str, txt, yes := "héllo", text("abc"), true
c := green
o := &Outer{inner: &inner{3, "t"}, col: blue, table: map[string][]int{"a": {1, 2, 3}}}
o.next = &Outer{any: square{2}}
empty := Outer{}
var sh, none shape = square{3}, nil
l := list[string]{[]string{"x", "y"}}
var err, noErr error = &failure{4}, nil
slice, arr := make([]int, 3, 10), [3]string{"p", "q", "r"}
parr, nilSlice := &arr, []int(nil)
m := map[any]string{1: "one", "k": "two", blue: "blue"}
mc := map[color]int{green: 5}
var nilMap map[string]int
var nilPtr *Outer
var nilFunc func(int) int
ch := make(chan int, 4)
fn := func(n int, rest ...string) (int, string) { return n + len(rest), strings.Join(rest, "-") }
z, lo := 0, loud{}
fl := flags(0xF0)
d := 90 * time.Second
neg := -1
big1, small := uint64(1 << 63), int64(-1 << 63)
cplx := complex(1, 2)
func double(x float64) float64 { return 2 * x }
func pair() (int, error) { return 1, err }
func nothing() {}
func takes(a any, s shape, e error, c color, p *int, f func()) string { return fmt.Sprintf("%T %v %v %v %v %v", a, a, s, e, c, p == nil && f == nil) }
func sum(xs ...int) (t int) { for _, x := range xs { t += x }; return }
func boom() int { panic(fmt.Errorf("boom %d", 1)) }
func deep(n int) int { if n == 0 { return slice[i] }; return deep(n - 1) }
func bump() int { i++; return i }
`

// looks are expressions that are looked up. Those that do not end normally are in lookPanics.
var looks = []string{
	"i", "i8", "u8", "f32", "str", "txt", "yes", "c", "blue", "big", "half", "nil", "1 + 2*3", `"a" + "b"`, "'x'", "1.5e3", "math.Pi", "time.Minute.Seconds", "-7 / 2",
	"o.depth", "o.col", "o.Tag", "o.inner.depth", "o.next.any", "o.table", `o.table["a"][1]`, `o.table["none"]`, "o.next.next == nil", "*o.inner", "empty.next", "(*o).col", "o.next.inner",
	"sh", "none", "sh.area()", "none == nil", "sh != nil", "square.area", "l", "l.at(1)", "l.items[0]", "l.grow()", `l.grow("z", "w")`, "l.at", "err", "noErr", "err.Error()", "err == noErr", "err == nil",
	"slice", "slice[0]", "slice[i-5]", "slice[1:2]", "slice[:2:5]", "cap(slice[:2:5])", "cap(slice[1:])", "len(slice)", "arr", "arr[u-1]", "parr[0]", "len(parr)", "len(arr)", "arr[1:]", "nilSlice", "nilSlice == nil", "len(nilSlice)", "nilSlice[:0]",
	"m[1]", `m["k"]`, "m[blue]", "m[2]", "m[c]", "mc[green]", "mc[c]", "mc[1]", `nilMap["a"]`, "len(m)", "m[nil]", "len(ch)", "cap(ch)", "len(str)", "str[1]", "str[1:3]", "str[:]", "txt[1:]", `str < "i"`, `str + "!"`, `txt + "d"`,
	"fn(1)", `fn(1, "a", "b")`, "fn(1, arr[:]...)", "double(2)", "double(f)", "double(half)", "double(3 / 2)", "pair()", "nothing()", "sum()", "sum(1, i, slice[0])", "sum(slice...)", "sum(slice[:1]...)",
	"takes(1, nil, nil, 0, nil, nil)", "takes(c, sh, err, blue, &i, nothing)", "takes(nil, square{1}, err, c, nil, nil)", "takes(blue, sh, nil, green+1, nil, nil)", "takes(f32, none, noErr, c, nil, nil)", `takes("s", sh, nil, red, nil, nil)`,
	"i + 1", "i8 * i8", "i8 - 100", "u - 4", "u8 + 100", "u8 << 1", "i8 >> 2", "1 << u", "i << 2", "-i8 - 28", "i / 2", "neg / 2", "i % 4", "neg % 4", "i & 5", "i | 8", "i ^ 2", "i &^ 1", "^i", "^u8", "fl >> 4", "fl | 1", "small / int64(neg)",
	"f * 2", "f / 0.3", "f32 * 3", "f32 + 0.2", "f32 / 3", "f - f32x", "-f", "1 / f", "float64(i) / 2", "int(f)", "int8(i)", "uint8(i8)", "float32(f)", "string(str)", "string(txt)", "int(d)", "d", "d * 2", "d.Seconds()", "d > time.Minute", "string(o.Tag[0])",
	"yes && i > 3", "!yes || i < 3", "yes == (i > 3)", "o != nil && o.next != nil", "nilPtr != nil && nilPtr.next != nil", "c == green", "c > red", "c + 1", "blue", "blue - green", "color(1)", "mc[green] == 5", "cplx", "cplx == cplx", "big1 >> 63", "big1",
	"*(&i)", "(&o.col).String()", "o.where()", "o.sink(1)", "o.inner.sink(1)", "(o.next.any).(square).side", "lo == loud{}", "err.(*failure).code", "ctx == nil", "ctx.Err()", "fn", "double", "nothing", "boom", "o.table[arr[0]+str]", "m[any(1)]", "bump()", "bump() + i", "i", "lo", "color(9)",
}

// built are the entries of looks that are not looked up.
var built = []string{"time.Minute.Seconds", "square.area", "l.at", "arr[1:]", "fn(1, arr[:]...)", "takes(nil, square{1}, err, c, nil, nil)",
	"color(1)", "color(9)", "blue - green", "(o.next.any).(square).side", "lo == loud{}", "err.(*failure).code", "m[any(1)]"}

var lookPanics = []string{
	"slice[i]", "slice[neg]", "slice[u+u8x]", "slice[big1]", "arr[i]", "parr[i]", "str[i*2]", "slice[2:1+z]", "slice[:i*2]", "slice[i+10:]", "slice[i:]", "str[3:z]", "str[:i*9]", "nilPtr.col", "nilPtr.next.col", "*nilPtr", "empty.depth", "empty.where()", "nilPtr.where()",
	"none.area()", "noErr.Error()", "nilFunc(1)", "nilFunc(i / z)", "i / z", "i % z", "u / uint(z)", "1 << neg", "i >> neg", "m[slice]", "boom()", "deep(2)", "mc[c] / z", "m2 == m2", "sum(slice[i])",
}

// traced are panics whose places are also compared.
var traced = []string{"boom()", "deep(2)", "// one\n\nslice[i]"}

// lookSession is a session with the state above. It returns a function that runs a cell and returns
// what it shows.
func lookSession(t *testing.T, s *Engine) (run func(code string) string) {
	ctx := context.Background()
	fresh(t, s)
	run = func(code string) string {
		var seen transcript
		err := s.Execute(ctx, code, &seen)
		text := seen.String()
		var cell *CellError
		if errors.As(err, &cell) {
			text += fmt.Sprintf("! %v\n", err)
			if len(cell.Trace) > 1 {
				text += fmt.Sprintln(cell.Trace)
			}
		}
		return strings.ReplaceAll(text, fmt.Sprintf("cell[%d]", s.number), "cell[n]")
	}
	for _, code := range []string{lookState, "f32x := float64(f32)\nu8x := uint(250)\nvar m2 any = m"} {
		if text := run(code); text != "" {
			t.Fatal(text)
		}
	}
	return run
}

// TestLookUpsShowWhatBuiltCellsShow runs the same expressions by reflection and compiled.
func TestLookUpsShowWhatBuiltCellsShow(t *testing.T) {
	s := newTestSession(t)
	run := lookSession(t, s)
	var got []string
	for _, x := range append(slices.Clone(looks), lookPanics...) {
		text, _, _ := strings.Cut(run(x), "\n[")
		got = append(got, strings.TrimSpace(text))
		if was := s.Times().Build > 0; was != slices.Contains(built, x) {
			t.Errorf("%s: built %v", x, was)
		}
	}
	var traces []string
	for _, x := range traced {
		traces = append(traces, run(x))
	}

	run = lookSession(t, s)
	var batch strings.Builder
	batch.WriteString("import \"gsmlab/kernel/engine/rt\"\nonPanic := func() { if r := recover(); r != nil { rt.Show(fmt.Errorf(\"panic: %v\", r)) } }\n")
	for _, x := range append(slices.Clone(looks), lookPanics...) {
		if x != "nothing()" {
			x = "rt.Show(" + x + ")"
		}
		fmt.Fprintf(&batch, "func() { defer rt.Show(\"next\"); defer onPanic(); %s }()\n", x)
	}
	want := strings.Split(run(batch.String()), "= \"next\"\n")
	if len(want) != len(got)+1 {
		t.Fatalf("%d answers to %d expressions:\n%s", len(want)-1, len(got), strings.Join(want, ""))
	}
	for i, x := range append(slices.Clone(looks), lookPanics...) {
		place, text, panics := strings.Cut(got[i], "panic: ")
		if panics = panics && place[0] == '!'; panics {
			text = "= panic: " + text
		} else {
			text = got[i]
		}
		if text != strings.TrimSpace(want[i]) {
			t.Errorf("%s: looked up %q, built %q", x, got[i], want[i])
		}
		if panics != (i >= len(looks)) {
			t.Errorf("%s: %s", x, got[i])
		}
	}
	s.building = true
	for i, x := range traced {
		if text := run(x); text != traces[i] {
			t.Errorf("%s: looked up %q, built %q", x, traces[i], text)
		}
	}
}
