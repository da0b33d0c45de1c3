// Package atomicfile writes files that are either whole or not there at all, whatever happens
// meanwhile.
//
// Only a regular file is replaced. A device, a pipe or a socket is written into, and so is the file
// behind standard output or standard error: a rename would take such a path away from everybody
// else who uses it.
package atomicfile

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Write calls fill to write a file's content to a temporary file in the same folder, syncs it to
// the disk and renames it to path. On an error, path stays what it was. A new file is readable by
// all, as ordinary results are. A replaced file keeps its mode and, if the process may set it, its
// owner. A symbolic link is followed.
//
// If path is not a regular file, it gets the content once fill has ended without an error.
func Write(path string, fill func(io.Writer) error) error { return write(path, 0, fill) }

// WritePrivate writes a file that only its owner can ever read.
func WritePrivate(path string, content []byte) error {
	return write(path, 0o600, filled(content))
}

// WriteBytes is Write for content in memory.
func WriteBytes(path string, content []byte) error {
	return Write(path, filled(content))
}

// WriteJSON is Write for a value, as JSON with two spaces to a level.
func WriteJSON(path string, value any) error {
	raw, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return WriteBytes(path, append(raw, '\n'))
}

func filled(content []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	}
}

func write(path string, mode fs.FileMode, fill func(io.Writer) error) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	if mode != 0 {
		f.mode = mode
	}
	if f.final == "" { // what a device has received cannot be taken back
		var whole bytes.Buffer
		if err = fill(&whole); err == nil {
			_, err = f.Write(whole.Bytes())
		}
		return errors.Join(err, f.Close())
	}
	w := bufio.NewWriter(f)
	err = fill(w)
	for _, finish := range []func() error{w.Flush, f.Commit} {
		if err == nil {
			err = finish()
		}
	}
	if err != nil {
		f.Discard()
		return err
	}
	return f.Close()
}

// File is an open file on its way to its path.
type File struct {
	*os.File
	final string      // the path that Commit gives it; "" if this is the device at that path
	mode  fs.FileMode // that Commit gives it
	owner fs.FileInfo // of the file that it replaces, or nil
	std   bool        // it is standard output or standard error, which stay open
}

// Create opens a file that Commit will put at path. If path is not a regular file, it opens path
// itself.
func Create(path string) (*File, error) {
	target, err := follow(path)
	if err != nil {
		return nil, err
	}
	f := &File{final: target, mode: 0o644}
	info, err := os.Stat(target)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		for _, std := range []*os.File{os.Stdout, os.Stderr} {
			if open, err := std.Stat(); err == nil && os.SameFile(info, open) {
				return &File{File: std, std: true}, nil
			}
		}
		if !info.Mode().IsRegular() {
			open, err := os.OpenFile(target, os.O_WRONLY, 0)
			return &File{File: open}, err
		}
		f.mode, f.owner = info.Mode().Perm(), info
	}
	f.File, err = os.CreateTemp(filepath.Dir(target), "."+filepath.Base(target)+".*.tmp")
	return f, err
}

// follow returns the path that a symbolic link finally leads to, even if nothing is there yet. If
// the end of a link has no path, as for an open pipe under /proc, follow returns the link's own
// path.
func follow(path string) (string, error) {
	for range 40 { // as many as Linux follows
		info, err := os.Lstat(path)
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			return path, nil // the next step reports what is wrong
		}
		next, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(next) {
			next = filepath.Join(filepath.Dir(path), next)
		}
		if _, err := os.Lstat(next); err != nil {
			if _, err := os.Stat(path); err == nil {
				return path, nil
			}
		}
		path = next
	}
	return "", fmt.Errorf("%s: too many symbolic links", path)
}

// Sync brings what was written to the disk. Devices and pipes have no disk and need no sync.
func (f *File) Sync() error {
	if f.final == "" {
		return nil
	}
	return f.File.Sync()
}

// Close closes the file. A file that was not committed keeps its temporary name.
func (f *File) Close() error {
	if f.std {
		return nil
	}
	return f.File.Close()
}

// Commit brings the file to the disk and to its path. It stays open for more to be written.
func (f *File) Commit() error {
	if f.final == "" {
		return nil
	}
	if f.owner != nil {
		keepOwner(f.File, f.owner)
	}
	if err := cmp.Or(f.Chmod(f.mode), f.Sync()); err != nil {
		return err
	}
	return os.Rename(f.Name(), f.final)
}

// Discard closes the file and removes it. It must not be called after Commit.
func (f *File) Discard() {
	f.Close()
	if f.final != "" {
		os.Remove(f.Name())
	}
}
