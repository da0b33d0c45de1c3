// The operations that a tape knows: those with parameters of their own.

package deploy

import (
	"reflect"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
)

type broadcastAttrs struct{ axes []int }

func (f *function) BroadcastInDim(x compute.Value, shape shapes.Shape, axes []int) (compute.Value, error) {
	shape, axes = shape.Clone(), slices.Clone(axes)
	return f.record(compute.OpTypeBroadcastInDim, broadcastAttrs{axes}, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.BroadcastInDim(in[0], shape, axes)
	}, x)
}

func (f *function) Reshape(x compute.Value, dims ...int) (compute.Value, error) {
	dims = slices.Clone(dims)
	return f.record(compute.OpTypeReshape, nil, func(g compute.Function, in []compute.Value) (compute.Value, error) { return g.Reshape(in[0], dims...) }, x)
}

func (f *function) Transpose(x compute.Value, permutation ...int) (compute.Value, error) {
	p := slices.Clone(permutation)
	return f.record(compute.OpTypeTranspose, axesAttrs{p}, func(g compute.Function, in []compute.Value) (compute.Value, error) { return g.Transpose(in[0], p...) }, x)
}

func (f *function) Reverse(x compute.Value, axes ...int) (compute.Value, error) {
	a := slices.Clone(axes)
	return f.record(compute.OpTypeReverse, axesAttrs{a}, func(g compute.Function, in []compute.Value) (compute.Value, error) { return g.Reverse(in[0], a...) }, x)
}

func (f *function) ConvertDType(x compute.Value, dtype dtypes.DType) (compute.Value, error) {
	return f.record(compute.OpTypeConvertDType, nil, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.ConvertDType(in[0], dtype)
	}, x)
}

func (f *function) Bitcast(x compute.Value, dtype dtypes.DType) (compute.Value, error) {
	return f.record(compute.OpTypeBitcast, nil, func(g compute.Function, in []compute.Value) (compute.Value, error) { return g.Bitcast(in[0], dtype) }, x)
}

func (f *function) ArgMinMax(x compute.Value, axis int, dtype dtypes.DType, isMin bool) (compute.Value, error) {
	return f.record(compute.OpTypeArgMinMax, nil, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.ArgMinMax(in[0], axis, dtype, isMin)
	}, x)
}

func (f *function) Iota(shape shapes.Shape, axis int) (compute.Value, error) {
	shape = shape.Clone()
	return f.record(compute.OpTypeIota, nil, func(g compute.Function, _ []compute.Value) (compute.Value, error) { return g.Iota(shape, axis) })
}

func (f *function) Clamp(low, x, high compute.Value) (compute.Value, error) {
	return f.record(compute.OpTypeClamp, nil, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.Clamp(in[0], in[1], in[2])
	}, low, x, high)
}

func (f *function) Where(condition, onTrue, onFalse compute.Value) (compute.Value, error) {
	return f.record(compute.OpTypeWhere, nil, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.Where(in[0], in[1], in[2])
	}, condition, onTrue, onFalse)
}

func (f *function) Concatenate(axis int, operands ...compute.Value) (compute.Value, error) {
	return f.record(compute.OpTypeConcatenate, axesAttrs{[]int{axis}}, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.Concatenate(axis, in...)
	}, operands...)
}

type sliceAttrs struct{ starts, limits, strides []int }

func (f *function) Slice(x compute.Value, starts, limits, strides []int) (compute.Value, error) {
	s := sliceAttrs{slices.Clone(starts), slices.Clone(limits), slices.Clone(strides)}
	if len(s.strides) == 0 {
		s.strides = slices.Repeat([]int{1}, len(starts))
	}
	return f.record(compute.OpTypeSlice, s, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.Slice(in[0], s.starts, s.limits, s.strides)
	}, x)
}

type padAttrs struct{ axes []compute.PadAxis }

func (f *function) Pad(x, fill compute.Value, axes ...compute.PadAxis) (compute.Value, error) {
	p := padAttrs{slices.Clone(axes)}
	return f.record(compute.OpTypePad, p, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.Pad(in[0], in[1], p.axes...)
	}, x, fill)
}

