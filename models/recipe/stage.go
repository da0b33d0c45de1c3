// A stage in progress: it trains a network, records, measures, saves, stops, and resumes from its
// checkpoint.

package recipe

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"time"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"gsmlab/gsm"
	"gsmlab/gsm/snapshot"
	"gsmlab/models/distill"
)

// Progress is told what a run does, as often as once per step, so it must be quick.
type Progress func(Event)

// Event is one report of progress.
type Event struct {
	Stage       string // trace.StageBase, trace.StageGSM, ...
	Step, Steps int    // steps done, and their total
	Epoch       float64
	Loss        float64
	Accuracy    float64 // the last one measured on the test set, NaN before the first
	StepTime    time.Duration
}

// stage is a stage in progress: a network and what trains it, in the run's folder.
type stage struct {
	*Network
	run     *run
	name    string
	batches *stream
	saved   checkpoints
	steps   int       // of the whole stage
	done    int       // so far
	savedAt time.Time // when the last checkpoint was written by this process, or the stage began
	times   []float64 // milliseconds of each step of this process
	// see Training.After; may be nil
	after func(step int) error
}

// method is how a stage trains.
type method struct {
	Stage             // its lengths and learning rate
	config gsm.Config // of the optimizer
	learning
	teacher *distill.Teacher // whose outputs the loss asks for; nil without distillation
	steps   int              // 0: as many as the epochs of Stage have
}

// openStage opens a stage in the run's folder. It continues from the stage's checkpoint if there is
// one, else from the values in start, or from the seed's random initial values if start is nil.
func (r *run) openStage(name string, how method, start Restorer) (*stage, error) {
	s := &stage{run: r, name: name, saved: checkpoints{dir: filepath.Join(r.Out, name)}, steps: cmp.Or(how.steps, how.Epochs*r.perEpoch)}
	store := model.NewStore()
	store.SetParam(model.ParamInitialSeed, r.plan.Seed)
	loaded, err := s.saved.open(store, r.say)
	if err != nil {
		return nil, err
	}
	s.done = int(optimizer.GetGlobalStep(store))
	if loaded == "" && start != nil {
		if err := start.Restore(store); err != nil {
			return nil, err
		}
	}
	// Not the order that the stages before it saw.
	seed := r.plan.Seed
	for _, letter := range name {
		seed = seed*31 + int64(letter)
	}
	if s.batches, err = r.newStream(seed, how.teacher); err != nil {
		return nil, err
	}
	how.schedule(store, r.perEpoch)
	if s.Network, err = openNetwork(r.Backend, r.model, store, r.Data.Test, how.learning); err != nil {
		return nil, fmt.Errorf("%w: the weights are in %s", err, s.saved.dir)
	}
	return s, r.trace.Begin(name, store, how.config)
}

// paramStart is a parameter of checkpoints. It holds the digest of the network that the stage began
// with.
const paramStart = "recipe_start"

// startedFrom records the network that the stage begins with, and refuses to continue a stage that
// began with another.
func (s *stage) startedFrom(start snapshot.Snapshot) error {
	digest, err := start.Digest()
	if err != nil {
		return err
	}
	// Older runs have no such parameter.
	if began := model.GetRootParamOr(s.store, paramStart, ""); s.done > 0 && began != "" && began != digest {
		return tagged{fmt.Errorf("recipe: the %s stage in %s began with a network other than that of %s", s.name, s.run.Out, cmp.Or(s.run.Base, "its base stage")), ErrOtherBase}
	}
	s.store.SetParam(paramStart, digest)
	return nil
}

// begin records the network before the first step, the start of all curves.
func (s *stage) begin() error {
	if s.done > 0 {
		return nil
	}
	if err := s.run.trace.Resume(-1); err != nil { // an earlier call may have come this far
		return err
	}
	if err := s.recordMeasured(); err != nil {
		return err
	}
	return s.run.trace.Sync()
}

