// Package gsm prunes a neural network while it trains, by Global Sparse Momentum SGD (Ding et
// al., "Global Sparse Momentum SGD for Pruning Very Deep Neural Networks", NeurIPS 2019,
// arXiv:1909.12778).
//
// Each step scores every prunable weight by T = |dL/dw * w| and finds the Q-th greatest score over
// all layers together. Weights at or above it are active and get their gradient; the others are
// passive and only decay:
//
//	Z <- beta*Z + eta*W + B*dL/dW
//	W <- W - alpha*Z          B = 1 where T >= the Q-th greatest, else 0
//
// Two options depart from the paper, and are off unless set: a decay of its own for passive weights
// (Config.PassiveDecay) and scores that remember earlier steps (Config.ScoreMemory).
//
// Passive weights shrink towards zero at a rate that momentum multiplies by 1/(1-beta) (see
// BudgetS), so that after training one cut to the Q greatest magnitudes costs no accuracy and
// nothing has to be retrained.
//
// Optimizer is a GoMLX optimizer for any model; Cut prunes what it trained; Mask holds the
// outcome. How the ratio is set, what counts as prunable and which ties stay are documented at
// Config, IsKernel and Cut.
package gsm

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"gsmlab/gsm/topk"
)

// defaultName is the name of an optimizer whose Config has none.
const defaultName = "gsm"

// statePath is where the optimizer of a name keeps a part of its state in the store.
func statePath(name string, parts ...string) string {
	return model.JoinPath(append([]string{"/" + optimizer.Scope, name}, parts...)...)
}

func momentumPath(name string, v *model.Variable) string {
	return statePath(name, "momentum", v.Path())
}

func (o *Optimizer) name() string { return cmp.Or(o.config.Name, defaultName) }

func (o *Optimizer) path(parts ...string) string { return statePath(o.name(), parts...) }

// thresholdPath is where the last threshold is, as the bits of a score.
func (o *Optimizer) thresholdPath() string { return o.path("threshold_bits") }

// Optimizer is Global Sparse Momentum SGD for GoMLX. Its state lives in the store, so checkpoints
// hold all of it: one momentum tensor per trainable variable, the schedule, the steps taken, the
// last threshold, where the next search for it starts, which variables are pruned together, and, of
// weights in half precision, a copy in float32.
//
// It honours what GoMLX's own optimizers honour: optimizer.ParamLearningRate, ParamClipNaN,
// ParamClipStepByValue and ParamNanLogger.
type Optimizer struct {
	config            Config
	prunable, decayed func(*model.Variable) bool
	noted             *model.Store // where a graph of this optimizer has recorded its network
}

var (
	_ optimizer.Interface         = (*Optimizer)(nil)
	_ train.OptimizeWithGradients = (*Optimizer)(nil)
)

// New returns an optimizer, or an error that names the first field of config out of range.
func New(config Config) (*Optimizer, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	o := &Optimizer{config: config, prunable: config.Prunable, decayed: config.Decayed}
	if o.prunable == nil {
		o.prunable = IsKernel
	}
	if o.decayed == nil {
		// What is prunable decays, since a passive weight that does not never shrinks.
		o.decayed = func(v *model.Variable) bool { return o.prunable(v) || IsKernel(v) }
	}
	return o, nil
}

// UpdateGraph adds one training step to the graph. theLoss is a scalar. As GoMLX's optimizers do,
// it panics on errors, which train.Trainer returns as errors.
func (o *Optimizer) UpdateGraph(scope *model.Scope, _ *graph.Graph, theLoss *graph.Node) {
	if !theLoss.Shape().IsScalar() {
		panicf("gsm: the loss must be a scalar, not %s", theLoss.Shape())
	}
	o.UpdateGraphWithGradients(scope, scope.BuildTrainableVariablesGradientsGraph(theLoss), theLoss.DType())
}

// UpdateGraphWithGradients is UpdateGraph for given gradients of the trainable variables in use,
// in their order in the store. It lets train.Trainer accumulate gradients: the score is then that
// of the accumulated mean.
func (o *Optimizer) UpdateGraphWithGradients(scope *model.Scope, gradients []*graph.Node, lossDType dtypes.DType) {
	if len(gradients) == 0 {
		panicf("gsm: %w: the model has no trainable variable", ErrNothingPrunable)
	}
	g := gradients[0].Graph()
	weights := o.pair(scope, g, gradients)
	step := o.countStep(scope.Store(), g)
	rate := o.rate(scope, step, wide(lossDType))
	o.mask(scope, weights, step)
	for _, w := range weights {
		o.update(scope, w, rate)
	}
}

