package lang

import (
	"fmt"
	"slices"
	"testing"
)

func TestKindsHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for k := range Kind(len(kindNames)) {
		if k.String() == "" || seen[k.String()] {
			t.Errorf("kind %d is called %q", k, k)
		}
		seen[k.String()] = true
	}
	if Kind(99).String() != "Error" || Kind(-1).String() != "Error" {
		t.Error("a kind that is not in the table has a name of its own")
	}
}

func TestKindOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Kind
	}{
		{nil, 0},
		{fmt.Errorf("other"), 0},
		{Interrupted(), KindInterrupt},
		{fmt.Errorf("wrapped: %w", &CellError{Kind: KindPanic}), KindPanic},
		{Errors{{Kind: KindCompile}, {Kind: KindCompile}}, KindCompile},
	} {
		if got := KindOf(c.err); got != c.want {
			t.Errorf("%v: got %v, want %v", c.err, got, c.want)
		}
	}
}

func TestPlaces(t *testing.T) {
	for p, want := range map[Place]string{{}: "", {2, 1, 7}: "cell[2]:1:7", {12, 3, 0}: "cell[12]:3"} {
		if p.String() != want {
			t.Errorf("got %q, want %q", p, want)
		}
	}
	stack := "main.f\n\tcell[3]:2 +0x1\nmain.f\n\tcell[3]:2 +0x1\nruntime.x\n\tproc.go:12\nmain.g\n\tcell[1]:7 +0x2\n\tcell[3]:2\n"
	if got, want := Places(stack), []Place{{3, 2, 0}, {1, 7, 0}, {3, 2, 0}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := Places("no place"); got != nil {
		t.Errorf("got %v", got)
	}
	for _, c := range []struct {
		err  CellError
		want string
	}{
		{CellError{Kind: KindPanic, Place: Place{1, 2, 0}, Msg: "boom"}, "cell[1]:2: panic: boom"},
		{CellError{Kind: KindCompile, Place: Place{1, 2, 3}, Msg: "wrong"}, "cell[1]:2:3: wrong"},
		{CellError{Kind: KindCrash, Msg: "gone"}, "gone"},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
