// ImageNet: which layouts of folders, tar and parquet files are known, and how they become a set.

package data

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	imageNetTrain   = 1_281_167
	imageNetVal     = 50_000
	imageNetClasses = 1000
	imageNetSide    = 224
	imageNetResize  = 256 // the shorter side, before the middle is cut out for evaluation
)

// ImageNet returns the training and validation images of ILSVRC 2012, 224x224x3, which are read and
// decoded as batches are made, by as many goroutines as the machine has processors. It cannot be
// downloaded without an account, so it must be in the folder opt.Dir, or in the folder named by the
// environment variable GSM_DATA, or in the cache; there, or in a subfolder imagenet, imagenet-1k or
// the like, ILSVRC/Data/CLS-LOC (Kaggle's) or data (Hugging Face's), in any of these forms:
//
//   - folders train/n01440764/*.JPEG, and val/n01440764/*.JPEG or the official
//     val/ILSVRC2012_val_00000001.JPEG with a list of their classes (val.txt, LOC_val_solution.csv
//     or imagenet_2012_validation_synset_labels.txt) in val, beside it or in a folder above;
//   - tar files, in folders train and val or with "train" and "val" in their names: the official
//     ones, packed in one another or not, and WebDataset's, where 000123.jpg comes with its label
//     in 000123.cls;
//   - parquet files named likewise, with Hugging Face's columns image.bytes and label.
//
// Labels are the places of the classes in the order of their WordNet ids, 0 to 999, as everywhere
// but in the official development kit; those of some of ImageNet's classes are the same numbers.
// Folders and .cls files may name classes by these numbers too. Classes of other names, if none is
// a number or a WordNet id, have the labels 0, 1, ... in the order of their names, as in
// torchvision's ImageFolder. What leaves a doubt, as classes that are named in several ways or a
// .cls file that may belong to either of two images, is an error.
//
// Images are JPEG and PNG files; what is transparent lies on white. An image of another kind, as
// WebP, in a class folder or as an example of an archive, is an error and not passed over; hidden
// files, Thumbs.db and what is no image are.
//
// Images in files and tar archives are found through an index, and each epoch's order is a
// permutation of all. Parquet is read by row groups: they come in random order, and the images of
// groups that have 2048 or more together are shuffled. Twice as many are held in memory, and all
// orders can be resumed at any step.
//
// Training images are to be augmented by Form().Augment, RandomResizedCrop. Without augmentation,
// as in evaluation, the shorter side is scaled to 256 and the middle 224x224 are cut out.
//
// In training a broken image is named through opt.Say and replaced by the next one of the set; more
// than opt.MaxBroken end it with an error. In NewEval any is an error: it must not be measured with
// another image in its place.
func ImageNet(ctx context.Context, opt Options) (Split, error) {
	return newFinder(imageNetCollection(false), opt).split(ctx)
}

// imageNetCollection is ImageNet; with testOnly the training images need not be there, and are not
// looked at unless the labels of the test images follow from theirs.
func imageNetCollection(testOnly bool) collection {
	wanted := "its folders train and val, or its tar or parquet files,"
	if testOnly {
		wanted = "its folder val, or the tar or parquet files of its validation images,"
	}
	return collection{
		name:    "imagenet",
		wanted:  wanted,
		subs:    imageNetSubs,
		foreign: imageNetForeign,
		remedy:  "get ImageNet (ILSVRC 2012) with a free account from https://image-net.org or https://huggingface.co/datasets/ILSVRC/imagenet-1k and ",
		locate:  func(dir string) ([]string, error) { return locateImageNet(dir, testOnly) },
		read: func(ctx context.Context, paths []string, opt Options) (Split, error) {
			return readImageNet(ctx, filepath.Dir(paths[0]), testOnly, opt)
		},
	}
}

// imageNetForm is what the images of all sources have in common.
func imageNetForm(name string, augment Augment) Form {
	return Form{Name: name, Height: imageNetSide, Width: imageNetSide, Channels: 3, Classes: imageNetClasses,
		Mean: []float32{.485, .456, .406}, Std: []float32{.229, .224, .225}, Augment: augment}
}

