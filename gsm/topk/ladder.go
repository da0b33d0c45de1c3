// The search among very many scores: a sample, all scores at eight thresholds, then those in
// between.

package topk

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// This file searches very many scores. Each count reads them from memory, so the number of counts
// decides the time. docs/threshold.md has the measurements.
//
//  1. Search a sample, 1 in 17, from the threshold of the last step, until the Q-th greatest of all
//     is known as well as a sample can tell.
//  2. Count all scores at 8 thresholds around that.
//  3. Pick out the scores between the two thresholds next to the Q-th, and search them to the end.
//
// Each part continues until it reaches its aim. If picking lost some scores, all are counted until
// the end, so chance affects only the time.

// manyScores is the number of scores from which this search is used. Tests lower it.
var manyScores = 1 << 19

// A sample has the first sampleRun of each sampleOf scores of a vector. It takes runs, because
// memory is read by cache lines. The runs are an odd number of their lengths apart, so that they do
// not always meet the same columns of a weight matrix.
const (
	sampleRun = 32
	sampleOf  = 17 * sampleRun
)

// pickRows is how many scores compete for two places when scores are picked out, see pick. A sample
// of few scores tells less, so more scores are left in the bracket.
func pickRows(n int) int {
	if n < 1<<21 {
		return 8
	}
	return 16
}

// ladder builds the state transitions of a search that counts at several thresholds per pass.
type ladder struct {
	bracket         // counts and logarithms
	sigma   float64 // the outcome may be off by a count of this error; 0 for exact
}

// ladderState is one state of the search; all but try are scalars.
type ladderState struct {
	low, high           *graph.Node // count(low) >= quota > count(high), bits
	lowCount, highCount *graph.Node // their counts, int32
	try                 *graph.Node // [thresholds] ascending bits, to count next
	tries               *graph.Node // int32: how often it counted
	// int32, constant in a loop: scores above those counted, and not among them
	base *graph.Node
	done *graph.Node // bool: low is the outcome
	stop *graph.Node // bool: ends the loop, done or not
}

func (s *ladderState) fields(bits dtypes.DType) []field {
	scalar := func(dtype dtypes.DType) shapes.Shape { return shapes.Make(dtype) }
	return []field{
		{"low", scalar(bits), &s.low}, {"high", scalar(bits), &s.high},
		{"lowCount", scalar(dtypes.Int32), &s.lowCount}, {"highCount", scalar(dtypes.Int32), &s.highCount},
		{"try", shapes.Make(bits, thresholds), &s.try}, {"tries", scalar(dtypes.Int32), &s.tries},
		{"base", scalar(dtypes.Int32), &s.base},
		{"done", scalar(dtypes.Bool), &s.done}, {"stop", scalar(dtypes.Bool), &s.stop},
	}
}

// searchMany is Greatest for very many scores, n of them: floats or their bits.
func searchMany(xs []*graph.Node, n, q int, start *graph.Node) Found {
	dtype := start.DType()
	samples, m := sample(xs)
	part := float64(q) * float64(m) / float64(n)
	few := max(1, int(part))
	sampling := ladder{bracket: bracket{dtype: dtype, quota: few}, sigma: 1 + math.Sqrt(part*(1-part/float64(m)))}
	// Stopped before the sample's exact end: a bracket of four times the error is narrow enough.
	sampled, _ := sampling.loop(sampling.first(start, m), int(4*sampling.sigma), samples)

	all := ladder{bracket: bracket{dtype: dtype, quota: q}}
	s := all.first(start, n)
	s.try = sampling.around(sampled)
	s, xs = all.loop(s, pickable(dtype, n), xs)
	picked := pick(xs, pickRows(n), s.low, s.high)
	fine := all.loopAmong(s, picked)
	readAll := graph.Add(s.tries, graph.Const(s.tries.Graph(), int32(1)))

	// If some scores were lost, all are counted until the end.
	end, _ := all.loop(fine.orElse(s), 0, xs)
	return Found{
		Threshold: end.low,
		Passes:    graph.Add(readAll, graph.Sub(end.tries, fine.tries)),
		sampled:   sampled.tries, among: graph.Sub(fine.tries, s.tries),
	}
}

