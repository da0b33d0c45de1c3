// RigL: a network that is sparse from its first step, whose connections move; its layers by ERK.

package rivals

import (
	"context"
	"math"
	"math/rand/v2"

	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/models"
	"gsmlab/models/recipe"
)

var rigl = Method{
	Name: "rigl", About: "sparse from the first step: small weights are dropped, those with large gradients grow; layers by ERK", Scratch: true,
	Source: "Evci et al., Rigging the Lottery: Making All Tickets Winners, ICML 2020, arXiv:1911.11134; code: google-research/rigl",
	Variants: []Variant{
		{"every 100 steps until 3/4 of them, fraction 0.3, learning rate of the base", growing{0.3, 1}.prune},
		{"every 100 steps until 3/4 of them, fraction 0.5, learning rate of the base", growing{0.5, 1}.prune},
		{"every 100 steps until 3/4 of them, fraction 0.3, learning rate of the base x 3", growing{0.3, 3}.prune},
	},
	fits: func(_ models.Model, layers []layer, q int) error {
		return noneEmpty(layers, apportion(erk(layers, q), sizes(layers), q), "ERK", q)
	},
}

// growing is one setting of RigL.
type growing struct {
	fraction float64 // of a layer's weights that are replaced, at first
	factor   float64 // of the learning rate
}

const (
	riglEvery = 100  // steps between two updates of the masks, delta T
	riglUntil = 0.75 // share of the steps after which the masks stay, T_end
)

// erk is the density of each layer by the Erdos-Renyi kernel rule: in proportion to the sum of the
// kernel's dimensions over their product, for q weights in all. A layer that would have more than
// all its weights is dense, and the others share what is left.
func erk(layers []layer, q int) []float64 {
	densities := make([]float64, len(layers))
	full := make([]bool, len(layers))
	for {
		left, divisor := float64(q), 0.0
		for i, l := range layers {
			if full[i] {
				left -= float64(l.size())
			} else {
				// (sum / product) times the size, which is the product
				divisor += float64(sum(l.dims))
			}
		}
		if divisor == 0 {
			return densities
		}
		again := false
		for i, l := range layers {
			if full[i] {
				continue
			}
			densities[i] = left / divisor * float64(sum(l.dims)) / float64(l.size())
			if densities[i] > 1 {
				densities[i], full[i], again = 1, true, true
			}
		}
		if !again {
			return densities
		}
	}
}

// cosine is the share of a layer's weights that is replaced at step t: alpha/2 (1 + cos(pi
// t/T_end)).
func cosine(alpha float64, t, end int) float64 {
	return alpha / 2 * (1 + math.Cos(math.Pi*float64(t)/float64(end)))
}

// replace returns the next mask of a layer: of the kept weights it drops the k smallest, and it
// grows the k with the greatest gradients among those that are not kept then. As in the authors'
// code a weight that was just dropped may grow again.
func replace(kept []bool, weights, gradients []float64, k int) []bool {
	const never = -1.0
	stay, grow := make([]float64, len(kept)), make([]float64, len(kept))
	n := 0
	for j := range kept {
		stay[j] = never
		if kept[j] {
			stay[j] = math.Abs(weights[j])
			n++
		}
	}
	next := greatest(numbers{stay}, n-k)[0]
	for j := range kept {
		grow[j] = math.Abs(gradients[j])
		if next[j] {
			grow[j] = never
		}
	}
	for j, grown := range greatest(numbers{grow}, k)[0] {
		next[j] = next[j] || grown
	}
	return next
}

func (r growing) prune(ctx context.Context, t *Task) (*recipe.Network, error) {
	init, steps, err := t.initial()
	if err != nil {
		return nil, err
	}
	n := apportion(erk(t.layers, t.q), sizes(t.layers), t.q)
	draw := rand.New(rand.NewPCG(uint64(t.plan.Seed), 0x7269676c))
	start := make(keep, len(t.layers))
	for i, l := range t.layers {
		start[i] = make([]bool, l.size())
		for _, j := range draw.Perm(l.size())[:n[i]] {
			start[i][j] = true
		}
	}
	mask, err := start.mask(t.layers)
	if err != nil {
		return nil, err
	}
	end := int(riglUntil * float64(steps))
	return t.train(ctx, stage{
		name: mainStage, steps: steps, config: t.sgd(t.stretched(steps, r.factor)),
		masked: masked{start: start, gradients: true}, start: under{init, mask},
		after: func(m *masked, store *model.Store, step int) error {
			if step >= end || step%riglEvery != 0 {
				return nil
			}
			return r.update(m, store, t.layers, cosine(r.fraction, step, end))
		},
	})
}

// update replaces a share of each layer's weights.
func (r growing) update(m *masked, store *model.Store, layers []layer, share float64) error {
	kept, err := masks(store, layers)
	if err != nil {
		return err
	}
	weights, err := weightsOf(store, layers)
	if err != nil {
		return err
	}
	gradients, err := read(store, layers, gradientPath)
	if err != nil {
		return err
	}
	for i, n := range kept.counts() {
		// A dense layer has nothing to grow.
		k := min(int(share*float64(n)), len(kept[i])-n)
		kept[i] = replace(kept[i], weights[i], gradients[i], k)
	}
	return m.setMask(store, layers, kept)
}
