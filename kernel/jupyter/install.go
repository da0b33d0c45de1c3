// `kernel install`: the kernelspec that tells Jupyter about the kernel, and the program in it.

package jupyter

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gsmlab/internal/atomicfile"
	"gsmlab/kernel/engine"
	"gsmlab/kernel/shell"
)

const installUsage = `usage: kernel install [--user | --sys-prefix | --prefix DIR] [--name NAME] [--check | --remove]

Tells Jupyter of this kernel: JupyterLab, Jupyter Notebook, jupyter console, nbclient, VS Code and the like
then offer "Go (gsmlab)". Run it again when you have updated or moved the checkout; it changes only what
has to change.

  --user        for you (default): share/jupyter in your home folder
  --sys-prefix  for the Python environment that is active (a venv, conda)
  --prefix DIR  into DIR/share/jupyter
  --name NAME   another name than gsmlab, to keep several checkouts apart
  --check       only say what is there; an error when it is not installed or out of date
  --remove      take it away
`

//go:embed spec
var specFiles embed.FS

// spec is the content of kernel.json.
type spec struct {
	Argv          []string       `json:"argv"`
	DisplayName   string         `json:"display_name"`
	Language      string         `json:"language"`
	InterruptMode string         `json:"interrupt_mode"`
	Metadata      map[string]any `json:"metadata"`
}

const (
	binaryName = "gsmlab-kernel"
	ownMark    = "gsmlab" // key in the metadata of our kernelspecs
)

// installation is what an install command changes.
type installation struct {
	name, dir string // of the kernelspec
	out       io.Writer
}

// InstallCommand is `kernel install`.
func InstallCommand(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("kernel install", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	name := flags.String("name", defaultName, "")
	prefix := flags.String("prefix", "", "")
	user, sys := flags.Bool("user", false, ""), flags.Bool("sys-prefix", false, "")
	check, remove := flags.Bool("check", false, ""), flags.Bool("remove", false, "")
	err := errors.Join(flags.Parse(args), tooMany(flags.Args(), 0))
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(out, installUsage)
		return nil
	}
	places := 0
	for _, set := range []bool{*user, *sys, *prefix != ""} {
		if set {
			places++
		}
	}
	switch {
	case err != nil:
	case places > 1:
		err = errors.New("--user, --sys-prefix and --prefix exclude each other")
	case *check && *remove:
		err = errors.New("--check and --remove exclude each other")
	case !regexp.MustCompile(`^[A-Za-z0-9._-]+$`).MatchString(*name):
		err = fmt.Errorf("--name %q: Jupyter takes letters, digits, dot, - and _", *name)
	}
	if err != nil {
		return fmt.Errorf("kernel install: %w\n\n%s", err, installUsage)
	}
	data, err := specFolder(ctx, *prefix, *sys)
	if err != nil {
		return err
	}
	i := installation{name: *name, dir: filepath.Join(data, "kernels", *name), out: out}
	switch {
	case *check:
		return i.check(ctx)
	case *remove:
		return i.remove()
	}
	return i.install(ctx)
}

func specFolder(ctx context.Context, prefix string, sys bool) (string, error) {
	if sys {
		out, err := exec.CommandContext(ctx, "python3", "-c", "import sys; print(sys.prefix)").Output()
		if err != nil {
			return "", fmt.Errorf("kernel install: --sys-prefix asks python3 for its folder: %w", err)
		}
		prefix = strings.TrimSpace(string(out))
	}
	if prefix == "" {
		return dataDir()
	}
	prefix, err := filepath.Abs(prefix)
	return filepath.Join(prefix, "share", "jupyter"), err
}

// existing reads the installed kernelspec; ours says whether we wrote it.
func (i installation) existing() (s spec, ours bool, err error) {
	data, err := os.ReadFile(filepath.Join(i.dir, "kernel.json"))
	if err != nil {
		return s, false, err
	}
	err = json.Unmarshal(data, &s)
	return s, err == nil && s.Metadata[ownMark] != nil, nil
}

func (i installation) foreign() error {
	return fmt.Errorf("kernel install: %s is another kernel's: choose another --name", i.dir)
}

