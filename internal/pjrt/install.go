// Installing a plugin: from which source, under a lock, and moved into place when whole.

package pjrt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// answerTime limits the wait for a server's first answer; tests shorten it. go-xla's installer has
// no such limit and hangs where a firewall swallows packets.
var answerTime = 15 * time.Second

// source is one way to get a plugin. fetch fills the folder stage with everything that belongs in
// the install folder. It returns the plugin's path relative to stage, and its version in words.
type source struct {
	name  string
	fetch func(ctx context.Context, stage string, say func(string)) (plugin, version string, err error)
}

// Install brings the plugin named "cpu" or "cuda" into prefix/lib/gsmlab/pjrt, or into [CacheDir]
// if prefix is "", and returns the plugin's path. It installs nothing if a sound plugin is there
// already. It records a prefix's folder in the cache folder, so that [Find] finds it again.
// Everything downloaded is checked against a sha256. Two processes that install at the same time
// wait for each other, and a killed process leaves nothing that [Find] would accept.
func Install(ctx context.Context, plugin, prefix string, say func(string)) (path string, err error) {
	say = orSilent(say)
	sources, err := sourcesFor(plugin, runtime.GOOS, runtime.GOARCH)
	if err != nil {
		return "", err
	}
	if os.Getenv(EnvOffline) != "" {
		return "", fmt.Errorf("backend: %s forbids downloading the %s plugin: unset it or name the plugin's folder in %s", EnvOffline, plugin, envPlugins)
	}
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	dir := cache
	if prefix != "" {
		if dir, err = PrefixDir(prefix); err != nil {
			return "", err
		}
	}
	if path, err = installInto(ctx, dir, plugin, sources, say); err != nil {
		return "", err
	}
	if dir != cache {
		if err := recordFolder(cache, dir); err != nil {
			say(fmt.Sprintf("cannot record %s in %s (%v): set %s=%s so that it is found again", dir, cache, err, envPlugins, filepath.Dir(path)))
		}
	}
	return path, nil
}

// PrefixDir is the folder under a prefix into which plugins are installed: PREFIX/lib/gsmlab/pjrt.
func PrefixDir(prefix string) (string, error) {
	abs, err := filepath.Abs(prefix)
	if err != nil {
		return "", fmt.Errorf("backend: prefix %s: %w", prefix, err)
	}
	return filepath.Join(abs, "lib", "gsmlab", "pjrt"), nil
}

// FindUnder looks for a plugin where [Install] puts it under a prefix, and nowhere else.
func FindUnder(prefix, plugin string) (path string, ok bool) {
	dir, err := PrefixDir(prefix)
	if err != nil {
		return "", false
	}
	path = findInstalled(dir, plugin)
	return path, path != ""
}

// findInstalled looks into an install folder.
func findInstalled(dir, plugin string) string {
	if path := findIn(dir, plugin); path != "" {
		return path
	}
	return findIn(filepath.Join(dir, "go-xla", "nvidia"), plugin)
}

// sourcesFor lists where a plugin for a platform can come from, the preferred source first.
func sourcesFor(plugin, goos, goarch string) ([]source, error) {
	linux64 := goos == "linux" && goarch == "amd64"
	switch {
	case plugin == "cpu" && !xlaCompiled:
		return nil, fmt.Errorf("backend: no cpu plugin for %s/%s, or built without cgo: use the backend \"go\"", goos, goarch)
	case plugin == "cpu":
		all := []source{{"go-xla's release", fetchRelease}}
		if linux64 {
			all = append(all, source{"the wheel " + cpuWheel.String(), fetchCPUWheel})
		}
		return all, nil
	case plugin == "cuda" && linux64:
		return []source{{"the wheel " + cudaWheel.String(), fetchCUDA}}, nil
	case plugin == "cuda":
		return nil, fmt.Errorf("backend: the cuda plugin needs linux/amd64, this is %s/%s: use xla:cpu or go", goos, goarch)
	}
	return nil, fmt.Errorf("backend: cannot install a plugin %q: known are cpu and cuda", plugin)
}

