// Package record writes the trace of a run: what happened in each step, as the charts and reports
// of gsm/chart and `gsm report` read it.
//
// In a program with its own training loop it takes two lines, the second of which is the Close at
// the end:
//
//	rec, err := record.Attach(loop, "trace.jsonl", config, record.Options{Steps: 2000})
//	defer rec.Close()
//
// config is the optimizer's. If it sets Telemetry, the trace also holds how many weights of each
// layer were active, the threshold, and how many weights changed sides. After the cut,
// [Recorder.Cut] adds what the cut did.
//
// Programs with several stages in one trace, or with their own times of evaluation, use [New],
// [Recorder.Begin], [Recorder.Resume], [Recorder.Follow] and [Recorder.Measured]; package recipe
// does.
package record

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"time"

	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"

	"gsmlab/gsm"
	"gsmlab/gsm/trace"
)

// defaultEvery is the number of steps between two step records unless the caller sets one.
const defaultEvery = 20

// Recorder writes the trace of one run. Only one goroutine may use it, that of the training loop.
type Recorder struct {
	// Say gets remarks in words, as when a damaged trace was mended; it may be nil.
	Say func(string)

	path   string
	header trace.Header
	w      *trace.Writer

	// The stage that is being recorded.
	stage  string
	store  *model.Store
	config gsm.Config
	layers []*model.Variable
	q      int // weights that a cut would keep

	began time.Time // of the step that is running
	took  time.Duration
}

// New makes a recorder of the trace at path; it writes nothing yet. Layers, Prunable, Q and
// Compression of the header may be left empty: Begin fills them in. Every 0 means 20;
// HistogramEdges nil means trace.DefaultEdges.
func New(path string, header trace.Header) *Recorder {
	if header.Every == 0 {
		header.Every = defaultEvery
	}
	if header.HistogramEdges == nil {
		header.HistogramEdges = trace.DefaultEdges()
	}
	return &Recorder{path: path, header: header}
}

// Begin says which stage of which network is recorded from now on, and with which optimizer. The
// network must have its variables.
func (r *Recorder) Begin(stage string, store *model.Store, config gsm.Config) error {
	r.stage, r.store, r.config = stage, store, config
	r.layers = gsm.Prunable(store, config.Prunable)
	h := &r.header
	h.Layers, h.Prunable = nil, 0
	for _, v := range r.layers {
		h.Layers = append(h.Layers, trace.Layer{Name: layerName(v.Path()), Shape: v.Shape().Dimensions, Prunable: v.Shape().Size()})
		h.Prunable += v.Shape().Size()
	}
	if h.Q == 0 {
		h.Q = config.Q
	}
	if h.Q == 0 {
		var err error
		if h.Q, err = gsm.Quota(h.Prunable, config.Compression); err != nil {
			return err
		}
	}
	if h.Compression == 0 {
		h.Compression = config.Compression
	}
	if h.Compression == 0 { // Config.Q was set instead
		h.Compression = float64(h.Prunable) / float64(h.Q)
	}
	r.q = h.Q
	return nil
}

// Resume opens the trace for the stage, which continues after step steps. It drops what an earlier
// process recorded beyond that, and begins a trace if there is none. A step of -1 also drops what
// was measured before the first step.
func (r *Recorder) Resume(step int) error {
	if err := r.Close(); err != nil {
		return err
	}
	if _, err := os.Stat(r.path); errors.Is(err, os.ErrNotExist) {
		return r.restart()
	}
	var err error
	if r.w, err = trace.AppendFrom(r.path, r.stage, step); err == nil {
		return nil
	}
	switch dropped, kept, mendErr := trace.Mend(r.path); {
	case errors.Is(mendErr, trace.ErrNoHeader):
		if kept, err = trace.SetAside(r.path); err != nil {
			return err
		}
		r.say(fmt.Sprintf("trace %s has no readable header: it is kept as %s, and a new one begins", r.path, kept))
		return r.restart()
	case mendErr != nil || dropped == 0:
		return err // as it was
	default:
		r.say(fmt.Sprintf("trace %s: %d broken lines are left out; the file as it was is kept as %s", r.path, dropped, kept))
	}
	r.w, err = trace.AppendFrom(r.path, r.stage, step)
	return err
}

func (r *Recorder) say(line string) {
	if r.Say != nil {
		r.Say(line)
	}
}

// restart begins a new trace in place of an existing one.
func (r *Recorder) restart() (err error) {
	r.w, err = trace.Create(r.path, r.header)
	return err
}

// clock is the priority of the hook that starts the clock. It comes after everybody else's hooks,
// because their time does not belong to the step.
const clock = train.Priority(1 << 30)

