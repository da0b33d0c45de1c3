package gsm

import (
	"fmt"
	"math"
	"testing"

	"github.com/gomlx/compute"

	"gsmlab/internal/backend/backendtest"
)

// TestKthGreatestPicked is TestKthGreatest for the way that only very many scores take.
func TestKthGreatestPicked(t *testing.T) {
	before := pickFrom
	pickFrom = 300
	t.Cleanup(func() { pickFrom = before })
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, c := range []struct{ n, q int }{{300, 1}, {301, 300}, {3001, 50}, {5000, 2500}} {
			t.Run(fmt.Sprintf("float32 %d of %d", c.q, c.n), func(t *testing.T) {
				checkAll(t, newKth[float32](t, b, c.n, c.q), math.SmallestNonzeroFloat32, math.MaxFloat32)
			})
		}
		t.Run("float64", func(t *testing.T) {
			checkAll(t, newKth[float64](t, b, 2000, 170), math.SmallestNonzeroFloat64, math.MaxFloat64)
		})
		// So few places that picked scores meet in most of the steps.
		t.Run("warm start", func(t *testing.T) { warmStart(t, b) })
	})
}
