package engine

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestGet gets a module from a folder with `go mod edit -replace`, so it needs no network.
func TestGet(t *testing.T) {
	s, other := besideOthers(t), ownSession(t)
	ctx := context.Background()
	dir := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	version := func(v string) { write("greet.go", "package hello\n\nconst Version = "+v+"\n") }
	write("go.mod", "module example.org/greet\n\ngo 1.26\n")
	write("sub/sub.go", "package sub\n\nimport hello \"example.org/greet\"\n\nfunc Twice() int { return 2 * hello.Version }\n")
	version("1")
	edit := exec.Command("go", "mod", "edit", "-replace", "example.org/greet="+dir)
	edit.Dir = s.ModuleDir()
	if out, err := edit.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var seen transcript
	if err := s.Get(ctx, &seen, "example.org/greet@v0.0.0"); err != nil {
		t.Fatalf("%v: %s", err, seen.String())
	}
	if !strings.Contains(seen.String(), "go: added example.org/greet") {
		t.Errorf("go get said %q", seen.String())
	}
	if got := execute(t, s, "hello.Version"); got != "= 1\n" {
		// imports the module automatically, under its own name
		t.Errorf("got %s", got)
	}
	if err := other.Execute(ctx, "import \"example.org/greet\"\nhello.Version", &transcript{}); err == nil {
		t.Error("another session sees the package")
	}

	version("2")
	seen = transcript{}
	if err := s.Get(ctx, &seen, "example.org/greet@v0.0.0"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(seen.String(), "note: example.org/greet: the worker goes on with the version that it has loaded until it restarts (%reset)") {
		t.Errorf("a new version: %q", seen.String())
	}
	if got := execute(t, s, "hello.Version"); got != "= 1\n" {
		t.Errorf("before the restart: %s", got)
	}
	err := s.Execute(ctx, "import \"example.org/greet/sub\"\nsub.Twice()", &transcript{})
	if err == nil || !strings.Contains(err.Error(), "another version is loaded in the worker, which must restart first (%reset)") {
		t.Errorf("a package that needs the new version: %v", err)
	}
	if err := s.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if got := execute(t, s, "hello.Version", "sub.Twice()"); got != "= 2\n= 4\n" {
		t.Errorf("after the restart: %s", got)
	}

	if err := s.Get(ctx, &seen); err == nil {
		t.Error("nothing to get: no error")
	}
	if err := s.Get(ctx, &seen, "-x-no-flag"); err == nil || !strings.Contains(err.Error(), "engine: go get -x-no-flag: exit status") {
		t.Errorf("a bad flag: %v", err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.Get(cancelled, &seen, "example.org/greet@v0.0.0"); err == nil || err.Error() != "interrupted" {
		t.Errorf("cancelled: %v", err)
	}
	if got := execute(t, s, "1 + 1"); got != "= 2\n" {
		t.Errorf("at the end: %s", got)
	}
}