type gatherAttrs struct {
	indexVectorAxis                                 int
	offsetAxes, collapsedAxes, startMap, sliceSizes []int
}

func (f *function) Gather(x, indices compute.Value, indexVectorAxis int, offsetAxes, collapsedAxes, startMap, sliceSizes []int, sorted bool) (compute.Value, error) {
	a := gatherAttrs{indexVectorAxis, slices.Clone(offsetAxes), slices.Clone(collapsedAxes), slices.Clone(startMap), slices.Clone(sliceSizes)}
	return f.record(compute.OpTypeGather, a, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.Gather(in[0], in[1], a.indexVectorAxis, a.offsetAxes, a.collapsedAxes, a.startMap, a.sliceSizes, sorted)
	}, x, indices)
}

func (f *function) DynamicSlice(x compute.Value, starts []compute.Value, sizes []int) (compute.Value, error) {
	sizes = slices.Clone(sizes)
	return f.record(compute.OpTypeDynamicSlice, nil, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.DynamicSlice(in[0], in[1:], sizes)
	}, append([]compute.Value{x}, starts...)...)
}

func (f *function) DynamicUpdateSlice(x, update compute.Value, starts []compute.Value) (compute.Value, error) {
	return f.record(compute.OpTypeDynamicUpdateSlice, nil, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.DynamicUpdateSlice(in[0], in[1], in[2:])
	}, append([]compute.Value{x, update}, starts...)...)
}

type scatter func(f compute.Function, x, indices, updates compute.Value, vector int, window, inserted, axes []int, sorted, unique bool) (compute.Value, error)

func (f *function) scatter(op compute.OpType, method scatter, x, indices, updates compute.Value, vector int, window, inserted, axes []int, sorted, unique bool) (compute.Value, error) {
	window, inserted, axes = slices.Clone(window), slices.Clone(inserted), slices.Clone(axes)
	return f.record(op, nil, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return method(g, in[0], in[1], in[2], vector, window, inserted, axes, sorted, unique)
	}, x, indices, updates)
}

func (f *function) ScatterSum(x, indices, updates compute.Value, vector int, window, inserted, axes []int, sorted, unique bool) (compute.Value, error) {
	return f.scatter(compute.OpTypeScatterSum, compute.Function.ScatterSum, x, indices, updates, vector, window, inserted, axes, sorted, unique)
}

func (f *function) ScatterMax(x, indices, updates compute.Value, vector int, window, inserted, axes []int, sorted, unique bool) (compute.Value, error) {
	return f.scatter(compute.OpTypeScatterMax, compute.Function.ScatterMax, x, indices, updates, vector, window, inserted, axes, sorted, unique)
}

func (f *function) ScatterMin(x, indices, updates compute.Value, vector int, window, inserted, axes []int, sorted, unique bool) (compute.Value, error) {
	return f.scatter(compute.OpTypeScatterMin, compute.Function.ScatterMin, x, indices, updates, vector, window, inserted, axes, sorted, unique)
}

type dotAttrs struct{ aContract, aBatch, bContract, bBatch []int }

func (f *function) DotGeneral(a compute.Value, aContract, aBatch []int, b compute.Value, bContract, bBatch []int, config compute.DotGeneralConfig) (compute.Value, error) {
	d := dotAttrs{slices.Clone(aContract), slices.Clone(aBatch), slices.Clone(bContract), slices.Clone(bBatch)}
	return f.record(compute.OpTypeDotGeneral, d, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.DotGeneral(in[0], d.aContract, d.aBatch, in[1], d.bContract, d.bBatch, config)
	}, a, b)
}

type convAttrs struct {
	axes                                     compute.ConvolveAxesConfig
	strides, inputDilations, kernelDilations []int
	paddings                                 [][2]int
	groups, batchGroups                      int
}

