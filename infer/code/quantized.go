package code

import "slices"

// Quantized returns the weights as a file that is written with this precision holds them.
func Quantized(weights []float32, p Precision) []float32 {
	out := slices.Clone(weights)
	if p.Entries > 0 {
		quantize(out, p)
	}
	return out
}
