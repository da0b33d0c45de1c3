package gsm

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"
	"github.com/gomlx/gomlx/ml/train/optimizer"
)

// score is the first-order Taylor estimate of how much the loss would change if each weight were
// zeroed, T = |dL/dw * w| (paper, eq. 4). Shapes: w, g [...] -> [...], in dtype, which is wide
// enough that scores computed twice in one graph are equal bit for bit.
func score(w, g *graph.Node, dtype dtypes.DType) *graph.Node {
	return graph.Abs(graph.Mul(graph.ConvertDType(w, dtype), graph.ConvertDType(g, dtype)))
}

// remember adds to the scores of a step what the store remembers of earlier ones, and keeps the sum
// there: T <- m*T + (1-m)*|dL/dw * w|, from T = 0, with m = Config.ScoreMemory. In steps outside of
// Config.MemoryFrom and MemoryUntil, T is that of the step alone. Shapes: those of the layers; step
// is an int64 scalar, counted from 0.
//
// The scores that it returns are T/(1-m), whose order is the same, and the store has m times that
// (see unit).
// So a score is a sum of a stored number and an absolute value, which a compiler cannot round in
// two ways: a product and a sum it may fuse here and not there, and the mask would miss a weight.
func (o *Optimizer) remember(store *model.Store, step *graph.Node, layers []*weight, scores []*graph.Node) {
	keeps := o.inMemory(step)
	if keeps != nil {
		keeps = graph.LogicalAnd(keeps, o.inMemory(graph.AddScalar(step, 1)))
	}
	for i, l := range layers {
		shape := shapes.Make(scores[i].DType(), l.variable.Shape().Dimensions...)
		memory := store.VariableWithShape(o.path("score", l.variable.Path()), shape, initializer.Zero).SetTrainable(false)
		before := memory.NodeValue(scores[i].Graph())
		scores[i] = graph.Add(before, scores[i])
		next := graph.MulScalar(scores[i], o.config.ScoreMemory)
		if keeps != nil {
			// A step leaves something to the next one if both have memory.
			next = graph.Where(keeps, next, graph.ZerosLike(next))
		}
		memory.SetNodeValue(optimizer.ClipNaNsInUpdates(store.RootScope(), before, next))
	}
}

// inMemory says whether a step is at or after MemoryFrom and before MemoryUntil. It is a bool
// scalar, or nil where every step is. step is an int64 scalar.
func (o *Optimizer) inMemory(step *graph.Node) *graph.Node {
	g := step.Graph()
	var inside *graph.Node
	if from := o.config.MemoryFrom; from > 0 {
		inside = graph.GreaterOrEqual(step, graph.Const(g, int64(from)))
	}
	if until := o.config.MemoryUntil; until > 0 {
		before := graph.LessThan(step, graph.Const(g, int64(until)))
		if inside != nil {
			before = graph.LogicalAnd(inside, before)
		}
		inside = before
	}
	return inside
}

// unit is what the scores of remember are multiplied with to be T: 1-m in steps with memory. It is
// a float64 scalar.
func (o *Optimizer) unit(step *graph.Node) *graph.Node {
	g := step.Graph()
	share := graph.Const(g, 1-o.config.ScoreMemory)
	if inside := o.inMemory(step); inside != nil {
		return graph.Where(inside, share, graph.Const(g, 1.0))
	}
	return share
}

// scoreDType is float64 where a prunable weight has it, else float32: half precision would tie
// most of the scores.
func scoreDType(layers []weight) dtypes.DType {
	for _, l := range layers {
		if l.value.DType() == dtypes.Float64 {
			return dtypes.Float64
		}
	}
	return dtypes.Float32
}
