// Arithmetic and comparisons of look-ups, by reflection, as Go defines them.

package rt

import (
	"cmp"
	"reflect"

	"gsmlab/kernel/engine/wire"
)

// unary computes op v.
func unary(op string, v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	switch {
	case op == "!":
		out.SetBool(!v.Bool())
	case op == "+":
		out.Set(v)
	case op == "^" && v.CanInt():
		out.SetInt(^v.Int())
	case op == "^":
		out.SetUint(^v.Uint())
	case v.CanInt():
		out.SetInt(-v.Int())
	case v.CanUint():
		out.SetUint(-v.Uint())
	default:
		out.SetFloat(-v.Float())
	}
	return out
}

// binary evaluates both sides, a constant with the type of the other, and combines them.
func (l looker) binary(x *wire.Expr) reflect.Value {
	left, right := x.Args[0], x.Args[1]
	var a, b reflect.Value
	if left.Op == wire.OpConst || left.Op == wire.OpNil {
		b = l.value(right, nil)
		a = l.value(left, b.Type())
	} else {
		a = l.value(left, nil)
		if a.Kind() == reflect.Bool && (x.Name == "&&" && !a.Bool() || x.Name == "||" && a.Bool()) {
			return a
		}
		b = l.value(right, a.Type())
	}
	switch x.Name {
	case "&&", "||":
		return b
	case "==", "!=":
		return reflect.ValueOf(equal(left, right, a, b) == (x.Name == "=="))
	case "<", "<=", ">", ">=":
		return reflect.ValueOf(ordered(x.Name, a, b))
	case "<<", ">>":
		return shift(x.Name, a, b)
	}
	out := reflect.New(a.Type()).Elem()
	switch {
	case a.Kind() == reflect.String:
		out.SetString(a.String() + b.String())
	case a.CanInt(): // Set cuts the result to the size of the type
		out.SetInt(integer(x.Name, a.Int(), b.Int()))
	case a.CanUint():
		out.SetUint(integer(x.Name, a.Uint(), b.Uint()))
	default: // float32: rounding twice is exact for these four operations
		out.SetFloat(float(x.Name, a.Float(), b.Float()))
	}
	return out
}

func equal(left, right *wire.Expr, a, b reflect.Value) bool {
	if right.Op == wire.OpNil {
		return a.IsNil()
	}
	if left.Op == wire.OpNil {
		return b.IsNil()
	}
	return a.Interface() == b.Interface()
}

func ordered(op string, a, b reflect.Value) bool {
	switch {
	case a.Kind() == reflect.String:
		return compare(op, a.String(), b.String())
	case a.CanInt():
		return compare(op, a.Int(), b.Int())
	case a.CanUint():
		return compare(op, a.Uint(), b.Uint())
	}
	return compare(op, a.Float(), b.Float())
}

func compare[T cmp.Ordered](op string, a, b T) bool {
	switch op {
	case "<":
		return a < b
	case "<=":
		return a <= b
	case ">":
		return a > b
	}
	return a >= b
}

func integer[T int64 | uint64](op string, a, b T) T {
	switch op {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	case "/":
		return a / b
	case "%":
		return a % b
	case "&":
		return a & b
	case "|":
		return a | b
	case "^":
		return a ^ b
	}
	return a &^ b
}

func float(op string, a, b float64) float64 {
	switch op {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	}
	return a / b
}

func shift(op string, a, b reflect.Value) reflect.Value {
	out := reflect.New(a.Type()).Elem()
	switch {
	case a.CanInt() && b.CanInt(): // a negative count panics here as in compiled code
		out.SetInt(shifted(op, a.Int(), b.Int()))
	case a.CanInt():
		out.SetInt(shifted(op, a.Int(), b.Uint()))
	case b.CanInt():
		out.SetUint(shifted(op, a.Uint(), b.Int()))
	default:
		out.SetUint(shifted(op, a.Uint(), b.Uint()))
	}
	return out
}

func shifted[T, N int64 | uint64](op string, a T, n N) T {
	if op == "<<" {
		return a << n
	}
	return a >> n
}
