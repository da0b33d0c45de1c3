// Tests of the search against a sort, on each backend, with ties, zeros and odd sizes.

package topk

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gsmlab/internal/pjrt/backendtest"
)

// kth runs Greatest over vectors of one size and type.
type kth[T float32 | float64] struct {
	exec *graph.Exec
	n, q int
}

func newKth[T float32 | float64](t *testing.T, b compute.Backend, n, q int) kth[T] {
	exec, err := graph.NewExec(b, func(x, start *graph.Node) []*graph.Node {
		// Layers of different sizes, as far as the scores suffice. With as many scores as LeNet-300
		// has, two layers are counted on their own and one is not.
		var layers []*graph.Node
		from := 0
		for _, to := range []int{n / 3, n/3 + n/100, n} {
			if to > from {
				layers = append(layers, graph.Slice(x, graph.AxisRange(from, to)))
			}
			from = to
		}
		found := Greatest(layers, q, start)
		return []*graph.Node{graph.GreaterOrEqual(asBits(x), found.Threshold), found.Threshold, found.Passes}
	})
	if err != nil {
		t.Fatal(err)
	}
	return kth[T]{exec: exec, n: n, q: q}
}

// check compares the mask with a sort and returns the threshold's bits and the number of passes.
func (k kth[T]) check(t *testing.T, what string, x []T, start int64) (bits int64, passes int) {
	t.Helper()
	begin := tensors.FromScalar(start)
	if _, ok := any(x).([]float32); ok {
		begin = tensors.FromScalar(int32(start))
	}
	out, err := k.exec.Call(tensors.FromFlatDataAndDimensions(x, len(x)), begin)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	mask := tensors.MustCopyFlatData[bool](out[0])
	passes = int(tensors.ToScalar[int32](out[2]))
	limit := 80 // 8, then 2 for each of 31 bits
	if _, ok := any(x).([]float32); ok {
		bits = int64(tensors.ToScalar[int32](out[1]))
	} else {
		bits, limit = tensors.ToScalar[int64](out[1]), 140 // 63 bits
	}
	if passes < 1 || passes > limit {
		t.Errorf("%s: %d passes, want 1 to %d", what, passes, limit)
	}

	sorted := slices.Clone(x)
	slices.SortFunc(sorted, func(a, b T) int { // greatest first
		switch {
		case a > b:
			return -1
		case a < b:
			return 1
		}
		return 0
	})
	want, active := sorted[k.q-1], 0
	for i, v := range x {
		if mask[i] {
			active++
		}
		if mask[i] != (v >= want) {
			t.Fatalf("%s: score %d = %g is active: %t, and the %d-th greatest is %g (start %d)", what, i, v, mask[i], k.q, want, start)
		}
	}
	tied := k.q < k.n && sorted[k.q] == want
	if !tied && active != k.q || tied && active <= k.q {
		t.Errorf("%s: %d active for Q = %d (ties: %t)", what, active, k.q, tied)
	}
	return bits, passes
}

// vectors returns scores that have caused trouble in such searches, or could.
func vectors[T float32 | float64](n, q int, rng *rand.Rand, tiny, huge T) map[string][]T {
	fill := func(f func(i int) T) []T {
		x := make([]T, n)
		for i := range x {
			x[i] = f(i)
		}
		rng.Shuffle(n, func(i, j int) { x[i], x[j] = x[j], x[i] })
		return x
	}
	normal := func() T { return T(math.Abs(rng.NormFloat64())) }
	heavy := func() T { return T(math.Exp(4*rng.NormFloat64() - 12)) }
	inf := T(math.Inf(1))
	return map[string][]T{
		"normal":          fill(func(int) T { return normal() }),
		"heavy tail":      fill(func(int) T { return heavy() }),
		"uniform":         fill(func(int) T { return T(rng.Float64()) }),
		"ties":            fill(func(int) T { return T(rng.IntN(4)) * 1e-3 }),
		"all equal":       fill(func(int) T { return 0.25 }),
		"all zero":        fill(func(int) T { return 0 }),
		"minus zero":      fill(func(i int) T { return T(math.Copysign(0, float64(i%2)-0.5)) }),
		"zero at the Qth": fill(func(i int) T { return max(0, T(q-1-i)) * 1e-5 }),
		"zero after Qth":  fill(func(i int) T { return max(0, T(q-i)) * 1e-5 }),
		"denormals":       fill(func(i int) T { return T(i%7) * tiny }),
		"huge":            fill(func(i int) T { return huge / T(1+i) }),
		"infinities": fill(func(i int) T {
			if i < (q+1)/2 {
				return inf
			}
			return heavy()
		}),
		"all infinite": fill(func(int) T { return inf }),
		"neighbours":   fill(func(i int) T { return 1 + T(i)*1.1920929e-07 }),
		"two groups": fill(func(i int) T {
			if i < q {
				return huge
			}
			return tiny
		}),
	}
}

