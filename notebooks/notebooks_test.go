// Package notebooks_test runs the notebooks under gsmlab's kernel and under GoNB, and checks that
// the committed outputs are what the notebooks show.
package notebooks_test

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gsmlab/internal/jupyterclients"
	"gsmlab/internal/nbformat"
	"gsmlab/kernel/engine"
)

// underGoNB are the notebooks that always run under GoNB too: one that trains and prunes, one with
// a user's own model, and one that reads recorded runs. GoNB builds each cell as a program, so
// running all notebooks takes minutes: envFull asks for that.
var underGoNB = []string{"00-tour.ipynb", "05-your-own-model.ipynb", "06-very-deep.ipynb"}

// kernelTour shows what only our kernel does.
const kernelTour = "kernel-tour.ipynb"

const envFull = "GSM_TEST_FULL"

// noDebug leaves out what debuggers need, a third of the time that linking takes. GoNB links a
// program for each cell.
const noDebug = "-w"

var update = flag.Bool("update", false, "run the notebooks at their full size under gsmlab's kernel and write their outputs")

// programs builds gonb, goimports (which GoNB calls) and kernel, once for all tests.
var programs = "" // their folder

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() && !*update { // nothing runs a notebook then
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "notebooks-*")
	if err == nil {
		programs = dir
		err = build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func build(dir string) error {
	out, err := exec.Command("go", "build", "-ldflags="+noDebug, "-o", dir+"/", "github.com/janpfeifer/gonb", "golang.org/x/tools/cmd/goimports", "gsmlab/kernel").CombinedOutput()
	if err != nil {
		return fmt.Errorf("building gonb, goimports and kernel: %w\n%s", err, out)
	}
	return nil
}

func notebooks(t *testing.T) []string {
	paths, err := filepath.Glob("*.ipynb")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no notebooks: %v", err)
	}
	return paths
}

