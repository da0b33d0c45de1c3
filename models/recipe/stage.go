// One stage: a network in training, its steps, its measurements, and batch norm's averages after
// the cut.

package recipe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"time"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/dataset"
	"github.com/gomlx/gomlx/ml/layers/norm"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/gomlx/gomlx/ml/train/metric"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"gsmlab/gsm"
	"gsmlab/gsm/snapshot"
	"gsmlab/models"
	"gsmlab/models/data"
)

// Errors that callers may want to tell apart.
var (
	// ErrStopped: the context ended. The stage has saved a checkpoint at the step it reached.
	ErrStopped = errors.New("stopped")
	// ErrDiverged: the loss or a weight became NaN or infinite. The last good checkpoint is kept.
	ErrDiverged = errors.New("training diverged")
)

// Progress is told what a run does, as often as each step; it must be quick.
type Progress func(Event)

// Event is one sign of progress.
type Event struct {
	Stage       string // trace.StageBase, trace.StageGSM, ...
	Step, Steps int    // steps done, and of how many
	Epoch       float64
	Loss        float64
	Accuracy    float64 // the last one measured on the test set, NaN before the first
	StepTime    time.Duration
}

// trainer holds one stage in progress.
type trainer struct {
	env      *Env
	name     string // of the stage
	model    models.Model
	store    *model.Store
	train    *train.Trainer
	test     train.Dataset
	batches  *stream
	perEpoch int // steps
	config   gsm.Config
	steps    int
	saved    checkpoints
	layers   []*model.Variable // prunable, in order

	loaded   string    // the checkpoint that the stage continues from, "" for none
	done     int       // steps done so far
	accuracy float64   // on the test set, 0 to 1, when it was last measured
	loss     float32   // mean over the test set, likewise
	savedAt  time.Time // when the last checkpoint was written by this process, or the stage began
	times    []float64 // milliseconds of each step of this process
}

// newTrainer opens a stage in the run folder dir: continued from its checkpoint if it has one, else
// from the values in start (the seed's random initial ones if start is nil). Without dir, "", it can only be measured.
func newTrainer(env *Env, dir, name string, config gsm.Config, opt optimizer.Interface, epochs int, start restorer) (*trainer, error) {
	p := env.Plan
	m, err := models.Lookup(p.Model)
	if err != nil {
		return nil, err
	}
	t := &trainer{env: env, name: name, model: m, config: config}
	if dir != "" {
		t.saved.dir = filepath.Join(dir, name)
	}
	t.store = model.NewStore()
	t.store.SetParam(model.ParamInitialSeed, p.Seed)
	if t.loaded, err = t.saved.open(t.store, env.say); err != nil {
		return nil, err
	}
	t.done = int(optimizer.GetGlobalStep(t.store))
	if t.loaded == "" && start != nil {
		if err := start.Restore(t.store); err != nil {
			return nil, err
		}
	}
	if t.test, err = data.NewEval(env.Data.Test, 1000); err != nil {
		return nil, err
	}
	// Another order than the stages before it saw.
	seed := p.Seed
	for _, letter := range name {
		seed = seed*31 + int64(letter)
	}
	if t.batches, err = newStream(env, seed); err != nil {
		return nil, err
	}
	t.perEpoch = p.StepsPerEpoch(env.Data.Train.Len())
	t.steps = epochs * t.perEpoch
	t.train = train.NewTrainer(env.Backend, t.store, m.Logits, loss.SparseCategoricalCrossEntropyLogits, opt,
		nil, []metric.Interface{metric.NewSparseCategoricalAccuracy("Accuracy", "#acc")})
	// The first evaluation builds the network: all its variables exist from here on.
	if err := t.measure(); err != nil {
		return nil, err
	}
	t.layers = gsm.Prunable(t.store, nil)
	if n := gsm.CountPrunable(t.store, nil); n != m.Prunable {
		return nil, fmt.Errorf("recipe: checkpoint in %s is of another model: it has %d prunable weights, %s has %d", t.saved.dir, n, m.Name, m.Prunable)
	}
	env.trace.describe(t.layers)
	return t, nil
}

// paramStart is the parameter of a checkpoint that holds the digest of the network that the stage began with.
const paramStart = "recipe_start"

// startedFrom remembers the network that the stage begins with, and refuses to go on with a stage that began with another.
func (t *trainer) startedFrom(start snapshot.Snapshot) error {
	digest, err := start.Digest()
	if err != nil {
		return err
	}
	// Runs of before this was kept have none.
	if began := model.GetRootParamOr(t.store, paramStart, ""); t.done > 0 && began != "" && began != digest {
		return fmt.Errorf("recipe: the %s stage in %s began with another network than that of %s: give this run its own folder with --out, or name with --base what that one began with",
			t.name, t.env.Out, cmp.Or(t.env.Base, "its base stage"))
	}
	t.store.SetParam(paramStart, digest)
	return nil
}

