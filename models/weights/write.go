package weights

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/nlpodyssey/safetensors"

	"gsmlab/gsm"
	"gsmlab/internal/atomicfile"
)

// Write saves the network's weights with PyTorch's names and layouts, as float32. With masks, each pruned kernel
// "x.weight" comes with "x.weight_mask" of bytes 0 and 1, in its layout. info goes into the file's metadata.
// flat is as in Read.
func Write(path string, store *model.Store, masks *gsm.Mask, flat map[string][]int, info map[string]string) error {
	views := map[string]safetensors.TensorView{}
	add := func(name string, dtype safetensors.DType, dims []int, raw []byte) error {
		shape := make([]uint64, len(dims))
		for i, d := range dims {
			shape[i] = uint64(d)
		}
		view, err := safetensors.NewTensorView(dtype, shape, raw)
		views[name] = view
		return err
	}
	for v := range store.IterVariables() {
		if !exported(v) {
			continue
		}
		name, err := nameOf(v)
		if err != nil {
			return fmt.Errorf("weights: %w", err)
		}
		value, err := v.Value()
		if err != nil {
			return fmt.Errorf("weights: reading %q: %w", v.Path(), err)
		}
		dims, values := toTorch(name, v.Shape().Dimensions, tensors.MustCopyFlatData[float32](value), flat)
		raw := make([]byte, 0, 4*len(values))
		for _, x := range values {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
		}
		if err := add(name, safetensors.F32, dims, raw); err != nil {
			return fmt.Errorf("weights: %s: %w", name, err)
		}
	}
	if len(views) == 0 {
		return fmt.Errorf("weights: nothing to write to %s: the store has no variable of a model", path)
	}
	if masks != nil {
		for _, l := range masks.Layers {
			v := store.GetVariable(l.Path)
			if v == nil {
				return fmt.Errorf("weights: the mask has a layer %q, the network has not: they belong to different models", l.Path)
			}
			name, err := nameOf(v)
			if err != nil {
				return fmt.Errorf("weights: %w", err)
			}
			keep := make([]float32, v.Shape().Size())
			for i := range keep {
				if l.Keep(i) {
					keep[i] = 1
				}
			}
			dims, values := toTorch(name, v.Shape().Dimensions, keep, flat)
			raw := make([]byte, len(values))
			for i, x := range values {
				raw[i] = byte(x)
			}
			if err := add(name+"_mask", safetensors.U8, dims, raw); err != nil {
				return fmt.Errorf("weights: %s: %w", name, err)
			}
		}
	}
	err := atomicfile.Write(path, func(w io.Writer) error { return safetensors.SerializeToWriter(views, info, w) })
	if err != nil {
		return fmt.Errorf("weights: saving to %s: %w", path, err)
	}
	return nil
}

// toTorch changes the layout of the tensor that is called name there.
func toTorch(name string, dims []int, values []float32, flat map[string][]int) ([]int, []float32) {
	module, _ := cutLast(name)
	switch hwc := flat[module]; {
	case len(dims) == 4:
		return permute(dims, values, 3, 2, 0, 1)
	case len(dims) == 2 && hwc != nil:
		_, values = permute([]int{hwc[0], hwc[1], hwc[2], dims[1]}, values, 3, 2, 0, 1)
		return []int{dims[1], dims[0]}, values
	case len(dims) == 2:
		return permute(dims, values, 1, 0)
	}
	return dims, values
}

// exported tells whether a variable has a name in PyTorch: all of the model's do but the counts of batch norm.
func exported(v *model.Variable) bool {
	return !gsm.IsState(v) && !strings.HasSuffix(v.Path(), "/"+normScope+"/avg_weight")
}

// nameOf is what PyTorch calls a variable.
func nameOf(v *model.Variable) (string, error) {
	i := strings.LastIndexByte(v.Path(), '/')
	dir, here := v.Path()[:i], v.Path()[i+1:]
	names := map[string]string{"weights": "weight", "biases": "bias"}
	module, isNorm := strings.CutSuffix(dir, "/"+normScope)
	if isNorm {
		names = map[string]string{"scale": "weight", "offset": "bias", "mean": "running_mean", "variance": "running_var"}
	}
	module = strings.TrimSuffix(module, "/"+denseScope)
	there, known := names[here]
	if !known {
		return "", fmt.Errorf("the variable %q is of no layer that PyTorch's names are known for", v.Path())
	}
	return strings.ReplaceAll(strings.TrimPrefix(module, "/"), "/", ".") + "." + there, nil
}
