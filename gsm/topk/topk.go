// Package topk finds the Q-th greatest of N numbers in a GoMLX graph, without a sort.
//
// Greatest is the search; Found says which numbers are among the Q greatest. Raise, CountTrue and
// Least reuse its counting.
//
// Non-negative floats are ordered like their bit patterns read as integers, so the search runs over
// integers: it keeps a bracket low < high with count(low) >= Q > count(high), where count(t) is the
// number of scores whose bits are at least t. It ends as soon as some count is exactly Q (any t
// between the Q-th and the next score gives the same mask) or the bracket cannot shrink (scores tie
// at the Q-th: low is its exact bit pattern, and all that tie stay among the greatest).
//
// It starts from the threshold of the last step. log(count) is close to linear in the bits, which
// are close to the logarithm of the score. So interpolation needs a few passes over the scores
// where bisection needs 31. bracket.go has this search, for scores that fit in the processor's
// cache; ladder.go has one for more scores. docs/threshold.md has the measurements.
package topk

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// Found is the outcome of a search.
type Found struct {
	// Threshold is a scalar of bits with the shape StartShape. The next search may start from it.
	Threshold *graph.Node
	// Passes is an int32 scalar: how often all scores were read.
	Passes *graph.Node

	sampled *graph.Node // how often a sample of them was read; nil without a sample
	among   *graph.Node // how often the scores picked out of them were read; nil if none were
}

// Among tells which entries of x are among the q greatest or tie with the last of them. x holds
// floats or bits that were searched. Shapes: x [...] -> bool [...].
func (f Found) Among(x *graph.Node) *graph.Node {
	return graph.GreaterOrEqual(scoreBits(x), f.Threshold)
}

// Greatest finds the threshold of the q greatest of the scores of all layers together. The layers,
// each [...], are floats of one type, at least 0, or results of Raise. q is at least 1 and at most
// the number of scores. The search begins at start, a scalar of the shape StartShape. The threshold
// of the last step is best; 0 if there is none.
func Greatest(layers []*graph.Node, q int, start *graph.Node) Found {
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
	return Found{Threshold: s.low, Passes: s.tries}
}

// StartShape is the shape of a threshold for scores of the given type, float32 or float64.
func StartShape(score dtypes.DType) shapes.Shape {
	if score == dtypes.Float64 {
		return shapes.Make(dtypes.Int64)
	}
	return shapes.Make(dtypes.Int32)
}

// Raise returns the bits of x with the k greatest and their ties raised above every threshold, so
// that a later search finds them first. Zeros are not raised: if x has few other values, the tie of
// zeros would raise all of x. x [...] are floats of at least 0; k is at least 1 and at most their
// number.
func Raise(x *graph.Node, k int) *graph.Node {
	x = asBits(x)
	found := Greatest([]*graph.Node{x}, k, graph.ScalarZero(x.Graph(), x.DType()))
	top := graph.Const(x.Graph(), maxBits(x.DType()))
	least := graph.MaxScalar(found.Threshold, 1)
	return graph.Where(graph.GreaterOrEqual(x, least), top, x)
}

// largeLayer is the number of scores from which a layer is counted on its own.
const largeLayer = 1 << 16

// joinLayers returns the scores of all layers as a few vectors: each large layer on its own, and
// all small ones joined. XLA:CPU joins slowly, with a branch for each element, but counting in very
// many small vectors would be slow too. Shapes: each [...] -> [M].
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

// asBits reads non-negative floats as signed integers of the same size, in the same order. It
// clears the sign bit, because a backend's Abs may leave -0, whose bits are the least of all.
func asBits(x *graph.Node) *graph.Node {
	dtype := dtypes.Int32
	if x.DType() == dtypes.Float64 {
		dtype = dtypes.Int64
	}
	return graph.BitwiseAnd(graph.Bitcast(x, dtype), graph.Const(x.Graph(), maxBits(dtype)))
}

// scoreBits are the bits of scores, which may be bits already.
func scoreBits(x *graph.Node) *graph.Node {
	if x.DType().IsFloat() {
		return asBits(x)
	}
	return x
}

// maxBits is larger than the bits of every number, infinity included.
func maxBits(dtype dtypes.DType) any {
	if dtype == dtypes.Int64 {
		return int64(math.MaxInt64)
	}
	return int32(math.MaxInt32)
}

// constant makes a scalar that belongs to the closure being built. GoMLX's *Scalar operations keep
// one node per graph and value, which a closure must not share with the code around it.
func constant(g *graph.Graph, dtype dtypes.DType, value any) *graph.Node {
	return graph.Const(g, shapes.CastAsDType(value, dtype))
}
