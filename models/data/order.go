package data

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// order is the order of one epoch. Where each image can be read alone it is a permutation of all.
// Where images lie in blocks that are read as one, it is a shuffle in windows: the blocks come in
// random order, windows are as many of them as have at least window images, and the images of a
// window come in random order. Reading a block once per epoch is then enough, with no more than two
// windows in memory.
type order struct {
	blocks []int // their lengths; nil where there are none
	window int

	epoch int
	perm  []int32
	draw  *rand.ChaCha8
	come  []arrival // the blocks in their order
}

// arrival is a block; begin is where its window begins in perm, from where it would begin itself if
// windows were not shuffled.
type arrival struct{ block, begin, from int }

// set makes the order of n images for that seed and epoch. The generator (ChaCha8, which is
// specified) and the shuffle (Fisher-Yates with Lemire's reduction) are spelled out rather than
// taken from rand.Shuffle, whose results a later Go version may change: a run may be resumed by a
// program built with another one.
func (o *order) set(seed int64, epoch, n int) {
	if o.perm == nil {
		o.perm = make([]int32, n)
		o.draw = rand.NewChaCha8([32]byte{})
	}
	o.epoch = epoch
	o.draw.Seed(streamKey(seed, epoch, 0, 's'))
	if o.blocks != nil {
		o.setWindows()
		return
	}
	for i := range o.perm {
		o.perm[i] = int32(i)
	}
	shuffle(o.draw, o.perm)
}

func (o *order) setWindows() {
	first := make([]int32, len(o.blocks)) // image of each block
	at := int32(0)
	sequence := make([]int32, len(o.blocks))
	for b, n := range o.blocks {
		first[b], sequence[b] = at, int32(b)
		at += int32(n)
	}
	shuffle(o.draw, sequence)
	o.come = o.come[:0]
	begin, end := 0, 0
	for k, b := range sequence {
		o.come = append(o.come, arrival{int(b), begin, end})
		for i := range int32(o.blocks[b]) {
			o.perm[end] = first[b] + i
			end++
		}
		if end-begin >= o.window || k == len(sequence)-1 {
			shuffle(o.draw, o.perm[begin:end])
			begin = end
		}
	}
}

func shuffle(draw rand.Source, s []int32) {
	for i := len(s) - 1; i > 0; i-- {
		j := below(draw, uint64(i)+1)
		s[i], s[j] = s[j], s[i]
	}
}

// below returns an unbiased number in 0..n-1.
func below(src rand.Source, n uint64) uint64 {
	hi, lo := bits.Mul64(src.Uint64(), n)
	if lo < n {
		for limit := -n % n; lo < limit; {
			hi, lo = bits.Mul64(src.Uint64(), n)
		}
	}
	return hi
}

// unit returns a number in 0 <= x < 1.
func unit(src rand.Source) float64 { return float64(src.Uint64()>>11) / (1 << 53) }

// streamKey is the generator key of one use: distinct arguments give independent streams, without
// any mixing.
func streamKey(seed int64, epoch, index int, use byte) (key [32]byte) {
	binary.LittleEndian.PutUint64(key[0:], uint64(seed))
	binary.LittleEndian.PutUint64(key[8:], uint64(epoch))
	binary.LittleEndian.PutUint64(key[16:], uint64(index))
	key[24] = use
	return key
}
