// Tests of sets with known answers: digits, MNIST, their means, subsets.

package data

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// memory is a split whose parts are in memory.
type memory struct{ Train, Test *Images }

func inMemory(t testing.TB, s Split, err error) memory {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return memory{s.Train.(*Images), s.Test.(*Images)}
}

func digits(t testing.TB) memory {
	t.Helper()
	s, err := Digits()
	return inMemory(t, s, err)
}

// moduleMNIST reads MNIST from the GoMNIST module, which every build of this test has on disk.
var moduleMNIST = sync.OnceValues(func() (Split, error) {
	dir, err := moduleData(context.Background(), false)
	if err != nil {
		return Split{}, err
	}
	return MNIST(context.Background(), Options{Dir: dir, Offline: true})
})

func mnist(t testing.TB) memory {
	t.Helper()
	if testing.Short() {
		t.Skip("-short")
	}
	s, err := moduleMNIST()
	return inMemory(t, s, err)
}

func sumHex(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func TestDigitsKnownAnswers(t *testing.T) {
	if got, want := sumHex(digitsCSV), "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"; got != want {
		t.Errorf("sha256 of digits.csv.gz is %s, want %s as NOTICE says", got, want)
	}
	s := digits(t)
	if s.Train.Len() != 1437 || s.Test.Len() != 360 {
		t.Fatalf("split is %d/%d", s.Train.Len(), s.Test.Len())
	}
	total := s.Train.Histogram()
	for c, n := range s.Test.Histogram() {
		if n < 30 {
			t.Errorf("the test part has only %d images of class %d", n, c)
		}
		total[c] += n
	}
	if want := []int{178, 182, 177, 183, 181, 182, 181, 179, 174, 180}; !slices.Equal(total, want) {
		t.Errorf("labels %v, want %v", total, want)
	}
	// The first row of the file: 0 0 5 13 9 1 0 0, scaled by 255/16.
	if got, want := s.Train.Image(0)[:8], []uint8{0, 0, 80, 207, 143, 16, 0, 0}; !slices.Equal(got, want) {
		t.Errorf("first row %v, want %v", got, want)
	}
	levels := map[uint8]bool{}
	for _, p := range s.Train.Pixels {
		levels[p] = true
	}
	if len(levels) != 17 || !levels[255] {
		t.Errorf("%d grey levels (255 present: %v), want the 17 of the source", len(levels), levels[255])
	}
}

func TestMNISTKnownAnswers(t *testing.T) {
	s := mnist(t)
	if s.Train.Len() != 60000 || s.Test.Len() != 10000 || s.Train.Size() != 784 {
		t.Fatalf("%d/%d images of %d bytes", s.Train.Len(), s.Test.Len(), s.Train.Size())
	}
	for _, c := range []struct {
		d    *Images
		want []int
	}{
		{s.Test, []int{980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009}},
		{s.Train, []int{5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949}},
	} {
		if got := c.d.Histogram(); !slices.Equal(got, c.want) {
			t.Errorf("%s: labels %v, want %v", c.d.Name, got, c.want)
		}
	}
	if want := []int32{5, 0, 4, 1, 9}; !slices.Equal(s.Train.Labels[:5], want) {
		t.Errorf("first labels %v, want %v", s.Train.Labels[:5], want)
	}
}

// The normalisation constants are the training part's, to the four places they are given with.
func TestMeanAndStd(t *testing.T) {
	sets := []*Images{digits(t).Train}
	if !testing.Short() {
		sets = append(sets, mnist(t).Train)
	}
	for _, d := range sets {
		var sum, squares float64
		for _, p := range d.Pixels {
			v := float64(p) / 255
			sum += v
			squares += v * v
		}
		n := float64(len(d.Pixels))
		mean := sum / n
		std := math.Sqrt(squares/n - mean*mean)
		if math.Abs(mean-float64(d.Mean[0])) > 0.5001e-4 || math.Abs(std-float64(d.Std[0])) > 0.5001e-4 {
			t.Errorf("%s: mean %.5f std %.5f, but the set says %.4f %.4f", d.Name, mean, std, d.Mean[0], d.Std[0])
		}
	}
}

func TestLoadAndNames(t *testing.T) {
	if want := []string{"digits", "mnist", "cifar10", "imagenet"}; !slices.Equal(Names(), want) {
		t.Errorf("Names() = %v, want %v", Names(), want)
	}
	s, err := Load(context.Background(), "digits", Options{})
	if err != nil || s.Train.Form().Name != "digits-train" {
		t.Errorf("Load(digits): %v, %v", s.Train, err)
	}
	_, err = Load(context.Background(), "minst", Options{})
	if err == nil || err.Error() != `data: unknown data set "minst": use one of digits, mnist, cifar10, imagenet` {
		t.Errorf("unknown set: %v", err)
	}
	if ByHand("mnist") != "" || !strings.HasPrefix(ByHand("imagenet"), "get ImageNet (ILSVRC 2012) with a free account from https://image-net.org") {
		t.Errorf("by hand: %q and %q", ByHand("mnist"), ByHand("imagenet"))
	}
	for name, want := range map[string]int{"digits": 1437, "mnist": 60000, "cifar10": 50000, "imagenet": 1281167} {
		if got, err := TrainLen(name); err != nil || got != want {
			t.Errorf("TrainLen(%s) = %d, %v", name, got, err)
		}
	}
	if _, err := Places(context.Background(), "minst", Options{}); err == nil {
		t.Error("Places of an unknown set: no error")
	}
}

func TestSubset(t *testing.T) {
	d := digits(t).Train
	s := d.Subset(10).(*Images)
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	if s.Len() != 10 || s.Name != "digits-train[:10]" || &s.Pixels[0] != &d.Pixels[0] || cap(s.Pixels) != 640 {
		t.Errorf("Subset(10): %d images, name %q, capacity %d", s.Len(), s.Name, cap(s.Pixels))
	}
	if d.Len() != 1437 || d.Subset(5000) != d || d.Subset(-1).Len() != 0 {
		t.Error("Subset changes its set, or does not keep n within 0..Len")
	}
}

func TestCheck(t *testing.T) {
	good := func() *Images {
		d := *digits(t).Train.Subset(3).(*Images)
		d.Labels = slices.Clone(d.Labels)
		return &d
	}
	if err := good().Check(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(d *Images){
		"it has no images":       func(d *Images) { d.Labels = nil },
		"must be at least 1":     func(d *Images) { d.Width = 0 },
		"pixel bytes":            func(d *Images) { d.Pixels = d.Pixels[1:] },
		"for its 1 channels":     func(d *Images) { d.Std = nil },
		"deviation of channel 0": func(d *Images) { d.Std = []float32{0} },
		"is NaN":                 func(d *Images) { d.Std = []float32{float32(math.NaN())} },
		"label of image 1 is 10": func(d *Images) { d.Labels[1] = 10 },
	} {
		d := good()
		change(d)
		err := d.Check()
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "digits-train[:3]") {
			t.Errorf("want %q, got %v", want, err)
		}
		if _, err := NewBatches(d, 1, 0); err == nil {
			t.Errorf("NewBatches accepts a set that Check does not (%s)", want)
		}
	}
	if (*Images)(nil).Check() == nil {
		t.Error("nil set: no error")
	}
}

// The module's version is written in two places.
func TestModuleVersion(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(mod), moduleName+" "+moduleVersion) {
		t.Errorf("go.mod does not require %s %s", moduleName, moduleVersion)
	}
}
