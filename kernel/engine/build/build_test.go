// Tests of the toolchain: imports that can be cancelled, workers that sessions share and that are
// removed.

package build

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func open(t *testing.T) *Tools {
	t.Helper()
	if err := Supported(); err != nil {
		t.Skip(err)
	}
	tools, err := Open(context.Background(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tools.Close(); err != nil {
			t.Error(err)
		}
	})
	return tools
}

// hangingGo makes a go command that starts another process and never ends. A file beside it shows
// that it has begun.
func hangingGo(t *testing.T) (began string) {
	t.Helper()
	dir := t.TempDir()
	began = filepath.Join(dir, "began")
	script := "#!/bin/sh\nsleep 1000 &\necho x > '" + began + "'\nwait\n"
	if err := os.WriteFile(filepath.Join(dir, "go"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return began
}

// waitFor waits for a file.
func waitFor(t *testing.T, path string) {
	t.Helper()
	for range 1000 {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s does not come", path)
}

// TestImportIsCancelled: an import that builds can be stopped, and so can one that waits for the
// build.
func TestImportIsCancelled(t *testing.T) {
	tools := open(t)
	golang := tools.golang.Command
	began := hangingGo(t)
	tools.golang.Command = filepath.Join(filepath.Dir(began), "go")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	why := errors.New("the user is tired of it")
	first := make(chan error, 1)
	go func() { _, err := tools.Import(ctx, "example.com/one"); first <- err }()
	waitFor(t, began)
	waiting, tired := context.WithCancelCause(context.Background())
	second := make(chan error, 1)
	go func() { _, err := tools.Import(waiting, "example.com/two"); second <- err }()
	tired(why)
	if err := <-second; err == nil || err.Error() != why.Error() {
		t.Errorf("one that waits: %v, want %v", err, why)
	}
	select {
	case err := <-first:
		t.Fatalf("the first has ended: %v", err)
	default:
	}
	cancel()
	if err := <-first; err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	tools.golang.Command = golang
	pkg, err := tools.Import(context.Background(), "net/rpc")
	if err != nil || pkg.Scope().Lookup("NewClient") == nil {
		t.Errorf("after that: %v, %v", pkg, err)
	}
}
