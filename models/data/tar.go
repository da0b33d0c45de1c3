// The index of tar archives: where in them each image is.

package data

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// scan makes the index of tar archives: where in them each image is. Only the headers are read, of
// several archives at a time.
func (ix *indexer) scan(paths []string) ([]found, error) {
	if ix.opt.Say != nil {
		ix.opt.say("imagenet: reading the index of %d tar files in %s", len(paths), filepath.Dir(paths[0]))
	}
	each := make([][]found, len(paths))
	errs := make([]error, len(paths))
	next := make(chan int)
	var all sync.WaitGroup
	for range min(len(paths), 2*runtime.GOMAXPROCS(0)) {
		all.Go(func() {
			for i := range next {
				if errs[i] = ix.ctx.Err(); errs[i] == nil {
					each[i], errs[i] = scanFile(paths[i])
				}
			}
		})
	}
	for i := range paths {
		next <- i
	}
	close(next)
	all.Wait()
	for i, err := range errs {
		if err != nil {
			if ix.ctx.Err() != nil {
				return nil, ix.ctx.Err()
			}
			if errors.As(err, new(foreignFile)) {
				return nil, fmt.Errorf("%s: %w", paths[i], err)
			}
			return nil, fmt.Errorf("%s: %w: get it anew", paths[i], err)
		}
		for k := range each[i] {
			each[i][k].container = int32(i)
		}
	}
	return slices.Concat(each...), nil
}

func scanFile(path string) ([]found, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, reason(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, reason(err)
	}
	return scanTar(f, path, 0, st.Size(), 0)
}

// scanTar indexes the archive in size bytes at offset, and those in it, as in the official ones,
// which hold an archive for each class. The archive's own name is that of the class of images that
// have no other, if it is a WordNet id.
func scanTar(f io.ReaderAt, name string, offset, size int64, depth int) ([]found, error) {
	section := io.NewSectionReader(f, offset, size)
	var inner []found
	var own members
	for t := tar.NewReader(section); ; {
		h, err := t.Next()
		if err == io.EOF {
			if !endsInZeros(section) {
				return nil, errors.New("it is not a whole tar archive: its end is missing")
			}
			break
		}
		if err != nil {
			return nil, fmt.Errorf("it is not a whole tar archive: %w", err)
		}
		if h.Typeflag != tar.TypeReg || hidden(h.Name) {
			continue
		}
		// the reader is at the beginning of the content: it keeps nothing ahead
		at, err := section.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}
		switch ext := strings.ToLower(path.Ext(h.Name)); {
		case ext == ".tar" && depth < 2:
			images, err := scanTar(f, h.Name, offset+at, h.Size, depth+1)
			if err != nil {
				return nil, fmt.Errorf("%s in it: %w", h.Name, err)
			}
			inner = append(inner, images...)
		case ext == ".cls":
			err = own.addLabel(h.Name, t)
		case isImage(h.Name):
			err = own.addImage(entry{offset: offset + at, size: h.Size, name: h.Name})
		default:
			own.addOther(h.Name, t)
		}
		if err != nil {
			return nil, fmt.Errorf("%s in it: %w", h.Name, err)
		}
	}
	all, err := own.labelled()
	if err == nil {
		err = own.checkOthers()
	}
	if err != nil {
		return nil, foreignFile{err}
	}
	for i := range all {
		g := &all[i]
		for _, id := range []string{path.Base(path.Dir(g.name)), withoutExt(filepath.Base(name))} {
			if g.class == "" && wordNet.MatchString(id) {
				g.class = id
			}
		}
	}
	return append(all, inner...), nil
}

// hidden tells whether a file or a folder that it is in has a name that begins with a dot, such as
// macOS's ._x.jpg.
func hidden(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") && part != "." && part != ".." {
			return true
		}
	}
	return false
}

// endsInZeros tells whether the block before the present place is the empty one that ends an
// archive. The tar package is content without it, but then the file may be half of what it was.
func endsInZeros(r io.ReadSeeker) bool {
	var b [512]byte
	if _, err := r.Seek(-int64(len(b)), io.SeekCurrent); err != nil {
		return false
	}
	_, err := io.ReadFull(r, b[:])
	return err == nil && b == [512]byte{}
}
