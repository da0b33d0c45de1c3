package toolchain

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestSweepLeavesWhatIsUsed: a few entries, those of the last day up to a bound, and those that
// somebody holds.
func TestSweepLeavesWhatIsUsed(t *testing.T) {
	parent := t.TempDir()
	var all []*entry
	for i := range 10 {
		e, err := build(context.Background(), filepath.Join(parent, fmt.Sprint(i)), func(string) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		used := time.Now().Add(-time.Duration(i) * time.Hour)
		if i >= 5 {
			used = used.Add(-24 * time.Hour)
		}
		if err := os.Chtimes(e.dir, used, used); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	for i, e := range all {
		if i != 8 {
			e.release()
		}
	}
	left := func() (left string) {
		for i, e := range all {
			if exists(e.dir) {
				left += fmt.Sprint(i)
			}
		}
		return left
	}
	for _, c := range []struct {
		keep, most int
		want       string
	}{{6, 8, "0123458"}, {2, 8, "012348"}, {2, 3, "0128"}, {1, 1, "08"}} {
		if sweep(parent, c.keep, c.most); left() != c.want {
			t.Errorf("keep %d, most %d: left %s, want %s", c.keep, c.most, left(), c.want)
		}
	}
}
