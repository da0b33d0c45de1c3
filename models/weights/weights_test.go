// Tests of safetensors files: round trips, PyTorch's layouts, half precision, bad files.

package weights

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/dtypes/float16"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/nlpodyssey/safetensors"

	"gsmlab/gsm"
)

// network makes a store as a model would leave it: a convolution of 2 to 3 channels with bias,
// batch norm, and a dense layer that reads a flattened image of 2x1x3.
func network(t *testing.T) *model.Store {
	t.Helper()
	store := model.NewStore()
	next := float32(0)
	for _, v := range []struct {
		path      string
		trainable bool
		dims      []int
	}{
		{"/a/conv/weights", true, []int{2, 2, 2, 3}},
		{"/a/conv/biases", true, []int{3}},
		{"/a/bn/batch_normalization/scale", true, []int{3}},
		{"/a/bn/batch_normalization/offset", true, []int{3}},
		{"/a/bn/batch_normalization/mean", false, []int{3}},
		{"/a/bn/batch_normalization/variance", false, []int{3}},
		{"/a/bn/batch_normalization/avg_weight", false, []int{3}},
		{"/fc/dense/weights", true, []int{6, 4}},
		{"/fc/dense/biases", true, []int{4}},
	} {
		n := 1
		for _, d := range v.dims {
			n *= d
		}
		values := make([]float32, n)
		for i := range values {
			values[i] = next
			next++
		}
		made, err := store.CreateVariable(v.path, tensors.FromFlatDataAndDimensions(values, v.dims...))
		if err != nil {
			t.Fatal(err)
		}
		made.SetTrainable(v.trainable)
	}
	return store
}

var flat = map[string][]int{"fc": {2, 1, 3}}

func value(t *testing.T, store *model.Store, path string) []float32 {
	t.Helper()
	v := store.GetVariable(path)
	if v == nil {
		t.Fatalf("no variable %s", path)
	}
	x, err := v.Value()
	if err != nil {
		t.Fatal(err)
	}
	return tensors.MustCopyFlatData[float32](x)
}

func TestRoundTrip(t *testing.T) {
	from := network(t)
	mask, _, err := gsm.Cut(from, nil, 20)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "net.safetensors")
	if err := Write(path, from, &mask, flat, map[string]string{"made by": "a test"}); err != nil {
		t.Fatal(err)
	}
	f, err := Read(path, flat)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Check(from, "net"); err != nil {
		t.Error(err)
	}
	to := model.NewStore()
	for range 2 { // into an empty store, and over existing values
		if err := f.Restore(to); err != nil {
			t.Fatal(err)
		}
	}
	for v := range from.IterVariables() {
		got := to.GetVariable(v.Path())
		if got == nil || !got.Shape().Equal(v.Shape()) || got.Trainable != v.Trainable {
			t.Fatalf("%s came back as %v", v.Path(), got)
		}
		if want := value(t, from, v.Path()); !strings.HasSuffix(v.Path(), "avg_weight") && !slices.Equal(value(t, to, v.Path()), want) {
			t.Errorf("%s: %v, want %v", v.Path(), value(t, to, v.Path()), want)
		}
	}
}

// TestLayout checks the places of single weights.
func TestLayout(t *testing.T) {
	store := network(t)
	mask, _, err := gsm.MagnitudeMask(store, nil, 24)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "net.safetensors")
	if err := Write(path, store, &mask, flat, nil); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	st, err := safetensors.Deserialize(raw)
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string, index ...int) float32 {
		v, ok := st.Tensor(name)
		if !ok {
			t.Fatalf("no tensor %s among %v", name, st.Names())
		}
		k := 0
		for i, d := range v.Shape() {
			k = k*int(d) + index[i]
		}
		if v.DType() == safetensors.U8 {
			return float32(v.Data()[k])
		}
		return math.Float32frombits(binary.LittleEndian.Uint32(v.Data()[4*k:]))
	}
	conv := value(t, store, "/a/conv/weights")
	fc := value(t, store, "/fc/dense/weights")
	for _, c := range []struct {
		name  string
		index []int
		want  float32
	}{
		// out 2, in 1, row 0, column 1
		{"a.conv.weight", []int{2, 1, 0, 1}, conv[((0*2+1)*2+1)*3+2]},
		// out 3, channel 1 of the second row
		{"fc.weight", []int{3, 1*2*1 + 1}, fc[(1*3+1)*4+3]},
		{"a.bn.running_var", []int{1}, value(t, store, "/a/bn/batch_normalization/variance")[1]},
		{"a.conv.weight_mask", []int{0, 0, 0, 0}, 0},
		{"fc.weight_mask", []int{0, 0}, 1},
	} {
		if got := at(c.name, c.index...); got != c.want {
			t.Errorf("%s%v is %g, want %g", c.name, c.index, got, c.want)
		}
	}
}

