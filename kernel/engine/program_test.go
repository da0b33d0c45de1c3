// Tests of the session as a Go program: it builds, and does what the session did.

package engine

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestProgram(t *testing.T) {
	s := newTestSession(t)
	for _, code := range []string{
		"import str \"strings\"\nimport \"os/user\"",
		"x, err := strconv.Atoi(\"40\")",
		"type point struct{ X, Y int }\n\nfunc (p point) sum() int { return p.X + p.Y }",
		"func add[T int | float64](a, b T) T {\n\t// comment\n\treturn a + b\n}",
		"var total, list = add(x, 2), []point{{1, 2}}",
		"total",
		"fmt.Println(str.ToUpper(\"done\"), list[0].sum(), err)",
		"x := x + 1\nfor i := range 2 {\n\tx += i\n}\nx",
		"func f() string { return \"old\" }",
		"y := 1 // not above\n\n// twice doubles.\n// Really.\nfunc twice(n int) int { return 2 * n }\n\n// Now use it.\ny = twice(y)",
		"f := func() string { return \"new\" }\nf()",
		"broken +",
		"func main() {\n\tdefer func() { _ = ctx.Err() }()\n\tfmt.Println(\"main\")\n}\nmain()",
		"const (\n\ta = iota\n\tb\n)\nlen(list) + b",
		"t := time.Now()\n_ = t",
	} {
		var out transcript
		if err := s.Execute(context.Background(), code, &out); (err != nil) != (code == "broken +") {
			t.Fatalf("%s: %v", code, err)
		}
	}
	p, err := s.Program("main")
	if err != nil {
		t.Fatal(err)
	}
	if test, err := s.Program("init"); err != nil || !strings.Contains(test.Text, "func init() {\n\tx, err = strconv.Atoi(\"40\")") || strings.Contains(test.Text, "DONE") || strings.Contains(test.Text, "mainOfCell13()\n") {
		t.Errorf("%v:\n%s", err, test.Text)
	}
	want := []string{"f of cell 9 is declared again in cell 11: the program has the latter everywhere"}
	if strings.Join(p.Notes, "\n") != strings.Join(want, "\n") {
		t.Errorf("notes %q", p.Notes)
	}
	for _, part := range []string{"\n// twice doubles.\n// Really.\nfunc twice(", "\t// Now use it.\n\ty = twice(y)\n", "\ty = 1\n"} {
		if !strings.Contains(p.Text, part) {
			t.Errorf("no %q in\n%s", part, p.Text)
		}
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"main.go": p.Text, "go.mod": "module p\n\ngo 1.26\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"vet", "."}, {"run", "."}} {
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s\n%s", args[0], err, out, p.Text)
		}
		if args[0] == "run" && string(out) != "42\nDONE 3 <nil>\n42\nnew\nmain\n2\n" {
			t.Errorf("got %q from\n%s", out, p.Text)
		}
	}
}

// TestProgramHasAllThatItNeeds: the program behaves like the session.
func TestProgramHasAllThatItNeeds(t *testing.T) {
	s := newTestSession(t)
	for _, code := range []string{
		"import v2 \"math/rand/v2\"\nimport . \"math\"\nroll := v2.N(1)",
		"func sum(xs []int) (n int) {\n\tfor _, x := range xs {\n\t\tn += x\n\t}\n\treturn n\n}\n\nvar (\n\ttotal, a = sum(items), b\n\titems, b = []int{1, 2, 3}, 4\n)",
		"root := Sqrt(16)",
		"fmt.Println(roll, total, a, root)",
	} {
		if err := s.Execute(context.Background(), code, &transcript{}); err != nil {
			t.Fatalf("%s: %v", code, err)
		}
	}
	s.Forget("roll", "sum")
	for _, entry := range []string{"main", "init"} {
		p, err := s.Program(entry)
		if err != nil || len(p.Notes) > 0 {
			t.Fatalf("%s: %v, notes %q:\n%s", entry, err, p.Notes, p.Text)
		}
		if entry == "init" {
			p.Text += "\nfunc main() { println(roll, total, a, root == 4) }\n"
		}
		file := filepath.Join(t.TempDir(), "main.go")
		if err := os.WriteFile(file, []byte(p.Text), 0o644); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"main": "0 6 4 4\n", "init": "0 6 4 true\n"}[entry]
		if out, err := exec.Command("go", "run", file).CombinedOutput(); err != nil || string(out) != want {
			t.Errorf("%s: %v, printed %q, want %q:\n%s", entry, err, out, want, p.Text)
		}
	}
}