// pickable is how many of n scores can be picked out such that a score is lost at most 1 time in 8.
func pickable(dtype dtypes.DType, n int) int {
	places := float64(n) / float64(pickRows(n))
	if dtype == dtypes.Int64 { // the chance that two meet in one place is m*m/(2*places)
		return int(math.Sqrt(places / 4))
	}
	return int(math.Cbrt(6 * places * places / 8)) // that three meet, m*m*m/(6*places*places)
}

// sample returns a sample of the vectors and its size.
func sample(xs []*graph.Node) (samples []*graph.Node, size int) {
	for _, x := range xs {
		n := x.Shape().Dim(0)
		if rows := n / sampleOf; rows > 0 {
			x = graph.Reshape(graph.Slice(x, graph.AxisRange(0, rows*sampleOf)), rows, sampleOf)
			// Not flattened here: XLA would then compute where each entry comes from, instead of
			// copying runs.
			x = graph.Slice(x, graph.AxisRange(), graph.AxisRange(0, sampleRun))
		}
		samples = append(samples, x)
		size += x.Shape().Size()
	}
	return samples, size
}

// first is the state before the first pass over n scores.
func (l ladder) first(start *graph.Node, n int) ladderState {
	g := start.Graph()
	b := l.bracket.first(g, start)
	// Scores often double or halve since the last step. Without a last step, everything is open.
	reach := graph.Where(graph.Equal(b.try, start), constant(g, l.float(), l.octave()), constant(g, l.float(), 16*l.octave()))
	steps := graph.Mul(reach, l.vector(g, -2, -0.8, -0.3, -0.08, 0.08, 0.3, 0.8, 2))
	s := ladderState{
		low: b.low, high: b.high, lowCount: graph.Const(g, int32(n)), highCount: graph.Const(g, int32(0)),
		tries: b.tries, base: graph.Const(g, int32(0)), done: b.done, stop: b.done,
	}
	s.try = l.inside(s, b.try, steps)
	return s
}

// vector is a constant of the guesses' dtype.
func (l ladder) vector(g *graph.Graph, values ...float64) *graph.Node {
	return graph.Const(g, shapes.CastAsDType(values, l.float()))
}

// inside returns the thresholds that are the given steps from a bit pattern. Those beyond an end of
// the bracket are moved into it. They ascend if the steps do.
func (l ladder) inside(s ladderState, from, steps *graph.Node) *graph.Node {
	g := steps.Graph()
	one := constant(g, l.dtype, 1)
	// The greatest floats below 2^31 and 2^63: anything larger has no bits.
	most := float64(math.MaxInt32 - 127)
	if l.dtype == dtypes.Int64 {
		most = math.MaxInt64 - 1023
	}
	steps = graph.Max(graph.Min(steps, constant(g, l.float(), most)), constant(g, l.float(), -most))
	whole := graph.ConvertDType(steps, l.dtype)
	whole = graph.Max(graph.Min(whole, graph.Sub(graph.Sub(s.high, one), from)), graph.Sub(graph.Add(s.low, one), from))
	return graph.Add(from, whole)
}

// loop counts in xs and narrows the bracket until s.stop; few is as in next. It also returns xs as
// vectors in memory, so that nothing after the loop computes them again.
func (l ladder) loop(s ladderState, few int, xs []*graph.Node) (ladderState, []*graph.Node) {
	return l.while(s, xs, func(s ladderState, xs []*graph.Node) ladderState {
		return l.next(s, countEach(xs, s.try, s.zero()), few)
	})
}

// while repeats body until s.stop.
func (l ladder) while(s ladderState, xs []*graph.Node, body func(s ladderState, xs []*graph.Node) ladderState) (ladderState, []*graph.Node) {
	return while(l.dtype, s, xs, func(s ladderState) *graph.Node { return s.stop }, body)
}

