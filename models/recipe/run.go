// Prune: the stages of a plan one after the other, the cut, and the report.

package recipe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/gsm"
	"gsmlab/gsm/snapshot"
	"gsmlab/gsm/trace"
	"gsmlab/models"
	"gsmlab/models/data"
	"gsmlab/models/weights"
)

// Env is what a run needs beside its plan.
type Env struct {
	Plan    Plan
	Out     string // the run folder; a run in it is continued if it has the same plan
	Base    string // run folder, stage's folder in one, or safetensors file, whose network is pruned instead of training one; "" trains
	Backend compute.Backend
	Devices int    // how many of the backend's devices share each batch; 0 means 1
	Spec    string // name of the backend, for the report
	Data    data.Split
	Command string       // command line, for the trace
	Every   int          // steps between step records in the trace; 0 means 20
	Say     func(string) // gets remarks in words; may be nil
	Watch   Progress     // may be nil

	q     int
	trace recorder
}

// restorer puts values into a store.
type restorer interface{ Restore(*model.Store) error }

func (e *Env) say(line string) {
	if e.Say != nil {
		e.Say(line)
	}
}

func (e *Env) progress(event Event) {
	if e.Watch != nil {
		e.Watch(event)
	}
}

func (e *Env) traceEvery() int {
	if e.Every > 0 {
		return e.Every
	}
	return 20
}

// Files of a run folder.
const (
	PlanFile   = "plan.json"
	TraceFile  = "trace.jsonl"
	ReportFile = "report.json"
	MaskFile   = "mask.gsmmask"
	InitFile   = "init"
)

// Prune carries out the plan: base, GSM and cut. Finished stages of an earlier, interrupted call are
// not repeated. It returns an error that wraps ErrStopped when ctx ends, and ErrDiverged when the
// loss or a weight is no longer finite; the run folder then holds the last good checkpoint.
func Prune(ctx context.Context, env *Env) (*Report, error) {
	began := time.Now()
	if err := env.prepare(); err != nil {
		return nil, err
	}
	defer env.trace.close()

	base, err := env.trainBase(ctx)
	if err != nil {
		return nil, err
	}
	dense := base.accuracy
	start, err := snapshot.Take(base.store)
	if err != nil {
		return nil, err
	}

	config := env.Plan.GSM.config(env.Plan.Compression, base.perEpoch)
	config.Telemetry = true
	opt, err := gsm.New(config)
	if err != nil {
		return nil, err
	}
	t, err := newTrainer(env, env.Out, trace.StageGSM, config, opt, env.Plan.GSM.Epochs, start)
	if err != nil {
		return nil, err
	}
	if err := t.startedFrom(start); err != nil {
		return nil, err
	}
	if err := t.begin(); err != nil {
		return nil, err
	}
	if err := t.run(ctx); err != nil {
		return nil, err
	}
	report, err := env.cut(t, dense)
	if err != nil {
		return nil, err
	}
	report.Seconds = time.Since(began).Seconds()
	return report, writeJSON(filepath.Join(env.Out, ReportFile), report)
}

// prepare checks the plan and the folder, and opens the trace.
func (e *Env) prepare() error {
	if err := e.Plan.Check(); err != nil {
		return err
	}
	m, err := models.Lookup(e.Plan.Model)
	if err != nil {
		return err
	}
	if e.q, err = gsm.Quota(m.Prunable, e.Plan.Compression); err != nil {
		return err
	}
	if err := os.MkdirAll(e.Out, 0o777); err != nil {
		return fmt.Errorf("recipe: run folder: %w: choose another with --out", err)
	}
	if err := e.samePlan(); err != nil {
		return err
	}
	budget, warning := e.Plan.Budget(e.Data.Train.Len())
	if warning != "" {
		e.say("warning: " + warning)
	}
	perEpoch := e.Plan.StepsPerEpoch(e.Data.Train.Len())
	e.trace = recorder{path: filepath.Join(e.Out, TraceFile), header: trace.Header{
		Model: m.Name, Preset: e.Plan.Preset, Backend: e.Spec, Seed: e.Plan.Seed, Compression: e.Plan.Compression, Q: e.q,
		Prunable: m.Prunable, BudgetS: budget.S, BatchSize: e.Plan.Batch, StepsPerEpoch: perEpoch, Every: e.traceEvery(),
		HistogramEdges: trace.DefaultEdges(), Command: e.Command,
		Stages: []trace.StagePlan{{Name: trace.StageBase, Steps: e.Plan.Base.Epochs * perEpoch}, {Name: trace.StageGSM, Steps: e.Plan.GSM.Epochs * perEpoch}},
	}}
	return nil
}

