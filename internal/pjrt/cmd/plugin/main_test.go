package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gsmlab/internal/pjrt"
)

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args string
		want error
		text string
	}{
		{"-nosuch", errUsage, "-nosuch"},
		{"-check extra", errUsage, `"extra"`},
		{"-help", flag.ErrHelp, "-prefix"},
	} {
		var out, errOut bytes.Buffer
		err := run(context.Background(), &out, &errOut, strings.Fields(c.args))
		if !errors.Is(err, c.want) || !strings.Contains(errOut.String(), c.text) {
			t.Errorf("%s: %v, %q", c.args, err, errOut.String())
		}
	}
}

// -check reports a missing plugin and leaves no trace.
func TestCheckMissing(t *testing.T) {
	prefix := filepath.Join(t.TempDir(), "p")
	var out, errOut bytes.Buffer
	err := run(context.Background(), &out, &errOut, []string{"-check", "-prefix", prefix})
	if err == nil || !strings.Contains(err.Error(), "missing") || !strings.Contains(out.String(), "missing: PJRT cpu plugin") {
		t.Errorf("%v, %q", err, out.String())
	}
	if _, err := os.Stat(prefix); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("-check made %s (%v)", prefix, err)
	}
}

// install runs install.sh with additional environment variables and returns its output and exit
// code.
func install(t *testing.T, env []string, args ...string) (string, int) {
	t.Helper()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash")
	}
	cmd := exec.Command(bash, append([]string{filepath.Join("..", "..", "..", "..", "install.sh")}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func TestScript(t *testing.T) {
	for _, c := range []struct {
		name string
		env  []string
		args []string
		code int
		want string
	}{
		{"help", nil, []string{"--help"}, 0, "--prefix DIR"},
		{"unknown option", nil, []string{"--foo"}, 2, "unknown option --foo"},
		{"prefix without a folder", nil, []string{"--prefix"}, 2, "needs a folder"},
		{"no Go", []string{"GO=/nonexistent/go"}, []string{"--check"}, 1, "missing: Go 1.26"},
		{"no compiler", []string{"CC=/nonexistent/cc"}, []string{"--check"}, 1, "apt install gcc"},
		{"nothing installed", []string{"GSM_OFFLINE=1"}, []string{"--prefix", t.TempDir()}, 1, "GSM_OFFLINE forbids"},
	} {
		out, code := install(t, c.env, c.args...)
		if code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("%s: exit code %d, want %d, and %q in\n%s", c.name, code, c.code, c.want, out)
		}
	}
	if _, _, ok := pjrt.Find("cpu"); !ok {
		t.Skip("no plugin here: run ./install.sh")
	}
	for _, args := range [][]string{{"--check"}, nil} {
		// the second run must change nothing, so offline will do
		if out, code := install(t, []string{"GSM_OFFLINE=1"}, args...); code != 0 || !strings.Contains(out, "everything is there") {
			t.Errorf("install.sh %v where all is installed: exit code %d\n%s", args, code, out)
		}
	}
}