// loopAmong continues among the scores that were picked out of the bracket, until it is done. It
// stops at once, not done, if some scores are missing. The first try, at s.low, shows that. A test
// before the loop would make XLA pick twice.
func (l ladder) loopAmong(s ladderState, picked []*graph.Node) ladderState {
	s.base = s.highCount
	s.try = graph.Concatenate([]*graph.Node{graph.Reshape(s.low, 1), graph.Slice(s.try, graph.AxisRange(1, thresholds))}, 0)
	s.stop = s.done
	after, _ := l.while(s, picked, func(s ladderState, picked []*graph.Node) ladderState {
		counts := graph.Add(countEach(picked, s.try, s.zero()), s.base)
		missing := graph.LogicalAnd(graph.Equal(element(s.try, 0), s.low), graph.NotEqual(element(counts, 0), s.lowCount))
		after := l.next(s, counts, 0)
		after.stop = graph.LogicalOr(after.stop, missing)
		after.done = graph.LogicalAnd(after.done, graph.LogicalNot(missing))
		return after
	})
	return after
}

// zero is 0, in a form that XLA does not see through.
func (s ladderState) zero() *graph.Node {
	return graph.Min(s.tries, graph.Const(s.tries.Graph(), int32(0)))
}

// orElse is s if s is done, else the state before it, with the number of tries of s.
func (s ladderState) orElse(before ladderState) ladderState {
	l := before
	into := l.fields(s.low.DType())
	for i, f := range s.fields(s.low.DType()) {
		*into[i].node = graph.Where(s.done, *f.node, *into[i].node)
	}
	l.tries, l.base, l.stop = s.tries, graph.Const(s.low.Graph(), int32(0)), s.done
	return l
}

// next takes in the counts at s.try and chooses the next thresholds to try. If few is above 0, the
// loop also ends once at most that many scores are between the ends.
func (l ladder) next(s ladderState, counts *graph.Node, few int) ladderState {
	g := counts.Graph()
	integer := func(v int) *graph.Node { return graph.Const(g, int32(v)) }
	q := integer(l.quota)
	n := s
	for j := range thresholds {
		t, count := element(s.try, j), element(counts, j)
		enough := graph.GreaterOrEqual(count, q)
		n.low = graph.Where(enough, graph.Max(n.low, t), n.low)
		n.lowCount = graph.Where(enough, graph.Min(n.lowCount, count), n.lowCount)
		n.high = graph.Where(enough, n.high, graph.Min(n.high, t))
		n.highCount = graph.Where(enough, n.highCount, graph.Max(n.highCount, count))
	}
	n.tries = graph.Add(s.tries, integer(1))
	width := graph.Sub(n.high, n.low)
	narrow := graph.LessOrEqual(width, constant(g, l.dtype, 1))
	left := graph.LessOrEqual(graph.Sub(n.lowCount, n.highCount), integer(few))
	if l.sigma > 0 {
		n.done = graph.LogicalOr(narrow, left)
	} else {
		n.done = graph.LogicalOr(narrow, graph.Equal(n.lowCount, q))
	}
	n.stop = n.done
	if few > 0 {
		n.stop = graph.LogicalOr(n.done, left)
	}
	// From the fourth try on, every second one uses even steps. Interpolation cannot see ties, and
	// no curve of the count may stall the search.
	late := graph.LogicalAnd(graph.GreaterThan(n.tries, integer(3)), graph.Equal(graph.BitwiseAnd(n.tries, integer(1)), integer(0)))
	steps := graph.Where(graph.BroadcastToDims(late, thresholds), l.even(width), l.interpolated(n))
	n.try = l.inside(n, n.low, steps)
	return n
}

// even returns steps from the lower end of a bracket, evenly through it.
func (l ladder) even(width *graph.Node) *graph.Node {
	steps := make([]float64, thresholds)
	for j := range steps {
		steps[j] = float64(j+1) / (thresholds + 1)
	}
	g := width.Graph()
	return graph.Mul(graph.ConvertDType(width, l.float()), l.vector(g, steps...))
}

