// Tests of ImageNet's layouts and of odd image files.

package data

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/parquet-go/parquet-go"
)

// shade is a JPEG of one grey, in colour so that it takes the usual way.
func shade(v uint8) []byte {
	m := image.NewRGBA(image.Rect(0, 0, 20, 16))
	for i := range m.Pix {
		m.Pix[i] = v
	}
	var b bytes.Buffer
	_ = jpeg.Encode(&b, m, nil)
	return b.Bytes()
}

// The tiny ImageNet: three classes, 4 training and 2 validation images of each; image number k of a
// part has the grey 8 (k+1), and 128 more in the validation part.
var tinyClasses = []string{"n00000001", "n00000004", "n00000009"}

type tinyImage struct {
	class int
	name  string
	file  []byte
}

func tinyImages(part string) (all []tinyImage) {
	per, from := 4, 0
	if part == "val" {
		per, from = 2, 128
	}
	for k := range 3 * per {
		i := tinyImage{class: k / per, file: shade(uint8(from + 8*(k+1)))}
		if i.name = fmt.Sprintf("%s_%d.JPEG", tinyClasses[i.class], 100+k); part == "val" {
			i.name = fmt.Sprintf("ILSVRC2012_val_%08d.JPEG", k+1)
		}
		all = append(all, i)
	}
	return all
}

// seen are the label and grey of an image of a batch.
type seen struct{ label, grey int }

func tinySeen(part string) (all []seen) {
	for k, i := range tinyImages(part) {
		all = append(all, seen{i.class, map[string]int{"train": 8 * (k + 1), "val": 128 + 8*(k+1)}[part]})
	}
	return all
}

// look frees a batch.
func look(t testing.TB, b train.Batch) (all []seen) {
	t.Helper()
	x, y := tensors.MustCopyFlatData[float32](b.Inputs[0]), tensors.MustCopyFlatData[int32](b.Labels[0])
	size := len(x) / len(y)
	for k, l := range y {
		all = append(all, seen{int(l), int((x[(k+1)*size-1]*.225+.406)*255 + .5)})
	}
	if err := b.Finalize(); err != nil {
		t.Fatal(err)
	}
	return all
}

// evaluated are a set's images in their order.
func evaluated(t testing.TB, d Set) (all []seen) {
	t.Helper()
	ds, err := NewEval(d, 4)
	if err != nil {
		t.Fatal(err)
	}
	for b, err := range ds.Iter() {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, look(t, b)...)
	}
	return all
}

func sorted(s []seen) []seen {
	s = slices.Clone(s)
	slices.SortFunc(s, func(a, b seen) int { return a.grey - b.grey })
	return s
}

// put writes a file and its folders.
func put(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// archive is a tar of names and contents in turn.
func archive(files ...any) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		content := files[i+1].([]byte)
		_ = w.WriteHeader(&tar.Header{Name: files[i].(string), Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content))})
		_, _ = w.Write(content)
	}
	_ = w.Close()
	return b.Bytes()
}

type parquetRow struct {
	Image struct {
		Bytes []byte `parquet:"bytes,optional"`
		Path  string `parquet:"path,optional"`
	} `parquet:"image,optional"`
	Label *int64 `parquet:"label,optional"`
}

