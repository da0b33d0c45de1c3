package gsm

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// This file finds the Q-th greatest of N scores without sorting them. Non-negative floats are
// ordered like their bit patterns read as integers, so the search runs over integers: it keeps a
// bracket low < high with count(low) >= Q > count(high), where count(t) is the number of scores
// whose bits are at least t, and ends as soon as some count is exactly Q (any t between the Q-th
// and the next score gives the same mask) or the bracket cannot shrink (scores tie at the
// Q-th: low is its exact bit pattern, and all that tie stay active).
//
// It starts from the threshold of the last step. log(count) is close to linear in the bits, which
// are close to the logarithm of the score, so that interpolation needs few passes over the scores
// where bisection needs 31. That is the search for networks whose scores stay in the processor's cache; ladder.go has the one
// for more. docs/threshold.md has the measurements.

// lanes and chunk shape the counting, see countAtLeast; a layer of at least largeLayer weights is
// counted on its own.
const (
	lanes      = 8
	chunk      = 32
	largeLayer = 1 << 16
)

// joinLayers returns the scores of all layers as a few vectors: each large layer on its own, and all
// small ones joined. XLA:CPU joins slowly, a branch for each element, but counting in very many
// small vectors would be slow as well. Shapes: each [...] -> [M].
func joinLayers(layers []*graph.Node) []*graph.Node {
	var vectors, small []*graph.Node
	for _, l := range layers {
		n := l.Shape().Size()
		flat := graph.Reshape(l, n)
		if n >= largeLayer {
			vectors = append(vectors, flat)
		} else {
			small = append(small, flat)
		}
	}
	switch len(small) {
	case 0:
		return vectors
	case 1:
		return append(vectors, small[0])
	}
	return append(vectors, graph.Concatenate(small, 0))
}

// asBits reads non-negative floats as signed integers of the same size, in the same order. The
// sign bit is cleared, since a backend's Abs may leave -0, whose bits are the least of all.
func asBits(x *graph.Node) *graph.Node {
	dtype := dtypes.Int32
	if x.DType() == dtypes.Float64 {
		dtype = dtypes.Int64
	}
	return graph.BitwiseAnd(graph.Bitcast(x, dtype), graph.Const(x.Graph(), maxBits(dtype)))
}

// maxBits is larger than the bits of every number, infinity included.
func maxBits(dtype dtypes.DType) any {
	if dtype == dtypes.Int64 {
		return int64(math.MaxInt64)
	}
	return int32(math.MaxInt32)
}

// sumRows adds the rows of x [rows*M] read as rows of M. Written as elementwise sums of slices,
// XLA fuses it with what computes x into one vectorised loop; a reduction would be split by its
// tree rewriter into kernels that write everything to memory first, four times slower on the CPU.
func sumRows(x *graph.Node, rows int) *graph.Node { return foldRows(x, rows, graph.Add) }

func foldRows(x *graph.Node, rows int, fold func(a, b *graph.Node) *graph.Node) *graph.Node {
	m := x.Shape().Dim(0) / rows
	out := graph.Slice(x, graph.AxisRange(0, m))
	for r := 1; r < rows; r++ {
		out = fold(out, graph.Slice(x, graph.AxisRange(r*m, (r+1)*m)))
	}
	return out
}

// sumAll returns the sum of x [M] as a product with ones, which XLA turns into a reduction. As one it
// could not be written: go-xla 0.4.1 keeps one reduction function per type for a whole graph and
// refuses it in a second closure, be it another search or a loop of the user's model.
func sumAll(x *graph.Node) *graph.Node {
	one := constant(x.Graph(), x.DType(), 1)
	return graph.Dot(x, graph.BroadcastToDims(one, x.Shape().Dim(0))).Product()
}

// countAtLeast returns how many entries of the vectors xs are at least t, an int32 scalar.
func countAtLeast(xs []*graph.Node, t *graph.Node) *graph.Node {
	var total *graph.Node
	add := func(x *graph.Node, from, to int, sum func(ones *graph.Node) *graph.Node) {
		if from == to {
			return
		}
		part := graph.Slice(x, graph.AxisRange(from, to))
		n := sum(graph.ConvertDType(graph.GreaterOrEqual(part, t), dtypes.Int32))
		if total != nil {
			n = graph.Add(total, n)
		}
		total = n
	}
	for _, x := range xs {
		n := x.Shape().Size()
		even := n - n%(lanes*chunk)
		add(x, 0, even, func(ones *graph.Node) *graph.Node { return sumAll(sumRows(sumRows(ones, lanes), chunk)) })
		add(x, even, n, sumAll)
	}
	return total
}

// search is the outcome of kthGreatest.
type search struct {
	threshold *graph.Node // scalar bits t; entries with bits >= t are the q greatest and their ties
	passes    *graph.Node // int32 scalar: how often all scores were read
	sampled   *graph.Node // how often a sample of them was, and those picked out; nil where there was none
	among     *graph.Node
}

// kthGreatest finds a threshold for the q greatest of the scores of all layers, each [...], given as floats of at least 0
// or as their bits; q must be at least 1 and at most the number of scores. start, a scalar of the bits' dtype,
// is where the search begins: best the threshold of the last step, 0 if there is none.
func kthGreatest(layers []*graph.Node, q int, start *graph.Node) search {
	n := 0
	for _, l := range layers {
		n += l.Shape().Size()
	}
	xs := joinLayers(layers)
	if n >= manyScores {
		return searchMany(xs, n, q, start)
	}
	for i, x := range xs {
		xs[i] = scoreBits(x)
	}
	b := bracket{dtype: start.DType(), quota: q}
	s := b.loop(b.first(start.Graph(), start), func(t *graph.Node) *graph.Node { return countAtLeast(xs, t) })
	return search{threshold: s.low, passes: s.tries}
}

// scalarBits is the shape of one threshold for scores of the given dtype.
func scalarBits(score dtypes.DType) shapes.Shape {
	if score == dtypes.Float64 {
		return shapes.Make(dtypes.Int64)
	}
	return shapes.Make(dtypes.Int32)
}

// protected is how many of a layer's n weights a minimum density keeps.
func protected(density float64, n int) int { return int(math.Ceil(density * float64(n))) }

func tooDense(density float64, q int) error {
	return fmt.Errorf("gsm: %w: a minimum density of %g alone keeps more than Q %d weights: lower it or the compression", ErrCompression, density, q)
}

// protectLayers raises the greatest score bits of each layer, ceil(density*n) of its n weights and
// their ties, above every threshold, so that they are active and count towards q. Scores of zero
// are not raised: where most of a layer has none, as behind dead units, their tie would take all of
// q from the other layers.
func protectLayers(layers []*graph.Node, density float64, q int) {
	total := 0
	for i, l := range layers {
		k := protected(density, l.Shape().Size())
		total += k
		if total > q {
			panic(tooDense(density, q))
		}
		found := kthGreatest([]*graph.Node{l}, k, graph.ScalarZero(l.Graph(), l.DType()))
		top := graph.Const(l.Graph(), maxBits(l.DType()))
		least := graph.MaxScalar(found.threshold, 1)
		layers[i] = graph.Where(graph.GreaterOrEqual(l, least), top, l)
	}
}
