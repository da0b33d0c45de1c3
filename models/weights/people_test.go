package weights

// Files such as people have, written by testdata/make.py with the safetensors library.

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// declared is the network of the files, without values: a convolution, batch norm and a dense
// layer.
func declared(t testing.TB, dtype dtypes.DType, variables map[string][]int) *model.Store {
	t.Helper()
	store := model.NewStore()
	for path, dims := range variables {
		store.VariableWithShape(path, shapes.Make(dtype, dims...), nil).SetTrainable(!strings.HasSuffix(path, "/mean") && !strings.HasSuffix(path, "/variance"))
	}
	return store
}

var small = map[string][]int{
	"/conv/weights": {2, 2, 2, 3}, "/conv/biases": {3},
	"/bn/batch_normalization/scale": {3}, "/bn/batch_normalization/offset": {3},
	"/bn/batch_normalization/mean": {3}, "/bn/batch_normalization/variance": {3}, "/bn/batch_normalization/avg_weight": {3},
	"/fc/dense/weights": {6, 4}, "/fc/dense/biases": {4},
}

// counted checks the network of the files: the numbers count up from 0 in PyTorch's order. dropped
// reports the pruned ones.
func counted(t *testing.T, store *model.Store, dropped func(path string, i int) bool) {
	t.Helper()
	for path, dims := range small {
		if strings.HasSuffix(path, "avg_weight") {
			continue
		}
		v := store.GetVariable(path)
		if v == nil || !slices.Equal(v.Shape().Dimensions, dims) {
			t.Fatalf("%s is %v", path, v)
		}
		trainable := !strings.HasSuffix(path, "/mean") && !strings.HasSuffix(path, "/variance")
		if v.Trainable != trainable {
			t.Errorf("%s: trainable is %v", path, v.Trainable)
		}
		for k, x := range value(t, store, path) {
			i := k
			switch path {
			case "/conv/weights": // k is ((h*2+w)*2+in)*3+out
				h, w, in, out := k/12, k/6%2, k/3%2, k%3
				i = ((out*2+in)*2+h)*2 + w
			case "/fc/dense/weights": // k is in*4+out
				i = k%4*6 + k/4
			}
			want := float32(i)
			if dropped(path, i) {
				want = 0
			}
			if x != want {
				t.Fatalf("%s: number %d is %g, want %g", path, k, x, want)
			}
		}
	}
}

func none(string, int) bool { return false }

func TestPeoplesFiles(t *testing.T) {
	everyThird := func(path string, i int) bool {
		return i%3 == 0 && (path == "/conv/weights" || strings.HasPrefix(path, "/fc/"))
	}
	for _, c := range []struct {
		file    string
		dropped func(string, int) bool
		known   bool // only readable for somebody who knows the network
	}{
		{"f64", none, false}, {"f32", none, false}, {"f16", none, false}, {"bf16", none, false},
		{"module", none, false}, {"orig_mod", none, false}, {"module_orig_mod", none, false}, {"orig_mod_inside", none, false}, {"ema", none, false},
		{"lightning", none, true}, {"prune", everyThird, false}, {"model.safetensors.index.json", none, false},
	} {
		t.Run(c.file, func(t *testing.T) {
			file := filepath.Join("testdata", c.file)
			if !strings.HasSuffix(file, ".json") {
				file += Suffix
			}
			network := declared(t, dtypes.Float32, small)
			k, err := GoMLX().For(network)
			if err != nil {
				t.Fatal(err)
			}
			for _, known := range [][]Kernels{nil, {GoMLX()}, {k}} {
				f, err := Read(file, nil, known...)
				if err != nil {
					t.Fatal(err)
				}
				wrong := c.known && (len(known) == 0 || known[0].bound == nil)
				if err := f.Check(network, "the network"); wrong {
					if err == nil {
						t.Error("names that are the network's only to one who knows it were found")
					}
					continue
				} else if err != nil {
					t.Fatal(err)
				}
				store := model.NewStore()
				if err := f.Restore(store); err != nil {
					t.Fatal(err)
				}
				counted(t, store, c.dropped)
				if w := value(t, store, "/bn/batch_normalization/avg_weight"); !slices.Equal(w, []float32{settled, settled, settled}) {
					t.Errorf("the averages stand for %v batches", w)
				}
			}
			// Into a network of float16, which has these numbers too.
			halves := declared(t, dtypes.Float16, small)
			if k, err = GoMLX().For(halves); err != nil {
				t.Fatal(err)
			}
			f, err := Read(file, nil, k)
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Check(halves, "halves"); err != nil {
				t.Error(err)
			}
			if err := f.Restore(halves); err != nil {
				t.Fatal(err)
			}
			if v := halves.GetVariable("/fc/dense/weights"); v.DType() != dtypes.Float16 || !v.HasValue() {
				t.Errorf("%v", v)
			}
		})
	}
}

