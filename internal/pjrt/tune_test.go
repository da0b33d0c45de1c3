package pjrt

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"gsmlab/internal/malloc"
)

func TestFileMentions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plugin.so")
	raw := bytes.Repeat([]byte{'.'}, 3<<20)
	copy(raw[100:], "first_flag")
	copy(raw[1<<20+4<<10-5:], "across_two_reads")
	copy(raw[len(raw)-9:], "last_flag")
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		words string
		want  bool
	}{
		{"first_flag", true}, {"across_two_reads", true}, {"last_flag", true}, {"last_flag first_flag across_two_reads", true},
		{"last_flags", false}, {"first_flag no_flag", false}, {"", true},
	} {
		var words [][]byte
		for _, w := range strings.Fields(c.words) {
			words = append(words, []byte(w))
		}
		if got := fileMentions(path, words); got != c.want {
			t.Errorf("%q: %v, want %v", c.words, got, c.want)
		}
	}
	if fileMentions(filepath.Join(t.TempDir(), "none"), [][]byte{[]byte("x")}) {
		t.Error("a missing file mentions something")
	}
}

func TestTune(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("no flags are set on " + runtime.GOARCH)
	}
	knows := filepath.Join(t.TempDir(), "new.so")
	old := filepath.Join(t.TempDir(), "old.so")
	os.WriteFile(knows, []byte("xla_cpu_use_onednn\x00xla_cpu_experimental_onednn_custom_call\x00"), 0o644)
	os.WriteFile(old, []byte("xla_cpu_use_onednn\x00"), 0o644)
	both := strings.Join(oneDNNFlags, " ")
	for _, c := range []struct{ name, plugin, path, flags, off, want string }{
		{"known", "cpu", knows, "", "", both},
		{"one flag unknown to the plugin", "cpu", old, "", "", ""},
		{"no file", "cpu", knows + "x", "", "", ""},
		{"GPU", "cuda", knows, "", "", ""},
		{"turned off", "cpu", knows, "", "off", ""},
		{"the user's value wins", "cpu", knows, "--xla_cpu_use_onednn=false", "", "--xla_cpu_use_onednn=false " + oneDNNFlags[1]},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv(envXLAFlags, c.flags)
			t.Setenv(envOneDNN, c.off)
			tune(c.plugin, c.path)
			if got := os.Getenv(envXLAFlags); got != c.want {
				t.Errorf("XLA_FLAGS=%q, want %q", got, c.want)
			}
		})
	}
	// The plugin that we install must know the flags, or nobody benefits from them.
	if path, _, ok := Find("cpu"); ok {
		t.Setenv(envXLAFlags, "")
		t.Setenv(envOneDNN, "")
		tune("cpu", path)
		if r, err := readRecord(path); err == nil && r.Version == cpuWheel.String() && os.Getenv(envXLAFlags) != both {
			t.Errorf("%s: XLA_FLAGS=%q, want %q", path, os.Getenv(envXLAFlags), both)
		}
	}
}

// TestMallocEnv checks in child processes when C's malloc is told to keep memory.
func TestMallocEnv(t *testing.T) {
	const envChild = "GSM_TEST_MALLOC"
	if os.Getenv(envChild) != "" {
		if malloc.Keeps() {
			os.Stdout.WriteString("keeps")
		}
		return
	}
	for _, c := range []struct {
		env  string
		want bool
	}{{"", mallocPossible}, {"GSM_MALLOC=system", false}, {"MALLOC_ARENA_MAX=2", false}, {"GLIBC_TUNABLES=glibc.malloc.arena_max=2", false}} {
		cmd := exec.CommandContext(context.Background(), os.Args[0], "-test.run=^TestMallocEnv$", "-test.count=1")
		for _, e := range os.Environ() {
			if !strings.HasPrefix(e, "MALLOC_") && !strings.HasPrefix(e, "GLIBC_TUNABLES=") && !strings.HasPrefix(e, "GSM_MALLOC=") {
				cmd.Env = append(cmd.Env, e)
			}
		}
		cmd.Env = append(cmd.Env, envChild+"=1")
		if c.env != "" {
			cmd.Env = append(cmd.Env, c.env)
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", c.env, err, out)
		}
		if got := strings.HasPrefix(string(out), "keeps"); got != c.want {
			t.Errorf("with %q malloc keeps: %v, want %v", c.env, got, c.want)
		}
	}
}
