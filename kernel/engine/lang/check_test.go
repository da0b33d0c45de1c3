// Tests of the check with an importer alone: interrupts, scopes as values, the context, what comes
// back after a crash.

package lang

import (
	"context"
	"go/token"
	"go/types"
	"strings"
	"testing"
	"time"

	"gsmlab/kernel/engine/celltest"
)

// slow is an importer that never ends of itself.
type slow struct {
	noPackages
	asked chan string
}

func (s slow) Import(ctx context.Context, path string) (*types.Package, error) {
	s.asked <- path
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

func TestCheckIsInterrupted(t *testing.T) {
	for _, code := range []string{"import \"example.org/slow\"\nslow.F()", "import \"example.org/slow\"\nfunc f() { slow.F() }", "type t struct{ u }\nimport . \"example.org/slow\"\nvar x t"} {
		s := offline()
		if _, err := s.Check(context.Background(), Cell{Number: 1, Shown: 1, Text: "type u struct{ t }; type t int; var x t"}); err != nil {
			t.Fatal(err)
		}
		importer := slow{asked: make(chan string, 9)}
		s.importer = importer
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			<-importer.asked
			cancel()
		}()
		ended := make(chan error, 1)
		go func() {
			_, err := s.Check(ctx, Cell{Number: 2, Shown: 2, Text: code})
			ended <- err
		}()
		select {
		case err := <-ended:
			if KindOf(err) != KindInterrupt {
				t.Errorf("%s: got %v, want an interrupt", code, err)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: the check goes on", code)
		}
	}
}

// scopeOf is a scope with packages, in which cells are declared.
func scopeOf(t *testing.T, cells ...string) *Scope {
	t.Helper()
	tools := celltest.Tools(t)
	s, err := NewScope(context.Background(), tools.FileSet(), tools, tools.Index())
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range cells {
		declare(t, s, i+1, text)
	}
	return s
}

// declare checks a cell, writes it and adopts it.
func declare(t *testing.T, s *Scope, number int, text string) (*Checked, *Emitted) {
	t.Helper()
	c, err := s.Check(context.Background(), Cell{Number: number, Shown: number, Text: text})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	built, err := s.Emit(c)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	s.Adopt(c, built)
	return c, built
}

// TestScopeIsAValue: a copy, and a scope after a check alone, know nothing of what comes.
func TestScopeIsAValue(t *testing.T) {
	s := scopeOf(t, "x := 1\nfunc f() int { return x }")
	before := s.Copy()
	c, err := s.Check(context.Background(), Cell{Number: 2, Shown: 2, Text: "x := \"a\"\nimport \"strings\"\nvar ctx, y = 2, strings.ToUpper(x)"})
	if err != nil {
		t.Fatal(err)
	}
	list := func(s *Scope) string {
		var b strings.Builder
		for _, n := range s.Names() {
			b.WriteString(n.Name + " " + n.Type + "; ")
		}
		return b.String()
	}
	const first = "f func() int; x int; "
	if got := list(s); got != first || s.Object("ctx") == nil {
		t.Errorf("a check alone has changed the scope: %s", got)
	}
	built, err := s.Emit(c)
	if err != nil {
		t.Fatal(err)
	}
	s.Adopt(c, built)
	if got, want := list(s), "ctx int; f func() int; x string; y string; "; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := list(before); got != first || before.Imports()["strings"] != "" {
		t.Errorf("the copy has changed: %s", got)
	}
	if len(c.Notes) != 1 || !strings.HasPrefix(c.Notes[0], "f of cell 1 keeps what it used before") {
		t.Errorf("notes: %q", c.Notes)
	}
}

// TestOwnContext: a cell may declare ctx by the one that it has.
func TestOwnContext(t *testing.T) {
	s := scopeOf(t)
	if s.Empty() == false || len(s.Variables()) != 0 {
		t.Errorf("a new scope has %v", s.Variables())
	}
	_, built := declare(t, s, 1, "ctx, cancel := context.WithTimeout(ctx, time.Second)")
	if text := built.Files["f0.go"]; !strings.Contains(text, "context.WithTimeout("+tick+"rt.Ctx, time.Second)") || strings.Contains(text, tick+"rt.Ctx, "+tick+"cancel =") {
		t.Errorf("it became\n%s", text)
	}
	if x, line := s.Look(check(t, s, 2, "\nctx.Err()")); x == nil || line != 2 {
		t.Errorf("looked up as %v in line %d", x, line)
	}
}

func check(t *testing.T, s *Scope, number int, text string) *Checked {
	t.Helper()
	c, err := s.Check(context.Background(), Cell{Number: number, Shown: number, Text: text})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestRevive: functions and types come back, those that use a variable wait for it.
func TestRevive(t *testing.T) {
	old := scopeOf(t, "import \"strings\"\nx := 1\nfunc f() int { return x }\ntype point struct{ a int }\nfunc (p point) m() string { return strings.Repeat(\"a\", p.a) }")
	s := &Scope{fset: old.fset, importer: old.importer, packages: old.packages, names: newNames()}
	c, waiting, err := s.Revive(context.Background(), old, Cell{Number: HiddenCells + 1, Shown: 1})
	if err != nil || strings.Join(waiting, " ") != "f" {
		t.Fatalf("%v, waiting %v", err, waiting)
	}
	built, err := s.Emit(c)
	if err != nil {
		t.Fatal(err)
	}
	s.Adopt(c, built)
	if s.Object("point") == nil || s.Object("f") != nil || s.Object("x") != nil {
		t.Errorf("names: %v", s.Names())
	}
	if c, _ := declare(t, s, 2, "x := 5"); strings.Join(c.Notes, "") != "f of cell 1 is back" {
		t.Errorf("notes: %q", c.Notes)
	}
	if x, _ := s.Look(check(t, s, 3, "f()")); x == nil {
		t.Error("f is not back")
	}
	empty := &Scope{fset: token.NewFileSet(), importer: noPackages{}, packages: noPackages{}, names: newNames()}
	if c, waiting, err := offline().Revive(context.Background(), empty, Cell{}); c != nil || waiting != nil || err != nil {
		t.Errorf("from nothing: %v %v %v", c, waiting, err)
	}
}
