package data

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// This file tells images that are read from those that are not. An image that nobody reads must not
// be passed over in silence: a class would have fewer images than its folder shows, or none.

// isImage tells by the name. (One of ImageNet's .JPEG files is a PNG; that is seen when it is
// decoded.)
func isImage(name string) bool {
	if strings.HasPrefix(path.Base(filepath.ToSlash(name)), ".") {
		// as macOS's ._x.jpg, which is none
		return false
	}
	switch strings.ToLower(filepath.Ext(name)) {
	case ".jpeg", ".jpg", ".jpe", ".jfif", ".png":
		return true
	}
	return false
}

// unreadNames are the kinds of images, and of what images are packed in, by the ends of names.
var unreadNames = map[string]string{
	".webp": "a WebP image", ".gif": "a GIF image", ".bmp": "a BMP image", ".dib": "a BMP image",
	".tif": "a TIFF image", ".tiff": "a TIFF image", ".avif": "an AVIF image", ".heic": "a HEIC image", ".heif": "a HEIC image",
	".jp2": "a JPEG 2000 image", ".j2k": "a JPEG 2000 image", ".jpx": "a JPEG 2000 image", ".jxl": "a JPEG XL image",
	".pbm": "a PBM image", ".pgm": "a PGM image", ".ppm": "a PPM image", ".pnm": "a PPM image", ".tga": "a TGA image", ".ico": "an icon",
	".svg": "an SVG image", ".psd": "a Photoshop image", ".exr": "an OpenEXR image", ".hdr": "an HDR image", ".dcm": "a DICOM image",
	".dng": "a raw image", ".cr2": "a raw image", ".cr3": "a raw image", ".nef": "a raw image", ".arw": "a raw image",
	".npy": "a numpy array", ".npz": "a numpy array",
	".zip": "an archive", ".tar": "an archive", ".tgz": "an archive", ".gz": "an archive", ".xz": "an archive", ".bz2": "an archive",
	".7z": "an archive", ".rar": "an archive",
}

// magic is how the content of an image begins, with ? for any byte.
var magic = []struct{ head, kind string }{
	{"\xff\xd8\xff", "a JPEG image"}, {"\x89PNG\r\n\x1a\n", "a PNG image"},
	{"GIF87a", "a GIF image"}, {"GIF89a", "a GIF image"}, {"RIFF????WEBP", "a WebP image"},
	{"II*\x00", "a TIFF image"}, {"MM\x00*", "a TIFF image"}, {"BM????\x00\x00\x00\x00", "a BMP image"},
	{"????ftypavif", "an AVIF image"}, {"????ftypavis", "an AVIF image"},
	{"????ftyphei", "a HEIC image"}, {"????ftyphev", "a HEIC image"}, {"????ftypmif1", "a HEIC image"},
	{"\x00\x00\x00\x0cjP  \r\n\x87\n", "a JPEG 2000 image"}, {"\xff\x4f\xff\x51", "a JPEG 2000 image"},
	{"\x00\x00\x00\x0cJXL \r\n\x87\n", "a JPEG XL image"}, {"\xff\x0a", "a JPEG XL image"},
}

// maxMagic is the length of the longest.
const maxMagic = 12

// kindOf tells what image the content is, "" for none.
func kindOf(content []byte) string {
next:
	for _, m := range magic {
		if len(content) < len(m.head) {
			continue
		}
		for i := range len(m.head) {
			if m.head[i] != '?' && m.head[i] != content[i] {
				continue next
			}
		}
		return m.kind
	}
	return ""
}

// foreignImage is the error of a whole image of a kind that is not read.
type foreignImage string

func (e foreignImage) Error() string {
	return "it is " + string(e) + ", neither JPEG nor PNG"
}

const saveAsJPEG = "save it as JPEG or PNG"

// checkPassedOver is an error if the file, whose name is none of an image that is read, is an image
// all the same. Lists, notes and what systems leave in folders are passed over.
func checkPassedOver(dir, name string) error {
	if strings.HasPrefix(filepath.Base(name), ".") {
		return nil
	}
	full := filepath.Join(dir, name)
	what := unreadNames[strings.ToLower(filepath.Ext(name))]
	switch {
	case what == "an archive":
		return fmt.Errorf("%s: it is an archive in a folder of images: unpack it, or take it away", full)
	case what == "":
		if what = kindOf(headOf(full)); what == "a JPEG image" || what == "a PNG image" {
			return fmt.Errorf("%s: it is %s whose name does not say so: let its name end in .jpg or .png, or take it away", full, what)
		}
	}
	if what == "" {
		return nil
	}
	return fmt.Errorf("%s: %w: %s, or take it away", full, foreignImage(what), saveAsJPEG)
}

// headOf returns the first bytes of a file, none if it cannot be read.
func headOf(path string) []byte {
	if st, err := os.Stat(path); err != nil || !st.Mode().IsRegular() { // a pipe would wait
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	head := make([]byte, maxMagic)
	n, _ := io.ReadFull(f, head)
	return bytes.Clone(head[:n])
}