// measure evaluates the network on the test set, for t.accuracy and t.loss.
func (t *trainer) measure() error {
	metrics, err := t.train.Eval(t.test)
	if err != nil {
		return fmt.Errorf("recipe: evaluating %s: %w", t.model.Name, err)
	}
	t.loss, t.accuracy = tensors.ToScalar[float32](metrics[0]), decimal(tensors.ToScalar[float32](metrics[1]))
	return nil
}

// averagesBatch and averagesBatches are how many training images the averages of batch norm are computed from after the cut.
const averagesBatch, averagesBatches = 250, 40

// renewAverages computes the averages of batch norm for the network as it is now, if it has batch norm: those
// that training left belong to weights that the cut took. No weight changes. The images are augmented as in training:
// the network was trained with their statistics, and those of the images as they are cost it points (docs/results.md).
func (t *trainer) renewAverages() error {
	set := t.env.Data.Train
	images, err := data.NewBatches(set, averagesBatch, t.env.Plan.Seed, data.WithAugment(set.Form().Augment))
	if err != nil {
		return err
	}
	if _, err := norm.UpdateBatchNormAverages(t.train, dataset.Take(images, averagesBatches)); err != nil {
		return fmt.Errorf("recipe: averages of batch norm after the cut: %w", err)
	}
	return nil
}

// begin records the network before the first step, where all curves start.
func (t *trainer) begin() error {
	if t.done > 0 {
		return nil
	}
	if err := t.env.trace.resume(t.name, -1); err != nil { // an earlier call may have come as far as this
		return err
	}
	if err := t.recordMeasured(); err != nil {
		return err
	}
	return t.env.trace.sync()
}

// run trains the stage to its end. When ctx ends it saves a checkpoint and returns ErrStopped.
func (t *trainer) run(ctx context.Context) error {
	if t.done >= t.steps {
		return nil
	}
	if err := t.env.trace.resume(t.name, t.done); err != nil {
		return err
	}
	t.batches.startAt(t.done)
	t.savedAt = time.Now()
	loop := train.NewLoop(t.train)
	began := time.Now()
	var failed error
	loop.OnStep("recipe", -1, func(loop *train.Loop, metrics []*tensors.Tensor) error {
		t.done = loop.LoopStep + 1
		failed = t.afterStep(ctx, float64(tensors.ToScalar[float32](metrics[0])), time.Since(began))
		began = time.Now()
		return failed
	})
	if _, err := loop.RunSteps(t.batches.Dataset, t.steps-t.done); err != nil {
		if failed != nil {
			return failed // as it was, without what the loop wraps it in
		}
		return fmt.Errorf("recipe: %s stage, step %d: %w", t.name, t.done, err)
	}
	return nil
}

// afterStep records, evaluates, saves and stops, each when it is due.
func (t *trainer) afterStep(ctx context.Context, lossValue float64, took time.Duration) error {
	if math.IsNaN(lossValue) || math.IsInf(lossValue, 0) {
		return fmt.Errorf("%w: the loss is %g at step %d of the %s stage; the last good checkpoint is kept in %s: lower the learning rate or momentum",
			ErrDiverged, lossValue, t.done, t.name, t.saved.dir)
	}
	t.times = append(t.times, float64(took.Microseconds())/1e3)
	perEpoch := t.perEpoch
	epoch := float64(t.done) / float64(perEpoch)
	if t.done%t.env.traceEvery() == 0 || t.done == t.steps {
		if err := t.record(lossValue, epoch, took); err != nil {
			return err
		}
	}
	endOfEpoch := t.done%perEpoch == 0
	if endOfEpoch && ((t.done/perEpoch)%t.evalEpochs() == 0 || t.done == t.steps) {
		if err := t.measure(); err != nil {
			return err
		}
		if err := t.recordMeasured(); err != nil {
			return err
		}
	}
	t.env.progress(Event{Stage: t.name, Step: t.done, Steps: t.steps, Epoch: epoch, Loss: lossValue, Accuracy: t.accuracy, StepTime: took})
	stop := ctx.Err() != nil
	due := endOfEpoch && (t.done/perEpoch)%checkpointEpochs == 0 || time.Since(t.savedAt) > checkpointTime
	if due || t.done == t.steps || stop {
		t.savedAt = time.Now()
		if err := t.env.trace.sync(); err != nil {
			return err
		}
		if err := t.saved.save(t.store); err != nil {
			return err
		}
	}
	if stop && t.done < t.steps {
		return fmt.Errorf("%w at step %d of %d of the %s stage; run the same command again to continue", ErrStopped, t.done, t.steps, t.name)
	}
	return nil
}

// evalEpochs is how often the test set is evaluated: after each epoch of a short stage, else after each second one.
func (t *trainer) evalEpochs() int {
	if t.steps < 20*t.perEpoch {
		return 1
	}
	return 2
}

// How often a checkpoint is saved; the numbers are epochs.
const (
	checkpointEpochs = 2
	checkpointTime   = 5 * time.Minute // for networks whose epochs are long
)

// decimal widens a float32 to the shortest decimal number that it stands for: 0.9802, not
// 0.9801999926567078.
func decimal(x float32) float64 {
	wide, _ := strconv.ParseFloat(strconv.FormatFloat(float64(x), 'g', -1, 32), 64) // its own output always parses
	return wide
}
