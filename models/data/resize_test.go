package data

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// noise is a picture whose value number i is (7 i² + floor(13 i / 8)) mod 256.
func noise(height, width int) Picture {
	p := counted(height, width, 3)
	for i := range p.Pixels {
		p.Pixels[i] = uint8(7*i*i + i*13>>3)
	}
	return p
}

func picture(height, width int) Picture {
	return blank(Picture{make([]uint8, 3*height*width), height, width, 3})
}

// The sums are those of Pillow 12's Image.crop((left, top, left+width, top+height)).resize((w, h),
// Image.BILINEAR).
func TestScaleIsPillows(t *testing.T) {
	src := noise(40, 50)
	for _, c := range []struct {
		part          box
		height, width int
		sum           string
	}{
		{box{5, 10, 20, 30}, 7, 7, "643827e77d38cd5dd4fc148a496440e998404cf2216ac424f6b599b63be70f32"},
		{box{0, 0, 40, 50}, 51, 64, "9acf78825b2ef1954537a15f23007f94ca0aefe635d9d12379808d7b5aeb7da5"},
		{box{0, 0, 40, 50}, 224, 224, "017f83be657f23ac7a569f6b94be87dd0229c8d0fd9959b94b1b69a48ac10182"},
		{box{2, 3, 4, 4}, 4, 4, "46af059d73fea38cb2ef56d2c62a390d53a361f4d344b5c19abc89f64ceab740"},
		{box{0, 0, 40, 50}, 1, 1, "d732297babadbbda2edd3a6626d96d952c24dcc6400617b749a00166ec7b72ed"},
	} {
		dst := picture(c.height, c.width)
		scale(dst, src, c.part, c.height, c.width, 0, 0)
		if got := sumHex(dst.Pixels); got != c.sum {
			t.Errorf("%v to %dx%d: first pixel %v, last %v, sum %s, want %s", c.part, c.height, c.width,
				dst.Pixels[:3], dst.Pixels[len(dst.Pixels)-3:], got, c.sum)
		}
		// A window of the result is the same as the window cut out of it.
		if c.height > 4 {
			cut, want := picture(c.height-4, c.width-3), picture(c.height-4, c.width-3)
			scale(cut, src, c.part, c.height, c.width, 3, 2)
			shiftInto(want, dst, 3, 2)
			if !slices.Equal(cut.Pixels, want.Pixels) {
				t.Errorf("%v to %dx%d: the window is not that of the whole", c.part, c.height, c.width)
			}
		}
	}
	// The same with one channel as with three equal ones.
	grey, three := counted(9, 11, 1), picture(9, 11)
	for i := range three.Pixels {
		three.Pixels[i] = grey.Pixels[i/3]
	}
	one, out := blank(counted(5, 4, 1)), picture(5, 4)
	scale(one, grey, box{0, 0, 9, 11}, 5, 4, 0, 0)
	scale(out, three, box{0, 0, 9, 11}, 5, 4, 0, 0)
	for i, v := range out.Pixels {
		if v != one.Pixels[i/3] {
			t.Fatalf("one channel %v, three %v", one.Pixels, out.Pixels)
		}
	}
}

// Where the shorter side already is 256, centreCrop is the middle as it is; shapes at the limits do
// not fail.
func TestCentreCrop(t *testing.T) {
	src := noise(256, 301)
	dst, want := picture(224, 224), picture(224, 224)
	centreCrop(256)(dst, src, nil)
	shiftInto(want, src, 16, 38) // (301-224)/2 = 38.5, to even
	if !slices.Equal(dst.Pixels, want.Pixels) {
		t.Error("not the middle")
	}
	for _, size := range [][2]int{{1, 1}, {1, 3000}, {3000, 1}, {256, 256}, {255, 257}} {
		src := picture(size[0], size[1]) // every pixel is 99
		centreCrop(256)(dst, src, nil)
		if slices.Min(dst.Pixels) != 99 || slices.Max(dst.Pixels) != 99 {
			t.Errorf("%v: an even picture is not even any more: %v", size, dst.Pixels[:6])
		}
	}
}

// Parts have 8 to 100 % of the area and sides of 3:4 to 4:3 (up to rounding), are evenly spread,
// and the very long picture gets its middle. Draws are pinned: a run saved by an earlier version
// must go on the same.
func TestRandomResizedCrop(t *testing.T) {
	rng := rand.New(rand.NewChaCha8([32]byte{1}))
	src := picture(375, 500)
	area, n := 0.0, 2000
	for range n {
		b := randomPart(src, rng)
		share, ratio := float64(b.height*b.width)/(375*500), float64(b.width)/float64(b.height)
		if share < 0.079 || share > 1 || ratio < 0.74 || ratio > 1.35 || b.top < 0 || b.left < 0 || b.top+b.height > 375 || b.left+b.width > 500 {
			t.Fatalf("part %+v: %.3f of the area, sides %.3f", b, share, ratio)
		}
		area += share / float64(n)
	}
	// With sides of r a part has at most 3r/4 of this picture's area, and larger ones are drawn
	// anew: the mean of what remains is the integral of (s²-0.08²)/2 over that of s-0.08, with s =
	// 3r/4 and log r even: 0.432.
	if area < 0.415 || area > 0.449 {
		t.Errorf("mean area %.3f, want about 0.432", area)
	}
	for _, c := range []struct {
		height, width int
		want          box
	}{{100, 10, box{43, 0, 13, 10}}, {10, 1000, box{0, 493, 10, 13}}, {1, 1, box{0, 0, 1, 1}}} {
		if got := randomPart(picture(c.height, c.width), rand.New(rand.NewChaCha8([32]byte{2}))); got != c.want {
			t.Errorf("part of %dx%d: %+v, want %+v", c.height, c.width, got, c.want)
		}
	}
	rng = rand.New(rand.NewChaCha8([32]byte{3}))
	if got, want := fmt.Sprint(randomPart(src, rng), randomPart(src, rng)), "{4 141 165 206} {27 62 220 270}"; got != want {
		t.Errorf("parts %s, want %s", got, want)
	}
	dst, whole, r := picture(224, 224), noise(375, 500), new(scaler)
	r.scale(dst, whole, box{0, 0, 375, 500}, 224, 224, 0, 0)
	if n := testing.AllocsPerRun(20, func() { r.scale(dst, whole, randomPart(whole, rng), 224, 224, 0, 0) }); n != 0 {
		t.Errorf("%g allocations for an image", n)
	}
}
