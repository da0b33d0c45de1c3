// Tests of `kernel install`, of Jupyter's own clients, and of JupyterLab.

package jupyter

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"gsmlab/internal/jupyterclients"
	"gsmlab/kernel/engine"
)

// scratch is a folder for all tests of the package.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "gsmkernel"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(scratch)
	os.Exit(code)
}

// program builds the kernel once.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "kernel")
	out, err := exec.Command("go", "build", "-o", path, "gsmlab/kernel").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

// install runs `kernel install` with arguments.
func install(t *testing.T, args ...string) (string, error) {
	t.Helper()
	kernel, err := program()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(kernel, append([]string{"install"}, args...)...).CombinedOutput()
	return string(out), err
}

func TestInstall(t *testing.T) {
	if err := engine.Supported(); err != nil {
		t.Skip(err)
	}
	if testing.Short() {
		t.Skip("builds the kernel and its worker")
	}
	prefix := t.TempDir()
	dir := filepath.Join(prefix, "share", "jupyter", "kernels", "gsm.lab")
	foreign := filepath.Join(prefix, "share", "jupyter", "kernels", "foreign")
	if err := os.MkdirAll(foreign, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(foreign, "kernel.json"), []byte(`{"argv": ["python3"], "metadata": {"debugger": true}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	at := []string{"--prefix", prefix, "--name", "gsm.lab"}
	for _, step := range []struct {
		args []string
		want string // beginning of the output
		fail bool
	}{
		{append(at, "--check"), `missing: the kernel "gsm.lab" in ` + dir + ": run go run ./kernel install", true},
		{append(at, "--remove"), `not there: the kernel "gsm.lab"`, false},
		{at, `installed: the kernel "gsm.lab" in ` + dir + ", with its program", false},
		{append(at, "--check"), `present: the kernel "gsm.lab" in ` + dir, false},
		{at, `present: the kernel "gsm.lab" in ` + dir, false},
		{[]string{"--prefix", prefix, "--name", "foreign"}, "kernel install: " + foreign + " is another kernel's: choose another --name", true},
		{[]string{"--prefix", prefix, "--name", "foreign", "--remove"}, "kernel install: " + foreign + " is another kernel's", true},
		{append(at, "--remove"), `removed: the kernel "gsm.lab" from ` + dir, false},
		{[]string{"--name", "../x"}, `kernel install: --name "../x": Jupyter takes letters`, true},
		{[]string{"--user", "--sys-prefix"}, "kernel install: --user, --sys-prefix and --prefix exclude each other", true},
		{[]string{"now"}, `kernel install: what is "now" for?`, true},
		{[]string{"--help"}, "usage: kernel install", false},
	} {
		out, err := install(t, step.args...)
		if !strings.HasPrefix(out, step.want) || (err != nil) != step.fail {
			t.Errorf("install %q: %v\n%s\nwant %s", step.args, err, out, step.want)
		}
	}
	if exists(dir) || !exists(foreign) {
		t.Error("--remove takes away its own kernel, and no other")
	}
}

// TestClients runs Jupyter's own clients against the kernel: jupyter_kernel_test with no test left
// out, jupyter_client and nbclient.
func TestClients(t *testing.T) {
	if err := engine.Supported(); err != nil {
		t.Skip(err)
	}
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	python := jupyterclients.Python(t)
	dir := t.TempDir()
	if out, err := install(t, "--prefix", dir); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	share := filepath.Join(dir, "share", "jupyter")
	cmd := exec.Command(python, "-B", "-m", "unittest", "-v", "test_kernel", "test_client", "test_debugger")
	cmd.Dir = filepath.Join("testdata", "clients")
	cmd.Env = append(os.Environ(), "JUPYTER_PATH="+share, "KERNELSPEC="+filepath.Join(share, "kernels", defaultName),
		"JUPYTER_RUNTIME_DIR="+filepath.Join(dir, "runtime"), "JUPYTER_DATA_DIR="+filepath.Join(dir, "data"),
		"XDG_STATE_HOME="+dir, "JUPYTER_PLATFORM_DIRS=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ran := regexp.MustCompile(`(?m)^Ran ([0-9]+) tests`).FindSubmatch(out)
	if ran == nil || len(ran[1]) < 2 || strings.Contains(string(out), "skipped") {
		t.Errorf("tests were left out:\n%s", out)
	}
	if n := strings.Count(string(out), "this kernel was installed"); n > 0 {
		t.Errorf("the kernel takes its checkout for changed:\n%s", out)
	}
}

// TestJupyterLab sets a breakpoint in the gutter of JupyterLab, stops, looks, steps, changes a
// variable and goes on, in headless Chromium. GSM_JUPYTERLAB names the Python of an environment
// with testdata/lab/requirements.txt; GSM_SCREENSHOT a file for the picture.
func TestJupyterLab(t *testing.T) {
	python := os.Getenv("GSM_JUPYTERLAB")
	if python == "" {
		t.Skip("GSM_JUPYTERLAB names no Python with JupyterLab")
	}
	dir := t.TempDir()
	if out, err := install(t, "--prefix", dir); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	picture := os.Getenv("GSM_SCREENSHOT")
	if picture == "" {
		picture = filepath.Join(dir, "debugger.png")
	}
	cmd := exec.Command(python, "-B", "lab.py", picture)
	cmd.Dir = filepath.Join("testdata", "lab")
	cmd.Env = append(os.Environ(), "JUPYTER_PATH="+filepath.Join(dir, "share", "jupyter"), "JUPYTER_PLATFORM_DIRS=0", "XDG_STATE_HOME="+dir)
	for _, name := range []string{"JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "JUPYTERLAB_WORKSPACES_DIR", "JUPYTERLAB_SETTINGS_DIR"} {
		cmd.Env = append(cmd.Env, name+"="+filepath.Join(dir, strings.ToLower(name)))
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
