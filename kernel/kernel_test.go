package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"gsmlab/kernel/engine"
)

// pipe returns a file that reads as text, as standard input does from a script.
func pipe(t *testing.T, text string) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestScripts(t *testing.T) {
	if err := engine.Supported(); err != nil {
		t.Skip(err)
	}
	file := filepath.Join(t.TempDir(), "hello.go")
	program := "// Says hello.\npackage main\n\nimport \"fmt\"\n\nfunc main() {\n\tfmt.Println(\"hello from main\")\n}\n"
	if err := os.WriteFile(file, []byte(program), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, in      string
		args          []string
		out, err, bad string
	}{
		{"several lines", "x := 40\nfunc add(n int) int {\n\treturn x + n\n}\nadd(2)\n", nil, "42\n", "", ""},
		{"no newline at the end", "1 + 1", nil, "2\n", "", ""},
		{"who", "x := 1\n%who\n%reset\n%who\n", nil, "x  var  cell 1  int\nnothing is declared\n", "", ""},
		{"stops at an error", "1\ny\n2\n", nil, "1\n", "", "cell[2]:1:1: undefined: y"},
		{"unknown command", "%nope\n", nil, "", "", "%nope: unknown command (%help lists the commands)"},
		{"streams", "fmt.Fprintln(os.Stderr, \"to stderr\")\n", nil, "", "to stderr\n", ""},
		{"file", "", []string{"run", file}, "hello from main\n", "", ""},
		{"no file", "", []string{"run", "/no/file.go"}, "", "", "kernel: open /no/file.go: no such file or directory"},
		{"usage", "", []string{"jump"}, "", "", usage},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			err := run(context.Background(), pipe(t, test.in), &out, &errs, test.args)
			bad := ""
			if err != nil {
				bad = err.Error()
			}
			if out.String() != test.out || errs.String() != test.err || bad != test.bad {
				t.Errorf("got %q, %q, %q; want %q, %q, %q", &out, &errs, bad, test.out, test.err, test.bad)
			}
		})
	}
}
