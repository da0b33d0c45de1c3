package data

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
)

// This file decodes JPEG files to the pixels that libjpeg-turbo, and so Pillow, makes of them,
// which published accuracies are measured with. The standard library's decoder gives the planes;
// their values differ from libjpeg's by one in some places, as its inverse cosine transform rounds
// in another way. What follows is libjpeg's: chroma is interpolated (the standard library repeats
// it, and differs by up to 22 of 255 in photographs), and colours are converted in its whole
// numbers.

// jpegHead is what a JPEG file says of itself before its first scan.
type jpegHead struct {
	frame         byte // the SOF marker
	precision     int
	height, width int
	components    []jpegComponent
	jfif          bool
	adobe         int // the transform of the Adobe marker, -1 without one
	adobeAt       int // its place in the file
}

type jpegComponent struct{ id, h, v int }

// The markers that are looked at.
const (
	markSOI, markSOS, markDRI, markAPP0, markAPP14, markTEM = 0xd8, 0xda, 0xdd, 0xe0, 0xee, 0x01

	markDHT, markJPG, markDAC = 0xc4, 0xc8, 0xcc // among the SOFs, but none
)

// readJPEGHead reads the segments before the first scan.
func readJPEGHead(content []byte) (h jpegHead, err error) {
	h.adobe = -1
	b := content[2:]
	for {
		// Rubbish between segments is passed over, as the decoder does.
		at := bytes.IndexByte(b, 0xff)
		if at < 0 {
			return h, io.ErrUnexpectedEOF
		}
		for b = b[at:]; len(b) > 0 && b[0] == 0xff; {
			b = b[1:]
		}
		if len(b) == 0 {
			return h, io.ErrUnexpectedEOF
		}
		mark := b[0]
		b = b[1:]
		if mark == 0 || mark == markSOI || mark == markTEM || mark >= 0xd0 && mark <= 0xd7 {
			continue
		}
		if len(b) < 2 {
			return h, io.ErrUnexpectedEOF
		}
		n := int(binary.BigEndian.Uint16(b))
		switch {
		case n < 2:
			return h, errors.New("a segment has no length")
		case n > len(b):
			return h, io.ErrUnexpectedEOF
		case mark == markSOS:
			if h.frame == 0 {
				return h, errors.New("there is no frame before the first scan")
			}
			return h, nil
		}
		segment := b[2:n]
		switch {
		case mark >= 0xc0 && mark <= 0xcf && mark != markDHT && mark != markJPG && mark != markDAC:
			if err := h.setFrame(mark, segment); err != nil {
				return h, err
			}
		case mark == markAPP0 && bytes.HasPrefix(segment, []byte("JFIF\x00")):
			h.jfif = true
		case mark == markAPP14 && len(segment) >= 12 && bytes.HasPrefix(segment, []byte("Adobe")):
			h.adobe, h.adobeAt = int(segment[11]), len(content)-len(b)+2+11
		}
		b = b[n:]
	}
}

func (h *jpegHead) setFrame(mark byte, s []byte) error {
	if h.frame != 0 {
		return errors.New("there are two frames")
	}
	if len(s) < 6 || len(s) != 6+3*int(s[5]) {
		return errors.New("the frame's header has another length than it should")
	}
	h.frame, h.precision = mark, int(s[0])
	h.height, h.width = int(binary.BigEndian.Uint16(s[1:])), int(binary.BigEndian.Uint16(s[3:]))
	for c := s[6:]; len(c) > 0; c = c[3:] {
		h.components = append(h.components, jpegComponent{int(c[0]), int(c[1] >> 4), int(c[1] & 15)})
	}
	return nil
}

// unsupported names the kind of file that the decoder has no code for, nil if there is none.
func (h *jpegHead) unsupported() error {
	name := func(kind string) error {
		return unsupported("JPEG with " + kind + ", which is not supported")
	}
	switch {
	case h.frame == 0xc9 || h.frame == 0xca:
		return name("arithmetic coding")
	case h.frame == 0xc3 || h.frame == 0xcb:
		return name("lossless coding")
	case h.frame > 0xc3:
		return name("hierarchical coding")
	case h.precision != 8:
		return name(fmt.Sprintf("%d bits a sample", h.precision))
	case len(h.components) != 1 && len(h.components) != 3 && len(h.components) != 4:
		return name(fmt.Sprintf("%d components", len(h.components)))
	}
	return nil
}

// sampling tells how many samples of each component there are, as in 2x2,1x1,1x1.
func (h *jpegHead) sampling() (s string) {
	for i, c := range h.components {
		if i > 0 {
			s += ","
		}
		s += fmt.Sprintf("%dx%d", c.h, c.v)
	}
	return s
}

// restartsBlocks tells whether there is a scan of one component with several samples in a unit, and
// restart markers in it. The decoder looks for them after units, where such scans have them after
// blocks.
func (h *jpegHead) restartsBlocks(content []byte) bool {
	interval := 0
	for i := 2; i+6 < len(content); i++ {
		if content[i] != 0xff {
			continue
		}
		switch content[i+1] {
		case markDRI:
			interval = int(binary.BigEndian.Uint16(content[i+4:]))
		case markSOS:
			for _, c := range h.components {
				if interval > 0 && len(h.components) > 1 && content[i+4] == 1 && int(content[i+5]) == c.id && c.h*c.v > 1 {
					return true
				}
			}
		}
	}
	return false
}

