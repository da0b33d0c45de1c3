// Telemetry: what a step did, written by the training graph and read from the store.

package gsm

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"

	"gsmlab/gsm/topk"
)

// Telemetry is what the last training step did, read from the store. Counts are of weights.
type Telemetry struct {
	// the Q-th greatest score: the smallest that was active (that alone, once Config.FreezeAfter
	// holds)
	Threshold   float64
	Active      []int // active weights per layer, in the order of Prunable
	Passes      int   // how often the search for the threshold read the scores
	Flips       int   // weights that changed between active and passive since the step before
	Reactivated int   // those of them that were passive and became active

	// Sums over all steps, so that reading only some steps loses nothing.
	TotalFlips, TotalReactivated int
}

// ActiveTotal is the number of active weights over all layers: Q, or more where scores tie.
func (t Telemetry) ActiveTotal() int {
	total := 0
	for _, a := range t.Active {
		total += a
	}
	return total
}

// The telemetry variable is one int64 vector, so that a step returns one small buffer: these
// entries, then the active count of each layer.
const (
	telemetryThreshold = iota // bits of a float64
	telemetryPasses
	telemetryFlips
	telemetryReactivated
	telemetryTotalFlips
	telemetryTotalReactivated
	telemetryLayers
)

func (o *Optimizer) telemetryPath() string { return o.path(telemetryName) }

const telemetryName = "telemetry"

// recordTelemetry adds the telemetry of a step to the graph. scores, before (which weights were
// active in the last step) and active are per layer. step is an int64 scalar.
func (o *Optimizer) recordTelemetry(scope *model.Scope, step *graph.Node, scores, before, active []*graph.Node, passes *graph.Node) {
	g := passes.Graph()
	last := o.telemetryVariable(scope.Store(), len(active))
	lastValue := last.NodeValue(g)
	entry := func(i int) *graph.Node {
		return graph.Reshape(graph.Slice(lastValue, graph.AxisRange(i, i+1)))
	}
	flips, activeNow, activeBefore := graph.ScalarZero(g, dtypes.Int64), graph.ScalarZero(g, dtypes.Int64), graph.ScalarZero(g, dtypes.Int64)
	smallest := graph.Const(g, math.Inf(1))
	counts := make([]*graph.Node, len(active))
	for i := range active {
		counts[i] = topk.CountTrue(active[i])
		flips = graph.Add(flips, topk.CountTrue(graph.LogicalXor(before[i], active[i])))
		activeNow = graph.Add(activeNow, counts[i])
		activeBefore = graph.Add(activeBefore, entry(telemetryLayers+i))
		inf := graph.AddScalar(graph.ZerosLike(scores[i]), math.Inf(1))
		least := topk.Least(graph.Where(active[i], scores[i], inf))
		smallest = graph.Min(smallest, graph.ConvertDType(least, dtypes.Float64))
	}
	if o.config.ScoreMemory > 0 {
		smallest = graph.Mul(smallest, o.unit(step))
	}
	// Flips are weights gained plus weights lost. Gained minus lost is the change of the count.
	reactivated := graph.DivScalar(graph.Add(flips, graph.Sub(activeNow, activeBefore)), 2)
	// Before the first step there is none, so nothing has flipped.
	started := graph.ConvertDType(graph.GreaterThan(entry(telemetryPasses), graph.ScalarZero(g, dtypes.Int64)), dtypes.Int64)
	flips, reactivated = graph.Mul(flips, started), graph.Mul(reactivated, started)

	entries := []*graph.Node{
		graph.Bitcast(smallest, dtypes.Int64), graph.ConvertDType(passes, dtypes.Int64), flips, reactivated,
		graph.Add(entry(telemetryTotalFlips), flips), graph.Add(entry(telemetryTotalReactivated), reactivated),
	}
	last.SetNodeValue(graph.Stack(append(entries, counts...), 0))
}

// telemetryVariable returns the telemetry of that many layers. It starts over if the number was
// different before, because parts of the network were frozen or freed.
func (o *Optimizer) telemetryVariable(store *model.Store, layers int) *model.Variable {
	shape := shapes.Make(dtypes.Int64, telemetryLayers+layers)
	if stored := store.GetVariable(o.telemetryPath()); stored != nil && !stored.Shape().Equal(shape) {
		if err := stored.SetValue(tensors.FromShape(shape)); err != nil {
			panicf("gsm: telemetry of %d layers: %w", layers, err)
		}
	}
	return store.VariableWithShape(o.telemetryPath(), shape, initializer.Zero).SetTrainable(false)
}

