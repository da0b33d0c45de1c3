// Package toolchain builds and keeps what cells are built with: Go's compiler and linker with a few
// changes, the library of all packages that cells may use, and the worker that loads the cells. See
// README.md for why.
package toolchain

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"

	"gsmlab/internal/settings"
)

// Pinned is the release of Go that the patches are written for. Another release of the same minor
// version is used where they fit; else the go command is asked for this one.
const Pinned = "go1.26.8"

// Go is an installed Go, and what was built of its source.
type Go struct {
	Root    string // GOROOT
	Version string // as in go1.26.8
	Command string // the go command, found in PATH
	Compile string // the compiler and the linker for cells
	Link    string

	key   string // of what was built: Go, machine and patches
	hooks string // what -overlay wants for the runtime with the hooks of the worker
	cache string
	cc    string
	ld    string // called by Link itself for cells; "" where the C compiler has to
	entry *entry
}

// Options say where and for whom things are built.
type Options struct {
	Root string     // a folder in the module that decides which Go is used
	Say  func(Step) // told what takes long, and how far it is; may be nil
}

// told is Say, and does nothing where that is nil.
func (o Options) told() func(Step) {
	if o.Say == nil {
		return func(Step) {}
	}
	return o.Say
}

// Supported says why cells cannot be built on this machine, or nil.
func Supported() error {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		return fmt.Errorf("engine: live cells need Linux on amd64 or arm64, this is %s on %s: run the notebooks with GoNB", runtime.GOOS, runtime.GOARCH)
	}
	for _, need := range []string{"go", "gcc"} {
		if _, err := exec.LookPath(need); err != nil {
			return fmt.Errorf("engine: %s is not in PATH: cells are built with Go and a C compiler", need)
		}
	}
	return nil
}

// Get returns the Go that builds cells. The very first time it builds the compiler and the linker,
// which takes a minute or two; then it takes a few milliseconds.
func Get(ctx context.Context, opt Options) (*Go, error) {
	if err := Supported(); err != nil {
		return nil, err
	}
	cache, err := CacheDir()
	if err != nil {
		return nil, err
	}
	g, err := find(ctx, cache, opt.Root, "")
	if err == nil {
		err = g.tools(ctx, opt)
	}
	var misfit *PatchError
	if err == nil || ctx.Err() != nil || g != nil && g.Version == Pinned || err != nil && g != nil && !errors.As(err, &misfit) {
		return g, err
	}
	installed := "the installed Go"
	if g != nil {
		installed = g.Version
	}
	// The go command finds or fetches the release that the patches are for.
	pinned, err2 := find(ctx, cache, opt.Root, Pinned)
	if err2 == nil {
		err2 = pinned.tools(ctx, opt)
	}
	if err2 != nil {
		return nil, fmt.Errorf("engine: cells are built with %s or a release like it, and %s is another (%w); getting it failed: %w: install it, or be online once (without GSM_OFFLINE)", Pinned, installed, err, err2)
	}
	return pinned, nil
}

// fields of go env that decide what is built.
var fields = []string{"GOROOT", "GOVERSION", "GOHOSTARCH", "GOAMD64", "GOARM64", "GOEXPERIMENT", "CC", "CGO_CFLAGS", "CGO_LDFLAGS"}

// find asks the go command which Go it is, or remembers what it said before in the same
// circumstances.
func find(ctx context.Context, cache, root, toolchain string) (*Go, error) {
	program, err := exec.LookPath("go")
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	env := os.Environ()
	if toolchain != "" {
		env = append(env, "GOTOOLCHAIN="+toolchain)
		if os.Getenv(settings.Offline) != "" {
			env = append(env, "GOPROXY=off") // it may be there already
		}
	}
	asked := sha256.New()
	for _, name := range append([]string{"GOTOOLCHAIN", "GOENV", "GOARCH", "GOOS", "HOME", "PATH"}, fields...) {
		fmt.Fprintf(asked, "%s=%s\n", name, os.Getenv(name))
	}
	fmt.Fprintln(asked, toolchain, root)
	config, _ := os.UserConfigDir()
	for _, file := range []string{program, filepath.Join(root, "go.mod"), filepath.Join(config, "go", "env")} {
		if real, err := filepath.EvalSymlinks(file); err == nil {
			file = real
		}
		if st, err := os.Stat(file); err == nil {
			fmt.Fprintln(asked, file, st.Size(), st.ModTime().UnixNano())
		}
	}
	memory := filepath.Join(cache, "go", fmt.Sprintf("%x.json", asked.Sum(nil)[:8]))
	said := map[string]string{}
	if text, err := os.ReadFile(memory); err != nil || json.Unmarshal(text, &said) != nil || said["stamp"] != stamp(said["GOROOT"]) {
		cmd := command(ctx, program, append([]string{"env", "-json"}, fields...)...)
		cmd.Dir, cmd.Env = root, env
		out, err := output(cmd)
		if err != nil {
			return nil, err
		}
		said = map[string]string{}
		if err := json.Unmarshal(out, &said); err != nil {
			return nil, fmt.Errorf("engine: go env: %w", err)
		}
		said["stamp"] = stamp(said["GOROOT"])
		text, _ := json.Marshal(said)
		if os.MkdirAll(filepath.Dir(memory), 0o755) == nil { // else it is asked again the next time
			replaceFile(memory, text)
		}
	}
	g := &Go{Root: said["GOROOT"], Version: said["GOVERSION"], Command: "go", cc: said["CC"], cache: cache}
	if !release.MatchString(g.Version) {
		return g, &PatchError{File: "VERSION: " + g.Version}
	}
	patched := sha256.New()
	if err := fs.WalkDir(patches, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := patches.ReadFile(name)
		fmt.Fprintln(patched, name, len(text))
		patched.Write(text)
		return err
	}); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	for _, name := range fields {
		fmt.Fprintln(patched, said[name])
	}
	g.key = fmt.Sprintf("%s-%s-%x", g.Version, runtime.GOARCH, patched.Sum(nil)[:6])
	for _, ld := range []string{"ld.gold", "ld.bfd", "ld"} {
		if path, err := exec.LookPath(ld); err == nil && (ld != "ld.gold" || runtime.GOARCH == "amd64") {
			g.ld = path
			break
		}
	}
	return g, nil
}

