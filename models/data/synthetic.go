package data

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
)

// SyntheticImageNet returns a set of ImageNet's shape for tests and benchmarks: that many training
// and test images, which are decoded and scaled like ImageNet's and cost as much, but take no space
// on the disk. They are 16 textures, as JPEG files of the usual 500x375 and about 110 kB, and each
// texture is a class of its own.
func SyntheticImageNet(train, test int, opt Options) (Split, error) {
	const textures = 16
	var files [][]byte
	for k := range textures {
		file, err := texture(k, 375, 500)
		if err != nil {
			return Split{}, fmt.Errorf("data: synthetic images: %w", err)
		}
		files = append(files, file)
	}
	return Split{
		Train: newStored(imageNetForm("synthetic-train", RandomResizedCrop()), synthetic{files, train}, centreCrop(imageNetResize), opt),
		Test:  newStored(imageNetForm("synthetic-test", nil), synthetic{files, test}, centreCrop(imageNetResize), opt),
	}, nil
}

// synthetic is a shelf whose images repeat.
type synthetic struct {
	files [][]byte
	n     int
}

func (s synthetic) len() int          { return s.n }
func (s synthetic) blocks() []int     { return nil }
func (s synthetic) name(i int) string { return fmt.Sprintf("synthetic image %d", i) }
func (s synthetic) open(int) fetcher  { return s }
func (s synthetic) load(int) error    { return nil }

func (s synthetic) fetch(i int, buf []byte) ([]byte, int32, error) {
	k := i % len(s.files)
	return append(buf[:0], s.files[k]...), int32(k), nil
}

// texture is a JPEG of stripes with noise, so that its size is that of a photograph's.
func texture(seed, height, width int) ([]byte, error) {
	rng := rand.New(rand.NewPCG(uint64(seed), 1))
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	base := [3]int{rng.IntN(160), rng.IntN(160), rng.IntN(160)}
	stripe := 4 + rng.IntN(40)
	for y := range height {
		for x := range width {
			v := 60 * ((x + y*(1+seed%3)) / stripe % 2)
			noise := rng.IntN(36)
			m.SetRGBA(x, y, color.RGBA{uint8(base[0] + v + noise), uint8(base[1] + v + noise), uint8(base[2] + v/2 + noise), 255})
		}
	}
	var b bytes.Buffer
	err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 90})
	return b.Bytes(), err
}
