// Flags that each change one number of a preset's GSM stage, and what is said about such changes.

package main

import (
	"fmt"
	"math"

	"gsmlab/models/recipe"
)

// rangeOf is what values a flag takes.
type rangeOf struct {
	valid func(float64) bool // false for NaN
	must  string
}

var (
	atLeast0 = rangeOf{func(x float64) bool { return x >= 0 && !math.IsInf(x, 0) }, "at least 0"}
	above0   = rangeOf{func(x float64) bool { return x > 0 && !math.IsInf(x, 0) }, "above 0"}
	below1   = rangeOf{func(x float64) bool { return x >= 0 && x < 1 }, "at least 0 and below 1"}
	share    = rangeOf{func(x float64) bool { return x >= 0 && x <= 1 }, "between 0 and 1"}
)

// stageFlag is a flag that changes one number of a preset's GSM stage.
type stageFlag struct {
	name, short, usage string // short is for the name of the run folder
	field              func(*recipe.GSMStage) *float64
	valid              rangeOf
	example            string
}

// check reports a value that the flag does not take.
func (f stageFlag) check(value float64) error {
	if !f.valid.valid(value) {
		return usagef("--%s %g: must be %s, as in --%s %s", f.name, value, f.valid.must, f.name, f.example)
	}
	return nil
}

// stageFlags are all of them.
var stageFlags = []stageFlag{
	{"margin", "margin", "`M`: in each step, train this share fewer weights than the cut will keep; 0.1 is one in ten fewer, and leaves room for weights that matter only now and then (default: the preset's)",
		func(s *recipe.GSMStage) *float64 { return &s.Margin }, below1, "0.1"},
	{"weight-decay", "decay", "`D`: the weight decay while pruning (default: the preset's)",
		func(s *recipe.GSMStage) *float64 { return &s.WeightDecay }, atLeast0, "5e-4"},
	{"learning-rate", "rate", "`R`: the greatest learning rate while pruning, from which it falls as the preset says, or by --cosine (default: the preset's)",
		func(s *recipe.GSMStage) *float64 { return &s.LearningRate }, above0, "2e-3"},
	{"momentum", "momentum", "`B`: the momentum while pruning (default: the preset's)",
		func(s *recipe.GSMStage) *float64 { return &s.Momentum }, below1, "0.98"},
	{"passive-decay", "passive", "`D`: the weight decay of weights that are passive in a step, so that they vanish in few steps while --weight-decay stays small for the others; 0 is the paper's rule, one decay for both (default: the preset's)",
		func(s *recipe.GSMStage) *float64 { return &s.PassiveDecay }, atLeast0, "5e-3"},
	{"score-memory", "memory", "`M`: the share of earlier steps in a weight's score, so that the mask changes slowly; 0 is the paper's rule, each step by itself (default: the preset's)",
		func(s *recipe.GSMStage) *float64 { return &s.ScoreMemory }, below1, "0.9"},
	{"memory-from", "from", "`E`: with --score-memory: the epoch in which it begins; 0 is the first step (default: the preset's)",
		func(s *recipe.GSMStage) *float64 { return &s.MemoryFrom }, atLeast0, "110"},
	{"memory-until", "until", "`E`: with --score-memory: the epoch in which it ends; 0 is the last step (default: the preset's)",
		func(s *recipe.GSMStage) *float64 { return &s.MemoryUntil }, atLeast0, "110"},
	{"distill", "distill", "`S`: the share of the loss in which the network learns the dense network's outputs (distillation), the rest being the labels; 0 is the labels alone (default: the preset's)",
		func(s *recipe.GSMStage) *float64 { return &s.Distill }, share, "0.9"},
	{"temperature", "temperature", "`T`: with --distill: divides the outputs before they are compared, so that small ones count; 0 is 4 (default: the preset's)",
		func(s *recipe.GSMStage) *float64 { return &s.Temperature }, atLeast0, "4"},
}

// setStage changes the GSM stage as the flags say. It returns what the changes add to the name of
// the run folder.
func (t *training) setStage(in input, s *recipe.GSMStage) (suffix string, err error) {
	for _, f := range stageFlags {
		if !in.set[f.name] {
			continue
		}
		value := *f.field(&t.stage)
		if err := f.check(value); err != nil {
			return "", err
		}
		*f.field(s) = value
		suffix += fmt.Sprintf("-%s%g", f.short, value)
	}
	if t.cosine {
		s.Cosine, s.Milestones = true, nil
		suffix += "-cosine"
	}
	return suffix, nil
}

// departures says where a GSM stage differs from the paper's rule and from training by labels. Each
// phrase begins with a semicolon.
func departures(s recipe.GSMStage) string {
	text := ""
	add := func(format string, args ...any) { text += fmt.Sprintf(format, args...) }
	if s.PassiveDecay > 0 {
		add("; weight decay %g on passive weights", s.PassiveDecay)
	}
	if s.ScoreMemory > 0 {
		add("; scores remember %g of the step before", s.ScoreMemory)
	}
	if s.MemoryFrom > 0 {
		add(", from epoch %g", s.MemoryFrom)
	}
	if s.MemoryUntil > 0 {
		add(", until epoch %g", s.MemoryUntil)
	}
	if s.Distill > 0 {
		add("; %g of the loss is learning from the dense network's outputs", s.Distill)
	}
	if s.Temperature > 0 {
		add(", at temperature %g", s.Temperature)
	}
	return text
}