var release = regexp.MustCompile(`^go1\.26(\.[0-9]+)?$`)

// stamp changes when the Go in a folder does.
func stamp(goroot string) string {
	text, err := os.ReadFile(filepath.Join(goroot, "VERSION"))
	if goroot == "" || err != nil {
		return "none"
	}
	return string(text)
}

// replaceFile writes a file that other processes may read or write at the same time.
func replaceFile(path string, text []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "tmp-")
	if err != nil {
		return err
	}
	_, err = tmp.Write(text)
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		os.Remove(tmp.Name())
	}
	return err
}

// tools builds the compiler and the linker, unless the cache has them.
func (g *Go) tools(ctx context.Context, opt Options) error {
	folder := filepath.Join(g.cache, "tools")
	e, err := build(ctx, filepath.Join(folder, g.key), func(tmp string) error {
		for _, name := range []string{"link", "compile"} {
			// the quick one first: a patch that does not fit is noticed soon
			if err := g.buildTool(ctx, tmp, name, opt); err != nil {
				return err
			}
		}
		if err := g.writeHooks(tmp, filepath.Join(folder, g.key)); err != nil {
			return err
		}
		return nil
	})
	if err != nil {
		return err
	}
	g.entry, g.Compile, g.Link, g.hooks = e, filepath.Join(e.dir, "compile"), filepath.Join(e.dir, "link"), filepath.Join(e.dir, hooksList)
	sweep(folder, 2, 4)
	return nil
}

func (g *Go) buildTool(ctx context.Context, dir, name string, opt Options) error {
	source := filepath.Join(dir, "source")
	replace, err := overlay(g.Root, "cmd/"+name, source)
	if err != nil {
		return fmt.Errorf("engine: the patches of cmd/%s do not fit %s: %w", name, g.Version, err)
	}
	list := filepath.Join(dir, "overlay.json")
	text, _ := json.Marshal(map[string]any{"Replace": replace})
	if err := os.WriteFile(list, text, 0o644); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	// Without its profile the compiler is a few percent slower, and built in half the time.
	cmd := command(ctx, g.Command, "build", "-v", "-pgo=off", "-overlay", list, "-o", filepath.Join(dir, name), "cmd/"+name)
	count := command(ctx, g.Command, "list", "-deps", "cmd/"+name)
	cmd.Dir, cmd.Env = g.Root, append(os.Environ(), "GOTOOLCHAIN="+g.Version, "GOFLAGS=", "GOWORK=off", "GO111MODULE=")
	count.Dir, count.Env = cmd.Dir, cmd.Env
	what := map[string]string{"link": "linker", "compile": "compiler"}[name]
	if _, err := counted(ctx, cmd, count, "building the "+what+" for cells", opt.told()); err != nil {
		return err
	}
	if err := os.RemoveAll(source); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	return os.Remove(list)
}

const hooksList = "runtime.json"

// writeHooks writes the runtime of the worker, in which a mistake of a goroutine does not end the
// process, into the folder tmp, which will be dir.
func (g *Go) writeHooks(tmp, dir string) error {
	replace, err := overlay(g.Root, "runtime", filepath.Join(tmp, "hooks"))
	if err != nil {
		return fmt.Errorf("engine: the patches of the runtime do not fit %s: %w", g.Version, err)
	}
	for from, to := range replace {
		replace[from] = filepath.Join(dir, strings.TrimPrefix(to, tmp))
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	return writeAll(tmp, map[string]string{hooksList: string(text)})
}

// Close lets the cache forget what g uses.
func (g *Go) Close() { g.entry.release() }

// command is exec.CommandContext for a program that starts others: all of them end with ctx.
func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	return cmd
}

// output runs a command; what it says about an error is part of the error.
func output(cmd *exec.Cmd) ([]byte, error) {
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, commandError(cmd, err, strings.TrimSpace(errs.String()+out.String()))
	}
	return out.Bytes(), nil
}

func commandError(cmd *exec.Cmd, err error, said string) error {
	return fmt.Errorf("engine: %s: %w: %s", filepath.Base(cmd.Path), err, said)
}
