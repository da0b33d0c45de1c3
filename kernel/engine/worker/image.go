package worker

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"

	"gsmlab/kernel/engine/rt"
)

const maxPixels = 16 << 20 // of an image that is a result

func init() { rt.Encode = encode }

// encode returns a picture as PNG, and its size in words; an image in a cell's type may panic.
func encode(v any) (data []byte, size string, isImage bool, err error) {
	m, ok := v.(image.Image)
	if !ok {
		return nil, "", false, nil
	}
	defer func() {
		if r := recover(); r != nil {
			isImage, err = true, fmt.Errorf("panic: %v", r)
		}
	}()
	b := m.Bounds()
	size = fmt.Sprintf(" %dx%d", b.Dx(), b.Dy())
	switch {
	case b.Empty():
		return nil, size, true, errors.New("an empty picture")
	case b.Dx() > maxPixels/b.Dy():
		return nil, size, true, errors.New("too large to be shown: make it smaller, or use gonbui.DisplayImage")
	}
	var buf bytes.Buffer
	err = png.Encode(&buf, m)
	return buf.Bytes(), size, true, err
}
