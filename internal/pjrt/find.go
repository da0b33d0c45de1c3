// Where a PJRT plugin may be, and whether a file is a plugin for this machine.

package pjrt

import (
	"bufio"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strings"

	"gsmlab/internal/settings"
)

// CacheDir is the folder plugins are installed into.
func CacheDir() (string, error) {
	dir, err := settings.CacheFolder("pjrt")
	if err != nil {
		return "", fmt.Errorf("backend: %w", err)
	}
	return dir, nil
}

// folder is one place to look for plugins.
type folder struct{ dir, source string }

// Find looks for the plugin named "cpu" or "cuda" (or another PJRT plugin's name) without
// installing anything. source says in words where it was found. Damaged files are passed over.
func Find(plugin string) (path, source string, ok bool) {
	for _, f := range searchFolders() {
		if path := findIn(f.dir, plugin); path != "" {
			return path, f.source, true
		}
	}
	return "", "", false
}

// searchFolders lists the places in order of precedence.
func searchFolders() []folder {
	var out []folder
	add := func(source string, dirs ...string) {
		for _, d := range dirs {
			if filepath.IsAbs(d) {
				// CUDA plugins lie in a folder nvidia: they find their libraries relative to
				// themselves.
				out = append(out, folder{d, source}, folder{filepath.Join(d, "nvidia"), source})
			}
		}
	}
	add("named by "+envPlugins, absAll(filepath.SplitList(os.Getenv(envPlugins)))...)
	if home, err := os.UserHomeDir(); err == nil {
		switch runtime.GOOS {
		case "darwin":
			lib := filepath.Join(home, "Library", "Application Support")
			add("go-xla's folder", filepath.Join(lib, "go-xla"), filepath.Join(lib, "GoMLX", "PJRT"))
		case "windows":
			add("go-xla's folder", filepath.Join(home, "AppData", "Local", "go-xla"))
		default:
			lib := filepath.Join(home, ".local", "lib")
			add("go-xla's folder", filepath.Join(lib, "go-xla"), filepath.Join(lib, "gomlx", "pjrt"))
		}
	}
	if runtime.GOOS != "windows" {
		add("go-xla's system folder", "/usr/local/lib/go-xla", "/usr/local/lib/gomlx/pjrt")
		add("the library path", filepath.SplitList(os.Getenv("LD_LIBRARY_PATH"))...)
		add("the system's libraries", ldFolders("/etc/ld.so.conf", 0)...)
	}
	if dir, err := CacheDir(); err == nil {
		add("our cache", dir, filepath.Join(dir, "go-xla"))
		for _, d := range recordedFolders(dir) {
			add("installed with --prefix", d, filepath.Join(d, "go-xla"))
		}
	}
	return out
}

func absAll(dirs []string) (out []string) {
	for _, d := range dirs {
		if d == "" {
			continue
		}
		if abs, err := filepath.Abs(d); err == nil {
			out = append(out, abs)
		}
	}
	return out
}

// ldFolders reads the folders of an ld.so.conf file and of the files it includes.
func ldFolders(conf string, depth int) (dirs []string) {
	f, err := os.Open(conf)
	if err != nil || depth > 4 {
		return nil // no such file outside glibc systems
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		line, _, _ := strings.Cut(sc.Text(), "#")
		line = strings.TrimSpace(line)
		if pattern, ok := strings.CutPrefix(line, "include "); ok {
			files, _ := filepath.Glob(strings.TrimSpace(pattern)) // a bad pattern matches nothing
			for _, file := range files {
				dirs = append(dirs, ldFolders(file, depth+1)...)
			}
		} else if line != "" {
			dirs = append(dirs, line)
		}
	}
	return dirs
}

// pluginPatterns are the file names that go-xla knows: the plain name first, then the versioned
// ones.
func pluginPatterns(plugin string) (patterns []string) {
	ext := map[string][]string{"darwin": {".dylib", ".so"}, "windows": {".dll"}}[runtime.GOOS]
	if ext == nil {
		ext = []string{".so"}
	}
	for _, version := range []string{"", "_v*"} {
		for _, e := range ext {
			name := plugin + version
			patterns = append(patterns, "pjrt_c_api_"+name+"_plugin"+e, "pjrt-plugin-"+name+e, "pjrt_plugin_"+name+e)
		}
	}
	return patterns
}

// findIn returns the first sound file of a plugin in dir, or "" if there is none.
func findIn(dir, plugin string) string {
	if strings.ContainsAny(plugin, `/\*?[`) {
		return ""
	}
	entries, err := os.ReadDir(dir) // not Glob: the folder's name may hold a star
	if err != nil {
		return ""
	}
	for _, pattern := range pluginPatterns(plugin) {
		var names []string
		for _, e := range entries {
			if ok, _ := filepath.Match(pattern, e.Name()); ok {
				names = append(names, e.Name())
			}
		}
		// the highest version, as far as names tell
		sort.Sort(sort.Reverse(sort.StringSlice(names)))
		for _, name := range names {
			if path := filepath.Join(dir, name); checkPlugin(path) == nil {
				return path
			}
		}
	}
	return ""
}

// checkPlugin says what is wrong with a plugin file; nil means that it looks whole. It must not
// load the file, because a file that is cut off would kill the process with SIGBUS.
func checkPlugin(path string) error {
	fi, err := os.Stat(path)
	if err != nil {
		return errors.New("cannot read the plugin")
	}
	if !fi.Mode().IsRegular() {
		return errors.New("not a file")
	}
	if err := checkRecord(path, fi); err != nil {
		return err
	}
	if runtime.GOOS == "linux" {
		return checkELF(path, fi.Size())
	}
	if fi.Size() == 0 {
		return errors.New("the file is empty")
	}
	return nil
}

var elfMachines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// checkELF verifies that a shared library is for this machine and not cut off.
func checkELF(path string, size int64) error {
	f, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("not a shared library (%v)", err)
	}
	defer f.Close()
	if want, ok := elfMachines[runtime.GOARCH]; ok && f.Machine != want {
		return fmt.Errorf("built for %v, not for %v", f.Machine, want)
	}
	if f.Type != elf.ET_DYN {
		return fmt.Errorf("a file of type %v, not a shared library", f.Type)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && int64(p.Off+p.Filesz) > size {
			return errors.New("the file is cut off")
		}
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return fmt.Errorf("its symbols cannot be read (%v)", err)
	}
	for _, s := range symbols {
		if s.Name == "GetPjrtApi" && s.Section != elf.SHN_UNDEF {
			return nil
		}
	}
	return errors.New("not a PJRT plugin (no GetPjrtApi in it)")
}
