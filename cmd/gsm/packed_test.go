package main

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gsmlab/models/data"
)

// TestPackedNetworks: the networks that are kept in the repository are as small and as good as
// docs/deploy.md says.
func TestPackedNetworks(t *testing.T) {
	if testing.Short() {
		t.Skip("it measures on MNIST")
	}
	test, err := data.LoadTest(context.Background(), "mnist", data.Options{Offline: true})
	if err != nil {
		t.Skip(err)
	}
	samples, err := samplesOf(context.Background(), test, math.MaxInt)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		file     string
		bytes    int
		accuracy float64
	}{
		{"lenet-300-100-60x.gsm", 4_109, 0.9833},
		{"lenet-300-100-100x.gsm", 2_970, 0.9811},
		{"lenet-5-125x.gsm", 3_402, 0.9920},
		{"lenet-5-300x.gsm", 1_681, 0.9922},
	} {
		path := filepath.Join("..", "..", "models", "packed", c.file)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		_, n, err := loadPacked("test", path)
		if err != nil {
			t.Fatal(err)
		}
		accuracy, _, err := samples.Measure(context.Background(), n)
		if err != nil {
			t.Fatal(err)
		}
		// kernels differ between machines, and with them the last bits of a sum
		if info.Size() != int64(c.bytes) || math.Abs(accuracy-c.accuracy) > 0.0002 {
			t.Errorf("%s: %d bytes, accuracy %g: want %d and %g", c.file, info.Size(), accuracy, c.bytes, c.accuracy)
		}
	}
}

// TestReadImage: the same digit is read from files of each kind, bright on black or dark on bright,
// of any size, and on transparency.
func TestReadImage(t *testing.T) {
	const side = 112
	ink := func(x, y int) bool { return x > 40 && x < 72 && y > 16 && y < 96 }
	draw := func(on, off color.Color) image.Image {
		m := image.NewNRGBA(image.Rect(0, 0, side, side))
		for y := range side {
			for x := range side {
				m.Set(x, y, off)
				if ink(x, y) {
					m.Set(x, y, on)
				}
			}
		}
		return m
	}
	dir := t.TempDir()
	var want []float32
	for _, c := range []struct {
		name    string
		picture image.Image
		said    string
	}{
		{"bright.png", draw(color.White, color.Black), ""},
		{"dark.png", draw(color.Black, color.White), "dark on bright, so its negative is taken"},
		{"transparent.png", draw(color.Black, color.Transparent), "dark on bright, so its negative is taken"},
		{"photo.jpg", draw(color.White, color.Black), ""},
		{"lost.png", draw(color.White, color.Transparent), "it looks the same everywhere"},
	} {
		file := filepath.Join(dir, c.name)
		var raw bytes.Buffer
		err := png.Encode(&raw, c.picture)
		if strings.HasSuffix(c.name, "jpg") {
			raw.Reset()
			err = jpeg.Encode(&raw, c.picture, nil)
		}
		if err := errors.Join(err, os.WriteFile(file, raw.Bytes(), 0o666)); err != nil {
			t.Fatal(err)
		}
		var said bytes.Buffer
		pixels, err := readImage(file, []int{28, 28, 1}, newConsole(&said))
		if err != nil {
			t.Fatal(err)
		}
		if c.said == "" && said.Len() > 0 || !strings.Contains(said.String(), c.said) {
			t.Errorf("%s: said %q: must be %q", c.name, said.String(), c.said)
		}
		if c.name == "lost.png" {
			continue
		}
		if want == nil {
			want = pixels
			if pixels[14*28+14] != 1 || pixels[0] != 0 {
				t.Fatalf("the middle is %g and the corner %g: must be 1 and 0", pixels[14*28+14], pixels[0])
			}
		}
		for i, v := range pixels { // JPEG rounds, and rings at edges
			if d := v - want[i]; d > 0.1 || d < -0.1 {
				t.Fatalf("%s: pixel %d is %g: must be %g", c.name, i, v, want[i])
			}
		}
	}
}
