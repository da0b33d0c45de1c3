package recipe_test

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"

	"gsmlab/gsm"
	"gsmlab/gsm/trace"
	"gsmlab/internal/pjrt/backendtest"
	"gsmlab/models/recipe"
)

// TestDevices: the same global batches on one, two and four devices give the same masks at each
// step and the same pruned network. Weights agree except for the order in which gradients are
// summed.
func TestDevices(t *testing.T) {
	backendtest.EachDevices(t, 4, func(t *testing.T, b compute.Backend) {
		if b.NumDevices() < 2 {
			t.Skipf("this backend has %d device", b.NumDevices())
		}
		p := tiny(t).Scaled(0.1)
		sameOnDevices(t, b, p, 1, 2, 4)
		p.GSM.Distill = 0.5
		sameOnDevices(t, b, p, 1, 2)
		for devices, want := range map[int]string{3: "cannot be split evenly", 1000: "has ", -1: "at least 1"} {
			e := env(t, p, t.TempDir())
			e.Backend, e.Devices = b, devices
			if _, err := e.prune(context.Background()); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%d devices: %v, want %q", devices, err, want)
			}
		}
	})
}

// sameOnDevices carries the plan out on each number of devices and compares what comes of it.
func sameOnDevices(t *testing.T, b compute.Backend, p recipe.Plan, numbers ...int) {
	t.Helper()
	dirs := map[int]string{}
	for _, devices := range numbers {
		if devices > b.NumDevices() {
			continue
		}
		dirs[devices] = t.TempDir()
		e := env(t, p, dirs[devices])
		e.Backend, e.Devices, e.Every = b, devices, 1
		if _, err := e.prune(context.Background()); err != nil {
			t.Fatalf("%d devices: %v", devices, err)
		}
		if devices == 1 {
			continue
		}
		sameSteps(t, dirs[1], dirs[devices])
		one, errA := gsm.LoadMask(filepath.Join(dirs[1], recipe.MaskFile))
		many, errB := gsm.LoadMask(filepath.Join(dirs[devices], recipe.MaskFile))
		if errA != nil || errB != nil || !one.Equal(many) {
			t.Errorf("%d devices: the masks differ (%v, %v)", devices, errA, errB)
		}
		want, got := load(t, filepath.Join(dirs[1], "pruned")), load(t, filepath.Join(dirs[devices], "pruned"))
		for v := range want.IterVariables() {
			if v.DType() != dtypes.Float32 {
				continue
			}
			x, y := tensors.MustCopyFlatData[float32](v.MustValue()), tensors.MustCopyFlatData[float32](got.GetVariable(v.Path()).MustValue())
			for i := range x {
				if d := x[i] - y[i]; d > 1e-4 || d < -1e-4 {
					t.Fatalf("%d devices: %s[%d] is %g, on one device %g", devices, v.Path(), i, y[i], x[i])
				}
			}
		}
	}
}

// sameSteps compares what two traces say about each step.
func sameSteps(t *testing.T, a, b string) {
	t.Helper()
	runA, errA := trace.Load(filepath.Join(a, recipe.TraceFile))
	runB, errB := trace.Load(filepath.Join(b, recipe.TraceFile))
	if errA != nil || errB != nil || len(runA.Steps) < 20 || len(runA.Steps) != len(runB.Steps) {
		t.Fatalf("%d and %d steps recorded (%v, %v)", len(runA.Steps), len(runB.Steps), errA, errB)
	}
	for i, s := range runA.Steps {
		o := runB.Steps[i]
		if !slices.Equal(s.Active, o.Active) || flips(o) != flips(s) {
			t.Errorf("step %d: active %v, flips %v; on one device %v, %v", s.Step, o.Active, flips(o), s.Active, flips(s))
		}
	}
}

// flips returns how many weights changed and how many came back; zero in the base stage, which has
// no flips.
func flips(s trace.Step) (n [2]int64) {
	if s.Flips != nil {
		n = [2]int64{*s.Flips, *s.Reactivated}
	}
	return n
}
