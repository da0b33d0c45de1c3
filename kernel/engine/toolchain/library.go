package toolchain

// The library: one shared object of all packages that the worker has from its start on, and the
// worker, which is linked against it. What cells import of it is neither linked nor loaded again.

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
)

// Spec says what a library is made of.
type Spec struct {
	Module string   // a folder with a go.mod, whose requirements decide the versions of packages
	Main   string   // the source of the worker's package main
	Roots  []string // packages that the library has, with all that they import
	Index  []string // patterns of the packages whose names are listed
	Env    []string // the environment of go commands
}

// Library is what cells can import: the one that the worker is linked against, or a plugin that
// adds packages to it. Its files stay in the cache until Close.
type Library struct {
	Packages map[string]Package // by import path
	Worker   string             // the program; "" where packages are added
	// the shared object; where packages are added, the worker has to load it
	Object string
	Names  map[string]string // the packages that match the index's patterns: import path -> name

	key   string
	entry *entry
}

// Package is a built package.
type Package struct {
	Export string // a file with export data, for the compiler and go/importer
	Built  string // Go's file, whose name says what it was built of
	Module string // path and version; "" for the standard library
}

const manifestFile = "manifest.json"

// manifest describes an entry of the cache.
type manifest struct {
	Packages map[string]Package
	Names    map[string]string
	Local    map[string][]file // folders of packages outside of Go's caches
}

// file is what a file of a local package was like.
type file struct {
	Name     string
	Size     int64
	Modified int64
	Sum      string
}

// Listed is what go list says of a package.
type Listed struct {
	ImportPath, Name, Export, Dir string
	Standard                      bool
	Module                        *struct {
		Path, Version, Sum string
		Main               bool
		Replace            *struct{ Path, Version, Sum string }
	}
}

// ModuleVersion is the path and the version of its module, "" for the standard library.
func (p Listed) ModuleVersion() string {
	if p.Module == nil {
		return ""
	}
	return strings.TrimSpace(p.Module.Path + " " + p.Module.Version)
}

// local tells that the package's source may change.
func (p Listed) local() bool {
	return p.Module != nil && (p.Module.Main || p.Module.Replace != nil && p.Module.Replace.Version == "")
}

// Library returns the library of a spec: from the cache if nothing has changed, which takes
// milliseconds, else it is built, which takes seconds where Go's build cache has the packages, and
// minutes where it has not.
func (g *Go) Library(ctx context.Context, spec Spec, opt Options) (*Library, error) {
	spec.Roots = append(slices.Clone(spec.Roots), "runtime", "runtime/cgo", "plugin")
	return g.library(ctx, spec, nil, opt)
}

// Extend returns what adds packages to libraries, which the worker has loaded in this order. A
// package of theirs that is another one now, as after go get, is a [ChangedError].
func (g *Go) Extend(ctx context.Context, spec Spec, have []*Library, opt Options) (*Library, error) {
	return g.library(ctx, spec, have, opt)
}

// ChangedError says that packages of a library are not what they would be now.
type ChangedError struct{ Packages []Listed }

func (e *ChangedError) Error() string {
	return fmt.Sprintf("engine: %d packages have changed since the library was built", len(e.Packages))
}

