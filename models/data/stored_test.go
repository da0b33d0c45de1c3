// Tests of sets on disk: resuming, order of windows, broken images and blocks.

package data

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/train"

	"gsmlab/internal/pjrt/backendtest"
)

// small is a form whose batches are quickly made.
func small(name string) Form {
	f := imageNetForm(name, nil)
	f.Height, f.Width = 6, 8
	return f
}

// memoryShelf holds encoded images; those without content cannot be read.
type memoryShelf [][]byte

func (m memoryShelf) len() int          { return len(m) }
func (m memoryShelf) blocks() []int     { return nil }
func (m memoryShelf) name(i int) string { return fmt.Sprintf("image %d", i) }
func (m memoryShelf) open(int) fetcher  { return m }
func (m memoryShelf) load(int) error    { return nil }
func (m memoryShelf) fetch(i int, _ []byte) ([]byte, int32, error) {
	if m[i] == nil {
		return nil, 0, unreadable{errors.New("no such file")}
	}
	return m[i], int32(i), nil
}

func shades(n int) (m memoryShelf) {
	for i := range n {
		m = append(m, shade(uint8(7*(i+1))))
	}
	return m
}

// parquetShelf has n images in two files of row groups of 4.
func parquetShelf(t testing.TB, n int) *shards {
	t.Helper()
	dir := t.TempDir()
	var images []tinyImage
	for i, file := range shades(n) {
		images = append(images, tinyImage{class: i, file: file})
	}
	paths := []string{filepath.Join(dir, "a.parquet"), filepath.Join(dir, "b.parquet")}
	put(t, paths[0], parquetOf(t, 4, images[:n/3]...))
	put(t, paths[1], parquetOf(t, 4, images[n/3:]...))
	s, err := openShards(t.Context(), paths, imageNetClasses, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sums reads n batches and returns the sum of each, over labels and values.
func sums(t testing.TB, ds train.Dataset, n int) (all []string) {
	t.Helper()
	for b, err := range ds.Iter() {
		if err != nil {
			t.Fatal(err)
		}
		x, y := tensors.MustCopyFlatData[float32](b.Inputs[0]), tensors.MustCopyFlatData[int32](b.Labels[0])
		all = append(all, sumHex(fmt.Append(nil, x, y)))
		_ = b.Finalize()
		if len(all) == n {
			break
		}
	}
	return all
}

// A run resumed at any step goes on as the uninterrupted one, from each kind of shelf, augmented,
// with a broken image, whatever the number of goroutines and however the blocks are held.
func TestStoredResume(t *testing.T) {
	broken := shades(22)
	broken[5], broken[6] = nil, []byte("neither")
	for name, shelf := range map[string]shelf{"alone": broken, "blocks": parquetShelf(t, 22)} {
		d := newStored(small(name), shelf, centreCrop(9), Options{MaxBroken: 2})
		d.mixed = 8
		make := func() *Batches { return newBatches(t, d, 5, 3, WithAugment(RandomResizedCrop())) }
		const steps = 14
		whole := sums(t, make(), steps)
		for _, procs := range []int{1, 3} {
			saved := runtime.GOMAXPROCS(procs)
			for _, at := range []int{0, 1, 4, 5, 9, 13} {
				b := make()
				b.StartAt(at)
				if got := sums(t, b, steps-at); !slices.Equal(got, whole[at:]) {
					t.Errorf("%s, %d goroutines: resumed at step %d: another stream", name, procs, at)
				}
			}
			runtime.GOMAXPROCS(saved)
		}
		if slices.Equal(sums(t, newBatches(t, d, 5, 4, WithAugment(RandomResizedCrop())), steps), whole) {
			t.Errorf("%s: seeds 3 and 4 give the same stream", name)
		}
	}
}

// Batches that are made on the device are those that are made on the host.
func TestStoredOnDevice(t *testing.T) {
	backend := backendtest.Open(t)
	d := newStored(small("set"), shades(9), centreCrop(9), Options{})
	host := sums(t, newBatches(t, d, 4, 1, WithAugment(RandomResizedCrop())), 6)
	device := sums(t, newBatches(t, d, 4, 1, WithAugment(RandomResizedCrop()), OnDevice(backend, 0)), 6)
	if !slices.Equal(host, device) {
		t.Error("other batches on the device")
	}
}

// In each epoch each image comes once and each block is read once, although no more than two
// windows are held; blocks are there before their images are due.
func TestBlocksAreReadOnce(t *testing.T) {
	const n, epochs = 60, 4
	shelf := parquetShelf(t, n)
	d := newStored(small("blocks"), shelf, centreCrop(9), Options{})
	d.mixed = 10
	s := newStream(newBatches(t, d, 7, 1), 0)
	cache := s.crew.access.(storedAccess).fetcher.(*blockCache)
	reads, late := 0, 0
	for step := range epochs * n / 7 {
		before := map[int]*block{}
		for g, b := range cache.held {
			before[g] = b
		}
		batch, err := s.next()
		if err != nil {
			t.Fatal(err)
		}
		_ = batch.Finalize()
		for g, b := range cache.held {
			if before[g] != b {
				reads++
			}
		}
		for _, p := range s.picks {
			if before[cache.group(p.image)] == nil && step > 0 {
				late++
			}
		}
		if cache.size > 2*(10+7)+3*4 {
			t.Errorf("%d images are held", cache.size)
		}
	}
	if most := epochs*len(shelf.groups) + 2*(10+7)/4; reads > most {
		t.Errorf("%d blocks read in %d epochs of %d", reads, epochs, len(shelf.groups))
	}
	if late > 0 {
		t.Errorf("%d images came before their block was read ahead", late)
	}
}

// Windows: every epoch is a permutation, images of a window are those of whole blocks, and epochs
// differ.
func TestWindowOrder(t *testing.T) {
	blocks := []int{3, 1, 4, 1, 5, 9, 2, 6}
	o := order{blocks: blocks, window: 8}
	orders := map[string]bool{}
	for e := range 20 {
		o.set(1, e, 31)
		orders[fmt.Sprint(o.perm)] = true
		all := slices.Clone(o.perm)
		slices.Sort(all)
		for i, v := range all {
			if int(v) != i {
				t.Fatalf("epoch %d: %v is no permutation", e, o.perm)
			}
		}
		owner := func(image int32) int {
			for b, n := range blocks {
				if image -= int32(n); image < 0 {
					return b
				}
			}
			return -1
		}
		for k, a := range o.come {
			end := 31
			for _, b := range o.come[k:] {
				if b.begin > a.begin {
					end = b.begin
					break
				}
			}
			n := 0
			for _, image := range o.perm[a.begin:end] {
				if owner(image) == a.block {
					n++
				}
			}
			if n != blocks[a.block] {
				t.Errorf("epoch %d: %d of the %d images of block %d are in its window", e, n, blocks[a.block], a.block)
			}
		}
	}
	if len(orders) != 20 {
		t.Errorf("%d orders in 20 epochs", len(orders))
	}
	o.set(42, 0, 31)
	if want := []int32{10, 26, 9, 25, 3, 30, 13, 27, 29, 12}; !slices.Equal(o.perm[:10], want) {
		// pinned, as in TestOrderIsPinned
		t.Errorf("seed 42, epoch 0: %v, want %v", o.perm[:10], want)
	}
}

// Broken images are named once and replaced by the next in training; more than the limit are an
// error that names the last.
func TestBrokenImages(t *testing.T) {
	m := shades(12)
	m[3], m[4] = nil, shade(1)[:300]
	m[11] = []byte("<html>")
	var said []string
	// by this goroutine only
	opt := Options{MaxBroken: 3, Say: func(s string) { said = append(said, s) }}
	d := newStored(small("set"), m, centreCrop(9), opt)
	for range 2 {
		seen := map[int]int{}
		for b, err := range newBatches(t, d, 12, 1).Iter() {
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range look(t, b) {
				seen[s.label]++
			}
			break
		}
		if want := map[int]int{0: 2, 1: 1, 2: 1, 5: 3, 6: 1, 7: 1, 8: 1, 9: 1, 10: 1}; !maps.Equal(seen, want) {
			t.Errorf("images of labels %v, want %v", seen, want)
		}
	}
	slices.Sort(said)
	if len(said) != 3 || !strings.Contains(said[0], "set: image 11 cannot be read: neither JPEG nor PNG; the next image takes its place") ||
		!strings.Contains(said[1], "image 3 cannot be read: no such file") || !strings.Contains(said[2], "image 4 cannot be read: unexpected EOF") {
		t.Errorf("said %q", said)
	}
	first := func(opt Options, m memoryShelf) (n int, last error) {
		for b, err := range newBatches(t, newStored(small("set"), m, centreCrop(9), opt), len(m), 1).Iter() {
			_ = b.Finalize()
			n, last = n+1, err
			break
		}
		return n, last
	}
	for _, limit := range []int{2, 0, -1} { // 0: one in a thousand, at least one
		n, err := first(Options{MaxBroken: limit}, m)
		most := max(0, limit)
		if limit == 0 {
			most = 1
		}
		if want := fmt.Sprintf("%d of 12 images cannot be read, more than the %d allowed; the last is image", most+1, most); err == nil ||
			!strings.Contains(err.Error(), "set: "+want) || !strings.HasSuffix(err.Error(), ": get these files anew") {
			t.Errorf("limit %d: %v, want %q", limit, err, want)
		}
		if n != 1 {
			t.Errorf("limit %d: yielded %d times", limit, n)
		}
	}
	// Nothing can be read, and all of it is allowed: still an end.
	if _, err := first(Options{MaxBroken: 5}, memoryShelf{nil, nil}); err == nil || !strings.Contains(err.Error(), "no image of set can be read") {
		t.Errorf("got %v", err)
	}
}

// In an evaluation a broken image is an error, whatever is allowed in training: its neighbour must
// not count twice.
func TestBrokenTestImage(t *testing.T) {
	m := shades(12)
	m[11] = []byte("<html>")
	ds, err := NewEval(newStored(small("set"), m, centreCrop(9), Options{MaxBroken: 100}), 4)
	if err != nil {
		t.Fatal(err)
	}
	var labels []int
	var last error
	for b, err := range ds.Iter() {
		if last = err; err == nil {
			for _, s := range look(t, b) {
				labels = append(labels, s.label)
			}
		}
	}
	if want := "set: image 11 cannot be read: neither JPEG nor PNG: get it anew, or take it out of the set"; last == nil || !strings.Contains(last.Error(), want) {
		t.Errorf("got %v, want %q", last, want)
	}
	if !slices.Equal(labels, []int{0, 1, 2, 3, 4, 5, 6, 7}) {
		t.Errorf("labels %v before the error", labels)
	}
}

// Files of a kind that cannot be decoded are whole: to get them anew is no remedy.
func TestUnsupportedImages(t *testing.T) {
	arithmetic, err := os.ReadFile("testdata/jpeg/no-arithmetic.jpg")
	if err != nil {
		t.Fatal(err)
	}
	d := newStored(small("set"), memoryShelf{shade(1), arithmetic}, centreCrop(9), Options{MaxBroken: -1})
	eval, err := NewEval(d, 2)
	if err != nil {
		t.Fatal(err)
	}
	for want, ds := range map[string]train.Dataset{
		"image 1: JPEG with arithmetic coding, which is not supported: save these files as another kind of JPEG, or as PNG":                                  newBatches(t, d, 2, 1),
		"image 1 cannot be read: JPEG with arithmetic coding, which is not supported: save it as another kind of JPEG, or as PNG, or take it out of the set": eval,
	} {
		for _, err := range ds.Iter() {
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "anew") {
				t.Errorf("got %v, want %q", err, want)
			}
			break
		}
	}
}

// A parquet file that goes away or has a wrong label is an error, not so many broken images.
func TestBrokenBlock(t *testing.T) {
	for name, change := range map[string]func(s *shards){
		"no such file or directory": func(s *shards) { os.Remove(s.paths[1]) },
		"want 0..3":                 func(s *shards) { s.classes = 4 },
		"it has changed":            func(s *shards) { s.rows[2]-- },
		"not a whole parquet file":  func(s *shards) { halve(t, s.paths[1]) },
	} {
		s := parquetShelf(t, 12)
		d := newStored(small("set"), s, centreCrop(9), Options{MaxBroken: 100})
		change(s)
		var last error
		for _, err := range newBatches(t, d, 12, 1).Iter() {
			last = err
			break
		}
		if last == nil || !strings.Contains(last.Error(), name) || !strings.Contains(last.Error(), ".parquet: ") || !strings.HasSuffix(last.Error(), "get it anew") {
			t.Errorf("%s: %v", name, last)
		}
	}
	s := parquetShelf(t, 12)
	if got, want := s.name(5), s.paths[1]+": row 1"; got != want {
		t.Errorf("image 5 is %q, want %q", got, want)
	}
}

// However an iteration ends, all its goroutines end.
func TestStoredIterationEnds(t *testing.T) {
	saved := runtime.GOMAXPROCS(4)
	defer runtime.GOMAXPROCS(saved)
	before := runtime.NumGoroutine()
	d := newStored(small("blocks"), parquetShelf(t, 30), centreCrop(9), Options{})
	b := newBatches(t, d, 8, 1)
	for range b.Iter() {
		break
	}
	next, stop := iter.Pull2(b.Iter())
	next()
	stop()
	for _, bad := range []Augment{
		func(dst, src Picture, rng *rand.Rand) { panic("in the augmentation") },
		func(dst, src Picture, rng *rand.Rand) {
			if below(rng, 8) == 0 {
				panic("in the augmentation")
			}
		},
	} {
		n := 0
		for _, err := range newBatches(t, d, 30, 1, WithAugment(bad)).Iter() {
			n++
			if err == nil || !strings.Contains(err.Error(), "in the augmentation") {
				t.Errorf("got %v", err)
			}
		}
		if n != 1 {
			t.Errorf("yielded %d times", n)
		}
	}
	if after := goroutines(before); after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}

func TestSynthetic(t *testing.T) {
	s, err := SyntheticImageNet(40, 20, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if s.Train.Len() != 40 || s.Test.Len() != 20 || s.Train.Form().Size() != 224*224*3 || s.Train.Form().Augment == nil {
		t.Errorf("%d/%d images, form %+v", s.Train.Len(), s.Test.Len(), s.Train.Form())
	}
	got := evaluated(t, s.Test.Subset(17))
	if len(got) != 17 || got[0].label != 0 || got[16].label != (16*20/17)%16 {
		t.Errorf("images %v", got)
	}
	content, _, err := s.Train.(*stored).shelf.open(0).fetch(0, nil)
	if err != nil || len(content) < 80_000 || len(content) > 140_000 {
		t.Errorf("a file of %d bytes, %v, want about 110 kB as in ImageNet", len(content), err)
	}
}

func FuzzScanTar(f *testing.F) {
	f.Add(archive("n00000001_1.JPEG", []byte("x"), "a/1.cls", []byte("7"), "a/1.jpg", []byte("yy")))
	f.Add(archive("n00000001.tar", archive("n00000001_1.JPEG", shade(1))))
	f.Add(archive("x", []byte("y"))[:600])
	f.Add(archive("22.05.jpg", []byte("x"), "22.05.cls", []byte("5"), "22.06.jpg", []byte("y"), "22.06.cls", []byte("6")))
	f.Add(archive("1.jpg", []byte("x"), "1.seg.png", []byte("y"), "1.cls", []byte("7\n")))
	f.Add(archive("1.jpg", []byte("x"), "1.cls", []byte("-1")))
	f.Add(archive("1.jpg", []byte("x"), "./1.jpg", []byte("y"), "._1.cls", []byte("7")))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := scanTar(bytes.NewReader(b), "x.tar", 0, int64(len(b)), 0)
		for _, e := range all {
			if err != nil || e.offset < 0 || e.size < 0 || e.offset > int64(len(b)) {
				t.Fatalf("%+v of %d bytes, %v", e, len(b), err)
			}
			if e.class != "" && namingOf(e.class) == byWord {
				t.Fatalf("%+v: the class is a word", e)
			}
		}
	})
}