// parquetOf is a file with row groups of that many rows.
func parquetOf(t testing.TB, group int, images ...tinyImage) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[parquetRow](&b, parquet.MaxRowsPerRowGroup(int64(group)), parquet.Compression(&parquet.Snappy))
	for _, i := range images {
		label := int64(i.class)
		r := parquetRow{Label: &label}
		r.Image.Bytes, r.Image.Path = i.file, i.name
		if _, err := w.Write([]parquetRow{r}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func classFolders(t *testing.T, dir, part string) {
	for _, i := range tinyImages(part) {
		put(t, filepath.Join(dir, tinyClasses[i.class], i.name), i.file)
	}
}

func flat(t *testing.T, dir string) {
	for _, i := range tinyImages("val") {
		put(t, filepath.Join(dir, i.name), i.file)
	}
}

// layouts are the forms that ImageNet comes in.
var layouts = map[string]func(t *testing.T, dir string){
	"folders": func(t *testing.T, dir string) {
		classFolders(t, filepath.Join(dir, "imagenet/train"), "train")
		classFolders(t, filepath.Join(dir, "imagenet/validation"), "val")
		class := filepath.Join(dir, "imagenet/train", tinyClasses[1])
		elsewhere := filepath.Join(dir, "elsewhere")
		if err := errors.Join(os.Rename(class, elsewhere), os.Symlink(elsewhere, class)); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(dir, "imagenet/train", tinyClasses[0], "README.txt"), []byte("not an image"))
	},
	"flat validation, Caffe's list": func(t *testing.T, dir string) {
		classFolders(t, filepath.Join(dir, "train"), "train")
		flat(t, filepath.Join(dir, "val"))
		var list []byte
		for _, i := range tinyImages("val") {
			list = fmt.Appendf(list, "%s %d\n", i.name, i.class)
		}
		put(t, filepath.Join(dir, "val.txt"), list)
	},
	"Kaggle": func(t *testing.T, dir string) {
		classFolders(t, filepath.Join(dir, "ILSVRC/Data/CLS-LOC/train"), "train")
		flat(t, filepath.Join(dir, "ILSVRC/Data/CLS-LOC/val"))
		list := []byte("ImageId,PredictionString\n")
		for _, i := range slices.Backward(tinyImages("val")) {
			list = fmt.Appendf(list, "%s,%s 85 1 499 272 %s 1 2 3 4 \n", strings.TrimSuffix(i.name, ".JPEG"), tinyClasses[i.class], tinyClasses[i.class])
		}
		put(t, filepath.Join(dir, "LOC_val_solution.csv"), list)
	},
	"official archives in archives": func(t *testing.T, dir string) {
		outer, val := []any{}, []any{}
		for c, class := range tinyClasses {
			inner := []any{}
			for _, i := range tinyImages("train") {
				if i.class == c {
					inner = append(inner, i.name, i.file)
				}
			}
			outer = append(outer, class+".tar", archive(inner...))
		}
		list := []byte{}
		for _, i := range tinyImages("val") {
			val = append(val, i.name, i.file)
			list = fmt.Appendf(list, "%s\n", tinyClasses[i.class])
		}
		put(t, filepath.Join(dir, "ILSVRC2012_img_train.tar"), archive(outer...))
		put(t, filepath.Join(dir, "ILSVRC2012_img_val.tar"), archive(val...))
		put(t, filepath.Join(dir, "imagenet_2012_validation_synset_labels.txt"), list)
	},
	"archive of each class": func(t *testing.T, dir string) {
		for c, class := range tinyClasses {
			inner, val := []any{}, []any{}
			for _, i := range tinyImages("train") {
				if i.class == c {
					inner = append(inner, i.name, i.file)
				}
			}
			for _, i := range tinyImages("val") {
				if i.class == c {
					val = append(val, "val/"+class+"/"+i.name, i.file)
				}
			}
			put(t, filepath.Join(dir, "train", class+".tar"), archive(inner...))
			put(t, filepath.Join(dir, "val", class+".tar"), archive(val...))
		}
	},
	"WebDataset": func(t *testing.T, dir string) {
		for _, part := range []string{"train", "validation"} {
			images := tinyImages(part[:min(5, len(part))])
			if part == "validation" {
				images = tinyImages("val")
			}
			for shard := range 2 {
				files := []any{}
				for k, i := range images {
					if k%2 == shard {
						files = append(files, fmt.Sprintf("./%06d.x.cls", k), fmt.Appendf(nil, "%d\n", i.class), fmt.Sprintf("./%06d.jpg", k), i.file)
					}
				}
				put(t, filepath.Join(dir, fmt.Sprintf("imagenet1k-%s-%04d.tar", part, shard)), archive(files...))
			}
		}
	},
	"parquet": func(t *testing.T, dir string) {
		train := tinyImages("train")
		put(t, filepath.Join(dir, "data/train-00000-of-00002.parquet"), parquetOf(t, 3, train[:7]...))
		put(t, filepath.Join(dir, "data/train-00001-of-00002.parquet"), parquetOf(t, 3, train[7:]...))
		put(t, filepath.Join(dir, "data/validation-00000-of-00001.parquet"), parquetOf(t, 100, tinyImages("val")...))
		put(t, filepath.Join(dir, "data/test-00000-of-00001.parquet"), []byte("not read"))
	},
}

func TestImageNetLayouts(t *testing.T) {
	for name, layout := range layouts {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			layout(t, dir)
			said := []string{}
			s, err := Load(t.Context(), "imagenet", Options{Dir: dir, Say: func(m string) { said = append(said, m) }})
			if err != nil {
				t.Fatal(err)
			}
			for part, d := range map[string]Set{"train": s.Train, "val": s.Test} {
				if got, want := sorted(evaluated(t, d)), tinySeen(part); !slices.Equal(got, want) {
					t.Errorf("%s: labels and greys %v, want %v", part, got, want)
				}
			}
			if f := s.Train.Form(); f.Augment == nil || f.Classes != 1000 || f.Height != 224 || s.Test.Form().Augment != nil {
				t.Errorf("form %+v", f)
			}
			// An epoch has each image once.
			b, err := NewBatches(s.Train, 5, 1, WithAugment(s.Train.Form().Augment))
			if err != nil {
				t.Fatal(err)
			}
			var all []seen
			for batch, err := range b.Iter() {
				if err != nil {
					t.Fatal(err)
				}
				if all = append(all, look(t, batch)...); len(all) >= 12 {
					break
				}
			}
			if got := sorted(all[:12]); !slices.Equal(got, tinySeen("train")) {
				t.Errorf("an epoch has %v", got)
			}
			if last := said[len(said)-1]; !strings.Contains(last, "imagenet: 12 training and 6 test images from "+dir) {
				t.Errorf("said %q", said)
			}
			if s := s.Train.Subset(3); s.Len() != 3 || len(evaluated(t, s)) != 3 {
				t.Errorf("Subset(3) has %d images: %v", s.Len(), evaluated(t, s))
			}
		})
	}
}

