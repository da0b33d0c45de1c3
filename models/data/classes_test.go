// Tests of labels: from folders, from tar files, and ImageNet's IDs.

package data

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// labelsOf loads a set whose images have different greys (see shade) and returns the labels of both
// parts by them.
func labelsOf(t *testing.T, dir string) (train, test map[int]int, err error) {
	t.Helper()
	s, err := ImageNet(t.Context(), Options{Dir: dir})
	if err != nil {
		return nil, nil, err
	}
	collect := func(d Set) map[int]int {
		labels := map[int]int{}
		for _, s := range evaluated(t, d) {
			labels[s.grey] = s.label
		}
		if len(labels) != d.Len() {
			t.Errorf("%d images have %d greys", d.Len(), len(labels))
		}
		return labels
	}
	return collect(s.Train), collect(s.Test), nil
}

// tree writes files; the content of images is the grey of that number.
func tree(t *testing.T, dir string, files map[string]any) {
	t.Helper()
	for name, content := range files {
		switch c := content.(type) {
		case int:
			put(t, filepath.Join(dir, name), shade(uint8(c)))
		case string:
			put(t, filepath.Join(dir, name), []byte(c))
		case []byte:
			put(t, filepath.Join(dir, name), c)
		}
	}
}

type (
	files  map[string]any
	byGrey map[int]int
)

// packed is an archive of those files; the order is that of their names.
func packed(f files) []byte {
	var all []any
	for _, name := range slices.Sorted(maps.Keys(f)) {
		content := f[name]
		switch c := content.(type) {
		case int:
			content = shade(uint8(c))
		case string:
			content = []byte(c)
		}
		all = append(all, name, content)
	}
	return archive(all...)
}

