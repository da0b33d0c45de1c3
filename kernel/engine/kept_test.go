// Tests of cells that are not built again: those that another session has built, and those that ran
// before.

package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCellsAreBuiltOnce: what a session has run runs in another one without a compiler and without
// a linker, and shows the same. What differs, or uses something that differs, is built.
func TestCellsAreBuiltOnce(t *testing.T) {
	t.Parallel()
	salt := filepath.Base(t.TempDir()) + fmt.Sprint(os.Getpid())
	cells := []string{
		"salt := \"" + salt + "\"\ntype point struct{ x, y int }\nfunc (p point) sum() int { return p.x + p.y }",
		"p := point{1, 2}\nps := map[string]point{salt[:0]: p}",
		"func double(p point) point { return point{x: 2 * p.x, y: 2 * p.y} }\ndouble(p).sum() + len(ps)",
		"type point struct{ x, y, z int }\nfunc old() string { return salt }",
		"fmt.Println(double(point{x: 1}), p)",
		"panic(double(point{y: 4}).sum())",
	}
	run := func(s *Engine, cells []string) (shown []string, kept int) {
		for _, code := range cells {
			shown = append(shown, shows(s, code))
			kept += s.times.Kept
		}
		return shown, kept
	}
	first, kept := run(ownSession(t), cells)
	if kept != 0 {
		t.Errorf("%d cells are not new", kept)
	}
	again, kept := run(ownSession(t), cells)
	if got, want := strings.Join(again, "|"), strings.Join(first, "|"); got != want {
		t.Errorf("again:\n%s\nwant\n%s", got, want)
	}
	if kept != len(cells) {
		t.Errorf("%d of %d cells were not built again", kept, len(cells))
	}
	cells[0] = strings.Replace(cells[0], "p.x + p.y", "p.x - p.y", 1)
	changed, kept := run(ownSession(t), cells)
	if changed[2] == first[2] || kept != 0 {
		t.Errorf("with another method: %s, and %d cells were not built", changed[2], kept)
	}
}

// TestCellsAreBuiltOnceWhateverTheirNumbers: in another order, and with others above them, cells
// are not built again, and say where they are now: in panics, in names of files, inlined or not.
func TestCellsAreBuiltOnceWhateverTheirNumbers(t *testing.T) {
	t.Parallel()
	salt := filepath.Base(t.TempDir()) + fmt.Sprint(os.Getpid())
	const one = "func at() string { _, file, line, _ := runtime.Caller(0); return fmt.Sprint(file, \":\", line) }\nfunc fails(n int) int {\n\treturn 1 / n\n}"
	other := "func add(a, b int) int { return a + b }\none, two, three, tag := 1, 2, 3, \"" + salt + "\""
	const uses = "v := at() + fmt.Sprint(add(one, two+three))\nv"
	const panics = "\nfails(add(0, 0)) + len(`\n//line cell[1]:1\n`)"
	of := func(s string) string { return "salt := \"" + salt + s + "\"\n" }
	run := func(cells ...string) (shown, kept string) {
		s := ownSession(t)
		for _, code := range cells {
			shown = shows(s, code)
			kept += fmt.Sprint(s.times.Kept)
		}
		return shown, kept
	}
	for _, c := range []struct {
		cells      []string
		kept, last string
	}{
		{[]string{of("a") + one, other, uses}, "000", "= \"cell[1]:26\"\n<nil>"},
		{[]string{other, of("a") + one, uses}, "111", "= \"cell[2]:26\"\n<nil>"},
		{[]string{"1", "unrelated := `" + salt + "`", other, "2", of("a") + one, uses}, "001011", "= \"cell[5]:26\"\n<nil>"},
		{[]string{of("a") + one, other, panics}, "110", "cell[1]:4: panic: runtime error: integer divide by zero"},
		{[]string{other, "1", "unrelated := `" + salt + "again`", of("a") + one, panics}, "10011", "cell[4]:4: panic: runtime error: integer divide by zero"},
	} {
		last, kept := run(c.cells...)
		if last != c.last || kept != c.kept {
			t.Errorf("%q: shows %q, want %q; kept %s, want %s", c.cells, last, c.last, kept, c.kept)
		}
	}
}

// shows runs a cell that may fail, and returns what it shows.
func shows(s *Engine, code string) string {
	var tr transcript
	err := s.Execute(context.Background(), code, &tr)
	return fmt.Sprint(tr.String(), err)
}

