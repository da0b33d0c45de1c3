package rivals

import (
	"context"
	"math"

	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/models/recipe"
)

var acdc = Method{
	Name: "acdc", About: "dense and sparse phases by turns, the last one sparse",
	Source: "Peste et al., AC/DC: Alternating Compressed/DeCompressed Training of Deep Neural Networks, NeurIPS 2021, arXiv:2106.12379; code: IST-DASLab/ACDC",
	Variants: []Variant{
		{"phases of the CIFAR-10 recipe, learning rate of the base", phases{1}.prune},
		{"phases of the CIFAR-10 recipe, learning rate of the base / 3", phases{1.0 / 3}.prune},
		{"phases of the CIFAR-10 recipe, learning rate of the base x 2", phases{2}.prune},
	},
}

// phases is one setting of AC/DC.
type phases struct {
	factor float64 // of the learning rate
}

// turn is the beginning of a phase: at a share of the steps.
type turn struct {
	at     float64
	sparse bool
}

// acdcTurns are those of the authors' CIFAR-10 recipe, 200 epochs: the network is pruned at epoch
// 10 and every 40 epochs from there, up to 170, and dense again at 30 and every 40 epochs, up to
// 150.
func acdcTurns() []turn {
	var turns []turn
	for epoch := 10; epoch <= 170; epoch += 20 {
		turns = append(turns, turn{float64(epoch) / 200, epoch%40 == 10})
	}
	return turns
}

func (p phases) prune(ctx context.Context, t *Task) (*recipe.Network, error) {
	values, err := t.dense()
	if err != nil {
		return nil, err
	}
	begins := map[int]bool{} // step: sparse
	for _, turn := range acdcTurns() {
		begins[int(turn.at*float64(t.steps))] = turn.sparse
	}
	return t.train(ctx, stage{
		name: mainStage, steps: t.steps, config: t.sgd(t.stretched(t.steps, p.factor)), masked: masked{}, start: values,
		after: func(m *masked, store *model.Store, step int) error {
			sparse, begins := begins[step]
			if !begins {
				return nil
			}
			if sparse {
				weights, err := weightsOf(store, t.layers)
				if err != nil {
					return err
				}
				return m.setMask(store, t.layers, greatest(weights.each(math.Abs), t.q))
			}
			// Pruned weights begin at zero, and all without momentum
			// (reset_momentum_after_recycling).
			all := make(keep, len(t.layers))
			for i, l := range t.layers {
				all[i] = make([]bool, l.size())
				for j := range all[i] {
					all[i][j] = true
				}
			}
			if err := m.setMask(store, t.layers, all); err != nil {
				return err
			}
			return m.resetMomentum(store, t.layers)
		},
	})
}
