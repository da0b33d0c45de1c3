package gsm

import (
	"fmt"
	"math"
)

// Budget is how far a plan lets passive weights shrink.
type Budget struct {
	// S is the sum over steps of alpha*eta/(1-beta): a weight that stays passive ends near e^-S of
	// what it was (derived from the rule: Z settles at eta*W/(1-beta)). That holds for momentum up to about
	// (1-sqrt(alpha*eta))^2; above, the weight swings through zero and shrinks by sqrt(beta) a step, so that
	// more momentum makes it slower.
	S float64
	// BeforeLastDrop is the part of S spent before the learning rate drops for the last time. After
	// that drop active weights hardly move, so what is not small by then costs accuracy.
	BeforeLastDrop float64
}

// EnoughS is the S from which on the weights that are cut were small enough not to matter: e^-8 is
// 3e-4 of a weight.
const EnoughS = 8

// BudgetS computes the budget of a training run of the given number of steps.
func BudgetS(c Config, steps int) Budget {
	var b Budget
	last := steps
	for _, m := range c.LearningRate.Milestones {
		if m < steps {
			last = m
		}
	}
	perRate := c.WeightDecay / (1 - c.Momentum)
	for s := range steps {
		spent := c.LearningRate.At(s) * perRate
		b.S += spent
		if s < last {
			b.BeforeLastDrop += spent
		}
	}
	return b
}

// Warning says, for a budget that is too small, which numbers would be enough; it is "" otherwise. c
// and steps are those given to BudgetS.
func (b Budget) Warning(c Config, steps int) string {
	if b.S > EnoughS-1e-6 { // sums of roundings do not count
		return ""
	}
	if b.S <= 0 {
		return fmt.Sprintf("budget S is 0: passive weights never shrink; set weight decay, learning rate and steps above 0 so that S is at least %d", EnoughS)
	}
	grow := EnoughS / b.S
	momentum := ""
	// The roots of the rule for a passive weight, r^2 - (1+beta-alpha*eta)r + beta = 0, are complex above the limit.
	limit := 1 - math.Sqrt(c.LearningRate.Base*c.WeightDecay)
	if enough := 1 - roundDown((1-c.Momentum)/grow); enough <= limit*limit {
		momentum = fmt.Sprintf("momentum %.12g, or ", enough)
	}
	return fmt.Sprintf("budget S is %.2f, below %d: weights to be cut keep %.2g of their size; weight decay %.2g, or %s%d steps with milestones in proportion would make it %d",
		b.S, EnoughS, math.Exp(-b.S), roundUp(c.WeightDecay*grow), momentum, int(math.Ceil(float64(steps)*grow)), EnoughS)
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
