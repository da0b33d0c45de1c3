package data

import (
	"context"
	"maps"
	"path/filepath"
	"strings"
	"testing"
)

// Copies as torchvision and Kaggle lay them out.
func TestCopies(t *testing.T) {
	tiny, content := tinyMNIST()
	for name, path := range map[string]func(name string) string{
		"torchvision's root":      func(n string) string { return "MNIST/raw/" + n },
		"its folder MNIST":        func(n string) string { return "raw/" + n },
		"its folder raw":          func(n string) string { return n },
		"Kaggle's names":          func(n string) string { return strings.Replace(n, "-idx", ".idx", 1) },
		"Kaggle's folders":        func(n string) string { return n + "/" + n },
		"packed, in folder MNIST": func(n string) string { return "MNIST/" + n + ".gz" },
	} {
		f := newSetting(t, tiny)
		f.opt.Dir = t.TempDir()
		for n, b := range content {
			if strings.HasPrefix(name, "packed") {
				b = pack(b)
			}
			put(t, filepath.Join(f.opt.Dir, path(n)), b)
		}
		s, err := f.split(t.Context())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		checkTiny(t, s, err)
	}
	for _, sub := range []string{"imagenet-object-localization-challenge/ILSVRC/Data/CLS-LOC", "ILSVRC/Data/CLS-LOC", "Data/CLS-LOC", "CLS-LOC", "ImageNet", "ILSVRC2012"} {
		dir := t.TempDir()
		tree(t, filepath.Join(dir, sub), files{"train/n01440764/a.jpg": 10, "train/n01443537/a.jpg": 20, "val/ILSVRC2012_val_00000001.JPEG": 30})
		list := filepath.Join(dir, "LOC_val_solution.csv")
		if top, _, _ := strings.Cut(sub, "/"); strings.HasPrefix(strings.ToLower(top), "imagenet") || top == "ILSVRC2012" {
			list = filepath.Join(dir, top, "LOC_val_solution.csv")
		}
		put(t, list, []byte("ImageId,PredictionString\nILSVRC2012_val_00000001,n01443537 1 2 3 4 \n"))
		if train, test, err := labelsOf(t, dir); err != nil || !maps.Equal(train, byGrey{10: 0, 20: 1}) || !maps.Equal(test, byGrey{30: 1}) {
			t.Errorf("%s: %v, %v, %v", sub, train, test, err)
		}
	}
}

// Of a copy that cannot be read the message says what was looked for, what is there, and what to
// do.
func TestForeignCopies(t *testing.T) {
	for _, c := range []struct {
		set  string
		has  files
		want []string
	}{
		{"cifar10", files{"cifar-10-batches-py/data_batch_1": "", "cifar-10-python.tar.gz": ""},
			[]string{"put cifar-10-binary.tar.gz there", "looked in it and in its folders cifar-10-batches-bin, cifar10", "it has cifar-10-batches-py, cifar-10-python.tar.gz",
				"cifar-10-batches-py is the Python version (torchvision's copy), which is not read: get the binary version, cifar-10-binary.tar.gz, from https://www.cs.toronto.edu/~kriz/cifar.html"}},
		{"cifar10", files{"data_batch_1": "", "test_batch": ""}, []string{"data_batch_1 is of the Python version"}},
		{"cifar10", files{"cifar10/cifar-10-python.tar.gz": ""}, []string{"cifar10/cifar-10-python.tar.gz is the Python version"}},
		{"cifar10", files{"trainLabels.csv": "", "train.7z": ""}, []string{"Kaggle's copy, whose test images have no labels", "train.7z is packed: unpack it"}},
		{"cifar10", files{"cifar-100-binary.tar.gz": ""}, []string{"CIFAR-100, which is another set"}},
		{"mnist", files{"MNIST/processed/training.pt": ""}, []string{"MNIST/processed is torchvision's processed copy"}},
		{"mnist", files{"train.csv": "", "test.csv": ""}, []string{"test.csv is a table, which is not read"}},
		{"mnist", files{"mnist.npz": ""}, []string{"mnist.npz is numpy's form"}},
		{"imagenet", files{"n01440764/a.JPEG": 1, "n01443537/a.JPEG": 2}, []string{"n01440764 is a class folder: name the folder that train and val are in"}},
		{"imagenet", files{"meta.bin": "", "ILSVRC2012_devkit_t12.tar.gz": ""}, []string{"ILSVRC2012_devkit_t12.tar.gz has no images", "meta.bin is torchvision's list"}},
		{"imagenet", files{"train.X1/n01440764/a.JPEG": 1, "val.X/n01440764/b.JPEG": 2}, []string{"train.X1 is of Kaggle's ImageNet-100"}},
		{"imagenet", files{"imagenet.zip": ""}, []string{"imagenet.zip is packed: unpack it"}},
		{"imagenet", files{"a": "", "b": "", "c": "", "d": "", "e": "", "f": "", "g": "", "h": ""}, []string{"it has a, b, c, d, e, f and 2 more"}},
		{"imagenet", files{".hidden": ""}, []string{"it is empty"}},
	} {
		dir := t.TempDir()
		tree(t, dir, c.has)
		for _, how := range []string{"Dir", "GSM_DATA"} {
			opt := Options{Dir: dir, Offline: true}
			if how == "GSM_DATA" {
				if c.set == "mnist" {
					continue // found in the module
				}
				t.Setenv("GSM_DATA", dir)
				t.Setenv("GSM_CACHE", t.TempDir())
				opt.Dir = ""
			}
			_, err := Load(context.Background(), c.set, opt)
			for _, want := range c.want {
				if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), want) && !(how == "GSM_DATA" && strings.HasPrefix(want, "put ")) {
					t.Errorf("%s with %v, by %s: %v\nwant %q", c.set, c.has, how, err, want)
				}
			}
		}
	}
	// Archives beside class folders, as of an unpacking that stopped: neither is left out without a
	// word.
	dir := t.TempDir()
	tree(t, dir, files{"train/n01440764/a.JPEG": 1, "train/n01443537.tar": packed(files{"a.JPEG": 2}), "val/n01440764/b.JPEG": 3})
	if _, err := ImageNet(t.Context(), Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "train: there are folders, such as n01440764, beside tar or parquet files") {
		t.Errorf("archives beside folders: %v", err)
	}
	// Boxes and the archive of another task are none of the set's images.
	dir = t.TempDir()
	tree(t, dir, files{"ILSVRC2012_img_train.tar": packed(files{"n01440764.tar": packed(files{"n01440764_1.JPEG": 10})}), "ILSVRC2012_bbox_train_v2.tar.gz": "",
		"ILSVRC2012_img_train_t3.tar": packed(files{"n01440764.tar": packed(files{"n01440764_1.JPEG": 10})}), "ILSVRC2012_img_val.tar": packed(files{"n01440764_2.JPEG": 20})})
	if train, test, err := labelsOf(t, dir); err != nil || len(train) != 1 || len(test) != 1 {
		t.Errorf("other archives: %v, %v, %v", train, test, err)
	}
}
