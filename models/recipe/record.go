// The recorder of a run: what happens in its stages, as a trace.

package recipe

import (
	"errors"
	"os"
	"reflect"
	"slices"
	"time"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/gsm"
	"gsmlab/gsm/trace"
	"gsmlab/models"
)

// recorder writes the trace of a run. Its zero value records nothing.
type recorder struct {
	path   string
	header trace.Header
	w      *trace.Writer
}

// resume opens the trace for a stage that continues after step steps, dropping what an earlier
// process recorded beyond that.
func (r *recorder) resume(stage string, step int) error {
	if r.path == "" {
		return nil
	}
	if err := r.close(); err != nil {
		return err
	}
	var err error
	if _, statErr := os.Stat(r.path); errors.Is(statErr, os.ErrNotExist) {
		r.w, err = trace.Create(r.path, r.header)
	} else {
		r.w, err = trace.AppendFrom(r.path, stage, step)
	}
	return err
}

// describe sets the layers of the header, which are known once the network is built.
func (r *recorder) describe(layers []*model.Variable) {
	r.header.Layers = nil
	for _, v := range layers {
		r.header.Layers = append(r.header.Layers, trace.Layer{Name: models.LayerName(v.Path()), Shape: v.Shape().Dimensions, Prunable: v.Shape().Size()})
	}
}

// hasCut reports whether the trace holds this cut already.
func (r *recorder) hasCut(c trace.Cut) bool {
	run, err := trace.Load(r.path)
	return err == nil && slices.ContainsFunc(run.Cuts, func(old trace.Cut) bool { return reflect.DeepEqual(old, c) })
}

func (r *recorder) write(rec trace.Record) error {
	if r.w == nil {
		return nil
	}
	return r.w.Write(rec)
}

func (r *recorder) sync() error {
	if r.w == nil {
		return nil
	}
	return r.w.Sync()
}

func (r *recorder) close() error {
	if r.w == nil {
		return nil
	}
	w := r.w
	r.w = nil
	return w.Close()
}

// record writes the step just done to the trace.
func (t *trainer) record(lossValue, epoch float64, took time.Duration) error {
	step := trace.Step{
		Stage: t.name, Step: t.done, Epoch: epoch, Loss: lossValue,
		LearningRate: t.config.LearningRate.At(t.done - 1), Seconds: took.Seconds(),
	}
	if t.config.Telemetry {
		now, err := gsm.ReadTelemetry(t.store)
		if err != nil {
			return err
		}
		step.Threshold, step.Active = new(now.Threshold), now.Active
		step.Flips, step.Reactivated = new(int64(now.Flips)), new(int64(now.Reactivated))
	}
	return t.env.trace.write(step)
}

// recordMeasured writes what was measured last to the trace, and how far the weights that a cut would
// drop have collapsed.
func (t *trainer) recordMeasured() error {
	eval := trace.Eval{Stage: t.name, Step: t.done, Accuracy: t.accuracy, Loss: float64(t.loss)}
	if err := t.env.trace.write(eval); err != nil {
		return err
	}
	magnitude, err := t.magnitude()
	if err != nil {
		return err
	}
	return t.env.trace.write(magnitude)
}

// magnitude describes what a cut would do now.
func (t *trainer) magnitude() (trace.Magnitude, error) {
	edges := t.env.trace.header.HistogramEdges
	out := trace.Magnitude{Stage: t.name, Step: t.done, Histogram: make([]int, len(edges)+1)}
	mask, threshold, err := gsm.MagnitudeMask(t.store, nil, t.env.q)
	if err != nil {
		return out, err
	}
	out.Threshold = threshold
	var below, all float64
	for i, v := range t.layers {
		weights, err := tensors.CopyFlatData[float32](v.MustValue())
		if err != nil {
			return out, err
		}
		for j, w := range weights {
			size := float64(max(w, -w))
			all += size
			if !mask.Layers[i].Keep(j) {
				below += size
			}
		}
		if err := trace.AddHistogram(out.Histogram, edges, weights); err != nil {
			return out, err
		}
		out.Kept = append(out.Kept, mask.Layers[i].Kept())
	}
	if all > 0 {
		out.MassBelow = below / all
	}
	return out, nil
}

// medianStep is the median time of a training step in milliseconds, 0 before the first.
func (t *trainer) medianStep() float64 {
	if len(t.times) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(t.times))
	return sorted[len(sorted)/2]
}
