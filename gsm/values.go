package gsm

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
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
		return widen[float32](v, value)
	case dtypes.Float64:
		return widen[float64](v, value)
	}
	return nil, fmt.Errorf("gsm: %q has dtype %s: only float32 and float64 weights can be cut", v.Path(), v.DType())
}

func widen[T float32 | float64](v *model.Variable, value *tensors.Tensor) ([]float64, error) {
	var out []float64
	err := tensors.ConstFlatData(value, func(flat []T) {
		out = make([]float64, len(flat))
		for i, x := range flat {
			out[i] = float64(x)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("gsm: reading %q: %w", v.Path(), err)
	}
	return out, nil
}

// setFloats replaces the values of a variable, keeping its dtype and shape.
func setFloats(v *model.Variable, values []float64) error {
	dims := v.Shape().Dimensions
	var t *tensors.Tensor
	switch v.DType() {
	case dtypes.Float32:
		narrow := make([]float32, len(values))
		for i, x := range values {
			narrow[i] = float32(x)
		}
		t = tensors.FromFlatDataAndDimensions(narrow, dims...)
	case dtypes.Float64:
		t = tensors.FromFlatDataAndDimensions(values, dims...)
	default:
		return fmt.Errorf("gsm: %q has dtype %s: only float32 and float64 weights can be cut", v.Path(), v.DType())
	}
	if err := v.SetValue(t); err != nil {
		return fmt.Errorf("gsm: writing %q: %w", v.Path(), err)
	}
	return nil
}
