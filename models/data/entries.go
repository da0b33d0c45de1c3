package data

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// entries is a shelf of images that are files of their own, or lie whole in tar archives: each can
// be read alone.
type entries struct {
	containers []string // folders and archives
	items      []entry
}

type entry struct {
	container int32
	label     int32
	offset    int64 // in the archive; -1 in a folder
	size      int64 // in the archive
	name      string
}

// maxImageFile bounds the memory for one encoded image; ImageNet's largest file has 15 MB.
const maxImageFile = 256 << 20

func (e *entries) len() int         { return len(e.items) }
func (e *entries) blocks() []int    { return nil }
func (e *entries) open(int) fetcher { return e }
func (e *entries) load(int) error   { return nil }

func (e *entries) name(i int) string {
	it := e.items[i]
	if it.offset < 0 {
		return filepath.Join(e.containers[it.container], it.name)
	}
	return e.containers[it.container] + ": " + it.name
}

// fetch opens the file anew each time, which takes microseconds, where decoding takes milliseconds:
// no files are kept open.
func (e *entries) fetch(i int, buf []byte) ([]byte, int32, error) {
	it := e.items[i]
	path := e.containers[it.container]
	if it.offset < 0 {
		path = filepath.Join(path, it.name)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, unreadable{reason(err)}
	}
	defer f.Close()
	offset, size := it.offset, it.size
	if offset < 0 {
		st, err := f.Stat()
		if err != nil {
			return nil, 0, unreadable{reason(err)}
		}
		offset, size = 0, st.Size()
	}
	if size > maxImageFile {
		return nil, 0, unreadable{fmt.Errorf("it has %d bytes", size)}
	}
	if int64(cap(buf)) < size {
		buf = make([]byte, size+size/2)
	}
	buf = buf[:size]
	if n, err := f.ReadAt(buf, offset); int64(n) < size {
		if err == io.EOF {
			err = fmt.Errorf("the file is cut off: it ends after %d of %d bytes", n, size)
		}
		return nil, 0, unreadable{reason(err)}
	}
	return buf, it.label, nil
}
