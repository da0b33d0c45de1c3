package shell

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"gsmlab/kernel/engine"
)

func TestParseCell(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{"x := 1", "1:x := 1"},
		{"  %who", "1:C %who"},
		{"a\n%who\nb\n", "1:a\n|2:C %who|3:b\n"},
		{"f(`\n!no\n`,\n!ok,\n)\n!yes", "1:f(`\n!no\n`,\n!ok,\n)\n|6:C !yes"},
		{"x :=\n!ok", "1:x :=\n!ok"},
		{"/*\n%no\n*/ // a\n%yes", "1:/*\n%no\n*/ // a\n|4:C %yes"},
		{"!a \\\n b\nx", "1:C !a   b|3:x"},
		{"x\n!*go get m\ny", "2:C !*go get m|1:x\n|3:y"},
		{"a\n%% -n=1\nb\n!c\nd", "4:C !c|1:a\nMAIN\nb\n\nd"},
		{"%%\n!c\nd", "2:C !c|1:MAIN\n\nd"},
		{"//gonb:%exec f -x=1", "1:MAIN\n"},
		{"%%bash\nls\n%who", "1:C %%bash"},
		{"x\n%%bash\nls", "1:x\n|2:C %%bash|3:ls"},
		{"%time f(\n1)\n%time", "1:C %time|1:      f(\n1)\n|3:C %time"},
		{"%%time\nx", "1:C %%time|2:x"},
		{"%time %", "1:C %time|1:      %"},
		{"%time !ls", "1:C %time|1:C !ls"},
		{"x?\n?y\n%who?", "1:C x?|2:C ?y|3:C %who?"},
		{"x\r\n!a\r\n", "1:x\n|2:C !a"},
		{"%", "1:%"},
	} {
		var parts []string
		for _, p := range parseCell(test.text).parts {
			kind := map[bool]string{true: "C ", false: ""}[p.command]
			parts = append(parts, fmt.Sprintf("%d:%s%s", p.line, kind, strings.ReplaceAll(p.text, mainMark, "MAIN")))
		}
		if got := strings.Join(parts, "|"); got != test.want {
			t.Errorf("%q: %q, want %q", test.text, got, test.want)
		}
	}
}

func FuzzParseCell(f *testing.F) {
	f.Add("import \"a\"\n%time f(`\n%no`)\n!ls \\\n x\n%% -a\nb // c\n/* %d */\n!*go get\nx?")
	f.Add("%time %\n%time %time %who")
	f.Add("%exec f\n//gonb:%%\n%main\n'\n`")
	f.Fuzz(func(t *testing.T, text string) {
		c := parseCell(text)
		lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
		for _, p := range c.parts {
			if p.line < 1 || p.line > len(lines) {
				t.Fatalf("part %q in line %d of %d", p.text, p.line, len(lines))
			}
			first, _, _ := strings.Cut(p.text, "\n")
			if first = strings.TrimSpace(first); !p.command && !strings.Contains(first, mainMark) && !strings.HasSuffix(strings.TrimSpace(lines[p.line-1]), first) {
				t.Fatalf("line %d is %q, the part has %q", p.line, lines[p.line-1], first)
			}
		}
		s := &Shell{}
		s.Incomplete(text)
		partAt(text, len(text)/2)
		flagsIn(text)
		words(text)
	})
}

func TestWords(t *testing.T) {
	for text, want := range map[string][]string{
		"": nil, "a  b\tc": {"a", "b", "c"}, `--text "hello world"`: {"--text", "hello world"}, `--m="a \"b\"\n" ""`: {"--m=a \"b\"\n", ""}, `a\b`: {`a\b`}, `"open`: {"open"},
	} {
		if got := words(text); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestCompleteCommands(t *testing.T) {
	s := fresh(t)
	for _, line := range []string{"!mkdir 'sub dir' sub; touch sub/a.go sub/b.txt c.go", "answer := 42"} {
		if got := s.transcribe(line); got != "" {
			t.Fatal(got)
		}
	}
	texts := func(c engine.Completion) (all []string) {
		for _, i := range c.Items {
			all = append(all, i.Text)
		}
		return all
	}
	for _, test := range []struct {
		text  string // | is the cursor
		start int
		want  string
	}{
		{"%re|", 0, "%remove %reset %restore"},
		{"%%w|", 0, "%%writefile"},
		{"x := 1\n%lo|\ny", 7, "%load %locals"},
		{"%load su|", 6, "sub/ sub dir/"},
		{"%load sub/|", 6, "sub/a.go sub/b.txt"},
		{"!cat c|", 5, "c.go"},
		{"!ls; cat sub/b|", 9, "sub/b.txt"},
		{"%help sa|", 6, "save"},
		{"%rm ans|", 4, "answer"},
		{"ans|", 0, "answer"},
		{"%time ans|", 6, "answer"},
		{"%who\n!ls\nans|", 9, "answer"},
	} {
		cursor := strings.Index(test.text, "|")
		c := s.Complete(strings.Replace(test.text, "|", "", 1), cursor)
		if got := strings.Join(texts(c), " "); got != test.want || c.Start != test.start || c.End != cursor {
			t.Errorf("%s: %d-%d %q, want %d %q", test.text, c.Start, c.End, got, test.start, test.want)
		}
	}
}

func TestInspectCommands(t *testing.T) {
	s := fresh(t)
	for text, want := range map[string]string{"%ti": "", "%time": "%time [GO]", "x\n%load a.go": "%load FILE.go|FILE.ipynb", "?%who": "%who", "%%writefile x\ny": "%%writefile [-a] FILE"} {
		found, ok := s.Inspect(text, strings.Index(text, "%")+1)
		if found.Signature != want || ok != (want != "") {
			t.Errorf("%s: %+v, %v", text, found, ok)
		}
	}
}

func TestInspectionPage(t *testing.T) {
	page := InspectionPage(engine.Inspection{Name: "f", Kind: "func", Signature: "func f() // ```", Value: "7", Doc: "f is one\nparagraph.\n"})
	want := engine.Bundle{
		"text/plain":    "func f() // ```\n= 7\n\nf is one\nparagraph.\n",
		"text/markdown": "````go\nfunc f() // ```\n= 7\n````\n\nf is one paragraph.\n",
	}
	if !maps.Equal(page, want) {
		t.Errorf("%q\nwant\n%q", page, want)
	}
}
