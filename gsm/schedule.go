package gsm

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"
)

// Schedule is the learning rate over the steps of a run: a linear warm-up from 0, then Base,
// multiplied by Factor at every milestone. Steps are counted from 0.
type Schedule struct {
	Base        float64 // learning rate after the warm-up
	WarmupSteps int     // step s < WarmupSteps has rate Base*s/WarmupSteps; 0 means no warm-up
	Milestones  []int   // steps from which on the rate is multiplied by Factor, in rising order
	Factor      float64 // 0 means 0.1
}

// At returns the learning rate of a step.
func (s Schedule) At(step int) float64 {
	rate := s.Base
	if step < s.WarmupSteps {
		rate *= float64(step) / float64(s.WarmupSteps)
	}
	for _, m := range s.Milestones {
		if step >= m {
			rate *= s.factor()
		}
	}
	return rate
}

func (s Schedule) factor() float64 {
	if s.Factor == 0 {
		return 0.1
	}
	return s.Factor
}

func (s Schedule) check() error {
	if !(s.Base >= 0) || math.IsInf(s.Base, 0) {
		return fmt.Errorf("gsm: learning rate %g: must be a finite number, at least 0", s.Base)
	}
	if s.WarmupSteps < 0 {
		return fmt.Errorf("gsm: warm-up of %d steps: must be at least 0", s.WarmupSteps)
	}
	if !(s.factor() > 0) || math.IsInf(s.factor(), 0) {
		return fmt.Errorf("gsm: learning-rate factor %g: must be a finite number above 0", s.Factor)
	}
	for i, m := range s.Milestones {
		if m < 0 || i > 0 && m <= s.Milestones[i-1] {
			return fmt.Errorf("gsm: milestones %v: must be rising step numbers", s.Milestones)
		}
	}
	return nil
}

// rate returns the learning rate of the current step, a scalar of the given dtype. Its parameters
// are variables: a run resumed from a checkpoint keeps the schedule it started with, and changing a
// value needs no new graph. step is an int64 scalar.
func (o *Optimizer) rate(scope *model.Scope, step *graph.Node, dtype dtypes.DType) *graph.Node {
	g := step.Graph()
	s := o.config.LearningRate
	base := s.Base
	if base == 0 {
		base = model.GetParamOr(scope, optimizer.ParamLearningRate, optimizer.SGDDefaultLearningRate)
	}
	rate := o.rateVariable(scope, dtype, o.storedBase(scope.Store(), base)).NodeValue(g)
	if rate.DType() != dtype {
		rate = graph.ConvertDType(rate, dtype)
	}

	node := func(name string, value any) *graph.Node {
		return scope.Store().VariableWithValue(o.path("schedule", name), value).SetTrainable(false).NodeValue(g)
	}
	milestones := o.milestones(scope.Store()).NodeValue(g)
	n := milestones.Shape().Size()
	factor := graph.ConvertDType(node("factor", s.factor()), dtype)
	drops := graph.Where(graph.GreaterOrEqual(step, milestones), graph.BroadcastToDims(factor, n), graph.Ones(g, shapes.Make(dtype, n)))
	rate = graph.Mul(rate, graph.ReduceAllMultiply(drops))

	// max(1, warm-up), so that no warm-up divides by 1 and clips to 1 from step 1 on. Step 0 needs
	// the comparison.
	warmup := node("warmup_steps", int64(s.WarmupSteps))
	ramp := graph.Div(graph.ConvertDType(step, dtype), graph.ConvertDType(graph.MaxScalar(warmup, 1), dtype))
	return graph.Where(graph.LessThan(step, warmup), graph.Mul(rate, ramp), rate)
}

// rateVariable returns the variable with the base rate: GoMLX's, or a separate one if the optimizer
// has a name. A variable that already exists, such as that of a GoMLX schedule, keeps its dtype.
func (o *Optimizer) rateVariable(scope *model.Scope, dtype dtypes.DType, base float64) *model.Variable {
	if o.name() != defaultName {
		scope = scope.Store().Scope(o.path())
	} else {
		scope = scope.At(optimizer.Scope)
	}
	if v := scope.GetVariable(optimizer.ParamLearningRate); v != nil {
		return v.SetTrainable(false)
	}
	return scope.VariableWithValue(optimizer.ParamLearningRate, shapes.CastAsDType(base, dtype)).SetTrainable(false)
}

// storedBase returns the base rate that the store holds; if there is none, it stores base. The
// separate copy is needed because train.NewTrainer deletes GoMLX's learning-rate variable.
func (o *Optimizer) storedBase(store *model.Store, base float64) float64 {
	path := o.path("schedule", "base")
	value, err := store.VariableWithValue(path, base).SetTrainable(false).Value()
	if err != nil {
		panicf("gsm: reading %s: %w", path, err)
	}
	return tensors.ToScalar[float64](value)
}

// milestones returns the variable with the milestones, an int64 vector. If the store has one, it is
// used whatever its length, which may differ from the config's.
func (o *Optimizer) milestones(store *model.Store) *model.Variable {
	path := o.path("schedule", "milestones")
	if stored := store.GetVariable(path); stored != nil {
		return stored.SetTrainable(false)
	}
	steps := make([]int64, 0, len(o.config.LearningRate.Milestones)+1)
	for _, m := range o.config.LearningRate.Milestones {
		steps = append(steps, int64(m))
	}
	// A sentinel that is never reached keeps the vector from being empty.
	return store.VariableWithValue(path, append(steps, math.MaxInt64)).SetTrainable(false)
}
