package lang

import "testing"

func TestNamesAreCleaned(t *testing.T) {
	for in, want := range map[string]string{
		"Ꞌc12.Ꞌpoint{Ꞌx:1}":  "main.point{x:1}",
		"gsmcell/c3.Ꞌf(...)": "main.f(...)",
		"c3.x stays":         "c3.x stays",
	} {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}