// TestRefusedFiles: errors name what cannot be read.
func TestRefusedFiles(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"module_twice", `"module.fc.weight" and "fc.weight"`},
		{"orig_mod_twice", `"_orig_mod.fc.weight" and "fc.weight"`},
		{"float8_e4m3fn", `tensor "fc.weight": numbers of type F8_E4M3: float64, float32, float16 and bfloat16 are read`},
		{"float8_e5m2", `tensor "fc.weight": numbers of type F8_E5M2`},
		{"float4_e2m1fn", `tensor "fc.weight": numbers of type F4`},
		{"prune_no_mask", `"fc.weight_orig": a pruned weight without its mask "fc.weight_mask"`},
		{"prune_no_orig", `"fc.weight_mask": a mask without its weight`},
		{"prune_twice", `"fc.weight" and "fc.weight_orig"`},
		{"weight_norm", `"fc.weight_g": a weight in weight normalization`},
		{"spectral_norm", `"fc.weight_orig": a weight in spectral normalization`},
		{"parametrized", `"fc.parametrizations.weight.original": a parametrized weight`},
		{"transposed", `tensor "up.weight": its shape is [3 4 2 2], and its biases have [4]`},
		{"conv1d", "Kernels.Conv"},
		{"scalar", `tensor "scale": neither kernel`},
		{"integers", `tensor "fc.position_ids": neither kernel, bias nor batch norm (shape [1 4]), and its numbers are of type I64`},
		{"model-00001-of-00002", "name the index of its parts, which often is model.safetensors.index.json"},
	} {
		network := declared(t, dtypes.Float32, small)
		k, err := GoMLX().For(network)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", c.file+Suffix)
		_, err = Read(file, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), file) || strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: %v, want %s", c.file, err, c.want)
		}
		if f, err := Read(file, nil, k); err == nil && f.Check(network, "the network") == nil {
			t.Errorf("%s became the network", c.file)
		}
	}
	f, err := Read("testdata/empty.safetensors", nil)
	if err == nil {
		err = f.Restore(model.NewStore())
	}
	if err != nil {
		t.Errorf("an empty layer: %v", err)
	}
}

// TestModules reads what the names do not tell, with knowledge of the network.
func TestModules(t *testing.T) {
	variables := map[string][]int{
		"/c1/weights": {5, 3, 4}, "/c1/biases": {4}, "/c3/weights": {1, 2, 3, 3, 4}, "/c3/biases": {4},
		"/ln/layer_normalization/gain": {6}, "/ln/layer_normalization/offset": {6},
		"/emb/embeddings": {5, 5}, "/head/dense/weights": {5, 5},
	}
	if _, err := Read("testdata/modules.safetensors", nil); err == nil || !strings.Contains(err.Error(), `"ln.`) {
		t.Errorf("layer norm without the network: %v", err)
	}
	network := declared(t, dtypes.Float32, variables)
	k, err := GoMLX().For(network)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Read("testdata/modules.safetensors", nil, k)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Check(network, "the network"); err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	if err := f.Restore(store); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path    string
		k, want int
	}{
		{"/c1/weights", (4*3+2)*4 + 1, (1*3+2)*5 + 4}, // position 4, in 2, out 1
		// row 1, column 2, in 1, out 3
		{"/c3/weights", ((1*3+2)*3+1)*4 + 3, ((3*3+1)*2+1)*3 + 2},
		{"/emb/embeddings", 7, 7}, {"/head/dense/weights", 7, 2*5 + 1}, // in 1, out 2
		{"/ln/layer_normalization/gain", 5, 5}, {"/ln/layer_normalization/offset", 4, 4},
	} {
		if got := value(t, store, c.path)[c.k]; got != float32(c.want) {
			t.Errorf("%s[%d] is %g, want %d", c.path, c.k, got, c.want)
		}
	}
}

