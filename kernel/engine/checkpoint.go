// The file of a checkpoint: an archive of the index and one file per variable, with a digest at its
// end.

package engine

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"gsmlab/internal/atomicfile"
)

// A checkpoint of a session is a first line, a tar archive of the index and of the files that the
// worker wrote for each variable, and a last line with the SHA-256 of everything before it.
const (
	checkpointKind  = "gsmlab session "
	checkpointLine  = checkpointKind + "2\n"
	checkpointSum   = "\nsha256 %x\n"
	checkpointIndex = "session.json"
	checkpointEnd   = len("\nsha256 \n") + 2*sha256.Size
)

func writeCheckpoint(path, dir string, index contents) error {
	err := atomicfile.Write(path, func(out io.Writer) error {
		sum := sha256.New()
		w := io.MultiWriter(out, sum)
		if _, err := io.WriteString(w, checkpointLine); err != nil {
			return err
		}
		data, err := json.Marshal(index)
		if err != nil {
			return err
		}
		archive := tar.NewWriter(w)
		if err := archive.WriteHeader(&tar.Header{Name: checkpointIndex, Mode: 0o600, Size: int64(len(data))}); err != nil {
			return err
		}
		if _, err := archive.Write(data); err != nil {
			return err
		}
		for _, v := range index.Vars {
			if err := addToArchive(archive, dir, v.File); err != nil {
				return err
			}
		}
		if err := archive.Close(); err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, checkpointSum, sum.Sum(nil))
		return err
	})
	if err != nil {
		return fmt.Errorf("engine: writing the checkpoint: %w", err)
	}
	return nil
}

// addToArchive adds a file or folder of dir. A variable with its zero value has none.
func addToArchive(archive *tar.Writer, dir, name string) error {
	return filepath.WalkDir(filepath.Join(dir, name), func(path string, d os.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		header, err := tar.FileInfoHeader(info, "")
		if err != nil {
			return err
		}
		header.Name = filepath.ToSlash(rel)
		if d.IsDir() {
			header.Name += "/"
		}
		header.Uname, header.Gname = "", ""
		if err := archive.WriteHeader(header); err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(archive, f)
		return err
	})
}

// readCheckpoint checks a whole checkpoint, then unpacks it into dir.
func readCheckpoint(path, dir string) (index contents, err error) {
	f, err := os.Open(path)
	if err != nil {
		return index, fmt.Errorf("engine: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return index, fmt.Errorf("engine: %w", err)
	}
	if info.IsDir() {
		return index, fmt.Errorf("engine: %s is a folder: a checkpoint of a session is a file", path)
	}
	first, _ := bufio.NewReader(io.NewSectionReader(f, 0, 64)).ReadString('\n')
	if !strings.HasPrefix(first, checkpointKind) {
		return index, fmt.Errorf("engine: %s is not a checkpoint of a session", path)
	}
	if first != checkpointLine {
		return index, fmt.Errorf("engine: %s was written by another version of the kernel (its first line is %q, not %q): load it with that version and write the values from there as JSON, or run the cells again", path, strings.TrimSpace(first), strings.TrimSpace(checkpointLine))
	}
	damaged := func(why string) error {
		return fmt.Errorf("engine: %s is damaged (%s): nothing was changed, take another checkpoint", path, why)
	}
	size := info.Size() - int64(checkpointEnd)
	if size < int64(len(first)) {
		return index, damaged("its end is missing")
	}
	sum, end := sha256.New(), make([]byte, checkpointEnd)
	if _, err := io.Copy(sum, io.NewSectionReader(f, 0, size)); err != nil {
		return index, fmt.Errorf("engine: %w", err)
	}
	if _, err := f.ReadAt(end, size); err != nil {
		return index, fmt.Errorf("engine: %w", err)
	}
	if !bytes.Equal(end, fmt.Appendf(nil, checkpointSum, sum.Sum(nil))) {
		return index, damaged("its checksum does not fit its content")
	}
	archive := tar.NewReader(io.NewSectionReader(f, int64(len(first)), size-int64(len(first))))
	for {
		header, err := archive.Next()
		if err == io.EOF {
			return index, nil
		}
		if err == nil && !filepath.IsLocal(header.Name) {
			err = fmt.Errorf("a file outside of it: %s", header.Name)
		}
		if err == nil && header.Name == checkpointIndex {
			err = json.NewDecoder(archive).Decode(&index)
		} else if err == nil {
			err = unpack(filepath.Join(dir, filepath.FromSlash(header.Name)), header, archive)
		}
		if err != nil {
			return index, damaged(err.Error())
		}
	}
}

func unpack(path string, header *tar.Header, content io.Reader) error {
	switch header.Typeflag {
	case tar.TypeDir:
		return os.Mkdir(path, 0o700)
	case tar.TypeReg:
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		if _, err := io.Copy(f, content); err != nil {
			f.Close()
			return err
		}
		return f.Close()
	}
	return fmt.Errorf("%s is neither a file nor a folder", header.Name)
}
