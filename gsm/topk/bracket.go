// The search with one threshold at a time: it narrows a bracket around the threshold by
// interpolation and bisection.

package topk

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// bracket builds the state transitions of the threshold search; see topk.go.
type bracket struct {
	dtype dtypes.DType // of score bits: Int32 or Int64
	quota int
}

// bracketState is one state of the search; all are scalars. Thresholds have the dtype of score
// bits, counts are int32.
type bracketState struct {
	low, high           *graph.Node // count(low) >= quota > count(high)
	lowCount, highCount *graph.Node // their counts; -1 where the end was never measured
	try                 *graph.Node // the threshold to count next
	// the threshold counted last and its count; the count is -1 at first
	last, lastCount *graph.Node
	tries           *graph.Node // int32: how often it counted
	done            *graph.Node // bool: low is the outcome
}

func (s *bracketState) fields(bits dtypes.DType) []field {
	scalar := func(dtype dtypes.DType) shapes.Shape { return shapes.Make(dtype) }
	return []field{
		{"low", scalar(bits), &s.low}, {"high", scalar(bits), &s.high},
		{"lowCount", scalar(dtypes.Int32), &s.lowCount}, {"highCount", scalar(dtypes.Int32), &s.highCount},
		{"try", scalar(bits), &s.try},
		{"last", scalar(bits), &s.last}, {"lastCount", scalar(dtypes.Int32), &s.lastCount},
		{"tries", scalar(dtypes.Int32), &s.tries}, {"done", scalar(dtypes.Bool), &s.done},
	}
}

// notMeasured is the count of an end of the bracket that no pass has looked at.
const notMeasured = -1

// first is the state before the first pass. Every score is at least 0 and below maxBits.
func (b bracket) first(g *graph.Graph, start *graph.Node) bracketState {
	high := graph.Const(g, maxBits(b.dtype))
	// Without a last threshold, begin at 1e-6, an ordinary score of a network in training.
	guess := graph.Const(g, int32(math.Float32bits(1e-6)))
	if b.dtype == dtypes.Int64 {
		guess = graph.Const(g, int64(math.Float64bits(1e-6)))
	}
	fresh := graph.LogicalOr(graph.LessThan(start, constant(g, b.dtype, 1)), graph.GreaterOrEqual(start, high))
	return bracketState{
		low: constant(g, b.dtype, 0), high: high,
		lowCount: graph.Const(g, int32(notMeasured)), highCount: graph.Const(g, int32(notMeasured)),
		try: graph.Where(fresh, guess, start), last: constant(g, b.dtype, 0), lastCount: graph.Const(g, int32(notMeasured)),
		tries: graph.Const(g, int32(0)), done: graph.Const(g, false),
	}
}

// loop counts and narrows the bracket until s.done. count gives how many scores are at least t.
func (b bracket) loop(s bracketState, count func(t *graph.Node) *graph.Node) bracketState {
	s, _ = while(b.dtype, s, nil,
		func(s bracketState) *graph.Node { return s.done },
		func(s bracketState, _ []*graph.Node) bracketState { return b.next(s, count(s.try)) })
	return s
}

// next takes in the count at s.try and chooses the next try.
func (b bracket) next(s bracketState, count *graph.Node) bracketState {
	g := count.Graph()
	integer := func(v int) *graph.Node { return graph.Const(g, int32(v)) }
	q := integer(b.quota)
	enough := graph.GreaterOrEqual(count, q)
	n := bracketState{
		low:       graph.Where(enough, s.try, s.low),
		lowCount:  graph.Where(enough, count, s.lowCount),
		high:      graph.Where(enough, s.high, s.try),
		highCount: graph.Where(enough, s.highCount, count),
		last:      s.try, lastCount: count,
		tries: graph.Add(s.tries, integer(1)),
	}
	one := constant(g, b.dtype, 1)
	width := graph.Sub(n.high, n.low)
	n.done = graph.LogicalOr(graph.Equal(count, q), graph.LessOrEqual(width, one))
	both := graph.GreaterThan(graph.Min(n.lowCount, n.highCount), integer(notMeasured))

	guess := graph.Where(both, b.interpolate(n, width), b.extrapolate(s, count))
	// From the ninth try on, every second one bisects. Interpolation cannot see ties, and no curve
	// of the count may stall the search.
	late := graph.LogicalAnd(graph.GreaterThan(n.tries, integer(8)), graph.Equal(graph.BitwiseAnd(n.tries, integer(1)), integer(1)))
	middle := graph.Add(n.low, graph.BitwiseShiftRightArithmetic(width, one))
	n.try = graph.Where(late, middle, guess)
	n.try = graph.Max(graph.Min(n.try, graph.Sub(n.high, one)), graph.Add(n.low, one))
	return n
}