// countStep counts the optimizer's own steps, and GoMLX's beside them, and returns how many came
// before this one, an int64 scalar. Its own, so that a schedule begins at its beginning whoever has
// trained the model before.
func (o *Optimizer) countStep(store *model.Store, g *graph.Graph) *graph.Node {
	optimizer.IncrementGlobalStep(g, dtypes.Int64)
	path := o.path("step")
	steps := store.GetVariable(path)
	if steps == nil {
		var begin int64
		if store.GetVariable(o.path("schedule", "base")) != nil {
			// of a version that counted GoMLX's steps
			begin = optimizer.GetGlobalStep(store)
		}
		steps = store.VariableWithValue(path, begin)
	}
	step := steps.SetTrainable(false).NodeValue(g)
	steps.SetNodeValue(graph.AddScalar(step, 1))
	return step
}

// mask zeroes the gradients of passive weights (B*dL/dW in the rule). Keeping all needs no scores.
// step, an int64 scalar, counts from 0.
func (o *Optimizer) mask(scope *model.Scope, weights []weight, step *graph.Node) {
	var layers []*weight
	n := 0
	for i := range weights {
		if weights[i].prunable {
			layers = append(layers, &weights[i])
			n += weights[i].value.Shape().Size()
		}
	}
	slices.SortFunc(layers, func(a, b *weight) int { return byPath(a.variable, b.variable) })
	q, err := o.config.quota(n)
	if err != nil {
		panic(err)
	}
	if err := o.checkDecay(layers, q < n); err != nil {
		panic(err)
	}
	if err := o.note(scope.Store(), step.Graph(), layers); err != nil {
		panic(err)
	}
	q = o.config.Active(q)
	if q == n && !o.config.Telemetry {
		return
	}

	dtype := scoreDType(weights)
	scores := make([]*graph.Node, len(layers))
	for i, l := range layers {
		scores[i] = score(l.value, l.gradient, dtype)
	}
	if o.config.ScoreMemory > 0 {
		o.remember(scope.Store(), step, layers, scores)
	}
	start := scope.Store().VariableWithShape(o.thresholdPath(), topk.StartShape(dtype), initializer.Zero).SetTrainable(false)
	active, found := o.active(scores, q, start.NodeValue(layers[0].value.Graph()))
	start.SetNodeValue(found.Threshold)
	var last []*model.Variable // which weights were active in the last step, where that is needed
	var before []*graph.Node
	if o.config.Telemetry || o.config.FreezeAfter > 0 {
		last = o.activeVariables(scope.Store(), layers)
		for _, v := range last {
			before = append(before, v.NodeValue(step.Graph()))
		}
	}
	if o.config.FreezeAfter > 0 {
		active = o.freeze(scope.Store(), step, before, active)
	}
	for i, v := range last {
		v.SetNodeValue(active[i])
	}
	for i, l := range layers {
		l.active = active[i]
		l.gradient = graph.Where(active[i], l.gradient, graph.ZerosLike(l.gradient))
	}
	if o.config.Telemetry {
		o.recordTelemetry(scope, step, scores, before, active, found.Passes)
	}
}

// active returns, for the scores of each layer, where they are among the q greatest of all.
func (o *Optimizer) active(scores []*graph.Node, q int, start *graph.Node) ([]*graph.Node, topk.Found) {
	competing := scores
	if o.config.MinDensity > 0 {
		competing = protectLayers(scores, o.config.MinDensity, q)
	}
	found := topk.Greatest(competing, q, start)
	active := make([]*graph.Node, len(scores))
	for i, s := range competing {
		active[i] = found.Among(s)
	}
	return active, found
}

// protected is how many of a layer's n weights a minimum density keeps.
func protected(density float64, n int) int { return ceil(density*float64(n), density*float64(n)) }

func tooDense(density float64, q int) error {
	return fmt.Errorf("gsm: %w: a minimum density of %g alone keeps more than Q %d weights: lower it or the compression", ErrCompression, density, q)
}

// protectLayers raises the greatest scores of each layer, ceil(density*n) of its n weights and
// their ties, above every threshold, so that they are active and count towards q. Scores of zero
// are not raised: where most of a layer has none, as behind dead units, their tie would take all of
// q from the other layers.
func protectLayers(scores []*graph.Node, density float64, q int) []*graph.Node {
	raised := make([]*graph.Node, len(scores))
	total := 0
	for i, s := range scores {
		k := protected(density, s.Shape().Size())
		total += k
		if total > q {
			panic(tooDense(density, q))
		}
		raised[i] = topk.Raise(s, k)
	}
	return raised
}

// checkDecay refuses a Decayed that leaves out what is pruned: its passive weights would never
// shrink, and the cut would take them at their full size.
func (o *Optimizer) checkDecay(layers []*weight, pruning bool) error {
	if !pruning || o.config.passiveDecay() == 0 || o.config.PruneUndecayed {
		return nil
	}
	for _, l := range layers {
		if !l.decaying {
			return fmt.Errorf("gsm: %q is prunable and Config.Decayed refuses it, so that its passive weights would never shrink: let Decayed accept it, or set Config.PruneUndecayed", l.variable.Path())
		}
	}
	return nil
}