// environ is the environment of a notebook in a test, with a separate runs folder.
func environ(t *testing.T, mode string) []string {
	return append(os.Environ(), "GSM_LESSON="+mode, "GSM_LESSON_RUNS="+t.TempDir(), "JUPYTER_PLATFORM_DIRS=0",
		"PATH="+programs+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// TestUpdate records the notebooks if -update is set.
func TestUpdate(t *testing.T) {
	if !*update {
		t.Skip("only with -update")
	}
	for _, path := range notebooks(t) {
		t.Run(path, func(t *testing.T) {
			ran(t, path, path, exec.Command(filepath.Join(programs, "kernel"), "run", path), "")
			nb := read(t, path)
			nb.Metadata["gsmlab"] = map[string]any{"recorded": digest(nb)}
			if err := nb.Write(path); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestOutputsAreFresh: the committed outputs are those of the committed cells.
func TestOutputsAreFresh(t *testing.T) {
	for _, path := range notebooks(t) {
		nb := read(t, path)
		recorded, _ := nb.Metadata["gsmlab"].(map[string]any)
		if recorded["recorded"] != digest(nb) {
			t.Errorf("%s: the outputs are not those of the cells: go test ./notebooks -run 'Update/%[1]s' -update", path)
		}
		noErrors(t, path, nb)
		if path == kernelTour {
			checkTour(t, nb)
		}
	}
}

// TestKernels runs each notebook in the fast mode under our kernel, and some or all of them under
// GoNB: what they show must be of the kinds that are committed.
func TestKernels(t *testing.T) {
	if err := engine.Supported(); err != nil {
		t.Skip(err)
	}
	if testing.Short() {
		t.Skip("takes minutes")
	}
	all := notebooks(t)
	for _, path := range underGoNB {
		if !slices.Contains(all, path) {
			t.Errorf("%s is to run under GoNB and is not there", path)
		}
	}
	for _, path := range all {
		committed := read(t, path)
		t.Run(path+"/gsmlab", func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), path)
			nb := ran(t, path, out, exec.Command(filepath.Join(programs, "kernel"), "run", "-o", out, path), "fast")
			compare(t, committed, nb)
			if path == kernelTour {
				checkTour(t, nb)
			}
		})
		if path == kernelTour {
			continue
		}
		t.Run(path+"/gonb", func(t *testing.T) {
			if os.Getenv(envFull) == "" && !slices.Contains(underGoNB, path) {
				t.Skip("set " + envFull + "=1 to run it under GoNB too")
			}
			t.Parallel()
			python := jupyterclients.Python(t)
			out := filepath.Join(t.TempDir(), path)
			gonb := exec.Command(python, "testdata/gonb.py", filepath.Join(programs, "gonb"), path, out)
			compare(t, committed, ran(t, path, out, gonb, "fast", "GOFLAGS=-ldflags="+noDebug))
		})
	}
}

// ran runs a notebook with a command that writes it to out, and reads it from there. It adds set to
// the command's environment.
func ran(t *testing.T, path, out string, cmd *exec.Cmd, mode string, set ...string) *nbformat.Notebook {
	t.Helper()
	cmd.Env = append(environ(t, mode), set...)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", path, err, text)
	}
	nb := read(t, out)
	noErrors(t, path, nb)
	return nb
}

func read(t *testing.T, path string) *nbformat.Notebook {
	t.Helper()
	nb, err := nbformat.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return nb
}

// trailing is a comment at the end of a line, or all of a line.
var trailing = regexp.MustCompile(`(?m)(^|\s)//\s.*$`)

// digest is the digest of the code cells' sources, in order, without comments and white space: a
// line that is wrapped gives the same outputs.
func digest(nb *nbformat.Notebook) string {
	h := sha256.New()
	for _, c := range nb.Cells {
		if c.Type == "code" {
			code := strings.Join(strings.Fields(trailing.ReplaceAllString(c.Source, "")), "")
			fmt.Fprintf(h, "%d %s\n", len(code), code)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// fails reports whether a cell fails on purpose.
func fails(c *nbformat.Cell) bool { return slices.Contains(c.Tags(), "raises-exception") }

// noErrors: only cells that fail on purpose show an error, and no text mentions one.
func noErrors(t *testing.T, path string, nb *nbformat.Notebook) {
	t.Helper()
	for i, c := range nb.Cells {
		failed := false
		for _, o := range c.Outputs {
			failed = failed || o.Type == "error"
			text := o.Text + o.Evalue
			for _, bad := range []string{"panic:", "goroutine ", "exit status", "Traceback"} {
				if !fails(c) && strings.Contains(text, bad) {
					t.Errorf("%s: cell %d shows %q", path, i+1, text)
				}
			}
		}
		if failed != fails(c) {
			t.Errorf("%s: cell %d: an error: %v, tagged raises-exception: %v", path, i+1, failed, fails(c))
		}
	}
}

// compare: every cell shows outputs of the same kinds in the same order.
func compare(t *testing.T, want, got *nbformat.Notebook) {
	t.Helper()
	if len(want.Cells) != len(got.Cells) {
		t.Fatalf("%d cells, want %d", len(got.Cells), len(want.Cells))
	}
	for i, c := range want.Cells {
		if w, g := kinds(c), kinds(got.Cells[i]); w != g {
			t.Errorf("cell %d shows\n\t%s\nwant\n\t%s\nof\n%s", i+1, g, w, c.Source)
		}
	}
}

// kinds lists what a cell shows: streams by their name, once for all text in a row; displays and
// results by their MIME types.
func kinds(c *nbformat.Cell) string {
	if fails(c) {
		return "an error" // GoNB shows the program's text before it
	}
	var list []string
	for _, o := range c.Outputs {
		kind := o.Type
		switch o.Type {
		case "stream":
			kind += " " + o.Name
		case "display_data", "execute_result":
			kind = "display " + strings.Join(slices.Sorted(maps.Keys(o.Data)), ", ")
		}
		if len(list) == 0 || kind != list[len(list)-1] || o.Type != "stream" {
			list = append(list, kind)
		}
	}
	return strings.Join(list, "; ")
}