// A tar or parquet file that is cut off, a class that the training part has not, a missing part or
// list: one line each.
func TestImageNetBadLayouts(t *testing.T) {
	for name, c := range map[string]struct {
		layout string
		change func(dir string)
		want   string
	}{
		"tar cut off": {"WebDataset", func(dir string) { halve(t, filepath.Join(dir, "imagenet1k-train-0001.tar")) },
			"imagenet1k-train-0001.tar: it is not a whole tar archive: its end is missing: get it anew"},
		"parquet cut off": {"parquet", func(dir string) { halve(t, filepath.Join(dir, "data/train-00001-of-00002.parquet")) },
			"train-00001-of-00002.parquet: not a whole parquet file: "},
		"other columns": {"parquet", func(dir string) {
			var b bytes.Buffer
			w := parquet.NewGenericWriter[struct{ Text string }](&b)
			_ = w.Close()
			put(t, filepath.Join(dir, "data/train-00001-of-00002.parquet"), b.Bytes())
		}, "it has no column [image bytes]: want Hugging Face's layout, image.bytes and label"},
		"no list": {"flat validation, Caffe's list", func(dir string) { os.Remove(filepath.Join(dir, "val.txt")) },
			"there is no list of them: put LOC_val_solution.csv"},
		"not in the list": {"flat validation, Caffe's list", func(dir string) { put(t, filepath.Join(dir, "val.txt"), []byte("x.JPEG 1\n")) },
			"ILSVRC2012_val_00000001.JPEG: its class is not known: it is not in the list"},
		"label out of range": {"flat validation, Caffe's list", func(dir string) {
			list, _ := os.ReadFile(filepath.Join(dir, "val.txt"))
			put(t, filepath.Join(dir, "val.txt"), bytes.ReplaceAll(list, []byte("G 2"), []byte("G 1000")))
		}, "its label is 1000, want 0..999"},
		"unknown class": {"folders", func(dir string) { put(t, filepath.Join(dir, "imagenet/validation/n99999999/x.JPEG"), shade(1)) },
			"its class n99999999 is not one of the training images'"},
		"no validation":   {"folders", func(dir string) { os.RemoveAll(filepath.Join(dir, "imagenet/validation")) }, "its validation images (val) missing: add them"},
		"no training":     {"folders", func(dir string) { os.RemoveAll(filepath.Join(dir, "imagenet/train")) }, "its training images (train) missing: add them"},
		"packed archives": {"folders", func(dir string) { put(t, filepath.Join(dir, "train-000.tar.gz"), nil) }, "train-000.tar.gz: a packed archive can only be read from its beginning: unpack it with gunzip"},
	} {
		dir := t.TempDir()
		layouts[c.layout](t, dir)
		c.change(dir)
		_, err := ImageNet(t.Context(), Options{Dir: dir})
		if err == nil || !strings.HasPrefix(err.Error(), "data: "+dir) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want one line with %q and the path", name, err, c.want)
		}
	}
	_, err := ImageNet(t.Context(), Options{Dir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "it has none of the ImageNet files: put its folders train and val, or its tar or parquet files, there") {
		t.Errorf("empty folder: %v", err)
	}
	t.Setenv("GSM_DATA", "")
	t.Setenv("GSM_CACHE", t.TempDir())
	_, err = ImageNet(t.Context(), Options{})
	if err == nil || !strings.Contains(err.Error(), "data: imagenet not found: get ImageNet (ILSVRC 2012) with a free account from") {
		t.Errorf("nowhere: %v", err)
	}
}

