// Tests of batches: each image once an epoch, resuming anywhere, errors and panics; benchmarks of
// making them.

package data

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/train"
)

// numbered is a set of n images of which each can be told by its label and its pixels: image i is
// i, i+1, ... (mod 256).
func numbered(n, channels int) *Images {
	d := &Images{Name: "numbered", Height: 2, Width: 3, Channels: channels, Classes: n,
		Mean: make([]float32, channels), Std: make([]float32, channels)}
	for c := range channels {
		d.Mean[c], d.Std[c] = 0.1*float32(c), 1+float32(c)
	}
	for i := range n {
		d.Labels = append(d.Labels, int32(i))
		for k := range d.Size() {
			d.Pixels = append(d.Pixels, uint8(i+k))
		}
	}
	return d
}

type example struct {
	label int32
	x     string // the values, printed
}

func read(t testing.TB, b train.Batch) (es []example) {
	t.Helper()
	x := tensors.MustCopyFlatData[float32](b.Inputs[0])
	y := tensors.MustCopyFlatData[int32](b.Labels[0])
	size := len(x) / len(y)
	for k, l := range y {
		es = append(es, example{l, fmt.Sprint(x[k*size : (k+1)*size])})
	}
	if err := b.Finalize(); err != nil {
		t.Fatal(err)
	}
	return es
}

// take reads n batches and returns them one after the other.
func take(t testing.TB, ds train.Dataset, n int) (es []example) {
	t.Helper()
	if n == 0 {
		return nil
	}
	for b, err := range ds.Iter() {
		if err != nil {
			t.Fatal(err)
		}
		es = append(es, read(t, b)...)
		if n--; n == 0 {
			break
		}
	}
	return es
}

func labels(es []example) (ls []int32) {
	for _, e := range es {
		ls = append(ls, e.label)
	}
	return ls
}

