// Package kernel holds the few inner loops in which a network spends its time: in portable Go, and
// in assembly for processors with AVX2 or AVX-512. The best that the processor has is chosen when
// the program starts.
//
// All of them work on vectors of Width values. Buffers have at least Width-1 values of room behind
// what is named, which may be read, and written only up to the next multiple of Width.
package kernel

// Width is the number of values of the vectors: lengths are multiples of it.
const Width = 8

// Up is n rounded up to whole vectors.
func Up(n int) int { return (n + Width - 1) / Width * Width }

// A Set is one implementation of the kernels.
type Set struct {
	Name string

	// Rows computes rows of a sparse matrix by a dense one. Row r has the values
	// vals[ptr[r]:ptr[r+1]], and each reads a stretch of in:
	//
	//	out[r*stride+j] = max(low, bias[r] + sum over k of vals[k] * in[offs[k]*scale+j])
	//
	// for all j below width, a multiple of Width.
	Rows func(out []float32, stride int, in []float32, ptr, offs []int32, vals, bias []float32, low float32, width, scale int)

	// Panels is Rows for a matrix whose rows all read the same stretches of in. Its values stand in
	// panels of Tall rows, for each stretch the panel's values side by side:
	//
	//	out[r*stride+j] = max(low, bias[r] + sum over k of panels[(r/Tall*len(offs)+k)*Tall+r%Tall] * in[offs[k]*scale+j])
	//
	// for r below rows. bias has room for whole panels.
	Panels func(out []float32, stride int, in []float32, offs []int32, panels, bias []float32, low float32, rows, width, scale int)

	// Columns adds columns of a sparse matrix: for each input i with a value x[i] other than zero,
	// out[index[k]] += vals[k]*x[i] for k from ptr[i] to ptr[i+1].
	// Columns are padded to whole fours of values, and ptr to whole vectors.
	Columns func(out, x []float32, ptr []int32, index []uint16, vals []float32)

	// Spread transposes: out[i*lanes+k] = in[k*stride+i] for i below size and k below images. Other
	// lanes get any of these values.
	Spread func(out, in []float32, size, stride, images, lanes int)

	// Add is out = max(low, a+b).
	Add func(out, a, b []float32, low float32)

	// Max4 is a pool of two by two of a plane with lanes, a multiple of Width: rows of n pixels.
	//
	//	out[y*outPitch+x*lanes+l] = the greatest of in[(2*y+i)*pitch+(2*x+j)*lanes+l] over i and j of 0 and 1
	Max4 func(out []float32, outPitch int, in []float32, pitch, rows, n, lanes int)

	// Halve is Max4 of one lane. Whole vectors are written behind the end of each row.
	Halve func(out []float32, outPitch int, in []float32, pitch, rows, n int)

	// Dots multiplies a sparse matrix by a vector, in rows of any order: row rows[r] has the next
	// lengths[r] of the values.
	//
	//	out[rows[r]] = max(low, bias[rows[r]] + sum of vals[k] * x[index[k]])
	Dots func(out, x []float32, rows, lengths []int32, index []uint16, vals, bias []float32, low float32)
}

// Tall is the number of rows of a panel.
const Tall = 6

// Portable is in plain Go, for every processor.
var Portable = &Set{"portable", rows, panels, columns, spread, add, max4, halve, dots}

// Best is the best set for this processor.
var Best = best()

// Sets are all that this processor can run, the best one last.
func Sets() []*Set { return append([]*Set{Portable}, vectorSets()...) }

func best() *Set {
	sets := Sets()
	return sets[len(sets)-1]
}
