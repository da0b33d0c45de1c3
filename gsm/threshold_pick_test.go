package gsm

import (
	"fmt"
	"math"
	"testing"

	"github.com/gomlx/compute"

	"gsmlab/internal/pjrt/backendtest"
)

// TestKthGreatestPicked is TestKthGreatest for the way that only very many scores take.
func TestKthGreatestPicked(t *testing.T) {
	before := manyScores
	manyScores = 300
	t.Cleanup(func() { manyScores = before })
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, c := range []struct{ n, q int }{{300, 1}, {301, 300}, {3001, 50}, {5000, 2500}} {
			t.Run(fmt.Sprintf("float32 %d of %d", c.q, c.n), func(t *testing.T) {
				checkAll(t, newKth[float32](t, b, c.n, c.q), math.SmallestNonzeroFloat32, math.MaxFloat32)
			})
		}
		t.Run("float64", func(t *testing.T) {
			checkAll(t, newKth[float64](t, b, 2000, 170), math.SmallestNonzeroFloat64, math.MaxFloat64)
		})
		t.Run("warm start", func(t *testing.T) { warmStart(t, b) })
		t.Run("neighbours compete", func(t *testing.T) {
			// Scores that follow each other in size compete for one place, so that nearly all brackets lose some.
			const n = 2400
			rows := pickRows(n)
			x := make([]float32, n)
			for i := range x {
				rank := i%(n/rows)*rows + i/(n/rows)
				x[i] = float32(math.Exp(-0.01*float64(rank) - 0.3*math.Sin(float64(rank))*0.01))
			}
			for _, q := range []int{1, 2, 100, 777, 1200, 2395} {
				k := newKth[float32](t, b, n, q)
				for _, start := range []int64{0, int64(math.Float32bits(x[0])), int64(math.Float32bits(x[n-1])), 1 << 29} {
					k.check(t, fmt.Sprint("q ", q), x, start)
				}
			}
		})
	})
}
