package recipe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"gsmlab/gsm"
	"gsmlab/gsm/snapshot"
	"gsmlab/gsm/trace"
	"gsmlab/models/weights"
)

// SplitBase splits a base (Options.Base) into a run folder and a stage. For a run folder it returns
// that folder and "". For a stage's folder in a run, such as DIR/gsm, it returns DIR and the last
// part, one of EvalStages. For a safetensors file, or no base, it returns "" twice.
func SplitBase(base string) (run, stage string) {
	if base == "" || strings.HasSuffix(base, weights.Suffix) {
		return "", ""
	}
	base = filepath.Clean(base)
	_, err := os.Stat(filepath.Join(base, PlanFile))
	if name := filepath.Base(base); err != nil && slices.Contains(EvalStages(), name) {
		return filepath.Dir(base), name
	}
	return base, ""
}

// trainBase trains the dense network in the run's folder. If it is already trained, here or
// elsewhere, trainBase opens it. When it trains a network, it keeps the initial values in the
// folder, for tickets.
func (r *run) trainBase(ctx context.Context) (*Network, error) {
	switch run, stage := SplitBase(r.Base); {
	case stage != "":
		return r.otherStage(run, stage)
	case run != "":
		if err := r.sameBase(run); err != nil {
			return nil, err
		}
		return r.otherStage(run, trace.StageBase)
	case r.Base != "":
		return openFile(r.Backend, r.model, r.Data.Test, r.Base)
	}
	if _, missing := savedStage(r.Out, trace.StageBase); missing != nil {
		if _, none := savedStage(r.Out, trace.StageGSM); none == nil {
			// say so now, not after an hour of training another base
			return nil, tagged{fmt.Errorf("recipe: the gsm stage in %s did not begin with a base of that folder", r.Out), ErrNeedsBase}
		}
	}
	config := r.plan.Base.Config(r.perEpoch)
	opt, err := gsm.New(config)
	if err != nil {
		return nil, err
	}
	s, err := r.openStage(trace.StageBase, method{Stage: r.plan.Base, config: config, learning: learning{opt: opt}}, nil)
	if err != nil {
		return nil, err
	}
	if s.done == 0 {
		init, err := snapshot.Take(s.store)
		if err != nil {
			return nil, err
		}
		if err := init.Save(filepath.Join(r.Out, InitFile)); err != nil {
			return nil, err
		}
	}
	if err := s.begin(); err != nil {
		return nil, err
	}
	return s.Network, s.train(ctx)
}

// sameBase checks that the run in dir has the base stage of this plan.
func (r *run) sameBase(dir string) error {
	p, err := LoadPlan(dir)
	if err != nil {
		return err
	}
	if p.Model != r.plan.Model || p.Seed != r.plan.Seed || p.Batch != r.plan.Batch || !reflect.DeepEqual(p.Base, r.plan.Base) {
		return fmt.Errorf("recipe: %s has the base of another plan (%s %s, seed %d): model, seed, batch and base stage must be the same", dir, p.Model, p.Preset, p.Seed)
	}
	return nil
}

// otherStage opens the plan's network with the weights of a stage of another run, which may have
// any plan. The weights of a GSM stage, for example, are the network before its cut, which can be
// pruned further. That run's folder is only read.
func (r *run) otherStage(dir, stage string) (*Network, error) {
	p, store, err := LoadStage(dir, stage, r.say)
	if err != nil {
		return nil, err
	}
	defer store.Finalize()
	if p.Model != r.plan.Model {
		return nil, fmt.Errorf("recipe: %s has a %s, not a %s: name a run of that model", dir, p.Model, r.plan.Model)
	}
	epochs := p.Base.Epochs
	if stage == trace.StageGSM {
		epochs = p.GSM.Epochs
	}
	steps := epochs * p.StepsPerEpoch(r.Data.Train.Len())
	if done := int(optimizer.GetGlobalStep(store)); done < steps && stage != StagePruned {
		// a pruned network keeps no steps
		return nil, fmt.Errorf("recipe: the stage %q in %s is at step %d of %d: finish that run first", stage, dir, done, steps)
	}
	start, err := snapshot.Take(store)
	if err != nil {
		return nil, err
	}
	fresh := model.NewStore()
	if err := start.Restore(fresh); err != nil {
		return nil, err
	}
	return openNetwork(r.Backend, r.model, fresh, r.Data.Test, learning{})
}

// initial returns the initial weights of the base, for tickets.
func (r *run) initial() (snapshot.Snapshot, error) {
	dir := r.Out
	if r.Base != "" {
		dir = r.Base
	}
	init, err := snapshot.Load(filepath.Join(dir, InitFile))
	if errors.Is(err, os.ErrNotExist) {
		return init, tagged{fmt.Errorf("recipe: a ticket needs the initial weights, which %s does not have", dir), ErrNoInit}
	}
	return init, err
}
