package data

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/gomlx/gomlx/ml/train"
)

// pick is one place of a batch: an image, and the epoch that its augmentation depends on.
type pick struct{ image, epoch int }

// crew puts the images of a batch into its tensors, in one goroutine for sets in memory and in
// several for those whose images must be decoded. As each image has its place and its own
// randomness, the result does not depend on how the work is shared.
type crew struct {
	access  access
	table   [][256]float32
	seed    int64
	augment Augment // nil: fit
	fit     Augment // nil: the set's images have its size
	workers []*worker
}

type worker struct {
	read func(int) (Picture, int32, error)
	draw *rand.ChaCha8
	rng  *rand.Rand
	buf  Picture // one image of the set's size
}

// newCrew returns a crew for one iteration; for exact see access.
func newCrew(d Set, hold int, exact bool, seed int64, augment Augment) crew {
	form := d.Form()
	c := crew{access: d.open(hold), table: form.lookup(), seed: seed, augment: augment, fit: d.fit()}
	for range d.workers() {
		w := &worker{read: c.access.reader(exact), draw: rand.NewChaCha8([32]byte{})}
		w.rng = rand.New(w.draw)
		w.buf = Picture{make([]uint8, form.Size()), form.Height, form.Width, form.Channels}
		c.workers = append(c.workers, w)
	}
	return c
}

// reported is yield after what the readers noted was said.
func (c *crew) reported(yield func(train.Batch, error) bool) func(train.Batch, error) bool {
	return func(b train.Batch, err error) bool {
		c.access.report()
		return yield(b, err)
	}
}

// work loads the blocks and writes the picked images.
func (c *crew) work(load []int, picks []pick, values []float32, labels []int32) error {
	size := len(c.workers[0].buf.Pixels)
	job := func(w *worker, k int) error {
		if k < len(load) {
			return c.access.load(load[k])
		}
		k -= len(load)
		return c.put(w, picks[k], values[k*size:(k+1)*size], &labels[k])
	}
	n := len(load) + len(picks)
	if len(c.workers) == 1 {
		for k := range n {
			if err := job(c.workers[0], k); err != nil {
				return err
			}
		}
		return nil
	}
	var next atomic.Int64
	errs := make([]error, len(c.workers))
	var all sync.WaitGroup
	for i, w := range c.workers {
		all.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					errs[i] = fmt.Errorf("%v", p)
				}
			}()
			for k := int(next.Add(1)) - 1; k < n && errs[i] == nil; k = int(next.Add(1)) - 1 {
				if errs[i] = job(w, k); errs[i] != nil {
					next.Store(int64(n)) // the batch is lost, so all may stop
				}
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// put writes one image, normalised, and its label.
func (c *crew) put(w *worker, p pick, values []float32, label *int32) error {
	picture, l, err := w.read(p.image)
	if err != nil {
		return err
	}
	switch {
	case c.augment != nil:
		w.draw.Seed(streamKey(c.seed, p.epoch, p.image, 'a'))
		c.augment(w.buf, picture, w.rng)
		picture = w.buf
	case c.fit != nil:
		c.fit(w.buf, picture, nil)
		picture = w.buf
	}
	*label = l
	c.normalise(values, picture.Pixels)
	return nil
}

func (c *crew) normalise(dst []float32, src []uint8) {
	dst = dst[:len(src)]
	if len(c.table) == 1 {
		table := &c.table[0]
		for i, v := range src {
			dst[i] = table[v]
		}
		return
	}
	for ch := range c.table {
		table := &c.table[ch]
		for i := ch; i < len(src); i += len(c.table) {
			dst[i] = table[src[i]]
		}
	}
}
