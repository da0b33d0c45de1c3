// Tests of installing from local servers: wheels, releases, several processes at once, servers that
// stay silent.

package pjrt

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomlx/go-xla/installer"
)

// set replaces a package variable for the duration of a test.
func set[T any](t *testing.T, v *T, to T) {
	old := *v
	*v = to
	t.Cleanup(func() { *v = old })
}

func sumOf(data []byte) string { s := sha256.Sum256(data); return hex.EncodeToString(s[:]) }

// wheelOf packs files into a zip file. files holds names and data in turn.
func wheelOf(t *testing.T, files ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for i := 0; i < len(files); i += 2 {
		f, err := w.Create(files[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(files[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// index is a package index with one Linux wheel per package; the wheels come from a test server.
func index(t *testing.T, wheels map[string][]byte) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, ok := wheels[strings.TrimPrefix(r.URL.Path, "/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Write(data)
	}))
	t.Cleanup(srv.Close)
	set(t, &pips, nil)
	set(t, &pipInfo, func(pkg string) (*installer.PipPackageInfo, error) {
		info := new(installer.PipPackageInfo)
		info.Releases = map[string][]installer.PipReleaseInfo{"1": {
			{Filename: pkg + "-1-py3-none-manylinux_2_27_aarch64.whl", URL: srv.URL + "/wrong"},
			{Filename: pkg + "-1-py3-none-manylinux_2_27_x86_64.whl", URL: srv.URL + "/" + pkg},
		}}
		return info, nil
	})
}

// unlucky is a source that never works.
var unlucky = source{"nowhere", func(context.Context, string, func(string)) (string, string, error) {
	return "", "", errors.New("not\nreachable")
}}

// copying is a source that stages the given plugin file and something it needs.
func copying(raw []byte) source {
	return source{"a test", func(_ context.Context, stage string, _ func(string)) (string, string, error) {
		if err := os.WriteFile(filepath.Join(stage, "libneeded.so"), []byte("x"), 0o644); err != nil {
			return "", "", err
		}
		return "pjrt_c_api_cpu_plugin.so", "test 1", os.WriteFile(filepath.Join(stage, "pjrt_c_api_cpu_plugin.so"), raw, 0o644)
	}}
}

func TestInstallInto(t *testing.T) {
	raw := fakePlugin(t)
	dir := filepath.Join(t.TempDir(), "new", "dir")
	ctx := context.Background()
	if _, err := installInto(ctx, dir, "cpu", []source{unlucky, copying([]byte("junk"))}, silent); err == nil ||
		!strings.Contains(err.Error(), "nowhere: not reachable") || !strings.Contains(err.Error(), "not a plugin: not a shared library") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v, want one line with both reasons", err)
	}
	// what kill -9 leaves
	put(t, filepath.Join(dir, ".stage-killed", "pjrt_c_api_cpu_plugin.so"), raw)
	// a damaged one is replaced
	put(t, filepath.Join(dir, "pjrt_c_api_cpu_plugin.so"), raw[:100])
	if findIn(dir, "cpu") != "" {
		t.Fatal("found a plugin before one is installed")
	}
	var said []string
	path, err := installInto(ctx, dir, "cpu", []source{unlucky, copying(raw)}, func(s string) { said = append(said, s) })
	if err != nil || path != filepath.Join(dir, "pjrt_c_api_cpu_plugin.so") || findIn(dir, "cpu") != path {
		t.Fatalf("installed %s, %v; found %s", path, err, findIn(dir, "cpu"))
	}
	if text := strings.Join(said, "\n"); !strings.Contains(text, "no plugin from nowhere") || !strings.Contains(text, "installed "+path) {
		t.Errorf("said %q", text)
	}
	names := ""
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names += e.Name() + " "
	}
	if want := ".lock libneeded.so pjrt_c_api_cpu_plugin.so pjrt_c_api_cpu_plugin.so.json "; names != want {
		t.Errorf("folder holds %q, want %q", names, want)
	}
	if r, err := readRecord(path); err != nil || r.SHA256 != sumOf(raw) || r.Version != "test 1" {
		t.Errorf("record %+v, %v", r, err)
	}
	// The second time, no source is asked.
	if again, err := installInto(ctx, dir, "cpu", nil, silent); err != nil || again != path {
		t.Errorf("second time: %s, %v", again, err)
	}
}

func TestInstallErrors(t *testing.T) {
	root := isolate(t)
	file := put(t, filepath.Join(root, "file"), nil)
	for _, c := range []struct{ plugin, prefix, offline, want string }{
		{"tpu", "", "", `cannot install a plugin "tpu"`},
		{"cpu", "", "1", "GSM_OFFLINE forbids"},
		{"cpu", file, "", file},
	} {
		if c.plugin == "cpu" && !xlaCompiled {
			continue // refused earlier, for another reason
		}
		t.Setenv(EnvOffline, c.offline)
		if _, err := Install(context.Background(), c.plugin, c.prefix, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v", c, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	stopping := source{"slow", func(ctx context.Context, _ string, _ func(string)) (string, string, error) {
		cancel()
		return "", "", ctx.Err()
	}}
	if _, err := installInto(ctx, t.TempDir(), "cpu", []source{stopping, unlucky}, silent); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	if _, err := sourcesFor("cuda", "darwin", "arm64"); err == nil {
		t.Error("there is no CUDA plugin for macOS")
	}
}

// TestConcurrentInstalls makes goroutines and processes install into one folder at the same time.
// The source counts in a file how often it was asked.
func TestConcurrentInstalls(t *testing.T) {
	const envDir = "GSM_TEST_INSTALL_DIR"
	raw := fakePlugin(t)
	var calls atomic.Int32
	slow := copying(raw)
	counted := source{slow.name, func(ctx context.Context, stage string, say func(string)) (string, string, error) {
		calls.Add(1)
		time.Sleep(50 * time.Millisecond) // long enough for all to meet at the lock
		f, err := os.OpenFile(filepath.Join(filepath.Dir(stage), "calls"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return "", "", err
		}
		defer f.Close()
		if _, err := f.WriteString("x"); err != nil {
			return "", "", err
		}
		return slow.fetch(ctx, stage, say)
	}}
	install := func(dir string) error {
		_, err := installInto(context.Background(), dir, "cpu", []source{counted}, silent)
		return err
	}
	if dir := os.Getenv(envDir); dir != "" { // one of the processes started below
		if err := install(dir); err != nil {
			t.Fatal(err)
		}
		return
	}
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if err := install(dir); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			cmd := exec.Command(os.Args[0], "-test.run=^TestConcurrentInstalls$", "-test.count=1")
			cmd.Env = append(os.Environ(), envDir+"="+dir)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	wg.Wait()
	if got, err := os.ReadFile(filepath.Join(dir, "calls")); err != nil || string(got) != "x" {
		t.Errorf("the source was asked %d times (%v), want once", len(got), err)
	}
	if findIn(dir, "cpu") == "" {
		t.Error("no plugin was installed")
	}
}

func TestWheelDirect(t *testing.T) {
	raw := fakePlugin(t)
	data := wheelOf(t, "pkg/__init__.py", "", "pkg/pjrt_c_api_cpu_plugin.so", string(raw))
	index(t, map[string][]byte{"good": data})
	for _, c := range []struct {
		name string
		w    wheel
		want string // part of the error, "" for success
	}{
		{"good", wheel{"good", "1", sumOf(data)}, ""},
		{"wrong checksum", wheel{"good", "1", sumOf(raw)}, "sha256 is " + sumOf(data) + ", want " + sumOf(raw)},
		{"no such version", wheel{"good", "2", sumOf(data)}, "no release found"},
		{"the server has no file", wheel{"absent", "1", sumOf(data)}, "404"},
	} {
		set(t, &cpuWheel, c.w)
		dir := t.TempDir()
		path, err := installInto(context.Background(), dir, "cpu", []source{{"a wheel", fetchCPUWheel}}, silent)
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) || findIn(dir, "cpu") != "" {
				t.Errorf("%s: error %v, want %q in it", c.name, err, c.want)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, raw) {
			t.Errorf("%s: the plugin is not the one in the wheel (%v)", c.name, err)
		}
	}
}

// TestWheelPip replaces pip with a script. The index answers with a relative address, as some
// mirrors do.
func TestWheelPip(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell script")
	}
	data := wheelOf(t, "pkg/pjrt_c_api_cpu_plugin.so", "plugin")
	root := t.TempDir()
	file := put(t, filepath.Join(root, "x-1-manylinux_x86_64.whl"), data)
	script := put(t, filepath.Join(root, "pip"), []byte(`#!/bin/sh
for a; do [ "$last" = --dest ] && dest=$a; last=$a; done
[ "$last" = good==1 ] || { echo "looking"; echo "ERROR: no such package $last"; exit 1; }
cp `+file+` "$dest"
`))
	set(t, &pips, [][]string{{filepath.Join(root, "absent")}, {script}})
	set(t, &pipInfo, func(string) (*installer.PipPackageInfo, error) {
		info := new(installer.PipPackageInfo)
		info.Releases = map[string][]installer.PipReleaseInfo{"1": {{Filename: "x-manylinux_x86_64.whl", URL: "../x.whl"}}}
		return info, nil
	})
	got, err := wheel{"good", "1", sumOf(data)}.fetch(context.Background(), t.TempDir(), silent)
	if err != nil {
		t.Fatal(err)
	}
	if sum, err := fileSHA256(got); err != nil || sum != sumOf(data) {
		t.Errorf("%s: sum %s, %v", got, sum, err)
	}
	for w, want := range map[wheel]string{
		{"good", "1", sumOf(nil)}:  "sha256 is " + sumOf(data),
		{"bad", "1", sumOf(data)}:  "ERROR: no such package bad==1",
		{"good", "2", sumOf(data)}: "ERROR: no such package good==2",
	} {
		dir := t.TempDir()
		if _, err := w.fetch(context.Background(), dir, silent); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error %v, want %q in it", w, err, want)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%v: left %v behind", w, left)
		}
	}
}

