package engine

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
	"time"

	"github.com/gofrs/flock"
)

// tools drives the Go toolchain for one session. Cells are compiled and linked by calling the compiler
// and the linker themselves, with the archives of go's build cache: that skips what `go build` spends on
// finding out that nothing else changed.
type tools struct {
	root    string       // the checkout of gsmlab
	dir     string       // files of this session
	lock    *flock.Flock // of dir, held while this process lives
	base    string       // in it: the session module
	toolDir string
	version string
	cc      string
	extld   []string // flags of the linker that choose the C linker
	preload []string
	stale   bool // go get has changed something that the worker has loaded

	mu sync.Mutex // of known, which completion uses beside a running cell
	known
	loaded sync.Map // import path -> *types.Package, for those who must not wait for a go command

	compiled time.Time // when the last build went on to link
}

// known is what has been found out about packages.
type known struct {
	exports map[string]string // import path -> archive, built for plugins
	modules map[string]string // import path -> its module and version
	gc      types.Importer
}

// env is the environment of all go commands: flags of the user, or another toolchain, would give archives
// that do not fit together.
func (t *tools) env(base []string) []string {
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
		root := filepath.Dir(filepath.Dir(filepath.Dir(file)))
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			return root, nil
		}
	}
	return "", errors.New("engine: the checkout of gsmlab was not found: start the kernel in it")
}

func newTools(ctx context.Context, fset *token.FileSet, opt Options) (*tools, error) {
	if err := Supported(); err != nil {
		return nil, err
	}
	t := &tools{root: opt.Root, preload: append(slices.Clone(opt.Preload), workerPath)}
	var err error
	if t.root == "" {
		if t.root, err = FindRoot(ctx); err != nil {
			return nil, err
		}
	}
	env := exec.CommandContext(ctx, "go", "env", "GOTOOLDIR", "GOVERSION", "CC")
	env.Dir = t.root
	out, err := env.Output()
	if err != nil {
		return nil, fmt.Errorf("engine: go env: %w", err)
	}
	lines := strings.Split(string(out), "\n")
	t.toolDir, t.version, t.cc = lines[0], lines[1], lines[2]
	if t.dir, t.lock, err = newScratch(os.TempDir()); err != nil {
		return nil, err
	}
	t.base = filepath.Join(t.dir, "module")
	t.forget(fset)
	if t.extld, err = t.fastLinker(); err != nil {
		return nil, err
	}
	return t, nil
}

// forget drops all that is known of packages, which undo takes back.
func (t *tools) forget(fset *token.FileSet) (undo func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old, stale := t.known, t.stale
	exports := map[string]string{}
	gc := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
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

func (t *tools) run(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, t.env(os.Environ())
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		text := strings.TrimSpace(errs.String() + out.String())
		return "", fmt.Errorf("engine: %s: %w: %s", filepath.Base(name), err, text)
	}
	return out.String(), nil
}

// build compiles package n and links it as a plugin; it returns the plugin's path.
func (t *tools) build(ctx context.Context, n int, p *emitted) (string, error) {
	if err := t.need(ctx, p.imports...); err != nil {
		return "", err
	}
	name := fmt.Sprintf("c%d", n)
	dir := filepath.Join(t.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("engine: %w", err)
	}
	var files []string
	for _, f := range slices.Sorted(maps.Keys(p.files)) {
		path := filepath.Join(dir, f)
		if err := os.WriteFile(path, []byte(p.files[f]), 0o644); err != nil {
			return "", fmt.Errorf("engine: %w", err)
		}
		files = append(files, path)
	}
	archive := filepath.Join(dir, "cell.a")
	if err := t.compile(ctx, dir, "gsmcell/"+name, archive, files...); err != nil {
		return "", err
	}
	t.mu.Lock()
	t.exports["gsmcell/"+name] = archive
	t.mu.Unlock()
	main := filepath.Join(dir, "main.go")
	// Where package plugin is imported the linker keeps the tables (maps) of the other packages even if nothing here reads them: cells
	// that are linked later may, and share the packages as the first plugin brought them.
	text := fmt.Sprintf("package main\nimport _ \"plugin\"\nimport c \"gsmcell/%s\"\nvar Run = c.%[2]s%[2]sRun\nvar Gone = &c.%[2]s%[2]sGone\nvar Look = c.%[2]s%[2]sLook\nfunc main() {}\n", name, tick)
	if err := os.WriteFile(main, []byte(text), 0o644); err != nil {
		return "", fmt.Errorf("engine: %w", err)
	}
	path := "gsmcell/m" + name
	if err := t.compile(ctx, dir, path, filepath.Join(dir, "main.a"), main); err != nil {
		return "", err
	}
	t.compiled = time.Now()
	so := filepath.Join(dir, name+".so")
	args := append([]string{"-o", so, "-importcfg", filepath.Join(dir, "importcfg"), "-installsuffix", "dynlink", "-pluginpath", path, "-buildmode=plugin", "-s", "-w"}, t.extld...)
	_, err := t.run(ctx, dir, filepath.Join(t.toolDir, "link"), append(args, filepath.Join(dir, "main.a"))...)
	return so, err
}

// fastLinker returns the flags for the external link. Before each link Go's linker tries three flags of
// the C compiler by compiling a trivial program; a script in front of it answers "no" to these (what
// they choose, the compression of debug sections and a build id, we do not have). And gold links these
// files faster than the default of binutils.
func (t *tools) fastLinker() ([]string, error) {
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

func (t *tools) compile(ctx context.Context, dir, path, out string, files ...string) error {
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

func (t *tools) close() error {
	err := os.RemoveAll(t.dir)
	return cmp.Or(err, t.lock.Unlock())
}

// forgetCells drops the archives of cells after a restart, so that their numbers can be used again.
func (t *tools) forgetCells() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for path := range t.exports {
		if strings.HasPrefix(path, "gsmcell/") {
			delete(t.exports, path)
		}
	}
}