func newBatches(t testing.TB, d Set, batch int, seed int64, opts ...Option) *Batches {
	t.Helper()
	b, err := NewBatches(d, batch, seed, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBatchShapesAndValues(t *testing.T) {
	for _, channels := range []int{1, 3} {
		d := numbered(10, channels)
		for b, err := range newBatches(t, d, 4, 1).Iter() {
			if err != nil {
				t.Fatal(err)
			}
			if got, want := b.Inputs[0].Shape().String(), fmt.Sprintf("(Float32)[4, 2, 3, %d]", channels); got != want {
				t.Errorf("inputs %s, want %s", got, want)
			}
			if got, want := b.Labels[0].Shape().String(), "(Int32)[4, 1]"; got != want {
				t.Errorf("labels %s, want %s", got, want)
			}
			for _, e := range read(t, b) {
				var want []float32
				for k, p := range d.Image(int(e.label)) {
					want = append(want, (float32(p)/255-d.Mean[k%channels])/d.Std[k%channels])
				}
				if e.x != fmt.Sprint(want) {
					t.Errorf("image %d: values %s, want %v", e.label, e.x, want)
				}
			}
			break
		}
	}
}

// Every epoch has each image exactly once, in an order of its own, also where batches span epochs
// or hold several.
func TestEveryImageOncePerEpoch(t *testing.T) {
	for _, c := range []struct{ n, batch int }{{10, 5}, {10, 4}, {7, 3}, {3, 8}, {1, 1}, {5, 5}} {
		const epochs = 6
		b := newBatches(t, numbered(c.n, 1), c.batch, 3)
		ls := labels(take(t, b, (epochs*c.n+c.batch-1)/c.batch))
		orders := map[string]bool{}
		for e := range epochs {
			epoch := slices.Clone(ls[e*c.n : (e+1)*c.n])
			orders[fmt.Sprint(epoch)] = true
			slices.Sort(epoch)
			for i, l := range epoch {
				if int(l) != i {
					t.Fatalf("n=%d batch=%d epoch %d has labels %v", c.n, c.batch, e, epoch)
				}
			}
		}
		if c.n >= 7 && len(orders) != epochs {
			t.Errorf("n=%d: only %d orders in %d epochs", c.n, len(orders), epochs)
		}
		if got, want := b.StepsPerEpoch(), (c.n+c.batch-1)/c.batch; got != want {
			t.Errorf("n=%d batch=%d: StepsPerEpoch %d, want %d", c.n, c.batch, got, want)
		}
	}
}

func shift(dst, src Picture, rng *rand.Rand) {
	by := uint8(rng.IntN(200))
	for i, v := range src.Pixels {
		dst.Pixels[i] = v + by
	}
}

// A run resumed at any step goes on as the uninterrupted one, with and without augmentation;
// another seed does not.
func TestResume(t *testing.T) {
	for _, opts := range [][]Option{nil, {WithAugment(shift)}} {
		d := numbered(11, 1)
		whole := take(t, newBatches(t, d, 4, 9, opts...), 20)
		for _, at := range []int{0, 1, 2, 3, 5, 11, 19} {
			b := newBatches(t, d, 4, 9, opts...)
			b.StartAt(at)
			for range 2 { // Iter resets to StartAt's step
				if got := take(t, b, 20-at); !slices.Equal(got, whole[4*at:]) {
					t.Errorf("resumed at step %d (augmented: %v): another stream", at, opts != nil)
				}
			}
		}
		if slices.Equal(take(t, newBatches(t, d, 4, 10, opts...), 20), whole) {
			t.Error("seeds 9 and 10 give the same stream")
		}
	}
}

// The randomness of an augmentation depends on the epoch and on the image.
func TestAugment(t *testing.T) {
	drawn := map[uint8][]uint64{} // by image, one draw per epoch
	record := func(dst, src Picture, rng *rand.Rand) {
		drawn[src.Pixels[0]] = append(drawn[src.Pixels[0]], rng.Uint64())
		copy(dst.Pixels, src.Pixels)
	}
	// the goroutine has ended when it returns
	take(t, newBatches(t, numbered(6, 3), 6, 1, WithAugment(record)), 8)
	seen := map[uint64]bool{}
	n := 0
	for _, d := range drawn {
		for _, v := range d {
			seen[v] = true
			n++
		}
	}
	if len(drawn) != 6 || n < 48 || len(seen) != n {
		t.Errorf("%d images, %d draws, %d different ones", len(drawn), n, len(seen))
	}
}

// The order is pinned: if it changes, runs saved by earlier versions can no longer be resumed.
func TestOrderIsPinned(t *testing.T) {
	var o order
	o.set(42, 0, 10)
	if want := []int32{5, 7, 2, 9, 6, 8, 1, 0, 4, 3}; !slices.Equal(o.perm, want) {
		t.Errorf("seed 42, epoch 0: %v, want %v", o.perm, want)
	}
	o.set(-1, 7, 10)
	if want := []int32{0, 4, 6, 9, 8, 5, 7, 1, 2, 3}; !slices.Equal(o.perm, want) {
		t.Errorf("seed -1, epoch 7: %v, want %v", o.perm, want)
	}
}

// Each of the 24 orders of 4 images comes up equally often. The bound is 5 sigma of 24 binomials,
// with fixed seeds.
func TestShuffleIsUniform(t *testing.T) {
	const n = 24 * 2000
	counts := map[string]int{}
	var o order
	for e := range n {
		o.set(5, e, 4)
		counts[fmt.Sprint(o.perm)]++
	}
	if len(counts) != 24 {
		t.Fatalf("%d orders", len(counts))
	}
	for p, c := range counts {
		if c < 2000-220 || c > 2000+220 {
			t.Errorf("order %s: %d times, want about 2000", p, c)
		}
	}
}

func TestFarStart(t *testing.T) {
	b := newBatches(t, numbered(7, 1), 1<<20, 3)
	s := newStream(b, 1<<60) // step x batch overflows 64 bits
	// 2^80 = 7q + r with 2^3 = 1 (mod 7), so r = 2^80 mod 7 = 2^(80 mod 3) = 4.
	if s.pos != 4 {
		t.Errorf("position %d in the epoch, want 4", s.pos)
	}
	b.StartAt(-1)
	for _, err := range b.Iter() {
		if err == nil || !strings.Contains(err.Error(), "start step -1") {
			t.Errorf("negative start: %v", err)
		}
	}
}

func TestEval(t *testing.T) {
	for _, c := range []struct{ n, most, size, last int }{
		{10, 5, 5, 5}, {12, 5, 4, 4}, {11, 5, 5, 1}, {4, 100, 4, 4}, {1, 1, 1, 1}, {6, 1, 1, 1},
	} {
		ds, err := NewEval(numbered(c.n, 1), c.most)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			var sizes []int
			var all []int32
			for b, err := range ds.Iter() {
				if err != nil {
					t.Fatal(err)
				}
				es := read(t, b)
				sizes = append(sizes, len(es))
				all = append(all, labels(es)...)
			}
			if !slices.Equal(all, numbered(c.n, 1).Labels) {
				t.Errorf("n=%d most=%d: labels %v", c.n, c.most, all)
			}
			if sizes[0] != c.size || sizes[len(sizes)-1] != c.last {
				t.Errorf("n=%d most=%d: batches of %v, want %d and at last %d", c.n, c.most, sizes, c.size, c.last)
			}
		}
	}
	for _, c := range []struct{ n, most, want int }{{10000, 1000, 1000}, {10000, 512, 500}, {60000, 256, 250}, {360, 256, 180}, {1437, 256, 256}} {
		if got := evalBatch(c.n, c.most); got != c.want {
			t.Errorf("evalBatch(%d, %d) = %d, want %d", c.n, c.most, got, c.want)
		}
	}
}

func TestBadBatchSize(t *testing.T) {
	for _, n := range []int{0, -3} {
		if _, err := NewBatches(numbered(3, 1), n, 0); err == nil || !strings.Contains(err.Error(), fmt.Sprint(n)) {
			t.Errorf("NewBatches with batch %d: %v", n, err)
		}
		if _, err := NewEval(numbered(3, 1), n); err == nil || !strings.Contains(err.Error(), fmt.Sprint(n)) {
			t.Errorf("NewEval with batch %d: %v", n, err)
		}
	}
}

// goroutines waits for the number to come down to most, as goroutines take a moment to be gone
// after they return.
func goroutines(most int) int {
	for range 200 {
		if runtime.NumGoroutine() <= most {
			break
		}
		time.Sleep(time.Millisecond)
	}
	return runtime.NumGoroutine()
}

// However an iteration ends, its goroutine ends, and the batches that were made but not received
// are freed.
func TestIterationEnds(t *testing.T) {
	before := runtime.NumGoroutine()
	b := newBatches(t, numbered(9, 1), 2, 1)
	for range b.Iter() {
		break
	}
	next, stop := iter.Pull2(b.Iter())
	next()
	stop()
	func() {
		defer func() { _ = recover() }()
		for range b.Iter() {
			panic("in the loop's body")
		}
	}()
	if after := goroutines(before); after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}

	var made []train.Batch
	i := 0
	pump(func() (train.Batch, bool, error) {
		m := newMaker(numbered(2, 1).Form())
		batch, err := m.make(1, func([]float32, []int32) error { return nil })
		made = append(made, batch)
		i++
		return batch, true, err
	}, func(b train.Batch, _ error) bool { _ = b.Finalize(); return false })
	for k, batch := range made {
		if batch.Inputs[0].Ok() || batch.Labels[0].Ok() {
			t.Errorf("batch %d of %d was not freed", k, len(made))
		}
	}
}