// releaseServer serves a release whose only asset holds a plugin and a library beside it.
func releaseServer(t *testing.T, digest func(archive []byte) string, raw []byte) {
	t.Helper()
	var buf bytes.Buffer
	gz := gzip.NewWriter(&buf)
	tw := tar.NewWriter(gz)
	for _, f := range []struct {
		name string
		data []byte
	}{{"pjrt_c_api_cpu_v1_plugin.so", raw}, {"libside.so.1", []byte("side")}} {
		if err := tw.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.data)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write(f.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(tw.Close(), gz.Close()); err != nil {
		t.Fatal(err)
	}
	asset := "pjrt_cpu_" + runtime.GOOS + "_" + runtime.GOARCH + ".tar.gz"
	mux := http.NewServeMux()
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	mux.HandleFunc("/tags/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"assets":[{"name":"other"},{"name":%q,"browser_download_url":%q,"digest":%q}]}`, asset, srv.URL+"/file", digest(buf.Bytes()))
	})
	mux.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) { w.Write(buf.Bytes()) })
	set(t, &releaseAPI, srv.URL+"/tags/")
}

func TestRelease(t *testing.T) {
	raw := fakePlugin(t)
	for _, c := range []struct {
		name   string
		digest func([]byte) string
		want   string
	}{
		{"good", func(b []byte) string { return "sha256:" + sumOf(b) }, ""},
		{"wrong checksum", func([]byte) string { return "sha256:" + sumOf(nil) }, "sha256 is"},
		{"no checksum", func([]byte) string { return "" }, "without a sha256"},
	} {
		t.Run(c.name, func(t *testing.T) {
			releaseServer(t, c.digest, raw)
			dir := t.TempDir()
			path, err := installInto(context.Background(), dir, "cpu", []source{{"a release", fetchRelease}}, silent)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) || findIn(dir, "cpu") != "" {
					t.Fatalf("error %v, want %q in it", err, c.want)
				}
				return
			}
			if err != nil || filepath.Base(path) != "pjrt_c_api_cpu_plugin.so" {
				t.Fatalf("installed %s, %v", path, err)
			}
			if side, err := os.ReadFile(filepath.Join(dir, "libside.so.1")); err != nil || string(side) != "side" {
				t.Errorf("the library beside it: %q, %v", side, err)
			}
		})
	}
}