// TestProgramCallsInitWhereTheSessionDid: the program calls init after the variables above it, and
// not before all cells.
func TestProgramCallsInitWhereTheSessionDid(t *testing.T) {
	s := newTestSession(t)
	var seen string
	for _, code := range []string{
		"x := 1",
		"var y = x + 1\nfunc init() { x = 10 * x; fmt.Println(\"init\", x, y) }\nfmt.Println(x)\nfunc init() { fmt.Println(\"second\") }",
		"x++\nfmt.Println(x, y)",
		"func init() { fmt.Println(\"only init\", x) }",
	} {
		seen += execute(t, s, code)
	}
	p, err := s.Program("main")
	if err != nil || len(p.Notes) > 0 {
		t.Fatal(err, p.Notes)
	}
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(p.Text), 0o644); err != nil {
		t.Fatal(err)
	}
	const want = "init 10 2\nsecond\n10\n11 2\nonly init 11\n"
	for command, prints := range map[string]string{"vet": "", "run": want} {
		if out, err := exec.Command("go", command, file).CombinedOutput(); err != nil || string(out) != prints || seen != want {
			t.Errorf("go %s: %v, printed %q, the session %q, want %q:\n%s", command, err, out, seen, want, p.Text)
		}
	}
}

// TestProgramHasBoth: where a cell declares a name again as something that Go does not allow, the
// program has both meanings, and each function and statement has the one that it had.
func TestProgramHasBoth(t *testing.T) {
	s := newTestSession(t)
	for _, code := range []string{
		"log := log.New(os.Stdout, \"log: \", 0)\nlog.Print(1)",
		"x := 1\nfunc twice() int { return 2 * x }\nfmt.Println(twice())",
		"x := \"text\"\nfunc size() int { return len(x) }\nfmt.Println(size())",
		"fmt.Println(size(), twice())",
		"type point struct{ x int }\np := point{x: 3}\nfunc (p point) sum() int { return p.x }\nfunc use(p point) int { return p.sum() }\nfmt.Println(use(p))",
		"type point struct{ x, y int }\nfunc (p point) sum() int { return p.x + p.y }\np := point{x: 3, y: 4}\nfmt.Println(use(p))",
		"func f(a int) int { return a }\nfmt.Println(f(1))",
		"func f(a, b int) int { return a + b }\nfmt.Println(f(1, 2), use(p))",
		"type q struct{ n int }\nq1 := q{5}",
		"func (v q) twice() int { return 2 * v.n }\nfmt.Println(q1.twice())",
		"x, err := strconv.ParseBool(\"true\")\ny, err := !x, err\nfmt.Println(x, y, err)",
		"x := x && y\nfmt.Println(x)",
	} {
		execute(t, s, code)
	}
	p, err := s.Program("main")
	if err != nil {
		t.Fatal(err)
	}
	const test = "\nfunc main() { println(x, size(), twice(), use(p), f(1, 2), q1.twice(), xOfCell3) }\n"
	for entry, want := range map[string]string{"main": "log: 1\n2\n4\n4 2\n3\n7\n1\n3 7\n10\ntrue false <nil>\nfalse\n", "init": "false 4 2 7 3 10 text\n"} {
		p, err := s.Program(entry)
		if err != nil {
			t.Fatal(err)
		}
		if entry == "init" {
			p.Text += test
		}
		file := filepath.Join(t.TempDir(), "main.go")
		if err := os.WriteFile(file, []byte(p.Text), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("go", "run", file).CombinedOutput(); err != nil || string(out) != want {
			t.Errorf("%s: %v, printed %q, want %q:\n%s", entry, err, out, want, p.Text)
		}
	}
	if !strings.Contains(strings.Join(p.Notes, "\n"), "the program calls x of cell 2 xOfCell2, because Go has one meaning for a name") {
		t.Errorf("notes %q", p.Notes)
	}
}
