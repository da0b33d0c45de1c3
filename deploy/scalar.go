package deploy

// The elementwise operations on single numbers: for constants, and to recognize functions.

import (
	"math"

	net "gsmlab/infer/graph"
)

// scalarUnary are the operations of one number.
var scalarUnary = map[net.Op]func(x float64) float64{
	net.Relu:    func(x float64) float64 { return max(x, 0) },
	net.Sigmoid: func(x float64) float64 { return 1 / (1 + math.Exp(-x)) },
	net.Tanh:    math.Tanh, net.Exp: math.Exp, net.Expm1: math.Expm1, net.Log: math.Log, net.Log1p: math.Log1p, net.Erf: math.Erf,
	net.Abs: math.Abs, net.Sqrt: math.Sqrt, net.Floor: math.Floor, net.Ceil: math.Ceil, net.Round: math.RoundToEven,
	net.Sin: math.Sin, net.Cos: math.Cos,
	net.Neg:   func(x float64) float64 { return -x },
	net.Rsqrt: func(x float64) float64 { return 1 / math.Sqrt(x) },
	net.Gelu:  func(x float64) float64 { return x * (1 + math.Erf(x/math.Sqrt2)) / 2 },
	net.GeluTanh: func(x float64) float64 {
		return x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x))) / 2
	},
	net.Swish: func(x float64) float64 { return x / (1 + math.Exp(-x)) },
	net.Sign: func(x float64) float64 {
		switch {
		case x > 0:
			return 1
		case x < 0:
			return -1
		}
		return x
	},
	net.Not: func(x float64) float64 { return truth(x == 0) },
}

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
	case op == net.LeakyRelu:
		if in[0] > 0 {
			return in[0], true
		}
		return float64(alpha) * in[0], true
	case op == net.Elu:
		if in[0] > 0 {
			return in[0], true
		}
		return float64(alpha) * math.Expm1(in[0]), true
	case op == net.Select:
		if in[0] != 0 {
			return in[1], true
		}
		return in[2], true
	case scalarUnary[op] != nil:
		return scalarUnary[op](in[0]), true
	case scalarBinary[op] != nil:
		return scalarBinary[op](in[0], in[1]), true
	}
	return 0, false
}

var nan = float32(math.NaN())