// The labels of class folders of all kinds of names, and what is refused because no label is sure.
func TestFolderLabels(t *testing.T) {
	caffe := func(lines ...string) string { return strings.Join(lines, "\n") + "\n" }
	for name, c := range map[string]struct {
		files       files
		train, test byGrey
		refused     string
	}{
		"some of ImageNet's classes have its numbers": {
			files: files{"train/n01440764/a.jpg": 10, "train/n04070727/a.jpg": 20, "val/n04070727/b.jpg": 30, "val/n01440764/b.jpg": 40},
			train: byGrey{10: 0, 20: 760}, test: byGrey{30: 760, 40: 0}},
		"... which Caffe's list agrees with": {
			files: files{"train/n01440764/a.jpg": 10, "train/n04070727/a.jpg": 20, "val/b.jpg": 30, "val/c.jpg": 40, "val.txt": caffe("b.jpg 760", "c.jpg 0")},
			train: byGrey{10: 0, 20: 760}, test: byGrey{30: 760, 40: 0}},
		"a number that no training image has": {
			files:   files{"train/n01440764/a.jpg": 10, "train/n04070727/a.jpg": 20, "val/b.jpg": 30, "val.txt": caffe("b.jpg 741")},
			refused: "val/b.jpg: its class 741 is not one of the training images'"},
		"other ids with Caffe's numbers": {
			files:   files{"train/n00000001/a.jpg": 10, "train/n00000002/a.jpg": 20, "val/b.jpg": 30, "val.txt": caffe("b.jpg 741")},
			refused: "val/b.jpg: its label is 741, and the 2 training classes, which are not named by ImageNet's WordNet ids, are numbered 0..1"},
		"numbers and a word": {
			files:   files{"train/0/a.jpg": 10, "train/1/a.jpg": 20, "train/other/a.jpg": 30, "val/0/b.jpg": 40},
			refused: "train/other/a.jpg: its class is named other where another is named 0"},
		"ids and a word": {
			files:   files{"train/n01440764/a.jpg": 10, "train/misc/a.jpg": 30, "val/n01440764/b.jpg": 40},
			refused: "another is named misc"},
		"ids and a number": {
			files:   files{"train/n01440764/a.jpg": 10, "train/1/a.jpg": 30, "val/1/b.jpg": 40},
			refused: "its class is named n01440764 where another is named 1"},
		"numbers are labels, though 10 comes before 2 as text": {
			files: files{"train/0/a.jpg": 10, "train/2/a.jpg": 20, "train/10/a.jpg": 30, "val/10/b.jpg": 40, "val/2/b.jpg": 50},
			train: byGrey{10: 0, 20: 2, 30: 10}, test: byGrey{40: 10, 50: 2}},
		"padded numbers": {
			files: files{"train/0007/a.jpg": 10, "train/0010/a.jpg": 20, "val/7/b.jpg": 40}, train: byGrey{10: 7, 20: 10}, test: byGrey{40: 7}},
		"two spellings of a number": {
			files: files{"train/1/a.jpg": 10, "train/01/a.jpg": 20, "val/1/b.jpg": 40}, refused: "its class is 1, and there is a class 01 too"},
		"a number too great": {
			files: files{"train/1000/a.jpg": 10, "val/1/b.jpg": 40}, refused: "train/1000/a.jpg: its label is 1000, want 0..999"},
		"a number greater than any": {
			files: files{"train/99999999999999999999/a.jpg": 10, "val/1/b.jpg": 40}, refused: "its label is 99999999999999999999, want 0..999"},
		"a negative number": {files: files{"train/-1/a.jpg": 10, "val/-1/b.jpg": 40}, refused: "its label is -1, want a whole number"},
		"a fraction":        {files: files{"train/7.5/a.jpg": 10, "val/7.5/b.jpg": 40}, refused: "its label is 7.5, want a whole number"},
		"a test class without training images": {
			files: files{"train/1/a.jpg": 10, "val/2/b.jpg": 40}, refused: "its class 2 is not one of the training images'"},
		"words, in the order of their names": {
			files: files{"train/dog/a.jpg": 10, "train/cat/a.jpg": 20, "train/Zebra/a.jpg": 30, "val/dog/b.jpg": 40},
			train: byGrey{10: 2, 20: 1, 30: 0}, test: byGrey{40: 2}},
		"words that differ in case": {
			files: files{"train/Cat/a.jpg": 10, "train/cat/a.jpg": 20, "val/cat/b.jpg": 40}, refused: "its class is cat, and there is a class Cat too"},
		"words and numbers": {
			files: files{"train/cat/a.jpg": 10, "train/dog/a.jpg": 20, "val/b.jpg": 40, "val.txt": caffe("b.jpg 7")}, refused: "its label is 7, and the 2 training classes"},
		"a word without images, which would shift the others": {
			files: files{"train/apple/README": "", "train/cat/a.jpg": 10, "val/cat/b.jpg": 40}, refused: "train/apple: it has no images"},
		"hidden files, upper case, folders in class folders": {
			files: files{"train/n01440764/a.JPG": 10, "train/n01440764/._a.JPG": "x", "train/n01440764/.DS_Store": "x", "train/.ipynb_checkpoints/a.jpg": 11,
				"train/n01443537/images/a.JPEG": 20, "train/._b.jpg": "x", "train/__MACOSX/n01440764/._a.JPG": "x", "val/n01443537/b.PNG.jpg": 40},
			train: byGrey{10: 0, 20: 1}, test: byGrey{40: 1}},
		"Hugging Face's names": {
			files: files{"train/n01440764_1_n01440764.JPEG": 10, "train/n01443537_1_n01443537.JPEG": 20, "val/ILSVRC2012_val_00000001_n01443537.JPEG": 40},
			train: byGrey{10: 0, 20: 1}, test: byGrey{40: 1}},
		"a name of two classes": {
			files: files{"train/n01440764_1_n01443537.JPEG": 10, "val/n01440764_1.JPEG": 40}, refused: "its name names two classes"},
		"a list with tabs, folders and a byte order mark": {
			files: files{"train/1/a.jpg": 10, "train/2/a.jpg": 20, "val/b.jpg": 30, "val/c.jpg": 40, "val.txt": "\ufeffval/b.jpg\t2\r\nval/c.jpg   1\r\n\r\n"},
			train: byGrey{10: 1, 20: 2}, test: byGrey{30: 2, 40: 1}},
		"a list that contradicts itself": {
			files: files{"train/1/a.jpg": 10, "val/b.jpg": 30, "val.txt": "b.jpg 1\nb.jpg 2\n"}, refused: "val.txt: line 2: the class of b.jpg is 2, and 1 in a line before"},
		"a list with a broken line": {
			files: files{"train/1/a.jpg": 10, "val/b.jpg": 30, "val.txt": "b.jpg\n"}, refused: `val.txt: line 1 is "b.jpg": want an image's name and its class`},
		"a blank line among ids that count": {
			files:   files{"train/n01440764/a.jpg": 10, "val/ILSVRC2012_val_00000002.JPEG": 30, "imagenet_2012_validation_synset_labels.txt": "n01440764\n\nn01440764\n"},
			refused: "imagenet_2012_validation_synset_labels.txt: line 2 is \"\""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			tree(t, dir, c.files)
			train, test, err := labelsOf(t, dir)
			checkLabels(t, c.train, c.test, c.refused, train, test, err)
		})
	}
}

