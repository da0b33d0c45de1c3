package recipe

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

// lockFile is held by the process that carries out a run in the folder. It stays there, unlocked,
// when the run ends: deleting it could take it away from a process that has just opened it.
const lockFile = ".lock"

// lock keeps other processes out of a run folder until the returned function is called. The system
// releases the lock however the process ends, so what a killed run left behind blocks nobody. If
// the folder's file system has no locks, the run continues without one, and say is told.
func lock(dir string, say func(string)) (unlock func() error, err error) {
	path := filepath.Join(dir, lockFile)
	l := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o666))
	held, err := l.TryLock()
	switch {
	case err != nil && (errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrNotExist)):
		return nil, tagged{fmt.Errorf("recipe: run folder: %w", err), ErrFolder}
	case err != nil:
		say(fmt.Sprintf("%s cannot be locked (%v): make sure that no other run uses the folder", dir, err))
		return func() error { return nil }, nil
	case !held:
		return nil, tagged{fmt.Errorf("recipe: a run is in progress in %s (%s): wait for it to end, or stop it", dir, holder(path)), ErrBusy}
	}
	// The process id is only for the message above, which can do without it.
	_ = os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o666)
	return l.Unlock, nil
}

// CheckFree returns an error that is ErrBusy if a run is in progress in the folder. It is for
// callers with long work to do before they begin a run.
func CheckFree(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, lockFile)); err != nil {
		return nil // nobody has ever run there
	}
	unlock, err := lock(dir, func(string) {})
	if err != nil {
		if errors.Is(err, ErrBusy) {
			return err
		}
		return nil // begin reports it, where it matters
	}
	return unlock()
}

// holder names the process that holds a lock.
func holder(path string) string {
	raw, err := os.ReadFile(path)
	if pid := strings.TrimSpace(string(raw)); err == nil && pid != "" {
		return "process " + pid
	}
	return "another process"
}