// part is the training or the validation part of the set in a folder.
type part struct {
	kind  string   // ".parquet", ".tar" or "folder"
	paths []string // its files, or the folder
	first string   // a path in the folder that both parts are in
}

// imageNetSubs are the folders that people keep it in, Hugging Face's and Kaggle's among them.
var imageNetSubs = func() (subs []string) {
	kaggle := filepath.Join("ILSVRC", "Data", "CLS-LOC")
	for _, top := range []string{".", "imagenet", "imagenet-1k", "imagenet1k", "ImageNet", "ILSVRC2012", "imagenet-object-localization-challenge"} {
		for _, in := range []string{".", kaggle, "data"} {
			subs = append(subs, filepath.Join(top, in))
		}
	}
	return append(subs, filepath.Join("Data", "CLS-LOC"), "CLS-LOC") // within Kaggle's
}()

// imageNetForeign are copies of ImageNet, and parts of it, that are not read as they are.
var imageNetForeign = []foreign{
	{"n[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]", "is a class folder: name the folder that train and val are in"},
	{"ilsvrc2012_val_0*", "is a validation image: name the folder that train and val are in"},
	{"train.x[0-9]*", "is of Kaggle's ImageNet-100: move the class folders of train.X1, train.X2, ... to a folder train, and rename val.X to val"},
	{"ilsvrc2012_devkit*", "has no images: those are in ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar"},
	{"meta.bin", "is torchvision's list of classes and has no images: those are in ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar"},
	{"tiny-imagenet-200", "is another set, whose test images are laid out in another way"},
	{"*.csv", "is a list and has no images"},
}

// locateImageNet returns a path of each part, in one folder.
func locateImageNet(dir string, testOnly bool) ([]string, error) {
	if err := checkFolder(dir, "ImageNet"); err != nil {
		return nil, err
	}
	for _, sub := range imageNetSubs {
		root := filepath.Join(dir, sub)
		train, err := findPart(root, "train")
		if err != nil {
			return nil, err
		}
		val, err := findPart(root, "val")
		if err != nil {
			return nil, err
		}
		switch {
		case testOnly && val != nil:
			return []string{val.first}, nil
		case train != nil && val != nil:
			return []string{train.first, val.first}, nil
		case train != nil:
			return nil, fmt.Errorf("data: %s: ImageNet's training images are there, its validation images (val) missing: add them", root)
		case val != nil:
			return nil, fmt.Errorf("data: %s: ImageNet's validation images are there, its training images (train) missing: add them", root)
		}
	}
	return nil, notHere{dir, "it has none of the ImageNet files"}
}

// findPart looks in one folder for the part named train or val, nil if it has none.
func findPart(root, name string) (*part, error) {
	for _, folder := range []string{name, map[string]string{"train": "train", "val": "validation"}[name]} {
		dir := filepath.Join(root, folder)
		if st, err := os.Stat(dir); err != nil || !st.IsDir() {
			continue
		}
		files, others, folder, err := listDir(dir, func(string) bool { return true })
		if err != nil {
			return nil, err
		}
		if folder != "" && len(files) > 0 {
			return nil, fmt.Errorf("data: %s: there are folders, such as %s, beside tar or parquet files: take those away that are not to be read", dir, folder)
		}
		for _, kind := range []string{".parquet", ".tar"} {
			if len(files[kind]) > 0 {
				return &part{kind, files[kind], dir}, nil
			}
		}
		if others > 0 {
			return &part{"folder", []string{dir}, dir}, nil
		}
	}
	if st, err := os.Stat(root); err != nil || !st.IsDir() {
		return nil, nil
	}
	files, _, _, err := listDir(root, func(base string) bool {
		isTrain := strings.Contains(base, "train")
		return name == "train" && isTrain || name == "val" && !isTrain && strings.Contains(base, "val")
	})
	if err != nil {
		return nil, err
	}
	for _, kind := range []string{".parquet", ".tar"} {
		if len(files[kind]) > 0 {
			return &part{kind, files[kind], files[kind][0]}, nil
		}
	}
	return nil, nil
}

