package topk

import (
	"fmt"
	"math"
	"testing"

	"github.com/gomlx/compute"

	"gsmlab/internal/pjrt/backendtest"
)

// TestKthGreatestPicked is TestKthGreatest for the search that only very many scores take. A graph
// of this search takes seconds to compile, so the test compiles few and searches many vectors with
// each. One graph folds its counts and samples its scores; two are too small for either and have Q
// at its ends.
func TestKthGreatestPicked(t *testing.T) {
	before := manyScores
	manyScores = 300
	t.Cleanup(func() { manyScores = before })
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		const n, q = 9_001, 2_500
		k := newKth[float32](t, b, n, q)
		t.Run(fmt.Sprintf("float32 %d of %d", q, n), func(t *testing.T) {
			t.Parallel()
			checkAll(t, k, math.SmallestNonzeroFloat32, math.MaxFloat32)
		})
		t.Run("warm start", func(t *testing.T) { warmStart(t, k) })
		t.Run("neighbours compete", func(t *testing.T) { neighboursCompete(t, k) })
		for _, c := range []struct{ n, q int }{{300, 1}, {301, 300}} {
			t.Run(fmt.Sprintf("float32 %d of %d", c.q, c.n), func(t *testing.T) {
				t.Parallel()
				checkAll(t, newKth[float32](t, b, c.n, c.q), math.SmallestNonzeroFloat32, math.MaxFloat32)
			})
		}
		t.Run("float64", func(t *testing.T) {
			t.Parallel()
			checkAll(t, newKth[float64](t, b, 2000, 170), math.SmallestNonzeroFloat64, math.MaxFloat64)
		})
	})
}

// neighboursCompete searches scores that follow each other in size and compete for one place, so
// that nearly all brackets lose some. Each rank among them is the Q-th once: infinities fill up the
// places above it, zeros those below.
func neighboursCompete(t *testing.T, k kth[float32]) {
	rows := pickRows(k.n)
	places := k.n / rows
	for _, rank := range []int{1, 2, 100, 777, k.q, k.n - 5} {
		infinite, zero := max(0, k.q-rank), max(0, rank-k.q)
		x := make([]float32, k.n)
		for i := range x {
			// of x, greatest first: neighbours are in the rows of one place
			place := i%places*rows + i/places
			switch {
			case place < infinite:
				x[i] = float32(math.Inf(1))
			case place < k.n-zero:
				x[i] = float32(math.Exp(-0.003*float64(place-infinite) - 0.001*math.Sin(float64(place))))
			}
		}
		for _, start := range []int64{0, int64(math.Float32bits(x[places/2])), int64(math.Float32bits(x[k.n-1])), 1 << 29} {
			k.check(t, fmt.Sprint("rank ", rank), x, start)
		}
	}
}
