package pjrt

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestOpenReal opens XLA on the CPU. It installs the plugin into the user's cache if it is nowhere.
func TestOpenReal(t *testing.T) {
	if !xlaCompiled {
		t.Skip("built without XLA")
	}
	if _, _, ok := Find("cpu"); !ok {
		if testing.Short() || os.Getenv(EnvOffline) != "" {
			t.Skip("no plugin, and no downloading with -short or GSM_OFFLINE: run ./install.sh")
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		if _, err := Install(ctx, "cpu", "", func(s string) { t.Log(s) }); err != nil {
			t.Skipf("cannot install the plugin here: %v", err)
		}
	}
	b, info, err := Open(context.Background(), "xla:cpu", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Finalize()
	if b.Name() != "xla" || info.Spec != "xla:cpu" || len(info.Devices) != 1 || !strings.Contains(info.Version, "PJRT API v") {
		t.Errorf("opened %s: %+v", b.Name(), info)
	}
	if path, source, _ := Find("cpu"); info.Plugin != path || info.Source != source {
		t.Errorf("plugin %s (%s), found was %s (%s)", info.Plugin, info.Source, path, source)
	}
	if !strings.Contains(b.Description(), info.Plugin) {
		t.Errorf("go-xla says it uses %q, not %s", b.Description(), info.Plugin)
	}
}

// TestOpenUselessPlugin loads a library that is a sound file but not a plugin. It runs in a child
// process to see what go-xla logs, because any log must fail the test.
func TestOpenUselessPlugin(t *testing.T) {
	const envChild = "GSM_TEST_USELESS"
	if os.Getenv(envChild) != "" {
		_, _, err := Open(context.Background(), "xla:cpu", nil)
		if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "pjrt_c_api_cpu_plugin.so: plugin does not load") || !strings.Contains(err.Error(), "./install.sh") {
			t.Errorf("xla:cpu: error %v, want one line naming the file and the remedy", err)
		}
		_, info, err := Open(context.Background(), "auto", nil)
		if err != nil || info.Spec != "go" || !strings.Contains(info.Note, "does not load") {
			t.Errorf("auto: %+v, %v, want go and the reason", info, err)
		}
		return
	}
	if !xlaCompiled {
		t.Skip("built without XLA")
	}
	raw := fakePlugin(t)
	root := isolate(t)
	t.Setenv("GOMLX_BACKEND", "")
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", filepath.Dir(put(t, filepath.Join(root, "p", "pjrt_c_api_cpu_plugin.so"), raw)))
	t.Setenv(envChild, "1")
	out, err := exec.Command(os.Args[0], "-test.run=^TestOpenUselessPlugin$", "-test.count=1").CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "PASS" {
		t.Errorf("%v, output:\n%s", err, out)
	}
}
