// Tests of images that are not read: none is passed over in silence.

package data

import (
	"bytes"
	"image"
	"image/color"
	_ "image/gif" // a program may import it: a GIF image must be refused all the same
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var webp = []byte("RIFF\x10\x00\x00\x00WEBPVP8 ")

// asPNG is an image as a PNG file.
func asPNG(t *testing.T, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// In a class folder an image of another kind is refused by its name or its content; what is no
// image is passed over.
func TestFoldersWithOtherImages(t *testing.T) {
	jpeg := shade(30)
	for name, c := range map[string]struct {
		file    string
		content []byte
		refused string
	}{
		"WebP":                 {"a/2.webp", webp, "a/2.webp: it is a WebP image, neither JPEG nor PNG: save it as JPEG or PNG, or take it away"},
		"capitals":             {"a/2.WEBP", webp, "it is a WebP image"},
		"below a class folder": {"a/b/2.tiff", nil, "a/b/2.tiff: it is a TIFF image"},
		"beside class folders": {"2.avif", nil, "2.avif: it is an AVIF image"},
		"HEIC":                 {"a/2.heic", nil, "it is a HEIC image"},
		"BMP":                  {"a/2.bmp", nil, "it is a BMP image"},
		"GIF":                  {"a/2.gif", nil, "it is a GIF image"},
		"numpy":                {"a/2.npy", nil, "it is a numpy array"},
		"an archive":           {"a/more.zip", nil, "a/more.zip: it is an archive in a folder of images: unpack it"},
		"no ending, WebP":      {"a/2", webp, "a/2: it is a WebP image"},
		"no ending, JPEG":      {"a/2", jpeg, "a/2: it is a JPEG image whose name does not say so: let its name end in .jpg"},
		"another ending":       {"a/2.tmp", []byte("\x89PNG\r\n\x1a\n...."), "a/2.tmp: it is a PNG image whose name"},
		"Windows' thumbnails":  {"a/Thumbs.db", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1...."), ""},
		"macOS's":              {"a/.DS_Store", []byte("\x00\x00\x00\x01Bud1"), ""},
		"hidden":               {"a/.2.webp", webp, ""},
		"boxes":                {"a/2.xml", []byte("<annotation>"), ""},
		"a list":               {"list.txt", []byte("BMW a car"), ""},
		"empty":                {"a/empty", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, part := range []string{"train", "val"} {
				put(t, filepath.Join(dir, part, "a", "1.jpg"), shade(10))
				put(t, filepath.Join(dir, part, "b", "1.jfif"), shade(20))
			}
			put(t, filepath.Join(dir, "train", c.file), c.content)
			train, test, err := labelsOf(t, dir)
			checkLabels(t, byGrey{10: 0, 20: 1}, byGrey{10: 0, 20: 1}, c.refused, train, test, err)
		})
	}
	t.Run("a link to nothing", func(t *testing.T) {
		dir := t.TempDir()
		put(t, filepath.Join(dir, "train", "1", "1.jpg"), shade(10))
		put(t, filepath.Join(dir, "val", "1", "1.jpg"), shade(10))
		if err := os.Symlink("nowhere", filepath.Join(dir, "train", "1", "link")); err != nil {
			t.Skip(err)
		}
		train, test, err := labelsOf(t, dir)
		checkLabels(t, byGrey{10: 1}, byGrey{10: 1}, "", train, test, err)
	})
}

// In tar files an image of another kind may be one more field of an example, but not the example.
func TestTarsWithOtherImages(t *testing.T) {
	for name, c := range map[string]struct {
		files   files
		train   byGrey
		refused string
	}{
		"a field":        {files{"1.jpg": 10, "1.cls": "7", "1.seg.webp": string(webp)}, byGrey{10: 7}, ""},
		"an example":     {files{"7/1.jpg": 10, "7/2.webp": string(webp), "n01440764/1.jpg": 20}, nil, "7/2.webp in it: it is a WebP image, neither JPEG nor PNG: save it as JPEG or PNG"},
		"no ending":      {files{"1.jpg": 10, "1.cls": "7", "2": "GIF89a........"}, nil, "2 in it: it is a GIF image"},
		"a wrong ending": {files{"1.jpg": 10, "1.cls": "7", "2.tmp": 20}, nil, "2.tmp in it: it is a JPEG image whose name does not say so"},
		"packed":         {files{"1.jpg": 10, "1.cls": "7", "x.tar.gz": "x"}, nil, "x.tar.gz in it is a packed archive: unpack it"},
		"notes":          {files{"1.jpg": 10, "1.cls": "7", "README": "read", "2.json": "{}"}, byGrey{10: 7}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, filepath.Join(dir, "train-0.tar"), packed(c.files))
			put(t, filepath.Join(dir, "val-0.tar"), packed(c.files))
			train, test, err := labelsOf(t, dir)
			checkLabels(t, c.train, c.train, c.refused, train, test, err)
			if err != nil && strings.Contains(err.Error(), "anew") {
				t.Errorf("the file is whole: %v", err)
			}
		})
	}
}