func checkLabels(t *testing.T, wantTrain, wantTest byGrey, refused string, train, test map[int]int, err error) {
	t.Helper()
	switch {
	case refused != "":
		if err == nil || !strings.Contains(err.Error(), refused) || !strings.HasPrefix(err.Error(), "data: /") || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, labels %v and %v, want an error with %q", err, train, test, refused)
		}
	case err != nil:
		t.Error(err)
	case !maps.Equal(train, wantTrain) || !maps.Equal(test, wantTest):
		t.Errorf("labels %v and %v, want %v and %v", train, test, wantTrain, wantTest)
	}
}

// The labels of WebDataset's archives: each image has its own, or it is an error.
func TestTarLabels(t *testing.T) {
	for name, c := range map[string]struct {
		files   files
		train   byGrey
		refused string
	}{
		"names with dots":              {files{"22.05.jpg": 10, "22.05.cls": "5", "22.06.jpg": 20, "22.06.cls": "6"}, byGrey{10: 5, 20: 6}, ""},
		"... and more of them":         {files{"v1.0.jpg": 10, "v1.0.cls": "3", "v1.1.jpg": 20, "v1.1.cls": "4", "v1.2.jpg": 30, "v1.2.cls": "5"}, byGrey{10: 3, 20: 4, 30: 5}, ""},
		"a mask":                       {files{"1.jpg": 10, "1.seg.png": 20, "1.cls": "7"}, byGrey{10: 7}, ""},
		"a mask, the label dotted":     {files{"1.jpg": 10, "1.seg.png": 20, "1.x.cls": "7"}, byGrey{10: 7}, ""},
		"a mask with a label":          {files{"1.jpg": 10, "1.seg.png": 20, "1.cls": "7", "1.seg.cls": "8"}, byGrey{10: 7, 20: 8}, ""},
		"an image of a dotted name":    {files{"1.img.jpg": 10, "1.cls": "7"}, byGrey{10: 7}, ""},
		"blanks":                       {files{"a/1.JPG": 10, "a/1.CLS": " 7\r\n"}, byGrey{10: 7}, ""},
		"ids":                          {files{"1.jpg": 10, "1.cls": "n01443537\n", "2.jpg": 20, "2.cls": "n01440764"}, byGrey{10: 1, 20: 0}, ""},
		"hidden":                       {files{"1.jpg": 10, "1.cls": "7", "._1.jpg": "x", "._1.cls": "y", "__MACOSX/._2.jpg": "z", ".git/3.jpg": 30}, byGrey{10: 7}, ""},
		"one name in two folders":      {files{"a/1.jpg": 10, "a/1.cls": "7", "b/1.jpg": 20, "b/1.cls": "8"}, byGrey{10: 7, 20: 8}, ""},
		"the archive's name":           {files{"n01443537.tar": packed(files{"x.jpg": 10}), "n01440764.tar": packed(files{"x.jpg": 20})}, byGrey{10: 1, 20: 0}, ""},
		"outer labels, inner image":    {files{"1.jpg": 10, "1.cls": "7", "x.tar": packed(files{"1.jpg": 20})}, nil, "train-0.tar/1.jpg: its class is not known"},
		"two images, one label":        {files{"1.jpg": 10, "1.png": 20, "1.cls": "7"}, nil, "2 images and 1 labels"},
		"two spellings, two labels":    {files{"1.jpg": 10, "1.jpeg": 20, "1.cls": "7", "1.x.cls": "8"}, nil, "2 images and 2 labels"},
		"dotted, one label missing":    {files{"22.05.jpg": 10, "22.05.cls": "5", "22.06.jpg": 20}, nil, "2 images and 1 labels"},
		"dotted, one label for both":   {files{"22.05.jpg": 10, "22.06.jpg": 20, "22.cls": "6"}, nil, "2 images and 1 labels"},
		"dotted, one image missing":    {files{"22.05.jpg": 10, "22.05.cls": "5", "22.06.cls": "6"}, nil, "1 images and 2 labels"},
		"no label":                     {files{"1.jpg": 10, "1.cls": "7", "2.jpg": 20}, nil, "2.jpg: its class is not known"},
		"no image":                     {files{"1.jpg": 10, "1.cls": "7", "2.webp": "x", "2.cls": "8"}, nil, "there is the label 2.cls and no JPEG or PNG image"},
		"an empty label":               {files{"1.jpg": 10, "1.cls": "\n"}, nil, `1.cls in it: its label is ""`},
		"a word":                       {files{"1.jpg": 10, "1.cls": "cat"}, nil, `1.cls in it: its label is "cat", want a number`},
		"a negative label":             {files{"1.jpg": 10, "1.cls": "-1"}, nil, `its label is "-1"`},
		"a fraction":                   {files{"1.jpg": 10, "1.cls": "7.0"}, nil, `its label is "7.0"`},
		"two labels in one":            {files{"1.jpg": 10, "1.cls": "7 8"}, nil, `its label is "7 8"`},
		"a label that is cut in two":   {files{"1.jpg": 10, "1.cls": strings.Repeat(" ", 31) + "71"}, nil, "its label is"},
		"too great":                    {files{"1.jpg": 10, "1.cls": "1000"}, nil, "1.jpg: its label is 1000, want 0..999"},
		"numbers here, a folder there": {files{"1.jpg": 10, "1.cls": "7", "n01440764/2.jpg": 20}, nil, "its class is named n01440764 where another is named 7"},
		"labels of two cases":          {files{"1.jpg": 10, "1.cls": "7", "1.CLS": "8"}, nil, "there are two labels of that name"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, filepath.Join(dir, "train-0.tar"), packed(c.files))
			put(t, filepath.Join(dir, "val-0.tar"), packed(c.files))
			train, test, err := labelsOf(t, dir)
			checkLabels(t, c.train, c.train, c.refused, train, test, err)
		})
	}
	for _, twice := range []string{"1.jpg", "./1.jpg"} {
		_, err := scanTar(strings.NewReader(string(archive("1.jpg", shade(1), "1.cls", []byte("7"), twice, shade(2)))), "x.tar", 0, 1<<20, 0)
		if err == nil || !strings.Contains(err.Error(), twice+" in it: it comes twice") {
			t.Errorf("an image twice: %v", err)
		}
	}
}

