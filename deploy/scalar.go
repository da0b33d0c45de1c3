package deploy

// The elementwise operations on single numbers: for constants, and to recognize functions.

import (
	"math"

	net "gsmlab/infer/graph"
)

// scalarBinary are the operations of two numbers, in float64: the runtime computes in float32.
var scalarBinary = map[net.Op]func(a, b float64) float64{
	net.Add: func(a, b float64) float64 { return a + b }, net.Sub: func(a, b float64) float64 { return a - b },
	net.Mul: func(a, b float64) float64 { return a * b }, net.Div: func(a, b float64) float64 { return a / b },
	net.Max: func(a, b float64) float64 { return max(a, b) }, net.Min: func(a, b float64) float64 { return min(a, b) },
	net.Pow:   math.Pow,
	net.Equal: func(a, b float64) float64 { return truth(a == b) }, net.NotEqual: func(a, b float64) float64 { return truth(a != b) },
	net.Less: func(a, b float64) float64 { return truth(a < b) }, net.LessOrEqual: func(a, b float64) float64 { return truth(a <= b) },
	net.Greater: func(a, b float64) float64 { return truth(a > b) }, net.GreaterOrEqual: func(a, b float64) float64 { return truth(a >= b) },
	net.And: func(a, b float64) float64 { return truth(a != 0 && b != 0) }, net.Or: func(a, b float64) float64 { return truth(a != 0 || b != 0) },
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// scalar computes an elementwise operation on numbers; ok is false for others.
func scalar(op net.Op, alpha float32, in ...float64) (y float64, ok bool) {
	switch {
	case op == net.None:
		return in[0], true
	case op == net.Select:
		if in[0] != 0 {
			return in[1], true
		}
		return in[2], true
	case op.Unary() && op != net.Convert:
		return op.Of(in[0], float64(alpha)), true
	case scalarBinary[op] != nil:
		return scalarBinary[op](in[0], in[1]), true
	}
	return 0, false
}

var nan = float32(math.NaN())
