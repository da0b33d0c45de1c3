package data

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/png" // One of ImageNet's files is one, though all are named JPEG.
)

// maxPixels bounds the memory that an image with a broken header may ask for; ImageNet's largest
// has 17 million.
const maxPixels = 100 << 20

// decoder turns encoded images into pixels. It is for one goroutine and uses its memory again.
type decoder struct {
	pixels []uint8
	rgba   *image.RGBA
	planes []plane    // of a JPEG file
	rows   [4][]uint8 // interpolated, of each plane
}

// decode returns the image as red, green and blue bytes, valid until the next call. The format is
// told from the content. Grey images get three equal channels; CMYK is converted, and what is
// transparent lies on white.
func (d *decoder) decode(content []byte) (p Picture, err error) {
	defer func() { // a decoder that a strange file makes panic must not end the training
		if e := recover(); e != nil {
			p, err = Picture{}, fmt.Errorf("it cannot be decoded: %v", e)
		}
	}()
	if bytes.HasPrefix(content, []byte{0xff, markSOI}) {
		return d.decodeJPEG(content)
	}
	switch kind := kindOf(content); kind {
	case "a PNG image":
	case "":
		return Picture{}, errors.New("neither JPEG nor PNG")
	default:
		return Picture{}, foreignImage(kind)
	}
	// not image.Decode, which depends on the packages that a program happens to import
	head, err := png.DecodeConfig(bytes.NewReader(content))
	if err != nil {
		return Picture{}, err
	}
	if p, err = d.picture(head.Height, head.Width); err != nil {
		return Picture{}, err
	}
	m, err := png.Decode(bytes.NewReader(content))
	if err != nil {
		return Picture{}, err
	}
	d.convert(p, m)
	return p, nil
}

// picture returns the memory for an image of that size.
func (d *decoder) picture(height, width int) (Picture, error) {
	if width < 1 || height < 1 || width > maxPixels/height {
		return Picture{}, fmt.Errorf("its size is %dx%d", width, height)
	}
	if need := 3 * width * height; cap(d.pixels) < need {
		d.pixels = make([]uint8, need)
	}
	return Picture{Pixels: d.pixels[:3*width*height], Height: height, Width: width, Channels: 3}, nil
}

// convert goes through image/draw, which has a quick way for each of the formats.
func (d *decoder) convert(p Picture, m image.Image) {
	if need := 4 * p.Width * p.Height; d.rgba == nil || cap(d.rgba.Pix) < need {
		d.rgba = &image.RGBA{Pix: make([]uint8, need)}
	}
	d.rgba.Pix, d.rgba.Stride, d.rgba.Rect = d.rgba.Pix[:4*p.Width*p.Height], 4*p.Width, image.Rect(0, 0, p.Width, p.Height)
	how := draw.Src
	if o, ok := m.(interface{ Opaque() bool }); ok && !o.Opaque() {
		draw.Draw(d.rgba, d.rgba.Rect, image.White, image.Point{}, draw.Src)
		how = draw.Over
	}
	draw.Draw(d.rgba, d.rgba.Rect, m, m.Bounds().Min, how)
	out := p.Pixels
	for in := d.rgba.Pix; len(in) >= 4 && len(out) >= 3; in, out = in[4:], out[3:] {
		out[0], out[1], out[2] = in[0], in[1], in[2]
	}
}
