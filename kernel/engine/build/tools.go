// Package build is the toolchain of one session: its module with the packages that cells may import, the
// worker, and the compiler and linker that make a plugin of each cell. It knows packages and text of Go, and
// not what a cell means.
package build

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"gsmlab/kernel/engine/wire"
)

// Options configure Open.
type Options struct {
	Root    string   // checkout of gsmlab; "": found
	Preload []string // packages linked into the worker
}

// Tools drive the Go toolchain for one session. Cells are compiled and linked by calling the compiler
// and the linker themselves, with the archives of go's build cache: that skips what `go build` spends on
// finding out that nothing else changed.
type Tools struct {
	fset     *token.FileSet
	root     string       // the checkout of gsmlab
	dir      string       // files of this session
	lock     *flock.Flock // of dir, held while this process lives
	base     string       // in it: the session's module
	toolDir  string
	version  string
	cc       string
	settings []string // of Go that change what it builds
	extld    []string // flags of the linker that choose the C linker
	preload  []string
	index    Index

	listing chan struct{} // holds one token while packages are found out about, which may take a minute
	mu      sync.Mutex    // of what follows, which completion uses beside a running cell
	known
	stale  bool     // go get has changed something that the worker has loaded
	loaded sync.Map // import path -> *types.Package, for those who must not wait for a go command
}

// known is what has been found out about packages.
type known struct {
	exports map[string]string // import path -> archive, built for plugins
	modules map[string]string // import path -> its module and version
	gc      types.Importer
}

// env is the environment of all go commands: flags of the user, or another toolchain, would give archives
// that do not fit together.
func (t *Tools) env(base []string) []string {
	env := append(base, "GOFLAGS=-mod=mod -buildvcs=false", "GOWORK=off", "CGO_ENABLED=1")
	if release.MatchString(t.version) {
		env = append(env, "GOTOOLCHAIN="+t.version)
	}
	return env
}

var release = regexp.MustCompile(`^go[0-9.]+$`)

// Supported says why live cells cannot work on this machine, or nil.
func Supported() error {
	switch runtime.GOOS {
	case "linux", "darwin":
	default:
		return fmt.Errorf("engine: Go plugins are not supported on %s: run the notebooks with GoNB", runtime.GOOS)
	}
	for _, need := range []string{"go", "gcc"} {
		if _, err := exec.LookPath(need); err != nil {
			return fmt.Errorf("engine: %s is not in PATH: cells are built with Go and a C compiler", need)
		}
	}
	return nil
}

// FindRoot returns the checkout of gsmlab: the module around the working directory, else where this
// program was compiled.
func FindRoot(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "gsmlab")
	if out, err := cmd.Output(); err == nil {
		if dir := strings.TrimSpace(string(out)); dir != "" {
			return dir, nil
		}
	}
	if _, file, _, ok := runtime.Caller(0); ok {
		root := filepath.Dir(filepath.Dir(filepath.Dir(filepath.Dir(file))))
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			return root, nil
		}
	}
	return "", errors.New("engine: the checkout of gsmlab was not found: start the kernel in it")
}

// Open makes the folder and the module of a session, and lists the packages that its cells may import.
func Open(ctx context.Context, opt Options) (*Tools, error) {
	if err := Supported(); err != nil {
		return nil, err
	}
	t := &Tools{fset: token.NewFileSet(), root: opt.Root, preload: append(slices.Clone(opt.Preload), wire.WorkerPath), listing: make(chan struct{}, 1)}
	var err error
	if t.root == "" {
		if t.root, err = FindRoot(ctx); err != nil {
			return nil, err
		}
	}
	env := exec.CommandContext(ctx, "go", append([]string{"env", "GOTOOLDIR", "GOVERSION", "CC"}, buildSettings...)...)
	env.Dir = t.root
	out, err := env.Output()
	if err != nil {
		return nil, fmt.Errorf("engine: go env: %w", err)
	}
	lines := strings.Split(string(out), "\n")
	t.toolDir, t.version, t.cc, t.settings = lines[0], lines[1], lines[2], lines
	if t.dir, t.lock, err = newScratch(os.TempDir()); err != nil {
		return nil, err
	}
	t.base = filepath.Join(t.dir, "module")
	t.forget()
	if t.extld, err = t.fastLinker(); err == nil {
		err = t.prepare()
	}
	if err == nil {
		err = t.index.fill(ctx, t)
	}
	if err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// buildSettings are what, besides the code, decides what Go builds.
var buildSettings = []string{"GOOS", "GOARCH", "GOAMD64", "GOARM64", "GOEXPERIMENT", "CXX", "CGO_CFLAGS", "CGO_CPPFLAGS", "CGO_CXXFLAGS", "CGO_LDFLAGS"}

// FileSet has the positions of what is imported.
func (t *Tools) FileSet() *token.FileSet { return t.fset }

// Dir is a folder for files of this session; Close removes it.
func (t *Tools) Dir() string { return t.dir }

// ModuleDir is the folder of the session's module, where its go.mod is.
func (t *Tools) ModuleDir() string { return t.base }

// Root is the checkout of gsmlab.
func (t *Tools) Root() string { return t.root }

// Index finds packages by their names.
func (t *Tools) Index() *Index { return &t.index }

// SourceFile returns where a file is that export data names.
func (t *Tools) SourceFile(name string) string {
	if rest, ok := strings.CutPrefix(name, "$GOROOT"); ok {
		return filepath.Dir(filepath.Dir(filepath.Dir(t.toolDir))) + rest // GOROOT/pkg/tool/linux_amd64
	}
	return name
}

// forget drops all that is known of packages, which undo takes back.
func (t *Tools) forget() (undo func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old, stale := t.known, t.stale
	exports := map[string]string{}
	gc := importer.ForCompiler(t.fset, "gc", func(path string) (io.ReadCloser, error) {
		file, ok := exports[path]
		if !ok {
			return nil, fmt.Errorf("no export data for %s", path)
		}
		return os.Open(file)
	})
	t.known, t.stale = known{exports, map[string]string{}, gc}, false
	t.loaded.Clear()
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.known, t.stale = old, stale
		t.loaded.Clear()
	}
}

