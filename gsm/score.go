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
// there: T <- m*T + (1-m)*|dL/dw * w|, from T = 0, with m = Config.ScoreMemory. Shapes: those of
// the layers.
//
// The scores that it returns are T/(1-m), whose order is the same, and the store has m times that.
// So a score is a sum of a stored number and an absolute value, which a compiler cannot round in
// two ways: a product and a sum it may fuse here and not there, and the mask would miss a weight.
func (o *Optimizer) remember(store *model.Store, layers []*weight, scores []*graph.Node) {
	for i, l := range layers {
		shape := shapes.Make(scores[i].DType(), l.variable.Shape().Dimensions...)
		memory := store.VariableWithShape(o.path("score", l.variable.Path()), shape, initializer.Zero).SetTrainable(false)
		before := memory.NodeValue(scores[i].Graph())
		scores[i] = graph.Add(before, scores[i])
		next := graph.MulScalar(scores[i], o.config.ScoreMemory)
		memory.SetNodeValue(optimizer.ClipNaNsInUpdates(store.RootScope(), before, next))
	}
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
