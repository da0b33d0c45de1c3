package data

import "errors"

// Set is a labelled image set that NewBatches and NewEval make batches of. The sets of this package
// are *Images, which is held in memory and can be made by hand, and ImageNet's, which is read and
// decoded as batches are made.
type Set interface {
	// Len returns the number of images.
	Len() int
	// Form returns what all images have in common.
	Form() Form
	// Check tells whether the set is usable. NewBatches and NewEval call it.
	Check() error
	// Subset returns n images that are a fair sample, the same each time; n is limited to 0..Len.
	Subset(n int) Set

	// open begins an iteration. Where images lie in blocks, it keeps the blocks of the present hold
	// images in memory, and those of the next hold; 0 means that images are read in order.
	open(hold int) access
	// blocks returns the lengths of the blocks that can only be read as one, nil if each image can
	// be read alone.
	blocks() []int
	// window is the least number of images that are shuffled together where there are blocks.
	window() int
	// fit brings an image to the set's size where no augmentation does, nil if all images have it.
	fit() Augment
	// workers is the number of goroutines that make a batch.
	workers() int
}

// access is the state of one iteration over a set.
type access interface {
	// reader returns a function for one goroutine that reads image i and its label. The picture is
	// valid until the next call and must not be changed. With exact, an image that cannot be read
	// is an error; without, another may take its place.
	reader(exact bool) func(i int) (Picture, int32, error)
	// load reads a block ahead of time.
	load(block int) error
	// report passes what the readers noted to Say. The goroutine that receives the batches calls
	// it, because Say may belong to that one.
	report()
}

// Form is what all images of a set have in common, as they are in batches.
type Form struct {
	// Name says what the set is, such as "mnist-train".
	Name                             string
	Height, Width, Channels, Classes int
	// Mean and Std are for each channel: a batch holds (pixel/255 - Mean) / Std.
	Mean, Std []float32
	// Augment is the usual augmentation of training; nil for none. It is applied only if given to
	// WithAugment.
	Augment Augment
}

// Size returns the number of values of one image, Height x Width x Channels.
func (f Form) Size() int { return f.Height * f.Width * f.Channels }

// lookup gives, for each channel and byte, the normalised value. It is computed in float32 and in
// PyTorch's order of operations (divide by 255, subtract, divide), so that batches are the same
// bits there and here.
func (f Form) lookup() [][256]float32 {
	t := make([][256]float32, f.Channels)
	for c := range t {
		for v := range t[c] {
			t[c][v] = (float32(v)/255 - f.Mean[c]) / f.Std[c]
		}
	}
	return t
}

// Split is a set's training and test part. Both have the same image size, classes and
// normalisation.
type Split struct{ Train, Test Set }

func check(d Set) error {
	if d == nil {
		return errors.New("data: the image set is nil")
	}
	return d.Check()
}