// interpolated returns steps from the lower end to around where the quota should be, spaced by the
// expected error.
func (l ladder) interpolated(s ladderState) *graph.Node {
	g := s.low.Graph()
	float := func(v float64) *graph.Node { return constant(g, l.float(), v) }
	near := graph.Add(graph.Min(l.excess(s.lowCount), graph.Neg(l.excess(s.highCount))), float(0.5))
	// For scores that lie by chance, the error is the root of their number; the 2 % is for the
	// curve.
	sigma := graph.Add(graph.Sqrt(near), graph.Mul(near, float(0.02)))
	if l.sigma > 0 {
		sigma = graph.Max(sigma, float(2*l.sigma))
	}
	return l.at(s, graph.Mul(sigma, l.vector(g, 5, 2, 0.8, 0.25, -0.25, -0.8, -2, -5)), 0.9)
}

// around returns thresholds for all scores around where a sample has the quota, spaced by the
// sample's error.
func (l ladder) around(s ladderState) *graph.Node {
	g := s.low.Graph()
	excess := graph.Mul(constant(g, l.float(), l.sigma), l.vector(g, 8, 2.4, 1.2, 0.4, -0.4, -1.2, -2.4, -8))
	steps := l.at(s, graph.Max(excess, constant(g, l.float(), -0.9*float64(l.quota))), 0)
	open := ladderState{low: constant(g, l.dtype, 0), high: graph.Const(g, maxBits(l.dtype))}
	return l.inside(open, s.low, steps)
}

// at returns steps from the lower end to where the count exceeds the quota by the given numbers,
// which descend. It takes log(count) to be linear between the ends. If within is 0, it goes beyond
// them too; else it keeps the steps within that fraction of the way.
func (l ladder) at(s ladderState, excess *graph.Node, within float64) *graph.Node {
	g := s.low.Graph()
	above, below := l.excess(s.lowCount), l.excess(s.highCount)
	if within > 0 {
		w := constant(g, l.float(), within)
		excess = graph.Max(graph.Min(excess, graph.Mul(above, w)), graph.Mul(below, w))
	}
	from, to := l.logRatio(above), l.logRatio(below)
	fraction := graph.Div(graph.Sub(from, l.logRatio(excess)), graph.Sub(from, to))
	steps := graph.Mul(fraction, graph.ConvertDType(graph.Sub(s.high, s.low), l.float()))
	// Rounded outwards, so that the steps around a tie are the tie's two ends.
	up := make([]float64, thresholds)
	for j := thresholds / 2; j < thresholds; j++ {
		up[j] = 1
	}
	return graph.Add(graph.Floor(steps), l.vector(g, up...))
}

// pick picks out the scores in [low, high), low at least 1, as vectors with zeros between them:
// from each group of rows scores the two greatest (the greatest for float64). loopAmong notices
// lost scores by their number.
func pick(xs []*graph.Node, rows int, low, high *graph.Node) []*graph.Node {
	below := func(x *graph.Node) *graph.Node {
		x = scoreBits(x)
		return graph.Where(graph.LessThan(x, high), x, graph.ZerosLike(x))
	}
	// Done after finding the greatest below high, because then fewer are left.
	within := func(x *graph.Node) *graph.Node {
		return graph.Where(graph.GreaterOrEqual(x, low), x, graph.ZerosLike(x))
	}
	var picked, rest []*graph.Node
	for _, x := range xs {
		n := x.Shape().Dim(0)
		m := n / rows
		if m*rows < n {
			rest = append(rest, within(below(graph.Slice(x, graph.AxisRange(m*rows, n)))))
		}
		if m == 0 {
			continue
		}
		var first, second *graph.Node
		for r := range rows {
			part := below(graph.Slice(x, graph.AxisRange(r*m, (r+1)*m)))
			switch {
			case r == 0:
				first = part
			case r == 1:
				first, second = graph.Max(first, part), graph.Min(first, part)
			default:
				first, second = graph.Max(first, part), graph.Max(second, graph.Min(first, part))
			}
		}
		first = within(first)
		if first.DType() == dtypes.Int32 {
			// As one number, because XLA would read all scores once for each of two.
			wide := graph.BitwiseShiftLeft(graph.ConvertDType(first, dtypes.Int64), graph.Const(x.Graph(), int64(32)))
			first = graph.BitwiseOr(wide, graph.ConvertDType(within(second), dtypes.Int64))
		}
		picked = append(picked, first)
	}
	if len(rest) > 0 {
		picked = append(picked, graph.Concatenate(rest, 0))
	}
	return picked
}
