package gsm

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/dtypes/bfloat16"
	"github.com/gomlx/compute/dtypes/float16"
	"github.com/gomlx/compute/dtypes/gotype"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// floats copies the values of a variable, in row-major order.
func floats(v *model.Variable) ([]float64, error) {
	value, err := v.Value()
	if err != nil {
		return nil, fmt.Errorf("gsm: reading %q: %w", v.Path(), err)
	}
	switch v.DType() {
	case dtypes.Float32:
		return widen(v, value, func(x float32) float64 { return float64(x) })
	case dtypes.Float64:
		return widen(v, value, func(x float64) float64 { return x })
	case dtypes.BFloat16:
		return widen(v, value, bfloat16.BFloat16.Float64)
	case dtypes.Float16:
		return widen(v, value, func(x float16.Float16) float64 { return float64(x.Float32()) })
	}
	return nil, wrongType(v)
}

func wrongType(v *model.Variable) error {
	return fmt.Errorf("gsm: %q has dtype %s: only float64, float32, float16 and bfloat16 weights can be cut", v.Path(), v.DType())
}

func widen[T gotype.Supported](v *model.Variable, value *tensors.Tensor, float func(T) float64) ([]float64, error) {
	var out []float64
	err := tensors.ConstFlatData(value, func(flat []T) {
		out = make([]float64, len(flat))
		for i, x := range flat {
			out[i] = float(x)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("gsm: reading %q: %w", v.Path(), err)
	}
	return out, nil
}

// setFloats replaces the values of a variable, keeping its dtype and shape.
func setFloats(v *model.Variable, values []float64) error {
	t := tensorOf(values, v.Shape())
	if t == nil {
		return wrongType(v)
	}
	if err := v.SetValue(t); err != nil {
		return fmt.Errorf("gsm: writing %q: %w", v.Path(), err)
	}
	return nil
}

// tensorOf rounds values to a tensor of the given shape. It returns nil if floats does not read the
// shape's dtype.
func tensorOf(values []float64, shape shapes.Shape) *tensors.Tensor {
	dims := shape.Dimensions
	switch shape.DType {
	case dtypes.Float32:
		return tensors.FromFlatDataAndDimensions(narrowed(values, func(x float64) float32 { return float32(x) }), dims...)
	case dtypes.Float64:
		return tensors.FromFlatDataAndDimensions(values, dims...)
	case dtypes.BFloat16:
		return tensors.FromFlatDataAndDimensions(narrowed(values, bfloat16.FromFloat64), dims...)
	case dtypes.Float16:
		return tensors.FromFlatDataAndDimensions(narrowed(values, func(x float64) float16.Float16 { return float16.FromFloat32(float32(x)) }), dims...)
	}
	return nil
}

func narrowed[T any](values []float64, narrow func(float64) T) []T {
	out := make([]T, len(values))
	for i, x := range values {
		out[i] = narrow(x)
	}
	return out
}

// masters returns the float32 copies of a variable in half precision that optimizers have left in
// the store, see weight.
func masters(store *model.Store, v *model.Variable) ([]*model.Variable, error) {
	if wide(v.DType()) == v.DType() {
		return nil, nil
	}
	record, err := readNetworks(store)
	if err != nil {
		return nil, err
	}
	var found []*model.Variable
	for _, name := range record.names() {
		if master := store.GetVariable(statePath(name, "master", v.Path())); master != nil && master.HasValue() {
			found = append(found, master)
		}
	}
	return found, nil
}

// trainedValues is floats, but for weights in half precision it returns the float32 values that
// were trained, where these round to the weights.
func trainedValues(store *model.Store, v *model.Variable) ([]float64, error) {
	values, err := floats(v)
	if err != nil {
		return nil, err
	}
	copies, err := masters(store, v)
	if err != nil || len(copies) == 0 {
		return values, err
	}
	exact, err := floats(copies[0])
	if err != nil || len(exact) != len(values) {
		return values, err
	}
	for i, x := range rounded(exact, v.DType()) {
		if math.Float64bits(x) == math.Float64bits(values[i]) {
			values[i] = exact[i]
		}
	}
	return values, nil
}

// rounded rounds values to half precision.
func rounded(values []float64, dtype dtypes.DType) []float64 {
	if dtype == dtypes.BFloat16 {
		return narrowed(values, func(x float64) float64 { return bfloat16.FromFloat64(x).Float64() })
	}
	return narrowed(values, func(x float64) float64 { return float64(float16.FromFloat32(float32(x)).Float32()) })
}
