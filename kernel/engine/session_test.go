package engine

import (
	"context"
	"reflect"
	"strings"
	"testing"
)

func TestCellNumbersArgsAndForget(t *testing.T) {
	s := newTestSession(t)
	run := func(cell int, code string) string {
		t.Helper()
		var out transcript
		if err := s.Execute(WithCell(context.Background(), cell), code, &out); err != nil {
			return out.String() + "! " + err.Error()
		}
		return out.String()
	}
	for _, step := range []struct {
		cell       int
		code, want string
		before     func()
	}{
		{7, "x := y", "! cell[7]:1:6: undefined: y", nil},
		{8, "func f() { panic(1) }", "", nil},
		{9, "f()", "! cell[8]:1: panic: 1", nil},
		{10, "var n = flag.Int(\"n\", 1, \"a number\")\nfunc g() int { flag.Parse(); return *n }\ng()", "= 5\n", func() { s.Args([]string{"-n=5"}) }},
		{11, "var n = flag.Int(\"n\", 1, \"a number\")\nflag.Parse()\nfmt.Println(*n, flag.Args())", "6 [a b]\n", func() { s.Args([]string{"-n=6", "a b"}, "n") }},
		{12, "len(os.Args)", "= 3\n", nil},
		{13, "flag.Parse()", "! cell[13]:1: panic: flag provided but not defined: -zz", func() { s.Args([]string{"-zz"}) }},
		{14, "f", "! cell[14]:1:1: undefined: f", func() {
			if got := s.Forget("f", "nope", "ctx"); !reflect.DeepEqual(got, []string{"nope", "ctx"}) {
				t.Errorf("unknown: %q", got)
			}
		}},
	} {
		if step.before != nil {
			step.before()
		}
		if got := run(step.cell, step.code); got != step.want && !strings.HasSuffix(got, step.want) {
			t.Errorf("%s: got %q, want %q", step.code, got, step.want)
		}
	}
	if w := s.Who(); len(w) == 0 || w[0].Name != "g" || w[0].Cell != 10 {
		t.Errorf("%v", w)
	}
	if s.Times().Check <= 0 {
		t.Errorf("%+v", s.Times())
	}
}
