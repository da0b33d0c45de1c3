// Tests of JPEG decoding against pixels that Pillow gave.

package data

import (
	"bytes"
	"errors"
	"image"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// difference is how far two pictures are apart: the greatest difference, and the share of the
// values that differ.
func difference(t *testing.T, got Picture, want image.Image) (most int, share float64) {
	t.Helper()
	if size := want.Bounds().Size(); got.Height != size.Y || got.Width != size.X {
		t.Fatalf("%dx%d, want %v", got.Width, got.Height, size)
	}
	differ := 0
	for y := range got.Height {
		for x := range got.Width {
			r, g, b, _ := want.At(x, y).RGBA()
			for c, w := range []uint32{r, g, b} {
				d := int(got.Pixels[3*(y*got.Width+x)+c]) - int(w>>8)
				if d != 0 {
					differ++
				}
				most = max(most, d, -d)
			}
		}
	}
	return most, float64(differ) / float64(len(got.Pixels))
}

// JPEG files have the pixels that Pillow has (testdata/jpeg.py), but for the roundings of the
// inverse cosine transform, by which the standard library's samples differ by one in 2 % of the
// places: a colour then differs by up to 3, as 1.77 of a chroma's difference is added to that of
// the luma. Where blocks have no waves there is no difference at all. Those files that the decoder
// cannot read are named as what they are.
func TestJPEGIsPillows(t *testing.T) {
	paths, err := filepath.Glob("testdata/jpeg/*.jpg")
	if err != nil || len(paths) < 40 {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	kinds := map[string]string{
		"no-restart-blocks": "JPEG with restart markers between blocks of one component, which is not supported",
		"no-arithmetic":     "JPEG with arithmetic coding, which is not supported", "no-arithmetic-progressive": "JPEG with arithmetic coding, which is not supported",
		"no-luma-1x1": "JPEG with sampling 1x1,2x2,2x2, which is not supported", "no-cr-2x1": "JPEG with sampling 2x2,1x1,2x1, which is not supported",
	}
	var d decoder
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".jpg")
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		p, err := d.decode(content)
		if want := kinds[name]; want != "" {
			if err == nil || !errors.As(err, new(unsupported)) || err.Error() != want {
				t.Errorf("%s: got %v, want %q", name, err, want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		oracle, err := os.ReadFile(strings.TrimSuffix(path, ".jpg") + ".png")
		if err != nil {
			t.Fatal(err)
		}
		want, err := png.Decode(bytes.NewReader(oracle))
		if err != nil {
			t.Fatal(err)
		}
		most, share := difference(t, p, want)
		t.Logf("%-24s at most %d, %.1f %% of the values", name, most, 100*share)
		limit := 3
		if strings.HasPrefix(name, "exact-") {
			limit = 0
		}
		if most > limit || share > 0.1 && p.Height*p.Width > 100 {
			t.Errorf("%s: differs by up to %d, and in %.1f %% of the values, from Pillow's", name, most, 100*share)
		}
		// Cut off, it is an error.
		if _, err := d.decode(content[:len(content)-40]); err == nil {
			t.Errorf("%s cut off is decoded", name)
		}
	}
}

// Heads that say what is not so, and kinds that no encoder at hand makes.
func TestJPEGHeads(t *testing.T) {
	file := shade(99)
	frame := bytes.Index(file, []byte{0xff, 0xc0})
	with := func(at int, b ...byte) []byte {
		c := bytes.Clone(file)
		copy(c[frame+at:], b)
		return c
	}
	for want, file := range map[string][]byte{
		"JPEG with 12 bits a sample, which is not supported":     with(4, 12),
		"JPEG with lossless coding, which is not supported":      with(1, 0xc3),
		"JPEG with hierarchical coding, which is not supported":  with(1, 0xc5),
		"JPEG with 2 components, which is not supported":         append(bytes.Clone(file[:frame]), 0xff, 0xc0, 0, 14, 8, 0, 8, 0, 8, 2, 1, 0x11, 0, 2, 0x11, 0, 0xff, 0xda, 0, 2),
		"the frame's header has another length than it should":   with(9, 4),
		"there are two frames":                                   append(bytes.Clone(file[:frame]), append(bytes.Clone(file[frame:frame+19]), file[frame:]...)...),
		"there is no frame before the first scan":                {0xff, 0xd8, 0xff, 0xda, 0, 2},
		"a segment has no length":                                {0xff, 0xd8, 0xff, 0xe0, 0, 1},
		"unexpected EOF":                                         file[:frame+6],
		"its size is 0x16":                                       with(7, 0, 0),
		"invalid JPEG format: luma/chroma subsampling ratio":     with(11, 0x05),
		"JPEG with sampling 3x1,1x1,1x1, which is not supported": with(11, 0x31),
	} {
		var d decoder
		if _, err := d.decode(file); err == nil || err.Error() != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// FuzzDecode compares with the standard library what it decodes: the size is the same, and grey is.
func FuzzDecode(f *testing.F) {
	for _, name := range []string{"2x2-17x16", "4x1-37x51", "ycck-2x2", "grey", "adobe-rgb", "restart", "progressive", "no-arithmetic"} {
		content, err := os.ReadFile("testdata/jpeg/" + name + ".jpg")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Add([]byte("\xff\xd8\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if head, err := jpeg.DecodeConfig(bytes.NewReader(b)); err == nil && head.Width*head.Height > 1<<20 {
			t.Skip("large")
		}
		var d decoder
		p, err := d.decode(b)
		if err != nil {
			if strings.Contains(err.Error(), "it cannot be decoded: ") {
				t.Fatal(err) // a panic
			}
			return
		}
		if len(p.Pixels) != 3*p.Height*p.Width || len(p.Pixels) == 0 {
			t.Fatalf("%d bytes for %dx%d", len(p.Pixels), p.Width, p.Height)
		}
	})
}
