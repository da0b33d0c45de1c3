// The folder of what is built: entries that are whole or not there, that processes share, and that
// are removed when nobody has used them for long.

package toolchain

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"

	"gsmlab/internal/settings"
)

// CacheDir is the folder of what is built here.
func CacheDir() (string, error) {
	dir, err := settings.CacheFolder("live")
	if err != nil {
		return "", fmt.Errorf("engine: %w", err)
	}
	return dir, nil
}

// entry is a folder of the cache: built in a temporary folder beside it and renamed, so that it is
// whole or not there. Whoever uses it holds a shared lock, which keeps it from being removed.
type entry struct {
	dir  string
	lock *flock.Flock // shared
}

// release lets others remove the entry.
func (e *entry) release() {
	if e != nil && e.lock != nil {
		e.lock.Unlock()
		e.lock = nil
	}
}

// use takes an entry that is there.
func use(dir string) (*entry, bool) {
	lock := flock.New(dir + ".lock")
	if ok, err := lock.TryRLock(); err != nil || !ok {
		return nil, false // it is being removed
	}
	if _, err := os.Stat(filepath.Join(dir, "done")); err != nil {
		lock.Unlock()
		return nil, false
	}
	now := time.Now()
	os.Chtimes(dir, now, now) // the oldest goes first, see sweep
	return &entry{dir, lock}, true
}

// lockAside takes the lock of a file in the cache. While another process holds it, it waits, after
// it has called waits.
func lockAside(ctx context.Context, path string, waits func()) (*flock.Flock, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("engine: %w: set GSM_CACHE to a folder you can write", err)
	}
	lock := flock.New(path)
	held, err := lock.TryLock()
	if err == nil && !held {
		waits()
		_, err = lock.TryLockContext(ctx, 100*time.Millisecond)
	}
	if ctx.Err() != nil {
		lock.Unlock()
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("engine: %s: %w", path, err)
	}
	return lock, nil
}

// build makes the entry dir, unless it is there or another process makes it meanwhile, for which it
// waits.
func build(ctx context.Context, dir string, fill func(tmp string) error) (*entry, error) {
	if e, ok := use(dir); ok {
		return e, nil
	}
	building, err := lockAside(ctx, dir+".build", func() {})
	if err != nil {
		return nil, err
	}
	defer building.Unlock()
	if e, ok := use(dir); ok { // another process has made it
		return e, nil
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "tmp-")
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	if err := fill(tmp); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(tmp, "done"), nil, 0o644); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	if err := os.RemoveAll(dir); err != nil { // what is left of an entry that was damaged
		return nil, fmt.Errorf("engine: %w", err)
	}
	if err := os.Rename(tmp, dir); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	e, ok := use(dir)
	if !ok {
		return nil, fmt.Errorf("engine: %s was removed as soon as it was made", dir)
	}
	return e, nil
}

// sweep removes entries of a folder that nobody uses, the least recently used first, until keep are
// left, and what killed processes left behind. Of those that were used within a day it leaves more,
// up to most: several checkouts in turn must not have each other's built again and again.
func sweep(parent string, keep, most int) {
	list, err := os.ReadDir(parent)
	if err != nil {
		return // nothing is there yet
	}
	type old struct {
		path string
		used time.Time
	}
	var entries []old
	for _, e := range list {
		info, err := e.Info()
		if err != nil || !e.IsDir() {
			continue
		}
		path := filepath.Join(parent, e.Name())
		if match, _ := filepath.Match("tmp-*", e.Name()); match {
			if time.Since(info.ModTime()) > 24*time.Hour {
				os.RemoveAll(path)
			}
			continue
		}
		entries = append(entries, old{path, info.ModTime()})
	}
	slices.SortFunc(entries, func(a, b old) int { return b.used.Compare(a.used) })
	for i, e := range entries {
		if i < keep || i < most && time.Since(e.used) < 24*time.Hour {
			continue
		}
		lock := flock.New(e.path + ".lock")
		if free, err := lock.TryLock(); err == nil && free {
			os.RemoveAll(e.path)
			os.Remove(lock.Path())
			lock.Unlock()
		}
	}
}