func (f *function) ConvGeneral(x, kernel compute.Value, axes compute.ConvolveAxesConfig, strides []int, paddings [][2]int, inputDilations, kernelDilations []int, groups, batchGroups int) (compute.Value, error) {
	c := convAttrs{axes.Clone(), slices.Clone(strides), slices.Clone(inputDilations), slices.Clone(kernelDilations), slices.Clone(paddings), max(1, groups), max(1, batchGroups)}
	return f.record(compute.OpTypeConvGeneral, c, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.ConvGeneral(in[0], in[1], axes, strides, paddings, inputDilations, kernelDilations, groups, batchGroups)
	}, x, kernel)
}

type windowAttrs struct {
	reduce                                           compute.ReduceOpType
	window, strides, inputDilations, windowDilations []int
	paddings                                         [][2]int
}

func (f *function) ReduceWindow(x compute.Value, reduce compute.ReduceOpType, window, strides, inputDilations, windowDilations []int, paddings [][2]int) (compute.Value, error) {
	w := windowAttrs{reduce, slices.Clone(window), slices.Clone(strides), slices.Clone(inputDilations), slices.Clone(windowDilations), slices.Clone(paddings)}
	if len(w.strides) == 0 {
		w.strides = slices.Clone(w.window)
	}
	return f.record(compute.OpTypeReduceWindow, w, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.ReduceWindow(in[0], reduce, window, strides, inputDilations, windowDilations, paddings)
	}, x)
}

// BatchNormForInference is spelled out: so it folds into the layer before it.
func (f *function) BatchNormForInference(x, scale, offset, mean, variance compute.Value, epsilon float32, axis int) (compute.Value, error) {
	shape := x.(*value).shape
	wide := shape.Clone()
	for i := range wide.Dimensions {
		if i != axis {
			wide.Dimensions[i] = 1
		}
	}
	var failed error
	must := func(v compute.Value, err error) compute.Value {
		if failed == nil {
			failed = err
		}
		return v
	}
	step := func(method func(a, b compute.Value) (compute.Value, error), a, b compute.Value) compute.Value {
		if failed != nil {
			return a
		}
		return must(method(a, b))
	}
	epsilons := must(f.Constant(slices.Repeat([]float32{epsilon}, wide.Size()), wide.Dimensions...))
	if shape.DType != dtypes.Float32 {
		epsilons = must(f.ConvertDType(epsilons, shape.DType))
	}
	var four [4]compute.Value
	for i, v := range []compute.Value{scale, offset, mean, variance} {
		four[i] = must(f.Reshape(v, wide.Dimensions...))
	}
	if failed != nil {
		return nil, failed
	}
	deviation := must(f.Sqrt(step(f.Add, four[3], epsilons)))
	y := step(f.Div, step(f.Sub, x, four[2]), deviation)
	y = step(f.Add, step(f.Mul, y, four[0]), four[1])
	return y, failed
}

func (f *function) OptimizationBarrier(operands ...compute.Value) ([]compute.Value, error) {
	return operands, nil
}

func (f *function) SchedulingBarrier(x compute.Value, _ ...compute.Value) (compute.Value, error) {
	return x, nil
}

func (f *function) FusedSoftmax(x compute.Value, axis int) (compute.Value, error) {
	return f.record(compute.OpTypeFusedSoftmax, axesAttrs{[]int{axis}}, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.FusedSoftmax(in[0], axis)
	}, x)
}

type geluAttrs struct{ exact bool }

func (f *function) FusedGelu(x compute.Value, exact bool) (compute.Value, error) {
	return f.record(compute.OpTypeFusedGelu, geluAttrs{exact}, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.FusedGelu(in[0], exact)
	}, x)
}

// cloneFlat copies a slice of numbers.
func cloneFlat(flat any) (any, dtypes.DType) {
	v := reflect.ValueOf(flat)
	dtype := dtypes.FromGoType(v.Type().Elem())
	kept := dtypes.MakeAnySlice(dtype, v.Len())
	dtypes.CopyAnySlice(kept, flat)
	return kept, dtype
}