func (i installation) install(ctx context.Context) error {
	if _, ours, err := i.existing(); err == nil && !ours {
		return i.foreign()
	}
	files, err := i.files(ctx)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(i.dir, 0o755); err != nil {
		return fmt.Errorf("kernel install: %w: name a folder that you may write to with --prefix", err)
	}
	changed := 0
	for name, content := range files {
		path := filepath.Join(i.dir, name)
		if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, content) {
			continue
		}
		changed++
		err := atomicfile.WriteBytes(path, content)
		if err == nil && name == binaryName {
			err = os.Chmod(path, 0o755)
		}
		if err != nil {
			return fmt.Errorf("kernel install: %w", err)
		}
	}
	if changed == 0 {
		fmt.Fprintf(i.out, "present: the kernel %q in %s\n", i.name, i.dir)
	} else {
		fmt.Fprintf(i.out, "installed: the kernel %q in %s, with its program\n", i.name, i.dir)
	}
	sh, err := shell.New(ctx, shell.Options{Engine: engine.Options{Say: engine.Lines(func(text string) { fmt.Fprintln(i.out, text) })}})
	if err != nil {
		return fmt.Errorf("kernel install: Jupyter knows the kernel, but it does not start: %w", err)
	}
	if err := sh.Close(); err != nil {
		return err
	}
	if _, err := exec.LookPath("jupyter"); err != nil {
		fmt.Fprintln(i.out, "Jupyter itself is not in PATH; in a Python environment: pip install jupyterlab")
	}
	fmt.Fprintf(i.out, "start: jupyter lab (choose \"%s\"), or: jupyter console --kernel %s\n", i.display(), i.name)
	return nil
}

func (i installation) display() string { return "Go (" + i.name + ")" }

// files is what the kernelspec's folder must hold. The program is a copy of the running one,
// because `go run` deletes its program when it ends.
func (i installation) files(ctx context.Context) (map[string][]byte, error) {
	root, source, err := checkout(ctx)
	if err != nil {
		return nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("kernel install: %w", err)
	}
	files := map[string][]byte{}
	if files[binaryName], err = os.ReadFile(program); err != nil {
		return nil, fmt.Errorf("kernel install: %w", err)
	}
	goRoot, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("kernel install: go env: %w", err)
	}
	s := spec{
		Argv: []string{
			filepath.Join(i.dir, binaryName), "jupyter", "--root", root, "--source", source,
			"--path", filepath.Join(strings.TrimSpace(string(goRoot)), "bin"), "{connection_file}",
		},
		DisplayName: i.display(), Language: "go", InterruptMode: "message",
		// by "debugger" JupyterLab knows before the kernel runs
		Metadata: map[string]any{ownMark: implementationVersion, "debugger": true},
	}
	if files["kernel.json"], err = json.MarshalIndent(s, "", "  "); err != nil {
		return nil, fmt.Errorf("kernel install: %w", err)
	}
	pictures, err := specFiles.ReadDir("spec")
	for _, p := range pictures {
		if files[p.Name()], err = specFiles.ReadFile("spec/" + p.Name()); err != nil {
			break
		}
	}
	return files, err
}

func (i installation) check(ctx context.Context) error {
	s, ours, err := i.existing()
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("missing: the kernel %q in %s: run go run ./kernel install", i.name, i.dir)
	}
	if err != nil {
		return fmt.Errorf("kernel install: %w", err)
	}
	if !ours {
		return i.foreign()
	}
	root, source, err := checkout(ctx)
	if err != nil {
		return err
	}
	if _, err := exec.LookPath(s.Argv[0]); err != nil {
		return fmt.Errorf("missing: the program of the kernel %q (%w): run go run ./kernel install", i.name, err)
	}
	for _, want := range [][2]string{{"--root", root}, {"--source", source}} {
		if at := slices.Index(s.Argv, want[0]); at < 0 || at+1 >= len(s.Argv) || s.Argv[at+1] != want[1] {
			return fmt.Errorf("out of date: the kernel %q in %s was installed from %s at another state: run go run ./kernel install", i.name, i.dir, root)
		}
	}
	fmt.Fprintf(i.out, "present: the kernel %q in %s\n", i.name, i.dir)
	return nil
}

func (i installation) remove() error {
	_, ours, err := i.existing()
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(i.out, "not there: the kernel %q in %s\n", i.name, i.dir)
		return nil
	}
	if err == nil && !ours {
		return i.foreign()
	}
	if err == nil {
		err = os.RemoveAll(i.dir)
	}
	if err != nil {
		return fmt.Errorf("kernel install: %w", err)
	}
	fmt.Fprintf(i.out, "removed: the kernel %q from %s\n", i.name, i.dir)
	return nil
}

// checkout returns the folder of gsmlab and a digest of the kernel's source in it. A worker is
// always built from the current checkout, so a kernel program from another state may not fit.
func checkout(ctx context.Context) (root, digest string, err error) {
	if root, err = engine.FindRoot(ctx); err != nil {
		return "", "", err
	}
	digest, err = sourceDigest(root)
	return root, digest, err
}

func sourceDigest(root string) (string, error) {
	sum := sha256.New()
	err := filepath.WalkDir(filepath.Join(root, "kernel"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(sum, "%s %d\n%s", filepath.Base(path), len(data), data)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("jupyter: the checkout of gsmlab: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil))[:16], nil
}