// What Install puts under a prefix is found later without being told where it is.
func TestInstallUnderPrefix(t *testing.T) {
	if !xlaCompiled {
		t.Skip("built without XLA")
	}
	raw := fakePlugin(t)
	releaseServer(t, func(b []byte) string { return "sha256:" + sumOf(b) }, raw)
	prefix := filepath.Join(isolate(t), "my prefix")
	if _, ok := FindUnder(prefix, "cpu"); ok {
		t.Fatal("found under the prefix before it is installed")
	}
	path, err := Install(context.Background(), "cpu", prefix, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(prefix, "lib", "gsmlab", "pjrt", "pjrt_c_api_cpu_plugin.so"); path != want {
		t.Errorf("installed %s, want %s", path, want)
	}
	if under, ok := FindUnder(prefix, "cpu"); !ok || under != path {
		t.Errorf("found under the prefix: %q", under)
	}
	// A plugin in a system folder rightly comes first.
	if found, source, ok := Find("cpu"); !ok || found != path && !strings.Contains(source, "system") {
		t.Errorf("found %q (%s), want %s", found, source, path)
	}
	if got := recordedFolders(filepath.Join(os.Getenv("GSM_CACHE"), "pjrt")); len(got) != 1 || got[0] != filepath.Dir(path) {
		t.Errorf("recorded folders %q", got)
	}
}

// A server that accepts the connection and never answers must not hang the installation.
func TestSilentServer(t *testing.T) {
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-release }))
	defer srv.Close()
	defer close(release)
	set(t, &answerTime, 50*time.Millisecond)
	set(t, &releaseAPI, srv.URL+"/")
	if _, _, err := fetchRelease(context.Background(), t.TempDir(), silent); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("release: %v", err)
	}
	set(t, &pips, nil)
	set(t, &pipInfo, func(string) (*installer.PipPackageInfo, error) { <-release; return nil, errors.New("ended") })
	if _, err := cpuWheel.fetch(context.Background(), t.TempDir(), silent); err == nil || !strings.Contains(err.Error(), "no answer within 50ms") {
		t.Errorf("wheel: %v", err)
	}
}

