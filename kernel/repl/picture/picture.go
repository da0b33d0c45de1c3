// Package picture draws pictures in a terminal: with the graphics protocol of kitty or of iTerm2,
// with sixels, or with half blocks of two colours each.
package picture

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	_ "image/gif" // formats that values may have
	_ "image/jpeg"
	"image/png"
	"strings"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/ansi/iterm2"
	"github.com/charmbracelet/x/ansi/kitty"
	"github.com/charmbracelet/x/ansi/sixel"
	"golang.org/x/image/draw"

	"gsmlab/internal/raster"
)

// Protocol is a way to draw.
type Protocol string

const (
	None   Protocol = "none"
	Blocks Protocol = "blocks"
	Sixel  Protocol = "sixel"
	ITerm  Protocol = "iterm"
	Kitty  Protocol = "kitty"
)

// Canvas is where pictures are drawn.
type Canvas struct {
	Protocol   Protocol
	Cols, Rows int                  // room, in cells
	Cell       image.Point          // size of a cell in pixels; zero: a guess
	Colours    colorprofile.Profile // of half blocks
}

// side is the longer side, in pixels, of the picture into which an SVG is drawn: enough for a large
// window.
const side = 1200

const maxPixels = 64 << 20 // of a picture, so that a broken header does not take all memory

// Decode reads a PNG, JPEG, GIF or SVG. It draws an SVG to suit the protocol that will show it.
func (c Canvas) Decode(mime string, data []byte) (image.Image, error) {
	if mime == "image/svg+xml" {
		o := raster.Options{Side: side}
		if c.Protocol == Blocks {
			o.Columns = c.Cols
		}
		img, err := raster.Draw(data, o)
		if err != nil {
			return nil, fmt.Errorf("kernel: %w", err)
		}
		return img, nil
	}
	config, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("kernel: picture: %w", err)
	}
	if config.Width <= 0 || config.Height <= 0 || config.Width > maxPixels/config.Height {
		return nil, fmt.Errorf("kernel: picture of %d x %d pixels: too large", config.Width, config.Height)
	}
	img, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("kernel: picture: %w", err)
	}
	return img, nil
}

// Draw returns the text that draws img and leaves the cursor at the start of the line below it,
// rows further down. Pixel protocols never cover more than the available room.
func (c Canvas) Draw(img image.Image) (text string, rows int, err error) {
	if c.Cell.X <= 0 || c.Cell.Y <= 0 {
		c.Cell = image.Pt(9, 18)
	}
	img = onPage(img)
	if c.Protocol == Blocks {
		text, rows := c.blocks(img)
		return text, rows, nil
	}
	size := c.pixels(img.Bounds().Size())
	cols := (size.X + c.Cell.X - 1) / c.Cell.X
	rows = (size.Y + c.Cell.Y - 1) / c.Cell.Y
	small := scaled(img, size)
	var b bytes.Buffer
	switch c.Protocol {
	case Kitty:
		err = kitty.EncodeGraphics(&b, small, &kitty.Options{Action: kitty.TransmitAndPut, Transmission: kitty.Direct, Format: kitty.PNG,
			Columns: cols, Rows: rows, Quite: 2, Chunk: true, DoNotMoveCursor: true})
	case ITerm:
		var data bytes.Buffer
		err = png.Encode(&data, small)
		b.WriteString(ansi.ITerm2(iterm2.File{Inline: true, Size: int64(data.Len()), Width: iterm2.Cells(cols), Height: iterm2.Cells(rows),
			Content: []byte(base64.StdEncoding.EncodeToString(data.Bytes()))}))
	case Sixel:
		var data bytes.Buffer
		err = new(sixel.Encoder).Encode(&data, hard(small))
		b.WriteString(ansi.SixelGraphics(0, 1, 0, data.Bytes()))
	default:
		return "", 0, fmt.Errorf("kernel: pictures cannot be drawn by %q", c.Protocol)
	}
	if err != nil {
		return "", 0, fmt.Errorf("kernel: picture: %w", err)
	}
	// Room is made first, so that nothing scrolls while the picture is drawn. Terminals differ in
	// where the cursor is afterwards, so it is put back.
	return strings.Repeat("\r\n", rows) + fmt.Sprintf("\x1b[%dA\x1b7", rows) + b.String() + fmt.Sprintf("\x1b8\x1b[%dB\r", rows), rows, nil
}

// pixels is the size in which to draw a picture: its own size, larger if it is tiny, smaller if
// there is no room.
func (c Canvas) pixels(size image.Point) image.Point {
	const tiny, wanted = 64, 128
	if longer := max(size.X, size.Y); longer > 0 && longer <= tiny {
		size = size.Mul(max(1, wanted/longer))
	}
	return fit(size, image.Pt(c.Cols*c.Cell.X, c.Rows*c.Cell.Y))
}

// fit makes size smaller, in proportion, until it fits the room.
func fit(size, room image.Point) image.Point {
	size = image.Pt(max(1, size.X), max(1, size.Y))
	if size.X > room.X {
		size = image.Pt(room.X, size.Y*room.X/size.X)
	}
	if size.Y > room.Y {
		size = image.Pt(size.X*room.Y/size.Y, room.Y)
	}
	return image.Pt(max(1, size.X), max(1, size.Y))
}

// scaled brings a picture to a size. Enlarged pixels stay sharp.
func scaled(img image.Image, size image.Point) *image.NRGBA {
	out := image.NewNRGBA(image.Rectangle{Max: size})
	var by draw.Interpolator = draw.CatmullRom
	if size.X >= img.Bounds().Dx() {
		by = draw.NearestNeighbor
	}
	by.Scale(out, out.Bounds(), img, img.Bounds(), draw.Src, nil)
	return out
}