// TestCellsRunAgain: a cell that ran before, and whose names mean what they meant, runs at once; in
// all else it is as if it were built.
func TestCellsRunAgain(t *testing.T) {
	for _, c := range []struct {
		cells string // one a line
		again string // 1 for each that ran again as it was
		last  string // what the last one shows
	}{
		{"n := 1|n = n + 1; fmt.Println(n)|n = n + 1; fmt.Println(n)", "001", "3\n<nil>"},
		{"n := 1|n = 5; fmt.Println(n)|n := 1|fmt.Println(n)", "0010", "1\n<nil>"},
		{"var n int|n++; fmt.Println(n)|var n int|fmt.Println(n)", "0010", "0\n<nil>"},
		{"n := 1|fmt.Println(n)|n := \"a\"|fmt.Println(n)", "0000", "a\n<nil>"},
		{"n := 1|n := fmt.Sprint(n, 1); fmt.Println(n)|n := fmt.Sprint(n, 1); fmt.Println(n)|n := fmt.Sprint(n, 1); fmt.Println(n)", "0001", "1 111\n<nil>"},
		{"func f() int { return 1 }|func g() int { return f() }|func f() int { return 2 }|func g() int { return f() }|fmt.Println(g())", "00000", "2\n<nil>"},
		{"func f() int { return 1 }; fmt.Println(f())|func f() int { return 1 }; fmt.Println(f())", "01", "1\n<nil>"},
		{"fmt.Println(len(\"ab\"))|len := func(string) int { return 7 }|fmt.Println(len(\"ab\"))", "000", "7\n<nil>"},
		{"fmt.Println(rand.Perm(1))|import \"math/rand/v2\"|fmt.Println(rand.Perm(1))", "000", "[0]\n<nil>"},
		{"type p struct{ x int }|v := p{1}|type p struct{ x int }|fmt.Println(v.x)", "0000", "1\n<nil>"},
		{"m := map[string]int(nil)|m[\"a\"] = 1|m[\"a\"] = 1", "001", "cell[3]:1: panic: assignment to entry in nil map"},
	} {
		s := newTestSession(t)
		var again, last string
		for _, code := range strings.Split(c.cells, "|") {
			last = shows(s, code)
			if s.times.Build == 0 {
				again += "1"
			} else {
				again += "0"
			}
		}
		if again != c.again || last != c.last {
			t.Errorf("%s: ran again %s, want %s; the last shows %q, want %q", c.cells, again, c.again, last, c.last)
		}
	}
}

// TestErrorsOfCellsThatRunAgain: a panic names the cell that ran, also where a goroutine of the
// first run ends after the second has begun.
func TestErrorsOfCellsThatRunAgain(t *testing.T) {
	s := newTestSession(t)
	const index = "runtime error: index out of range [1] with length 0"
	const fails, late = "\nlist[1] = 2", "go func() { <-gate; list[1]++ }()"
	execute(t, s, "var list []int\ngate := make(chan bool)")
	for cell := 2; cell <= 4; cell++ {
		if got, want := shows(s, fails), fmt.Sprintf("cell[%d]:2: panic: %s", cell, index); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	var first, second transcript
	for _, out := range []*transcript{&first, &second} {
		if err := s.Execute(context.Background(), late, out); err != nil {
			t.Fatal(err)
		}
	}
	if s.times.Build != 0 {
		t.Error("the second was built")
	}
	execute(t, s, "close(gate); time.Sleep(100 * time.Millisecond)")
	for cell, out := range map[int]*transcript{5: &first, 6: &second} {
		if want := fmt.Sprintf("cell[%d]:1: panic: %s (in a goroutine, which has ended)\n", cell, index); out.String() != want {
			t.Errorf("%q, want %q", out.String(), want)
		}
	}
}

// TestPanicsOfTwoTypesOfOneName say of which cells they are.
func TestPanicsOfTwoTypesOfOneName(t *testing.T) {
	s := newTestSession(t)
	execute(t, s, "type P struct{ a int }\nvar v any = P{1}\nvar set = reflect.ValueOf(&[]P{{}}[0]).Elem()", "type P struct{ a, b int }", "1")
	const of = " (there is a type P of each of the cells 1 and 2: a value in an interface keeps the one that it was made with)"
	for code, want := range map[string]string{
		"v.(P)":                         "cell[4]:1: panic: interface conversion: interface {} is main.P, not main.P" + of,
		"set.Set(reflect.ValueOf(P{}))": "panic: reflect.Set: value of type main.P is not assignable to type main.P" + of,
		"v.(fmt.Stringer)":              "panic: interface conversion: main.P is not fmt.Stringer: missing method String",
	} {
		if got := shows(s, code); !strings.HasSuffix(got, strings.TrimPrefix(want, "cell[4]:1: ")) {
			t.Errorf("%s: %q, want %q", code, got, want)
		}
	}
}
