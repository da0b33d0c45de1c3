// Package weights reads and writes safetensors files with the names and layouts of PyTorch, so that
// trained networks come in and pruned ones go out.
//
//	here                                            there
//	/layer1/0/conv1/weights   [H, W, in, out]       layer1.0.conv1.weight [out, in, H, W]
//	/linear/dense/weights     [in, out]             linear.weight         [out, in]
//	/linear/dense/biases, /conv1/biases             linear.bias, conv1.bias
//	/bn1/batch_normalization/scale, offset          bn1.weight, bn1.bias
//	/bn1/batch_normalization/mean, variance         bn1.running_mean, bn1.running_var
package weights

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes/bfloat16"
	"github.com/gomlx/compute/dtypes/float16"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/nlpodyssey/safetensors"
)

// File is a network read from a safetensors file.
type File struct {
	path    string
	entries []entry
}

// entry is one variable of the network.
type entry struct {
	path      string // here
	name      string // there
	trainable bool
	dims      []int
	values    []float32
}

// Suffix is how the names of such files end.
const Suffix = ".safetensors"

// maxBytes bounds what is read: a ResNet-50 has 102 MB.
const maxBytes = 4 << 30

// Read reads a safetensors file of float32, float16 or bfloat16 tensors with PyTorch's names. The prefix "module." of data-parallel
// training is taken away; num_batches_tracked and masks are left out. flat names dense layers that read a flattened
// image [H, W, C] (see models.Model): their rows have another order in PyTorch, where the channel comes first.
func Read(path string, flat map[string][]int) (*File, error) {
	fail := func(format string, args ...any) (*File, error) {
		return nil, fmt.Errorf("weights: %s: %s", path, fmt.Sprintf(format, args...))
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	if info.IsDir() || info.Size() > maxBytes {
		return fail("not a safetensors file: name the .safetensors file itself")
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	st, err := parse(raw)
	if err != nil {
		return fail("%v: the file is damaged or no safetensors file", err)
	}
	views := map[string]safetensors.TensorView{}
	for _, v := range st.Tensors() {
		views[strings.TrimPrefix(v.Name, "module.")] = v.TensorView
	}
	f := &File{path: path}
	for _, name := range slices.Sorted(maps.Keys(views)) {
		module, kind := cutLast(name)
		if kind == "num_batches_tracked" || kind == "weight_mask" {
			continue
		}
		e, err := newEntry(name, module, kind, views, flat)
		if err != nil {
			return fail("tensor %q: %v", name, err)
		}
		f.entries = append(f.entries, e)
	}
	if len(f.entries) == 0 {
		return fail("it has no tensors")
	}
	return f, nil
}

// parse reads a file in memory; the library's panics on odd headers become errors.
func parse(raw []byte) (st safetensors.SafeTensors, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("its header is broken (%v)", p)
		}
	}()
	return safetensors.Deserialize(raw)
}

// cutLast splits "layer1.0.conv1.weight" into module and kind.
func cutLast(name string) (module, kind string) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return "", name
	}
	return name[:i], name[i+1:]
}

// Parts of variables' paths, as GoMLX's layers choose them.
const (
	normScope  = "batch_normalization"
	denseScope = "dense"
)

func newEntry(name, module, kind string, views map[string]safetensors.TensorView, flat map[string][]int) (entry, error) {
	view := views[name]
	e := entry{name: name, trainable: true}
	for _, d := range view.Shape() {
		e.dims = append(e.dims, int(d))
	}
	var err error
	if e.values, err = floats(view); err != nil {
		return e, err
	}
	_, isNorm := views[module+".running_mean"]
	weight := views[module+".weight"]
	scope := "/" + strings.ReplaceAll(module, ".", "/") + "/"
	switch {
	case isNorm:
		here, known := map[string]string{"weight": "scale", "bias": "offset", "running_mean": "mean", "running_var": "variance"}[kind]
		if !known || len(e.dims) != 1 {
			return e, fmt.Errorf("not a value of batch norm")
		}
		e.path, e.trainable = scope+normScope+"/"+here, kind == "weight" || kind == "bias"
	case kind == "bias" && len(e.dims) == 1 && len(weight.Shape()) == 2:
		e.path = scope + denseScope + "/biases"
	case kind == "bias" && len(e.dims) == 1 && len(weight.Shape()) == 4:
		e.path = scope + "biases"
	case kind == "weight" && len(e.dims) == 4:
		e.path = scope + "weights"
		e.dims, e.values = permute(e.dims, e.values, 2, 3, 1, 0)
	case kind == "weight" && len(e.dims) == 2:
		e.path = scope + denseScope + "/weights"
		if hwc := flat[module]; hwc != nil {
			if hwc[0]*hwc[1]*hwc[2] != e.dims[1] {
				return e, fmt.Errorf("%d inputs, want %d", e.dims[1], hwc[0]*hwc[1]*hwc[2])
			}
			rows, out := e.dims[1], e.dims[0]
			_, e.values = permute([]int{out, hwc[2], hwc[0], hwc[1]}, e.values, 2, 3, 1, 0)
			e.dims = []int{rows, out}
		} else {
			e.dims, e.values = permute(e.dims, e.values, 1, 0)
		}
	default:
		return e, fmt.Errorf("neither kernel, bias nor batch norm (shape %v)", e.dims)
	}
	return e, nil
}

