package gsm

import (
	"fmt"
	"math"

	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"
	"github.com/gomlx/gomlx/ml/train/optimizer/cosineschedule"
)

// Budget is how far a plan lets passive weights shrink.
type Budget struct {
	// S is the sum over steps of alpha*eta/(1-beta), with the eta of passive weights: a weight that
	// stays passive ends near e^-S of what it was (derived from the rule: Z settles at
	// eta*W/(1-beta)). That holds for momentum up to about (1-sqrt(alpha*eta))^2; above, the weight
	// swings through zero and shrinks by sqrt(beta) a step, so that more momentum makes it slower.
	// S is NaN where the config does not say the learning rate.
	S float64
	// BeforeLastDrop is the part of S spent before the learning rate drops for the last time. After
	// that drop active weights hardly move, so what is not small by then costs accuracy.
	BeforeLastDrop float64
}

// EnoughS is the S from which on the weights that are cut were small enough not to matter: e^-8 is
// 3e-4 of a weight.
const EnoughS = 8

// BudgetS computes the budget of a training run of the given number of steps, if its learning rate
// is that of the config alone. Where the store holds the rate, because LearningRate.Base is 0 or a
// schedule of GoMLX's is in use, BudgetIn knows it; BudgetS is NaN for a Base of 0.
func BudgetS(c Config, steps int) Budget {
	if c.LearningRate.Base == 0 && c.passiveDecay() > 0 && steps > 0 {
		return Budget{S: math.NaN(), BeforeLastDrop: math.NaN()}
	}
	return budget(c, steps, func(int) float64 { return c.LearningRate.Base })
}

// BudgetIn is BudgetS with the learning rate that training in the store would have: that of
// optimizer.ParamLearningRate where LearningRate.Base is 0, and that of GoMLX's cosine schedule
// where its parameters are set and the model calls it (cosineschedule.New(...).FromScope().Done()).
func BudgetIn(store *model.Store, c Config, steps int) Budget {
	base := c.LearningRate.Base
	if base == 0 {
		base = model.GetRootParamOr(store, optimizer.ParamLearningRate, optimizer.SGDDefaultLearningRate)
	}
	if c.Name == "" { // the cosine schedule reaches the rate of that optimizer alone
		if rate := cosineRate(store, steps); rate != nil {
			return budget(c, steps, rate)
		}
	}
	return budget(c, steps, func(int) float64 { return base })
}

// budget sums for a base rate that changes with the step.
func budget(c Config, steps int, base func(step int) float64) Budget {
	var b Budget
	last := steps
	for _, m := range c.LearningRate.Milestones {
		if m < steps {
			last = m
		}
	}
	perRate := c.passiveDecay() / (1 - c.Momentum)
	schedule := c.LearningRate
	for s := range steps {
		schedule.Base = base(s)
		spent := schedule.At(s) * perRate
		b.S += spent
		if s < last {
			b.BeforeLastDrop += spent
		}
	}
	return b
}

// cosineRate returns the rates that GoMLX's cosine schedule sets, by its parameters in the store;
// nil where they switch it off. It is package cosineschedule, step by step.
func cosineRate(store *model.Store, steps int) func(step int) float64 {
	period := float64(model.GetRootParamOr(store, cosineschedule.ParamPeriodSteps, 0))
	cycles := model.GetRootParamOr(store, cosineschedule.ParamCycles, 0)
	warmup := model.GetRootParamOr(store, cosineschedule.ParamWarmUpSteps, 0)
	top := model.GetRootParamOr(store, optimizer.ParamLearningRate, 0.0)
	least := max(0, model.GetRootParamOr(store, cosineschedule.ParamMinLearningRate, 0.0))
	if period <= 0 && cycles > 0 {
		period = float64(steps-warmup) / float64(cycles)
	}
	if period <= 0 || top <= 0 {
		return nil
	}
	return func(step int) float64 {
		if step < warmup {
			return least + float64(step)/float64(warmup)*(top-least)
		}
		cycle := float64(step-warmup) / period
		cycle -= math.Floor(cycle)
		return least + (1+math.Cos(cycle*math.Pi))/2*(top-least)
	}
}

// Warning says, for a budget that is too small or not known, which numbers would be enough; it is
// "" otherwise. c and steps are those given to BudgetS or BudgetIn.
func (b Budget) Warning(c Config, steps int) string {
	switch {
	case math.IsNaN(b.S):
		return "budget S is not known: LearningRate.Base is 0, so that the store has the learning rate; ask gsm.BudgetIn, or set the Base"
	case c.PruneUndecayed && c.Decayed != nil:
		return fmt.Sprintf("budget S is %.2f for what Config.Decayed accepts: other prunable weights never shrink, and the cut takes them as they are", b.S)
	case b.S > EnoughS-1e-6: // sums of roundings do not count
		return ""
	case b.S <= 0:
		return fmt.Sprintf("budget S is 0: passive weights never shrink; set weight decay, learning rate and steps above 0 so that S is at least %d", EnoughS)
	}
	grow := EnoughS / b.S
	momentum := ""
	// The roots of the rule for a passive weight, r^2 - (1+beta-alpha*eta)r + beta = 0, are complex
	// above the limit.
	limit := 1 - math.Sqrt(c.LearningRate.Base*c.passiveDecay())
	if enough := 1 - roundDown((1-c.Momentum)/grow); c.LearningRate.Base > 0 && enough <= limit*limit {
		momentum = fmt.Sprintf("momentum %.12g, or ", enough)
	}
	decay := "weight decay"
	if c.PassiveDecay > 0 {
		decay = "a decay of passive weights of"
	}
	return fmt.Sprintf("budget S is %.2f, below %d: weights to be cut keep %.2g of their size; %s %.2g, or %s%d steps with milestones in proportion would make it %d",
		b.S, EnoughS, math.Exp(-b.S), decay, roundUp(c.passiveDecay()*grow), momentum, int(math.Ceil(float64(steps)*grow)), EnoughS)
}

// roundUp rounds to two digits, never down.
func roundUp(x float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(x))-1)
	return math.Ceil(x/unit-1e-9) * unit
}

// roundDown rounds to two digits, never up.
func roundDown(x float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(x))-1)
	return math.Floor(x/unit+1e-9) * unit
}
