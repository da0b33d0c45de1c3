package data

import "math/rand/v2"

// Picture is the pixels of one image: Height x Width x Channels bytes.
type Picture struct {
	Pixels                  []uint8
	Height, Width, Channels int
}

// Augment writes a changed copy of an image, such as a flipped or shifted one, to dst, whose size
// is that of the set's images; the size of src may be another one. Whatever is random must come
// from rng, which depends on the seed, the epoch and the image only. It is called from other
// goroutines, may be so from several at a time, and must keep none of its arguments.
type Augment func(dst, src Picture, rng *rand.Rand)

// PadCropFlip is the usual augmentation of CIFAR-10 (with pad 4): each image is shifted by up to
// pad pixels in each direction, and half of them are mirrored. What is shifted in is black, byte 0
// before normalisation, as in the papers' recipes in PyTorch, where RandomCrop pads the image
// before it becomes a normalised tensor. (Padding after normalisation, as some programs do, would
// shift in the mean colour.)
func PadCropFlip(pad int) Augment {
	return func(dst, src Picture, rng *rand.Rand) {
		// The numbers are drawn by below, whose results do not change with the Go version: a run
		// may be resumed with another.
		top := int(below(rng, uint64(2*pad+1))) - pad
		left := int(below(rng, uint64(2*pad+1))) - pad
		shiftInto(dst, src, top, left)
		if below(rng, 2) == 1 {
			mirror(dst)
		}
	}
}

// shiftInto copies the window of dst's size whose upper left corner is at (top, left) of src;
// outside of src is black.
func shiftInto(dst, src Picture, top, left int) {
	n := dst.Channels
	// The columns of dst that src has.
	from, to := min(max(0, -left), dst.Width), max(0, min(dst.Width, src.Width-left))
	to = max(from, to)
	for y := range dst.Height {
		row := dst.Pixels[y*dst.Width*n : (y+1)*dst.Width*n]
		if y+top < 0 || y+top >= src.Height || from == to {
			clear(row)
			continue
		}
		clear(row[:from*n])
		copy(row[from*n:to*n], src.Pixels[((y+top)*src.Width+left+from)*n:])
		clear(row[to*n:])
	}
}

// mirror exchanges left and right.
func mirror(p Picture) {
	n := p.Channels
	for y := range p.Height {
		row := p.Pixels[y*p.Width*n : (y+1)*p.Width*n]
		for a, b := 0, len(row)-n; a < b; a, b = a+n, b-n {
			for c := range n {
				row[a+c], row[b+c] = row[b+c], row[a+c]
			}
		}
	}
}
