package rivals

import (
	"context"
	"math"

	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/models/recipe"
)

var snip = Method{
	Name: "snip", About: "one cut at initialisation, by what a weight's removal changes in the loss of one batch", Scratch: true,
	Source: "Lee et al., SNIP: Single-shot Network Pruning based on Connection Sensitivity, ICLR 2019, arXiv:1810.02340; code: namhoonlee/snip-public",
	Variants: []Variant{
		{"one batch of the plan's size, learning rate of the base", connectionSensitivity{1, 1}.prune},
		{"eight batches of the plan's size in one, learning rate of the base", connectionSensitivity{8, 1}.prune},
		{"one batch of the plan's size, learning rate of the base x 3", connectionSensitivity{1, 3}.prune},
	},
}

// connectionSensitivity is one setting of SNIP.
type connectionSensitivity struct {
	batches int
	factor  float64 // of the learning rate
}

// sensitivity is |dL/dc| = |dL/dw w|, eq. (4) of the paper, before it is normalised, which changes
// no order.
func sensitivity(weights, gradients numbers) numbers {
	out := make(numbers, len(weights))
	for i := range weights {
		out[i] = make([]float64, len(weights[i]))
		for j, w := range weights[i] {
			out[i][j] = math.Abs(w * gradients[i][j])
		}
	}
	return out
}

func (c connectionSensitivity) prune(ctx context.Context, t *Task) (*recipe.Network, error) {
	init, steps, err := t.initial()
	if err != nil {
		return nil, err
	}
	store := model.NewStore()
	if err := init.Restore(store); err != nil {
		return nil, err
	}
	defer store.Finalize()
	weights, err := weightsOf(store, t.layers)
	if err != nil {
		return nil, err
	}
	b, err := t.batch(c.batches * t.plan.Batch)
	if err != nil {
		return nil, err
	}
	gradients, err := t.gradients(store, b)
	if err != nil {
		return nil, err
	}
	return t.retrain(ctx, mainStage, init, greatest(sensitivity(weights, gradients), t.q), steps, c.factor)
}
