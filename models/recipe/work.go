// Work: stages that a caller makes up, with an optimizer of its own, in a run folder. They are
// recorded, checkpointed, stopped and resumed like those of Prune.

package recipe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"gsmlab/gsm"
	"gsmlab/gsm/snapshot"
)

// Work is a run folder in which the caller carries out stages. It is locked until Close.
type Work struct{ run *run }

// Begin opens the run folder o.Out for stages of the plan's model. Errors are those of Prune.
func Begin(plan Plan, o Options) (*Work, error) {
	r, err := begin(plan, o)
	if err != nil {
		return nil, err
	}
	return &Work{r}, nil
}

// Close ends the trace and unlocks the folder.
func (w *Work) Close() error { return w.run.close() }

// Base returns the dense network of the plan: it trains it, or continues or opens the one that is
// in the folder or that Options.Base names.
func (w *Work) Base(ctx context.Context) (*Network, error) { return w.run.trainBase(ctx) }

// Initial returns the initial weights of the base, which Base has trained.
func (w *Work) Initial() (snapshot.Snapshot, error) { return w.run.initial() }

// Training is one stage of the caller's.
type Training struct {
	Name  string // of the stage, and of its folder of checkpoints
	Steps int
	// Config says what Optimizer does, for the trace: the learning rate above all.
	Config    gsm.Config
	Optimizer optimizer.Interface
	// Start has the values that the stage begins with; nil means the seed's initial ones. It is not
	// used if the stage has a checkpoint.
	Start Restorer
	// After, which may be nil, is called after each step, before the network is measured or saved,
	// and may change variables of the network's store. What it needs to know after a restart must
	// be in the store.
	After func(n *Network, step int) error
}

// Train carries out a stage, or continues it from its checkpoint. It returns the network after the
// last step. Errors are those of Prune.
func (w *Work) Train(ctx context.Context, t Training) (*Network, error) {
	s, err := w.run.openStage(t.Name, method{config: t.Config, learning: learning{opt: t.Optimizer}, steps: t.Steps}, t.Start)
	if err != nil {
		return nil, err
	}
	if t.After != nil {
		s.after = func(step int) error { return t.After(s.Network, step) }
	}
	if err := s.begin(); err != nil {
		return nil, err
	}
	return s.Network, s.train(ctx)
}

// Open returns a network with the given values that no stage trains, to be measured or cut.
func (w *Work) Open(start Restorer) (*Network, error) {
	store := model.NewStore()
	if err := start.Restore(store); err != nil {
		return nil, err
	}
	return openNetwork(w.run.Backend, w.run.model, store, w.run.Data.Test, learning{})
}

// Save saves a pruned network as the stage StagePruned of the folder, with its mask.
func (w *Work) Save(n *Network, mask gsm.Mask) error {
	if err := mask.Save(filepath.Join(w.run.Out, MaskFile)); err != nil {
		return err
	}
	return w.run.savePruned(n.store)
}

// Forget removes the checkpoints of stages.
func (w *Work) Forget(stages []string) error {
	var failed error
	for _, name := range stages {
		if err := os.RemoveAll(filepath.Join(w.run.Out, name)); err != nil {
			failed = errors.Join(failed, fmt.Errorf("recipe: removing the checkpoints of a stage: %w", err))
		}
	}
	return failed
}