// TestWithoutNotes reads Write's files without the note that Write leaves, as after saving in
// PyTorch.
func TestWithoutNotes(t *testing.T) {
	store, path := network(t), filepath.Join(t.TempDir(), "x.safetensors")
	if err := Write(path, store, nil, flat, nil); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	c.meta = nil
	c.tensors = slices.DeleteFunc(c.tensors, func(t tensor) bool { return strings.HasSuffix(t.name, "avg_weight") })
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := serialize(f, *c); err != nil {
		t.Fatal(err)
	}
	f.Close()
	got, err := Read(path, flat)
	if err != nil {
		t.Fatal(err)
	}
	to := model.NewStore()
	if err := got.Restore(to); err != nil {
		t.Fatal(err)
	}
	for v := range store.IterVariables() {
		if !strings.HasSuffix(v.Path(), "avg_weight") && !slices.Equal(value(t, to, v.Path()), value(t, store, v.Path())) {
			t.Errorf("%s is another", v.Path())
		}
	}
}

// TestTwoOfOneName: nothing is written where two variables would be one tensor.
func TestTwoOfOneName(t *testing.T) {
	for _, c := range [][]string{
		{"/a.b/weights", "/a/b/weights"}, {"/a/weights", "/a/weight"}, {"/a/x.y", "/a/x/y"}, {"/a/b.c/d", "/a.b/c/d"},
	} {
		store := model.NewStore()
		for _, path := range c {
			if _, err := store.CreateVariable(path, tensors.FromFlatDataAndDimensions(make([]float32, 6), 2, 3)); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join(t.TempDir(), "x.safetensors")
		err := Write(path, store, nil, nil, nil, GoMLX())
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", c[0])) || !strings.Contains(err.Error(), fmt.Sprintf("%q", c[1])) {
			t.Errorf("%v: %v", c, err)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%v: a file was written", c)
		}
	}
	// Variables that only look alike come back.
	store := model.NewStore()
	for i, path := range []string{"/a/weights", "/a/dense/weights", "/a/dense/dense/weights", "/weights", "/dense/weights", "/module/fc/dense/weights", "/_orig_mod/x/weights",
		"/a/embeddings", "/a/weight_orig", "/a/weight_mask", "/num_batches_tracked", "/a.dots/weights"} {
		if _, err := store.CreateVariable(path, tensors.FromFlatDataAndDimensions([]float32{float32(i), 2, 3, 4, 5, 6}, 2, 3)); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "x.safetensors")
	if err := Write(path, store, nil, nil, nil, GoMLX()); err != nil {
		t.Fatal(err)
	}
	sameStore(t, path, store)
}

