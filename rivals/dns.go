package rivals

import (
	"context"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/models/recipe"
)

var dns = Method{
	Name: "dns", About: "dynamic network surgery: weights are cut and spliced back by two thresholds",
	Source: "Guo et al., Dynamic Network Surgery for Efficient DNNs, NeurIPS 2016, arXiv:1608.04493; code: yiwenguo/Dynamic-Network-Surgery",
	Variants: []Variant{
		{"gamma 1e-4, power 1, masks stop after half of the steps, learning rate of the base; c the same in all layers, for Q weights at first", surgery{1, 1}.prune},
		{"the same, c for 2 Q weights at first", surgery{2, 1}.prune},
		{"the same, c for Q weights at first, learning rate of the base / 3", surgery{1, 1.0 / 3}.prune},
	},
}

// surgery is one setting of DNS.
type surgery struct {
	aim    float64 // c is such that the first masks keep aim * Q weights
	factor float64 // of the learning rate
}

// The settings of the authors' example: masks move with probability (1 + gamma t)^-power, between
// two thresholds.
const (
	dnsGamma, dnsPower  = 1e-4, 1
	dnsBelow, dnsBeyond = 0.9, 1.1
)

// spread is the mean and the standard deviation of |w| in a layer.
type spread struct{ mean, deviation float64 }

// spreadOf is as in the authors' code: over the weights that are not zero, those of the bias too.
func spreadOf(weights ...[]float64) spread {
	var s, squares, n float64
	for _, part := range weights {
		for _, w := range part {
			s += math.Abs(w)
			squares += w * w
			if w != 0 {
				n++
			}
		}
	}
	if n == 0 {
		return spread{}
	}
	mean := s / n
	return spread{mean, math.Sqrt(max(0, squares/n-mean*mean))}
}

// threshold is max(mu + c sigma, 0).
func (s spread) threshold(c float64) float64 { return max(s.mean+c*s.deviation, 0) }

// surgical returns the next mask of a layer (eq. (3) of the paper): off where |w| is at most 0.9 of
// the threshold, on where it is above 1.1 of it, else as it was. Shapes: weights, mask [...].
func surgical(weights, mask *graph.Node, threshold float64) *graph.Node {
	size := graph.Abs(weights)
	number := func(x float64) *graph.Node { return graph.Scalar(weights.Graph(), weights.DType(), x) }
	on := graph.GreaterThan(size, number(dnsBeyond*threshold))
	off := graph.LessOrEqual(size, number(dnsBelow*threshold))
	return graph.LogicalOr(on, graph.LogicalAnd(mask, graph.LogicalNot(off)))
}

// rate finds c: with it, in all layers, the first masks keep q weights. They take what is at most
// 0.9 of the threshold.
func (s surgery) rate(weights numbers, spreads []spread, q int) float64 {
	left := func(c float64) (n int) {
		for i, l := range weights {
			limit := dnsBelow * spreads[i].threshold(c)
			for _, w := range l {
				if math.Abs(w) > limit {
					n++
				}
			}
		}
		return n
	}
	low, high := -10.0, 100.0
	for range 60 {
		if middle := (low + high) / 2; left(middle) > q {
			low = middle
		} else {
			high = middle
		}
	}
	return low // at least q, where no more than one weight lies at the limit
}

func (s surgery) prune(ctx context.Context, t *Task) (*recipe.Network, error) {
	values, err := t.dense()
	if err != nil {
		return nil, err
	}
	store := t.base.Store()
	weights, err := weightsOf(store, t.layers)
	if err != nil {
		return nil, err
	}
	spreads := make([]spread, len(t.layers))
	for i, l := range t.layers {
		bias, err := biasOf(store, l)
		if err != nil {
			return nil, err
		}
		spreads[i] = spreadOf(weights[i], bias)
	}
	aim := min(int(s.aim*float64(t.q)), sum(sizes(t.layers)))
	c := s.rate(weights, spreads, aim)
	t.note("c = %.3g", c)
	stop := t.steps / 2
	move := func(scope *model.Scope, i int, step, weights, mask *graph.Node) *graph.Node {
		g := step.Graph()
		now := graph.ConvertDType(step, dtypes.Float32)
		chance := graph.PowScalar(graph.OnePlus(graph.MulScalar(now, dnsGamma)), -dnsPower)
		moves := graph.LogicalAnd(graph.GreaterThan(chance, scope.RandomUniform(g, shapes.Make(dtypes.Float32))),
			graph.LessThan(step, graph.Scalar(g, dtypes.Int64, stop)))
		next := surgical(weights, mask, spreads[i].threshold(c))
		return graph.Where(graph.BroadcastToShape(moves, next.Shape()), next, mask)
	}
	n, err := t.train(ctx, stage{
		name: mainStage, steps: t.steps, config: t.sgd(t.stretched(t.steps, s.factor)),
		masked: masked{dense: true, splice: true, move: move}, start: values,
		after: func(m *masked, store *model.Store, step int) error {
			if step != stop {
				return nil
			}
			return t.exactly(m, store, t.q)
		},
	})
	if err != nil {
		return nil, err
	}
	if remark := model.GetRootParamOr(n.Store(), paramRemark, ""); remark != "" {
		t.note("%s", remark)
	}
	return n, nil
}
