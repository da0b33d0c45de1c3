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

// scan makes the index of tar archives: where in them each image is. Only the headers are read, of several archives at
// a time.
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
	return scanTar(f, 0, st.Size(), 0)
}

// scanTar indexes the archive in size bytes at offset, and those in it, as in the official ones, which hold an archive
// for each class.
func scanTar(f io.ReaderAt, offset, size int64, depth int) (all []found, err error) {
	section := io.NewSectionReader(f, offset, size)
	labels := map[string]string{} // of WebDataset, by the common part of the names
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
		if h.Typeflag != tar.TypeReg || strings.HasPrefix(path.Base(h.Name), ".") {
			continue
		}
		at, err := section.Seek(0, io.SeekCurrent) // the reader is at the beginning of the content: it keeps nothing ahead
		if err != nil {
			return nil, err
		}
		switch ext := strings.ToLower(path.Ext(h.Name)); {
		case ext == ".tar" && depth < 2:
			inner, err := scanTar(f, offset+at, h.Size, depth+1)
			if err != nil {
				return nil, fmt.Errorf("%s in it: %w", h.Name, err)
			}
			all = append(all, inner...)
		case ext == ".cls":
			content, err := io.ReadAll(io.LimitReader(t, 32))
			if err != nil {
				return nil, fmt.Errorf("%s in it: %w", h.Name, err)
			}
			labels[key(h.Name)] = strings.TrimSpace(string(content))
		case isImage(h.Name):
			all = append(all, found{entry{offset: offset + at, size: h.Size, name: h.Name}, ""})
		}
	}
	for i := range all {
		f := &all[i]
		if f.class == "" {
			f.class = labels[key(f.name)]
		}
		if f.class == "" {
			if folder := path.Base(path.Dir(f.name)); wordNet.MatchString(folder) {
				f.class = folder
			}
		}
	}
	return all, nil
}

// endsInZeros tells whether the block before the present place is the empty one that ends an archive. The tar package
// is content without it, but then the file may be half of what it was.
func endsInZeros(r io.ReadSeeker) bool {
	var b [512]byte
	if _, err := r.Seek(-int64(len(b)), io.SeekCurrent); err != nil {
		return false
	}
	_, err := io.ReadFull(r, b[:])
	return err == nil && b == [512]byte{}
}

// key is what the files of one example have in common in WebDataset: the name up to the first dot after the folder.
func key(name string) string {
	dir, base := path.Split(name)
	base, _, _ = strings.Cut(base, ".")
	return dir + base
}
