// Package build holds what one session builds with: its module with the packages that cells may
// import, the library of these packages that the worker has, and the plugins of its cells. It knows
// packages and Go text, but not what a cell means. The compiler and the linker are those of package
// toolchain.
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
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"gsmlab/kernel/engine/toolchain"
	"gsmlab/kernel/engine/wire"
)

// Step is a part of a long build.
type Step = toolchain.Step

// Lines returns a function for Options.Say that writes lines.
func Lines(line func(string)) func(Step) { return toolchain.Lines(line) }

// Telling returns a context for [Tools.Import] and [Tools.Plugin], which may have to build
// packages: say is told about the steps of that.
func Telling(ctx context.Context, say func(Step)) context.Context {
	return toolchain.Telling(ctx, say)
}

// Options configure Open.
type Options struct {
	Root    string     // checkout of gsmlab; "" means to find it
	Preload []string   // packages linked into the worker
	Say     func(Step) // told about long steps; may be nil
}

// Tools builds for one session.
type Tools struct {
	fset    *token.FileSet
	root    string       // the checkout of gsmlab
	dir     string       // files of this session
	lock    *flock.Flock // of dir, held while this process lives
	base    string       // in it: the session's module
	golang  *toolchain.Go
	options toolchain.Options
	preload []string
	main    string // the source of the worker
	index   Index

	// holds one token while packages are listed, which may take a minute
	listing chan struct{}
	mu      sync.Mutex // guards what follows, which completion uses beside a running cell
	known
	cells map[int]cell    // by number
	paths map[string]bool // of the packages of cells that the worker may have loaded
	stale bool            // go get has changed something that the worker has loaded
	// import path -> *types.Package, for callers that must not wait for a go command
	loaded sync.Map
}

// known is what has been learned about packages.
type known struct {
	libraries []*toolchain.Library         // in the order in which the worker has to load them
	packages  map[string]toolchain.Package // of them, by import path
	gc        types.Importer
}

// env is the environment of all go commands. The user's flags would give archives that do not fit
// together.
func (t *Tools) env(base []string) []string {
	return append(base, "GOFLAGS=-mod=mod -buildvcs=false", "GOWORK=off", "CGO_ENABLED=1")
}

// Supported says why live cells cannot work on this machine, or nil.
func Supported() error { return toolchain.Supported() }

// FindRoot returns the checkout of gsmlab: the module around the working directory, else where this
// program was compiled.
func FindRoot(ctx context.Context) (string, error) {
	if dir, err := os.Getwd(); err == nil {
		for {
			if isRoot(dir) {
				return dir, nil
			}
			parent := filepath.Dir(dir)
			if parent == dir {
				break
			}
			dir = parent
		}
	}
	if _, file, _, ok := runtime.Caller(0); ok {
		if root := filepath.Dir(filepath.Dir(filepath.Dir(filepath.Dir(file)))); isRoot(root) {
			return root, nil
		}
	}
	// a module that requires gsmlab
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "gsmlab")
	if out, err := cmd.Output(); err == nil {
		if dir := strings.TrimSpace(string(out)); isRoot(dir) {
			return dir, nil
		}
	}
	return "", errors.New("engine: the checkout of gsmlab was not found: start the kernel in it")
}

// isRoot says whether a folder is the checkout. The module's name is not enough: a user's own
// module may have it, such as one left in /tmp.
func isRoot(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil || !bytes.HasPrefix(text, []byte("module "+module+"\n")) {
		return false
	}
	info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(strings.TrimPrefix(wire.RuntimePath, module+"/"))))
	return err == nil && info.IsDir()
}

const module = "gsmlab"

// Open makes a session's folder and module, and gets the library of packages.
func Open(ctx context.Context, opt Options) (*Tools, error) {
	t := &Tools{fset: token.NewFileSet(), root: opt.Root, preload: append(slices.Clone(opt.Preload), wire.WorkerPath), listing: make(chan struct{}, 1), cells: map[int]cell{}, paths: map[string]bool{}}
	var err error
	if t.root == "" {
		if t.root, err = FindRoot(ctx); err != nil {
			return nil, err
		}
	}
	t.options = toolchain.Options{Root: t.root, Say: opt.Say}
	if t.golang, err = toolchain.Get(ctx, t.options); err != nil {
		return nil, err
	}
	if t.dir, t.lock, err = newScratch(os.TempDir()); err != nil {
		t.golang.Close()
		return nil, err
	}
	t.base = filepath.Join(t.dir, "module")
	if err = t.prepare(); err == nil {
		err = t.open(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, t.Close())
	}
	t.index.fill(t.libraries[0].Names)
	return t, nil
}

// open gets the library, for the session's module as it is now.
func (t *Tools) open(ctx context.Context) error {
	l, err := t.golang.Library(ctx, t.spec(append(slices.Clone(libraryRoots), t.preload...), patterns), t.options)
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, old := range t.libraries {
		old.Close()
	}
	k := known{libraries: []*toolchain.Library{l}, packages: maps.Clone(l.Packages)}
	k.gc = importer.ForCompiler(t.fset, "gc", func(path string) (io.ReadCloser, error) {
		if p, ok := k.packages[path]; ok {
			return os.Open(p.Export)
		}
		return nil, fmt.Errorf("no export data for %s", path)
	})
	t.known, t.stale = k, false
	t.loaded.Clear()
	return nil
}

func (t *Tools) spec(roots, index []string) toolchain.Spec {
	return toolchain.Spec{Module: t.base, Main: t.main, Roots: roots, Index: index, Env: append(t.env(os.Environ()), offline...)}
}

// Worker is the program of the worker, which is the host of all plugins.
func (t *Tools) Worker() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.libraries[0].Worker
}

// FileSet has the positions of everything imported.
func (t *Tools) FileSet() *token.FileSet { return t.fset }

// Dir is a folder for files of this session; Close removes it.
func (t *Tools) Dir() string { return t.dir }

// ModuleDir is the folder of the session's module, where its go.mod is.
func (t *Tools) ModuleDir() string { return t.base }

// Root is the checkout of gsmlab.
func (t *Tools) Root() string { return t.root }

// Index finds packages by their names.
func (t *Tools) Index() *Index { return &t.index }

// SourceFile returns the path of a file that export data names.
func (t *Tools) SourceFile(name string) string {
	if rest, ok := strings.CutPrefix(name, "$GOROOT"); ok {
		return t.golang.Root + rest
	}
	return name
}

// endsWhole makes a command end together with the processes that it started.
func endsWhole(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // for a process that has left the group and holds a pipe
}

// Close removes the session's files.
func (t *Tools) Close() error {
	for _, l := range t.libraries {
		l.Close()
	}
	t.golang.SweepKept()
	t.golang.Close()
	err := os.RemoveAll(t.dir)
	return cmp.Or(err, t.lock.Unlock())
}