func TestHalf(t *testing.T) {
	for h, want := range map[uint16]float32{0: 0, 0x3c00: 1, 0xc000: -2, 0x7bff: 65504, 1: 0x1p-24, 0x0400: 0x1p-14, 0x3555: 0.33325195, 0x7c00: float32(math.Inf(1))} {
		if got := float16.Float16(h).Float32(); got != want {
			t.Errorf("half %#x is %g, want %g", h, got, want)
		}
	}
}

// file writes a safetensors file by hand.
func file(t testing.TB, header string, data []byte) string {
	t.Helper()
	var b bytes.Buffer
	binary.Write(&b, binary.LittleEndian, uint64(len(header)))
	b.WriteString(header)
	b.Write(data)
	path := filepath.Join(t.TempDir(), "x.safetensors")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBadFiles(t *testing.T) {
	nan := binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(math.NaN())))
	one := binary.LittleEndian.AppendUint32(nil, math.Float32bits(1))
	tensor := func(name, kind, shape string, end int) string {
		return fmt.Sprintf(`{%q:{"dtype":%q,"shape":%s,"data_offsets":[0,%d]}}`, name, kind, shape, end)
	}
	for _, c := range []struct{ path, want string }{
		{filepath.Join(t.TempDir(), "none"), "no such file"},
		{t.TempDir(), "name the .safetensors file"},
		{file(t, "{", nil), "damaged or no safetensors file"},
		{file(t, "{}", nil), "no tensors"},
		{file(t, tensor("a.weight", "F32", "[1,1]", 4), one[:3]), "damaged"},
		{file(t, tensor("a.weight", "F32", "[1,1]", 4), nan), `tensor "a.weight": value 0 is NaN`},
		{file(t, tensor("a.weight", "I32", "[1,1]", 4), one), "float32, float16 and bfloat16 are read"},
		{file(t, tensor("a.weight", "F32", "[1,1,1]", 4), one), "neither kernel, bias nor batch norm"},
		{file(t, tensor("fc.weight", "F32", "[1,1]", 4), one), "1 inputs, want 6"},
	} {
		_, err := Read(c.path, flat)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.path) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: want one line with %q and the path", err, c.want)
		}
	}
	f, err := Read(file(t, tensor("a.weight", "F32", "[1,1]", 4), one), flat)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Check(network(t), "net"); err == nil || !strings.Contains(err.Error(), "no tensor") {
		t.Errorf("weights of another network: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	store := model.NewStore()
	store.CreateVariable("/a/conv/weights", tensors.FromFlatDataAndDimensions([]float32{1, 2, 3, 4}, 2, 2, 1, 1))
	path := filepath.Join(f.TempDir(), "x")
	if err := Write(path, store, nil, nil, nil, GoMLX()); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	seeds, err := filepath.Glob("testdata/*" + Suffix)
	if err != nil || len(seeds) < 20 {
		f.Fatal(len(seeds), err)
	}
	for _, seed := range seeds {
		raw, err := os.ReadFile(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	known, err := GoMLX().For(declared(f, dtypes.Float32, small))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		path := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(path, raw, 0o644); err != nil {
			t.Fatal(err)
		}
		for _, k := range []Kernels{{}, GoMLX(), known} {
			file, err := Read(path, nil, k)
			if err != nil {
				continue
			}
			store := model.NewStore()
			if err := file.Restore(store); err != nil {
				continue
			}
			// What was read can be written and read again unchanged, or an error says why not.
			if err := Write(path+"2", store, nil, nil, nil, GoMLX()); err == nil {
				sameStore(t, path+"2", store)
			}
		}
	})
}
