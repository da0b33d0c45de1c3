package weights

// From a store into a file.

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"

	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/gsm"
	"gsmlab/internal/atomicfile"
)

// notesKey is the entry of a file's metadata that says from which variables Write made the tensors,
// so that Read can restore them.
const notesKey = "gsmlab.variables"

// note is what Write records about a tensor's variable.
type note struct {
	Path      string `json:"path"`
	Layout    Layout `json:"layout"`
	Dims      []int  `json:"shape"`
	DType     string `json:"dtype"`
	Trainable bool   `json:"trainable"`
	Image     []int  `json:"image,omitempty"` // see flat
}

// Write saves the network's variables with PyTorch's names and layouts, each in its own type of
// numbers. With masks, each pruned kernel "x.weight" comes with "x.weight_mask" of bytes 0 and 1,
// in its layout. info goes into the file's metadata. flat is as in Read.
//
// Kernels, of which there may be one value, gives the order of the kernels' axes where the store
// does not show it. A kernel of unknown order is an error, and so are two variables that would
// share a name. Nothing is written then.
func Write(path string, store *model.Store, masks *gsm.Mask, flat map[string][]int, info map[string]string, kernels ...Kernels) error {
	k, err := only(kernels)
	if err != nil {
		return err
	}
	if err := waiting(store); err != nil {
		return err
	}
	net := describe(store)
	if len(net) == 0 {
		return fmt.Errorf("weights: nothing to write to %s: the store has no variable of a model", path)
	}
	bindings, err := net.bind(k)
	if err != nil {
		return err
	}
	if err := checkFlat(bindings, flat); err != nil {
		return err
	}
	c := content{meta: map[string]string{}}
	notes := map[string]note{}
	for _, b := range bindings {
		t, n, err := export(store, b, flat)
		if err != nil {
			return fmt.Errorf("weights: the variable %q: %w", b.path, err)
		}
		if other, double := notes[t.name]; double {
			return fmt.Errorf("weights: the variables %q and %q would both be the tensor %q: rename a scope of one", other.Path, b.path, t.name)
		}
		c.tensors, notes[t.name] = append(c.tensors, t), n
	}
	if masks != nil {
		made, err := exportMasks(masks, bindings, flat)
		if err != nil {
			return err
		}
		for _, t := range made {
			if n, double := notes[t.name]; double {
				return fmt.Errorf("weights: the variable %q and a mask would both be the tensor %q: rename the variable", n.Path, t.name)
			}
		}
		c.tensors = append(c.tensors, made...)
	}
	if c.meta = maps.Clone(info); c.meta == nil {
		c.meta = map[string]string{}
	}
	if _, double := info[notesKey]; double {
		return fmt.Errorf("weights: the metadata %q is this package's own: choose another key", notesKey)
	}
	text, err := json.Marshal(notes)
	if err != nil {
		return fmt.Errorf("weights: saving to %s: %w", path, err)
	}
	c.meta[notesKey] = string(text)
	if err := atomicfile.Write(path, func(w io.Writer) error { return serialize(w, c) }); err != nil {
		return fmt.Errorf("weights: saving to %s: %w", path, err)
	}
	return nil
}

// checkFlat is an error if flat names something that is not a dense layer of that size.
func checkFlat(bindings []binding, flat map[string][]int) error {
	for _, module := range slices.Sorted(maps.Keys(flat)) {
		i := slices.IndexFunc(bindings, func(b binding) bool { return b.layout.dense() && b.moduleName() == module })
		if i < 0 {
			return fmt.Errorf("weights: flat speaks of a dense layer %q, which the store has not", module)
		}
		b := bindings[i]
		if err := checkImage(flat[module], b.layout.torchDims(b.dims)[1]); err != nil {
			return fmt.Errorf("weights: the variable %q: %w", b.path, err)
		}
	}
	return nil
}

// checkImage is an error if an image's height, width and channels do not multiply to that many
// inputs.
func checkImage(image []int, inputs int) error {
	n, ok := product(image, math.MaxInt32)
	if len(image) != 3 || !ok || n <= 0 || slices.Min(image) < 0 || n != inputs {
		return fmt.Errorf("%d inputs, want %d: the height, width and channels are %v", inputs, n, image)
	}
	return nil
}

// moduleName is the layer's name in flat, or "" if it is not one.
func (b binding) moduleName() string {
	if b.module == "." {
		return ""
	}
	return b.module
}

// imageOf is the image that the dense layer reads, or nil.
func (b binding) imageOf(flat map[string][]int) []int {
	if b.module == "" || !b.layout.dense() {
		return nil
	}
	return flat[b.moduleName()]
}

// export makes a tensor of a variable.
func export(store *model.Store, b binding, flat map[string][]int) (tensor, note, error) {
	image := b.imageOf(flat)
	n := note{Path: b.path, Layout: b.layout, Dims: append([]int{}, b.dims...), DType: b.dtype, Trainable: b.trainable, Image: image}
	t := tensor{name: b.name, dtype: b.dtype}
	v := store.GetVariable(b.path)
	if b.dtype == "" {
		return t, n, fmt.Errorf("numbers of type %v, which safetensors files do not have", v.DType())
	}
	if !v.HasValue() {
		return t, n, fmt.Errorf("it has no value yet: initialize the network first")
	}
	value, err := v.Value()
	if err != nil {
		return t, n, err
	}
	var data []byte
	if err := value.ConstBytes(func(x []byte) { data = slices.Clone(x) }); err != nil {
		return t, n, err
	}
	if err := finite(b.dtype, data); err != nil {
		return t, n, err
	}
	if b.counts() {
		if count, ok := uniform(b.dtype, data); ok {
			t.dtype, t.data = "I64", binary.LittleEndian.AppendUint64(nil, count)
			return t, n, nil
		}
		return tensor{nativeName(b.path), b.dtype, b.dims, data}, n, nil
	}
	t.dims, t.data = b.layout.export(b.dims, data, image)
	if b.module != "" && b.base == "biases" && len(t.dims) > 1 {
		// as those of the kernel, whose outputs share an axis
		t.dims = []int{len(data) * 8 / bits[b.dtype]}
	}
	return t, n, nil
}

// uniform returns the whole number that all values share, as in PyTorch's count of batches.
func uniform(dtype string, data []byte) (count uint64, ok bool) {
	if !isFloat(dtype) || len(data) == 0 {
		return 0, false
	}
	x := at(dtype, data, 0)
	for i := range len(data) * 8 / bits[dtype] {
		if at(dtype, data, i) != x {
			return 0, false
		}
	}
	return uint64(x), x >= 0 && x < 1<<53 && x == math.Trunc(x) && !math.Signbit(x)
}

func exportMasks(masks *gsm.Mask, bindings []binding, flat map[string][]int) ([]tensor, error) {
	var made []tensor
	for _, l := range masks.Layers {
		i := slices.IndexFunc(bindings, func(b binding) bool { return b.path == l.Path })
		if i < 0 {
			return nil, fmt.Errorf("weights: the mask has a layer %q, the network has not: they belong to different models", l.Path)
		}
		b := bindings[i]
		if !slices.Equal(l.Dims, b.dims) {
			return nil, fmt.Errorf("weights: the mask of %q has the shape %v, the variable %v: they belong to different models", l.Path, l.Dims, b.dims)
		}
		keep := make([]byte, l.Size())
		for i := range keep {
			if l.Keep(i) {
				keep[i] = 1
			}
		}
		t := tensor{name: b.name + "_mask", dtype: "U8"}
		t.dims, t.data = b.layout.export(b.dims, keep, b.imageOf(flat))
		made = append(made, t)
	}
	return made, nil
}
