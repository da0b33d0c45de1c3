package rivals

import (
	"context"

	"gsmlab/gsm"
	"gsmlab/gsm/trace"
	"gsmlab/models/recipe"
)

const gsmSource = "Ding et al., Global Sparse Momentum SGD for Pruning Very Deep Neural Networks, NeurIPS 2019, arXiv:1909.12778; here package gsm"

var gsmPaper = Method{
	Name: "gsm", About: "global sparse momentum: passive weights decay, the cut is free", Source: gsmSource,
	Variants: []Variant{
		{"the GSM stage of the plan", sparseMomentum{decay: 1}.prune},
		{"the GSM stage of the plan, weight decay x 1/2", sparseMomentum{decay: 0.5}.prune},
		{"the GSM stage of the plan, weight decay x 2", sparseMomentum{decay: 2}.prune},
	},
}

var gsmSplit = Method{
	Name: "gsm-split", About: "GSM with a decay of its own for passive weights, and scores that remember", Source: gsmSource + "; the options are ours",
	Variants: []Variant{
		{"weight decay x 1/2, x 1 on passive weights, score memory 0.9", sparseMomentum{0.5, 1, 0.9}.prune},
		{"weight decay x 1/2, x 2 on passive weights, score memory 0.9", sparseMomentum{0.5, 2, 0.9}.prune},
		{"weight decay x 1/4, x 2 on passive weights, score memory 0.5", sparseMomentum{0.25, 2, 0.5}.prune},
	},
}

// sparseMomentum is one setting of GSM; decays are shares of the plan's weight decay.
type sparseMomentum struct {
	decay, passive float64
	memory         float64
}

func (s sparseMomentum) prune(ctx context.Context, t *Task) (*recipe.Network, error) {
	values, err := t.dense()
	if err != nil {
		return nil, err
	}
	config := t.plan.GSM.Config(t.plan.Compression, t.plan.StepsPerEpoch(t.training.Len()))
	decay := config.WeightDecay
	config.WeightDecay *= s.decay
	if s.passive > 0 {
		config.PassiveDecay = decay * s.passive
	}
	if s.memory > 0 {
		config.ScoreMemory = s.memory
	}
	opt, err := gsm.New(config)
	if err != nil {
		return nil, err
	}
	budget := gsm.BudgetS(config, t.steps)
	t.note("budget S = %.3g", budget.S)
	n, err := t.carryOut(ctx, recipe.Training{Name: trace.StageGSM, Steps: t.steps, Config: config, Optimizer: opt, Start: values})
	if err != nil {
		return nil, err
	}
	_, _, err = gsm.Cut(n.Store(), nil, t.q)
	return n, err
}
