package data

import (
	"fmt"
	"iter"

	"github.com/gomlx/gomlx/ml/train"
)

// ahead is how many finished batches wait for the trainer; one more is in the making.
const ahead = 2

// pump runs next in a goroutine until it reports that there is no more, and yields what it makes.
// When pump returns, for whatever reason, the goroutine has ended and the batches that nobody
// received are freed. An error is yielded once and ends the iteration; so does a panic of next,
// which would otherwise end the process.
func pump(next func() (b train.Batch, ok bool, err error), yield func(train.Batch, error) bool) {
	type item struct {
		batch train.Batch
		err   error
	}
	made := make(chan item, ahead)
	done := make(chan struct{})
	safe := func() (b train.Batch, ok bool, err error) {
		defer func() {
			if p := recover(); p != nil {
				b, ok, err = train.Batch{}, true, fmt.Errorf("data: making a batch: %v", p)
			}
		}()
		return next()
	}
	go func() {
		defer close(made)
		for {
			select {
			case <-done:
				return
			default:
			}
			b, ok, err := safe()
			if !ok && err == nil {
				return
			}
			select {
			case made <- item{b, err}:
			case <-done:
				_ = b.Finalize()
				return
			}
			if err != nil {
				return
			}
		}
	}()
	defer func() {
		close(done)
		for it := range made { // until the goroutine closes it
			_ = it.batch.Finalize()
		}
	}()
	for it := range made {
		if !yield(it.batch, it.err) || it.err != nil {
			return
		}
	}
}

// eval is one ordered pass over a set.
type eval struct {
	d     Set
	batch int
}

// NewEval returns a dataset that yields every image of d exactly once and in order, each time Iter
// is called. Tensors are as those of Batches.
//
// Each batch shape costs a compilation, so the size used is the largest divisor of Len that is at
// most batch: all batches have one shape. Where the only divisors are less than half of batch (a
// prime Len, say) batch itself is used and the last one is smaller; GoMLX's mean metrics weigh
// batches by their size. A batch has no more than evalValues values, whatever was asked for: three
// of them are in memory beside the network's activations.
//
// An image that cannot be read is an error: without it, or with another in its place, the accuracy
// would be that of another set.
func NewEval(d Set, batch int) (train.Dataset, error) {
	if err := check(d); err != nil {
		return nil, err
	}
	if batch < 1 {
		return nil, fmt.Errorf("data: batch size %d: must be at least 1", batch)
	}
	return &eval{d: d, batch: evalBatch(d.Len(), min(batch, max(1, evalValues/d.Form().Size())))}, nil
}

// evalValues is 128 MiB of float32, some 200 images of ImageNet's size.
const evalValues = 32 << 20

func evalBatch(n, most int) int {
	most = min(n, most)
	for b := most; 2*b >= most; b-- {
		if n%b == 0 {
			return b
		}
	}
	return most
}

// Name implements train.Dataset.
func (e *eval) Name() string { return e.d.Form().Name }

// ShortName is used by GoMLX in plots and tables.
func (e *eval) ShortName() string { return e.d.Form().Name }

// Iter implements train.Dataset.
func (e *eval) Iter() iter.Seq2[train.Batch, error] {
	return func(yield func(train.Batch, error) bool) {
		m, c := newMaker(e.d.Form()), newCrew(e.d, 0, true, 0, nil)
		picks := make([]pick, e.batch)
		at := 0
		pump(func() (train.Batch, bool, error) {
			n := min(e.batch, e.d.Len()-at)
			if n == 0 {
				return train.Batch{}, false, nil
			}
			for k := range n {
				picks[k].image = at + k
			}
			at += n
			b, err := m.make(n, func(values []float32, labels []int32) error { return c.work(nil, picks[:n], values, labels) })
			return b, true, err
		}, c.reported(yield))
	}
}
