// Tests of the search for plugins: order of folders, names, damaged files.

package pjrt

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// builtPlugin compiles, once, a shared library whose GetPjrtApi returns NULL: a sound file, but
// useless as a plugin.
var builtPlugin = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "gsmlab-plugin-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	src, lib := filepath.Join(dir, "p.c"), filepath.Join(dir, "p.so")
	if err := os.WriteFile(src, []byte("void *GetPjrtApi(void) { return 0; }\n"), 0o644); err != nil {
		return nil, err
	}
	if err := exec.Command("cc", "-shared", "-fPIC", "-o", lib, src).Run(); err != nil {
		return nil, err
	}
	return os.ReadFile(lib)
})

// fakePlugin returns the bytes of a plugin file. Tests with them run on Linux, where files are
// inspected.
func fakePlugin(t *testing.T) []byte {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("plugin files are checked in depth on Linux only")
	}
	raw, err := builtPlugin()
	if err != nil {
		t.Skipf("no C compiler: %v", err)
	}
	return raw
}

// put writes a file and makes its folders.
func put(t *testing.T, path string, data []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// isolate points every place that Find searches, except the system's, into a new folder.
func isolate(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	t.Setenv("HOME", filepath.Join(root, "home"))
	t.Setenv("XDG_CACHE_HOME", filepath.Join(root, "xdg"))
	t.Setenv("GSM_CACHE", filepath.Join(root, "gsm"))
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", "")
	t.Setenv("LD_LIBRARY_PATH", "")
	t.Setenv(EnvOffline, "")
	return root
}

const soName = "pjrt_c_api_nosuch_plugin.so" // a name that no system folder has

func TestFindOrder(t *testing.T) {
	raw := fakePlugin(t)
	root := isolate(t)
	at := func(parts ...string) string { return filepath.Join(append([]string{root}, parts...)...) }
	// From the last place to the first: each added one must win over those before.
	cache := at("gsm", "pjrt")
	if err := recordFolder(cache, at("prefix")); err != nil {
		t.Fatal(err)
	}
	if err := recordFolder(cache, at("prefix")); err != nil || len(recordedFolders(cache)) != 1 {
		t.Fatalf("recorded twice: %q, %v", recordedFolders(cache), err)
	}
	t.Setenv("LD_LIBRARY_PATH", at("ld"))
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", at("empty")+string(os.PathListSeparator)+at("named"))
	if _, _, ok := Find("nosuch"); ok {
		t.Fatal("found a plugin before there is one")
	}
	for _, c := range []struct{ path, source string }{
		{at("prefix", soName), "installed with --prefix"},
		{filepath.Join(cache, soName), "our cache"},
		{at("ld", soName), "the library path"},
		{at("home", ".local", "lib", "go-xla", "nvidia", soName), "go-xla's folder"},
		{at("home", ".local", "lib", "go-xla", soName), "go-xla's folder"},
		{at("named", soName), "named by PJRT_PLUGIN_LIBRARY_PATH"},
	} {
		put(t, c.path, raw)
		path, source, ok := Find("nosuch")
		if !ok || path != c.path || source != c.source {
			t.Errorf("found %s (%s) %v, want %s (%s)", path, source, ok, c.path, c.source)
		}
	}
}

func TestCacheDir(t *testing.T) {
	root := isolate(t)
	if dir, err := CacheDir(); err != nil || dir != filepath.Join(root, "gsm", "pjrt") {
		t.Errorf("with GSM_CACHE: %s, %v", dir, err)
	}
	t.Setenv("GSM_CACHE", "")
	if dir, err := CacheDir(); runtime.GOOS == "linux" && (err != nil || dir != filepath.Join(root, "xdg", "gsmlab", "pjrt")) {
		t.Errorf("with XDG_CACHE_HOME: %s, %v", dir, err)
	}
}

func TestFileNames(t *testing.T) {
	raw := fakePlugin(t)
	for _, names := range [][]string{ // the last one must be found
		{"pjrt_c_api_nosuch_v0.1.0_plugin.so"},
		{"pjrt_c_api_nosuch_v0.1.0_plugin.so", "pjrt_c_api_nosuch_v0.2.0_plugin.so"},
		{"pjrt_c_api_nosuch_v0.1.0_plugin.so", "pjrt-plugin-nosuch.so"},
		{"pjrt-plugin-nosuch.so", soName},
	} {
		dir := t.TempDir()
		for _, n := range names {
			put(t, filepath.Join(dir, n), raw)
		}
		if got, want := findIn(dir, "nosuch"), filepath.Join(dir, names[len(names)-1]); got != want {
			t.Errorf("of %q found %s", names, got)
		}
	}
	dir := t.TempDir()
	put(t, filepath.Join(dir, soName), raw)
	for _, name := range []string{"*", "no*", "../x", "nosuc"} {
		if got := findIn(dir, name); got != "" {
			t.Errorf("plugin name %q finds %s", name, got)
		}
	}
}

func TestDamagedFilesArePassedOver(t *testing.T) {
	raw := fakePlugin(t)
	otherMachine := bytes.Clone(raw)
	binary.LittleEndian.PutUint16(otherMachine[18:], 8) // e_machine: MIPS
	noSymbol := bytes.ReplaceAll(raw, []byte("GetPjrtApi"), []byte("GetPjrtApx"))
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "not a shared library"},
		{"text", []byte("<html>403</html>"), "not a shared library"},
		{"cut off", raw[:len(raw)/2], "shared library"},
		{"other machine", otherMachine, "built for EM_MIPS"},
		{"no symbol", noSymbol, "no GetPjrtApi"},
	} {
		path := put(t, filepath.Join(t.TempDir(), soName), c.data)
		if err := checkPlugin(path); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", c.name, err, c.want)
		}
		if got := findIn(filepath.Dir(path), "nosuch"); got != "" {
			t.Errorf("%s: found %s", c.name, got)
		}
	}
}

func TestRecord(t *testing.T) {
	raw := fakePlugin(t)
	path := put(t, filepath.Join(t.TempDir(), soName), raw)
	if err := writeRecord(path, "pkg 1", "a test"); err != nil {
		t.Fatal(err)
	}
	check := func(what, want string) {
		t.Helper()
		err := checkPlugin(path)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", what, err, want)
		}
	}
	check("as recorded", "")
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
	check("only touched", "")
	changed := bytes.Clone(raw)
	changed[len(changed)-1] ^= 1
	put(t, path, changed)
	check("one bit changed", "sha256 is")
	put(t, path, append(bytes.Clone(raw), 0))
	check("one byte longer", "size is")
	put(t, path, raw)
	put(t, recordPath(path), []byte("{"))
	check("damaged record", "record")
}

func TestLdFolders(t *testing.T) {
	dir := t.TempDir()
	conf := put(t, filepath.Join(dir, "ld.so.conf"), []byte("# comment\n/a/b  # why\n\ninclude "+dir+"/d/*.conf\n"))
	// includes in a circle must end
	put(t, filepath.Join(dir, "d", "x.conf"), []byte("/c\ninclude "+conf+"\n"))
	got := strings.Join(ldFolders(conf, 0), " ")
	if !strings.HasPrefix(got, "/a/b /c ") || len(got) > 100 {
		t.Errorf("folders %q", got)
	}
}
