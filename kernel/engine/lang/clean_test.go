package lang

import "testing"

func TestNamesAreCleaned(t *testing.T) {
	for in, want := range map[string]string{
		"Ꞌc12.point{x:1}":   "main.point{x:1}",
		"ꞋꞋRun":             "Run",
		"declared 'Ꞌ'":      "declared 'Ꞌ'",
		"gsmcell/c3.f(...)": "main.f(...)",
		"c3.x stays":        "c3.x stays",
		"engine: compile: exit status 2: cell[1]:1: misplaced": "cell[1]:1: misplaced",
	} {
		if got := CleanBuild(in); got != want {
			t.Errorf("CleanBuild(%q) = %q, want %q", in, got, want)
		}
	}
}