// listDir returns a folder's parquet and tar files that are wanted, in the order of their names,
// how many other entries there are, and a folder among these.
func listDir(dir string, wanted func(base string) bool) (files map[string][]string, others int, folder string, err error) {
	all, err := os.ReadDir(dir)
	if err != nil {
		return nil, 0, "", fmt.Errorf("data: %s: %w", dir, reason(err))
	}
	files = map[string][]string{}
	for _, e := range all {
		base := strings.ToLower(e.Name())
		ext := filepath.Ext(base)
		switch {
		case strings.Contains(base, "_bbox_") || strings.HasSuffix(base, "_t3.tar") || strings.HasPrefix(base, "."):
			// Boxes, and the dogs of another task, which are among the training images too.
		case (ext == ".parquet" || ext == ".tar") && !e.IsDir():
			if wanted(base) {
				files[ext] = append(files[ext], filepath.Join(dir, e.Name()))
			}
		case strings.HasSuffix(base, ".tar.gz") || strings.HasSuffix(base, ".tgz"):
			if wanted(base) {
				return nil, 0, "", fmt.Errorf("data: %s: a packed archive can only be read from its beginning: unpack it with gunzip",
					filepath.Join(dir, e.Name()))
			}
		default:
			others++
			if e.IsDir() {
				folder = e.Name()
			}
		}
	}
	return files, others, folder, nil
}

// readImageNet makes the indexes of both parts, or of the test part alone.
func readImageNet(ctx context.Context, root string, testOnly bool, opt Options) (Split, error) {
	ix := indexer{ctx: ctx, opt: opt, root: root}
	var split Split
	if !testOnly {
		shelf, err := ix.shelf("train")
		if err != nil {
			return Split{}, err
		}
		split.Train = newStored(imageNetForm("imagenet-train", RandomResizedCrop()), shelf, centreCrop(imageNetResize), opt)
	}
	shelf, err := ix.shelf("val")
	if err != nil {
		return Split{}, err
	}
	split.Test = newStored(imageNetForm("imagenet-val", nil), shelf, centreCrop(imageNetResize), opt)
	for _, p := range []struct {
		set  Set
		kind string
		want int
	}{{split.Train, "training", imageNetTrain}, {split.Test, "validation", imageNetVal}} {
		if p.set != nil && p.set.Len() != p.want {
			opt.say("imagenet: %s has %d %s images, where ImageNet (ILSVRC 2012) has %d", root, p.set.Len(), p.kind, p.want)
		}
	}
	return split, nil
}

// shelf makes the index of a part, the training part first if it is used.
func (ix *indexer) shelf(name string) (shelf, error) {
	p, err := findPart(ix.root, name)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, fmt.Errorf("data: %s: it has changed: try again", ix.root)
	}
	mixed := fmt.Errorf("%s: its labels would be ImageNet's numbers, and the training images' are not: use one form for both parts", p.paths[0])
	var s shelf
	switch before := ix.shards; {
	case p.kind != ".parquet" && before != nil && !before.known():
		err = mixed
	case p.kind != ".parquet":
		s, err = ix.index(p, name == "train")
	case ix.training != nil && ix.training.ranks:
		err = mixed
	default:
		if ix.shards, err = openShards(ix.ctx, p.paths, imageNetClasses, before); err != nil {
			break
		}
		if s = ix.shards; ix.training != nil && !ix.shards.known() {
			err = fmt.Errorf("%s: its %d classes are not ImageNet's, and the training images' labels are ImageNet's numbers: use one form for both parts", p.paths[0], len(ix.shards.names))
		}
	}
	if err == nil && s.len() == 0 {
		err = fmt.Errorf("%s: there are no images in it", p.paths[0])
	}
	if err != nil {
		if ix.ctx.Err() != nil && errors.Is(err, ix.ctx.Err()) {
			return nil, err
		}
		return nil, fmt.Errorf("data: %w", err)
	}
	return s, nil
}
