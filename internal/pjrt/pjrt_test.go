// Tests of the choice of a backend, its fallback, and XLA's flags.

package pjrt

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gomlx/compute"
)

// fakeBackend is a backend that knows only its devices.
type fakeBackend struct{ compute.Backend }

func (fakeBackend) NumDevices() int                            { return 2 }
func (fakeBackend) DeviceDescription(compute.DeviceNum) string { return "device" }

// fake is a machine without plugins, network or GPU that loads everything and remembers what it
// loaded.
type fake struct {
	machine
	env     map[string]string
	plugins map[string]string // name -> path
	broken  map[string]bool   // configs that do not load
	loaded  []string
	devices int      // that the last was asked to have
	asked   []string // plugins whose installation was asked for
}

func newFake() *fake {
	f := &fake{env: map[string]string{}, plugins: map[string]string{}, broken: map[string]bool{}}
	f.machine = machine{
		getenv: func(k string) string { return f.env[k] },
		find: func(p string) (string, string, bool) {
			path, ok := f.plugins[p]
			return path, "a test", ok
		},
		install: func(_ context.Context, p, _ string, _ func(string)) (string, error) {
			f.asked = append(f.asked, p)
			return "", errors.New("backend: no network")
		},
		gpu:    func() bool { return false },
		hasXLA: true,
		load: func(config string, cpuDevices int) (compute.Backend, error) {
			f.loaded = append(f.loaded, config)
			f.devices = cpuDevices
			if f.broken[config] {
				return nil, errors.New("boom")
			}
			return fakeBackend{}, nil
		},
	}
	return f
}

func silent(string) {}

func TestChoice(t *testing.T) {
	withGPU := func(f *fake) { f.gpu = func() bool { return true } }
	both := map[string]string{"cpu": "/p/cpu.so", "cuda": "/p/cuda.so"}
	for _, c := range []struct {
		name    string
		spec    string
		prepare func(*fake)
		want    string   // Info.Spec, or part of the error after "error: "
		loaded  []string // what was handed to GoMLX
	}{
		{"auto without a GPU", "auto", func(f *fake) { f.plugins = both }, "xla:cpu", []string{"xla:/p/cpu.so"}},
		{"empty is auto", "", func(f *fake) { f.plugins = both }, "xla:cpu", []string{"xla:/p/cpu.so"}},
		{"auto with a GPU", "auto", func(f *fake) { f.plugins = both; withGPU(f) }, "xla:cuda", []string{"xla:/p/cuda.so"}},
		{"auto, nothing there", "auto", nil, "go", []string{"go"}},
		{"auto, compiled without XLA", "auto", func(f *fake) { f.plugins = both; f.hasXLA = false }, "go", []string{"go"}},
		{"auto, the plugin is damaged", "auto", func(f *fake) { f.plugins = both; f.broken["xla:/p/cpu.so"] = true }, "go", []string{"xla:/p/cpu.so", "go"}},
		{"auto honours GOMLX_BACKEND", "auto", func(f *fake) { f.plugins = both; f.env["GOMLX_BACKEND"] = "go" }, "go", []string{"go"}},
		{"a spec wins over GOMLX_BACKEND", "xla:cpu", func(f *fake) { f.plugins = both; f.env["GOMLX_BACKEND"] = "go" }, "xla:cpu", []string{"xla:/p/cpu.so"}},
		{"options go through unchanged", "xla:cuda,preallocate=false,visible_devices=0;1", func(f *fake) { f.plugins = both }, "xla:cuda",
			[]string{"xla:/p/cuda.so,preallocate=false,visible_devices=0;1"}},
		{"xla alone", "xla", func(f *fake) { f.plugins = both }, "xla:cpu", []string{"xla:/p/cpu.so"}},
		{"xla alone with a GPU", "xla", func(f *fake) { f.plugins = both; withGPU(f) }, "xla:cuda", []string{"xla:/p/cuda.so"}},
		{"other specs are passed on", "go:parallelism=1", nil, "go:parallelism=1", []string{"go:parallelism=1"}},
		{"a named backend does not fall back", "xla:cpu", nil, "error: no network", nil},
		{"damaged and named", "xla:cpu", func(f *fake) { f.plugins = both; f.broken["xla:/p/cpu.so"] = true },
			"error: /p/cpu.so: plugin does not load: boom: delete it and run ./install.sh", []string{"xla:/p/cpu.so"}},
		{"no download for a GPU that is not there", "xla:cuda", nil, "error: no NVIDIA GPU", nil},
		{"wrong option", "xla:cpu,typo", func(f *fake) {
			f.plugins = both
			f.load = func(string, int) (compute.Backend, error) { return nil, errors.New("unknown plugin options [typo]") }
		}, "error: correct the options", nil},
		{"offline", "xla:cpu", func(f *fake) { f.env["GSM_OFFLINE"] = "1" }, "error: GSM_OFFLINE forbids", nil},
		{"no auto-install", "xla:cpu", func(f *fake) { f.env["GOMLX_NO_AUTO_INSTALL"] = "1" }, "error: GOMLX_NO_AUTO_INSTALL forbids", nil},
		{"unknown plugin", "xla:tpu", nil, `error: plugin "tpu" not found`, nil},
		{"a cpu plugin in a folder that go-xla misreads", "xla:cpu", func(f *fake) { f.plugins["cpu"] = "/home/nvidia/cpu.so" }, "error: go-xla would take this for a CUDA plugin", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake()
			if c.prepare != nil {
				c.prepare(f)
			}
			_, info, err := f.open(context.Background(), c.spec, 1, silent)
			if text, ok := strings.CutPrefix(c.want, "error: "); ok {
				if err == nil || !strings.Contains(err.Error(), text) {
					t.Fatalf("error %v, want %q in it", err, text)
				}
			} else if err != nil || info.Spec != c.want {
				t.Fatalf("got %q, %v, want %q", info.Spec, err, c.want)
			} else if len(info.Devices) != 2 {
				t.Errorf("devices %q, want two", info.Devices)
			}
			if !reflect.DeepEqual(f.loaded, c.loaded) {
				t.Errorf("loaded %q, want %q", f.loaded, c.loaded)
			}
		})
	}
}

