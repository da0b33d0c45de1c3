// Attach, for programs with one training loop: a Recorder that opens its trace, follows the loop
// and measures by itself.

package record

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"

	"gsmlab/gsm"
	"gsmlab/gsm/trace"
)

// Options tell a recorder what it cannot find out by itself. The comment of each field says what
// its zero value means.
type Options struct {
	// Stage names the training in the trace; "" is trace.StageGSM.
	Stage string
	// Steps is the planned length of the stage, for the budget S in the trace; 0 leaves S out.
	Steps int
	// Every is the number of steps between two step records; 0 is 20, 1 records each step.
	Every int
	// Evaluate measures the network, for instance on a test set. It returns the accuracy as a
	// fraction and the mean loss, and NaN for what it does not measure. nil measures nothing.
	Evaluate func() (accuracy, loss float64, err error)
	// EvaluateEvery is the number of steps between two evaluations, each of which comes with a
	// histogram of all weights. 0 evaluates once at the beginning and once at the end.
	EvaluateEvery int
	// Say gets remarks in words, as when a damaged trace was mended; it may be nil.
	Say func(string)
	// Header holds what a reader may want to know about the run: Model, Preset, Seed, BatchSize,
	// StepsPerEpoch, Command. All of it may be left empty. The recorder fills in the fields that it
	// knows better.
	Header trace.Header
}

// Attach makes a recorder that writes the steps of a training loop to the trace at path. config is
// the configuration of the loop's optimizer. The first step creates the file, because the network
// has its variables then. A loop that begins at step 0 replaces an existing trace; a loop resumed
// from a checkpoint continues the trace from that step. When the loop ends, everything recorded is
// on disk.
func Attach(loop *train.Loop, path string, config gsm.Config, o Options) (*Recorder, error) {
	if _, err := gsm.New(config); err != nil {
		return nil, err
	}
	if o.Every < 0 || o.Steps < 0 || o.EvaluateEvery < 0 {
		return nil, fmt.Errorf("record: Every %d, Steps %d, EvaluateEvery %d: none may be negative", o.Every, o.Steps, o.EvaluateEvery)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		// better to say so now than after the first step
		return nil, fmt.Errorf("record: %s: no such folder: make it first", filepath.Dir(path))
	}
	if o.Stage == "" {
		o.Stage = trace.StageGSM
	}
	h, store := o.Header, loop.Trainer.Store()
	if o.Every != 0 {
		h.Every = o.Every
	}
	if h.Backend == "" {
		h.Backend = loop.Trainer.Backend().Name()
	}
	if h.Seed == 0 {
		h.Seed = model.GetRootParamOr(store, model.ParamInitialSeed, int64(0))
	}
	if o.Steps > 0 {
		h.Stages = []trace.StagePlan{{Name: o.Stage, Steps: o.Steps}}
		h.BudgetS = gsm.BudgetS(config, o.Steps).S
	}
	a := &attached{Recorder: New(path, h), config: config, options: o}
	a.Say = o.Say
	loop.OnStart("gsm/record", 0, a.start)
	loop.OnStep("gsm/record: open", -101, a.open)
	a.Follow(loop)
	loop.OnStep("gsm/record: evaluate", -99, a.evaluate)
	loop.OnEnd("gsm/record", 0, func(*train.Loop, []*tensors.Tensor) error { return a.Sync() })
	return a.Recorder, nil
}

// attached is a recorder that evaluates by itself.
type attached struct {
	*Recorder
	config  gsm.Config
	options Options
	first   *[2]float64 // accuracy and loss before the first step, until the trace is open
}

// start measures the network before training, if it has its variables already.
func (a *attached) start(loop *train.Loop, _ train.Dataset) error {
	a.first = nil
	if a.options.Evaluate == nil || loop.LoopStep > 0 || gsm.CountPrunable(loop.Trainer.Store(), a.config.Prunable) == 0 {
		return nil
	}
	accuracy, loss, err := a.options.Evaluate()
	a.first = &[2]float64{accuracy, loss}
	return err
}

// open begins the trace after the first step: by then the network has its variables, and the
// optimizer has chosen among them.
func (a *attached) open(loop *train.Loop, _ []*tensors.Tensor) error {
	if a.w != nil {
		return nil
	}
	if err := a.Begin(a.options.Stage, loop.Trainer.Store(), a.config); err != nil {
		return err
	}
	step, _ := stepOf(loop)
	if loop.LoopStep > 0 {
		return a.Resume(step - 1)
	}
	if err := a.restart(); err != nil || a.first == nil {
		return err
	}
	return a.write(trace.Eval{Stage: a.stage, Accuracy: a.first[0], Loss: a.first[1]})
}

// evaluate measures at the set intervals and at the end.
func (a *attached) evaluate(loop *train.Loop, _ []*tensors.Tensor) error {
	step, whole := stepOf(loop)
	every, last := a.options.EvaluateEvery, loop.LoopStep+1 == loop.EndStep
	if !whole || !last && (every == 0 || step%every != 0) {
		return nil
	}
	if a.options.Evaluate == nil { // the collapse of the weights shows without it
		m, err := a.magnitude(step)
		if err != nil {
			return err
		}
		return a.write(m)
	}
	accuracy, loss, err := a.options.Evaluate()
	if err != nil {
		return err
	}
	return a.Measured(step, accuracy, loss)
}

// layerName shortens the path of a kernel to what a reader calls its layer: "/conv1/weights" and
// "/fc1/dense/weights" are conv1 and fc1.
func layerName(path string) string {
	name := strings.TrimPrefix(path, model.ScopeSeparator)
	return strings.TrimSuffix(strings.TrimSuffix(name, "/weights"), "/dense")
}

// floats copies the weights of a variable of any type, for the histogram.
func floats(v *model.Variable) ([]float32, error) {
	value, err := v.Value()
	if err != nil {
		return nil, fmt.Errorf("record: reading %q: %w", v.Path(), err)
	}
	var out []float32
	switch v.DType() {
	case dtypes.Float32:
		out, err = tensors.CopyFlatData[float32](value)
	case dtypes.Float64:
		err = tensors.ConstFlatData(value, func(flat []float64) {
			for _, x := range flat {
				out = append(out, float32(x))
			}
		})
	default: // the half precisions, whose values know what they are
		err = value.ConstFlatData(func(flat any) {
			all := reflect.ValueOf(flat)
			for i := range all.Len() {
				if x, ok := all.Index(i).Interface().(interface{ Float32() float32 }); ok {
					out = append(out, x.Float32())
				}
			}
		})
		if n := v.Shape().Size(); err == nil && len(out) != n {
			err = fmt.Errorf("type %s: no weights of that type can be counted", v.DType())
		}
	}
	if err != nil {
		return nil, fmt.Errorf("record: %q: %w", v.Path(), err)
	}
	return out, nil
}