func TestErrorsAndPanicsEndTheIteration(t *testing.T) {
	for _, c := range []struct {
		next func() (train.Batch, bool, error)
		want string
	}{
		{func() (train.Batch, bool, error) { return train.Batch{}, true, errors.New("broken") }, "broken"},
		{func() (train.Batch, bool, error) { panic("in the maker") }, "data: making a batch: in the maker"},
	} {
		var got []string
		pump(c.next, func(_ train.Batch, err error) bool { got = append(got, fmt.Sprint(err)); return true })
		if !slices.Equal(got, []string{c.want}) {
			t.Errorf("yielded %q, want %q once", got, c.want)
		}
	}
	// The same from a user's function.
	bad := WithAugment(func(dst, src Picture, rng *rand.Rand) { _ = dst.Pixels[len(dst.Pixels)] })
	n := 0
	for _, err := range newBatches(t, numbered(4, 1), 2, 1, bad).Iter() {
		if err == nil {
			t.Error("no error from an augmentation that panics")
		}
		n++
	}
	if n != 1 {
		t.Errorf("yielded %d times", n)
	}
}

// BenchmarkBatch is what one batch of MNIST size costs to make, without the goroutine.
func BenchmarkBatch(b *testing.B) {
	d := numbered(60000, 1)
	d.Height, d.Width, d.Pixels = 28, 28, make([]uint8, 60000*784)
	for _, size := range []int{64, 256} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			s := newStream(newBatches(b, d, size, 1), 0)
			b.SetBytes(int64(size * 784))
			b.ReportAllocs()
			for b.Loop() {
				batch, err := s.next()
				if err != nil {
					b.Fatal(err)
				}
				_ = batch.Finalize()
			}
		})
	}
}

// BenchmarkShuffle is what a new epoch of MNIST costs.
func BenchmarkShuffle(b *testing.B) {
	var o order
	for b.Loop() {
		o.set(1, o.epoch+1, 60000)
	}
}

func BenchmarkLoadMNIST(b *testing.B) {
	dir, err := moduleData(b.Context(), false)
	if err != nil {
		b.Skip(err)
	}
	for b.Loop() {
		if _, err := MNIST(b.Context(), Options{Dir: dir}); err != nil {
			b.Fatal(err)
		}
	}
}
