package rivals

import (
	"context"
	"fmt"
	"math"

	"gsmlab/gsm/snapshot"
	"gsmlab/models/recipe"
)

var rewinding = Method{
	Name: "lr-rewinding", About: "rounds of pruning by magnitude, each retrained with the whole schedule of the learning rate",
	Source: "Renda et al., Comparing Rewinding and Fine-tuning in Neural Network Pruning, ICLR 2020, arXiv:2003.02389; code: lottery-ticket/rewinding-iclr20-public",
	Variants: []Variant{
		{"20 % a round; the rounds share the steps", rounds{0.2}.prune},
		{"50 % a round; the rounds share the steps", rounds{0.5}.prune},
		{"one round", rounds{1}.prune},
	},
}

// rounds is one setting of LR rewinding.
type rounds struct {
	share float64 // of the weights left that a round takes
}

// quotas is how many of n weights are left after each round, q after the last.
func (r rounds) quotas(n, q int) []int {
	var left []int
	for k := 1; r.share < 1; k++ {
		next := int(math.Round(float64(n) * math.Pow(1-r.share, float64(k))))
		if next <= q {
			break
		}
		left = append(left, next)
	}
	return append(left, q)
}

func (r rounds) prune(ctx context.Context, t *Task) (*recipe.Network, error) {
	quotas := r.quotas(sum(sizes(t.layers)), t.q)
	if t.steps < len(quotas) {
		return nil, fmt.Errorf("%d rounds of 1 step or more do not fit into %d steps", len(quotas), t.steps)
	}
	t.note("%d rounds", len(quotas))
	n := t.base
	for i, q := range quotas {
		weights, err := weightsOf(n.Store(), t.layers)
		if err != nil {
			return nil, err
		}
		values, err := snapshot.Take(n.Store())
		if err != nil {
			return nil, err
		}
		steps := t.steps*(i+1)/len(quotas) - t.steps*i/len(quotas)
		name := fmt.Sprintf("%s-round%02d", mainStage, i+1)
		if n, err = t.retrain(ctx, name, values, greatest(weights.each(math.Abs), q), steps, 1); err != nil {
			return nil, err
		}
	}
	return n, nil
}