// Follow makes the recorder write the steps of the loop, before hooks with priorities above -100
// run.
func (r *Recorder) Follow(loop *train.Loop) {
	r.began = time.Now()
	loop.OnStep("gsm/record", -100, func(loop *train.Loop, metrics []*tensors.Tensor) error {
		step, whole := stepOf(loop)
		if !whole {
			return nil
		}
		r.took = time.Since(r.began)
		if step%r.header.Every != 0 && loop.LoopStep+1 != loop.EndStep {
			return nil
		}
		return r.step(step, shapes.ConvertTo[float64](metrics[0].Value()))
	})
	loop.OnStep("gsm/record: clock", clock, func(loop *train.Loop, _ []*tensors.Tensor) error {
		if _, whole := stepOf(loop); whole {
			r.began = time.Now()
		}
		return nil
	})
}

// stepOf returns the number of optimizer steps done at the end of a step of the loop, and whether
// that ended an optimizer step: where gradients are accumulated, the loop counts batches.
func stepOf(loop *train.Loop) (step int, whole bool) {
	batches, n := loop.LoopStep+1, max(1, loop.Trainer.NumAccumulatingSteps())
	return batches / n, batches%n == 0
}

// Header is the header of the trace, as far as it is known.
func (r *Recorder) Header() trace.Header { return r.header }

// Took is how long the last step took, without the hooks.
func (r *Recorder) Took() time.Duration { return r.took }

// step writes the step just done.
func (r *Recorder) step(step int, loss float64) error {
	s := trace.Step{
		Stage: r.stage, Step: step, Loss: loss, LearningRate: r.config.LearningRate.At(step - 1), Seconds: r.took.Seconds(),
	}
	if per := r.header.StepsPerEpoch; per > 0 {
		s.Epoch = float64(step) / float64(per)
	}
	if r.config.Telemetry {
		now, err := gsm.ReadTelemetry(r.store)
		if err != nil {
			return err
		}
		s.Threshold, s.Active = new(now.Threshold), now.Active
		s.Flips, s.Reactivated = new(int64(now.Flips)), new(int64(now.Reactivated))
	}
	return r.write(s)
}

// Measured writes an evaluation of the network on the test set, and how far the weights that a cut
// would drop have collapsed. Values that were not measured are NaN.
func (r *Recorder) Measured(step int, accuracy, loss float64) error {
	if err := r.write(trace.Eval{Stage: r.stage, Step: step, Accuracy: accuracy, Loss: loss}); err != nil {
		return err
	}
	m, err := r.magnitude(step)
	if err != nil {
		return err
	}
	return r.write(m)
}

// Cut writes what the final cut after step steps did: the mask and threshold that gsm.Cut returned,
// and the accuracy before and after it. NaN means not measured.
func (r *Recorder) Cut(step int, mask gsm.Mask, threshold, before, after float64) error {
	return r.write(r.cut(step, mask, threshold, before, after))
}

func (r *Recorder) cut(step int, mask gsm.Mask, threshold, before, after float64) trace.Cut {
	c := trace.Cut{Stage: r.stage, Step: step, Threshold: threshold, Q: mask.Kept(), AccuracyBefore: before, AccuracyAfter: after}
	for _, l := range mask.Layers {
		c.Kept = append(c.Kept, l.Kept())
	}
	return c
}

// HasCut reports whether the trace holds this cut already.
func (r *Recorder) HasCut(step int, mask gsm.Mask, threshold, before, after float64) bool {
	want := r.cut(step, mask, threshold, before, after)
	run, err := trace.Load(r.path)
	return err == nil && slices.ContainsFunc(run.Cuts, func(old trace.Cut) bool { return reflect.DeepEqual(old, want) })
}

// magnitude describes what a cut would do now.
func (r *Recorder) magnitude(step int) (trace.Magnitude, error) {
	edges := r.header.HistogramEdges
	out := trace.Magnitude{Stage: r.stage, Step: step, Histogram: make([]int, len(edges)+1)}
	mask, threshold, err := gsm.MagnitudeMask(r.store, r.config.Prunable, r.q)
	if err != nil {
		return out, err
	}
	out.Threshold = threshold
	var below, all float64
	for i, v := range r.layers {
		weights, err := floats(v)
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

// write writes a record to the trace, which Resume has opened.
func (r *Recorder) write(rec trace.Record) error {
	if r.w == nil {
		return fmt.Errorf("record: %s is not open: begin a stage first", r.path)
	}
	return r.w.Write(rec)
}

// Sync waits until everything recorded is on disk. Call it before you save a checkpoint, so that
// the trace is never behind it.
func (r *Recorder) Sync() error {
	if r.w == nil {
		return nil
	}
	return r.w.Sync()
}

// Close ends the recording. Without an open trace it does nothing.
func (r *Recorder) Close() error {
	if r.w == nil {
		return nil
	}
	w := r.w
	r.w = nil
	return w.Close()
}