// samePlan writes the plan to a new run folder, and refuses a folder with another one.
func (e *Env) samePlan() error {
	path := filepath.Join(e.Out, PlanFile)
	old, err := LoadPlan(e.Out)
	if errors.Is(err, os.ErrNotExist) {
		return writeJSON(path, e.Plan)
	}
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(old, e.Plan) {
		return fmt.Errorf("recipe: %s holds a run of another plan (%s %s, %gx, seed %d): give this run its own folder with --out, or delete that one",
			e.Out, old.Model, old.Preset, old.Compression, old.Seed)
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

// trainBase trains the dense network, or opens it when it is trained already. The initial values
// are kept in the run folder, for tickets.
func (e *Env) trainBase(ctx context.Context) (*trainer, error) {
	config := e.Plan.Base.config(1, e.Plan.StepsPerEpoch(e.Data.Train.Len()))
	opt, err := gsm.New(config)
	if err != nil {
		return nil, err
	}
	switch run, stage := SplitBase(e.Base); {
	case stage != "":
		return e.openStage(run, stage, config, opt)
	case e.Base != "" && run == "":
		return e.openFile(e.Base, config, opt)
	}
	dir, err := e.baseDir()
	if err != nil {
		return nil, err
	}
	if _, missing := savedStage(dir, trace.StageBase); missing != nil {
		if _, none := savedStage(dir, trace.StageGSM); none == nil { // not after an hour of training another base
			return nil, fmt.Errorf("recipe: the gsm stage in %s did not begin with a base of its own: name with --base what it began with", dir)
		}
	}
	t, err := newTrainer(e, dir, trace.StageBase, config, opt, e.Plan.Base.Epochs, nil)
	if err != nil {
		return nil, err
	}
	if e.Base != "" && t.done < t.steps {
		return nil, fmt.Errorf("recipe: the base in %s is at step %d of %d: finish that run first", dir, t.done, t.steps)
	}
	if t.done == 0 {
		init, err := snapshot.Take(t.store)
		if err != nil {
			return nil, err
		}
		if err := init.Save(filepath.Join(dir, InitFile)); err != nil {
			return nil, err
		}
	}
	if err := t.begin(); err != nil {
		return nil, err
	}
	return t, t.run(ctx)
}

// SplitBase says which run a base (Env.Base) is of. Of a run folder run is that folder and stage ""; of a stage's folder in
// one, such as DIR/gsm, run is DIR and stage the last part, one of EvalStages; of a safetensors file, and of none, both are "".
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

// baseDir is the run folder that holds the base stage, checked to be of the same base plan.
func (e *Env) baseDir() (string, error) {
	if e.Base == "" {
		return e.Out, nil
	}
	p, err := LoadPlan(e.Base)
	if err != nil {
		return "", err
	}
	if p.Model != e.Plan.Model || p.Seed != e.Plan.Seed || p.Batch != e.Plan.Batch || !reflect.DeepEqual(p.Base, e.Plan.Base) {
		return "", fmt.Errorf("recipe: %s has the base of another plan (%s %s, seed %d): model, seed, batch and base stage must be the same", e.Base, p.Model, p.Preset, p.Seed)
	}
	return e.Base, nil
}

// cut prunes the trained network, measures what that costs, and saves mask and weights.
func (e *Env) cut(t *trainer, dense float64) (*Report, error) {
	before := t.accuracy // measured after the last step, or when the finished stage was opened
	mask, threshold, err := gsm.Cut(t.store, nil, e.q)
	if err != nil {
		return nil, err
	}
	if err := t.renewAverages(); err != nil {
		return nil, err
	}
	if err := t.measure(); err != nil {
		return nil, err
	}
	after := t.accuracy
	if err := mask.Save(filepath.Join(e.Out, MaskFile)); err != nil {
		return nil, err
	}
	if err := e.savePruned(t.store); err != nil {
		return nil, err
	}
	record := trace.Cut{Stage: t.name, Step: t.done, Threshold: threshold, Q: e.q, AccuracyBefore: before, AccuracyAfter: after}
	for _, l := range mask.Layers {
		record.Kept = append(record.Kept, l.Kept())
	}
	if e.trace.hasCut(record) { // of an earlier call; what tickets recorded after it stays
		return e.report(t, mask, dense, before, after)
	}
	if err := e.trace.resume(t.name, t.done); err != nil {
		return nil, err
	}
	if err := e.trace.write(record); err != nil {
		return nil, err
	}
	if err := e.trace.sync(); err != nil {
		return nil, err
	}
	return e.report(t, mask, dense, before, after)
}

// savePruned saves the weights alone, without what only training needs.
func (e *Env) savePruned(store *model.Store) error {
	weights, err := snapshot.Take(store)
	if err != nil {
		return err
	}
	alone := model.NewStore()
	if err := weights.Restore(alone); err != nil {
		return err
	}
	return checkpoints{dir: filepath.Join(e.Out, StagePruned)}.replace(alone)
}
