package engine

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestCheckIsInterrupted: Interrupt, the context and Close each stop an import that builds for
// long.
func TestCheckIsInterrupted(t *testing.T) {
	s := ownSession(t)
	execute(t, s, "x := 41")
	dir, path := t.TempDir(), os.Getenv("PATH")
	began := filepath.Join(dir, "began")
	if err := os.WriteFile(filepath.Join(dir, "go"), []byte("#!/bin/sh\nsleep 1000 &\necho x > '"+began+"'\nwait\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(filepath.ListSeparator)+path)
	interrupted := func(missing string, stop func()) error {
		ended := make(chan error, 1)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		if stop == nil {
			stop = cancel
		}
		go func() { ended <- s.Execute(ctx, "import \""+missing+"\"\nx := 1", &transcript{}) }()
		for range 1000 {
			if _, err := os.Stat(began); err == nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if err := os.Remove(began); err != nil {
			t.Fatalf("the import does not begin: %v", err)
		}
		if got := s.Complete("x", 1); len(got.Items) == 0 {
			t.Error("nothing is completed while a cell is checked")
		}
		stop()
		select {
		case err := <-ended:
			return err
		case <-time.After(20 * time.Second):
			t.Fatal("the check goes on")
			return nil
		}
	}
	for name, stop := range map[string]func(){"Interrupt": s.Interrupt, "the context": nil} {
		if err := interrupted("example.com/one", stop); KindOf(err) != KindInterrupt {
			t.Errorf("by %s: %v", name, err)
		}
		if got := execute(t, s, "x"); got != "= 41\n" {
			t.Errorf("after %s x is %s", name, got)
		}
	}
	os.Setenv("PATH", path) // t.Setenv restores it at the end
	if got := execute(t, s, "import \"net/rpc\"\nrpc.ServerError(\"a\").Error()"); got != "= \"a\"\n" {
		t.Errorf("the import after all: %s", got)
	}
	os.Setenv("PATH", dir+string(filepath.ListSeparator)+path)
	if err := interrupted("example.com/two", func() { go s.Close() }); err != errClosed {
		t.Errorf("by Close: %v, want %v", err, errClosed)
	}
}