func halve(t *testing.T, path string) {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	put(t, path, b[:len(b)/2+100])
}

// ImageNet's odd files, a PNG and CMYK files named JPEG, are images like the others.
func TestDecodeOddFiles(t *testing.T) {
	cmyk, err := os.ReadFile("testdata/cmyk.jpg") // 8x8, red, made with Pillow
	if err != nil {
		t.Fatal(err)
	}
	var asPNG, grey bytes.Buffer
	m := image.NewNRGBA(image.Rect(0, 0, 2, 1))
	m.Set(0, 0, color.NRGBA{10, 20, 30, 255})
	m.Set(1, 0, color.NRGBA{10, 20, 30, 0})
	_ = png.Encode(&asPNG, m)
	g := image.NewGray(image.Rect(0, 0, 2, 2))
	g.Pix = []uint8{200, 200, 200, 200}
	_ = jpeg.Encode(&grey, g, nil)
	var d decoder
	for _, c := range []struct {
		name          string
		file          []byte
		height, width int
		pixel         []uint8
	}{
		{"CMYK", cmyk, 8, 8, []uint8{255, 0, 0}}, {"PNG", asPNG.Bytes(), 1, 2, []uint8{10, 20, 30}},
		{"grey", grey.Bytes(), 2, 2, []uint8{200, 200, 200}}, {"colour", shade(77), 16, 20, []uint8{77, 77, 77}},
	} {
		p, err := d.decode(c.file)
		if err != nil || p.Height != c.height || p.Width != c.width || p.Channels != 3 || len(p.Pixels) != 3*c.height*c.width {
			t.Errorf("%s: %dx%d, %v", c.name, p.Height, p.Width, err)
			continue
		}
		for k, v := range c.pixel {
			if d := int(p.Pixels[k]) - int(v); d < -2 || d > 2 {
				t.Errorf("%s: first pixel %v, want about %v", c.name, p.Pixels[:3], c.pixel)
			}
		}
	}
	huge := slices.Clone(shade(1))
	at := bytes.Index(huge, []byte{0xff, 0xc0})
	copy(huge[at+5:], []byte{0xff, 0xff, 0xff, 0xff})
	for want, file := range map[string][]byte{"neither JPEG nor PNG": []byte("GIF89a..."), "unexpected EOF": shade(9)[:400], "its size is 65535x65535": huge} {
		if _, err := d.decode(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
