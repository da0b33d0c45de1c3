package data

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// indexer finds the images of both parts and what class each is of.
type indexer struct {
	ctx     context.Context
	opt     Options
	root    string
	classes []string // of the training part, in the order of their labels; nil if its labels are numbers
}

// found is an image in an index that is being made. Its class is named by a folder or by its file's name, or is a
// number, or is in a list of the validation images.
type found struct {
	entry
	class string
}

// isImage tells by the name. (One of ImageNet's .JPEG files is a PNG; that is seen when it is decoded.)
func isImage(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".jpeg", ".jpg", ".png":
		return true
	}
	return false
}

// index makes the index of a part, the training part first.
func (ix *indexer) index(p *part, train bool) (*entries, error) {
	var all []found
	var containers []string
	var err error
	if p.kind == "folder" {
		containers, all, err = ix.walk(p.paths[0])
	} else {
		containers = p.paths
		all, err = ix.scan(p.paths)
	}
	if err != nil {
		return nil, err
	}
	if err := ix.label(all, containers, train); err != nil {
		return nil, err
	}
	e := &entries{containers: containers, items: make([]entry, len(all))}
	for i, f := range all {
		e.items[i] = f.entry
	}
	return e, nil
}

// walk lists the images of a folder and of its class folders.
func (ix *indexer) walk(dir string) (containers []string, all []found, err error) {
	containers = []string{dir}
	top, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", dir, reason(err))
	}
	add := func(e os.DirEntry, class string) {
		if isImage(e.Name()) && !strings.HasPrefix(e.Name(), ".") {
			all = append(all, found{entry{container: int32(len(containers) - 1), offset: -1, name: e.Name()}, class})
		}
	}
	for _, e := range top {
		if !e.IsDir() {
			add(e, "")
		}
	}
	for _, c := range top {
		if strings.HasPrefix(c.Name(), ".") || !isFolder(dir, c) {
			continue
		}
		if err := ix.ctx.Err(); err != nil {
			return nil, nil, err
		}
		path := filepath.Join(dir, c.Name())
		files, err := os.ReadDir(path)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", path, reason(err))
		}
		containers = append(containers, path)
		for _, e := range files {
			add(e, c.Name())
		}
	}
	return containers, all, nil
}

// isFolder follows links, which people make to save space. Only links are asked for: there may be 50,000 entries.
func isFolder(dir string, e os.DirEntry) bool {
	if e.Type()&os.ModeSymlink == 0 {
		return e.IsDir()
	}
	info, err := os.Stat(filepath.Join(dir, e.Name()))
	return err == nil && info.IsDir()
}

var wordNet = regexp.MustCompile(`^n\d{8}$`)

// label turns classes into labels.
func (ix *indexer) label(all []found, containers []string, train bool) error {
	where := func(f *found) string { return filepath.Join(containers[f.container], f.name) }
	var list map[string]string
	for i := range all {
		f := &all[i]
		if f.class != "" {
			continue
		}
		base := filepath.Base(f.name)
		if id, _, ok := strings.Cut(base, "_"); ok && wordNet.MatchString(id) { // as in n01440764_10026.JPEG
			f.class = id
			continue
		}
		if train {
			return fmt.Errorf("%s: its class is not known: want it in a folder of its class, named like n01440764_10026.JPEG, or with a .cls file",
				where(f))
		}
		if list == nil {
			var err error
			if list, err = ix.list(containers[0], filepath.Dir(containers[0])); err != nil {
				return err
			}
		}
		if f.class = list[strings.TrimSuffix(base, filepath.Ext(base))]; f.class == "" {
			return fmt.Errorf("%s: its class is not known: it is not in the list of the validation images", where(f))
		}
	}
	names := classNames(all)
	if len(names) > imageNetClasses {
		return fmt.Errorf("%s: there are %d classes, want at most %d", ix.root, len(names), imageNetClasses)
	}
	if train {
		ix.classes = names
	} else if ix.classes == nil && len(names) > 0 {
		if len(names) != imageNetClasses {
			return fmt.Errorf("%s: the training labels are numbers, and %d of the %d classes are among the validation images: their numbers cannot be told",
				ix.root, len(names), imageNetClasses)
		}
		ix.classes = names
	}
	for i := range all {
		f := &all[i]
		if n, err := strconv.Atoi(f.class); err == nil {
			if n < 0 || n >= imageNetClasses {
				return fmt.Errorf("%s: its label is %d, want 0..%d", where(f), n, imageNetClasses-1)
			}
			f.label = int32(n)
			continue
		}
		at, ok := slices.BinarySearch(ix.classes, f.class)
		if !ok {
			return fmt.Errorf("%s: its class %s is not one of the training images'", where(f), f.class)
		}
		f.label = int32(at)
	}
	return nil
}

// classNames returns the classes that are no numbers, sorted; nil if there are none.
func classNames(all []found) (names []string) {
	seen := map[string]bool{}
	for _, f := range all {
		if !seen[f.class] {
			seen[f.class] = true
			if _, err := strconv.Atoi(f.class); err != nil {
				names = append(names, f.class)
			}
		}
	}
	slices.Sort(names)
	return names
}

// list reads the list of the validation images, from the folder of the images up to those above the root: class by
// file name without extension.
func (ix *indexer) list(folders ...string) (map[string]string, error) {
	up := ix.root
	for range 4 {
		folders = append(folders, up)
		up = filepath.Dir(up)
	}
	lists := []struct {
		name string
		line func(i int, line string) (name, class string)
	}{
		{"val.txt", func(_ int, line string) (string, string) { // ILSVRC2012_val_00000001.JPEG 65
			name, class, _ := strings.Cut(line, " ")
			return name, strings.TrimSpace(class)
		}},
		{"LOC_val_solution.csv", func(i int, line string) (string, string) { // ILSVRC2012_val_00048981,n03995372 85 1 499 272
			name, boxes, _ := strings.Cut(line, ",")
			class, _, _ := strings.Cut(boxes, " ")
			return name, class
		}},
		{"imagenet_2012_validation_synset_labels.txt", func(i int, line string) (string, string) { // n01751748, in the images' order
			return fmt.Sprintf("ILSVRC2012_val_%08d", i+1), line
		}},
	}
	for _, dir := range folders {
		for _, l := range lists {
			path := filepath.Join(dir, l.name)
			content, err := os.ReadFile(path)
			if err != nil {
				continue
			}
			classes := map[string]string{}
			i := 0
			for line := range strings.Lines(string(content)) {
				name, class := l.line(i, strings.TrimSpace(line))
				classes[strings.TrimSuffix(name, filepath.Ext(name))] = class
				i++
			}
			return classes, nil
		}
	}
	return nil, fmt.Errorf("%s: the validation images are not in folders of their classes, and there is no list of them: put LOC_val_solution.csv (Kaggle), "+
		"val.txt (Caffe: ILSVRC2012_val_00000001.JPEG 65) or imagenet_2012_validation_synset_labels.txt (TensorFlow) there", ix.root)
}
