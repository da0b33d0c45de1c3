package recipe

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"gsmlab/gsm"
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
	saved := checkpoints{dir: filepath.Join(env.Out, stage)}
	names, err := saved.names()
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("recipe: %s has no weights of the stage %q yet: let the run get there first", env.Out, stage)
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

// EvaluateWeights measures the weights of a safetensors file with PyTorch's names (package weights) in the
// network called name on the test set.
func EvaluateWeights(ctx context.Context, env *Env, name, file string) (*EvalReport, error) {
	m, err := models.Lookup(name)
	if err != nil {
		return nil, err
	}
	f, err := weights.Read(file, m.Flat)
	if err != nil {
		return nil, err
	}
	declared, err := env.variables(m)
	if err != nil {
		return nil, err
	}
	if err := f.Check(declared, m.Name); err != nil {
		return nil, err
	}
	opt, err := gsm.New(gsm.Config{Compression: 1})
	if err != nil {
		return nil, err
	}
	env.Plan = Plan{Model: name, Seed: 1, Compression: 1, Batch: 1}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	none, err := os.MkdirTemp("", "gsm-eval") // a stage wants a folder for checkpoints
	if err != nil {
		return nil, fmt.Errorf("recipe: %w", err)
	}
	defer os.RemoveAll(none)
	t, err := newTrainer(env, none, StagePruned, gsm.Config{}, opt, 1, f)
	if err != nil {
		return nil, err
	}
	return t.evaluated(file)
}

// variables declares the variables of a network, without values.
func (e *Env) variables(m models.Model) (*model.Store, error) {
	store, d := model.NewStore(), e.Data.Test
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
