package present

import (
	"fmt"
	"strings"
	"testing"
)

// TestDumps: a stack overflow becomes short, in pieces of any size, and other text is unchanged.
func TestDumps(t *testing.T) {
	var dump strings.Builder
	dump.WriteString("my own line\nruntime: goroutine stack exceeds 1000000000-byte limit\nfatal error: stack overflow\n\nruntime stack:\nruntime.throw({0x7f5d?, 0x3?})\n\t$GOROOT/src/runtime/panic.go:1229 +0x4a fp=0x7f5d sp=0x7f5e pc=0x7f5f\n\n" +
		"goroutine 27 gp=0x3b07e07a7c20 m=4 mp=0x3b07e07e1808 [running]:\n")
	for i := range 50 {
		fmt.Fprintf(&dump, "main.even(0x%x?)\n\tcell[2]:1 +0x33 fp=0x3b%d sp=0x3b08 pc=0x7f5d\nmain.(*t).odd(0x%x)\n\tcell[2]:5 +0x46 fp=0x3b%d sp=0x3b08 pc=0x7f5d\n", i, i, i, i)
	}
	dump.WriteString("...22369401 frames elided...\nmain.even(0x1)\n\tcell[2]:1 +0x33\nmain.start()\n\tcell[3]:1 +0x12\n\ngoroutine 1 [select]:\nmain.even(0x1)\n\tcell[2]:1 +0x33\n\ngoroutine 2 [sleep]:\nmain.other(0x1)\n\tcell[2]:9 +0x33\ncreated by main.x in goroutine 1\n\tcell[2]:8 +0x3\ntail")
	want := "my own line\nruntime: goroutine stack exceeds 1000000000-byte limit\nfatal error: stack overflow\n\nruntime stack:\nruntime.throw({0x7f5d?, 0x3?})\n\t$GOROOT/src/runtime/panic.go:1229 +0x4a\n\n" +
		"goroutine 27 gp=0x3b07e07a7c20 m=4 mp=0x3b07e07e1808 [running]:\nmain.even(0x0?)\n\tcell[2]:1 +0x33\nmain.(*t).odd(0x0)\n\tcell[2]:5 +0x46\n\t... 98 more frames of the functions above\n" +
		"...22369401 frames elided...\n\t... 1 more frames of the functions above\nmain.start()\n\tcell[3]:1 +0x12\n\n... the stacks of 2 other goroutines are left out\ntail"
	for _, size := range []int{dump.Len(), 1000, 100} {
		var d Dump
		var got strings.Builder
		for text := dump.String(); text != ""; {
			n := min(size, len(text))
			if got.Len() == 0 {
				n = max(n, strings.Index(text, "fatal error")) // the beginning is written at once
			}
			got.WriteString(d.Fold(text[:n]))
			text = text[n:]
		}
		got.WriteString(d.End())
		if got.String() != want {
			t.Errorf("in pieces of %d:\n%s\nwant:\n%s", size, got.String(), want)
		}
	}
	var bar Dump
	bar.Fold("fatal error: retrying\n")
	if got := bar.Fold("\r10 % of it"); got != "\r10 % of it" {
		t.Errorf("a bar waits: %q", got)
	}
	var d Dump
	const other = "panic: no\nf(x)\n\ta.go:1 +0x1\nf(x)\n\ta.go:1 +0x1\n"
	if got := d.Fold(other) + d.End(); got != other {
		t.Errorf("text of a cell became %q", got)
	}
}
