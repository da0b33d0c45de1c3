// Runs the scripts of testdata/script, and defines the extra commands that they use. There are also
// tests of exit codes and error lines.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"gsmlab/models/recipe"
)

// TestMain makes the program callable as gsm in scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"gsm": main})
}

// TestScripts runs testdata/script, which calls gsm as users do. Runs use the pure-Go backend and
// the embedded digits, so they are quick and need neither a plugin nor a network.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("GSM_OFFLINE", "1")
			env.Setenv("GSM_CACHE", filepath.Join(env.WorkDir, "cache"))
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits":     exits,
			"interrupt": interrupt,
			"json":      checkJSON,
			"png":       writePNG,
			"samejson":  sameJSON,
			"truncate":  truncate,
		},
	})
}

// exits CODE PROGRAM ARGS... runs a program and expects its exit code, and one line on stderr if
// that is not 0.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
	errorLines := 0
	for line := range strings.Lines(ts.ReadFile("stderr")) {
		if strings.HasPrefix(line, "gsm: ") {
			errorLines++
		}
	}
	if want := min(code, 1); errorLines != want {
		ts.Fatalf("%d lines of error, want %d", errorLines, want)
	}
}

// interrupt FILE PROGRAM ARGS... runs a program, sends SIGINT as soon as FILE exists, and expects
// exit code 130. The program's stderr goes to the file interrupted.
func interrupt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: interrupt FILE PROGRAM ARGS...")
	}
	path := args[1]
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if _, err := os.Stat(filepath.Join(dir, args[1])); err == nil {
			path = filepath.Join(dir, args[1])
			break
		}
	}
	cmd := exec.Command(path, args[2:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(os.Environ(), "GSM_OFFLINE=1", "GSM_CACHE="+ts.Getenv("GSM_CACHE"))
	log, err := os.Create(ts.MkAbs("interrupted"))
	ts.Check(err)
	defer log.Close()
	cmd.Stderr = log
	ts.Check(cmd.Start())
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			break
		}
		select {
		case err := <-done:
			ts.Fatalf("the program ended (%v) before %s was there", err, args[0])
		case <-time.After(2 * time.Millisecond):
		}
	}
	ts.Check(cmd.Process.Signal(syscall.SIGINT))
	<-done
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		ts.Fatalf("exit code %d, want %d; it may have ended before the signal came", code, exitInterrupted)
	}
}

// readJSON decodes a JSON object.
func readJSON(ts *testscript.TestScript, file string) map[string]any {
	var object map[string]any
	d := json.NewDecoder(strings.NewReader(ts.ReadFile(file)))
	d.UseNumber()
	ts.Check(d.Decode(&object))
	return object
}

// checkJSON implements json FILE KEY=VALUE...: the file is an object with these values. An empty
// VALUE only requires the key.
func checkJSON(ts *testscript.TestScript, neg bool, args []string) {
	object := readJSON(ts, args[0])
	for _, arg := range args[1:] {
		key, want, _ := strings.Cut(arg, "=")
		got, ok := object[key]
		if !ok {
			ts.Fatalf("%s has no %q", args[0], key)
		}
		if want != "" && fmt.Sprint(got) != want {
			ts.Fatalf("%s: %s is %v, want %s", args[0], key, got, want)
		}
	}
}

// sameJSON implements samejson A B KEY...: both files have the same values.
func sameJSON(ts *testscript.TestScript, neg bool, args []string) {
	a, b := readJSON(ts, args[0]), readJSON(ts, args[1])
	for _, key := range args[2:] {
		if a[key] == nil || fmt.Sprint(a[key]) != fmt.Sprint(b[key]) {
			ts.Fatalf("%s: %v in %s, %v in %s", key, a[key], args[0], b[key], args[1])
		}
	}
}

// writePNG is png FILE: a dark picture with a bright stroke.
func writePNG(ts *testscript.TestScript, neg bool, args []string) {
	picture := image.NewGray(image.Rect(0, 0, 20, 20))
	for y := 3; y < 17; y++ {
		picture.SetGray(9, y, color.Gray{Y: 255})
		picture.SetGray(10, y, color.Gray{Y: 200})
	}
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(png.Encode(f, picture))
	ts.Check(f.Close())
}

// truncate GLOB... cuts the last file that matches each pattern to half of its length.
func truncate(ts *testscript.TestScript, neg bool, args []string) {
	for _, pattern := range args {
		found, err := filepath.Glob(ts.MkAbs(pattern))
		ts.Check(err)
		if len(found) == 0 {
			ts.Fatalf("no file %s", pattern)
		}
		last := found[len(found)-1]
		info, err := os.Stat(last)
		ts.Check(err)
		ts.Check(os.Truncate(last, info.Size()/2))
	}
}

func TestSecondInterruptExits(t *testing.T) {
	signals, exited := make(chan os.Signal), make(chan int, 1)
	ctx := interruptible(signals, io.Discard, func(code int) { exited <- code })
	if ctx.Err() != nil {
		t.Fatal("cancelled before any signal")
	}
	signals <- os.Interrupt
	<-ctx.Done()
	if len(exited) != 0 {
		t.Fatal("one signal ended the process")
	}
	signals <- os.Interrupt
	if code := <-exited; code != exitInterrupted {
		t.Errorf("exit code %d, want %d", code, exitInterrupted)
	}
}

func TestExitCode(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("x"), 1},
		{usagef("x"), 2},
		{fmt.Errorf("prune: %w", usagef("x")), 2},
		{fmt.Errorf("%w at step 3", recipe.ErrStopped), 130},
		{fmt.Errorf("data: %w", context.Canceled), 130},
		{recipe.ErrDiverged, 1},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("exitCode(%v) = %d, want %d", c.err, got, c.want)
		}
	}
}

func TestErrorLine(t *testing.T) {
	for in, want := range map[string]string{
		"gsm: compression 0: must be at least 1": "gsm: compression 0: must be at least 1",
		"data: bad\ngoroutine 1":                 "gsm: data: bad",
		"\nlate":                                 "gsm: late",
	} {
		if got := errorLine(errors.New(in)); got != want {
			t.Errorf("errorLine(%q) = %q, want %q", in, got, want)
		}
	}
}