func (g *Go) library(ctx context.Context, spec Spec, have []*Library, opt Options) (*Library, error) {
	folder := filepath.Join(g.cache, "library")
	if have != nil {
		folder = filepath.Join(g.cache, "added")
	}
	key, err := g.libraryKey(spec, have)
	if err != nil {
		return nil, err
	}
	if l, ok := findLibrary(folder, key); ok {
		return l, nil
	}
	say := opt.told()
	if have != nil { // a cell asks for it, and can be interrupted
		say = told(ctx)
	}
	// Of processes that need the same library only one has its packages compiled.
	alone, err := lockAside(ctx, filepath.Join(folder, key+".list"), func() {
		say(Step{Text: "waiting for another session, which builds the same"})
	})
	if err != nil {
		return nil, err
	}
	defer alone.Unlock()
	if l, ok := findLibrary(folder, key); ok { // another has built it meanwhile
		return l, nil
	}
	list, err := g.list(ctx, spec, say)
	if err != nil {
		return nil, err
	}
	if list, err = without(list, have); err != nil {
		return nil, err
	}
	m := manifest{Packages: map[string]Package{}, Local: map[string][]file{}}
	state := sha256.New()
	for _, p := range list {
		fmt.Fprintln(state, p.ImportPath, filepath.Base(p.Export))
		if p.local() {
			if m.Local[p.Dir], err = stat(p.Dir); err != nil {
				return nil, fmt.Errorf("engine: %w", err)
			}
		}
	}
	if m.Names, err = g.Names(ctx, spec); err != nil {
		return nil, err
	}
	dir := filepath.Join(folder, fmt.Sprintf("%s-%x", key, state.Sum(nil)[:6]))
	if e, ok := use(dir); ok { // only times or places of files have changed
		e.release()
		os.Remove(filepath.Join(dir, "done"))
	}
	e, err := build(ctx, dir, func(tmp string) error {
		say(Step{Text: "linking packages for cells"})
		if have == nil {
			return g.buildLibrary(ctx, spec, list, m, tmp, dir)
		}
		return g.buildAddition(ctx, spec, list, have, m, tmp, dir)
	})
	if err != nil {
		return nil, err
	}
	l, ok := openLibrary(dir) // before others may remove it
	e.release()
	if have == nil {
		sweep(folder, 4, 16)
	} else {
		sweep(folder, 24, 96)
	}
	if !ok {
		return nil, fmt.Errorf("engine: a package changed while it was built: try again")
	}
	return l, nil
}

// without leaves out of a list what libraries have.
func without(list []Listed, have []*Library) ([]Listed, error) {
	var fresh, changed []Listed
	for _, p := range list {
		known := false
		for _, l := range have {
			if old, ok := l.Packages[p.ImportPath]; ok {
				known = true
				if filepath.Base(old.Built) != filepath.Base(p.Export) {
					changed = append(changed, p)
				}
			}
		}
		if !known {
			fresh = append(fresh, p)
		}
	}
	if len(changed) > 0 {
		return nil, &ChangedError{changed}
	}
	return fresh, nil
}

func (g *Go) libraryKey(spec Spec, have []*Library) (string, error) {
	sum := sha256.New()
	for _, l := range have {
		fmt.Fprintln(sum, l.key)
	}
	fmt.Fprintln(sum, "GOROOT", g.key, g.cc, os.Getenv("CGO_CFLAGS"), os.Getenv("CGO_LDFLAGS"))
	fmt.Fprintln(sum, spec.Main, spec.Roots, spec.Index)
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(spec.Module, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("engine: %w", err)
		}
		fmt.Fprintln(sum, len(text))
		sum.Write(text)
	}
	return fmt.Sprintf("%x", sum.Sum(nil)[:8]), nil
}

// findLibrary opens an entry of the cache that is what would be built now.
func findLibrary(folder, key string) (*Library, bool) {
	// the pattern is well formed
	entries, _ := filepath.Glob(filepath.Join(folder, key+"-*", manifestFile))
	for _, path := range entries {
		if l, ok := openLibrary(filepath.Dir(path)); ok {
			return l, true
		}
	}
	return nil, false
}

