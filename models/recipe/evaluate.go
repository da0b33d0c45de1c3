// Measuring and exporting the saved weights of a run, or those of a file.

package recipe

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/checkpoint"
	"github.com/gomlx/gomlx/ml/train/optimizer"
	"github.com/gomlx/gomlx/support/exceptions"

	"gsmlab/gsm"
	"gsmlab/gsm/snapshot"
	"gsmlab/gsm/trace"
	"gsmlab/models"
	"gsmlab/models/weights"
)

// EvalReport is the accuracy of saved weights.
type EvalReport struct {
	Model    string  `json:"model"`
	Weights  string  `json:"weights"` // folder of the checkpoint, or a file
	Backend  string  `json:"backend"`
	Accuracy float64 `json:"accuracy"` // fraction of the test set
	Loss     float64 `json:"loss"`     // mean over the test set
	Images   int     `json:"images"`
	Prunable int     `json:"prunable"`
	Nonzero  int     `json:"nonzero"`
}

// StagePruned names the weights after the cut.
const StagePruned = "pruned"

// EvalStages lists the stages whose weights Evaluate can measure.
func EvalStages() []string {
	return []string{trace.StageBase, trace.StageGSM, StagePruned, ticketStage(TicketGSM), ticketStage(TicketMagnitude)}
}

// Evaluate measures the newest weights of a stage (one of EvalStages) of the run folder env.Out on the
// test set. env.Plan is read from the folder.
func Evaluate(ctx context.Context, env *Env, stage string) (*EvalReport, error) {
	if !slices.Contains(EvalStages(), stage) {
		return nil, fmt.Errorf("recipe: unknown stage %q: known are %s", stage, strings.Join(EvalStages(), ", "))
	}
	p, err := LoadPlan(env.Out)
	if err != nil {
		return nil, err
	}
	if err := p.Check(); err != nil {
		return nil, err
	}
	env.Plan = p
	saved, err := savedStage(env.Out, stage)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	opt, err := gsm.New(p.Base.config(1, 1))
	if err != nil {
		return nil, err
	}
	t, err := newTrainer(env, env.Out, stage, gsm.Config{}, opt, p.Base.Epochs, nil)
	if err != nil {
		return nil, err
	}
	if t.loaded == "" {
		return nil, fmt.Errorf("recipe: %s has no readable weights of the stage %q", env.Out, stage)
	}
	return t.evaluated(saved.dir)
}

// savedStage returns the checkpoints of a stage in the run folder out; it is an error if there are none.
func savedStage(out, stage string) (checkpoints, error) {
	saved := checkpoints{dir: filepath.Join(out, stage)}
	if names, err := saved.names(); err != nil || len(names) == 0 {
		return saved, fmt.Errorf("recipe: %s has no weights of the stage %q yet: let the run get there first", out, stage)
	}
	return saved, nil
}

// EvaluateWeights measures the weights of a safetensors file with PyTorch's names (package weights) in the
// network called name on the test set.
func EvaluateWeights(ctx context.Context, env *Env, name, file string) (*EvalReport, error) {
	opt, err := gsm.New(gsm.Config{Compression: 1})
	if err != nil {
		return nil, err
	}
	env.Plan = Plan{Model: name, Seed: 1, Compression: 1, Batch: 1}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t, err := env.openFile(file, gsm.Config{}, opt)
	if err != nil {
		return nil, err
	}
	return t.evaluated(file)
}

// openFile opens the plan's network with the weights of a safetensors file, trained by somebody else.
func (e *Env) openFile(file string, config gsm.Config, opt optimizer.Interface) (*trainer, error) {
	m, err := models.Lookup(e.Plan.Model)
	if err != nil {
		return nil, err
	}
	declared, err := e.variables(m)
	if err != nil {
		return nil, err
	}
	kernels, err := weights.GoMLX().For(declared)
	if err != nil {
		return nil, err
	}
	f, err := weights.Read(file, m.Flat, kernels)
	if err != nil {
		return nil, err
	}
	if err := f.Check(declared, m.Name); err != nil {
		return nil, err
	}
	return newTrainer(e, "", trace.StageBase, config, opt, 1, f)
}