// ReadTelemetry returns what the last step recorded. It is an error if the optimizer was made
// without Config.Telemetry or has not trained a step yet. It is also an error if several optimizers
// have trained in the store: use the method then.
func ReadTelemetry(store *model.Store) (Telemetry, error) {
	name, err := one(store)
	if err != nil {
		return Telemetry{}, err
	}
	return readTelemetry(store, name)
}

// ReadTelemetry is like the function ReadTelemetry, for what this optimizer recorded.
func (o *Optimizer) ReadTelemetry(store *model.Store) (Telemetry, error) {
	return readTelemetry(store, o.name())
}

func readTelemetry(store *model.Store, name string) (Telemetry, error) {
	v := store.GetVariable(statePath(name, telemetryName))
	if v == nil || !v.HasValue() {
		return Telemetry{}, fmt.Errorf("gsm: no telemetry in the store: set Config.Telemetry and train a step")
	}
	value, err := v.Value()
	if err != nil {
		return Telemetry{}, fmt.Errorf("gsm: reading telemetry: %w", err)
	}
	e, err := tensors.CopyFlatData[int64](value)
	if err != nil {
		return Telemetry{}, fmt.Errorf("gsm: reading telemetry: %w", err)
	}
	if len(e) <= telemetryLayers || e[telemetryPasses] == 0 {
		return Telemetry{}, fmt.Errorf("gsm: no telemetry in the store: train a step first")
	}
	t := Telemetry{
		Threshold: math.Float64frombits(uint64(e[telemetryThreshold])), Passes: int(e[telemetryPasses]),
		Flips: int(e[telemetryFlips]), Reactivated: int(e[telemetryReactivated]),
		TotalFlips: int(e[telemetryTotalFlips]), TotalReactivated: int(e[telemetryTotalReactivated]),
	}
	for _, a := range e[telemetryLayers:] {
		t.Active = append(t.Active, int(a))
	}
	return t, nil
}

// ActiveMask returns which weights were active in the last step: those whose gradient passed. It
// changes from one minibatch to the next, unlike MagnitudeMask, which says what a cut would keep.
// The predicate is the optimizer's, or nil. It is an error if the optimizer was made without
// Config.Telemetry or has not trained a step yet. It is also an error if several optimizers have
// trained in the store: use the method then.
func ActiveMask(store *model.Store, predicate func(*model.Variable) bool) (Mask, error) {
	name, err := one(store)
	if err != nil {
		return Mask{}, err
	}
	variables, err := prunable(store, predicate)
	if err != nil {
		return Mask{}, err
	}
	return activeMask(store, name, variables)
}

// ActiveMask is like the function ActiveMask, for the network of this optimizer.
func (o *Optimizer) ActiveMask(store *model.Store) (Mask, error) {
	variables, err := o.network(store)
	if err != nil {
		return Mask{}, err
	}
	return activeMask(store, o.name(), variables)
}

func activeMask(store *model.Store, name string, variables []*model.Variable) (Mask, error) {
	if _, err := readTelemetry(store, name); err != nil {
		return Mask{}, err
	}
	var m Mask
	for _, v := range variables {
		active := store.GetVariable(statePath(name, "active", v.Path()))
		if active == nil || !active.HasValue() {
			return Mask{}, fmt.Errorf("gsm: the last step recorded nothing of %q: use the predicate of the optimizer", v.Path())
		}
		value, err := active.Value()
		if err != nil {
			return Mask{}, fmt.Errorf("gsm: reading which weights of %q are active: %w", v.Path(), err)
		}
		keep, err := tensors.CopyFlatData[bool](value)
		if err != nil {
			return Mask{}, fmt.Errorf("gsm: reading which weights of %q are active: %w", v.Path(), err)
		}
		layer, err := NewMaskLayer(v.Path(), v.Shape().Dimensions, keep)
		if err != nil {
			return Mask{}, err
		}
		m.Layers = append(m.Layers, layer)
	}
	return m, nil
}
