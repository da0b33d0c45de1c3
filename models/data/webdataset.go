// Tar files with labels beside the images, as WebDataset writes them.

package data

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
)

// members are the images and labels of one tar archive.
//
// In WebDataset's archives the files of an example have in common the folder and the name up to the
// first dot, its key: 000123.jpg, 000123.cls, 000123.seg.png are the image, the label and another
// field of example 000123. People also pack files whose names have dots, 22.05.jpg and 22.06.jpg,
// with labels 22.05.cls and 22.06.cls. Both are read; where it is not sure which label is an
// image's, it is an error.
type members struct {
	images []entry
	labels map[string]string // by the name of the .cls file without its extension
	seen   map[string]bool   // names of both
	others []other
}

// other is an image of a kind that is not read.
type other struct{ name, kind string }

// maxLabelFile is far above the length of any label, with blanks.
const maxLabelFile = 32

func (m *members) add(name string) error {
	name = path.Clean(name)
	if m.seen[name] {
		return errors.New("it comes twice: which of the two counts is not clear: take one away")
	}
	if m.seen == nil {
		m.seen = map[string]bool{}
	}
	m.seen[name] = true
	return nil
}

func (m *members) addImage(e entry) error {
	m.images = append(m.images, e)
	return m.add(e.name)
}

// addLabel reads a .cls file.
func (m *members) addLabel(name string, r io.Reader) error {
	content, err := io.ReadAll(io.LimitReader(r, maxLabelFile+1))
	if err != nil {
		return err
	}
	label := strings.TrimSpace(string(content))
	if len(content) > maxLabelFile || !digitsOnly.MatchString(label) && !wordNet.MatchString(label) {
		return fmt.Errorf("its label is %.40q, want a number 0..%d or a WordNet id such as n01440764", label, imageNetClasses-1)
	}
	if m.labels == nil {
		m.labels = map[string]string{}
	}
	stem := withoutExt(path.Clean(name))
	if _, ok := m.labels[stem]; ok { // as 1.cls and 1.CLS
		return errors.New("there are two labels of that name")
	}
	m.labels[stem] = label
	return m.add(name)
}

// addOther notes a file that is neither, if it is an image all the same.
func (m *members) addOther(name string, r io.Reader) {
	kind := unreadNames[strings.ToLower(path.Ext(name))]
	if kind == "" {
		head := make([]byte, maxMagic)
		n, _ := io.ReadFull(r, head)
		kind = kindOf(head[:n])
	}
	if kind != "" {
		m.others = append(m.others, other{name, kind})
	}
}

// checkOthers is an error if an image that is not read is more than another field of an example,
// such as a mask beside the image.
func (m *members) checkOthers() error {
	examples := map[string]bool{}
	for _, e := range m.images {
		examples[key(e.name)] = true
	}
	for _, o := range m.others {
		switch {
		case examples[key(o.name)]:
		case o.kind == "an archive":
			return fmt.Errorf("%s in it is a packed archive: unpack it", o.name)
		case o.kind == "a JPEG image" || o.kind == "a PNG image":
			return fmt.Errorf("%s in it: it is %s whose name does not say so: let its name end in .jpg or .png", o.name, o.kind)
		default:
			return fmt.Errorf("%s in it: %w: %s", o.name, foreignImage(o.kind), saveAsJPEG)
		}
	}
	return nil
}

// labelled returns the images with the classes that the archive's labels give them.
func (m *members) labelled() ([]found, error) {
	all := make([]found, len(m.images))
	for i, e := range m.images {
		all[i].entry = e
	}
	if len(m.labels) == 0 {
		return all, nil
	}
	samples := map[string]*sample{}
	var keys []string // in the archive's order
	of := func(name string) *sample {
		k := key(name)
		if samples[k] == nil {
			samples[k] = &sample{}
			keys = append(keys, k)
		}
		return samples[k]
	}
	for i := range all {
		x := of(all[i].name)
		x.images = append(x.images, &all[i])
	}
	for _, stem := range slices.Sorted(maps.Keys(m.labels)) {
		x := of(stem)
		x.labels = append(x.labels, stem)
	}
	dropped := map[*found]bool{}
	for _, k := range keys {
		fields, err := samples[k].label(m.labels)
		if err != nil {
			return nil, fmt.Errorf("%s in it: %w", k, err)
		}
		for _, f := range fields {
			dropped[f] = true
		}
	}
	kept := make([]found, 0, len(all)-len(dropped))
	for i := range all {
		if !dropped[&all[i]] {
			kept = append(kept, all[i])
		}
	}
	return kept, nil
}

// sample is an example: what has one key.
type sample struct {
	images []*found
	labels []string // their stems
}

// label gives the images of an example their classes and returns the images that are no examples
// but fields of one.
func (x *sample) label(labels map[string]string) (fields []*found, err error) {
	if len(x.labels) == 0 && len(x.images) == 1 {
		return nil, nil // a folder or the name may tell the class
	}
	// images that have a label of the same stem; whose name has no dot but the extension's
	var own, plain []*found
	stems := map[string]bool{}
	for _, f := range x.images {
		stem := withoutExt(path.Clean(f.name))
		if label, ok := labels[stem]; ok {
			f.class = label
			own, stems[stem] = append(own, f), true
		}
		if stem == key(f.name) {
			plain = append(plain, f)
		}
	}
	switch {
	case len(x.images) == 0:
		return nil, fmt.Errorf("there is the label %s.cls and no JPEG or PNG image of that name", x.labels[0])
	case len(own) == len(x.images) && len(stems) == len(own) && len(own) == len(x.labels):
		// 22.05.jpg, 22.05.cls, 22.06.jpg, 22.06.cls; 1.jpg, 1.cls
		return nil, nil
	case len(x.images) == 1 && len(x.labels) == 1: // 000123.jpg and 000123.x.cls
		x.images[0].class = labels[x.labels[0]]
		return nil, nil
	case len(plain) == 1 && len(x.labels) == 1 && (len(own) == 0 || own[0] == plain[0]):
		// 1.jpg, 1.seg.png and 1.cls
		plain[0].class = labels[x.labels[0]]
		return slices.DeleteFunc(slices.Clone(x.images), func(f *found) bool { return f == plain[0] }), nil
	}
	return nil, fmt.Errorf("it has %d images and %d labels (.cls) whose names are the same up to the first dot, and which label is whose is not clear: "+
		"name the files of an example alike up to the first dot, and those of different examples differently", len(x.images), len(x.labels))
}

// key is what the files of one example have in common in WebDataset: the name up to the first dot
// after the folder.
func key(name string) string {
	dir, base := path.Split(path.Clean(name))
	base, _, _ = strings.Cut(base, ".")
	return dir + base
}