// openStage opens the plan's network with the weights of a stage of another run, of whatever plan: those of its
// GSM stage, for one, are the network before its cut, which can be pruned further.
func (e *Env) openStage(run, stage string, config gsm.Config, opt optimizer.Interface) (*trainer, error) {
	p, store, err := LoadStage(run, stage)
	if err != nil {
		return nil, err
	}
	defer store.Finalize()
	if p.Model != e.Plan.Model {
		return nil, fmt.Errorf("recipe: %s has a %s, not a %s: name a run of that model", run, p.Model, e.Plan.Model)
	}
	epochs := p.Base.Epochs
	if stage == trace.StageGSM {
		epochs = p.GSM.Epochs
	}
	steps := epochs * p.StepsPerEpoch(e.Data.Train.Len())
	if done := int(optimizer.GetGlobalStep(store)); done < steps && stage != StagePruned { // which keeps no steps
		return nil, fmt.Errorf("recipe: the stage %q in %s is at step %d of %d: finish that run first", stage, run, done, steps)
	}
	start, err := snapshot.Take(store)
	if err != nil {
		return nil, err
	}
	return newTrainer(e, "", trace.StageBase, config, opt, 1, start)
}

// LoadStage reads the plan of the run folder run, and the newest weights of a stage (one of EvalStages) of it with whatever
// training left beside them.
func LoadStage(run, stage string) (Plan, *model.Store, error) {
	p, err := LoadPlan(run)
	if err != nil {
		return p, nil, err
	}
	saved, err := savedStage(run, stage)
	if err != nil {
		return p, nil, err
	}
	store := model.NewStore()
	if _, err := checkpoint.Load(store).Dir(saved.dir).Keep(-1).Immediate().Done(); err != nil {
		return p, nil, fmt.Errorf("recipe: %s: %s", saved.dir, firstLine(err))
	}
	return p, store, nil
}

// Export writes the newest weights of a stage (one of EvalStages) of the run folder out to a safetensors file with
// PyTorch's names and layouts; masked adds the mask of the run (see weights.Write).
func Export(out, stage, file string, masked bool) error {
	p, store, err := LoadStage(out, stage)
	if err != nil {
		return err
	}
	m, err := models.Lookup(p.Model)
	if err != nil {
		return err
	}
	var mask *gsm.Mask
	if masked {
		loaded, err := gsm.LoadMask(filepath.Join(out, MaskFile))
		if err != nil {
			return err
		}
		mask = &loaded
	}
	return weights.Write(file, store, mask, m.Flat, map[string]string{
		"model": p.Model, "stage": stage, "compression": fmt.Sprintf("%g", p.Compression), "format": "pt",
	}, weights.GoMLX())
}

// variables declares the variables of a network, without values.
func (e *Env) variables(m models.Model) (*model.Store, error) {
	store, d := model.NewStore(), e.Data.Test.Form()
	err := exceptions.TryCatch[error](func() {
		g := graph.NewGraph(e.Backend, "variables of "+m.Name)
		defer g.Finalize()
		m.Logits(store.RootScope(), graph.Parameter(g, "images", shapes.Make(dtypes.Float32, 1, d.Height, d.Width, d.Channels)))
	})
	if err != nil {
		return nil, fmt.Errorf("recipe: building %s: %w", m.Name, err)
	}
	return store, nil
}

// evaluated reports what was measured when the stage was opened.
func (t *trainer) evaluated(from string) (*EvalReport, error) {
	env := t.env
	r := &EvalReport{
		Model: t.model.Name, Weights: from, Backend: env.Spec, Images: env.Data.Test.Len(), Prunable: t.model.Prunable,
		Loss: decimal(t.loss), Accuracy: t.accuracy,
	}
	counts, err := gsm.Nonzero(t.store, nil)
	if err != nil {
		return nil, err
	}
	for _, n := range counts {
		r.Nonzero += n
	}
	return r, nil
}
