// Task: what a method gets to work with, and the pieces of work that methods share.

package rivals

import (
	"context"
	"fmt"
	"math"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"

	"gsmlab/gsm"
	"gsmlab/gsm/snapshot"
	"gsmlab/models"
	"gsmlab/models/data"
	"gsmlab/models/recipe"
)

// Task is one network to be pruned by one method.
type Task struct {
	model    models.Model
	plan     recipe.Plan // its compression and seed are those of the task
	q        int         // weights that stay
	steps    int         // that the method may train
	training data.Set
	backend  compute.Backend
	work     *recipe.Work
	say      func(string)

	base   *recipe.Network // the dense network
	layers []layer

	trained int      // steps
	stages  []string // that were trained
	notes   []string
}

// note adds a remark to the method's row of the table.
func (t *Task) note(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

// dense returns a copy of the dense network's values.
func (t *Task) dense() (snapshot.Snapshot, error) { return snapshot.Take(t.base.Store()) }

// stretched is the learning rate of the plan's base stage, multiplied by factor, with its warm-up
// and drops at the same shares of the given number of steps.
func (t *Task) stretched(steps int, factor float64) gsm.Schedule {
	base := t.plan.Base
	at := func(epoch int) int {
		return int(math.Round(float64(epoch) / float64(base.Epochs) * float64(steps)))
	}
	s := gsm.Schedule{Base: base.LearningRate * factor, WarmupSteps: at(base.WarmupEpochs), Factor: base.Factor}
	for _, epoch := range base.Milestones {
		if m := at(epoch); len(s.Milestones) == 0 && m > 0 || len(s.Milestones) > 0 && m > s.Milestones[len(s.Milestones)-1] {
			s.Milestones = append(s.Milestones, m)
		}
	}
	return s
}

// sgd is momentum SGD of all weights as in the plan's base stage, with the given learning rate.
func (t *Task) sgd(rate gsm.Schedule) gsm.Config {
	config := t.plan.Base.Config(1)
	config.LearningRate = rate
	return config
}

// stage is a piece of training under a mask.
type stage struct {
	name   string
	steps  int
	config gsm.Config
	masked masked
	start  recipe.Restorer
	after  func(m *masked, store *model.Store, step int) error
}

// train carries out a stage and returns its network.
func (t *Task) train(ctx context.Context, s stage) (*recipe.Network, error) {
	inner, err := gsm.New(s.config)
	if err != nil {
		return nil, err
	}
	s.masked.inner = inner
	training := recipe.Training{Name: s.name, Steps: s.steps, Config: s.config, Optimizer: &s.masked, Start: s.start}
	if s.after != nil {
		training.After = func(n *recipe.Network, step int) error { return s.after(&s.masked, n.Store(), step) }
	}
	return t.carryOut(ctx, training)
}

// carryOut trains a stage of any kind, and counts its steps.
func (t *Task) carryOut(ctx context.Context, training recipe.Training) (*recipe.Network, error) {
	n, err := t.work.Train(ctx, training)
	if err != nil {
		return nil, err
	}
	t.trained += training.Steps
	t.stages = append(t.stages, training.Name)
	return n, nil
}

// under restores values and sets what a mask drops to zero.
type under struct {
	values snapshot.Snapshot
	mask   gsm.Mask
}

// Restore implements recipe.Restorer.
func (u under) Restore(store *model.Store) error {
	if err := u.values.Restore(store); err != nil {
		return err
	}
	return u.mask.Apply(store)
}

// retrain trains values under a mask that does not move, with the base's learning rate times factor
// stretched over the steps.
func (t *Task) retrain(ctx context.Context, name string, values snapshot.Snapshot, kept keep, steps int, factor float64) (*recipe.Network, error) {
	mask, err := kept.mask(t.layers)
	if err != nil {
		return nil, err
	}
	return t.train(ctx, stage{
		name: name, steps: steps, config: t.sgd(t.stretched(steps, factor)), masked: masked{start: kept}, start: under{values, mask},
	})
}

// exactly cuts a network in training, if it keeps more than q weights, to the q greatest of them;
// if it keeps fewer, the greatest of the pruned ones that still have a value come back. It says so
// in the store.
func (t *Task) exactly(m *masked, store *model.Store, q int) error {
	kept, err := masks(store, t.layers)
	if err != nil {
		return err
	}
	have := sum(kept.counts())
	if have == q {
		return nil
	}
	values, err := m.values(store, t.layers)
	if err != nil {
		return err
	}
	scores := values.each(math.Abs)
	top := 0.0
	for _, l := range scores {
		for _, s := range l {
			top = max(top, s)
		}
	}
	for i, l := range kept {
		for j := range l {
			if l[j] {
				scores[i][j] += 2 * top // before all that are pruned
			}
		}
	}
	remark := fmt.Sprintf("its rule kept %d weights; cut to the %d greatest", have, q)
	if have < q {
		remark = fmt.Sprintf("its rule kept %d weights; the greatest pruned ones came back, up to %d", have, q)
	}
	store.SetParam(paramRemark, remark)
	return m.setMask(store, t.layers, greatest(scores, q))
}

// paramRemark is a parameter of checkpoints: what exactly had to say, for a run that is stopped
// after it.
const paramRemark = "rivals_remark"

// batch returns the first batch of the training images in an order of its own.
func (t *Task) batch(size int) (train.Batch, error) {
	images, err := data.NewBatches(t.training, size, t.plan.Seed, data.WithAugment(t.training.Form().Augment))
	if err != nil {
		return train.Batch{}, err
	}
	for b, err := range images.Iter() {
		return b, err
	}
	return train.Batch{}, fmt.Errorf("rivals: no training images")
}

// gradients returns the gradient of the loss of one batch with respect to each prunable weight.
func (t *Task) gradients(store *model.Store, b train.Batch) (numbers, error) {
	layers := layersOf(store)
	results, err := model.CallOnceN(t.backend, store, func(scope *model.Scope, images, labels *graph.Node) []*graph.Node {
		g := images.Graph()
		logits := t.model.Logits(scope, images)
		mean := graph.ReduceAllMean(loss.SparseCategoricalCrossEntropyLogits([]*graph.Node{labels}, []*graph.Node{logits}))
		var kernels []*graph.Node
		for _, l := range layers {
			kernels = append(kernels, store.GetVariable(l.path).NodeValue(g))
		}
		return graph.Gradient(mean, kernels...)
	}, b.Inputs[0], b.Labels[0])
	if err != nil {
		return nil, fmt.Errorf("rivals: gradients of %s: %w", t.model.Name, err)
	}
	out := make(numbers, len(layers))
	for i, r := range results {
		flat, err := tensors.CopyFlatData[float32](r)
		if err != nil {
			return nil, err
		}
		for _, x := range flat {
			out[i] = append(out[i], float64(x))
		}
	}
	return out, nil
}

// initial returns the initial values of the dense network, from which methods start that do not use
// it, and the steps that they train: those of the base and those beyond it.
func (t *Task) initial() (snapshot.Snapshot, int, error) {
	init, err := t.work.Initial()
	return init, t.plan.Base.Epochs*t.plan.StepsPerEpoch(t.training.Len()) + t.steps, err
}

// mainStage is the name of the stage of methods that have one.
const mainStage = "rival"
