package weights

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/dtypes/bfloat16"
	"github.com/gomlx/compute/dtypes/float16"
)

// goTypes are the types that files and stores share.
var goTypes = map[string]dtypes.DType{
	"BOOL": dtypes.Bool, "U8": dtypes.Uint8, "I8": dtypes.Int8, "U16": dtypes.Uint16, "I16": dtypes.Int16,
	"U32": dtypes.Uint32, "I32": dtypes.Int32, "U64": dtypes.Uint64, "I64": dtypes.Int64,
	"F16": dtypes.Float16, "BF16": dtypes.BFloat16, "F32": dtypes.Float32, "F64": dtypes.Float64, "C64": dtypes.Complex64,
}

// typeName is the inverse of goTypes; "" for types that such files lack.
func typeName(t dtypes.DType) string {
	for name, d := range goTypes {
		if d == t {
			return name
		}
	}
	return ""
}

func isFloat(dtype string) bool {
	return dtype == "F32" || dtype == "F16" || dtype == "BF16" || dtype == "F64"
}

// at reads float i of data.
func at(dtype string, data []byte, i int) float64 {
	switch dtype {
	case "F32":
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:])))
	case "F64":
		return math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:]))
	case "F16":
		return float16.Float16(binary.LittleEndian.Uint16(data[2*i:])).Float64()
	}
	return bfloat16.BFloat16(binary.LittleEndian.Uint16(data[2*i:])).Float64() // BF16
}

// appendFloat writes x, rounded to the nearest number of the type.
func appendFloat(data []byte, dtype string, x float64) []byte {
	switch dtype {
	case "F32":
		return binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(x)))
	case "F64":
		return binary.LittleEndian.AppendUint64(data, math.Float64bits(x))
	case "F16":
		return binary.LittleEndian.AppendUint16(data, half(x))
	}
	return binary.LittleEndian.AppendUint16(data, uint16(bfloat16.FromFloat32(float32(x)))) // BF16
}

// half is x as a float16. GoMLX's own conversion turns subnormal numbers into zeros.
func half(x float64) uint16 {
	sign := uint16(math.Float64bits(x) >> 48 & 0x8000)
	if x = math.Abs(x); x == 0 {
		return sign
	}
	_, exp := math.Frexp(x) // x is less than 2^exp
	unit := max(exp-11, -24)
	n := math.RoundToEven(math.Ldexp(x, -unit)) // at most 2^11 units
	if unit == -24 {
		return sign | uint16(n) // a carry makes the smallest normal number
	}
	// n has the implicit leading bit, which adds one to the exponent
	bits := uint32(unit+24)<<10 + uint32(n)
	if math.IsInf(x, 0) || math.IsNaN(x) || bits >= 0x7c00 {
		return sign | 0x7c00
	}
	return sign | uint16(bits)
}

// finite is an error if one of the floats is infinite or not a number.
func finite(dtype string, data []byte) error {
	if !isFloat(dtype) {
		return nil
	}
	for i := range len(data) * 8 / bits[dtype] {
		if x := at(dtype, data, i); math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("value %d is %g: the training that made it diverged", i, x)
		}
	}
	return nil
}

// convert changes the type of numbers. Floats are rounded, but not to infinity; whole numbers must
// fit.
func convert(data []byte, from, to string) ([]byte, error) {
	if err := finite(from, data); err != nil || from == to {
		return data, err
	}
	if isFloat(from) && isFloat(to) {
		n := len(data) * 8 / bits[from]
		out := make([]byte, 0, n*bits[to]/8)
		for i := range n {
			x := at(from, data, i)
			out = appendFloat(out, to, x)
			if math.IsInf(at(to, out, i), 0) {
				return nil, fmt.Errorf("value %d is %g, too large for %s", i, x, to)
			}
		}
		return out, nil
	}
	if isInt(from) && isInt(to) {
		return convertInts(data, from, to)
	}
	return nil, fmt.Errorf("numbers of type %s cannot become %s", from, to)
}

func isInt(dtype string) bool {
	return dtype != "" && (dtype[0] == 'I' || dtype[0] == 'U') && bits[dtype] > 0
}

func convertInts(data []byte, from, to string) ([]byte, error) {
	size, wide := bits[from]/8, bits[to]/8
	var out []byte
	for i := 0; i < len(data); i += size {
		var word [8]byte
		copy(word[:], data[i:i+size])
		negative := from[0] == 'I' && data[i+size-1]&0x80 != 0
		for k := size; negative && k < 8; k++ {
			word[k] = 0xff
		}
		fill := byte(0)
		if negative {
			fill = 0xff
		}
		fits := !negative || to[0] == 'I'
		for _, b := range word[wide:] {
			fits = fits && b == fill
		}
		if to[0] == 'I' && (word[wide-1]&0x80 != 0) != negative {
			fits = false
		}
		if !fits {
			return nil, fmt.Errorf("value %d does not fit the type %s", i/size, to)
		}
		out = append(out, word[:wide]...)
	}
	return out, nil
}
