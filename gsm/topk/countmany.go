// Counting at several thresholds in one pass over the scores.

package topk

import (
	"math"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
)

// thresholds is how many thresholds countEach uses in one pass.
const thresholds = 8

// countEach sums in stages, so that many counts fit into one number and all scores are read once.
// Nibbles hold the 8 counts of nibbleRows scores, bytes those of byteRows of them, and 16 bits
// those of up to 273 of those.
const (
	nibbleRows = 15
	byteRows   = 16
)

// wideRows says by how many rows of bytes n scores are folded.
func wideRows(n int) int {
	switch {
	case n >= 1<<20:
		return 64
	case n >= 1<<13:
		return 8
	}
	return 1
}

// countEach returns, for each of the ascending thresholds ts, how many scores of the vectors xs are
// at least that: int32 [thresholds]. zero is for sliceAt.
//
// An XLA loop has one result, so XLA would read all scores once for each count. Therefore one loop
// writes all counts of some scores into one number. Slices come first: what comes before a slice is
// either written to memory (if it is expensive) or repeated in each loop that slices it.
func countEach(xs []*graph.Node, ts, zero *graph.Node) *graph.Node {
	scalars := make([]*graph.Node, thresholds)
	for j := range scalars {
		scalars[j] = element(ts, j)
	}
	var total *graph.Node
	add := func(n *graph.Node) {
		if total != nil {
			n = graph.Add(total, n)
		}
		total = n
	}
	var rest []*graph.Node
	for _, x := range xs {
		n := x.Shape().Size()
		x = graph.Reshape(x, n)
		wide := wideRows(n)
		even := n - n%(rowsOf(x, ts)*byteRows*wide)
		if even > 0 {
			add(countBlocks(x, even, wide, scalars, zero))
		}
		if even < n {
			rest = append(rest, unpack(graph.Slice(x, graph.AxisRange(even, n)), ts)...)
		}
	}
	if len(rest) == 0 {
		return total
	}
	x := rest[0]
	if len(rest) > 1 {
		x = graph.Concatenate(rest, 0)
	}
	n := x.Shape().Dim(0)
	even := n - n%(nibbleRows*byteRows)
	if even > 0 {
		add(countBlocks(x, even, 1, scalars, zero))
	}
	if even < n {
		x = graph.Slice(x, graph.AxisRange(even, n))
		ones := make([]*graph.Node, thresholds)
		for j, t := range scalars {
			ones[j] = graph.ConvertDType(graph.GreaterOrEqual(x, t), dtypes.Int32)
		}
		add(sumLast(graph.Stack(ones, 0)))
	}
	return total
}

// rowsOf says in how many rows countBlocks reads x.
func rowsOf(x, ts *graph.Node) int {
	if packed(x, ts) {
		return nibbleRows / 2
	}
	return nibbleRows
}

// packed tells whether each entry of x holds the bits of two scores, see pick.
func packed(x, ts *graph.Node) bool {
	return x.DType() == dtypes.Int64 && ts.DType() == dtypes.Int32
}

// unpack returns the score bits of x, for thresholds ts: one vector or two.
func unpack(x, ts *graph.Node) []*graph.Node {
	if !packed(x, ts) {
		return []*graph.Node{scoreBits(x)}
	}
	c := func(v int64) *graph.Node { return graph.Const(x.Graph(), v) }
	return []*graph.Node{
		graph.ConvertDType(graph.BitwiseShiftRightLogical(x, c(32)), dtypes.Int32),
		graph.ConvertDType(graph.BitwiseAnd(x, c(math.MaxInt32)), dtypes.Int32),
	}
}

// countBlocks is countEach for the first n entries of x, a multiple of rowsOf(x, t)*byteRows*wide.
func countBlocks(x *graph.Node, n, wide int, ts []*graph.Node, zero *graph.Node) *graph.Node {
	g := x.Graph()
	c := func(v int) *graph.Node { return graph.Const(g, int32(v)) }
	rows := rowsOf(x, ts[0])
	m := n / rows
	var nibbles *graph.Node
	for r := range rows {
		for _, part := range unpack(sliceAt(x, zero, r*m, m), ts[0]) {
			ones := graph.BroadcastToDims(c(0), m)
			step := uint32(0)
			for j, t := range ts {
				step |= 1 << (4 * j)
				ones = graph.Where(graph.GreaterOrEqual(part, t), c(int(int32(step))), ones)
			}
			if nibbles != nil {
				ones = graph.Add(nibbles, ones)
			}
			nibbles = ones
		}
	}
	// Every second nibble, then every second byte of those: thresholds 0, 4 | 2, 6 | 1, 5 | 3, 7.
	var parts []*graph.Node
	for nibble := range 2 {
		bytes := foldMasked(nibbles, byteRows, 4*nibble, 0x0f0f0f0f)
		for b := range 2 {
			parts = append(parts, foldMasked(bytes, wide, 8*b, 0x00ff00ff))
		}
	}
	halves := graph.Stack(parts, 0)
	low := graph.BitwiseAnd(halves, c(0xffff))
	high := graph.BitwiseShiftRightLogical(halves, c(16))
	sums := sumLast(graph.Reshape(graph.Stack([]*graph.Node{low, high}, 0), thresholds, -1))
	order := make([]*graph.Node, thresholds)
	for j, from := range []int{0, 2, 1, 3, 4, 6, 5, 7} {
		order[j] = graph.Slice(sums, graph.AxisRange(from, from+1))
	}
	return graph.Concatenate(order, 0)
}

// sliceAt returns m entries of x, from the given index on. zero is a 0 that the compiler does not
// know. XLA would move slices at constant places out of a loop, together with the work on each
// slice, which copies all scores to memory.
func sliceAt(x, zero *graph.Node, from, m int) *graph.Node {
	if !x.Graph().Backend().Capabilities().Operations[compute.OpTypeDynamicSlice] {
		return graph.Slice(x, graph.AxisRange(from, from+m))
	}
	return graph.DynamicSlice(x, []*graph.Node{graph.Add(zero, graph.Const(x.Graph(), int32(from)))}, []int{m})
}

// foldMasked adds the rows of (x >> shift) & mask.
func foldMasked(x *graph.Node, rows, shift, mask int) *graph.Node {
	g := x.Graph()
	m := x.Shape().Dim(0) / rows
	var sum *graph.Node
	for r := range rows {
		part := graph.Slice(x, graph.AxisRange(r*m, (r+1)*m))
		if shift > 0 {
			part = graph.BitwiseShiftRightLogical(part, graph.Const(g, int32(shift)))
		}
		part = graph.BitwiseAnd(part, graph.Const(g, int32(mask)))
		if r > 0 {
			part = graph.Add(sum, part)
		}
		sum = part
	}
	return sum
}

// sumLast sums x [A, B] over its last axis, as sumAll does.
func sumLast(x *graph.Node) *graph.Node {
	return graph.Dot(x, graph.BroadcastToDims(constant(x.Graph(), x.DType(), 1), x.Shape().Dim(1))).Product()
}

// element is entry i of the vector x, a scalar.
func element(x *graph.Node, i int) *graph.Node {
	return graph.Reshape(graph.Slice(x, graph.AxisRange(i, i+1)))
}