// TestDeviceCount: the CPU has the devices that are asked for, and no more.
func TestDeviceCount(t *testing.T) {
	for _, c := range []struct {
		spec, flags string
		wanted      int
		config      string // that go-xla gets, or part of the error after "error: "
		devices     int    // that it is asked for; 0: none said
	}{
		{"auto", "", 1, "xla:/p/cpu.so", 1},
		{"xla:cpu", "", 4, "xla:/p/cpu.so", 4},
		{"xla:cpu,cpu_device_count=3", "", 1, "xla:/p/cpu.so", 3},
		{"xla:cpu,tf32=false,cpu_device_count=3,noshared_buffers", "", 1, "xla:/p/cpu.so,tf32=false,noshared_buffers", 3},
		{"auto", "--xla_a --xla_force_host_platform_device_count=8", 1, "xla:/p/cpu.so", 0},
		{"auto", "--xla_force_host_platform_device_count=8", 2, "xla:/p/cpu.so", 2},
		{"xla:cuda", "", 1, "xla:/p/cuda.so", 0},
		{"xla:cuda,cpu_device_count=2", "", 1, "xla:/p/cuda.so,cpu_device_count=2", 0},
		{"go", "", 2, "go", 0},
		{"xla:cpu,cpu_device_count=0", "", 1, "error: cpu_device_count=0: must be a number from 1 to 1024", 0},
		{"xla:cpu,cpu_device_count=x", "", 1, "error: must be a number", 0},
		{"xla:cpu,cpu_device_count=99999999999", "", 1, "error: must be a number", 0},
	} {
		f := newFake()
		f.plugins = map[string]string{"cpu": "/p/cpu.so", "cuda": "/p/cuda.so"}
		f.env["XLA_FLAGS"] = c.flags
		_, _, err := f.open(context.Background(), c.spec, c.wanted, silent)
		if text, ok := strings.CutPrefix(c.config, "error: "); ok {
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%s: error %v, want %q in it", c.spec, err, text)
			}
		} else if err != nil || !reflect.DeepEqual(f.loaded, []string{c.config}) || f.devices != c.devices {
			t.Errorf("%s, %d wanted, XLA_FLAGS=%s: loaded %q with %d devices, %v, want %s with %d", c.spec, c.wanted, c.flags, f.loaded, f.devices, err, c.config, c.devices)
		}
	}
}

