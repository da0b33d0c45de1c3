// Tests of CIFAR-10: layouts of folders, bad files, downloads, known images.

package data

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const tinyPerFile = 2

// tinyCIFAR is CIFAR-10 with two images a file: image i of file f has label f+i, and its pixel k
// has the values (k+f, k+f+50, k+f+100+i), modulo 256.
func tinyCIFAR() (collection, map[string][]byte) {
	files := map[string][]byte{}
	for f, name := range cifarFiles {
		var b []byte
		for i := range tinyPerFile {
			b = append(b, byte(f+i))
			for plane := range 3 {
				for k := range cifarPlane {
					b = append(b, byte(k+f+50*plane+i*(plane/2)))
				}
			}
		}
		files[name] = b
	}
	return cifarCollection(tinyPerFile), files
}

// tarOf is an archive of those files in a folder, packed by gzip. The last file comes first: the
// order must not matter.
func tarOf(folder string, files map[string][]byte) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	_ = w.WriteHeader(&tar.Header{Name: folder + "/", Typeflag: tar.TypeDir, Mode: 0o755})
	names := []string{"readme.html"}
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	slices.Reverse(names)
	for _, name := range names {
		_ = w.WriteHeader(&tar.Header{Name: folder + "/" + name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(files[name]))})
		_, _ = w.Write(files[name])
	}
	_ = w.Close()
	return pack(b.Bytes())
}

func checkTinyCIFAR(t *testing.T, split Split, err error) {
	t.Helper()
	s := inMemory(t, split, err)
	if !slices.Equal(s.Train.Labels, []int32{0, 1, 1, 2, 2, 3, 3, 4, 4, 5}) || !slices.Equal(s.Test.Labels, []int32{5, 6}) {
		t.Errorf("labels %v and %v", s.Train.Labels, s.Test.Labels)
	}
	for _, c := range []struct {
		pixels []uint8
		k      int
		want   []uint8
	}{
		{s.Train.Image(0), 0, []uint8{0, 50, 100}},
		{s.Train.Image(0), 33, []uint8{33, 83, 133}}, // second row, second column
		{s.Train.Image(9), 1023, []uint8{3, 53, 104}},
		{s.Test.Image(1), 1, []uint8{6, 56, 107}},
	} {
		if got := c.pixels[3*c.k : 3*c.k+3]; !slices.Equal(got, c.want) {
			t.Errorf("pixel %d: %v, want %v", c.k, got, c.want)
		}
	}
}

func TestCIFARLayouts(t *testing.T) {
	tiny, files := tinyCIFAR()
	const folder = "cifar-10-batches-bin"
	archive := map[string][]byte{"cifar-10-binary.tar.gz": tarOf(folder, files)}
	for _, sub := range []string{".", folder, "cifar10", "cifar10/" + folder} {
		for _, content := range []map[string][]byte{files, archive} {
			f := newSetting(t, tiny)
			f.opt.Dir = t.TempDir()
			write(t, filepath.Join(f.opt.Dir, sub), content, false)
			s, err := f.split(t.Context())
			checkTinyCIFAR(t, s, err)
		}
	}
	// A folder with both, the files being incomplete: the archive is used.
	f := newSetting(t, tiny)
	f.opt.Dir = t.TempDir()
	write(t, f.opt.Dir, archive, false)
	write(t, f.opt.Dir, map[string][]byte{"test_batch.bin": files["test_batch.bin"]}, false)
	s, err := f.split(t.Context())
	checkTinyCIFAR(t, s, err)
	if err := os.Remove(filepath.Join(f.opt.Dir, "cifar-10-binary.tar.gz")); err != nil {
		t.Fatal(err)
	}
	if _, err := f.split(t.Context()); err == nil || !strings.Contains(err.Error(), "data_batch_1.bin, data_batch_2.bin") || !strings.Contains(err.Error(), "missing") {
		t.Errorf("one file of six: %v", err)
	}
}

