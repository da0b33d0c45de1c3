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
		{"the GSM stage of the plan by the paper's rule", oneDecay{1}.prune},
		{"the GSM stage of the plan by the paper's rule, weight decay x 1/2", oneDecay{0.5}.prune},
		{"the GSM stage of the plan by the paper's rule, weight decay x 2", oneDecay{2}.prune},
	},
}

var gsmSplit = Method{
	Name: "gsm-split", About: "GSM with a decay of its own for passive weights, and scores that remember", Source: gsmSource + "; the options are ours",
	Variants: []Variant{
		{"the plan's options; where it has none, half of the decay on active weights and score memory 0.9", splitDecay{1, 1, 0}.prune},
		{"the same, the decay of passive weights x 2", splitDecay{1, 2, 0}.prune},
		{"the same, the decay of active weights x 1/2 and of passive ones x 2, score memory 0.5", splitDecay{0.5, 2, 0.5}.prune},
	},
}

// oneDecay is one setting of GSM as published: one decay for all weights, a share of the one by
// which the plan's passive weights vanish.
type oneDecay struct{ share float64 }

// config is the plan's GSM stage without our options.
func (s oneDecay) config(t *Task) gsm.Config {
	config := t.gsmConfig()
	config.WeightDecay = s.share * max(config.WeightDecay, config.PassiveDecay)
	config.PassiveDecay, config.ScoreMemory, config.MemoryFrom, config.MemoryUntil = 0, 0, 0, 0
	return config
}

func (s oneDecay) prune(ctx context.Context, t *Task) (*recipe.Network, error) {
	return t.sparseMomentum(ctx, s.config(t))
}

// splitDecay is one setting of GSM with our options. Shares are of what the plan has, or of what
// its first variant takes instead; a memory of 0 stands for that as well.
type splitDecay struct{ active, passive, memory float64 }

// config is the plan's GSM stage with our options.
func (s splitDecay) config(t *Task) gsm.Config {
	config := t.gsmConfig()
	if config.PassiveDecay == 0 {
		config.PassiveDecay = config.WeightDecay
		config.WeightDecay /= 2
	}
	if config.ScoreMemory == 0 {
		config.ScoreMemory = 0.9
	}
	config.WeightDecay *= s.active
	config.PassiveDecay *= s.passive
	if s.memory > 0 {
		config.ScoreMemory = s.memory
	}
	return config
}

func (s splitDecay) prune(ctx context.Context, t *Task) (*recipe.Network, error) {
	return t.sparseMomentum(ctx, s.config(t))
}

// gsmConfig is the plan's GSM stage.
func (t *Task) gsmConfig() gsm.Config {
	return t.plan.GSM.Config(t.plan.Compression, t.plan.StepsPerEpoch(t.training.Len()))
}

// sparseMomentum trains by GSM, and cuts to Q.
func (t *Task) sparseMomentum(ctx context.Context, config gsm.Config) (*recipe.Network, error) {
	values, err := t.dense()
	if err != nil {
		return nil, err
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
