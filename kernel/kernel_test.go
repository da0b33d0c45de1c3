package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"gsmlab/kernel/engine"
)

// TestMain makes the program callable as kernel in scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"kernel": main})
}

// TestScripts runs testdata/script, which calls kernel as users do.
func TestScripts(t *testing.T) {
	if err := engine.Supported(); err != nil {
		t.Skip(err)
	}
	if testing.Short() {
		t.Skip("builds cells")
	}
	names := []string{"GOCACHE", "GOMODCACHE", "GOPATH", "GOPROXY", "GOFLAGS", "GOSUMDB"}
	out, err := exec.Command("go", append([]string{"env"}, names...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	values := strings.Split(string(out), "\n")
	gonb, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/janpfeifer/gonb").Output()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			for i, name := range names {
				env.Setenv(name, values[i])
			}
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("GONB", filepath.Join(strings.TrimSpace(string(gonb)), "examples", "tests"))
			env.Setenv("GOMLX_BACKEND", "go")
			env.Setenv("PJRT_PLUGIN_LIBRARY_PATH", env.WorkDir)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"waitfor": waitFor},
	})
}

// waitFor FILE waits until a file exists.
func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: waitfor FILE")
	}
	for range 1200 { // a minute: the machine may be busy
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("%s does not come", args[0])
}
