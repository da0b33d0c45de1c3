// Sets that stay on disk: images are read and decoded while batches are made.

package data

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
)

// shelf is where the encoded images of a set lie on disk.
type shelf interface {
	len() int
	// blocks is as Set's.
	blocks() []int
	// name is what messages call image i.
	name(i int) string
	// open is as Set's.
	open(hold int) fetcher
}

// fetcher is the state of one iteration over a shelf. It may be used by several goroutines.
type fetcher interface {
	// fetch returns the content of image i, in buf if it has room, and its label. If only this
	// image cannot be read, the error is unreadable.
	fetch(i int, buf []byte) (content []byte, label int32, err error)
	load(block int) error
}

// unreadable is the error of one image, which another one replaces.
type unreadable struct{ error }

func (e unreadable) Unwrap() error { return e.error }

// unsupported is the error of an image that is whole but of a kind that cannot be decoded.
type unsupported string

func (e unsupported) Error() string { return string(e) }

// stored is a set whose images are read and decoded as batches are made.
type stored struct {
	form   Form
	shelf  shelf
	crop   Augment
	n      int // images; fewer than the shelf's in a subset
	mixed  int // images that are shuffled together where they lie in blocks
	broken *broken
}

var _ Set = (*stored)(nil)

// windowImages is the least number of images that are shuffled together. Two windows of
// ImageNet's files, of 110 kB, are about 0.5 GB in memory.
const windowImages = 2048

func newStored(form Form, s shelf, crop Augment, opt Options) *stored {
	limit := opt.MaxBroken
	if limit == 0 {
		limit = max(1, s.len()/1000)
	}
	return &stored{form: form, shelf: s, crop: crop, n: s.len(), mixed: windowImages,
		broken: &broken{limit: max(0, limit), opt: opt, seen: map[int]bool{}}}
}

func (s *stored) Len() int     { return s.n }
func (s *stored) Form() Form   { return s.form }
func (s *stored) window() int  { return s.mixed }
func (s *stored) fit() Augment { return s.crop }
func (s *stored) workers() int { return runtime.GOMAXPROCS(0) }

func (s *stored) Check() error {
	if s.n == 0 {
		return fmt.Errorf("data: image set %q: it has no images", s.form.Name)
	}
	return nil
}

// Subset takes images at equal distances, as folders are sorted by class; of blocks, the first,
// which are a fair sample of the shards that people have.
func (s *stored) Subset(n int) Set {
	n = max(0, min(n, s.n))
	if n == s.n {
		return s
	}
	sub := *s
	sub.n = n
	sub.form.Name = fmt.Sprintf("%s[:%d]", s.form.Name, n)
	return &sub
}

func (s *stored) blocks() []int {
	all := s.shelf.blocks()
	if all == nil || s.n == s.shelf.len() {
		return all
	}
	var cut []int
	for left := s.n; left > 0; left -= cut[len(cut)-1] {
		cut = append(cut, min(left, all[len(cut)]))
	}
	return cut
}

// at returns image i's place on the shelf.
func (s *stored) at(i int) int {
	if s.shelf.blocks() != nil {
		return i
	}
	return int(int64(i) * int64(s.shelf.len()) / int64(s.n))
}

func (s *stored) open(hold int) access { return storedAccess{s, s.shelf.open(hold)} }

type storedAccess struct {
	*stored
	fetcher
}

// load resolves which of the two embedded loads is meant.
func (a storedAccess) load(block int) error { return a.fetcher.load(block) }

func (a storedAccess) report() { a.broken.report() }

// reader's function replaces an image that cannot be read by the next one of the set, in its label
// too: a pure function of the data, so that a resumed run sees the same. With exact, where an image
// that counts twice would make a wrong accuracy, it is an error.
func (a storedAccess) reader(exact bool) func(int) (Picture, int32, error) {
	var d decoder
	var buf []byte
	return func(i int) (Picture, int32, error) {
		for k := range a.n {
			at := a.at((i + k) % a.n)
			content, label, err := a.fetch(at, buf)
			if err == nil {
				buf = content
				var p Picture
				if p, err = d.decode(content); err == nil {
					return p, label, nil
				}
				err = unreadable{err}
			}
			if !errors.As(err, new(unreadable)) {
				return Picture{}, 0, err
			}
			if exact {
				return Picture{}, 0, fmt.Errorf("%s cannot be read: %w: %s, or take it out of the set and measure with the others", a.shelf.name(at), err, remedy(err))
			}
			if err := a.broken.note(a.stored, at, err); err != nil {
				return Picture{}, 0, err
			}
		}
		return Picture{}, 0, fmt.Errorf("no image of %s can be read", a.form.Name)
	}
}

// remedy is what to do about an image that cannot be read.
func remedy(err error) string {
	if errors.As(err, new(foreignImage)) {
		return saveAsJPEG
	}
	if errors.As(err, new(unsupported)) {
		return "save it as another kind of JPEG, or as PNG"
	}
	return "get it anew"
}

// broken counts the images that cannot be read, each once.
type broken struct {
	limit int
	opt   Options
	mu    sync.Mutex
	seen  map[int]bool
	notes []string // not yet said
}

// report names the broken images through Say.
func (b *broken) report() {
	b.mu.Lock()
	notes := b.notes
	b.notes = nil
	b.mu.Unlock()
	for _, n := range notes {
		b.opt.say("%s", n)
	}
}

// note notes a broken image. It returns an error if there are too many.
func (b *broken) note(s *stored, at int, why error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.seen[at] {
		return nil
	}
	b.seen[at] = true
	if len(b.seen) > b.limit {
		what := "get these files anew"
		if errors.As(why, new(foreignImage)) {
			what = "save these files as JPEG or PNG"
		} else if errors.As(why, new(unsupported)) {
			what = "save these files as another kind of JPEG, or as PNG"
		}
		return fmt.Errorf("%d of %d images cannot be read, more than the %d allowed; the last is %s: %w: %s",
			len(b.seen), s.shelf.len(), b.limit, s.shelf.name(at), why, what)
	}
	b.notes = append(b.notes, fmt.Sprintf("%s: %s cannot be read: %v; the next image takes its place (%d broken so far, %d allowed)",
		s.form.Name, s.shelf.name(at), why, len(b.seen), b.limit))
	return nil
}
