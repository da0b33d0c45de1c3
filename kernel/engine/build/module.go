// The session's module, the archives of packages, and what to do about a version that the worker
// has loaded.

package build

import (
	"context"
	"errors"
	"fmt"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gsmlab/kernel/engine/toolchain"
	"gsmlab/kernel/engine/wire"
)

// prepare writes the session's module. It is a copy of gsmlab's requirements, so that `go get` in
// one session does not affect another.
func (t *Tools) prepare() error {
	mod, err := os.ReadFile(filepath.Join(t.root, "go.mod"))
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	text := strings.Replace(string(mod), "module gsmlab", "module gsmcell", 1)
	text += fmt.Sprintf("\nrequire gsmlab v0.0.0\nreplace gsmlab => %s\n", strconv.Quote(t.root))
	sum, err := os.ReadFile(filepath.Join(t.root, "go.sum"))
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	var main strings.Builder
	fmt.Fprintf(&main, "// Command worker runs cells.\npackage main\n\nimport (\n\t\"fmt\"\n\t\"os\"\n\n\t%q\n\t%q\n", wire.RuntimePath, wire.LoaderPath)
	for _, p := range t.preload {
		fmt.Fprintf(&main, "\t_ %q\n", p)
	}
	fmt.Fprintf(&main, ")\n\nfunc main() {\n\trt.Load = func(path string) (rt.Plugin, error) { return loader.Open(path) }\n\trt.Prepare, rt.Method = loader.Prepare, loader.Method\n\tif err := rt.Serve(os.NewFile(%d, \"commands\"), os.NewFile(%d, \"events\")); err != nil {\n\t\tfmt.Fprintln(os.Stderr, err)\n\t\tos.Exit(1)\n\t}\n}\n", wire.CommandsFile, wire.EventsFile)
	t.main = main.String()
	if err := os.MkdirAll(t.base, 0o755); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	for name, data := range map[string][]byte{"go.mod": []byte(text), "go.sum": sum} {
		if err := os.WriteFile(filepath.Join(t.base, name), data, 0o644); err != nil {
			return fmt.Errorf("engine: %w", err)
		}
	}
	return nil
}

// missing returns the paths of packages that the libraries lack.
func (t *Tools) missing(paths []string) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(paths), func(p string) bool {
		_, ok := t.packages[p]
		return ok || p == "unsafe" || strings.HasPrefix(p, wire.CellModule)
	})
}

// need adds packages to the libraries. All must fit what the worker may have loaded. This may take
// a minute. One goroutine does it at a time; the others wait or are cancelled.
func (t *Tools) need(ctx context.Context, paths ...string) error {
	if len(t.missing(paths)) == 0 {
		return nil
	}
	select {
	case t.listing <- struct{}{}:
		defer func() { <-t.listing }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	missing := t.missing(paths) // now, because another may have found them
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	if len(t.libraries) == 1 && !slices.ContainsFunc(missing, func(p string) bool { return !slices.Contains(ownPackages, p) }) {
		if t.add(ctx, ownPackages) == nil { // otherwise a package that is not needed is broken
			return nil
		}
	}
	err := t.add(ctx, slices.Compact(missing))
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var changed *toolchain.ChangedError
	if errors.As(err, &changed) {
		return fmt.Errorf("engine: %s needs %s, but another version is loaded in the worker, which must restart first (%%reset)", strings.Join(missing, ", "), strings.Join(t.changed(changed.Packages), ", "))
	}
	return err
}

func (t *Tools) add(ctx context.Context, roots []string) error {
	t.mu.Lock()
	have := slices.Clone(t.libraries)
	t.mu.Unlock()
	l, err := t.golang.Extend(ctx, t.spec(roots, nil), have, t.options)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.libraries = append(t.libraries, l)
	maps.Copy(t.packages, l.Packages)
	return nil
}

// inUse lists the packages of modules that are in use. Packages of the standard library do not
// change.
func (t *Tools) inUse() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.DeleteFunc(slices.Sorted(maps.Keys(t.packages)), func(p string) bool { return t.packages[p].Module == "" })
}

// changed lists which of the packages in use are no longer what they were. It names their modules
// if the version tells.
func (t *Tools) changed(now []toolchain.Listed) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	paths, mods := map[string]bool{}, map[string]bool{}
	for _, p := range now {
		if old, ok := t.packages[p.ImportPath]; ok && filepath.Base(old.Built) != filepath.Base(p.Export) {
			paths[p.ImportPath] = true
			if p.ModuleVersion() != old.Module {
				mods[p.ModuleVersion()] = true
			}
		}
	}
	if len(mods) > 0 {
		paths = mods
	}
	return slices.Sorted(maps.Keys(paths))
}

// Import returns a package that cells import. If its archive must first be built, cancelling ctx
// stops that.
func (t *Tools) Import(ctx context.Context, path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	if pkg, ok := t.loaded.Load(path); ok {
		return pkg.(*types.Package), nil
	}
	if err := t.need(ctx, path); err != nil {
		return nil, t.importError(path, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	pkg, err := t.gc.Import(path)
	if err == nil {
		t.loaded.Store(path, pkg)
		t.index.learn(path, pkg.Name())
	}
	return pkg, err
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
