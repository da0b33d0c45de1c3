package data

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// namedParquet is a file with one image of that grey and label, and Hugging Face's names of
// classes; nil for none.
func namedParquet[L any](t testing.TB, grey int, label L, names any) []byte {
	t.Helper()
	type row struct {
		Image struct {
			Bytes []byte `parquet:"bytes"`
		} `parquet:"image"`
		Label L `parquet:"label"`
	}
	options := []parquet.WriterOption{}
	if names != nil {
		meta, err := json.Marshal(map[string]any{"info": map[string]any{"features": map[string]any{
			"image": map[string]any{"_type": "Image"}, "label": map[string]any{"names": names, "_type": "ClassLabel"}}}})
		if err != nil {
			t.Fatal(err)
		}
		options = append(options, parquet.KeyValueMetadata(featuresKey, string(meta)))
	}
	var b bytes.Buffer
	w := parquet.NewGenericWriter[row](&b, options...)
	r := row{Label: label}
	r.Image.Bytes = shade(uint8(grey))
	if _, err := w.Write([]row{r}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What the numbers of parquet files stand for is in their metadata.
func TestParquetLabels(t *testing.T) {
	two, other := []string{"n01443537", "n01440764"}, []string{"n01440764", "n01443537"}
	words := []string{"cat", "dog"}
	thousand := make([]string, imageNetClasses)
	for i := range thousand {
		thousand[i] = fmt.Sprint("class ", i)
	}
	file := func(grey, label int, names any) []byte { return namedParquet(t, grey, int64(label), names) }
	for name, c := range map[string]struct {
		files       files
		train, test byGrey
		refused     string
	}{
		"no names":            {files{"train-0.parquet": file(10, 7, nil), "validation-0.parquet": file(20, 8, nil)}, byGrey{10: 7}, byGrey{20: 8}, ""},
		"32 bits":             {files{"train-0.parquet": namedParquet(t, 10, int32(7), nil), "validation-0.parquet": namedParquet(t, 20, uint8(8), nil)}, byGrey{10: 7}, byGrey{20: 8}, ""},
		"a thousand words":    {files{"train-0.parquet": file(10, 7, thousand), "validation-0.parquet": file(20, 8, thousand)}, byGrey{10: 7}, byGrey{20: 8}, ""},
		"some ids, unordered": {files{"train-0.parquet": file(10, 0, two), "validation-0.parquet": file(20, 1, two)}, byGrey{10: 1}, byGrey{20: 0}, ""},
		"numbered names":      {files{"train-0.parquet": file(10, 0, map[string]string{"0": two[0], "1": two[1]}), "validation-0.parquet": file(20, 1, two)}, byGrey{10: 1}, byGrey{20: 0}, ""},
		"ids and folders":     {files{"train-0.parquet": file(10, 0, two), "val/n01440764/a.jpg": 20}, byGrey{10: 1}, byGrey{20: 0}, ""},
		"two words":           {files{"train-0.parquet": file(10, 0, words), "validation-0.parquet": file(20, 1, words)}, byGrey{10: 0}, byGrey{20: 1}, ""},
		"another order":       {files{"train-0.parquet": file(10, 0, two), "validation-0.parquet": file(20, 1, other)}, nil, nil, "it numbers the classes in another way than"},
		"another shard's":     {files{"train-0.parquet": file(10, 0, two), "train-1.parquet": file(11, 0, other), "validation-0.parquet": file(20, 1, two)}, nil, nil, "train-1.parquet: it numbers the classes in another way"},
		"words and ids":       {files{"train-0.parquet": file(10, 0, words), "val/n01440764/a.jpg": 20}, nil, nil, "its labels would be ImageNet's numbers"},
		"ids and words":       {files{"train/n01440764/a.jpg": 20, "validation-0.parquet": file(20, 1, words)}, nil, nil, "its 2 classes are not ImageNet's"},
		"words and numbers":   {files{"train/cat/a.jpg": 20, "validation-0.parquet": file(20, 1, nil)}, nil, nil, "its labels would be ImageNet's numbers"},
		"numbers with a gap":  {files{"train-0.parquet": file(10, 0, map[string]string{"0": "a", "2": "b"}), "validation-0.parquet": file(20, 1, two)}, nil, nil, "are not numbered 0..1"},
		"text":                {files{"train-0.parquet": namedParquet(t, 10, "n01440764", nil), "validation-0.parquet": file(20, 1, nil)}, nil, nil, "its column label holds values of type"},
		"fractions":           {files{"train-0.parquet": namedParquet(t, 10, 7.0, nil), "validation-0.parquet": file(20, 1, nil)}, nil, nil, "its column label holds values of type"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			tree(t, dir, c.files)
			train, test, err := labelsOf(t, dir)
			checkLabels(t, c.train, c.test, c.refused, train, test, err)
		})
	}
	// A number without a name, and one that is no class: seen when it is read.
	for want, file := range map[string][]byte{"the file has 2 classes": file(10, 2, words), "want 0..999": file(10, -1, nil)} {
		path := filepath.Join(t.TempDir(), "x.parquet")
		put(t, path, file)
		s, err := openShards(t.Context(), []string{path}, imageNetClasses, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.readGroup(0); err == nil || !bytes.Contains([]byte(err.Error()), []byte(want)) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	// The test images alone.
	dir := t.TempDir()
	tree(t, dir, files{"validation-0.parquet": file(20, 0, two)})
	d, err := LoadTest(t.Context(), "imagenet", Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	got := byGrey{}
	for _, s := range evaluated(t, d) {
		got[s.grey] = s.label
	}
	if !maps.Equal(got, byGrey{20: 1}) {
		t.Errorf("labels %v", got)
	}
}
