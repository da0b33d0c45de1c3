package weights

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// indexSuffix ends the names of indices. An index says in which of several files each tensor of a
// large network is.
const indexSuffix = Suffix + ".index.json"

var shardName = regexp.MustCompile(`^(.*)-\d{5}-of-(\d{5})\.safetensors$`)

// shardOf tells from a file's name whether it is one of several, and what their index is called.
func shardOf(path string) (index string, others bool) {
	m := shardName.FindStringSubmatch(filepath.Base(path))
	if m == nil {
		return "", false
	}
	n, err := strconv.Atoi(m[2])
	return m[1] + indexSuffix, err == nil && n > 1
}

// loadShards reads all the files that an index names.
func loadShards(path string) (*content, error) {
	raw, err := readFile(path, maxHeader)
	if err != nil {
		return nil, err
	}
	var index struct {
		Map map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(raw, &index); err != nil {
		return nil, inFile(path, "%w: the index is damaged", err)
	}
	if len(index.Map) == 0 {
		return nil, inFile(path, "no weight_map: it is no index of safetensors files")
	}
	whole := &content{meta: map[string]string{}}
	found := map[string]string{}
	for _, file := range slices.Compact(slices.Sorted(maps.Values(index.Map))) {
		if file != filepath.Base(file) || !strings.HasSuffix(file, Suffix) {
			return nil, inFile(path, "it names the file %q, which is none beside it", file)
		}
		part, err := loadOne(filepath.Join(filepath.Dir(path), file))
		if err != nil {
			return nil, fmt.Errorf("%w (named by %s)", err, path)
		}
		for _, t := range part.tensors {
			if in := index.Map[t.name]; in != file {
				return nil, inFile(path, "tensor %q is in %s, and should be in %q", t.name, file, in)
			}
			found[t.name] = file
		}
		whole.tensors = append(whole.tensors, part.tensors...)
		for key, value := range part.meta {
			if key != notesKey { // a note describes only one file
				whole.meta[key] = value
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(index.Map)) {
		if found[name] == "" {
			return nil, inFile(path, "tensor %q is not in %s", name, index.Map[name])
		}
	}
	slices.SortFunc(whole.tensors, func(a, b tensor) int { return strings.Compare(a.name, b.name) })
	return whole, nil
}