// A file that is named JPEG and is another kind is whole: the message says what it is.
func TestContentOfAnotherKind(t *testing.T) {
	for content, want := range map[string]string{
		string(webp):                   "it is a WebP image, neither JPEG nor PNG",
		"GIF89a........":               "it is a GIF image, neither JPEG nor PNG",
		"\x00\x00\x00\x20ftypavif":     "it is an AVIF image, neither JPEG nor PNG",
		"II*\x00........":              "it is a TIFF image, neither JPEG nor PNG",
		"":                             "neither JPEG nor PNG",
		"RIFF\x00\x00\x00\x00WAVEfmt ": "neither JPEG nor PNG",
	} {
		var d decoder
		if _, err := d.decode([]byte(content)); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %q", content, err, want)
		}
	}
	eval, err := NewEval(newStored(small("set"), memoryShelf{shade(1), webp}, centreCrop(9), Options{}), 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range eval.Iter() {
		const want = "image 1 cannot be read: it is a WebP image, neither JPEG nor PNG: save it as JPEG or PNG, or take it out of the set"
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// What is transparent lies on white, in each form that PNG has for it, and colours that are not
// transparent stay exactly what they are.
func TestTransparency(t *testing.T) {
	clear, half, full := color.NRGBA{200, 0, 0, 0}, color.NRGBA{200, 0, 100, 128}, color.NRGBA{200, 1, 254, 255}
	colours := []color.NRGBA{clear, half, full}
	rect := image.Rect(0, 0, 3, 1)
	nrgba, deep := image.NewNRGBA(rect), image.NewNRGBA64(rect)
	palette := image.NewPaletted(rect, color.Palette{clear, half, full})
	for x, c := range colours {
		nrgba.Set(x, 0, c)
		deep.Set(x, 0, c)
		palette.SetColorIndex(x, 0, uint8(x))
	}
	want := []uint8{255, 255, 255, 227, 127, 177, 200, 1, 254}
	for name, m := range map[string]image.Image{"8 bits": nrgba, "16 bits": deep, "palette": palette} {
		var d decoder
		for range 2 { // memory is used again
			p, err := d.decode(asPNG(t, m))
			if err != nil {
				t.Fatal(err)
			}
			for k, v := range want {
				if e := int(p.Pixels[k]) - int(v); e < -1 || e > 1 || (k < 3 || k > 5) && e != 0 {
					t.Errorf("%s: pixels %v, want %v", name, p.Pixels, want)
					break
				}
			}
		}
	}
}

// No name stands for two things, and each of the magics is found.
func TestKinds(t *testing.T) {
	for ext := range maps.Keys(unreadNames) {
		if isImage("x"+ext) || ext != strings.ToLower(ext) {
			t.Errorf("%s is read too, or has capitals", ext)
		}
	}
	for _, m := range magic {
		if len(m.head) > maxMagic {
			t.Errorf("%q is longer than maxMagic", m.head)
		}
		content := []byte(strings.ReplaceAll(m.head, "?", "\x00") + "....")
		if got := kindOf(content); got != m.kind {
			t.Errorf("%q: %q, want %q", content, got, m.kind)
		}
		if got := kindOf(content[:len(m.head)-1]); got == m.kind && m.head[0] != '\xff' {
			t.Errorf("%q cut off: %q", content, got)
		}
	}
}
