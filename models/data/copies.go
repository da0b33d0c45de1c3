package data

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"gsmlab/internal/phrase"
)

// foreign is a copy of a set that cannot be read, or not so: people have many. It is told by a
// name.
type foreign struct {
	pattern string // of path.Match, in lower case, for what is in the folder
	advice  string // follows the name
}

// foreignAnywhere is what any set may come in.
var foreignAnywhere = []foreign{
	{"*.zip", "is packed: unpack it"}, {"*.7z", "is packed: unpack it"}, {"*.rar", "is packed: unpack it"},
	{"*.tfrecord*", "is TensorFlow's form, which is not read"}, {"*-of-01024", "is TensorFlow's form, which is not read"},
	{"*.arrow", "is Hugging Face's cache, which is not read"}, {"*.mdb", "is a database, which is not read"},
	{"*.beton", "is FFCV's form, which is not read"}, {"*.npz", "is numpy's form, which is not read"},
}

// contents says, in brackets, where in a folder the set was looked for, what is there instead, and
// of what is known what to do about it.
func (c *collection) contents(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	var here, folders []string
	for _, sub := range c.subs {
		if sub != "." {
			folders = append(folders, sub)
			if slices.Contains(names, sub) {
				here = append(here, sub)
			}
		}
	}
	says := []string{fmt.Sprintf("looked in it and in its folders %s", phrase.Few(folders))}
	if len(names) == 0 {
		says = append(says, "it is empty")
	} else {
		says = append(says, "it has "+phrase.Few(names))
	}
	for _, sub := range here {
		if in, err := os.ReadDir(filepath.Join(dir, sub)); err == nil {
			for _, e := range in {
				names = append(names, path.Join(filepath.ToSlash(sub), e.Name()))
			}
		}
	}
	advised := map[string]bool{}
	for _, f := range slices.Concat(c.foreign, foreignAnywhere) {
		for _, name := range names {
			if ok, _ := path.Match(f.pattern, strings.ToLower(path.Base(name))); ok && !advised[f.advice] {
				advised[f.advice] = true
				says = append(says, name+" "+f.advice)
			}
		}
	}
	return " (" + strings.Join(says, "; ") + ")"
}