// run runs a command of the toolchain and returns what it prints. Cancelling ctx ends the command and all
// that it has started: go list may be compiling for a minute.
func (t *Tools) run(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, t.env(os.Environ())
	endsWhole(cmd)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		text := cmp.Or(strings.TrimSpace(errs.String()), strings.TrimSpace(out.String())) // the compiler uses its output
		return "", fmt.Errorf("engine: %s: %w: %s", filepath.Base(name), err, text)
	}
	return out.String(), nil
}

// endsWhole has a command end together with the processes that it has started.
func endsWhole(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // for one that has left the group and holds a pipe
}

// Package is the text of a package that is built from a cell.
type Package struct {
	Number  int               // of the cell
	Files   map[string]string // by name
	Main    string            // the text of the plugin's main package, which imports the package
	Imports []string          // paths
}

// Plugin compiles a package and links it as a plugin. It returns the plugin's path, and when the compiler
// was done and the linker began.
func (t *Tools) Plugin(ctx context.Context, p Package) (so string, compiled time.Time, err error) {
	if err := t.need(ctx, p.Imports...); err != nil {
		return "", compiled, err
	}
	name := fmt.Sprintf("c%d", p.Number)
	dir := filepath.Join(t.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", compiled, fmt.Errorf("engine: %w", err)
	}
	files, err := writeFiles(dir, p.Files)
	if err != nil {
		return "", compiled, err
	}
	archive := filepath.Join(dir, "cell.a")
	if err := t.compile(ctx, dir, wire.CellPackage(p.Number), archive, files...); err != nil {
		return "", compiled, err
	}
	t.mu.Lock()
	t.exports[wire.CellPackage(p.Number)] = archive
	t.mu.Unlock()
	files, err = writeFiles(dir, map[string]string{"main.go": p.Main})
	if err != nil {
		return "", compiled, err
	}
	path := wire.CellModule + "m" + name
	if err := t.compile(ctx, dir, path, filepath.Join(dir, "main.a"), files...); err != nil {
		return "", compiled, err
	}
	compiled = time.Now()
	so = filepath.Join(dir, name+".so")
	args := append([]string{"-o", so, "-importcfg", filepath.Join(dir, "importcfg"), "-installsuffix", "dynlink", "-pluginpath", path, "-buildmode=plugin", "-s", "-w"}, t.extld...)
	_, err = t.run(ctx, dir, filepath.Join(t.toolDir, "link"), append(args, filepath.Join(dir, "main.a"))...)
	return so, compiled, err
}

// writeFiles writes files into dir and returns their paths, sorted.
func writeFiles(dir string, texts map[string]string) (paths []string, err error) {
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(texts[name]), 0o644); err != nil {
			return nil, fmt.Errorf("engine: %w", err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// fastLinker returns the flags for the external link. Before each link Go's linker tries three flags of
// the C compiler by compiling a trivial program; a script in front of it answers "no" to these (what
// they choose, the compression of debug sections and a build id, we do not have). And gold links these
// files faster than the default of binutils.
func (t *Tools) fastLinker() ([]string, error) {
	if runtime.GOOS != "linux" {
		return []string{"-extld=" + t.cc}, nil
	}
	script := filepath.Join(t.dir, "cc.sh")
	text := fmt.Sprintf("#!/bin/sh\ncase \"$*\" in *trivial.c) exit 1;; esac\nexec %s \"$@\"\n", t.cc)
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	flags := []string{"-extld=" + script}
	if _, err := exec.LookPath("ld.gold"); err == nil && runtime.GOARCH == "amd64" {
		flags = append(flags, "-extldflags=-fuse-ld=gold")
	}
	return flags, nil
}

func (t *Tools) compile(ctx context.Context, dir, path, out string, files ...string) error {
	var cfg strings.Builder
	t.mu.Lock()
	for p, file := range t.exports {
		fmt.Fprintf(&cfg, "packagefile %s=%s\n", p, file)
	}
	t.mu.Unlock()
	cfgPath := filepath.Join(dir, "importcfg")
	if err := os.WriteFile(cfgPath, []byte(cfg.String()), 0o644); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	args := append([]string{"-o", out, "-p", path, "-lang=go1.26", "-complete", "-installsuffix", "dynlink", "-goversion", t.version, "-c=2", "-dynlink",
		"-nolocalimports", "-importcfg", cfgPath, "-pack"}, files...)
	_, err := t.run(ctx, dir, filepath.Join(t.toolDir, "compile"), args...)
	return err
}

// Close removes the session's files.
func (t *Tools) Close() error {
	err := os.RemoveAll(t.dir)
	return cmp.Or(err, t.lock.Unlock())
}

// ForgetCells drops the archives of cells after a restart, so that their numbers can be used again.
func (t *Tools) ForgetCells() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for path := range t.exports {
		if strings.HasPrefix(path, wire.CellModule) {
			delete(t.exports, path)
		}
	}
}
