package gsm

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gsmlab/internal/pjrt/backendtest"
)

// shrinkLaw says how many steps a passive weight takes from 1 to below 1e-4, with learning rate
// 5e-3 and weight decay 5e-4.
var shrinkLaw = []struct {
	momentum float64
	steps    int
}{{.90, 368_336}, {.95, 184_047}, {.98, 73_274}, {.99, 36_004}}

const (
	shrinkRate  = 5e-3
	shrinkDecay = 5e-4
	shrinkTo    = 1e-4
)

// shrink is the law in plain Go, after the paper's formula.
func shrink(momentum float64) (steps int) {
	w, z := 1.0, 0.0
	for ; w >= shrinkTo; steps++ {
		z = momentum*z + shrinkDecay*w
		w -= shrinkRate * z
	}
	return steps
}

func TestShrinkLaw(t *testing.T) {
	for _, law := range shrinkLaw {
		if got := shrink(law.momentum); got != law.steps {
			t.Errorf("momentum %g: %d steps, want %d", law.momentum, got, law.steps)
		}
	}
}

// For that many steps, the budget S must predict a weight of 1e-4. S ignores that W shrinks while Z
// follows it, which makes the true exponent larger by alpha*eta/(1-beta)^2: 2.5 % for .99. What
// remains is that Z starts from 0, so it is about 1/(1-beta) steps late.
func TestBudgetForeseesShrinkLaw(t *testing.T) {
	for _, law := range shrinkLaw {
		c := Config{LearningRate: Schedule{Base: shrinkRate}, Momentum: law.momentum, WeightDecay: shrinkDecay}
		s := BudgetS(c, law.steps).S
		lag := 1 + shrinkRate*shrinkDecay/math.Pow(1-law.momentum, 2)
		if got, want := math.Exp(-s*lag), shrinkTo; math.Abs(got-want) > 0.02*want {
			t.Errorf("momentum %g: e^-S after %d steps is %g, corrected %g, want %g", law.momentum, law.steps, math.Exp(-s), got, want)
		}
	}
}

// The optimizer's own rule runs as a loop inside one graph. In float64 the number of steps must be
// exact: near the end a step shrinks the weight by 1e-4 of itself, while rounding changes it by
// 1e-13. In float32 rounding may add up to a few percent, because a step changes little more than
// the last digits.
func TestShrinkLawOfOptimizer(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, law := range shrinkLaw {
			if !strings.HasPrefix(b.Name(), "xla") && law.momentum < .99 {
				continue // the pure-Go backend takes 20 us a step of the loop
			}
			t.Run(fmt.Sprintf("momentum %g", law.momentum), func(t *testing.T) {
				if got := shrinkOnDevice(t, b, law.momentum, dtypes.Float64); got != law.steps {
					t.Errorf("float64: %d steps, want %d", got, law.steps)
				}
				if law.momentum < .99 {
					return // the more steps, the less of each is left in float32
				}
				if got := shrinkOnDevice(t, b, law.momentum, dtypes.Float32); math.Abs(float64(got-law.steps)) > 0.02*float64(law.steps) {
					t.Errorf("float32: %d steps, want %d", got, law.steps)
				}
			})
		}
	})
}

func shrinkOnDevice(t *testing.T, b compute.Backend, momentum float64, dtype dtypes.DType) int {
	o, err := New(Config{Compression: 2, Momentum: momentum, WeightDecay: shrinkDecay})
	if err != nil {
		t.Fatal(err)
	}
	scalar := func(g *graph.Graph, value float64) *graph.Node {
		return graph.Const(g, shapes.CastAsDType(value, dtype))
	}
	state := func(g *graph.Graph) (w, z, steps *graph.Node) {
		return graph.Parameter(g, "w", shapes.Make(dtype)), graph.Parameter(g, "z", shapes.Make(dtype)), graph.Parameter(g, "steps", shapes.Make(dtypes.Int32))
	}
	out, err := graph.CallOnce(b, func(first *graph.Node) *graph.Node {
		g := first.Graph()
		cond := graph.NewClosure(g, func(g *graph.Graph) []*graph.Node {
			w, _, _ := state(g)
			return []*graph.Node{graph.GreaterOrEqual(w, scalar(g, shrinkTo))}
		})
		body := graph.NewClosure(g, func(g *graph.Graph) []*graph.Node {
			w, z, steps := state(g)
			passive := weight{value: w, gradient: scalar(g, 0.0), decaying: true}
			change, z := o.rule(z, o.decay(passive), scalar(g, shrinkRate))
			w = graph.Sub(w, change)
			return []*graph.Node{w, z, graph.Add(steps, graph.Const(g, int32(1)))}
		})
		zero := graph.Sub(first, first)
		return graph.While(cond, body, first, zero, graph.ConvertDType(zero, dtypes.Int32))[2]
	}, shapes.CastAsDType(1.0, dtype))
	if err != nil {
		t.Fatal(err)
	}
	return int(tensors.ToScalar[int32](out))
}
