package repl

import (
	"strings"
	"testing"
)

func TestHighlight(t *testing.T) {
	const text = "%who\nfor i := range 3 { // loop\n\ts := \"x\" + len(`\n%no`)\n}"
	var got []string
	for _, s := range highlight(text) {
		got = append(got, text[s.Start:s.End]+" "+s.Style)
	}
	want := []string{"%who\n 33", "for 94", "range 94", "3 35", "// loop 90", "\"x\" 32", "len 36", "`\n%no` 32"}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzHighlight(f *testing.F) {
	f.Add("<p>a<svg><title>t</title></svg><pre> x</pre><img src='data:image/png;base64,AA'>")
	f.Fuzz(func(t *testing.T, source string) {
		last := 0
		for _, s := range highlight(source) {
			if s.Start < last && s.Style != commandStyle || s.End > len(source) || s.Start > s.End {
				t.Fatalf("span %+v of %q", s, source)
			}
			last = s.Start
		}
	})
}