func TestFallbackNote(t *testing.T) {
	f := newFake()
	f.gpu = func() bool { return true }
	_, info, err := f.open(context.Background(), "", 1, silent)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"pure-Go", "slower", "./install.sh", "PJRT_PLUGIN_LIBRARY_PATH", "no network"} {
		if !strings.Contains(info.Note, want) {
			t.Errorf("note %q lacks %q", info.Note, want)
		}
	}
	if strings.Contains(info.Note, "\n") {
		t.Errorf("note is more than a line: %q", info.Note)
	}
	if want := []string{"cuda", "cpu"}; !reflect.DeepEqual(f.asked, want) {
		t.Errorf("asked to install %q, want %q", f.asked, want)
	}
	f.plugins["cpu"] = "/p/cpu.so"
	if _, info, err = f.open(context.Background(), "", 1, silent); err != nil || info.Spec != "xla:cpu" || !strings.Contains(info.Note, "xla:cuda did not open") {
		t.Errorf("with a GPU but only the CPU plugin: %+v, %v", info, err)
	}
	f.gpu = func() bool { return false }
	if _, info, err = f.open(context.Background(), "", 1, silent); err != nil || info.Note != "" {
		t.Errorf("nothing better to be had, yet the note is %q (%v)", info.Note, err)
	}
}

// A run that is interrupted while it downloads must end, not continue slowly with pure Go.
func TestCancelDoesNotFallBack(t *testing.T) {
	f := newFake()
	ctx, cancel := context.WithCancel(context.Background())
	f.install = func(ctx context.Context, _, _ string, _ func(string)) (string, error) {
		cancel()
		return "", ctx.Err()
	}
	if _, _, err := f.open(ctx, "auto", 1, silent); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want context.Canceled", err)
	}
}

func TestPresent(t *testing.T) {
	f := newFake()
	f.plugins = map[string]string{"cpu": "/p/cpu.so", "cuda": "/p/cuda.so"}
	check := func(want ...string) {
		t.Helper()
		if got := f.present(); !reflect.DeepEqual(got, want) {
			t.Errorf("present %q, want %q", got, want)
		}
	}
	check("go", "xla:cpu")
	f.gpu = func() bool { return true }
	check("go", "xla:cpu", "xla:cuda")
	f.hasXLA = false
	check("go")
}

// GoMLX panics on an unknown backend.
func TestPanicsBecomeErrors(t *testing.T) {
	_, _, err := Open(context.Background(), "abacus", nil)
	if err == nil || !strings.Contains(err.Error(), `"abacus"`) || strings.Contains(err.Error(), "\n") {
		t.Fatalf("error %v, want one line naming abacus", err)
	}
}

func TestSetXLAFlags(t *testing.T) {
	t.Setenv("XLA_FLAGS", "--xla_a=1  --xla_b")
	SetXLAFlags("--xla_a=2", "--xla_b=false", "--xla_c=3", "--xla_c=4", "")
	if got, want := os.Getenv("XLA_FLAGS"), "--xla_a=1 --xla_b --xla_c=3"; got != want {
		t.Errorf("XLA_FLAGS=%q, want %q", got, want)
	}
}

func TestGPUPresent(t *testing.T) {
	none := func(string) ([]string, error) { return nil, nil }
	card := func(pattern string) ([]string, error) { return []string{"/dev/nvidia0"}, nil }
	noTool := func() (string, error) { return "", errors.New("not installed") }
	lists := func() (string, error) { return "GPU 0: NVIDIA H100 (UUID: GPU-1)\n", nil }
	empty := func() (string, error) { return "No devices found.\n", nil }
	for _, c := range []struct {
		name, goos, goarch string
		glob               func(string) ([]string, error)
		list               func() (string, error)
		want               bool
	}{
		{"nothing", "linux", "amd64", none, noTool, false},
		{"device file", "linux", "amd64", card, noTool, true},
		{"only the tool", "linux", "amd64", none, lists, true},
		{"tool without a card", "linux", "amd64", none, empty, false},
		{"no plugin for macOS", "darwin", "arm64", card, lists, false},
		{"no plugin for arm", "linux", "arm64", card, lists, false},
	} {
		if got := gpuPresent(c.goos, c.goarch, c.glob, c.list); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	// The control file alone does not match the pattern for cards.
	if ok, _ := filepath.Match("/dev/nvidia[0-9]*", "/dev/nvidiactl"); ok {
		t.Error("/dev/nvidiactl counts as a card")
	}
}