// installInto tries the sources in turn under the folder's lock.
func installInto(ctx context.Context, dir, plugin string, sources []source, say func(string)) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("backend: cannot make the folder for plugins: %w: name another one, as %s=DIR does", err, envCache)
	}
	lock := flock.New(filepath.Join(dir, ".lock"))
	if ok, err := lock.TryLock(); err == nil && !ok {
		say("waiting for another process that is installing into " + dir)
	}
	if ok, err := lock.TryLockContext(ctx, 200*time.Millisecond); err != nil || !ok {
		return "", fmt.Errorf("backend: cannot lock %s: %w: name another one, as %s=DIR does", lock.Path(), err, envCache)
	}
	defer lock.Unlock()
	if path := findInstalled(dir, plugin); path != "" {
		return path, nil // another process was faster
	}
	// We hold the lock, so other stages can only be left-overs of killed processes.
	stale, _ := filepath.Glob(filepath.Join(dir, ".stage-*"))
	for _, s := range stale {
		os.RemoveAll(s)
	}
	var reasons []string
	for _, s := range sources {
		path, err := installFrom(ctx, dir, s, say)
		if err == nil {
			return path, nil
		}
		if ctx.Err() != nil {
			return "", fmt.Errorf("backend: stopped while installing the %s plugin: %w: run it again", plugin, ctx.Err())
		}
		reasons = append(reasons, s.name+": "+oneLine(err))
		say("no plugin from " + reasons[len(reasons)-1])
	}
	return "", fmt.Errorf("backend: cannot install the %s plugin (%s): check the network, or put the plugin into a folder named by %s; %s=1 stops trying",
		plugin, strings.Join(reasons, "; "), envPlugins, EnvOffline)
}

// installFrom stages what a source brings, checks it, and moves it into dir.
func installFrom(ctx context.Context, dir string, s source, say func(string)) (string, error) {
	stage, err := os.MkdirTemp(dir, ".stage-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(stage)
	say("getting the plugin from " + s.name)
	plugin, version, err := s.fetch(ctx, stage, say)
	if err != nil {
		return "", err
	}
	staged := filepath.Join(stage, plugin)
	if err := os.Chmod(staged, 0o755); err != nil {
		return "", err
	}
	if err := checkPlugin(staged); err != nil {
		return "", fmt.Errorf("the download is not a plugin: %w", err)
	}
	if err := syncFile(staged); err != nil {
		return "", err
	}
	if err := writeRecord(staged, version, s.name); err != nil {
		return "", err
	}
	if err := publish(stage, dir, plugin); err != nil {
		return "", err
	}
	path := filepath.Join(dir, plugin)
	say("installed " + path + " (" + version + ")")
	return path, nil
}

// publish moves the entries of stage into dir: first what the plugin needs beside it, then the
// plugin (or the folder that holds it), then its record. Until the new record is in place, the
// worst that an old record can do is make Find pass over the new plugin.
func publish(stage, dir, plugin string) error {
	entries, err := os.ReadDir(stage)
	if err != nil {
		return err
	}
	top, _, _ := strings.Cut(filepath.ToSlash(plugin), "/")
	var names, last []string
	for _, e := range entries {
		switch e.Name() {
		case top, recordPath(top):
			last = append(last, e.Name()) // ReadDir sorts: the plugin comes before plugin.json
		default:
			names = append(names, e.Name())
		}
	}
	for _, name := range append(names, last...) {
		from, to := filepath.Join(stage, name), filepath.Join(dir, name)
		if fi, err := os.Lstat(to); err == nil && fi.IsDir() {
			if err := os.RemoveAll(to); err != nil {
				return err
			}
		}
		if err := os.Rename(from, to); err != nil {
			return err
		}
	}
	return nil
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if runtime.GOOS == "windows" {
		return nil // flushing there needs a handle opened for writing
	}
	return f.Sync()
}

// oneLine is an error's text without line breaks.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// bounded runs fn, which takes no context, and stops waiting for it when ctx ends or d has passed.
func bounded[T any](ctx context.Context, d time.Duration, what string, fn func() (T, error)) (T, error) {
	type result struct {
		v   T
		err error
	}
	done := make(chan result, 1)
	go func() {
		v, err := fn()
		done <- result{v, err}
	}()
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	select {
	case r := <-done:
		return r.v, r.err
	case <-ctx.Done():
		var zero T
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return zero, fmt.Errorf("no answer within %v for %s", d, what)
		}
		return zero, ctx.Err()
	}
}