// The test images can be loaded alone: their labels are ImageNet's, or follow from the training
// images, or are refused.
func TestLoadTest(t *testing.T) {
	thousand := files{}
	for i, id := range strings.Fields(imageNetIDs) {
		if i%100 == 0 {
			thousand[fmt.Sprintf("val/%s/a.jpg", id)] = i/10 + 5
		}
	}
	for name, c := range map[string]struct {
		files   files
		test    byGrey
		refused string
	}{
		"ImageNet's ids":                       {thousand, byGrey{5: 0, 15: 100, 25: 200, 35: 300, 45: 400, 55: 500, 65: 600, 75: 700, 85: 800, 95: 900}, ""},
		"numbers":                              {files{"val-0.tar": packed(files{"1.jpg": 10, "1.cls": "7"})}, byGrey{10: 7}, ""},
		"a list":                               {files{"val/a.jpg": 10, "val.txt": "a.jpg 7\n"}, byGrey{10: 7}, ""},
		"by training images":                   {files{"val/b/a.jpg": 10, "train/a/a.jpg": 5, "train/b/a.jpg": 6}, byGrey{10: 1}, ""},
		"broken training images do not matter": {files{"val/n01440764/a.jpg": 10, "train-0.tar": "not a tar"}, byGrey{10: 0}, ""},
		"neither":                              {files{"val/b/a.jpg": 10}, nil, "(b is none), so that their labels follow from the training images, which are not there"},
		"nothing":                              {files{"x": ""}, nil, "put its folder val, or the tar or parquet files of its validation images, there"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			tree(t, dir, c.files)
			d, err := LoadTest(t.Context(), "imagenet", Options{Dir: dir})
			got := byGrey{}
			if err == nil {
				for _, s := range evaluated(t, d) {
					got[s.grey] = s.label
				}
			}
			checkLabels(t, nil, c.test, c.refused, nil, got, err)
		})
	}
	dir := t.TempDir()
	layouts["parquet"](t, dir)
	os.Remove(filepath.Join(dir, "data/train-00000-of-00002.parquet"))
	os.Remove(filepath.Join(dir, "data/train-00001-of-00002.parquet"))
	d, err := LoadTest(t.Context(), "imagenet", Options{Dir: dir})
	if err != nil || !slices.Equal(sorted(evaluated(t, d)), tinySeen("val")) {
		t.Errorf("parquet: %v", err)
	}
	if d, err := LoadTest(t.Context(), "digits", Options{}); err != nil || d.Len() != digitsTest {
		t.Errorf("digits: %v", err)
	}
	if _, err := LoadTest(t.Context(), "digit", Options{}); err == nil {
		t.Error("no error for an unknown set")
	}
}

