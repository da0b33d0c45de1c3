package gsm

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
)

// score is the first-order Taylor estimate of how much the loss would change if each weight were
// zeroed, T = |dL/dw * w| (paper, eq. 4). Shapes: w, g [...] -> [...], in dtype, which is wide
// enough that scores computed twice in one graph are equal bit for bit.
func score(w, g *graph.Node, dtype dtypes.DType) *graph.Node {
	return graph.Abs(graph.Mul(graph.ConvertDType(w, dtype), graph.ConvertDType(g, dtype)))
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
