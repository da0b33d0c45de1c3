package recipe

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"gsmlab/gsm"
	"gsmlab/gsm/trace"
)

// EvalReport is the accuracy of saved weights.
type EvalReport struct {
	Model    string  `json:"model"`
	Weights  string  `json:"weights"` // folder of the checkpoint
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
	r := &EvalReport{
		Model: p.Model, Weights: saved.dir, Backend: env.Spec, Images: env.Data.Test.Len(), Prunable: t.model.Prunable,
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
