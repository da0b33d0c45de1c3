package data

import (
	_ "embed"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// This file numbers the classes. Images come with names of classes (of folders, in files' names, in
// lists) or with numbers. A wrong number is not seen until an accuracy is, and often not then: what
// is not sure is an error.

// imageNetIDs are the WordNet ids of ILSVRC 2012's classes, in the order of their labels, which is
// that of their text.
//
//go:embed imagenet_classes.txt
var imageNetIDs string

// official returns the label of each of ImageNet's classes by its WordNet id.
var official = sync.OnceValue(func() map[string]int {
	labels := map[string]int{}
	for i, id := range strings.Fields(imageNetIDs) {
		labels[id] = i
	}
	return labels
})

// naming is how classes are called.
type naming int

const (
	byNumber naming = iota // 0 to 999: these are the labels
	byID                   // WordNet's, as n01440764
	byWord
)

var wordNet = regexp.MustCompile(`^n\d{8}$`)

// digits are of a label; a sign or a decimal point makes it none.
var digitsOnly = regexp.MustCompile(`^[0-9]+$`)

func namingOf(class string) naming {
	switch {
	case digitsOnly.MatchString(class):
		return byNumber
	case wordNet.MatchString(class):
		return byID
	}
	return byWord
}

// classes are those of a part of the set.
type classes struct {
	naming naming
	names  []string // sorted
	// example is the place in the part's images of one of each class.
	example map[string]int
}

// classesOf collects the classes of a part and refuses what cannot be numbered for sure.
func classesOf(all []found, where func(i int) string) (*classes, error) {
	c := &classes{example: map[string]int{}}
	for i, f := range all {
		if _, ok := c.example[f.class]; !ok {
			c.example[f.class] = i
			c.names = append(c.names, f.class)
		}
	}
	slices.Sort(c.names)
	same := map[string]string{}
	for k, name := range c.names {
		at := c.example[name]
		kind, spelling := namingOf(name), strings.ToLower(name)
		switch {
		case k == 0:
			c.naming = kind
		case kind != c.naming:
			return nil, fmt.Errorf("%s: its class is named %s where another is named %s: name all classes by their numbers, all by their WordNet ids (n01440764) or all by words, and take away folders that are no classes",
				where(at), name, c.names[0])
		}
		if kind == byNumber {
			n, err := strconv.Atoi(name)
			if err != nil || n >= imageNetClasses {
				return nil, fmt.Errorf("%s: its label is %s, want 0..%d", where(at), name, imageNetClasses-1)
			}
			spelling = strconv.Itoa(n)
		} else if n, err := strconv.ParseFloat(name, 64); err == nil {
			return nil, fmt.Errorf("%s: its label is %v, want a whole number 0..%d", where(at), n, imageNetClasses-1)
		}
		if other, ok := same[spelling]; ok {
			return nil, fmt.Errorf("%s: its class is %s, and there is a class %s too: give them one name", where(at), name, other)
		}
		same[spelling] = name
	}
	if c.naming != byNumber && len(c.names) > imageNetClasses {
		return nil, fmt.Errorf("%s: there are %d classes, want at most %d", filepath.Dir(where(0)), len(c.names), imageNetClasses)
	}
	return c, nil
}

// known tells whether all classes are ImageNet's, so that their labels do not depend on which of
// them are there.
func (c *classes) known() bool {
	for _, name := range c.names {
		if _, ok := official()[name]; !ok {
			return false
		}
	}
	return true
}

// numbering gives labels to the names of classes.
type numbering struct {
	// labels are those of the training images, by the names of their classes; nil where they are
	// not known before they are read (parquet): then they are ImageNet's numbers.
	labels map[string]int
	// ranks tells that labels are the places of the training classes in the order of their names.
	ranks bool
}

// numberTraining numbers the classes of the training images.
func numberTraining(c *classes) *numbering {
	n := &numbering{labels: map[string]int{}, ranks: c.naming != byNumber && !c.known()}
	for k, name := range c.names {
		switch {
		case n.ranks:
			n.labels[name] = k
		case c.naming == byNumber:
			n.labels[name], _ = strconv.Atoi(name)
		default:
			n.labels[name] = official()[name]
		}
	}
	return n
}

// test numbers the classes of the test images as the training images' are.
func (n *numbering) test(c *classes, where func(i int) string) (map[string]int, error) {
	trained := map[int]bool{}
	for _, l := range n.labels {
		trained[l] = true
	}
	labels := map[string]int{}
	for _, name := range c.names {
		at := where(c.example[name])
		label, ok := n.labels[name]
		if !ok && c.naming == byNumber {
			label, _ = strconv.Atoi(name)
			if ok = n.labels == nil || trained[label]; !ok && n.ranks {
				return nil, fmt.Errorf("%s: its label is %d, and the %d training classes, which are not named by ImageNet's WordNet ids, are numbered 0..%d in the order of their names: name the classes of both parts in the same way",
					at, label, len(n.labels), len(n.labels)-1)
			}
		}
		if !ok && !n.ranks && c.naming == byID {
			if label, ok = official()[name]; ok {
				ok = n.labels == nil || trained[label]
			}
		}
		if !ok && n.labels == nil {
			return nil, fmt.Errorf("%s: its class %s is not one of ImageNet's WordNet ids, and the training images' labels are ImageNet's numbers", at, name)
		}
		if !ok {
			return nil, fmt.Errorf("%s: its class %s is not one of the training images'", at, name)
		}
		labels[name] = label
	}
	return labels, nil
}

// sayNumbering says what a user may not expect of the labels of the training images.
func (n *numbering) say(c *classes, opt Options) {
	if n.ranks {
		opt.say("imagenet: the %d classes are not named by ImageNet's WordNet ids: their labels are 0..%d in the order of their names", len(c.names), len(c.names)-1)
		return
	}
	for k, name := range c.names {
		if c.naming == byNumber && n.labels[name] < n.labels[c.names[max(0, k-1)]] {
			opt.say("imagenet: the classes are named by numbers, which are their labels (by the order of their text, as in torchvision's ImageFolder, %s would come before %s)",
				c.names[k-1], name)
			return
		}
	}
}