// TestNotWritten: Write writes nothing that could not be read again.
func TestNotWritten(t *testing.T) {
	make := func(x float32) *model.Store {
		store := model.NewStore()
		if _, err := store.CreateVariable("/fc/dense/weights", tensors.FromFlatDataAndDimensions([]float32{x, 0, 0, 0, 0, 0}, 2, 3)); err != nil {
			t.Fatal(err)
		}
		return store
	}
	empty := model.NewStore()
	empty.VariableWithShape("/fc/dense/weights", shapes.Make(dtypes.Float32, 2, 3), nil)
	for _, c := range []struct {
		store *model.Store
		flat  map[string][]int
		info  map[string]string
		k     []Kernels
		want  string
	}{
		{make(float32(math.NaN())), nil, nil, nil, "NaN"},
		{make(1), map[string][]int{"fc": {1, 1, 3}}, nil, nil, "2 inputs, want 3"},
		{make(1), map[string][]int{"fc": {2}}, nil, nil, "2 inputs"},
		{make(1), map[string][]int{"other": {2, 1, 1}}, nil, nil, `dense layer "other"`},
		{make(1), nil, map[string]string{notesKey: ""}, nil, "choose another key"},
		{make(1), nil, nil, []Kernels{{}}, "inputs first or outputs first"},
		{make(1), nil, nil, []Kernels{GoMLX(), GoMLX()}, "one at most"},
		{make(1), nil, nil, []Kernels{{Conv: InputsFirst}}, "Kernels.Conv is inputs first"},
		{make(1), nil, nil, []Kernels{{Of: map[string]Layout{"/no": Native}}}, `"/no"`},
		{make(1), nil, nil, []Kernels{{Of: map[string]Layout{"/fc/dense/weights": ChannelsLast}}}, "cannot be channels last"},
		{empty, nil, nil, nil, "no value yet"},
		{model.NewStore(), nil, nil, nil, "nothing to write"},
	} {
		path := filepath.Join(t.TempDir(), "x.safetensors")
		if c.k == nil {
			c.k = []Kernels{GoMLX()}
		}
		err := Write(path, c.store, nil, c.flat, c.info, c.k...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: a file was written", c.want)
		}
	}
}

