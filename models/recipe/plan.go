// Package recipe is where data, models and GSM meet: named training plans as plain values, and the
// stages that carry them out (train the dense network, prune it while training, cut, retrain
// tickets). Every stage can be stopped or killed at any time. Resumed from its last checkpoint, it
// ends with the same weights as an uninterrupted run.
package recipe

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"
	"github.com/gomlx/gomlx/ml/train/optimizer/cosineschedule"

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
	Milestones []int   `json:"milestones"`
	Factor     float64 `json:"factor"` // 0 means 0.1
	// Cosine lets the learning rate fall along half a cosine, to 0 at the end, after the warm-up;
	// it takes no Milestones.
	Cosine      bool    `json:"cosine,omitempty"`
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
	// MemoryFrom and MemoryUntil are the epochs between which scores remember earlier steps
	// (gsm.Config.MemoryFrom and MemoryUntil); 0 is the beginning, and no end. A part of an epoch
	// counts.
	MemoryFrom  float64 `json:"memory_from,omitempty"`
	MemoryUntil float64 `json:"memory_until,omitempty"`
	// Distill is the share, in [0, 1], that the outputs of the dense network have in the loss
	// besides the labels (distill.Loss); 0 is the labels alone. Temperature is that of the
	// distillation; 0 means 4.
	Distill     float64 `json:"distill,omitempty"`
	Temperature float64 `json:"temperature,omitempty"`
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
	if err := p.GSM.check(); err != nil {
		return fmt.Errorf("recipe: gsm stage: %w", err)
	}
	for _, s := range []struct {
		name   string
		stage  Stage
		config gsm.Config
	}{{"base", p.Base, p.Base.Config(someSteps)}, {"gsm", p.GSM.Stage, p.GSM.Config(1, someSteps)}} {
		if err := s.stage.check(); err != nil {
			return fmt.Errorf("recipe: %s stage%w", s.name, err)
		}
		if _, err := gsm.New(s.config); err != nil {
			return fmt.Errorf("recipe: %s stage: %w", s.name, err)
		}
	}
	return nil
}

// check reports the first invalid value that the optimizer does not check.
func (s Stage) check() error {
	switch {
	case s.Epochs < 1:
		return fmt.Errorf(" of %d epochs: must be at least 1", s.Epochs)
	case s.Cosine && len(s.Milestones) > 0:
		return fmt.Errorf(": a cosine schedule and milestones %v: only one of them can lower the learning rate", s.Milestones)
	case s.Cosine && s.WarmupEpochs >= s.Epochs:
		return fmt.Errorf(": a cosine schedule after %d epochs of warm-up: must begin before the stage of %d epochs ends", s.WarmupEpochs, s.Epochs)
	}
	return nil
}

// check reports the first invalid value that the optimizer does not check.
func (s GSMStage) check() error {
	for _, f := range []struct {
		name  string
		value float64
		zero  string
	}{
		{"freeze after", s.FreezeAfter, "never freezes"}, {"score memory from", s.MemoryFrom, "is the first step"},
		{"score memory until", s.MemoryUntil, "has no end"},
	} {
		if !(f.value >= 0) || math.IsInf(f.value, 0) {
			return fmt.Errorf("%s %g epochs: must be a finite number, at least 0, which %s", f.name, f.value, f.zero)
		}
	}
	switch {
	case s.ScoreMemory == 0 && (s.MemoryFrom > 0 || s.MemoryUntil > 0):
		return fmt.Errorf("score memory from epoch %g until %g without a memory: set both or none", s.MemoryFrom, s.MemoryUntil)
	case s.MemoryUntil > 0 && s.MemoryUntil <= s.MemoryFrom:
		return fmt.Errorf("score memory from epoch %g until %g: must end after it begins", s.MemoryFrom, s.MemoryUntil)
	case !(s.Distill >= 0 && s.Distill <= 1):
		return fmt.Errorf("distill %g: must be a share, between 0 (the labels alone) and 1 (the dense network alone)", s.Distill)
	case !(s.Temperature >= 0) || math.IsInf(s.Temperature, 0):
		return fmt.Errorf("temperature %g of distillation: must be a finite number above 0, or 0 for %d", s.Temperature, defaultTemperature)
	case s.Temperature > 0 && s.Distill == 0:
		return fmt.Errorf("temperature %g of distillation without a share: set both or none", s.Temperature)
	}
	return nil
}

