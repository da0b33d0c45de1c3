// Config: what a user sets, its checks and errors, and Q, which follows from it.

package gsm

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"

	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"
	"github.com/gomlx/gomlx/ml/train/optimizer/cosineschedule"
)

// Errors that callers may want to tell apart; every error that New, Cut and the graph functions
// report about them wraps one of these.
var (
	// ErrCompression: the compression ratio or Q is missing, below its range, or not a number.
	ErrCompression = errors.New("compression out of range")
	// ErrNothingPrunable: the model has no variable that the prunable predicate accepts.
	ErrNothingPrunable = errors.New("no prunable weight")
)

// Config says how GSM trains. The zero value of each field means what its comment says;
// Compression or Q is the only field that must be set.
type Config struct {
	// Name tells the optimizers of one store apart; "" means "gsm". Each keeps its state, its
	// schedule, its steps and its learning rate under its name, and its Cut prunes its own network.
	// Optimizers of two networks in one store need two names: the first step of the second one says
	// so.
	Name string

	// Compression C keeps Q = int(N/C) of the N prunable weights active in each step. It is at
	// least 1; 1 keeps all and is plain momentum SGD.
	Compression float64

	// Q is the exact number of weights to keep, instead of a ratio. Set one of the two.
	Q int

	// Margin is the share of Q, in [0, 1), that is not active in a step. A network also lives on
	// weights that are active only now and then; the margin leaves them room, so that
	// Optimizer.Cut, which keeps Q, need not take them. Zero is the paper's rule. What it does is
	// measured in docs/results.md.
	Margin float64

	// LearningRate is alpha; its zero value means optimizer.ParamLearningRate of the store, or 0.1.
	// The first step writes the schedule to the store, and later steps follow the store: a resumed
	// run keeps its schedule, even with another config. Call Clear between phases of training that
	// have schedules of their own. The other fields are not stored. The schedule counts the steps
	// of this optimizer, not those that another has trained before.
	// While a trainer runs, the base rate can be changed through optimizer.LearningRateVar, as
	// GoMLX's cosine schedule does. That is the rate of the optimizer without a Name; one with a
	// Name has its own at /optimizers/NAME/learning_rate.
	LearningRate Schedule

	// Momentum is beta, in [0, 1). Zero is plain SGD: passive weights then decay alone.
	Momentum float64

	// Nesterov uses Nesterov's form of momentum, as torch.optim.SGD defines it.
	Nesterov bool

	// WeightDecay is eta: eta*W is added to the gradient of every variable that Decayed accepts.
	WeightDecay float64

	// PassiveDecay is the weight decay, in place of WeightDecay, of the weights that are passive in
	// a step. The rule has one decay for two jobs: it makes passive weights vanish, which takes
	// much of it where steps are few, and it regularises active ones, which takes little. Zero, the
	// paper's rule, means WeightDecay for both. Variables that are not pruned have WeightDecay.
	PassiveDecay float64

	// ScoreMemory is the share m, in [0, 1), that the scores of earlier steps have in those of a
	// step: T <- m*T + (1-m)*|dL/dW * W|, from T = 0. The mask then changes slowly. It costs one
	// number a prunable weight, in the dtype of scores. Zero, the paper's rule, scores by the
	// step's own batch alone. When it helps and when it costs is measured in docs/results.md.
	ScoreMemory float64

	// MemoryFrom and MemoryUntil are the steps, counted from 0, between which scores remember
	// earlier ones: the first that does, and the first that does not any more. A step at MemoryFrom
	// begins with an empty memory. Zero means from the first step, and to the last. Both need a
	// ScoreMemory.
	MemoryFrom, MemoryUntil int

	// Prunable picks the variables that are scored together; nil means IsKernel. Variables
	// that it refuses always get their full gradient.
	Prunable func(*model.Variable) bool

	// Decayed picks the variables that weight decay acts on; nil means what Prunable accepts and
	// other kernels (see IsKernel). A variable that is pruned and not decayed never shrinks: a
	// Decayed that leaves one out is an error of the first step, unless PruneUndecayed is set.
	Decayed func(*model.Variable) bool

	// PruneUndecayed lets Decayed leave out variables that are pruned. Their passive weights keep
	// their size, whatever BudgetS says, so that the cut takes them as they are.
	PruneUndecayed bool

	// MinDensity is the fraction of each layer that stays active whatever the global threshold
	// says, against layer collapse, and that Optimizer.Cut keeps; these weights count towards Q.
	// Weights of score 0, or cut those that are 0, are not protected. Zero, as in the paper,
	// protects nothing.
	MinDensity float64

	// FreezeAfter switches reactivation off, for research: the first FreezeAfter steps choose the
	// active weights anew, as GSM does, and every later step keeps the choice of the last of them.
	// From then on a passive weight gets no gradient, whatever its score, and cannot come back.
	// Like every passive weight it still decays, and its momentum runs out. 0, the default, never
	// freezes.
	//
	// The store holds the choice, so a resumed run keeps it; Clear deletes it. A run that resumes
	// with FreezeAfter from a store without a choice makes one in its first step. It costs one bool
	// a weight.
	FreezeAfter int

	// Telemetry makes the training graph also compute what ReadTelemetry returns: the exact
	// threshold, active weights per layer, flips and reactivations. It costs one more pass over
	// the scores and one bit-like mask per weight, so it is off by default.
	Telemetry bool
}

// validName is what a Config.Name may be: one element of a path, and none that GoMLX or gsm/ticket
// use beside it.
var validName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

var reservedNames = []string{optimizer.ParamLearningRate, cosineschedule.Scope, "ticket"}