func TestCIFARBadFiles(t *testing.T) {
	tiny, files := tinyCIFAR()
	good := files["test_batch.bin"]
	label := slices.Clone(good)
	label[cifarRecord] = 10
	few := map[string][]byte{"test_batch.bin": good}
	short := map[string][]byte{}
	for name, b := range files {
		short[name] = b[:len(b)-1]
	}
	whole := tarOf("x", files)
	for _, c := range []struct {
		file    string
		content []byte
		want    string
	}{
		{"test_batch.bin", good[:4000], "the file is cut off: its data ends after 4000 of 6146 bytes"},
		{"test_batch.bin", nil, "the file is cut off: its data ends after 0 of 6146 bytes"},
		{"test_batch.bin", append(slices.Clone(good), 1), "more than the 6146 bytes"},
		{"test_batch.bin", label, "the label of image 1 is 10, want 0..9"},
		{"data_batch_3.bin", append([]byte{3}, files["data_batch_3.bin"][1:]...), "its sha256 is"},
		{"cifar-10-binary.tar.gz", tarOf("x", few), "data_batch_1.bin, data_batch_2.bin, data_batch_3.bin, data_batch_4.bin, data_batch_5.bin missing in it"},
		{"cifar-10-binary.tar.gz", tarOf("x", short), "x/test_batch.bin in it: the file is cut off: its data ends after 6145 of 6146 bytes"},
		{"cifar-10-binary.tar.gz", whole[:len(whole)/2], "the file is cut off"},
		{"cifar-10-binary.tar.gz", []byte("<html>404</html>"), "it is not a whole tar archive"},
	} {
		f := newSetting(t, tiny)
		f.opt.Dir = t.TempDir()
		if !strings.HasSuffix(c.file, ".gz") {
			write(t, f.opt.Dir, files, false)
			var sums []byte
			for name, b := range files {
				s := sha256.Sum256(b)
				sums = append(sums, hex.EncodeToString(s[:])+"  "+name+"\n"...)
			}
			write(t, f.opt.Dir, map[string][]byte{"SHA256SUMS": sums}, false)
			s, err := f.split(t.Context())
			checkTinyCIFAR(t, s, err)
		}
		write(t, f.opt.Dir, map[string][]byte{c.file: c.content}, false)
		_, err := f.split(t.Context())
		path := filepath.Join(f.opt.Dir, c.file)
		if err == nil || !strings.HasPrefix(err.Error(), "data: "+path+": ") || !strings.Contains(err.Error(), c.want) ||
			!strings.HasSuffix(err.Error(), ": replace it, or delete it and run again") || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want one line with %q, the path and a remedy", err, c.want)
		}
	}
}

// What the server sends is refused if it has not the official sum, and used if it has.
func TestCIFARDownload(t *testing.T) {
	tiny, files := tinyCIFAR()
	content := tarOf("cifar-10-batches-bin", files)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(content) }))
	defer server.Close()
	f := newSetting(t, tiny)
	f.sources = []string{server.URL + "/"}
	_, err := f.split(t.Context())
	if err == nil || !strings.Contains(err.Error(), "data: cifar10 not found: put cifar-10-binary.tar.gz in a folder") || !strings.Contains(err.Error(), "its sha256 is") {
		t.Errorf("a rebuilt archive from the official address: %v", err)
	}
	if left, _ := os.ReadDir(filepath.Join(os.Getenv("GSM_CACHE"), "data", "cifar10")); len(left) > 0 {
		t.Errorf("it left %v in the cache", left)
	}
	sum := sha256.Sum256(content)
	f.downloads = []download{{f.downloads[0].name, func(path string) error { return checkSum(path, hex.EncodeToString(sum[:])) }}}
	for range 2 {
		s, err := f.split(t.Context())
		checkTinyCIFAR(t, s, err)
		server.Close() // the second time it comes from the cache
	}
}

// The real set, where the machine has it: class counts as published, and the training pixels' known
// means.
func TestCIFARKnownAnswers(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	split, err := CIFAR10(t.Context(), Options{Offline: true})
	if err != nil {
		t.Skip(err)
	}
	s := inMemory(t, split, nil)
	if s.Train.Len() != 50000 || s.Test.Len() != 10000 {
		t.Fatalf("%d/%d images", s.Train.Len(), s.Test.Len())
	}
	for _, d := range []*Images{s.Train, s.Test} {
		for c, n := range d.Histogram() {
			if n != d.Len()/10 {
				t.Errorf("%s: %d images of class %d", d.Name, n, c)
			}
		}
	}
	if want := []int32{6, 9, 9, 4, 1}; !slices.Equal(s.Train.Labels[:5], want) {
		t.Errorf("first labels %v, want %v", s.Train.Labels[:5], want)
	}
	// The first image, a frog, begins with this pixel in every publication of the set.
	if got, want := s.Train.Image(0)[:3], []uint8{59, 62, 63}; !slices.Equal(got, want) {
		t.Errorf("first pixel %v, want %v", got, want)
	}
	for c, want := range []float64{.4914, .4822, .4465} {
		sum := 0.0
		for i := c; i < len(s.Train.Pixels); i += 3 {
			sum += float64(s.Train.Pixels[i])
		}
		if mean := sum / 255 / float64(len(s.Train.Pixels)/3); math.Abs(mean-want) > 1e-4 {
			t.Errorf("the mean of channel %d is %.5f, want %.4f", c, mean, want)
		}
	}
}

func FuzzReadCIFAR(f *testing.F) {
	_, files := tinyCIFAR()
	good := files["test_batch.bin"]
	f.Add(good)
	f.Add(good[:cifarRecord])
	f.Add([]byte{10})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		pixels, labels := make([]uint8, 2*3*cifarPlane), make([]int32, 2)
		err := readCIFARRecords(bytes.NewReader(b), pixels, labels)
		valid := len(b) == 2*cifarRecord && b[0] < 10 && b[cifarRecord] < 10
		if valid != (err == nil) {
			t.Fatalf("%d bytes: %v", len(b), err)
		}
		if valid && (labels[1] != int32(b[cifarRecord]) || pixels[3*cifarPlane+1] != b[cifarRecord+1+cifarPlane]) {
			t.Error("other values than the bytes")
		}
	})
}