// permute transposes: axis i of the result is axis order[i] of x.
func permute(dims []int, x []float32, order ...int) ([]int, []float32) {
	strides := make([]int, len(dims))
	n := 1
	for i := len(dims) - 1; i >= 0; i-- {
		strides[i] = n
		n *= dims[i]
	}
	out := make([]int, len(order))
	for i, a := range order {
		out[i] = dims[a]
	}
	y := make([]float32, len(x))
	at := make([]int, len(order))
	from := 0
	for k := range y {
		y[k] = x[from]
		for i := len(order) - 1; i >= 0; i-- {
			at[i]++
			from += strides[order[i]]
			if at[i] < out[i] {
				break
			}
			from -= at[i] * strides[order[i]]
			at[i] = 0
		}
	}
	return out, y
}

// floats converts a tensor's bytes.
func floats(v safetensors.TensorView) ([]float32, error) {
	raw := v.Data()
	size := int(v.DType().Size())
	out := make([]float32, len(raw)/size)
	for i := range out {
		b := raw[i*size:]
		switch v.DType() {
		case safetensors.F32:
			out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b))
		case safetensors.BF16:
			out[i] = bfloat16.BFloat16(binary.LittleEndian.Uint16(b)).Float32()
		case safetensors.F16:
			out[i] = float16.Float16(binary.LittleEndian.Uint16(b)).Float32()
		default:
			return nil, fmt.Errorf("numbers of type %s: float32, float16 and bfloat16 are read", v.DType())
		}
		if x := float64(out[i]); math.IsNaN(x) || math.IsInf(x, 0) {
			return nil, fmt.Errorf("value %d is %g: the training that made it diverged", i, x)
		}
	}
	return out, nil
}

// Check compares the file with the variables of a network that was built in store: each needs a tensor of its
// shape, and no tensor may be left over.
func (f *File) Check(store *model.Store, name string) error {
	have := map[string]entry{}
	for _, e := range f.entries {
		have[e.path] = e
	}
	for v := range store.IterVariables() {
		if !exported(v) {
			continue
		}
		e, ok := have[v.Path()]
		there, _ := nameOf(v)
		if !ok {
			return fmt.Errorf("weights: %s: no tensor %q, which %s has: are the weights of another network?", f.path, there, name)
		}
		if !slices.Equal(e.dims, v.Shape().Dimensions) {
			return fmt.Errorf("weights: %s: tensor %q has the shape of %v, %s wants %v (in the order of this program)", f.path, there, e.dims, name, v.Shape().Dimensions)
		}
		delete(have, v.Path())
	}
	for _, path := range slices.Sorted(maps.Keys(have)) {
		return fmt.Errorf("weights: %s: tensor %q is none of %s: are the weights of another network?", f.path, have[path].name, name)
	}
	return nil
}

// settled is the count of batches that the averages of batch norm stand for: GoMLX gives the first batches after
// few more weight.
const settled = 1e4

// Restore sets the store's variables, which are created where they are missing.
func (f *File) Restore(store *model.Store) error {
	for _, e := range f.entries {
		if err := set(store, e.path, e.trainable, e.dims, slices.Clone(e.values)); err != nil {
			return fmt.Errorf("weights: %s: %w", f.path, err)
		}
		if scope, ok := strings.CutSuffix(e.path, normScope+"/mean"); ok {
			counts := make([]float32, e.dims[0])
			for i := range counts {
				counts[i] = settled
			}
			if err := set(store, scope+normScope+"/avg_weight", false, e.dims, counts); err != nil {
				return fmt.Errorf("weights: %s: %w", f.path, err)
			}
		}
	}
	return nil
}

func set(store *model.Store, path string, trainable bool, dims []int, values []float32) error {
	value := tensors.FromFlatDataAndDimensions(values, dims...)
	if v := store.GetVariable(path); v != nil {
		return v.SetValue(value)
	}
	v, err := store.CreateVariable(path, value)
	if err != nil {
		return err
	}
	v.SetTrainable(trainable)
	return nil
}
