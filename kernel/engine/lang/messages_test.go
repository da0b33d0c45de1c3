package lang

import (
	"context"
	"strings"
	"testing"
)

// TestMessages: what the type checker says of the last of some cells.
func TestMessages(t *testing.T) {
	s := scopeOf(t, "import \"strings\"\ntype P struct{ x int }\nfunc (p P) Area() int { return p.x }\np := P{1}\nvar keep any = p\nlabels := []string{}\ndomain := struct{ A int }{1}")
	declare(t, s, 2, "type P struct{ y string }\nfunc f(p P) {}\nkeeping := 1")
	for code, want := range map[string]string{
		"domain.B":                               "1:8: domain.B undefined (type struct{A int} has no field or method B)",
		"f(p)":                                   "1:3: cannot use p (variable of struct type P of cell 1) as P of cell 2 value in argument to f",
		"type P int\nvar q P = p":                "2:11: cannot use p (variable of struct type P of cell 1) as P value in variable declaration",
		"f(P{z: 1})":                             "1:5: unknown field z in struct literal of type P",
		"strings.ToUper(\"a\")":                  "1:9: undefined: strings.ToUper; did you mean strings.ToUpper?",
		"strings.upper(\"a\")":                   "1:9: undefined: strings.upper; did you mean strings.ToUpper?",
		"strigns.ToUpper(\"a\")":                 "1:1: undefined: strigns; did you mean strings?",
		"string.ToUpper(\"a\")":                  "1:8: string.ToUpper undefined (type string has no field or method ToUpper); did you mean strings.ToUpper?",
		"label":                                  "1:1: undefined: label; did you mean labels?",
		"for range 2 { lables = nil }":           "1:15: undefined: lables; did you mean labels?",
		"func g(width int) int { return widht }": "1:32: undefined: widht; did you mean width?",
		"p.area()":                               "1:3: p.area undefined (type P has no field or method area, but does have method Area)",
		"p.Arae()":                               "1:3: p.Arae undefined (type P has no field or method Arae); did you mean Area?",
		"nothing.At(1)":                          "1:1: undefined: nothing",
		"var s string = \"a\" + 1 + \"main.go\"": "1:16: invalid operation: \"a\" + 1 (mismatched types untyped string and untyped int)",
		"var n int = \"main.go\"":                "1:13: cannot use \"main.go\" (untyped string constant) as int value in variable declaration",
	} {
		_, err := s.Check(context.Background(), Cell{Number: 3, Shown: 3, Text: code})
		if err == nil || !strings.HasPrefix(err.Error(), "cell[3]:"+want) && !strings.HasPrefix(want, err.Error()) {
			t.Errorf("%s:\n got %v\nwant cell[3]:%s", code, err, want)
		}
	}
}

// TestDirectives: each //go: line reaches the compiler or is refused.
func TestDirectives(t *testing.T) {
	s := offline()
	for code, want := range map[string]string{
		"import _ \"embed\"\n//go:embed a.txt\nvar a string":                "cell[1]:2:1: //go:embed is not for cells: read the file with os.ReadFile, or put the variable into a package and import that",
		"var (\n//go:embed a.txt\n\ta string\n)":                            "cell[1]:2:1: //go:embed is not for cells: read the file",
		"//go:linkname now time.now\nfunc now()":                            "cell[1]:1:1: //go:linkname is not for cells: put the function",
		"//go:generate stringer\nx := 1":                                    "cell[1]:1:1: //go:generate is not for cells: run its command with !",
		"//go:debug panicnil=1\n":                                           "cell[1]:1:1: //go:debug is not for cells: set the environment variable GODEBUG",
		"//go:nosplit\nfunc f() {}":                                         "cell[1]:1:1: //go:nosplit is not for cells",
		"//go:strange\nx := 1":                                              "cell[1]:1:1: //go:strange is not for cells: take the line away",
		"//go:build ignore\n\nx := 1":                                       "cell[1]:1:1: //go:build ignore excludes this cell",
		"//go:noinline\nx := 1":                                             "cell[1]:1:1: misplaced //go:noinline: it belongs above a function",
		"x := 1\n//go:noinline":                                             "cell[1]:2:1: misplaced //go:noinline",
		"import \"C\"\nx := 1":                                              "cell[1]:1: cgo is not supported in cells",
		"//go:build !ignore && go1.20\nx := 1":                              "",
		"x := `\n//go:embed a`\n// go:embed b\n\t//go:embed c\n//export f":  "",
		"// f is one.\n//go:noinline\n// It is.\nfunc f() int { return 1 }": "",
	} {
		_, err := s.Check(context.Background(), Cell{Number: 1, Shown: 1, Text: code})
		if got := ""; err != nil {
			if got = err.Error(); want == "" || !strings.HasPrefix(got, want) {
				t.Errorf("%q:\n got %s\nwant %s", code, got, want)
			}
		} else if want != "" {
			t.Errorf("%q: no error, want %s", code, want)
		}
	}
	_, first := declare(t, s, 1, "type T int\n//go:noinline\n//go:norace\nfunc f(t T) int { return int(t) }")
	again, second := declare(t, s, 2, "type T int")
	for _, text := range []string{first.Files["f0.go"], second.Files["f1.go"]} {
		if !strings.Contains(text, "//go:noinline\n//go:norace\n//line cell[1]:4:1\nfunc ") {
			t.Errorf("the directives are lost, after %v:\n%s", again.Notes, text)
		}
	}
}
