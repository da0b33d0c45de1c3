package build

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// scratchPrefix begins the names of sessions' folders, each about 100 MB, in the folder for
// temporary files.
const scratchPrefix = "gsmcells"

// settleTime is how long a folder may lack the lock that its session takes right after making the
// folder.
const settleTime = 10 * time.Minute

// newScratch makes the folder of a session and locks it while this process lives. It removes
// folders that killed sessions left behind, which nobody locks.
func newScratch(parent string) (dir string, lock *flock.Flock, err error) {
	sweepScratch(parent)
	if dir, err = os.MkdirTemp(parent, scratchPrefix); err != nil {
		return "", nil, fmt.Errorf("engine: %w", err)
	}
	lock = flock.New(filepath.Join(dir, "lock"))
	if err := lock.Lock(); err != nil {
		return "", nil, fmt.Errorf("engine: %s: %w", lock.Path(), err)
	}
	return dir, lock, nil
}

func sweepScratch(parent string) {
	old, err := filepath.Glob(filepath.Join(parent, scratchPrefix+"*"))
	if err != nil {
		return // the pattern is well formed but for odd names of parent: then nothing is swept
	}
	for _, dir := range old {
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || time.Since(info.ModTime()) < settleTime {
			continue
		}
		lock := flock.New(filepath.Join(dir, "lock"))
		if free, err := lock.TryLock(); err == nil && free {
			// the lock in another user's folder cannot be opened
			os.RemoveAll(dir)
			lock.Unlock()
		}
	}
}