// TestHostileFiles reads headers that lie.
func TestHostileFiles(t *testing.T) {
	one := binary.LittleEndian.AppendUint32(nil, math.Float32bits(1))
	two := append(slices.Clone(one), one...)
	tensor := func(name, shape, offsets string) string {
		return fmt.Sprintf(`%q:{"dtype":"F32","shape":%s,"data_offsets":%s}`, name, shape, offsets)
	}
	for _, c := range []struct {
		header string
		data   []byte
		want   string
	}{
		{`{` + tensor("a.weight", "[1,1]", "[0,4]") + `,` + tensor("b.weight", "[1,1]", "[0,4]") + `}`, one, `"a.weight" and "b.weight" share bytes`},
		{`{` + tensor("a.weight", "[1,2]", "[0,8]") + `,` + tensor("b.weight", "[1,1]", "[4,8]") + `}`, two, "share bytes"},
		{`{` + tensor("a.weight", "[1,1]", "[4,8]") + `}`, two, `tensor "a.weight": 4 bytes before it`},
		{`{` + tensor("a.weight", "[1,1]", "[0,4]") + `}`, two, "4 bytes at its end"},
		{`{` + tensor("a.weight", "[1,1]", "[0,4]") + `,` + tensor("a.weight", "[1,1]", "[4,8]") + `}`, two, `"a.weight" occurs twice`},
		{`{` + tensor("a.weight", "[4294967296,4294967296,4294967296]", "[0,4]") + `}`, one, "too large"},
		{`{` + tensor("a.weight", "[0,4294967296,4294967296,4294967296]", "[0,0]") + `}`, nil, "too large"},
		{`{` + tensor("a.weight", "[18446744073709551616,1]", "[0,4]") + `}`, one, "is no length"},
		{`{` + tensor("a.weight", "[-1,-1]", "[0,4]") + `}`, one, "is no length"},
		{`{` + tensor("a.weight", "[1.0,1]", "[0,4]") + `}`, one, "is no length"},
		{`{` + tensor("a.weight", "[1,1]", "[4,0]") + `}`, one, `tensor "a.weight": its numbers are at 4 to 0`},
		{`{` + tensor("a.weight", "[1,1]", "[0,4,4]") + `}`, one, "missing"},
		{`{` + tensor("a.weight", "[1,1]", "[0,18446744073709551615]") + `}`, one, "is no length"},
		{`{` + tensor("a.weight", "[1,2]", "[0,4]") + `}`, one, "4 bytes for the shape [1 2] of type F32"},
		{`{` + tensor("a.weight", "[NaN,1]", "[0,4]") + `}`, one, "broken"},
		{`{` + tensor("a.weight", "null", "[0,4]") + `}`, one, "broken"},
		{`{"a.weight":{"dtype":"F32","dtype":"F16","shape":[1,1],"data_offsets":[0,4]}}`, one, `"dtype" occurs twice`},
		{`{"a.weight":{"DType":"F32","shape":[1,1],"data_offsets":[0,4]}}`, one, `unknown key "DType"`},
		{`{"a.weight":{"dtype":"F4","shape":[3,1],"data_offsets":[0,2]}}`, one[:2], "2 bytes for the shape [3 1] of type F4"},
		{`{"__metadata__":{"a":1},` + tensor("a.weight", "[1,1]", "[0,4]") + `}`, one, "is no text"},
		{`{"__metadata__":{"a":"1","a":"2"},` + tensor("a.weight", "[1,1]", "[0,4]") + `}`, one, `"a" occurs twice`},
		{strings.Repeat(`{"a":`, 100_000) + strings.Repeat("}", 100_000), nil, "broken"},
		{strings.Repeat("[", 1_000_000), nil, "broken"},
		{`{` + tensor("a.weight", strings.Repeat("[", 100_000), "[0,4]") + `}`, one, "broken"},
		{`{` + tensor("a.weight", "[1,1]", "[0,4]") + `} {}`, one, "something follows"},
		{"{\"a\xff\":{}}", nil, "no UTF-8"},
		{``, nil, "damaged"}, {`null`, nil, "damaged"}, {`[]`, nil, "damaged"}, {`{"a"`, nil, "damaged"},
	} {
		path := file(t, c.header, c.data)
		_, err := Read(path, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n") || len(err.Error()) > 600 {
			t.Errorf("%.100s: %.600v, want %s", c.header, err, c.want)
		}
	}
	for _, size := range []uint64{1, 1 << 20, 100_000_001, 1 << 40, math.MaxUint64, math.MaxUint64 - 7} {
		path := filepath.Join(t.TempDir(), "x.safetensors")
		if err := os.WriteFile(path, binary.LittleEndian.AppendUint64(nil, size), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path, nil); err == nil || !strings.Contains(err.Error(), "its header should have") {
			t.Errorf("a header of %d bytes: %v", size, err)
		}
	}
	path := file(t, `{"a.weight":{"dtype":"F2_NEW","shape":[1,1],"data_offsets":[0,4]}}`, one)
	if _, err := Read(path, nil); err == nil || !strings.Contains(err.Error(), `tensor "a.weight": numbers of type F2_NEW`) {
		t.Errorf("a type of the future: %v", err)
	}
}

// TestBrokenIndex: an index that does not match its files.
func TestBrokenIndex(t *testing.T) {
	dir := t.TempDir()
	part := file(t, `{"a.weight":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}}`, make([]byte, 4))
	raw, err := os.ReadFile(part)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "p.safetensors"), raw, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ index, want string }{
		{`{"weight_map":{"a.weight":"p.safetensors","b.weight":"p.safetensors"}}`, `tensor "b.weight" is not in p.safetensors`},
		{`{"weight_map":{"b.weight":"p.safetensors"}}`, `tensor "a.weight" is in p.safetensors`},
		{`{"weight_map":{"a.weight":"../p.safetensors"}}`, "none beside it"},
		{`{"weight_map":{"a.weight":"q.safetensors"}}`, "no such file"},
		{`{}`, "no weight_map"},
		{`{`, "damaged"},
	} {
		path := filepath.Join(dir, "model.safetensors.index.json")
		if err := os.WriteFile(path, []byte(c.index), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path, nil); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", c.index, err)
		}
	}
}
