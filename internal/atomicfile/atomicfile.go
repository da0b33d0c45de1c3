// Package atomicfile writes files that are there whole or not at all, whatever happens meanwhile.
package atomicfile

import (
	"bufio"
	"cmp"
	"io"
	"os"
	"path/filepath"
)

// Write calls fill to write a file's content to a temporary file in the same folder, brings it to the
// disk and renames it to path. On an error, path is what it was before. Files are readable by all,
// as ordinary results are.
func Write(path string, fill func(io.Writer) error) error { return write(path, 0o644, fill) }

// WritePrivate writes a file that only its owner can read, at no moment others.
func WritePrivate(path string, content []byte) error {
	return write(path, 0o600, filled(content))
}

func write(path string, mode os.FileMode, fill func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // after the rename there is nothing to remove
	w := bufio.NewWriter(f)
	err = fill(w)
	for _, finish := range []func() error{w.Flush, func() error { return f.Chmod(mode) }, f.Sync, f.Close} {
		err = cmp.Or(err, finish()) // the first error says what happened
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// WriteBytes is Write for content that is at hand.
func WriteBytes(path string, content []byte) error {
	return Write(path, filled(content))
}

func filled(content []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	}
}