func TestCUDALayout(t *testing.T) {
	raw := fakePlugin(t)
	wheels := map[string][]byte{
		"blas":   wheelOf(t, "nvidia/cu13/lib/libcublas.so.13", "blas", "nvidia/cu13/lib/libcublasLt.so.13", "lt"),
		"nvcc":   wheelOf(t, "nvidia/cu13/bin/ptxas", "ptxas"),
		"plugin": wheelOf(t, "jax_plugins/xla_cuda13/xla_cuda_plugin.so", string(raw)),
	}
	index(t, wheels)
	set(t, &cudaLibraries, []wheel{{"blas", "1", sumOf(wheels["blas"])}, {"nvcc", "1", sumOf(wheels["nvcc"])}})
	set(t, &cudaWheel, wheel{"plugin", "1", sumOf(wheels["plugin"])})
	root := isolate(t)
	dir := filepath.Join(root, "gsm", "pjrt")
	put(t, filepath.Join(dir, "go-xla", "nvidia", "half"), nil) // an earlier try
	path, err := installInto(context.Background(), dir, "cuda", []source{{"wheels", fetchCUDA}}, silent)
	if err != nil {
		t.Fatal(err)
	}
	if found, source, ok := Find("cuda"); !ok || found != path || source != "our cache" {
		t.Errorf("found %s (%s), want %s", found, source, path)
	}
	for name, want := range map[string]string{"libcublas.so.13": "blas", "libcublasLt.so.13": "lt", "go-xla/nvidia/bin/ptxas": "ptxas"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s leads to %q (%v), want %q", name, got, err, want)
		}
	}
	if fi, err := os.Stat(filepath.Join(dir, "go-xla/nvidia/bin/ptxas")); err != nil || fi.Mode()&0o111 == 0 {
		t.Errorf("ptxas cannot be run: %v", err)
	}
}