// float is the dtype of guesses. They need not be exact: next keeps them inside the bracket.
func (b bracket) float() dtypes.DType {
	if b.dtype == dtypes.Int64 {
		return dtypes.Float64
	}
	return dtypes.Float32
}

// octave is how much the bits of a number rise when it doubles.
func (b bracket) octave() float64 {
	if b.dtype == dtypes.Int64 {
		return math.Exp2(52)
	}
	return math.Exp2(23)
}

// excess is count - quota as a float.
func (b bracket) excess(count *graph.Node) *graph.Node {
	return graph.ConvertDType(graph.Sub(count, graph.Const(count.Graph(), int32(b.quota))), b.float())
}

// logRatio is log((quota+1/2+excess)/(quota+1/2)), exact near 0, where it matters.
func (b bracket) logRatio(excess *graph.Node) *graph.Node {
	return graph.Log1p(graph.Div(excess, constant(excess.Graph(), b.float(), float64(b.quota)+0.5)))
}

// interpolate guesses where log(count) crosses log(quota), linearly between the ends. While many
// scores are between the ends, it aims past that point by the expected error, away from the nearer
// end. Then the farther end moves, and the bracket narrows on both sides.
func (b bracket) interpolate(s bracketState, width *graph.Node) *graph.Node {
	g := width.Graph()
	float := func(v float64) *graph.Node { return constant(g, b.float(), v) }
	above, below := b.excess(s.lowCount), b.excess(s.highCount)
	missing := graph.Neg(below)
	near := graph.Add(graph.Min(above, missing), float(0.5))
	// For scores that lie by chance, the error is the root of their number; the 2 % is for the
	// curve.
	margin := graph.Add(graph.Sqrt(near), graph.Mul(near, float(0.02)))
	margin = graph.Min(margin, graph.Mul(graph.Max(above, missing), float(0.5)))
	margin = graph.Where(graph.GreaterThan(above, missing), margin, graph.Neg(margin))
	margin = graph.Where(graph.LessOrEqual(graph.Add(above, missing), float(aimExactly)), float(0), margin)

	from, to := b.logRatio(above), b.logRatio(below)
	fraction := graph.Div(graph.Sub(from, b.logRatio(margin)), graph.Sub(from, to))
	step := graph.Mul(fraction, graph.ConvertDType(width, b.float()))
	return graph.Add(s.low, graph.ConvertDType(step, b.dtype))
}

// aimExactly is the number of scores between the ends below which a margin would not help.
const aimExactly = 32

// extrapolate continues from s.try, which has the given count, towards the quota and a little too
// far, so that it finds the other end of the bracket. It takes the slope from the try before, and
// at first a typical slope.
func (b bracket) extrapolate(s bracketState, count *graph.Node) *graph.Node {
	g := count.Graph()
	float := func(v float64) *graph.Node { return constant(g, b.float(), v) }
	octave := b.octave()
	here, before := b.logRatio(b.excess(count)), b.logRatio(b.excess(s.lastCount))
	moved := graph.ConvertDType(graph.Sub(s.try, s.last), b.float())
	slope := graph.Div(moved, graph.Sub(before, here)) // bits for each unit of log(count)
	slope = graph.Max(graph.Min(slope, float(4*octave)), float(octave/8))
	// Near the threshold of a trained network, counts fall about as the 1.5th power of the score.
	const typical, overshoot = 1.5, 1.3
	known := graph.LogicalAnd(graph.NotEqual(count, s.lastCount), graph.NotEqual(s.lastCount, graph.Const(g, int32(notMeasured))))
	slope = graph.Where(known, slope, float(octave/(typical*math.Ln2)))

	step := graph.Mul(here, graph.Mul(slope, float(overshoot)))
	// At most four octaves: beyond that the slope is no guide, and the sum could overflow.
	step = graph.Max(graph.Min(step, float(4*octave)), float(-4*octave))
	up := graph.GreaterThan(step, float(0))
	step = graph.Where(up, graph.Max(step, float(16)), graph.Min(step, float(-16)))
	return graph.Add(s.try, graph.ConvertDType(step, b.dtype))
}
