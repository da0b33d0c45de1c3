package gsm

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func checkSelect(t *testing.T, values []float64) {
	t.Helper()
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	slices.Reverse(sorted)
	for k := 1; k <= len(values); k += 1 + len(values)/17 {
		shuffled := slices.Clone(values)
		if got := selectGreatest(shuffled, k); got != sorted[k-1] {
			t.Fatalf("the %d-th greatest of %v is %g, want %g", k, values, got, sorted[k-1])
		}
		slices.Sort(shuffled)
		slices.Reverse(shuffled)
		if !slices.Equal(shuffled, sorted) {
			t.Fatalf("values were lost: %v of %v", shuffled, sorted)
		}
	}
}

func TestSelectGreatest(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for n := 1; n < 200; n++ {
		rising, ties, normal, pipes := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range n {
			rising[i], ties[i], normal[i], pipes[i] = float64(i), float64(rng.IntN(3)), rng.NormFloat64(), math.Abs(float64(n/2-i))
		}
		falling := slices.Clone(rising)
		slices.Reverse(falling)
		for _, values := range [][]float64{rising, falling, ties, normal, pipes, make([]float64, n)} {
			checkSelect(t, values)
		}
	}
}

func FuzzSelectGreatest(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		var values []float64
		for ; len(data) >= 8; data = data[8:] {
			if v := math.Float64frombits(binary.LittleEndian.Uint64(data)); !math.IsNaN(v) {
				values = append(values, v)
			}
		}
		checkSelect(t, values)
	})
}
