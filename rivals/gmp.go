package rivals

import (
	"context"
	"math"

	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/models"
	"gsmlab/models/recipe"
)

const gmpSource = "Zhu and Gupta, To prune, or not to prune, 2017, arXiv:1710.01878; code: tensorflow/contrib/model_pruning"

var gmpUniform = Method{
	Name: "gmp", About: "gradual magnitude pruning, every layer to the same density", Source: gmpSource,
	Variants: gmpVariants(false),
	fits: func(_ models.Model, layers []layer, q int) error {
		return noneEmpty(layers, uniform(layers, q), "one density for all layers", q)
	},
}

var gmpGlobal = Method{
	Name: "gmp-global", About: "gradual magnitude pruning, all layers together", Source: gmpSource + "; one threshold for all layers is a variant of others",
	Variants: gmpVariants(true),
}

func gmpVariants(global bool) []Variant {
	return []Variant{
		{"sparser every 100 steps until 3/4 of them, learning rate of the base", gmp{global, 0.75, 1}.prune},
		{"sparser every 100 steps until 1/2 of them, learning rate of the base", gmp{global, 0.5, 1}.prune},
		{"sparser every 100 steps until 3/4 of them, learning rate of the base / 3", gmp{global, 0.75, 1.0 / 3}.prune},
	}
}

// gmp is one setting of gradual magnitude pruning.
type gmp struct {
	global bool
	until  float64 // the share of the steps after which the mask stays
	factor float64 // of the learning rate
}

// gmpEvery is the number of steps between two masks, the paper's delta t.
const gmpEvery = 100

// cubic is the share of weights that are pruned at step t, eq. (1) of the paper:
// s_f + (s_i - s_f) (1 - (t - t0)/(t1 - t0))^3, with s_i = 0, and s_f from t1 on.
func cubic(final float64, t, t0, t1 int) float64 {
	if t >= t1 {
		return final
	}
	left := 1 - float64(t-t0)/float64(t1-t0)
	return final - final*left*left*left
}

func (g gmp) prune(ctx context.Context, t *Task) (*recipe.Network, error) {
	values, err := t.dense()
	if err != nil {
		return nil, err
	}
	all := sum(sizes(t.layers))
	until := int(g.until * float64(t.steps))
	return t.train(ctx, stage{
		name: mainStage, steps: t.steps, config: t.sgd(t.stretched(t.steps, g.factor)), masked: masked{dense: true}, start: values,
		after: func(m *masked, store *model.Store, step int) error {
			if step != until && (step > until || step%gmpEvery != 0) {
				return nil
			}
			q := t.q
			if step < until {
				q = all - int(math.Round(cubic(1-float64(t.q)/float64(all), step, 0, until)*float64(all)))
			}
			weights, err := m.values(store, t.layers)
			if err != nil {
				return err
			}
			scores := weights.each(math.Abs)
			if g.global {
				return m.setMask(store, t.layers, greatest(scores, q))
			}
			return m.setMask(store, t.layers, greatestOfEach(scores, uniform(t.layers, q)))
		},
	})
}
