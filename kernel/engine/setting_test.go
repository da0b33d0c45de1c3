package engine

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestSettingAndSource(t *testing.T) {
	s := newTestSession(t)
	run := func(code string) string {
		t.Helper()
		var seen transcript
		if err := s.Execute(context.Background(), code, &seen); err != nil {
			t.Fatal(err)
		}
		return seen.String()
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{dir, "sub"} {
		if err := s.Chdir(d); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Setenv("GSM_TEST", "a=b"); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]error{"no folder": s.Chdir("none"), "a file": s.Chdir(file), "no name": s.Chdir(""), "name": s.Setenv("a=b", "c"), "empty": s.Setenv("", "c")} {
		if bad == nil {
			t.Errorf("%s: no error", name)
		}
	}
	look := "fmt.Println(os.Getenv(\"GSM_TEST\"), must(os.Getwd()))"
	must := "func must(s string, err error) string { if err != nil { panic(err) }; return s }"
	want := "a=b " + filepath.Join(dir, "sub") + "\n"
	run(must)
	if got := run(look); got != want || s.Dir() != filepath.Join(dir, "sub") {
		t.Errorf("got %q and %s, want %q", got, s.Dir(), want)
	}
	if err := s.Execute(context.Background(), "nothing", &transcript{}); err == nil {
		t.Error("no error")
	}
	if got, want := s.Source(), []Source{{Cell: 1, Text: must}, {Cell: 2, Text: look}}; !slices.Equal(got, want) {
		t.Errorf("source: %v, want %v", got, want)
	}
	run("os.Chdir(\"..\")")
	if s.Dir() != dir {
		t.Errorf("after os.Chdir in a cell: %s, want %s", s.Dir(), dir)
	}
	if err := s.Restart(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(s.Source()) != 0 {
		t.Error("Restart keeps the source")
	}
	run(must)
	if got, want := run(look), "a=b "+dir+"\n"; got != want {
		t.Errorf("after a restart: got %q, want %q", got, want)
	}
}
