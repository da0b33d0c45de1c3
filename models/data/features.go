package data

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/parquet-go/parquet-go"
)

// featuresKey is the entry of a parquet file's metadata in which Hugging Face's libraries keep what
// the columns are.
const featuresKey = "huggingface"

// classNames returns the names of the classes that the numbers in the column label stand for; nil
// if the file does not say.
func classNames(f *parquet.File) ([]string, error) {
	text, ok := f.Lookup(featuresKey)
	if !ok {
		return nil, nil
	}
	var meta struct {
		Info struct {
			Features map[string]json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(text), &meta); err != nil {
		return nil, fmt.Errorf("its metadata %q cannot be read: %w", featuresKey, err)
	}
	var label struct {
		Type  string `json:"_type"`
		Names json.RawMessage
	}
	if raw := meta.Info.Features["label"]; raw == nil || json.Unmarshal(raw, &label) != nil || label.Type != "ClassLabel" || label.Names == nil {
		return nil, nil // numbers without names
	}
	var names []string
	if json.Unmarshal(label.Names, &names) == nil {
		return names, nil
	}
	var numbered map[string]string // as in the card of a data set: {"0": "tench", ...}
	if err := json.Unmarshal(label.Names, &numbered); err != nil {
		return nil, fmt.Errorf("the names of the classes in its metadata %q cannot be read: %w", featuresKey, err)
	}
	names = make([]string, len(numbered))
	for at, name := range numbered {
		i, err := strconv.Atoi(at)
		if err != nil || i < 0 || i >= len(names) {
			return nil, fmt.Errorf("the names of the classes in its metadata %q are not numbered 0..%d: there is %q", featuresKey, len(names)-1, at)
		}
		names[i] = name
	}
	return names, nil
}

// setNames takes the names of a file's classes. All files of a part, and both parts, must have the
// same: a number would mean two classes otherwise. Names that are ImageNet's WordNet ids have
// ImageNet's labels, whatever their numbers.
func (s *shards) setNames(path string, names []string) error {
	if names == nil {
		return nil
	}
	if s.names != nil {
		if !slices.Equal(names, s.names) {
			return fmt.Errorf("it numbers the classes in another way than %s does: take away the files of other sets", s.namedBy)
		}
		return nil
	}
	if len(names) > s.classes {
		return fmt.Errorf("it has %d classes, want at most %d", len(names), s.classes)
	}
	s.names, s.namedBy = names, path
	labels := make([]int32, len(names))
	for i, name := range names {
		label, ok := official()[name]
		if !ok {
			return nil
		}
		labels[i] = int32(label)
	}
	s.labels = labels
	return nil
}

// known tells whether the labels are ImageNet's numbers, as far as the files say.
func (s *shards) known() bool {
	return s.names == nil || s.labels != nil || len(s.names) == imageNetClasses
}