// openLibrary opens an entry of the cache whose local packages are as they were.
func openLibrary(dir string) (*Library, bool) {
	text, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if err != nil {
		return nil, false
	}
	var m manifest
	if json.Unmarshal(text, &m) != nil || !unchanged(m.Local) {
		return nil, false
	}
	e, ok := use(dir)
	if !ok {
		return nil, false
	}
	l := &Library{Packages: m.Packages, Object: filepath.Join(dir, objectName), Names: m.Names, key: filepath.Base(dir), entry: e}
	if worker := filepath.Join(dir, "worker"); exists(worker) {
		l.Worker = worker
	}
	return l, true
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

const objectName = "libgsmlab.so"

// Close lets the cache forget the library.
func (l *Library) Close() { l.entry.release() }

// stat describes the files of a package's folder, tests aside.
func stat(dir string) ([]file, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []file
	for _, e := range list {
		if !e.Type().IsRegular() || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		files = append(files, file{e.Name(), info.Size(), info.ModTime().UnixNano(), fmt.Sprintf("%x", sha256.Sum256(text))})
	}
	return files, nil
}

// unchanged compares folders with what they were. It reads only files that were written since.
func unchanged(folders map[string][]file) bool {
	for dir, files := range folders {
		list, err := os.ReadDir(dir)
		if err != nil {
			return false
		}
		list = slices.DeleteFunc(list, func(e os.DirEntry) bool { return !e.Type().IsRegular() || strings.HasSuffix(e.Name(), "_test.go") })
		if len(list) != len(files) {
			return false
		}
		for i, e := range list { // both are sorted
			f := files[i]
			info, err := e.Info()
			if err != nil || e.Name() != f.Name || info.Size() != f.Size {
				return false
			}
			if info.ModTime().UnixNano() != f.Modified {
				text, err := os.ReadFile(filepath.Join(dir, f.Name))
				if err != nil || fmt.Sprintf("%x", sha256.Sum256(text)) != f.Sum {
					return false
				}
			}
		}
	}
	return true
}

// goCommand is the go command in the spec's module.
func (g *Go) goCommand(ctx context.Context, spec Spec, args ...string) *exec.Cmd {
	args = append([]string{args[0], "-overlay=" + g.hooks}, args[1:]...)
	cmd := command(ctx, g.Command, args...)
	cmd.Dir, cmd.Env = spec.Module, append(slices.Clone(spec.Env), "GOTOOLCHAIN="+g.Version)
	return cmd
}

// List has go build (or find in its cache) the roots and all that they import, in the order of
// their imports.
func (g *Go) List(ctx context.Context, spec Spec) ([]Listed, error) {
	return g.list(ctx, spec, func(Step) {})
}

func (g *Go) list(ctx context.Context, spec Spec, say func(Step)) ([]Listed, error) {
	args := []string{"list", "-v", "-buildmode=shared", "-linkshared", "-export", "-deps", "-json=ImportPath,Name,Export,Dir,Standard,Module", "--"}
	count := g.goCommand(ctx, spec, append([]string{"list", "-deps", "--"}, spec.Roots...)...)
	out, err := counted(ctx, g.goCommand(ctx, spec, append(args, spec.Roots...)...), count, "compiling packages for cells", say)
	if err != nil {
		return nil, err
	}
	var list []Listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p Listed
		if err := d.Decode(&p); err == io.EOF {
			return list, nil
		} else if err != nil {
			return nil, fmt.Errorf("engine: go list: %w", err)
		}
		if p.Export != "" { // all but unsafe
			list = append(list, p)
		}
	}
}

// Names lists the packages that match the index's patterns: their names by import path.
func (g *Go) Names(ctx context.Context, spec Spec) (map[string]string, error) {
	if len(spec.Index) == 0 {
		return nil, nil
	}
	out, err := output(g.goCommand(ctx, spec, append([]string{"list", "-e", "-f", "{{.Name}} {{.ImportPath}}", "--"}, spec.Index...)...))
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, path, ok := strings.Cut(strings.TrimSpace(line), " ")
		if ok && name != "main" && name != "" && !strings.Contains("/"+path+"/", "/internal/") && !strings.HasPrefix(path, "vendor/") {
			names[path] = name
		}
	}
	return names, nil
}

// lists are what the compiler and the linker read about packages.
type lists struct{ own, compile, link strings.Builder }

