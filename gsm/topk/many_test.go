package topk

import (
	"fmt"
	"math"
	"testing"

	"github.com/gomlx/compute"

	"gsmlab/internal/pjrt/backendtest"
)

// TestKthGreatestMany searches so many scores that folding is deepest (see wideRows): warm, cold,
// and among ties.
func TestKthGreatestMany(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		const n = 1<<20 + 7919
		sets := scoreSets(n, 2)
		const q = n / 10
		k := newKth[float32](t, b, n, q)
		start, passes := k.check(t, "cold", sets[0], 0)
		for s, x := range sets {
			for _, from := range []int64{start, 1} {
				_, p := k.check(t, fmt.Sprintf("set %d, from %d", s, from), x, from)
				passes = max(passes, p)
			}
		}
		t.Logf("at most %d passes", passes)
		if passes > 4 {
			t.Errorf("%d passes, want at most 4", passes)
		}
		for i := range sets[1] { // a tie of n/8 around the quota
			if i%8 == 3 {
				sets[1][i] = math.Float32frombits(uint32(start))
			}
		}
		k.check(t, "tie", sets[1], start)
		k.check(t, "tie, cold", sets[1], 0)
	})
}
