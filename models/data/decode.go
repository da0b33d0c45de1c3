package data

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/draw"
	_ "image/jpeg" // The formats of ImageNet's files: all are named JPEG, one is a PNG.
	_ "image/png"
)

// maxPixels bounds the memory that an image with a broken header may ask for; ImageNet's largest has 17 million.
const maxPixels = 100 << 20

// decoder turns encoded images into pixels. It is for one goroutine and uses its memory again.
type decoder struct {
	pixels []uint8
	rgba   *image.RGBA
}

// decode returns the image as red, green and blue bytes, valid until the next call. The format is told from the
// content. Grey images get three equal channels; CMYK is converted, and what is transparent becomes black.
func (d *decoder) decode(content []byte) (p Picture, err error) {
	defer func() { // a decoder that a strange file makes panic must not end the training
		if e := recover(); e != nil {
			p, err = Picture{}, fmt.Errorf("it cannot be decoded: %v", e)
		}
	}()
	head, _, err := image.DecodeConfig(bytes.NewReader(content))
	if err != nil {
		if errors.Is(err, image.ErrFormat) {
			err = errors.New("neither JPEG nor PNG")
		}
		return Picture{}, err
	}
	if head.Width < 1 || head.Height < 1 || head.Width > maxPixels/head.Height {
		return Picture{}, fmt.Errorf("its size is %dx%d", head.Width, head.Height)
	}
	m, _, err := image.Decode(bytes.NewReader(content))
	if err != nil {
		return Picture{}, err
	}
	size := m.Bounds().Size()
	p = Picture{Height: size.Y, Width: size.X, Channels: 3}
	if need := 3 * size.X * size.Y; cap(d.pixels) < need {
		d.pixels = make([]uint8, need)
	}
	p.Pixels = d.pixels[:3*size.X*size.Y]
	d.convert(p, m)
	return p, nil
}

// convert goes through image/draw, which has a quick way for each of the formats.
func (d *decoder) convert(p Picture, m image.Image) {
	if need := 4 * p.Width * p.Height; d.rgba == nil || cap(d.rgba.Pix) < need {
		d.rgba = &image.RGBA{Pix: make([]uint8, need)}
	}
	d.rgba.Pix, d.rgba.Stride, d.rgba.Rect = d.rgba.Pix[:4*p.Width*p.Height], 4*p.Width, image.Rect(0, 0, p.Width, p.Height)
	draw.Draw(d.rgba, d.rgba.Rect, m, m.Bounds().Min, draw.Src)
	out := p.Pixels
	for in := d.rgba.Pix; len(in) >= 4 && len(out) >= 3; in, out = in[4:], out[3:] {
		out[0], out[1], out[2] = in[0], in[1], in[2]
	}
}