// The list of ImageNet's classes is whole, and some of them have the numbers that are known.
func TestImageNetIDs(t *testing.T) {
	ids := strings.Fields(imageNetIDs)
	if len(ids) != imageNetClasses || !slices.IsSorted(ids) || len(official()) != imageNetClasses {
		t.Errorf("%d ids", len(ids))
	}
	// Tench, sea snake, refrigerator, toilet tissue.
	for id, label := range map[string]int{"n01440764": 0, "n01751748": 65, "n04070727": 760, "n15075141": 999} {
		if official()[id] != label {
			t.Errorf("%s is class %d, want %d", id, official()[id], label)
		}
	}
	for _, id := range ids {
		if !wordNet.MatchString(id) {
			t.Errorf("%q is no id", id)
		}
	}
}

// What may surprise is said: numbers that sort otherwise as text, and labels that are no numbers of
// ImageNet.
func TestNumberingIsSaid(t *testing.T) {
	for want, f := range map[string]files{
		"(by the order of their text, as in torchvision's ImageFolder, 10 would come before 2)": {"train/2/a.jpg": 10, "train/10/a.jpg": 30, "val/10/b.jpg": 40},
		"their labels are 0..1 in the order of their names":                                     {"train/cat/a.jpg": 10, "train/dog/a.jpg": 30, "val/cat/b.jpg": 40},
		"": {"train/n01440764/a.jpg": 10, "train/n01443537/a.jpg": 30, "val/n01440764/b.jpg": 40},
	} {
		dir := t.TempDir()
		tree(t, dir, f)
		var said []string
		if _, err := ImageNet(t.Context(), Options{Dir: dir, Say: func(s string) { said = append(said, s) }}); err != nil {
			t.Fatal(err)
		}
		all := strings.Join(said, "\n")
		if !strings.Contains(all, want) || want == "" && strings.Contains(all, "label") {
			t.Errorf("said %q, want %q", said, want)
		}
	}
}