// defaultTemperature is the temperature of distillation where a plan has none.
const defaultTemperature = 4

func (s GSMStage) temperature() float64 { return cmp.Or(s.Temperature, defaultTemperature) }

// someSteps is a number of steps per epoch that no check depends on, great enough to tell parts of
// an epoch apart.
const someSteps = 1000

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
	s.MemoryFrom *= factor
	s.MemoryUntil *= factor
	return s
}

// Schedule returns the learning rate of the stage, converting epochs to steps. That of a cosine
// schedule is only its greatest rate: GoMLX's schedule, see Stage.schedule, does the rest.
func (s Stage) Schedule(stepsPerEpoch int) gsm.Schedule {
	if s.Cosine {
		return gsm.Schedule{Base: s.LearningRate}
	}
	schedule := gsm.Schedule{Base: s.LearningRate, WarmupSteps: s.WarmupEpochs * stepsPerEpoch, Factor: s.Factor}
	for _, m := range s.Milestones {
		schedule.Milestones = append(schedule.Milestones, m*stepsPerEpoch)
	}
	return schedule
}

// schedule sets the parameters of GoMLX's cosine schedule in a store that the stage trains in, if
// the stage has one.
func (s Stage) schedule(store *model.Store, stepsPerEpoch int) {
	if !s.Cosine {
		return
	}
	store.SetParam(optimizer.ParamLearningRate, s.LearningRate)
	store.SetParam(cosineschedule.ParamWarmUpSteps, s.WarmupEpochs*stepsPerEpoch)
	store.SetParam(cosineschedule.ParamPeriodSteps, (s.Epochs-s.WarmupEpochs)*stepsPerEpoch)
}

// Config returns the optimizer's configuration for a stage that trains all weights.
func (s Stage) Config(stepsPerEpoch int) gsm.Config {
	return gsm.Config{
		Compression: 1, LearningRate: s.Schedule(stepsPerEpoch), Momentum: s.Momentum, Nesterov: s.Nesterov, WeightDecay: s.WeightDecay,
	}
}

// Config returns the optimizer's configuration for the stage at the given compression.
func (s GSMStage) Config(compression float64, stepsPerEpoch int) gsm.Config {
	c := s.Stage.Config(stepsPerEpoch)
	c.Compression, c.Margin, c.PassiveDecay, c.ScoreMemory = compression, s.Margin, s.PassiveDecay, s.ScoreMemory
	c.MemoryFrom, c.MemoryUntil = epochsToSteps(s.MemoryFrom, stepsPerEpoch), epochsToSteps(s.MemoryUntil, stepsPerEpoch)
	c.FreezeAfter = epochsToSteps(s.FreezeAfter, stepsPerEpoch)
	return c
}

// epochsToSteps rounds to whole steps, and to at least one where there are any epochs.
func epochsToSteps(epochs float64, stepsPerEpoch int) int {
	if epochs == 0 {
		return 0
	}
	return max(1, int(math.Round(epochs*float64(stepsPerEpoch))))
}

// Budget returns S of the GSM stage for a training set of the given number of images, and a warning
// with the remedy if it is too small ("" otherwise).
func (p Plan) Budget(images int) (gsm.Budget, string) {
	perEpoch := p.StepsPerEpoch(images)
	c := p.GSM.Config(p.Compression, perEpoch)
	rates := model.NewStore()
	p.GSM.schedule(rates, perEpoch)
	b := gsm.BudgetIn(rates, c, p.GSM.Epochs*perEpoch)
	return b, b.Warning(c, p.GSM.Epochs*perEpoch)
}

// StepsPerEpoch is the number of steps that show each of the given number of training images once.
// It is rounded up, as in data.Batches.StepsPerEpoch.
func (p Plan) StepsPerEpoch(images int) int { return (images + p.Batch - 1) / p.Batch }
