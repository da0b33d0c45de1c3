package gsm

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// bracket builds the state transitions of the threshold search; see threshold.go.
type bracket struct {
	dtype dtypes.DType // of score bits: Int32 or Int64
	quota int
}

// bracketState is one state of the search; all are scalars. Thresholds have the dtype of score bits, counts
// are int32.
type bracketState struct {
	low, high           *graph.Node // count(low) >= quota > count(high)
	lowCount, highCount *graph.Node // their counts; -1 where the end was never measured
	try                 *graph.Node // the threshold to count next
	passes              *graph.Node // int32
	done                *graph.Node // bool
}

func (s bracketState) nodes() []*graph.Node {
	return []*graph.Node{s.low, s.high, s.lowCount, s.highCount, s.try, s.passes, s.done}
}

func (b bracket) fromNodes(n []*graph.Node) bracketState {
	return bracketState{low: n[0], high: n[1], lowCount: n[2], highCount: n[3], try: n[4], passes: n[5], done: n[6]}
}

// parameters declares the state as the parameters of a While closure.
func (b bracket) parameters(g *graph.Graph) bracketState {
	names := []string{"low", "high", "lowCount", "highCount", "try", "passes", "done"}
	types := []dtypes.DType{b.dtype, b.dtype, dtypes.Int32, dtypes.Int32, b.dtype, dtypes.Int32, dtypes.Bool}
	nodes := make([]*graph.Node, len(names))
	for i, name := range names {
		nodes[i] = graph.Parameter(g, name, shapes.Make(types[i]))
	}
	return b.fromNodes(nodes)
}

// constant makes a scalar that belongs to the closure being built. GoMLX's *Scalar operations keep
// one node per graph and value, which a closure must not share with the code around it.
func constant(g *graph.Graph, dtype dtypes.DType, value any) *graph.Node {
	return graph.Const(g, shapes.CastAsDType(value, dtype))
}

// notMeasured is the count of an end of the bracket that no pass has looked at.
const notMeasured = -1

// first is the state before the first pass. Every score is at least 0 and below maxBits.
func (b bracket) first(g *graph.Graph, start *graph.Node) bracketState {
	high := graph.Const(g, maxBits(b.dtype))
	// Without a last threshold begin at 1e-6, an ordinary score of a network in training.
	guess := graph.Const(g, int32(math.Float32bits(1e-6)))
	if b.dtype == dtypes.Int64 {
		guess = graph.Const(g, int64(math.Float64bits(1e-6)))
	}
	fresh := graph.LogicalOr(graph.LessThan(start, constant(g, b.dtype, 1)), graph.GreaterOrEqual(start, high))
	return bracketState{
		low: constant(g, b.dtype, 0), high: high,
		lowCount: graph.Const(g, int32(notMeasured)), highCount: graph.Const(g, int32(notMeasured)),
		try: graph.Where(fresh, guess, start), passes: graph.Const(g, int32(0)), done: graph.Const(g, false),
	}
}

// next takes in the count at s.try and chooses what to try after it.
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
		passes:    graph.Add(s.passes, integer(1)),
	}
	one := constant(g, b.dtype, 1)
	width := graph.Sub(n.high, n.low)
	n.done = graph.LogicalOr(graph.Equal(count, q), graph.LessOrEqual(width, one))

	both := graph.GreaterThan(graph.Min(n.lowCount, n.highCount), integer(notMeasured))
	guess := graph.Where(both, b.interpolate(n, width), b.extrapolate(s.try, count))
	// Every fourth pass bisects, so that a curved count cannot stall interpolation; so does every
	// second one from the ninth on, for ties, which interpolation cannot see. The middle of a
	// bracket with an unmeasured end is far from everything: extrapolation comes first there.
	everyFourth := graph.Equal(graph.BitwiseAnd(n.passes, integer(3)), integer(3))
	late := graph.LogicalAnd(graph.GreaterThan(n.passes, integer(8)), graph.Equal(graph.BitwiseAnd(n.passes, integer(1)), integer(1)))
	bisect := graph.LogicalOr(graph.LogicalAnd(both, everyFourth), late)
	middle := graph.Add(n.low, graph.BitwiseShiftRightArithmetic(width, one))
	n.try = graph.Where(bisect, middle, guess)
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

// logRatio is log((count+1/2)/(quota+1/2)), exact near 0, where it matters.
func (b bracket) logRatio(count *graph.Node) *graph.Node {
	g := count.Graph()
	excess := graph.ConvertDType(graph.Sub(count, graph.Const(g, int32(b.quota))), b.float())
	return graph.Log1p(graph.Div(excess, constant(g, b.float(), float64(b.quota)+0.5)))
}

// interpolate guesses where log(count) crosses log(quota), linearly between the ends.
func (b bracket) interpolate(s bracketState, width *graph.Node) *graph.Node {
	above, below := b.logRatio(s.lowCount), b.logRatio(s.highCount)
	fraction := graph.Div(above, graph.Sub(above, below))
	step := graph.Mul(fraction, graph.ConvertDType(width, b.float()))
	return graph.Add(s.low, graph.ConvertDType(step, b.dtype))
}

// extrapolate goes from a threshold towards the quota along a typical slope, a little too far, so
// that the other end of the bracket is found.
func (b bracket) extrapolate(from, count *graph.Node) *graph.Node {
	g := count.Graph()
	float := func(v float64) *graph.Node { return constant(g, b.float(), v) }
	octave := math.Exp2(23) // bits by which a float32 doubles
	if b.dtype == dtypes.Int64 {
		octave = math.Exp2(52)
	}
	// Near the threshold of a trained network, counts fall about as the 1.5th power of the score.
	const slope, overshoot = 1.5, 1.3
	step := graph.Mul(b.logRatio(count), float(octave*overshoot/(slope*math.Ln2)))
	// Four octaves at most: beyond that the slope is no guide, and the sum could overflow.
	step = graph.Max(graph.Min(step, float(4*octave)), float(-4*octave))
	up := graph.GreaterThan(step, float(0))
	step = graph.Where(up, graph.Max(step, float(16)), graph.Min(step, float(-16)))
	return graph.Add(from, graph.ConvertDType(step, b.dtype))
}
