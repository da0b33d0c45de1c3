package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/infer"
)

// Pixels makes a model of normalised images, whose channels are (pixel - mean) / deviation, one of
// pixels between 0 and 1. Mean and deviation have one number for each channel. Optimize folds them
// into the first layer, if it can.
func Pixels(f Model, mean, deviation []float32) Model {
	return func(scope *model.Scope, x *graph.Node) *graph.Node {
		if channels := x.Shape().Dim(-1); len(mean) != channels || len(deviation) != channels || slices.Contains(deviation, 0) {
			panic(fmt.Errorf("deploy: mean %v and deviation %v of images of %d channels: each must have as many numbers, and no deviation may be 0", mean, deviation, channels))
		}
		g := x.Graph()
		x = graph.Sub(x, graph.ExpandLeftToRank(graph.Const(g, mean), x.Rank()))
		x = graph.Div(x, graph.ExpandLeftToRank(graph.Const(g, deviation), x.Rank()))
		return f(scope, x)
	}
}

// Samples are labelled inputs of a network, one after another.
type Samples struct {
	Values []float32
	Labels []int32
}

// Measure computes the share of samples for whose label the network has the greatest output, and
// the mean of the cross entropy that its outputs have as logits.
func (s Samples) Measure(ctx context.Context, n *infer.Network) (accuracy, loss float64, err error) {
	in, out := n.InputSize(), n.OutputSize()
	if len(s.Labels) == 0 || len(s.Values) != len(s.Labels)*in {
		return 0, 0, fmt.Errorf("deploy: %d labels and %d values: an input of the network has %d values", len(s.Labels), len(s.Values), in)
	}
	const block = 256
	scores := make([]float32, block*out)
	for at := 0; at < len(s.Labels); at += block {
		if err := ctx.Err(); err != nil {
			return 0, 0, err
		}
		labels := s.Labels[at:min(at+block, len(s.Labels))]
		if err := n.Predict(scores[:len(labels)*out], s.Values[at*in:(at+len(labels))*in]); err != nil {
			return 0, 0, err
		}
		for i, label := range labels {
			if label < 0 || int(label) >= out {
				return 0, 0, fmt.Errorf("deploy: a label is %d: the network has %d outputs", label, out)
			}
			row := scores[i*out : (i+1)*out]
			if slices.Index(row, slices.Max(row)) == int(label) {
				accuracy++
			}
			loss -= logSoftmax(row, int(label))
		}
	}
	return accuracy / float64(len(s.Labels)), loss / float64(len(s.Labels)), nil
}

// Head returns at most n samples, evenly spread over all.
func (s Samples) Head(n int) Samples {
	total := len(s.Labels)
	if total <= n {
		return s
	}
	size := len(s.Values) / total
	var few Samples
	for k := range n {
		i := k * total / n
		few.Labels = append(few.Labels, s.Labels[i])
		few.Values = append(few.Values, s.Values[i*size:(i+1)*size]...)
	}
	return few
}

// ErrNoSamples is the error of Tune without samples.
var ErrNoSamples = errors.New("deploy: no samples to measure on")
