// Package jupyterclients finds the Python environments that install.sh makes for tests: with
// Jupyter's own clients, with JupyterLab, and with ONNX's checker and runtime.
package jupyterclients

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"gsmlab/internal/pjrt"
)

// Python returns the environment's interpreter. If the environment is missing, or was made from
// requirements other than the checkout's, it skips the test with a line that says how to fix that.
func Python(t testing.TB) string {
	t.Helper()
	return environment(t, "jupyter-clients", "Jupyter's clients are", "kernel", "jupyter", "testdata", "clients", "requirements.txt")
}

// ONNX returns the interpreter of another such environment, with ONNX's checker and runtime.
func ONNX(t testing.TB) string {
	t.Helper()
	return environment(t, "onnx-clients", "ONNX's checker and runtime are", "deploy", "testdata", "clients", "requirements.txt")
}

// Lab returns the interpreter of another such environment, with JupyterLab.
func Lab(t testing.TB) string {
	t.Helper()
	return environment(t, "jupyter-lab", "JupyterLab is", "kernel", "jupyter", "testdata", "lab", "requirements.txt")
}

// environment finds one that install.sh has made in the cache, of the requirements in a file of the
// checkout.
func environment(t testing.TB, name, what string, requirements ...string) string {
	t.Helper()
	plugins, err := pjrt.CacheDir()
	if err != nil {
		t.Skip(err)
	}
	dir := filepath.Join(filepath.Dir(plugins), name)
	have, err := os.ReadFile(filepath.Join(dir, "requirements.txt"))
	want, err2 := os.ReadFile(filepath.Join(append([]string{root(t)}, requirements...)...))
	if err2 != nil {
		t.Fatal(err2)
	}
	if err != nil || !bytes.Equal(have, want) {
		t.Skip(what + " not there: run ./install.sh on a machine with Python 3.10 or later")
	}
	return filepath.Join(dir, "bin", "python3")
}

// root is the folder of gsmlab's go.mod, needed because tests run in the folder of their package.
func root(t testing.TB) string {
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	t.Fatal("no go.mod above the working directory")
	return ""
}