// check reports the first field that is out of range.
func (c *Config) check() error {
	switch {
	case c.Compression == 0 && c.Q == 0:
		return fmt.Errorf("gsm: %w: set Compression (1 keeps all) or Q", ErrCompression)
	case c.Compression != 0 && c.Q != 0:
		return fmt.Errorf("gsm: %w: both Compression %g and Q %d are set: set one", ErrCompression, c.Compression, c.Q)
	case c.Q < 0:
		return fmt.Errorf("gsm: %w: Q %d: must be at least 1", ErrCompression, c.Q)
	case c.Q == 0:
		if err := CheckCompression(c.Compression); err != nil {
			return err
		}
	}
	if c.Name != "" && (!validName.MatchString(c.Name) || slices.Contains(reservedNames, c.Name)) {
		return fmt.Errorf("gsm: name %q: must be letters, digits, '-' and '_', and none of %q", c.Name, reservedNames)
	}
	if !(c.Momentum >= 0 && c.Momentum < 1) {
		return fmt.Errorf("gsm: momentum %g: must be at least 0 and below 1", c.Momentum)
	}
	if c.Nesterov && c.Momentum == 0 {
		return errors.New("gsm: Nesterov needs a momentum above 0")
	}
	if !(c.WeightDecay >= 0) || math.IsInf(c.WeightDecay, 0) {
		return fmt.Errorf("gsm: weight decay %g: must be a finite number, at least 0", c.WeightDecay)
	}
	if !(c.PassiveDecay >= 0) || math.IsInf(c.PassiveDecay, 0) {
		return fmt.Errorf("gsm: weight decay of passive weights %g: must be a finite number, at least 0", c.PassiveDecay)
	}
	if !(c.ScoreMemory >= 0 && c.ScoreMemory < 1) {
		return fmt.Errorf("gsm: score memory %g: must be at least 0 and below 1", c.ScoreMemory)
	}
	if c.MemoryFrom < 0 || c.MemoryUntil < 0 || c.MemoryUntil > 0 && c.MemoryUntil <= c.MemoryFrom {
		return fmt.Errorf("gsm: score memory from step %d until %d: must be at least 0, and the end after the beginning (0 is no end)", c.MemoryFrom, c.MemoryUntil)
	}
	if c.ScoreMemory == 0 && (c.MemoryFrom > 0 || c.MemoryUntil > 0) {
		return fmt.Errorf("gsm: score memory from step %d until %d needs a ScoreMemory above 0", c.MemoryFrom, c.MemoryUntil)
	}
	if !(c.Margin >= 0 && c.Margin < 1) {
		return fmt.Errorf("gsm: margin %g: must be at least 0 and below 1", c.Margin)
	}
	if !(c.MinDensity >= 0 && c.MinDensity <= 1) {
		return fmt.Errorf("gsm: minimum density %g: must be between 0 and 1", c.MinDensity)
	}
	if c.FreezeAfter < 0 {
		return fmt.Errorf("gsm: freeze after %d steps: must be at least 0, which never freezes", c.FreezeAfter)
	}
	return c.LearningRate.check()
}

// CheckCompression reports a ratio that is below 1, infinite or not a number.
func CheckCompression(c float64) error {
	if !(c >= 1) || math.IsInf(c, 0) {
		return fmt.Errorf("gsm: %w: compression %g: must be at least 1", ErrCompression, c)
	}
	return nil
}

// quota returns Q for n prunable weights.
func (c *Config) quota(n int) (int, error) {
	if n == 0 {
		if c.Prunable != nil {
			return 0, fmt.Errorf("gsm: %w: Config.Prunable refuses all trainable variables of the model", ErrNothingPrunable)
		}
		return 0, fmt.Errorf("gsm: %w: the model has no trainable kernel; set Config.Prunable to pick others", ErrNothingPrunable)
	}
	if c.Q != 0 {
		if c.Q > n {
			return 0, fmt.Errorf("gsm: %w: Q %d: the model has only %d prunable weights", ErrCompression, c.Q, n)
		}
		return c.Q, nil
	}
	return Quota(n, c.Compression)
}

// Active is how many weights are active in a step when the cut keeps q: q less the margin, at least
// 1.
func (c Config) Active(q int) int { return max(1, floor(float64(q)*(1-c.Margin), float64(q))) }

// passiveDecay is the weight decay of passive weights.
func (c Config) passiveDecay() float64 { return cmp.Or(c.PassiveDecay, c.WeightDecay) }

// Quota returns Q = int(n/compression), the number of weights kept of n prunable ones. A ratio that
// means a whole number means that number, also where float64 has it a rounding below: 1/0.29 of 100
// is 29.
func Quota(n int, compression float64) (int, error) {
	if err := CheckCompression(compression); err != nil {
		return 0, err
	}
	kept := float64(n) / compression
	q := floor(kept, kept)
	if q < 1 {
		return 0, fmt.Errorf("gsm: %w: compression %g keeps none of %d weights: at most %d is possible", ErrCompression, compression, n, n)
	}
	return q, nil
}

// floor is x rounded down, but up where x is below a whole number by no more than what a few
// roundings of numbers of the given size leave.
func floor(x, size float64) int {
	up := math.Ceil(x)
	if up-x <= size*roundings {
		return int(up)
	}
	return int(x)
}

// ceil is floor the other way round.
func ceil(x, size float64) int {
	down := math.Floor(x)
	if x-down <= size*roundings {
		return int(down)
	}
	return int(math.Ceil(x))
}

// roundings are four of half a unit in the last place: that of a density, of its inverse, of the
// product, and one to spare.
const roundings = 4 * 0x1p-53
