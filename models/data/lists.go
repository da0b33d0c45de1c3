package data

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// listFile is a form in which lists of the validation images' classes come.
type listFile struct {
	name string
	// line returns the image's name and class of line i, which is not blank; "" if the line is none
	// of the form.
	line func(i int, line string) (name, class string)
}

var listFiles = []listFile{
	{"val.txt", func(_ int, line string) (string, string) { // ILSVRC2012_val_00000001.JPEG 65
		fields := strings.Fields(line)
		if len(fields) != 2 {
			return "", ""
		}
		return fields[0], fields[1]
	}},
	{"LOC_val_solution.csv", func(i int, line string) (string, string) {
		// ILSVRC2012_val_00048981,n03995372 85 1 499 272
		name, boxes, _ := strings.Cut(line, ",")
		class, _, _ := strings.Cut(strings.TrimSpace(boxes), " ")
		return name, class
	}},
	{"imagenet_2012_validation_synset_labels.txt", func(i int, line string) (string, string) {
		// n01751748, in the images' order
		return fmt.Sprintf("ILSVRC2012_val_%08d", i+1), line
	}},
}

// list reads the list of the validation images, from the folder of the images up to those above the
// root: class by file name without extension.
func (ix *indexer) list(folders ...string) (map[string]string, error) {
	up := ix.root
	for range 4 {
		folders = append(folders, up)
		up = filepath.Dir(up)
	}
	for _, dir := range folders {
		for _, l := range listFiles {
			path := filepath.Join(dir, l.name)
			content, err := os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
				// the images' "folder" may be an archive
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, reason(err))
			}
			classes, err := l.read(string(content))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			return classes, nil
		}
	}
	return nil, fmt.Errorf("%s: the validation images are not in folders of their classes, and there is no list of them: put LOC_val_solution.csv (Kaggle), "+
		"val.txt (Caffe: ILSVRC2012_val_00000001.JPEG 65) or imagenet_2012_validation_synset_labels.txt (TensorFlow) there "+
		"(the development kit and torchvision's meta.bin are not read)", ix.root)
}

// read returns the class of each image by its name without folder and extension.
func (l listFile) read(content string) (map[string]string, error) {
	classes := map[string]string{}
	content = strings.TrimRight(strings.TrimPrefix(content, "\ufeff"), "\r\n\t ")
	i := 0
	for line := range strings.Lines(content) {
		name, class := l.line(i, strings.TrimSpace(line))
		i++
		if name == "" || class == "" {
			return nil, fmt.Errorf("line %d is %q: want an image's name and its class", i, strings.TrimSpace(line))
		}
		stem := withoutExt(path.Base(filepath.ToSlash(name)))
		if other, ok := classes[stem]; ok && other != class {
			return nil, fmt.Errorf("line %d: the class of %s is %s, and %s in a line before", i, name, class, other)
		}
		classes[stem] = class
	}
	return classes, nil
}

func withoutExt(name string) string { return strings.TrimSuffix(name, path.Ext(name)) }
