//go:build linux

package atomicfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestPipeIsWrittenInto: a named pipe stays, and its reader gets the content.
func TestPipeIsWrittenInto(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("pipe", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"pipe", "link"} {
		got := make(chan []byte)
		go func() {
			data, _ := os.ReadFile(path)
			got <- data
		}()
		if err := WriteBytes(filepath.Join(dir, name), []byte("content")); err != nil {
			t.Fatal(err)
		}
		if data := <-got; string(data) != "content" {
			t.Errorf("%s: the reader got %q", name, data)
		}
		if info, err := os.Lstat(path); err != nil || info.Mode().Type() != os.ModeNamedPipe {
			t.Errorf("%s: the pipe is now %v (%v)", name, info.Mode(), err)
		}
	}
}

// TestDeviceIsWrittenInto makes its own null device, so the machine's /dev/null stays as it is.
func TestDeviceIsWrittenInto(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "null")
	if err := syscall.Mknod(path, syscall.S_IFCHR|0o666, 1<<8|3); err != nil {
		t.Skipf("only root may make devices: %v", err)
	}
	probe, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Skipf("devices do not open in %s: %v", dir, err)
	}
	probe.Close()
	if err := WriteBytes(path, bytes.Repeat([]byte("x"), 1<<20)); err != nil {
		t.Error(err)
	}
	if err := WritePrivate(path, []byte("secret")); err != nil {
		t.Error(err)
	}
	broken := errors.New("broken")
	if err := Write(path, func(io.Writer) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("got %v, want the error of fill", err)
	}
	f, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	f.Discard()
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		t.Fatalf("the device is now %v (%v)", info, err)
	}
	if info.Mode().Perm() != 0o666&^umask() {
		t.Errorf("its mode is now %v", info.Mode())
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%d files in the folder, want the one", len(entries))
	}
}

func umask() os.FileMode {
	old := syscall.Umask(0)
	syscall.Umask(old)
	return os.FileMode(old)
}

// TestPipeOfAProcess: /dev/fd/N and /proc/self/fd/N lead to pipes that have no path.
func TestPipeOfAProcess(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if err := WriteBytes(fmt.Sprintf("/proc/self/fd/%d", w.Fd()), []byte("content")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 7)
	if _, err := io.ReadFull(r, got); err != nil || string(got) != "content" {
		t.Errorf("got %q (%v)", got, err)
	}
}

func TestOwnerStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, 1234, 5678); err != nil {
		t.Skipf("only root may give files away: %v", err)
	}
	if err := WriteBytes(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if st := info.Sys().(*syscall.Stat_t); st.Uid != 1234 || st.Gid != 5678 {
		t.Errorf("owner %d:%d, want 1234:5678", st.Uid, st.Gid)
	}
}
