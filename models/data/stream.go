package data

import (
	"math/bits"

	"github.com/gomlx/gomlx/ml/train"
)

// stream is the state of one iteration of Batches.
type stream struct {
	*Batches
	n        int
	order    order
	pos      int // within the epoch
	maker    maker
	crew     crew
	picks    []pick
	prefetch prefetch
}

func newStream(b *Batches, start int) *stream {
	// The position is start x batch images into the stream; taken apart so that it cannot overflow.
	n := b.d.Len()
	whole, rest := bits.Mul64(uint64(start), uint64(b.batch))
	epoch, pos := bits.Div64(whole%uint64(n), rest, uint64(n))
	s := &stream{Batches: b, n: n, pos: int(pos), maker: newMaker(b.d.Form())}
	s.maker.backend, s.maker.device = b.backend, b.device
	blocks, window := b.d.blocks(), b.d.window()
	s.order.blocks, s.order.window = blocks, window
	s.order.set(b.seed, int(epoch), n)
	s.crew = newCrew(b.d, window+b.batch, false, b.seed, b.augment)
	s.picks = make([]pick, b.batch)
	if blocks != nil {
		s.prefetch.later.blocks, s.prefetch.later.window = blocks, window
		s.prefetch.seek(&s.order, s.pos)
	}
	return s
}

func (s *stream) next() (train.Batch, error) {
	load := s.prefetch.due(s)
	for k := range s.picks {
		if s.pos == s.n {
			s.turn()
		}
		s.picks[k] = pick{int(s.order.perm[s.pos]), s.order.epoch}
		s.pos++
	}
	return s.maker.make(s.batch, func(values []float32, labels []int32) error {
		return s.crew.work(load, s.picks, values, labels)
	})
}

// turn begins the next epoch.
func (s *stream) turn() {
	s.pos = 0
	if !s.prefetch.turn(&s.order) {
		s.order.set(s.seed, s.order.epoch+1, s.n)
	}
}

// prefetch tells which blocks are to be read now so that they are there when their first image is
// due: those of the next window are spread over the present one. It is about time only: a block
// that is needed and not there is read then.
type prefetch struct {
	later  order // of the epoch after the present one, if made
	made   bool
	cursor int  // the next block to read, an index of come
	beyond bool // the cursor is in later
}

// seek begins with the window of pos.
func (a *prefetch) seek(o *order, pos int) {
	begin := 0
	for i, b := range o.come {
		if b.begin > pos {
			break
		}
		if b.begin > begin || i == 0 {
			a.cursor, begin = i, b.begin
		}
	}
}

// due returns the blocks to read while the next batch is made.
func (a *prefetch) due(s *stream) (load []int) {
	if s.order.blocks == nil {
		return nil
	}
	for {
		o, offset := &s.order, 0
		if a.beyond {
			o, offset = &a.later, s.n
		}
		if a.cursor == len(o.come) {
			if a.beyond {
				return load
			}
			a.later.set(s.seed, s.order.epoch+1, s.n)
			a.made, a.beyond, a.cursor = true, true, 0
			continue
		}
		if b := o.come[a.cursor]; b.from+offset-o.window > s.pos+2*s.batch {
			// in time for the batch after this one
			return load
		} else {
			load = append(load, b.block)
		}
		a.cursor++
	}
}

// turn makes the later order the present one; false if it was not made.
func (a *prefetch) turn(present *order) bool {
	if !a.made {
		a.cursor = 0
		return false
	}
	*present, a.later = a.later, *present
	a.made, a.beyond = false, false
	return true
}