// isRGB tells whether three components are no luma and chroma, by libjpeg's rules.
func (h *jpegHead) isRGB() bool {
	c := h.components
	switch {
	case h.jfif:
		return false
	case h.adobe >= 0:
		return h.adobe == 0
	}
	return c[0].id == 'R' && c[1].id == 'G' && c[2].id == 'B'
}

// The segments that make the decoder return the components as they are stored. Colours are
// converted here, where chroma is interpolated before.
var (
	jfifSegment  = []byte("\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00")
	adobeSegment = []byte("\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00")
)

// raw reads the file with a head that asks for the components as they are stored.
func (h *jpegHead) raw(content []byte) io.Reader {
	switch rest := content[2:]; {
	case len(h.components) == 3:
		return io.MultiReader(bytes.NewReader(content[:2]), bytes.NewReader(jfifSegment), bytes.NewReader(rest))
	case len(h.components) == 4 && h.adobe < 0:
		return io.MultiReader(bytes.NewReader(content[:2]), bytes.NewReader(adobeSegment), bytes.NewReader(rest))
	case len(h.components) == 4 && h.adobe > 0:
		return io.MultiReader(bytes.NewReader(content[:h.adobeAt]), bytes.NewReader([]byte{0}), bytes.NewReader(content[h.adobeAt+1:]))
	}
	return bytes.NewReader(content)
}

// decodeJPEG returns the pixels of a file that begins as JPEG files do.
func (d *decoder) decodeJPEG(content []byte) (Picture, error) {
	h, err := readJPEGHead(content)
	if err != nil {
		return Picture{}, err
	}
	if err := h.unsupported(); err != nil {
		return Picture{}, err
	}
	p, err := d.picture(h.height, h.width)
	if err != nil {
		return Picture{}, err
	}
	m, err := jpeg.Decode(h.raw(content))
	if err != nil {
		if why, ok := errors.AsType[jpeg.UnsupportedError](err); ok && why == "luma/chroma subsampling ratio" {
			return Picture{}, unsupported("JPEG with sampling " + h.sampling() + ", which is not supported")
		}
		if h.restartsBlocks(content) {
			return Picture{}, unsupported("JPEG with restart markers between blocks of one component, which is not supported")
		}
		return Picture{}, err
	}
	switch m := m.(type) {
	case *image.YCbCr:
		x, y := h.components[0].h/h.components[1].h, h.components[0].v/h.components[1].v
		d.planes = append(d.planes[:0], plane{pixels: m.Y, stride: m.YStride, width: p.Width, height: p.Height, x: 1, y: 1})
		for _, pixels := range [][]uint8{m.Cb, m.Cr} {
			d.planes = append(d.planes, plane{pixels: pixels, stride: m.CStride, width: (p.Width + x - 1) / x, height: (p.Height + y - 1) / y, x: x, y: y})
		}
		d.join(p, map[bool]func([]uint8, [4][]uint8){true: rgbRow, false: yccRow}[h.isRGB()])
	case *image.CMYK:
		d.planes = cmykPlanes(d.planes[:0], m, h.components)
		d.join(p, map[bool]func([]uint8, [4][]uint8){true: ycckRow, false: cmykRow}[h.adobe > 0])
	case *image.Gray:
		d.planes = append(d.planes[:0], plane{pixels: m.Pix, stride: m.Stride, width: p.Width, height: p.Height, x: 1, y: 1})
		d.join(p, greyRow)
	default: // RGB that a second APP0 segment hides from raw
		d.convert(p, m)
	}
	return p, nil
}

// cmykPlanes takes the stored components apart again. The decoder has inverted and repeated them.
func cmykPlanes(planes []plane, m *image.CMYK, components []jpegComponent) []plane {
	size := m.Bounds().Size()
	for t := range 4 {
		x, y := components[0].h/components[t].h, components[0].v/components[t].v
		p := plane{width: (size.X + x - 1) / x, height: (size.Y + y - 1) / y, x: x, y: y}
		p.stride = p.width
		p.pixels = make([]uint8, p.width*p.height)
		for i := range p.pixels {
			p.pixels[i] = 255 - m.Pix[i/p.width*y*m.Stride+i%p.width*x*4+t]
		}
		planes = append(planes, p)
	}
	return planes
}

// join makes pixels of the planes, row by row.
func (d *decoder) join(p Picture, convert func(out []uint8, in [4][]uint8)) {
	for i := range d.planes {
		if c := &d.planes[i]; len(d.rows[i]) < c.width*c.x {
			d.rows[i] = make([]uint8, c.width*c.x)
		}
	}
	var in [4][]uint8
	for y := range p.Height {
		for i := range d.planes {
			in[i] = d.planes[i].row(y, d.rows[i])[:p.Width]
		}
		convert(p.Pixels[3*y*p.Width:3*(y+1)*p.Width], in)
	}
}
