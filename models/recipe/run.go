// A run: what Prune does in a run folder, from the base stage to the report.

package recipe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/gsm"
	"gsmlab/gsm/record"
	"gsmlab/gsm/snapshot"
	"gsmlab/gsm/trace"
	"gsmlab/models"
	"gsmlab/models/distill"
)

// run is the state of a call that carries out a plan: the plan, the caller's options, and what
// follows from both.
type run struct {
	Options
	plan     Plan
	model    models.Model
	q        int // weights that stay
	perEpoch int // steps
	trace    *record.Recorder
	unlock   func() error
}

// Files of a run folder.
const (
	PlanFile   = "plan.json"
	TraceFile  = "trace.jsonl"
	ReportFile = "report.json"
	MaskFile   = "mask.gsmmask"
	InitFile   = "init"
)

// Prune carries out the plan: base, GSM and cut. It does not repeat stages that an earlier,
// interrupted call finished. It returns an error that wraps ErrStopped when ctx ends, and
// ErrDiverged when the loss or a weight is no longer finite; the run folder then holds the last
// good checkpoint.
func Prune(ctx context.Context, plan Plan, o Options) (*Report, error) {
	r, err := begin(plan, o)
	if err != nil {
		return nil, err
	}
	report, err := r.prune(ctx)
	return report, errors.Join(err, r.close())
}

// begin checks the plan and the folder, locks the folder until close, and prepares the trace.
func begin(plan Plan, o Options) (*run, error) {
	if err := plan.Check(); err != nil {
		return nil, err
	}
	m, err := models.Lookup(plan.Model)
	if err != nil {
		return nil, err
	}
	r := &run{Options: o, plan: plan, model: m, perEpoch: plan.StepsPerEpoch(o.Data.Train.Len())}
	if r.q, err = gsm.Quota(m.Prunable, plan.Compression); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Out, 0o777); err != nil {
		return nil, tagged{fmt.Errorf("recipe: run folder: %w", err), ErrFolder}
	}
	if r.unlock, err = lock(o.Out, r.say); err != nil {
		return nil, err
	}
	if err := r.samePlan(); err != nil {
		return nil, errors.Join(err, r.unlock())
	}
	budget, warning := plan.Budget(o.Data.Train.Len())
	if warning != "" {
		r.say("warning: " + warning)
	}
	r.trace = record.New(filepath.Join(o.Out, TraceFile), trace.Header{
		Model: plan.Model, Preset: plan.Preset, Backend: o.Spec, Seed: plan.Seed, Compression: plan.Compression, Q: r.q,
		BudgetS: budget.S, BatchSize: plan.Batch, StepsPerEpoch: r.perEpoch, Every: o.Every, Command: o.Command,
		Stages: []trace.StagePlan{{Name: trace.StageBase, Steps: plan.Base.Epochs * r.perEpoch}, {Name: trace.StageGSM, Steps: plan.GSM.Epochs * r.perEpoch}},
	})
	r.trace.Say = r.say
	return r, nil
}

// close ends the trace and unlocks the folder.
func (r *run) close() error { return errors.Join(r.trace.Close(), r.unlock()) }

// samePlan writes the plan to a new run folder, and refuses a folder that has another plan.
func (r *run) samePlan() error {
	path := filepath.Join(r.Out, PlanFile)
	old, err := LoadPlan(r.Out)
	if errors.Is(err, os.ErrNotExist) {
		return writeJSON(path, r.plan)
	}
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(old, r.plan) {
		return tagged{fmt.Errorf("recipe: %s holds a run of another plan (%s %s, %gx, seed %d)", r.Out, old.Model, old.Preset, old.Compression, old.Seed), ErrOtherPlan}
	}
	return nil
}

// LoadPlan reads the plan of a run folder.
func LoadPlan(dir string) (Plan, error) {
	var p Plan
	path := filepath.Join(dir, PlanFile)
	raw, err := os.ReadFile(path)
	if err != nil {
		return p, fmt.Errorf("recipe: not a run folder: %w", err)
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return p, fmt.Errorf("recipe: %s: %w: the file is damaged, start a new run", path, err)
	}
	return p, nil
}

// prune is Prune in a locked folder.
func (r *run) prune(ctx context.Context) (*Report, error) {
	began := time.Now()
	base, err := r.trainBase(ctx)
	if err != nil {
		return nil, err
	}
	dense := base.accuracy
	start, err := snapshot.Take(base.store)
	if err != nil {
		return nil, err
	}
	config := r.plan.GSM.Config(r.plan.Compression, r.perEpoch)
	config.Telemetry = true
	opt, err := gsm.New(config)
	if err != nil {
		return nil, err
	}
	how := method{Stage: r.plan.GSM.Stage, config: config, learning: learning{opt: opt}}
	if share := r.plan.GSM.Distill; share > 0 {
		how.loss = distill.Loss(share, r.plan.GSM.temperature())
		if how.teacher, err = distill.NewTeacher(r.Backend, base.store, r.model.Logits); err != nil {
			return nil, err
		}
	}
	s, err := r.openStage(trace.StageGSM, how, start)
	if err != nil {
		return nil, err
	}
	if err := s.startedFrom(start); err != nil {
		return nil, err
	}
	if err := s.begin(); err != nil {
		return nil, err
	}
	if err := s.train(ctx); err != nil {
		return nil, err
	}
	report, err := r.cut(s, dense)
	if err != nil {
		return nil, err
	}
	report.Seconds = time.Since(began).Seconds()
	return report, writeJSON(filepath.Join(r.Out, ReportFile), report)
}

// cut prunes the trained network, measures what that costs, and saves mask and weights.
func (r *run) cut(s *stage, dense float64) (*Report, error) {
	before := s.accuracy // measured after the last step, or when the finished stage was opened
	mask, threshold, err := gsm.Cut(s.store, nil, r.q)
	if err != nil {
		return nil, err
	}
	if err := s.RenewAverages(r.Data.Train, r.plan.Seed); err != nil {
		return nil, err
	}
	if err := s.Measure(); err != nil {
		return nil, err
	}
	after := s.accuracy
	if err := mask.Save(filepath.Join(r.Out, MaskFile)); err != nil {
		return nil, err
	}
	if err := r.savePruned(s.store); err != nil {
		return nil, err
	}
	if r.trace.HasCut(s.done, mask, threshold, before, after) {
		// an earlier call recorded the cut; what tickets recorded after it stays
		return r.report(s, mask, dense, before, after)
	}
	if err := r.trace.Resume(s.done); err != nil {
		return nil, err
	}
	if err := r.trace.Cut(s.done, mask, threshold, before, after); err != nil {
		return nil, err
	}
	if err := r.trace.Sync(); err != nil {
		return nil, err
	}
	return r.report(s, mask, dense, before, after)
}

// savePruned saves only the weights, without what only training needs.
func (r *run) savePruned(store *model.Store) error {
	weights, err := snapshot.Take(store)
	if err != nil {
		return err
	}
	alone := model.NewStore()
	if err := weights.Restore(alone); err != nil {
		return err
	}
	return checkpoints{dir: filepath.Join(r.Out, StagePruned)}.replace(alone)
}
