package build

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// TestFindRootIsNotMisled: a user's module called gsmlab, in the folder or above it, is not the
// checkout.
func TestFindRootIsNotMisled(t *testing.T) {
	want, err := FindRoot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module gsmlab\n\ngo 1.26\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	below := filepath.Join(dir, "kernel", "engine")
	if err := os.MkdirAll(below, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{dir, below} {
		t.Chdir(at)
		if got, err := FindRoot(context.Background()); got != want || err != nil {
			t.Errorf("in %s: %s, %v; want %s", at, got, err, want)
		}
	}
	if isRoot(dir) || !isRoot(want) {
		t.Errorf("%s is taken for the checkout, or %s is not", dir, want)
	}
}