// update applies momentum and the step to one variable. Shapes: w, g, z [...]; rate scalar.
func (o *Optimizer) update(scope *model.Scope, w weight, rate *graph.Node) {
	g := w.value.Graph()
	dtype := w.value.DType()
	momentum := o.momentum(scope.Store(), w.variable, dtype)
	before := momentum.NodeValue(g)
	if rate.DType() != dtype {
		rate = graph.ConvertDType(rate, dtype)
	}
	change, z := o.rule(before, o.decay(w), rate)
	value := graph.Sub(w.value, optimizer.ClipStepByValue(scope, change))
	momentum.SetNodeValue(optimizer.ClipNaNsInUpdates(scope, before, z))
	w.set(optimizer.ClipNaNsInUpdates(scope, w.value, value))
}

// momentum returns the variable with the momentum of v, in the dtype that v is trained in.
func (o *Optimizer) momentum(store *model.Store, v *model.Variable, dtype dtypes.DType) *model.Variable {
	path := momentumPath(o.name(), v)
	shape := shapes.Make(dtype, v.Shape().Dimensions...)
	if stored := store.GetVariable(path); stored != nil && stored.DType() != dtype {
		// Of a version that kept it in half precision.
		values, err := floats(stored)
		if err == nil {
			err = stored.SetValue(tensorOf(values, shape))
		}
		if err != nil {
			panicf("gsm: the momentum of %q: %w", v.Path(), err)
		}
	}
	return store.VariableWithShape(path, shape, initializer.Zero).SetTrainable(false)
}

// decay returns the gradient after masking with weight decay, that of passive weights where the
// config has one. Shape: that of w.
func (o *Optimizer) decay(w weight) *graph.Node {
	if !w.decaying || o.config.passiveDecay() == 0 {
		return w.gradient
	}
	if w.active == nil || o.config.PassiveDecay == 0 {
		return graph.Add(w.gradient, graph.MulScalar(w.value, o.config.WeightDecay))
	}
	return graph.Add(w.gradient, graph.Where(w.active,
		graph.MulScalar(w.value, o.config.WeightDecay), graph.MulScalar(w.value, o.config.PassiveDecay)))
}

// rule returns by how much the weights change and the next momentum, given d, the gradient after
// masking and decay. Shapes: z, d [...]; rate scalar.
func (o *Optimizer) rule(z, d, rate *graph.Node) (change, next *graph.Node) {
	z = graph.Add(graph.MulScalar(z, o.config.Momentum), d)
	step := z
	if o.config.Nesterov {
		step = graph.Add(d, graph.MulScalar(z, o.config.Momentum))
	}
	return graph.Mul(rate, step), z
}

// Momentum returns the variable that holds the momentum of v, or nil before the first step. Whoever
// changes weights between steps, as other pruning methods do, may have to change it too.
func (o *Optimizer) Momentum(store *model.Store, v *model.Variable) *model.Variable {
	return store.GetVariable(momentumPath(o.name(), v))
}

// Clear deletes the optimizer's state from the store: momentum, schedule, learning rate, threshold,
// telemetry, its record of what it pruned, and the steps, GoMLX's global step included unless
// another optimizer of gsm's has trained in the store. The weights stay. A trainer that has already
// trained holds on to what was deleted: make a new one.
//
// State that a checkpoint handler holds and nothing has asked for yet is deleted as well, for the
// variables that are in the store; before the model is built, load the checkpoint with Immediate.
func (o *Optimizer) Clear(scope *model.Scope) error {
	store := scope.Store()
	record, err := readNetworks(store)
	if err != nil {
		return err
	}
	delete(record, o.name())
	paths := []string{o.telemetryPath(), o.thresholdPath(), o.selectedPath(), o.path("step"), o.path(optimizer.ParamLearningRate)}
	if len(record) == 0 {
		paths = append(paths, "/"+optimizer.GlobalStepVariableName)
	}
	if o.name() == defaultName {
		paths = append(paths, model.JoinPath("/", optimizer.Scope, optimizer.ParamLearningRate))
	}
	for _, name := range []string{"base", "milestones", "factor", "warmup_steps"} {
		paths = append(paths, o.path("schedule", name))
	}
	for v := range store.IterVariables() {
		paths = append(paths, momentumPath(o.name(), v), o.path("active", v.Path()), o.path("master", v.Path()), o.path("score", v.Path()))
	}
	// Path by path, since only DeleteVariable reaches what a checkpoint has not handed over yet.
	for _, path := range paths {
		if err := store.DeleteVariable(path); err != nil {
			return fmt.Errorf("gsm: clearing %s: %w", path, err)
		}
	}
	if err := store.DeleteVariablesInScope(o.path()); err != nil {
		return fmt.Errorf("gsm: clearing the optimizer's state: %w", err)
	}
	o.noted = nil
	return record.write(store)
}

// panicf panics with an error, the way GoMLX's graph functions report one; exec functions of
// GoMLX return it.
func panicf(format string, args ...any) {
	panic(fmt.Errorf(format, args...))
}