// fill writes the export data of packages and the lists into the folder tmp, which will be dir.
func (m manifest) fill(list []Listed, tmp, dir string) (lists, error) {
	var l lists
	if err := os.Mkdir(filepath.Join(tmp, "export"), 0o755); err != nil {
		return l, fmt.Errorf("engine: %w", err)
	}
	for i, p := range list {
		name := filepath.Join("export", fmt.Sprintf("%d.a", i))
		if err := copyExport(p.Export, filepath.Join(tmp, name)); err != nil {
			return l, fmt.Errorf("engine: %s: %w", p.ImportPath, err)
		}
		m.Packages[p.ImportPath] = Package{Export: filepath.Join(dir, name), Built: p.Export, Module: p.ModuleVersion()}
		fmt.Fprintf(&l.own, "packagefile %s=%s\n", p.ImportPath, p.Export)
		fmt.Fprintf(&l.compile, "packagefile %s=%s\n", p.ImportPath, filepath.Join(dir, name))
		fmt.Fprintf(&l.link, "packagefile %s=%s\npackageshlib %[1]s=%[3]s\n", p.ImportPath, filepath.Join(dir, name), filepath.Join(dir, objectName))
	}
	text, err := json.Marshal(m)
	if err != nil {
		return l, fmt.Errorf("engine: %w", err)
	}
	return l, writeAll(tmp, map[string]string{manifestFile: string(text), compileList: l.compile.String(), linkList: l.link.String()})
}

const (
	compileList = "importcfg"
	linkList    = "importcfg.link"
)

func writeAll(dir string, files map[string]string) error {
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("engine: %w", err)
		}
	}
	return nil
}

// buildLibrary fills the folder tmp, which will be dir, with a library and its worker.
func (g *Go) buildLibrary(ctx context.Context, spec Spec, list []Listed, m manifest, tmp, dir string) error {
	l, err := m.fill(list, tmp, dir)
	if err != nil {
		return err
	}
	work := filepath.Join(tmp, "work")
	if err := os.Mkdir(work, 0o755); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	here := strings.ReplaceAll(l.link.String(), dir+string(filepath.Separator), tmp+string(filepath.Separator))
	if err := writeAll(work, map[string]string{"compile": l.own.String(), "own": l.own.String() + "modinfo " + strconv.Quote(modinfo(g.Version, list)) + "\n", "link": here, "main.go": spec.Main}); err != nil {
		return err
	}
	// With -Bsymbolic the library binds its own names when it is linked, not each time that a
	// worker starts; nothing comes before it in the process that could have others.
	object := filepath.Join(tmp, objectName)
	args := []string{"-o", object, "-importcfg", "own", "-buildmode=shared", "-extldflags=" + g.extldflags() + " -Wl,-Bsymbolic"}
	for _, p := range list {
		args = append(args, p.ImportPath+"="+p.Export)
	}
	if err := g.link(ctx, work, args...); err != nil {
		return err
	}
	if err := g.compile(ctx, work, "main", "compile", "main.a", "main.go"); err != nil {
		return err
	}
	if err := g.link(ctx, work, "-o", filepath.Join(tmp, "worker"), "-importcfg", "link", "-buildmode=exe", "-r", "$ORIGIN", "main.a"); err != nil {
		return err
	}
	return os.RemoveAll(work)
}

// buildAddition fills the folder tmp, which will be dir, with a plugin of packages.
func (g *Go) buildAddition(ctx context.Context, spec Spec, list []Listed, have []*Library, m manifest, tmp, dir string) error {
	l, err := m.fill(list, tmp, dir)
	if err != nil {
		return err
	}
	work := filepath.Join(tmp, "work")
	if err := os.Mkdir(work, 0o755); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	var main strings.Builder
	main.WriteString("package main\n")
	for _, path := range spec.Roots {
		fmt.Fprintf(&main, "import _ %q\n", path)
	}
	main.WriteString("func main() {}\n")
	before, err := linkLists(have, compileList, linkList)
	if err != nil {
		return err
	}
	path := CellPrefix + "x" + strings.ReplaceAll(filepath.Base(dir), "-", "")
	if err := writeAll(work, map[string]string{"main.go": main.String(), "compile": before[0] + l.own.String(),
		"link": before[1] + l.own.String() + fmt.Sprintf("packagefile %s=main.a\n", path)}); err != nil {
		return err
	}
	if err := g.compile(ctx, work, path, "compile", "main.a", "main.go"); err != nil {
		return err
	}
	if err := g.plugin(ctx, work, filepath.Join(tmp, objectName), path, "link", "main.a"); err != nil {
		return err
	}
	return os.RemoveAll(work)
}

