package pjrt

import (
	"os"
	"path/filepath"
	"testing"
)

// TestKeepable: only the plugin that was tried keeps what it compiles.
func TestKeepable(t *testing.T) {
	installed := func(version string) string {
		path := filepath.Join(t.TempDir(), "plugin.so")
		if err := os.WriteFile(path, []byte("plugin"), 0o644); err != nil {
			t.Fatal(err)
		}
		if version != "" {
			if err := writeRecord(path, version, "a test"); err != nil {
				t.Fatal(err)
			}
		}
		return path
	}
	tried := installed(cpuWheel.String())
	for _, c := range []struct {
		name, plugin, path, set string
		want                    bool
	}{
		{"the wheel's", "cpu", tried, "", true},
		{"turned off", "cpu", tried, "off", false},
		{"for a GPU", "cuda", tried, "", false},
		{"named by its path", tried, tried, "", false},
		{"of a release of go-xla", "cpu", installed("go-xla v1"), "", false},
		{"not installed by us", "cpu", installed(""), "", false},
	} {
		t.Setenv(envXLACache, c.set)
		sum, ok := keepable(c.plugin, c.path)
		if ok != c.want || ok && len(sum) != 64 {
			t.Errorf("a plugin %s: %t, want %t; sum %q", c.name, ok, c.want, sum)
		}
	}
}
