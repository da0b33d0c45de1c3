package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, content := range []string{"first", "second, longer", ""} {
		if err := WriteBytes(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != content {
			t.Errorf("got %q (%v), want %q", got, err, content)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("mode %v (%v), want 0644", info.Mode(), err)
	}
}

func TestFailureKeepsWhatWasThere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := WriteBytes(path, []byte("good")); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err := Write(path, func(w io.Writer) error {
		if _, err := w.Write(make([]byte, 1<<20)); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want the error of fill", err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "good" {
		t.Errorf("the file is now %q (%v)", got, err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%d files in the folder, want the one", len(entries))
	}
	if err := WriteBytes(filepath.Join(dir, "no", "such"), nil); err == nil {
		t.Error("writing into a missing folder succeeded")
	}
}

func TestReplacedFileKeepsItsMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o750); err != nil { // past any umask
		t.Fatal(err)
	}
	if err := WriteBytes(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o750 {
		t.Errorf("mode %v (%v), want 0750", info.Mode(), err)
	}
	if err := WritePrivate(path, []byte("secret")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v (%v) of a private file, want 0600", info.Mode(), err)
	}
}

func TestLinksAreFollowed(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o777); err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(dir, "sub", "file")
	for link, to := range map[string]string{"first": "second", "second": filepath.Join("sub", "file"), "round": "round"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, content := range []string{"made through a dangling link", "replaced"} {
		if err := WriteBytes(filepath.Join(dir, "first"), []byte(content)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(target); err != nil || string(got) != content {
			t.Errorf("the target holds %q (%v), want %q", got, err, content)
		}
		if info, err := os.Lstat(filepath.Join(dir, "first")); err != nil || info.Mode()&os.ModeSymlink == 0 {
			t.Errorf("the link is now %v (%v)", info, err)
		}
	}
	if err := WriteBytes(filepath.Join(dir, "round"), nil); err == nil {
		t.Error("writing through a link to itself succeeded")
	}
}

// TestStandardOutputStays: with `-o FILE > FILE` the shell's descriptor must not lose its file.
func TestStandardOutputStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	stdout := os.Stdout
	os.Stdout = f
	defer func() { os.Stdout = stdout }()
	if err := WriteBytes(path, []byte("one ")); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("two"); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "one two" {
		t.Errorf("got %q (%v)", got, err)
	}
}
