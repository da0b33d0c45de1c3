// Package recipe is where data, models and GSM meet: named training plans as plain values, and the
// stages that carry them out (train the dense network, prune it while training, cut, retrain
// tickets). Every stage can be stopped or killed at any time. Resumed from its last checkpoint, it
// ends with the same weights as an uninterrupted run.
package recipe

import (
	"fmt"
	"math"
	"slices"

	"gsmlab/gsm"
	"gsmlab/models"
)

// Plan holds everything that decides the outcome of a run.
type Plan struct {
	Model  string `json:"model"`  // a name of package models
	Preset string `json:"preset"` // the preset that the plan came from
	// of the initial weights and the order of batches; not 0
	Seed        int64    `json:"seed"`
	Compression float64  `json:"compression"` // C >= 1
	Batch       int      `json:"batch"`       // images per step
	Base        Stage    `json:"base"`        // trains the dense network
	GSM         GSMStage `json:"gsm"`         // prunes it while training
}

// Stage is one training run of a plan: momentum SGD, with weight decay on kernels only.
type Stage struct {
	Epochs       int     `json:"epochs"`
	LearningRate float64 `json:"learning_rate"`
	WarmupEpochs int     `json:"warmup_epochs"` // the learning rate rises linearly from 0
	// epochs at which the learning rate is multiplied by Factor
	Milestones  []int   `json:"milestones"`
	Factor      float64 `json:"factor"` // 0 means 0.1
	Momentum    float64 `json:"momentum"`
	Nesterov    bool    `json:"nesterov"`
	WeightDecay float64 `json:"weight_decay"`
}

// GSMStage is a stage that prunes. Settings of pruning are fields of it, so that no other stage can
// have them.
type GSMStage struct {
	Stage
	// Margin is gsm.Config.Margin: the share of Q that is not active in a step.
	Margin float64 `json:"margin,omitempty"`
	// PassiveDecay is gsm.Config.PassiveDecay: the weight decay of weights that are passive in a
	// step, or 0 for WeightDecay.
	PassiveDecay float64 `json:"passive_decay,omitempty"`
	// ScoreMemory is gsm.Config.ScoreMemory: the share of earlier steps in the scores of a step.
	ScoreMemory float64 `json:"score_memory,omitempty"`
	// FreezeAfter, for research, is the number of epochs after which the GSM stage keeps the active
	// weights that it has, so that none comes back (gsm.Config.FreezeAfter); a part of an epoch
	// counts, down to one step. 0 never freezes.
	FreezeAfter float64 `json:"freeze_after,omitempty"`
}

// Check reports the first invalid value of the plan.
func (p Plan) Check() error {
	m, err := models.Lookup(p.Model)
	if err != nil {
		return err
	}
	if _, err := gsm.Quota(m.Prunable, p.Compression); err != nil {
		return err
	}
	if p.Seed == 0 {
		return fmt.Errorf("recipe: seed 0: any other number makes runs repeatable")
	}
	if p.Batch < 1 {
		return fmt.Errorf("recipe: batch of %d images: must be at least 1", p.Batch)
	}
	if f := p.GSM.FreezeAfter; !(f >= 0) || math.IsInf(f, 0) {
		return fmt.Errorf("recipe: gsm stage: freeze after %g epochs: must be a finite number, at least 0, which never freezes", f)
	}
	for _, s := range []struct {
		name   string
		epochs int
		config gsm.Config
	}{{"base", p.Base.Epochs, p.Base.config(1)}, {"gsm", p.GSM.Epochs, p.GSM.config(1, 1)}} {
		if s.epochs < 1 {
			return fmt.Errorf("recipe: %s stage of %d epochs: must be at least 1", s.name, s.epochs)
		}
		if _, err := gsm.New(s.config); err != nil {
			return fmt.Errorf("recipe: %s stage: %w", s.name, err)
		}
	}
	return nil
}

// Scaled returns the plan with every length multiplied by factor, for a quicker or a longer run of
// the same shape. Stages keep at least one epoch.
func (p Plan) Scaled(factor float64) Plan {
	p.Base, p.GSM = p.Base.scaled(factor), p.GSM.scaled(factor)
	return p
}

func (s Stage) scaled(factor float64) Stage {
	scale := func(n int) int { return int(math.Round(float64(n) * factor)) }
	s.Epochs, s.WarmupEpochs = max(1, scale(s.Epochs)), scale(s.WarmupEpochs)
	var milestones []int
	for _, m := range s.Milestones {
		if m = scale(m); m > 0 && !slices.Contains(milestones, m) {
			milestones = append(milestones, m)
		}
	}
	s.Milestones = milestones
	return s
}

func (s GSMStage) scaled(factor float64) GSMStage {
	s.Stage = s.Stage.scaled(factor)
	s.FreezeAfter *= factor
	return s
}

// Schedule returns the learning rate of the stage, converting epochs to steps.
func (s Stage) Schedule(stepsPerEpoch int) gsm.Schedule {
	schedule := gsm.Schedule{Base: s.LearningRate, WarmupSteps: s.WarmupEpochs * stepsPerEpoch, Factor: s.Factor}
	for _, m := range s.Milestones {
		schedule.Milestones = append(schedule.Milestones, m*stepsPerEpoch)
	}
	return schedule
}

// config returns the optimizer's configuration for a stage that trains all weights.
func (s Stage) config(stepsPerEpoch int) gsm.Config {
	return gsm.Config{
		Compression: 1, LearningRate: s.Schedule(stepsPerEpoch), Momentum: s.Momentum, Nesterov: s.Nesterov, WeightDecay: s.WeightDecay,
	}
}

// config returns the optimizer's configuration for the stage at the given compression.
func (s GSMStage) config(compression float64, stepsPerEpoch int) gsm.Config {
	c := s.Stage.config(stepsPerEpoch)
	c.Compression, c.Margin, c.PassiveDecay, c.ScoreMemory = compression, s.Margin, s.PassiveDecay, s.ScoreMemory
	if s.FreezeAfter > 0 {
		c.FreezeAfter = max(1, int(math.Round(s.FreezeAfter*float64(stepsPerEpoch))))
	}
	return c
}

// Budget returns S of the GSM stage for a training set of the given number of images, and a warning
// with the remedy if it is too small ("" otherwise).
func (p Plan) Budget(images int) (gsm.Budget, string) {
	perEpoch := p.StepsPerEpoch(images)
	c := p.GSM.config(p.Compression, perEpoch)
	b := gsm.BudgetS(c, p.GSM.Epochs*perEpoch)
	return b, b.Warning(c, p.GSM.Epochs*perEpoch)
}

// StepsPerEpoch is the number of steps that show each of the given number of training images once.
// It is rounded up, as in data.Batches.StepsPerEpoch.
func (p Plan) StepsPerEpoch(images int) int { return (images + p.Batch - 1) / p.Batch }
