package build

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"gsmlab/kernel/engine/wire"
)

// Linking the worker takes seconds, and all sessions of a user need the same one as long as neither gsmlab
// nor Go changes. So workers are kept in the user's cache folder, under a name made of all that goes into them.
const (
	keptWorkers   = 4                  // that are never removed from the cache
	workerExpires = 7 * 24 * time.Hour // since their last use, for the others
)

// Worker returns the program of the worker, which is the host of all plugins. It builds one where the cache
// has none.
func (t *Tools) Worker(ctx context.Context) (path string, err error) {
	preload := append(slices.Clone(t.preload), wire.RuntimePath, "runtime", "runtime/cgo", "sync/atomic", "unsafe")
	exports, err := t.needed(ctx, preload)
	if err != nil {
		return "", err
	}
	cached, err := t.cachedWorker(exports)
	if err != nil { // no folder for caches: this session has one of its own
		path = filepath.Join(t.dir, "worker")
		return path, t.linkWorker(ctx, path)
	}
	if _, err := os.Stat(cached); err != nil {
		fresh := fmt.Sprintf("%s.%s", cached, filepath.Base(t.dir))
		defer os.Remove(fresh) // after an error
		if err := t.linkWorker(ctx, fresh); err != nil {
			return "", err
		}
		if err := os.Rename(fresh, cached); err != nil {
			return "", fmt.Errorf("engine: %w", err)
		}
	}
	now := time.Now()
	os.Chtimes(cached, now, now) // only for sweepWorkers
	sweepWorkers(filepath.Dir(cached))
	path = filepath.Join(t.dir, "worker-"+filepath.Base(cached)) // the session's own name for it, which nobody sweeps
	if err := os.Link(cached, path); err != nil && !errors.Is(err, os.ErrExist) {
		return cached, nil // on another disk
	}
	return path, nil
}

func (t *Tools) linkWorker(ctx context.Context, path string) error {
	_, err := t.run(ctx, t.base, "go", "build", "-ldflags=-s -w", "-o", path, "./worker")
	return err
}

// cachedWorker returns where the cache has the worker, or would have it. Archives are named by their content,
// so that their names stand for the code of all packages, and for what it was compiled with.
func (t *Tools) cachedWorker(exports map[string]string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "gsmlab", "workers")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	main, err := os.ReadFile(filepath.Join(t.base, "worker", "main.go"))
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %q\n", t.settings, main)
	for _, p := range slices.Sorted(maps.Keys(exports)) {
		fmt.Fprintf(sum, "%s %s\n", p, filepath.Base(exports[p]))
	}
	return filepath.Join(dir, fmt.Sprintf("%x", sum.Sum(nil)[:16])), nil
}

// sweepWorkers removes workers that have not been used for long.
func sweepWorkers(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // there is nothing to remove
	}
	var all []os.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			all = append(all, info)
		}
	}
	slices.SortFunc(all, func(a, b os.FileInfo) int { return cmp.Compare(b.ModTime().UnixNano(), a.ModTime().UnixNano()) })
	for i, info := range all {
		if i >= keptWorkers && time.Since(info.ModTime()) > workerExpires {
			os.Remove(filepath.Join(dir, info.Name()))
		}
	}
}
