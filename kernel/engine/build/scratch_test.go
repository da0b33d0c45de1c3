package build

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestFoldersOfKilledSessionsAreRemoved(t *testing.T) {
	parent := t.TempDir()
	past := time.Now().Add(-time.Hour)
	age := func(dir string) string {
		t.Helper()
		if err := os.Chtimes(dir, past, past); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	folder := func(name string) string {
		t.Helper()
		dir := filepath.Join(parent, name)
		if err := os.MkdirAll(filepath.Join(dir, "c1"), 0o755); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	alive, lock, err := newScratch(parent)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	killed, other, fresh := age(folder(scratchPrefix+"1")), age(folder("others")), folder(scratchPrefix+"2")
	age(alive)
	mine, own, err := newScratch(parent)
	if err != nil {
		t.Fatal(err)
	}
	defer own.Unlock()
	if _, err := os.Stat(killed); err == nil {
		t.Error("the folder of a killed session is still there")
	}
	for _, dir := range []string{alive, other, fresh, mine} {
		if _, err := os.Stat(dir); err != nil {
			t.Errorf("%s is gone: %v", dir, err)
		}
	}
}
