package xlacache

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"gsmlab/internal/atomicfile"
)

const (
	suffix = ".xla"
	// limit is how many bytes of files may stay when a process has saved its first one
	limit = 1 << 30
)

// store is a folder of executables. A file holds the digest of an executable and the executable.
type store struct {
	dir     string
	machine []byte // digest of all but the graph and its options
	tidied  sync.Once
}

func (s *store) path(key string) string { return filepath.Join(s.dir, key+suffix) }

// load returns the executable of a key, if it is there and whole.
func (s *store) load(key string) ([]byte, bool) {
	raw, err := os.ReadFile(s.path(key))
	if err != nil || len(raw) < sha256.Size {
		return nil, false
	}
	sum := sha256.Sum256(raw[sha256.Size:])
	if !bytes.Equal(sum[:], raw[:sha256.Size]) {
		return nil, false
	}
	now := time.Now()
	os.Chtimes(s.path(key), now, now) // tidy keeps what was used last
	return raw[sha256.Size:], true
}

// save keeps an executable. A folder that cannot be written is no fault: the graph is compiled
// again the next time.
func (s *store) save(key string, executable []byte) {
	if os.MkdirAll(s.dir, 0o700) != nil {
		return
	}
	sum := sha256.Sum256(executable)
	atomicfile.WritePrivate(s.path(key), slices.Concat(sum[:], executable))
	s.tidied.Do(func() { s.tidy(limit) })
}

// tidy removes the files that were not used for the longest time, until the rest takes at most
// limit bytes.
func (s *store) tidy(limit int64) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return
	}
	type file struct {
		name string
		size int64
		used time.Time
	}
	var files []file
	var total int64
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !strings.HasSuffix(e.Name(), suffix) {
			continue
		}
		files = append(files, file{e.Name(), info.Size(), info.ModTime()})
		total += info.Size()
	}
	slices.SortFunc(files, func(a, b file) int { return cmp.Or(a.used.Compare(b.used), cmp.Compare(a.name, b.name)) })
	for _, f := range files {
		if total <= limit {
			return
		}
		if os.Remove(filepath.Join(s.dir, f.name)) == nil {
			total -= f.size
		}
	}
}
