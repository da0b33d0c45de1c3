package data

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// counted is a picture in which each value tells its place: 1, 2, 3, ...
func counted(height, width, channels int) Picture {
	p := Picture{Pixels: make([]uint8, height*width*channels), Height: height, Width: width, Channels: channels}
	for i := range p.Pixels {
		p.Pixels[i] = uint8(i + 1)
	}
	return p
}

func blank(p Picture) Picture {
	p.Pixels = slices.Repeat([]uint8{99}, len(p.Pixels)) // what was in the buffer must not show
	return p
}

func TestShiftAndMirror(t *testing.T) {
	src := counted(3, 3, 1)
	for _, c := range []struct {
		top, left int
		want      []uint8
	}{
		{0, 0, []uint8{1, 2, 3, 4, 5, 6, 7, 8, 9}},
		{-1, 0, []uint8{0, 0, 0, 1, 2, 3, 4, 5, 6}},
		{1, 0, []uint8{4, 5, 6, 7, 8, 9, 0, 0, 0}},
		{0, -1, []uint8{0, 1, 2, 0, 4, 5, 0, 7, 8}},
		{0, 2, []uint8{3, 0, 0, 6, 0, 0, 9, 0, 0}},
		{-2, -2, []uint8{0, 0, 0, 0, 0, 0, 0, 0, 1}},
		{3, 0, make([]uint8, 9)},
		{0, -3, make([]uint8, 9)},
		{0, 7, make([]uint8, 9)},
		{-7, -7, make([]uint8, 9)},
	} {
		dst := blank(src)
		shiftInto(dst, src, c.top, c.left)
		if !slices.Equal(dst.Pixels, c.want) {
			t.Errorf("shift by %d, %d: %v, want %v", c.top, c.left, dst.Pixels, c.want)
		}
	}
	rgb := counted(2, 3, 3)
	mirror(rgb)
	if want := []uint8{7, 8, 9, 4, 5, 6, 1, 2, 3, 16, 17, 18, 13, 14, 15, 10, 11, 12}; !slices.Equal(rgb.Pixels, want) {
		t.Errorf("mirrored: %v, want %v", rgb.Pixels, want)
	}
}

// Every shift and mirroring comes up equally often and is one of the 2 x (2 pad + 1)^2 possible;
// the source stays as it is, and nothing is allocated. The bound is 5 sigma of the binomial, with a
// fixed seed.
func TestPadCropFlip(t *testing.T) {
	src := counted(4, 4, 1)
	possible := map[string]int{}
	for top := -1; top <= 1; top++ {
		for left := -1; left <= 1; left++ {
			dst := blank(src)
			shiftInto(dst, src, top, left)
			possible[fmt.Sprint(dst.Pixels)] = 0
			mirror(dst)
			possible[fmt.Sprint(dst.Pixels)] = 0
		}
	}
	if len(possible) != 18 {
		t.Fatalf("%d results, want 18", len(possible))
	}
	augment, rng, dst := PadCropFlip(1), rand.New(rand.NewChaCha8([32]byte{1})), blank(src)
	const each = 1000
	for range 18 * each {
		augment(dst, src, rng)
		possible[fmt.Sprint(dst.Pixels)]++
	}
	for p, n := range possible {
		if n < each-160 || n > each+160 {
			t.Errorf("%s: %d times, want about %d", p, n, each)
		}
	}
	if len(possible) != 18 || !slices.Equal(src.Pixels, counted(4, 4, 1).Pixels) {
		t.Errorf("%d results, source %v", len(possible), src.Pixels)
	}
	augment(dst, src, rng)
	if n := testing.AllocsPerRun(100, func() { augment(dst, src, rng) }); n != 0 {
		t.Errorf("%g allocations for an image", n)
	}
	if PadCropFlip(0)(dst, src, rng); dst.Pixels[0] != 1 && dst.Pixels[0] != 4 {
		t.Errorf("with no padding: %v", dst.Pixels)
	}
}

// The draws are pinned: if they change, an augmented run saved by an earlier version can no longer
// be resumed.
func TestPadCropFlipIsPinned(t *testing.T) {
	src := counted(5, 5, 1)
	var first []uint8
	rng, dst := rand.New(rand.NewChaCha8([32]byte{7})), blank(src)
	for range 12 {
		PadCropFlip(2)(dst, src, rng)
		// the middle pixel tells the shift, or its mirror image
		first = append(first, dst.Pixels[12])
	}
	if want := []uint8{4, 11, 13, 24, 21, 13, 13, 22, 12, 7, 15, 25}; !slices.Equal(first, want) {
		t.Errorf("%v, want %v", first, want)
	}
}

// BenchmarkCIFARBatch is what a batch of 64 images of CIFAR-10's size costs to make, augmented, on
// one core and without the goroutine.
func BenchmarkCIFARBatch(b *testing.B) {
	d := numbered(50000, 3)
	d.Height, d.Width, d.Pixels = 32, 32, make([]uint8, 50000*3072)
	for _, c := range []struct {
		name string
		opts []Option
	}{{"plain", nil}, {"augmented", []Option{WithAugment(PadCropFlip(4))}}} {
		b.Run(c.name, func(b *testing.B) {
			s := newStream(newBatches(b, d, 64, 1, c.opts...), 0)
			b.ReportAllocs()
			for b.Loop() {
				batch, err := s.next()
				if err != nil {
					b.Fatal(err)
				}
				_ = batch.Finalize()
			}
			b.ReportMetric(64*float64(b.N)/b.Elapsed().Seconds(), "images/s")
		})
	}
}