// recordMeasured writes the last measurement to the trace.
func (s *stage) recordMeasured() error {
	return s.run.trace.Measured(s.done, s.accuracy, float64(s.loss))
}

// train trains the stage to its end. When ctx ends it saves a checkpoint and returns ErrStopped.
func (s *stage) train(ctx context.Context) error {
	if s.done >= s.steps {
		return nil
	}
	if err := s.run.trace.Resume(s.done); err != nil {
		return err
	}
	s.batches.startAt(s.done)
	s.savedAt = time.Now()
	loop := train.NewLoop(s.Network.train)
	var failed error
	loop.OnStep("recipe: loss", train.Priority(-1000), func(loop *train.Loop, metrics []*tensors.Tensor) error {
		// before anything is recorded
		s.done = loop.LoopStep + 1
		failed = s.checkLoss(float64(tensors.ToScalar[float32](metrics[0])))
		return failed
	})
	s.run.trace.Follow(loop)
	loop.OnStep("recipe", -1, func(loop *train.Loop, metrics []*tensors.Tensor) error {
		failed = s.afterStep(ctx, float64(tensors.ToScalar[float32](metrics[0])), s.run.trace.Took())
		return failed
	})
	if _, err := loop.RunSteps(s.batches.Dataset, s.steps-s.done); err != nil {
		if failed != nil {
			return failed // the original error, without the loop's wrapping
		}
		return fmt.Errorf("recipe: %s stage, step %d: %w", s.name, s.done, err)
	}
	return nil
}

func (s *stage) checkLoss(loss float64) error {
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return fmt.Errorf("%w: the loss is %g at step %d of the %s stage; the last good checkpoint is kept in %s: lower the learning rate or momentum",
			ErrDiverged, loss, s.done, s.name, s.saved.dir)
	}
	return nil
}

// afterStep evaluates, saves and stops, each when due.
func (s *stage) afterStep(ctx context.Context, loss float64, took time.Duration) error {
	s.times = append(s.times, float64(took.Microseconds())/1e3)
	if s.after != nil {
		if err := s.after(s.done); err != nil {
			return err
		}
	}
	perEpoch := s.run.perEpoch
	endOfEpoch := s.done%perEpoch == 0
	if endOfEpoch && (s.done/perEpoch)%s.evalEpochs() == 0 || s.done == s.steps {
		if err := s.Measure(); err != nil {
			return err
		}
		if err := s.recordMeasured(); err != nil {
			return err
		}
	}
	s.run.progress(Event{Stage: s.name, Step: s.done, Steps: s.steps, Epoch: float64(s.done) / float64(perEpoch), Loss: loss, Accuracy: s.accuracy, StepTime: took})
	stop := ctx.Err() != nil
	due := endOfEpoch && (s.done/perEpoch)%checkpointEpochs == 0 || time.Since(s.savedAt) > checkpointTime
	if due || s.done == s.steps || stop {
		s.savedAt = time.Now()
		if err := s.run.trace.Sync(); err != nil {
			return err
		}
		if err := s.saved.save(s.store, keptCheckpoints); err != nil {
			return err
		}
	}
	if stop && s.done < s.steps {
		return fmt.Errorf("%w at step %d of %d of the %s stage", ErrStopped, s.done, s.steps, s.name)
	}
	return nil
}

// evalEpochs is how many epochs lie between two evaluations of the test set: one in a short stage,
// two in a longer one.
func (s *stage) evalEpochs() int {
	if s.steps < 20*s.run.perEpoch {
		return 1
	}
	return 2
}

// How often a checkpoint is saved; the numbers are epochs.
const (
	checkpointEpochs = 2
	checkpointTime   = 5 * time.Minute // for networks whose epochs are long
)

// medianStep is the median time of a training step in milliseconds, 0 before the first.
func (s *stage) medianStep() float64 {
	if len(s.times) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s.times))
	return sorted[len(sorted)/2]
}
