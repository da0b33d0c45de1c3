package engine

import (
	"context"
	"errors"
	"fmt"
	"go/types"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// prepare writes the session's module, which is a copy of gsmlab's requirements, so that `go get` in one
// session does not touch another.
func (t *tools) prepare() error {
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
	fmt.Fprintf(&main, "// Command worker runs cells.\npackage main\n\nimport (\n\t\"fmt\"\n\t\"os\"\n\n\t%q\n", runtimePath)
	for _, p := range t.preload {
		fmt.Fprintf(&main, "\t_ %q\n", p)
	}
	main.WriteString(")\n\nfunc main() {\n\tif err := rt.Serve(os.NewFile(3, \"commands\"), os.NewFile(4, \"events\")); err != nil {\n\t\tfmt.Fprintln(os.Stderr, err)\n\t\tos.Exit(1)\n\t}\n}\n")
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

// buildWorker builds the worker, which is the host of all plugins.
func (t *tools) buildWorker(ctx context.Context) (worker string, err error) {
	worker = filepath.Join(t.dir, "worker")
	if _, err := t.run(ctx, t.base, "go", "build", "-ldflags=-s -w", "-o", worker, "./worker"); err != nil {
		return "", err
	}
	return worker, t.need(ctx, append(slices.Clone(t.preload), runtimePath, "runtime", "runtime/cgo", "sync/atomic", "unsafe")...)
}

// archives has go build (or find in its cache) the archives of packages and of all that they import.
func (t *tools) archives(ctx context.Context, paths []string) (exports, modules map[string]string, err error) {
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
func (t *tools) need(ctx context.Context, paths ...string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	missing := slices.DeleteFunc(slices.Clone(paths), func(p string) bool {
		_, ok := t.exports[p]
		return ok || p == "unsafe" || strings.HasPrefix(p, "gsmcell/")
	})
	if len(missing) == 0 {
		return nil
	}
	exports, modules, err := t.archives(ctx, missing)
	if err != nil {
		return err
	}
	if changed := t.changed(exports, modules); len(changed) > 0 {
		return fmt.Errorf("engine: %s needs %s, but another version is loaded in the worker, which must restart first (%%reset)", strings.Join(missing, ", "), strings.Join(changed, ", "))
	}
	maps.Copy(t.exports, exports)
	maps.Copy(t.modules, modules)
	return nil
}

// inUse lists the packages of modules that are in use; those of the standard library do not change.
func (t *tools) inUse() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.DeleteFunc(slices.Sorted(maps.Keys(t.modules)), func(p string) bool { return t.modules[p] == "" })
}

// changed lists what of the packages that are in use is not what it was, by module where its version says so.
func (t *tools) changed(exports, modules map[string]string) []string {
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

// Import implements types.Importer.
func (t *tools) Import(path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	if pkg, ok := t.loaded.Load(path); ok {
		return pkg.(*types.Package), nil
	}
	if err := t.need(context.Background(), path); err != nil {
		return nil, errors.New(firstLine(err.Error()))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	pkg, err := t.gc.Import(path)
	if err == nil {
		t.loaded.Store(path, pkg)
	}
	return pkg, err
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// lineWriter passes what a command prints on to the outputs.
type lineWriter func(text string)

func (w lineWriter) Write(p []byte) (int, error) {
	w(string(p))
	return len(p), nil
}

// Get implements Engine.
func (s *session) Get(ctx context.Context, out Outputs, args ...string) error {
	s.running.Lock()
	defer s.running.Unlock()
	if len(args) == 0 {
		return errors.New("engine: go get: name a package, as in github.com/google/uuid@latest")
	}
	s.outMu.Lock()
	s.out = out
	s.outMu.Unlock()
	s.drainInterrupt()
	return s.interruptibly(ctx, func(ctx context.Context) error {
		cmd := exec.CommandContext(ctx, "go", append([]string{"get"}, args...)...)
		cmd.Dir, cmd.Env, cmd.WaitDelay = s.tools.base, s.tools.env(s.place.environ()), time.Second
		cmd.Stdout = lineWriter(func(text string) { s.output(func(o Outputs) { o.Stdout(text) }) })
		cmd.Stderr = lineWriter(func(text string) { s.output(func(o Outputs) { o.Stderr(text) }) })
		err := cmd.Run()
		switch {
		case ctx.Err() != nil:
			return Interrupted()
		case err != nil:
			return fmt.Errorf("engine: go get %s: %w", strings.Join(args, " "), err)
		}
		return s.got(ctx, args)
	})
}

// got takes note of new packages, and of changes to those that the worker has loaded.
func (s *session) got(ctx context.Context, args []string) error {
	t := s.tools
	var patterns []string
	for _, a := range args {
		if path, _, _ := strings.Cut(a, "@"); !strings.HasPrefix(a, "-") {
			patterns = append(patterns, strings.TrimSuffix(path, "/...")+"/...")
		}
	}
	if err := s.index.add(ctx, t, patterns); err != nil {
		return err
	}
	used := t.inUse()
	if len(used) == 0 {
		return nil
	}
	exports, modules, err := t.archives(ctx, used)
	t.mu.Lock()
	changed := t.changed(exports, modules)
	t.mu.Unlock()
	if err == nil && len(changed) == 0 {
		return nil
	}
	t.stale = true
	note := fmt.Sprintf("%s: the worker goes on with the version that it has loaded until it restarts (%%reset)", strings.Join(changed, ", "))
	if err != nil {
		note = "a package that the worker has loaded does not build any more, which will show when it restarts (%reset): " + firstLine(err.Error())
	}
	s.output(func(o Outputs) { o.Note(note) })
	return nil
}