func TestKthGreatest(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, c := range []struct{ n, q int }{
			{1, 1}, {2, 2}, {7, 3}, {lanes*chunk - 1, 1}, {lanes * chunk, 40}, {lanes*chunk + 1, lanes*chunk + 1}, {3001, 50},
		} {
			t.Run(fmt.Sprintf("float32 %d of %d", c.q, c.n), func(t *testing.T) {
				checkAll(t, newKth[float32](t, b, c.n, c.q), math.SmallestNonzeroFloat32, math.MaxFloat32)
			})
		}
		for _, c := range []struct{ n, q int }{{1, 1}, {259, 17}, {1000, 1000}} {
			t.Run(fmt.Sprintf("float64 %d of %d", c.q, c.n), func(t *testing.T) {
				checkAll(t, newKth[float64](t, b, c.n, c.q), math.SmallestNonzeroFloat64, math.MaxFloat64)
			})
		}
		t.Run("NaN", func(t *testing.T) {
			k := newKth[float32](t, b, 4, 2)
			// counts as greater than all numbers, and does not keep the search going
			nan := float32(math.NaN())
			out, err := k.exec.Call([]float32{1, nan, 3, 2}, int32(0))
			if err != nil {
				t.Fatal(err)
			}
			if got := tensors.MustCopyFlatData[bool](out[0]); !slices.Equal(got, []bool{false, true, true, false}) {
				t.Errorf("active %v", got)
			}
		})
		t.Run("warm start", func(t *testing.T) { warmStart(t, newKth[float32](t, b, 266_200, 4_436)) })
	})
}

// checkAll searches every vector from every kind of start.
func checkAll[T float32 | float64](t *testing.T, k kth[T], tiny, huge T) {
	rng := rand.New(rand.NewPCG(uint64(k.n), uint64(k.q)))
	most := int64(math.MaxInt32)
	if any(tiny) != any(float32(tiny)) {
		most = math.MaxInt64
	}
	for name, x := range vectors(k.n, k.q, rng, tiny, huge) {
		bits, _ := k.check(t, name, x, 0)
		for _, start := range []int64{bits, most - 1, -most - 1, rng.Int64N(most)} {
			k.check(t, name, x, start)
		}
	}
}

// warmStart follows scores like those of a LeNet-300 through steps. They are heavy-tailed, and each
// weight has a size that stays. Most of each score is new in each step, and all of them drift by a
// few percent.
func warmStart(t *testing.T, k kth[float32]) {
	const steps = 12
	rng := rand.New(rand.NewPCG(5, 8))
	own := make([]float64, k.n)
	for i := range own {
		own[i] = math.Exp(1.5 * rng.NormFloat64())
	}
	x := make([]float32, k.n)
	var start int64
	total := 0
	for step := range steps + 1 {
		scale := 1e-6 * math.Exp(0.15*rng.NormFloat64()-0.01*float64(step))
		for i := range x {
			x[i] = float32(scale * own[i] * math.Abs(rng.NormFloat64()*rng.NormFloat64()))
		}
		bits, passes := k.check(t, fmt.Sprintf("step %d", step), x, start)
		if start = bits; step > 0 { // the first has no last threshold
			total += passes
		}
	}
	mean := float64(total) / steps
	t.Logf("%.1f passes a step", mean)
	if mean > 12 {
		t.Errorf("%.1f passes a step, want at most 12", mean)
	}
}
