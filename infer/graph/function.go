package graph

import "math"

// Of computes a unary operation on one number. alpha is the node's Alpha, which LeakyRelu and Elu
// read. None, and Convert, whose type the node says, return x.
func (o Op) Of(x, alpha float64) float64 {
	switch o {
	case Relu:
		return max(x, 0)
	case LeakyRelu:
		if x < 0 {
			return alpha * x
		}
		return x
	case Elu:
		if x < 0 {
			return alpha * math.Expm1(x)
		}
		return x
	case Sigmoid:
		return 1 / (1 + math.Exp(-x))
	case Tanh:
		return math.Tanh(x)
	case Gelu:
		return x * (1 + math.Erf(x/math.Sqrt2)) / 2
	case GeluTanh:
		return x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x))) / 2
	case Swish:
		return x / (1 + math.Exp(-x))
	case Exp:
		return math.Exp(x)
	case Expm1:
		return math.Expm1(x)
	case Log:
		return math.Log(x)
	case Log1p:
		return math.Log1p(x)
	case Erf:
		return math.Erf(x)
	case Sqrt:
		return math.Sqrt(x)
	case Rsqrt:
		return 1 / math.Sqrt(x)
	case Sin:
		return math.Sin(x)
	case Cos:
		return math.Cos(x)
	}
	return o.step(x)
}

// step is Of for the operations that are linear between jumps.
func (o Op) step(x float64) float64 {
	switch o {
	case Neg:
		return -x
	case Abs:
		return math.Abs(x)
	case Sign:
		switch {
		case x > 0:
			return 1
		case x < 0:
			return -1
		}
		return x
	case Floor:
		return math.Floor(x)
	case Ceil:
		return math.Ceil(x)
	case Round:
		return math.RoundToEven(x)
	case Not:
		return 1 - x
	}
	return x
}
