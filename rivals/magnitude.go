package rivals

import (
	"context"
	"math"

	"gsmlab/models/recipe"
)

const magnitudeSource = "Han et al., Learning both Weights and Connections for Efficient Neural Networks, NeurIPS 2015, arXiv:1506.02626"

var magnitudeOneShot = Method{
	Name: "magnitude", About: "one cut of the dense network by magnitude, nothing retrained", Source: magnitudeSource,
	Variants: []Variant{{"the greatest of all layers together", func(_ context.Context, t *Task) (*recipe.Network, error) {
		kept, err := t.magnitude()
		if err != nil {
			return nil, err
		}
		return t.openUnder(kept)
	}}},
}

var magnitudeRetrain = Method{
	Name: "magnitude-retrain", About: "one cut by magnitude, retrained under the mask", Source: magnitudeSource,
	Variants: []Variant{
		// theirs for LeNet-300-100 and LeNet-5
		{"learning rate of the base / 10", retrainMagnitude(0.1)},
		{"learning rate of the base", retrainMagnitude(1)},
	},
}

func retrainMagnitude(factor float64) func(context.Context, *Task) (*recipe.Network, error) {
	return func(ctx context.Context, t *Task) (*recipe.Network, error) {
		kept, err := t.magnitude()
		if err != nil {
			return nil, err
		}
		values, err := t.dense()
		if err != nil {
			return nil, err
		}
		return t.retrain(ctx, mainStage, values, kept, t.steps, factor)
	}
}

// magnitude keeps the q greatest weights of the dense network.
func (t *Task) magnitude() (keep, error) {
	weights, err := weightsOf(t.base.Store(), t.layers)
	if err != nil {
		return nil, err
	}
	return greatest(weights.each(math.Abs), t.q), nil
}

// openUnder returns the dense network with a mask applied.
func (t *Task) openUnder(kept keep) (*recipe.Network, error) {
	values, err := t.dense()
	if err != nil {
		return nil, err
	}
	mask, err := kept.mask(t.layers)
	if err != nil {
		return nil, err
	}
	return t.work.Open(under{values, mask})
}
