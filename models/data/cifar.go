// CIFAR-10 in its binary version: found, downloaded, checked and read.

package data

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// cifarFiles are CIFAR-10's binary files; the first five are for training. Each is a sequence of
// records: a label byte, then the 32x32 red, green and blue values.
var cifarFiles = []string{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"}

const (
	cifarPerFile = 10_000
	cifarPlane   = 32 * 32
	cifarRecord  = 1 + 3*cifarPlane
	cifarArchive = "cifar-10-binary.tar"
	// cifarSum is the sha256 of cifar-10-binary.tar.gz. The official page gives its md5,
	// c32a1d4ab5d03f1284b67883e8d87530; this is the sha256 that others who checked that md5 publish
	// (TensorFlow Datasets' registry, GoMLX).
	cifarSum = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
)

// CIFAR10 returns the 50000 training and 10000 test images, 32x32x3.
//
// With opt.Dir only that folder is looked into. Otherwise the first of these that has the set is
// used: the folder named by the environment variable GSM_DATA; the cache, see CacheDir; the
// official address, into the cache. In a folder there may be the six .bin files of the official
// binary version, or its cifar-10-binary.tar.gz, which is unpacked in memory; they may also be in
// its subfolder cifar-10-batches-bin, cifar10 or cifar10/cifar-10-batches-bin.
//
// What is downloaded must have the official sum. In a folder the sizes and labels are checked, and
// the sums if a file SHA256SUMS lies beside the .bin files: people have copies that were made anew
// from other formats.
//
// The normalisation is mean .485 .456 .406 and standard deviation .229 .224 .225. These are
// ImageNet's, and not those of CIFAR-10's own pixels (.491 .482 .447 and .247 .243 .262), because
// the widely used public ResNets for CIFAR-10 (github.com/akamaster/pytorch_resnet_cifar10) were
// trained with them: weights from there are right here only so. To a network that is trained here,
// which begins with a convolution and batch normalisation, it is all the same.
func CIFAR10(ctx context.Context, opt Options) (Split, error) {
	return newFinder(cifarCollection(cifarPerFile), opt).split(ctx)
}

// cifarCollection has the number of images of a file as a parameter for tests.
func cifarCollection(perFile int) collection {
	const folder = "cifar-10-batches-bin"
	const binary = "which is not read: get the binary version, " + cifarArchive + ".gz, from https://www.cs.toronto.edu/~kriz/cifar.html"
	subs := []string{".", folder, "cifar10", filepath.Join("cifar10", folder)}
	return collection{
		name:   "cifar10",
		wanted: cifarArchive + ".gz",
		subs:   subs,
		foreign: []foreign{
			{"cifar-10-batches-py", "is the Python version (torchvision's copy), " + binary},
			{"cifar-10-python.tar*", "is the Python version (torchvision's copy), " + binary},
			{"data_batch_[1-5]", "is of the Python version (torchvision's copy), " + binary},
			{"data_batch_*.mat", "is of the Matlab version, " + binary},
			{"trainlabels.csv", "is of Kaggle's copy, whose test images have no labels, " + binary},
			{"*.parquet", "is Hugging Face's copy, " + binary},
			{"cifar-100*", "is CIFAR-100, which is another set"},
		},
		locate: func(dir string) ([]string, error) {
			return locateFiles("CIFAR-10", dir, subs, cifarFiles, []string{cifarArchive})
		},
		read: func(ctx context.Context, paths []string, _ Options) (Split, error) {
			return readCIFAR(ctx, paths, perFile)
		},
		downloads: []download{{cifarArchive + ".gz", func(path string) error {
			return checkSum(path, cifarSum)
		}}},
		sources: []string{"https://www.cs.toronto.edu/~kriz/"},
	}
}

// readCIFAR reads the six files, or the archive.
func readCIFAR(ctx context.Context, paths []string, perFile int) (Split, error) {
	total := perFile * len(cifarFiles)
	all := Images{
		Pixels: make([]uint8, total*3*cifarPlane), Labels: make([]int32, total), Height: 32, Width: 32, Channels: 3, Classes: 10,
		Mean: []float32{.485, .456, .406}, Std: []float32{.229, .224, .225},
	}
	// part is where the images of one file belong.
	part := func(file int) (pixels []uint8, labels []int32) {
		from, to := file*perFile, (file+1)*perFile
		return all.Pixels[from*3*cifarPlane : to*3*cifarPlane], all.Labels[from:to]
	}
	if len(paths) == 1 {
		if err := readCIFARArchive(ctx, paths[0], part); err != nil {
			return Split{}, err
		}
	} else if err := readCIFARFiles(ctx, paths, part); err != nil {
		return Split{}, err
	}
	train, test := all, all
	train.Augment = PadCropFlip(4)
	cut := (len(cifarFiles) - 1) * perFile
	train.Name, train.Pixels, train.Labels = "cifar10-train", all.Pixels[:cut*3*cifarPlane:cut*3*cifarPlane], all.Labels[:cut:cut]
	test.Name, test.Pixels, test.Labels = "cifar10-test", all.Pixels[cut*3*cifarPlane:], all.Labels[cut:]
	return Split{Train: &train, Test: &test}, nil
}

func readCIFARFiles(ctx context.Context, paths []string, part func(int) ([]uint8, []int32)) error {
	sums, err := readSums(filepath.Join(filepath.Dir(paths[0]), "SHA256SUMS"))
	if err != nil {
		return err
	}
	for i, p := range paths {
		if err := ctx.Err(); err != nil {
			return err
		}
		pixels, labels := part(i)
		err := withUnpacked(p, func(r io.Reader) error { return readCIFARRecords(r, pixels, labels) })
		if want := sums[filepath.Base(p)]; err == nil && want != "" {
			err = checkSum(p, want)
		}
		if err != nil {
			return fmt.Errorf("data: %s: %w: replace it, or delete it and run again", p, err)
		}
	}
	return nil
}

func readCIFARArchive(ctx context.Context, archive string, part func(int) ([]uint8, []int32)) error {
	missing := slices.Clone(cifarFiles)
	err := withUnpacked(archive, func(r io.Reader) error {
		for t := tar.NewReader(r); ; {
			h, err := t.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return fmt.Errorf("it is not a whole tar archive: %w", err)
			}
			i := slices.Index(missing, path.Base(h.Name))
			if i < 0 || h.Typeflag != tar.TypeReg {
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			pixels, labels := part(slices.Index(cifarFiles, missing[i]))
			if err := readCIFARRecords(t, pixels, labels); err != nil {
				return fmt.Errorf("%s in it: %w", h.Name, err)
			}
			missing = slices.Delete(missing, i, i+1)
		}
		if len(missing) > 0 {
			return fmt.Errorf("%s missing in it", strings.Join(missing, ", "))
		}
		_, err := io.Copy(io.Discard, r) // to the end, where gzip's checksum is
		return err
	})
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("data: %s: %w: replace it, or delete it and run again", archive, err)
	}
	return err
}

