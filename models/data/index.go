// The index of a set of image files: which images there are, and of what class.

package data

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// indexer finds the images of both parts and what class each is of.
type indexer struct {
	ctx  context.Context
	opt  Options
	root string
	// training numbers the classes of the training part; nil before that is indexed.
	training *numbering
	empty    []string // class folders without images
	shards   *shards  // of the part before, if that is of parquet files
}

// found is an image in an index that is being made. Its class is named by a folder or by its file's
// name, or is a number, or is in a list of the validation images.
type found struct {
	entry
	class string
}

// index makes the index of a part, the training part first.
func (ix *indexer) index(p *part, train bool) (*entries, error) {
	var all []found
	var containers []string
	var err error
	if p.kind == "folder" {
		containers, all, err = ix.walk(p.paths[0], train)
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

// walk lists the images of a folder and of its class folders, with those in folders within, as
// torchvision does.
func (ix *indexer) walk(dir string, train bool) (containers []string, all []found, err error) {
	containers = []string{dir}
	top, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", dir, reason(err))
	}
	for _, e := range top {
		switch {
		case e.IsDir():
		case isImage(e.Name()):
			all = append(all, found{entry{offset: -1, name: e.Name()}, ""})
		case !isFolder(dir, e):
			if err := checkPassedOver(dir, e.Name()); err != nil {
				return nil, nil, err
			}
		}
	}
	for _, c := range top {
		if strings.HasPrefix(c.Name(), ".") || !isFolder(dir, c) {
			continue
		}
		path := filepath.Join(dir, c.Name())
		containers = append(containers, path)
		before := len(all)
		err := ix.files(path, "", 0, func(name string) {
			all = append(all, found{entry{container: int32(len(containers) - 1), offset: -1, name: name}, c.Name()})
		})
		if err != nil {
			return nil, nil, err
		}
		if train && len(all) == before && c.Name() != "__MACOSX" {
			ix.empty = append(ix.empty, path)
		}
	}
	return containers, all, nil
}

// files calls add with each image of a class folder, by its path in it.
func (ix *indexer) files(root, within string, depth int, add func(name string)) error {
	if err := ix.ctx.Err(); err != nil {
		return err
	}
	dir := filepath.Join(root, within)
	files, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, reason(err))
	}
	for _, e := range files {
		name := filepath.Join(within, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), "."):
		case isFolder(dir, e):
			if depth == maxDepth { // a link to a folder above, say
				return fmt.Errorf("%s: there are more than %d folders in one another", dir, maxDepth)
			}
			if err := ix.files(root, name, depth+1, add); err != nil {
				return err
			}
		case isImage(e.Name()):
			add(name)
		default:
			if err := checkPassedOver(dir, e.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxDepth is how deep in folders within a class folder images are looked for.
const maxDepth = 8

// isFolder follows links, which people make to save space. Only links are asked for: there may be
// 50,000 entries.
func isFolder(dir string, e os.DirEntry) bool {
	if e.Type()&os.ModeSymlink == 0 {
		return e.IsDir()
	}
	info, err := os.Stat(filepath.Join(dir, e.Name()))
	return err == nil && info.IsDir()
}

// label turns classes into labels.
func (ix *indexer) label(all []found, containers []string, train bool) error {
	where := func(i int) string { return filepath.Join(containers[all[i].container], all[i].name) }
	if err := ix.classify(all, containers, train); err != nil {
		return err
	}
	if len(all) == 0 {
		return nil
	}
	c, err := classesOf(all, where)
	if err != nil {
		return err
	}
	var labels map[string]int
	if train {
		ix.training = numberTraining(c)
		if ix.training.ranks && len(ix.empty) > 0 {
			return fmt.Errorf("%s: it has no images: take it away if it is not a class, as the labels are the places of the classes in the order of their names", ix.empty[0])
		}
		ix.training.say(c, ix.opt)
		labels = ix.training.labels
	} else {
		n, err := ix.numbering(c)
		if err != nil {
			return err
		}
		if labels, err = n.test(c, where); err != nil {
			return err
		}
	}
	for i := range all {
		all[i].label = int32(labels[all[i].class])
	}
	return nil
}

// numbering returns that of the training images. Where these are not asked for, it is ImageNet's if
// that numbers the test images' classes c, or else the training images are looked at.
func (ix *indexer) numbering(c *classes) (*numbering, error) {
	if ix.training == nil && (c.naming == byNumber || c.known()) {
		return &numbering{}, nil
	}
	if ix.training == nil {
		train, err := findPart(ix.root, "train")
		if err != nil {
			return nil, err
		}
		if train == nil {
			return nil, fmt.Errorf("%s: the validation images' classes are not named by ImageNet's WordNet ids (%s is none), so that their labels follow from the training images, which are not there",
				ix.root, c.names[0])
		}
		if train.kind == ".parquet" {
			ix.training = &numbering{}
		} else if _, err := ix.index(train, true); err != nil {
			return nil, err
		}
		if ix.training == nil {
			return nil, fmt.Errorf("%s: there are no images in it, which the validation images' labels follow from", train.paths[0])
		}
	}
	return ix.training, nil
}

// classify gives each image that has none yet its class, by its name or by a list.
func (ix *indexer) classify(all []found, containers []string, train bool) error {
	var list map[string]string
	for i := range all {
		f := &all[i]
		if f.class != "" {
			continue
		}
		stem := withoutExt(path.Base(filepath.ToSlash(f.name)))
		first, last, _ := cutEnds(stem)
		switch isFirst, isLast := wordNet.MatchString(first), wordNet.MatchString(last); {
		case isFirst && isLast && first != last:
			return fmt.Errorf("%s: its name names two classes", filepath.Join(containers[f.container], f.name))
		case isFirst: // n01440764_10026.JPEG
			f.class = first
			continue
		case isLast: // ILSVRC2012_val_00000293_n01440764.JPEG
			f.class = last
			continue
		}
		if train {
			return fmt.Errorf("%s: its class is not known: want it in a folder of its class, named like n01440764_10026.JPEG, or with a .cls file",
				filepath.Join(containers[f.container], f.name))
		}
		if list == nil {
			var err error
			if list, err = ix.list(containers[0], filepath.Dir(containers[0])); err != nil {
				return err
			}
		}
		if f.class = list[stem]; f.class == "" {
			return fmt.Errorf("%s: its class is not known: it is not in the list of the validation images",
				filepath.Join(containers[f.container], f.name))
		}
	}
	return nil
}

// cutEnds returns what is before the first underscore of a name and what is after the last.
func cutEnds(stem string) (first, last string, ok bool) {
	i, k := strings.Index(stem, "_"), strings.LastIndex(stem, "_")
	if i < 0 {
		return "", "", false
	}
	return stem[:i], stem[k+1:], true
}
