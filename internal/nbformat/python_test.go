package nbformat

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// rewrite makes Jupyter write a notebook its own way, and validate what we made. Our sample has
// fields that are not in the format.
const rewrite = `
import sys, nbformat
nb = nbformat.read(sys.argv[1], as_version=4)
if sys.argv[2] == "made":
    nbformat.validate(nb)
text = nbformat.writes(nb)
sys.stdout.buffer.write((text if text.endswith("\n") else text + "\n").encode())
`

// Jupyter accepts what we write as valid, and writes the same bytes. install.sh sets up its Python
// for tests.
func TestJupyterWritesTheSame(t *testing.T) {
	cache := os.Getenv("GSM_CACHE")
	if dir, err := os.UserCacheDir(); cache == "" && err == nil {
		cache = filepath.Join(dir, "gsmlab")
	}
	python := filepath.Join(cache, "jupyter-clients", "bin", "python3")
	if _, err := os.Stat(python); err != nil {
		t.Skip("Jupyter's clients are not there: run ./install.sh on a machine with Python 3.10 or later")
	}
	made := New("gsmlab", "Go (gsmlab)", "go")
	made.Add("markdown", "# <T> & ü\r\nline\u2029end")
	c := made.Add("code", "a\n\tb\vc\fd\x1ce\u0085f")
	c.Count = 1
	c.Append(Output{Type: "stream", Name: "stdout", Text: "\x1b[31mred\x1b[0m\n"})
	c.Append(Output{Type: "display_data", Data: map[string]any{"image/png": "AQID\n", "image/svg+xml": "<svg>\n</svg>", "text/html": "<b>\n", "application/json": map[string]any{"a": []any{1.5}}}})
	c.Append(Output{Type: "execute_result", Count: 1, Data: map[string]any{"text/plain": "1"}})
	c.Append(Output{Type: "error", Ename: "Panic", Evalue: "no", Traceback: []string{"a\nb"}})
	for name, nb := range map[string]*Notebook{"sample": parse(t, sample), "made": made} {
		path := filepath.Join(t.TempDir(), "a.ipynb")
		if err := nb.Write(path); err != nil {
			t.Fatal(err)
		}
		ours, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var errs bytes.Buffer
		cmd := exec.Command(python, "-c", rewrite, path, name)
		cmd.Stderr = &errs
		theirs, err := cmd.Output()
		if err != nil || !bytes.Equal(ours, theirs) {
			t.Errorf("%s: %v %s\n%s\nJupyter:\n%s", name, err, &errs, ours, theirs)
		}
	}
}