func FuzzParquet(f *testing.F) {
	f.Add(parquetOf(f, 2, tinyImages("val")[:3]...))
	f.Add([]byte("PAR1PAR1"))
	f.Add(namedParquet(f, 10, int64(1), []string{"n01443537", "n01440764"}))
	f.Add(namedParquet(f, 10, int32(-1), map[string]string{"0": "a", "2": "b"}))
	f.Add(namedParquet(f, 10, "n01440764", nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "x.parquet")
		put(t, path, b)
		s, err := openShards(t.Context(), []string{path}, 3, nil)
		if err != nil {
			if strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), path) {
				t.Fatalf("%v", err)
			}
			return
		}
		for g := range s.groups {
			rows, err := s.readGroup(g)
			for _, r := range rows {
				if err == nil && (r.label < 0 || s.labels == nil && r.label > 2 || r.label >= imageNetClasses) {
					t.Fatalf("label %d", r.label)
				}
			}
		}
	})
}

// BenchmarkImageNetBatch is what a batch of 32 images of ImageNet's size costs: read, decoded,
// cropped, scaled and normalised, by all processors, without the goroutine that does it in the
// background.
func BenchmarkImageNetBatch(b *testing.B) {
	split, err := SyntheticImageNet(1000, 1000, Options{})
	if err != nil {
		b.Fatal(err)
	}
	for name, augment := range map[string]Augment{"train": RandomResizedCrop(), "eval": nil} {
		b.Run(name, func(b *testing.B) {
			s := newStream(newBatches(b, split.Train, 32, 1, WithAugment(augment)), 0)
			b.ReportAllocs()
			for b.Loop() {
				batch, err := s.next()
				if err != nil {
					b.Fatal(err)
				}
				_ = batch.Finalize()
			}
			b.ReportMetric(32*float64(b.N)/b.Elapsed().Seconds(), "images/s")
		})
	}
}

// BenchmarkDecode and BenchmarkRandomResizedCrop are the parts of it that cost most, for one image
// on one processor.
func BenchmarkDecode(b *testing.B) {
	file, err := texture(1, 375, 500)
	if err != nil {
		b.Fatal(err)
	}
	var d decoder
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.decode(file); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRandomResizedCrop(b *testing.B) {
	src, dst, rng, augment := noise(375, 500), picture(224, 224), rand.New(rand.NewPCG(1, 1)), RandomResizedCrop()
	b.ReportAllocs()
	for b.Loop() {
		augment(dst, src, rng)
	}
}