// readCIFARRecords reads exactly one record per label and turns the planes of each into Height x
// Width x Channels.
func readCIFARRecords(r io.Reader, pixels []uint8, labels []int32) error {
	var record [cifarRecord]byte
	for i := range labels {
		if n, err := io.ReadFull(r, record[:]); err != nil {
			return cutOff(err, i*cifarRecord+n, len(labels)*cifarRecord, "data")
		}
		if record[0] > 9 {
			return fmt.Errorf("the label of image %d is %d, want 0..9: it is not the binary version of CIFAR-10", i, record[0])
		}
		labels[i] = int32(record[0])
		planes := record[1:]
		red, green, blue := planes[:cifarPlane], planes[cifarPlane:2*cifarPlane], planes[2*cifarPlane:]
		out := pixels[i*3*cifarPlane : (i+1)*3*cifarPlane]
		for k := range cifarPlane {
			out[3*k], out[3*k+1], out[3*k+2] = red[k], green[k], blue[k]
		}
	}
	switch n, err := io.ReadFull(r, record[:1]); {
	case n > 0:
		return fmt.Errorf("it has more than the %d bytes expected", len(labels)*cifarRecord)
	case err != io.EOF:
		return err
	}
	return nil
}

// withUnpacked calls read with the content of a file, unpacked if it is packed by gzip. Errors do
// not name the file.
func withUnpacked(path string, read func(io.Reader) error) error {
	f, err := os.Open(path)
	if err != nil {
		return reason(err)
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<16)
	if head, _ := in.Peek(2); !bytes.Equal(head, []byte{0x1f, 0x8b}) {
		return reason(read(in))
	}
	z, err := gzip.NewReader(in)
	if err != nil {
		return cutOff(err, 0, 10, "gzip header")
	}
	return reason(read(z))
}

// checkSum compares the sha256 of a file as it lies there.
func checkSum(path, want string) error {
	f, err := os.Open(path)
	if err != nil {
		return reason(err)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return reason(err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return fmt.Errorf("its sha256 is %s, want %s", got, want)
	}
	return nil
}

// readSums reads a file that sha256sum wrote, by file name. There need not be one.
func readSums(path string) (map[string]string, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("data: %s: %w", path, reason(err))
	}
	sums := map[string]string{}
	for line := range strings.Lines(string(content)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		if raw, err := hex.DecodeString(sum); err == nil && len(raw) == sha256.Size {
			sums[strings.TrimLeft(name, " *")] = strings.ToLower(sum)
		}
	}
	return sums, nil
}