// linkLists concatenates what libraries say about their packages, for each name of a list.
func linkLists(have []*Library, names ...string) ([]string, error) {
	all := make([]string, len(names))
	for i, name := range names {
		for _, l := range have {
			text, err := os.ReadFile(filepath.Join(l.entry.dir, name))
			if err != nil {
				return nil, fmt.Errorf("engine: %w", err)
			}
			all[i] += string(text)
		}
	}
	return all, nil
}

func (g *Go) extldflags() string {
	flags := "-Wl,--hash-style=gnu"
	if strings.HasSuffix(g.ld, ".gold") {
		flags += " -fuse-ld=gold"
	}
	return flags
}

// modinfo is what debug.ReadBuildInfo reads, in the form that cmd/go gives it.
func modinfo(version string, list []Listed) string {
	info := debug.BuildInfo{GoVersion: version, Path: "gsmcell/worker", Main: debug.Module{Path: "gsmcell", Version: "(devel)"}}
	modules := map[string]*debug.Module{}
	for _, p := range list {
		if m := p.Module; m != nil && !m.Main {
			modules[m.Path] = &debug.Module{Path: m.Path, Version: m.Version, Sum: m.Sum}
			if r := m.Replace; r != nil {
				modules[m.Path].Replace = &debug.Module{Path: r.Path, Version: r.Version, Sum: r.Sum}
			}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(modules)) {
		info.Deps = append(info.Deps, modules[path])
	}
	const start, end = "0w\xaf\f\x92t\b\x02A\xe1\xc1\a\xe6\xd6\x18\xe6", "\xf92C1\x86\x18 r\x00\x82B\x10A\x16\xd8\xf2"
	return start + info.String() + end
}

// copyExport copies the part of an archive that has the export data.
func copyExport(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	const magic, header = "!<arch>\n", 60
	if len(text) < len(magic)+header || string(text[:len(magic)]) != magic || !bytes.HasPrefix(text[len(magic):], []byte("__.PKGDEF")) {
		return fmt.Errorf("%s is no archive of a Go package", from)
	}
	size, err := strconv.Atoi(strings.TrimSpace(string(text[len(magic)+48 : len(magic)+58])))
	if err != nil || len(magic)+header+size > len(text) {
		return fmt.Errorf("%s is damaged", from)
	}
	return os.WriteFile(to, text[:len(magic)+header+size], 0o644)
}

func (g *Go) compile(ctx context.Context, dir, path, importcfg, out string, files ...string) error {
	args := append([]string{"-o", out, "-p", path, "-lang=go1.26", "-complete", "-installsuffix", "dynlink", "-goversion", g.Version, "-c=2", "-dynlink", "-linkshared",
		"-nolocalimports", "-importcfg", importcfg, "-pack"}, files...)
	cmd := command(ctx, g.Compile, args...)
	cmd.Dir = dir
	_, err := output(cmd)
	return err
}

func (g *Go) link(ctx context.Context, dir string, args ...string) error {
	cmd := command(ctx, g.Link, append([]string{"-installsuffix", "dynlink", "-linkshared", "-s", "-w", "-checklinkname=0", "-extld=" + g.cc}, args...)...)
	// programs see GOROOT in runtime.GOROOT and in the files of stacks
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOROOT="+g.Root, "GSMCELL_LD="+g.ld)
	_, err := output(cmd)
	return err
}
