package topk

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
)

// This file counts and folds long vectors in the few forms that XLA:CPU turns into fast loops.

// lanes and chunk shape the counting, see countAtLeast.
const (
	lanes = 8
	chunk = 32
)

// sumRows adds the rows of x [rows*M] read as rows of M. It is written as elementwise sums of
// slices, which XLA fuses with the code that computes x into one vectorised loop. XLA's tree
// rewriter would split a reduction into kernels that first write everything to memory, which is
// four times slower on the CPU.
func sumRows(x *graph.Node, rows int) *graph.Node { return foldRows(x, rows, graph.Add) }

func foldRows(x *graph.Node, rows int, fold func(a, b *graph.Node) *graph.Node) *graph.Node {
	m := x.Shape().Dim(0) / rows
	out := graph.Slice(x, graph.AxisRange(0, m))
	for r := 1; r < rows; r++ {
		out = fold(out, graph.Slice(x, graph.AxisRange(r*m, (r+1)*m)))
	}
	return out
}

// sumAll returns the sum of x [M] as a product with ones, which XLA turns into a reduction. A plain
// reduction is not possible: go-xla 0.4.1 keeps one reduction function per type for a whole graph
// and refuses it in a second closure, such as another search or a loop of the user's model.
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

// CountTrue counts the true entries of where [...], an int64 scalar. It is not a plain reduction,
// for the reason that sumRows gives.
func CountTrue(where *graph.Node) *graph.Node {
	ones := graph.Reshape(graph.ConvertDType(where, dtypes.Int32), where.Shape().Size())
	return graph.ConvertDType(countAtLeast([]*graph.Node{ones}, constant(where.Graph(), dtypes.Int32, 1)), dtypes.Int64)
}

// Least returns the least entry of x [...]. Its first fold uses slices, for the reason that sumRows
// gives.
func Least(x *graph.Node) *graph.Node {
	n := x.Shape().Size()
	x = graph.Reshape(x, n)
	rows := lanes * chunk
	m := n / rows
	if m == 0 {
		return graph.ReduceAllMin(x)
	}
	rest := graph.ReduceAllMin(graph.Slice(x, graph.AxisRange(n-m, n)))
	even := foldRows(graph.Slice(x, graph.AxisRange(0, m*rows)), rows, graph.Min)
	return graph.Min(rest, graph.ReduceAllMin(even))
}
