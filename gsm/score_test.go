package gsm_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/gsm"
	"gsmlab/internal/pjrt/backendtest"
)

// TestMemoryWindow compares each step with GSM in Go where scores remember for all of the run, from
// a step on, until a step, or between two.
func TestMemoryWindow(t *testing.T) {
	const steps = 24
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		choices := map[string]bool{}
		for _, window := range [][2]int{{0, 0}, {6, 0}, {0, 6}, {6, 14}, {6, 7}} {
			c := frozenConfig
			c.FreezeAfter, c.ScoreMemory, c.Telemetry = 0, .8, true
			c.MemoryFrom, c.MemoryUntil = window[0], window[1]
			ref := newStepper(c, newLinear(1))
			r := newRig(t, b, model.NewStore(), ref.net, mustNew(t, c))
			rng := rand.New(rand.NewPCG(3, 4))
			var chosen []bool
			for step := range steps {
				x, y := data(rng)
				scores := ref.next(t, x, y)
				r.train(t, x, y)
				what := fmt.Sprintf("memory from %d until %d, step %d", window[0], window[1], step)
				compare(t, what, r.weights(), ref.net, rounding)
				mask, err := gsm.ActiveMask(r.store, nil)
				if err != nil {
					t.Fatal(err)
				}
				if got := append(mask.Layers[0].Bools(), mask.Layers[1].Bools()...); !slices.Equal(got, ref.active) {
					t.Fatalf("%s: active %v, want %v", what, got, ref.active)
				}
				chosen = append(chosen, ref.active...)
				now, err := gsm.ReadTelemetry(r.store)
				if err != nil {
					t.Fatal(err)
				}
				sorted := slices.Sorted(slices.Values(scores))
				if want := sorted[len(sorted)-c.Q]; math.Abs(now.Threshold-want) > 1e-4*want {
					t.Errorf("%s: threshold %g, want %g", what, now.Threshold, want)
				}
			}
			choices[fmt.Sprint(chosen)] = true
		}
		// A window of one step has nothing to remember, but the others differ from each other.
		if len(choices) != 5 {
			t.Errorf("%d of 5 windows chose differently: too few steps to tell them apart", len(choices))
		}
	})
}

func TestMemoryWindowIsChecked(t *testing.T) {
	for want, c := range map[string]gsm.Config{
		"from step -1 until 0":     {Q: 1, ScoreMemory: .5, MemoryFrom: -1},
		"from step 0 until -1":     {Q: 1, ScoreMemory: .5, MemoryUntil: -1},
		"end after the beginning":  {Q: 1, ScoreMemory: .5, MemoryFrom: 5, MemoryUntil: 5},
		"needs a ScoreMemory":      {Q: 1, MemoryUntil: 5},
		"from step 3 until 0 need": {Q: 1, MemoryFrom: 3},
	} {
		if _, err := gsm.New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error with %q", err, want)
		}
	}
}
