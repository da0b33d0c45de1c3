// The session's module, the archives of packages, and what a version that the worker has loaded
// means.

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

	"gsmlab/kernel/engine/wire"
)

// prepare writes the session's module, which is a copy of gsmlab's requirements, so that `go get` in one
// session does not touch another.
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
	fmt.Fprintf(&main, "// Command worker runs cells.\npackage main\n\nimport (\n\t\"fmt\"\n\t\"os\"\n\n\t%q\n", wire.RuntimePath)
	for _, p := range t.preload {
		fmt.Fprintf(&main, "\t_ %q\n", p)
	}
	fmt.Fprintf(&main, ")\n\nfunc main() {\n\tif err := rt.Serve(os.NewFile(%d, \"commands\"), os.NewFile(%d, \"events\")); err != nil {\n\t\tfmt.Fprintln(os.Stderr, err)\n\t\tos.Exit(1)\n\t}\n}\n", wire.CommandsFile, wire.EventsFile)
	if err := os.MkdirAll(filepath.Join(t.base, "worker"), 0o755); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	for name, data := range map[string][]byte{"go.mod": []byte(text), "go.sum": sum, "worker/main.go": []byte(main.String())} {
		if err := os.WriteFile(filepath.Join(t.base, name), data, 0o644); err != nil {
			return fmt.Errorf("engine: %w", err)
		}
	}
	return nil
}

// archives has go build (or find in its cache) the archives of packages and of all that they import.
func (t *Tools) archives(ctx context.Context, paths []string) (exports, modules map[string]string, err error) {
	args := append([]string{"list", "-buildmode=plugin", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}\t{{with .Module}}{{.Path}} {{.Version}}{{end}}", "--"}, paths...)
	out, err := t.run(ctx, t.base, "go", args...)
	if err != nil {
		return nil, nil, err
	}
	exports, modules = map[string]string{}, map[string]string{}
	for line := range strings.Lines(out) {
		if f := strings.Split(strings.TrimRight(line, "\n"), "\t"); len(f) == 3 && f[1] != "" {
			exports[f[0]], modules[f[0]] = f[1], strings.TrimSpace(f[2])
		}
	}
	return exports, modules, nil
}

// need gets the archives of packages. All must fit to what the worker may have loaded.
func (t *Tools) need(ctx context.Context, paths ...string) error {
	if len(t.missing(paths)) == 0 {
		return nil
	}
	_, err := t.needed(ctx, paths)
	return err
}

// missing returns the paths whose archives are not known yet.
func (t *Tools) missing(paths []string) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(paths), func(p string) bool {
		_, ok := t.exports[p]
		return ok || p == "unsafe" || strings.HasPrefix(p, wire.CellModule)
	})
}

// needed is need for what may be a minute's work: one does it at a time, the others wait or are cancelled. It
// returns the archives of what was missing and of all that it imports.
func (t *Tools) needed(ctx context.Context, paths []string) (map[string]string, error) {
	select {
	case t.listing <- struct{}{}:
		defer func() { <-t.listing }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	missing := t.missing(paths) // now, because another may have found them
	if len(missing) == 0 {
		return nil, nil
	}
	exports, modules, err := t.archives(ctx, missing)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if changed := t.changed(exports, modules); len(changed) > 0 {
		return nil, fmt.Errorf("engine: %s needs %s, but another version is loaded in the worker, which must restart first (%%reset)", strings.Join(missing, ", "), strings.Join(changed, ", "))
	}
	maps.Copy(t.exports, exports)
	maps.Copy(t.modules, modules)
	return exports, nil
}

// inUse lists the packages of modules that are in use; those of the standard library do not change.
func (t *Tools) inUse() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.DeleteFunc(slices.Sorted(maps.Keys(t.modules)), func(p string) bool { return t.modules[p] == "" })
}

// changed lists what of the packages that are in use is not what it was, by module where its version says so.
func (t *Tools) changed(exports, modules map[string]string) []string {
	paths, mods := map[string]bool{}, map[string]bool{}
	for path, file := range exports {
		if old, ok := t.exports[path]; ok && old != file {
			paths[path] = true
			if modules[path] != t.modules[path] {
				mods[modules[path]] = true
			}
		}
	}
	if len(mods) > 0 {
		paths = mods
	}
	return slices.Sorted(maps.Keys(paths))
}

// Import returns a package that cells import. Where its archive must be built first, cancelling ctx stops that.
func (t *Tools) Import(ctx context.Context, path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	if pkg, ok := t.loaded.Load(path); ok {
		return pkg.(*types.Package), nil
	}
	if err := t.need(ctx, path); err != nil {
		return nil, errors.New(firstLine(err.Error()))
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
