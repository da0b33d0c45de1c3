package data

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
)

// digitsCSV is the test part of UCI's "Optical Recognition of Handwritten Digits"; see NOTICE for
// its authors and licence.
//
//go:embed digits.csv.gz
var digitsCSV []byte

const (
	digitsLen  = 1797
	digitsTest = 360
)

// Digits returns the 1797 handwritten 8x8 digits that scikit-learn ships (UCI, CC BY 4.0; see
// NOTICE). They are part of the program: nothing is read or downloaded. Pixels of the source are
// 0..16; here they are scaled to 0..255.
//
// The split is fixed: the first 1437 images are for training, the last 360 for testing. The source
// is ordered by writer, so that most of the test digits are in hands the training part has not
// seen, as they should be; both parts have all classes in nearly equal numbers.
func Digits() (Split, error) {
	pixels, labels, err := readDigits(bytes.NewReader(digitsCSV))
	if err != nil {
		return Split{}, fmt.Errorf("data: the embedded digits: %w", err)
	}
	all := Images{
		Pixels: pixels, Labels: labels, Height: 8, Width: 8, Channels: 1, Classes: 10,
		// Of the training part; the tests compute them.
		Mean: []float32{0.3054}, Std: []float32{0.3753},
	}
	train, test := all, all
	cut := digitsLen - digitsTest
	train.Name, train.Pixels, train.Labels = "digits-train", pixels[:cut*64:cut*64], labels[:cut:cut]
	test.Name, test.Pixels, test.Labels = "digits-test", pixels[cut*64:], labels[cut:]
	return Split{Train: &train, Test: &test}, nil
}

// readDigits reads lines of 64 pixels (0..16) and a label.
func readDigits(r io.Reader) (pixels []uint8, labels []int32, err error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, nil, err
	}
	c := csv.NewReader(z)
	c.FieldsPerRecord = 65
	c.ReuseRecord = true
	for {
		rec, err := c.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		for _, s := range rec[:64] {
			v, err := strconv.Atoi(s)
			if err != nil || v < 0 || v > 16 {
				return nil, nil, fmt.Errorf("image %d: pixel %q is not in 0..16", len(labels), s)
			}
			// rounded, so that the 17 levels stay distinct and 16 becomes 255
			pixels = append(pixels, uint8((v*255+8)/16))
		}
		l, err := strconv.Atoi(rec[64])
		if err != nil || l < 0 || l > 9 {
			return nil, nil, fmt.Errorf("image %d: label %q is not in 0..9", len(labels), rec[64])
		}
		labels = append(labels, int32(l))
	}
	if len(labels) != digitsLen {
		return nil, nil, fmt.Errorf("there are %d images, want %d", len(labels), digitsLen)
	}
	return pixels, labels, nil
}
