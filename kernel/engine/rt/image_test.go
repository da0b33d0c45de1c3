package rt

import (
	"bytes"
	"image"
	"image/png"
	"strings"
	"testing"
)

type photo struct{ image.Image }

func TestImages(t *testing.T) {
	small := image.NewGray(image.Rect(0, 0, 4, 2))
	var encoded bytes.Buffer
	if err := png.Encode(&encoded, small); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		value any
		shown bool
		text  string
	}{
		{small, true, "*image.Gray 4x2"},
		{photo{small}, true, "rt.photo 4x2"},
		{&photo{small}, true, "*rt.photo 4x2"},
		{photo{}, false, "rt.photo (image/png: panic: runtime error"},
		{(*image.Gray)(nil), false, "*image.Gray (image/png: panic"},
		{image.NewGray(image.Rect(0, 0, 0, 5)), false, "*image.Gray 0x5 (image/png: an empty picture)"},
		{image.NewUniform(image.Black), false, "*image.Uniform 2000000000x2000000000 (image/png: too large"},
	} {
		data, text := richly(test.value)
		picture, _ := data["image/png"].([]byte)
		if !strings.HasPrefix(text, test.text) || bytes.Equal(picture, encoded.Bytes()) != test.shown {
			t.Errorf("%T: %d bytes, %q; want %v, %q", test.value, len(picture), text, test.shown, test.text)
		}
	}
}
