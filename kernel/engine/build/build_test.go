// Tests of the toolchain: imports that can be cancelled, workers that sessions share and that are
// removed.

package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
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

// hangingGo puts a go command in PATH that starts another process and never ends; the file says that it began.
func hangingGo(t *testing.T) (began string) {
	t.Helper()
	dir := t.TempDir()
	began = filepath.Join(dir, "began")
	script := "#!/bin/sh\nsleep 1000 &\necho x > '" + began + "'\nwait\n"
	if err := os.WriteFile(filepath.Join(dir, "go"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH"))
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

// TestImportIsCancelled: an import that builds can be stopped, and so can one that waits for it.
func TestImportIsCancelled(t *testing.T) {
	tools := open(t)
	path := os.Getenv("PATH")
	began := hangingGo(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	why := errors.New("the user is tired of it")
	first := make(chan error, 1)
	go func() { _, err := tools.Import(ctx, "encoding/xml"); first <- err }()
	waitFor(t, began)
	waiting, tired := context.WithCancelCause(context.Background())
	second := make(chan error, 1)
	go func() { _, err := tools.Import(waiting, "encoding/csv"); second <- err }()
	tired(why)
	start := time.Now()
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
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v to stop", took)
	}
	os.Setenv("PATH", path) // as hangingGo will at the end
	pkg, err := tools.Import(context.Background(), "encoding/xml")
	if err != nil || pkg.Scope().Lookup("Marshal") == nil {
		t.Errorf("after that: %v, %v", pkg, err)
	}
}

// TestWorkersAreShared: the second session gets the worker of the first, also after the first has ended.
func TestWorkersAreShared(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the folder of caches is set as on Linux")
	}
	gocache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	t.Setenv("GOCACHE", strings.TrimSpace(string(gocache)))
	t.Setenv("XDG_CACHE_HOME", cache)
	ctx := context.Background()
	one := open(t)
	first, err := one.Worker(ctx)
	if err != nil {
		t.Fatal(err)
	}
	other := open(t)
	start := time.Now()
	second, err := other.Worker(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Log("a shared worker took", time.Since(start))
	if first == second {
		t.Errorf("both sessions run %s", first)
	}
	a, err := os.Stat(first)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.Stat(second)
	if err != nil || !os.SameFile(a, b) {
		t.Errorf("%s was linked again (%v)", second, err)
	}
	kept, err := filepath.Glob(filepath.Join(cache, "gsmlab", "workers", "*"))
	if err != nil || len(kept) != 1 {
		t.Errorf("the cache has %v (%v)", kept, err)
	}
	before, err := other.cachedWorker(map[string]string{"p": "/x/1-d"})
	if err != nil {
		t.Fatal(err)
	}
	if same, err := one.cachedWorker(map[string]string{"p": "/y/1-d"}); err != nil || same != before {
		t.Errorf("the same code has the name %s, not %s (%v)", same, before, err)
	}
	if changed, err := one.cachedWorker(map[string]string{"p": "/x/2-d"}); err != nil || changed == before {
		t.Errorf("other code has the same name %s (%v)", changed, err)
	}
	other.settings = append(other.settings, "GOAMD64=v4")
	if changed, err := other.cachedWorker(map[string]string{"p": "/x/1-d"}); err != nil || changed == before {
		t.Errorf("other settings have the same name %s (%v)", changed, err)
	}
}

func TestOldWorkersAreSwept(t *testing.T) {
	dir := t.TempDir()
	for i, days := range []int{0, 1, 9, 8, 10, 3, 11} {
		path := filepath.Join(dir, fmt.Sprint("w", i))
		if err := os.WriteFile(path, nil, 0o755); err != nil {
			t.Fatal(err)
		}
		used := time.Now().Add(-time.Duration(days) * 24 * time.Hour)
		if err := os.Chtimes(path, used, used); err != nil {
			t.Fatal(err)
		}
	}
	sweepWorkers(dir)
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i, path := range left {
		left[i] = filepath.Base(path)
	}
	if got := strings.Join(left, " "); got != "w0 w1 w3 w5" {
		t.Errorf("left: %s", got)
	}
}
