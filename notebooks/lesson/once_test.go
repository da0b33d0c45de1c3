package lesson

import (
	"os"
	"path/filepath"
	"testing"
)

func TestOnce(t *testing.T) {
	root := t.TempDir()
	t.Setenv("GSM_LESSON_RUNS", root)
	times := 0
	work := func(dir string) {
		times++
		Check(os.WriteFile(filepath.Join(dir, "result"), nil, 0o666))
	}
	dir := Once("a", "x=1", work)
	if Once("a", "x=1", work) != dir || times != 1 {
		t.Errorf("the same work was done %d times", times)
	}
	if _, err := os.Stat(filepath.Join(dir, "result")); err != nil {
		t.Error(err)
	}
	if Once("a", "x=2", work); times != 2 {
		t.Error("another recipe was not carried out")
	}
	fails := func(string) { panic("no") }
	func() {
		defer func() { recover() }()
		Once("a", "x=3", fails)
	}()
	if Once("a", "x=2", work); times != 3 {
		t.Error("what failed was taken for done")
	}
	other := filepath.Join(Dir("b"), "mine")
	Check(os.MkdirAll(other, 0o777))
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a folder of somebody else was emptied")
			}
		}()
		Once("b", "", work)
	}()
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
}
