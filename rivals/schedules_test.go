package rivals

import (
	"math"
	"slices"
	"testing"
)

// TestCubic: eq. (1) of Zhu and Gupta at its ends and in the middle.
func TestCubic(t *testing.T) {
	for step, want := range map[int]float64{
		0: 0, 50: 0.8 * (1 - 1.0/8), 75: 0.8 * (1 - 1.0/64), 100: 0.8, 500: 0.8,
	} {
		if got := cubic(0.8, step, 0, 100); math.Abs(got-want) > 1e-12 {
			t.Errorf("sparsity at step %d: %g, want %g", step, got, want)
		}
	}
	for step := 1; step <= 100; step++ {
		if cubic(0.8, step, 0, 100) < cubic(0.8, step-1, 0, 100) {
			t.Errorf("sparsity falls at step %d", step)
		}
	}
}

func TestCosine(t *testing.T) {
	for step, want := range map[int]float64{0: 0.3, 50: 0.15, 100: 0} {
		if got := cosine(0.3, step, 100); math.Abs(got-want) > 1e-12 {
			t.Errorf("fraction at step %d: %g, want %g", step, got, want)
		}
	}
}

// TestRounds: 20 % of the weights left go in each round, as in the paper, and q are left.
func TestRounds(t *testing.T) {
	if got, want := (rounds{0.2}).quotas(1000, 400), []int{800, 640, 512, 410, 400}; !slices.Equal(got, want) {
		t.Errorf("quotas %v, want %v", got, want)
	}
	if got, want := (rounds{1}).quotas(1000, 400), []int{400}; !slices.Equal(got, want) {
		t.Errorf("quotas of one round: %v, want %v", got, want)
	}
	if got, want := (rounds{0.5}).quotas(1000, 1000), []int{1000}; !slices.Equal(got, want) {
		t.Errorf("quotas without pruning: %v, want %v", got, want)
	}
	if n := len((rounds{0.2}).quotas(266_200, 4_436)); n != 19 {
		t.Errorf("60x takes %d rounds, want 19: 0.8^18 is 1/55, and 0.8^19 1/69", n)
	}
}

// TestPhases: the turns of the authors' CIFAR-10 recipe, in epochs.
func TestPhases(t *testing.T) {
	var sparse, dense []int
	for _, turn := range acdcTurns() {
		epoch := int(math.Round(turn.at * 200))
		if turn.sparse {
			sparse = append(sparse, epoch)
		} else {
			dense = append(dense, epoch)
		}
	}
	if want := []int{10, 50, 90, 130, 170}; !slices.Equal(sparse, want) {
		t.Errorf("sparse from epochs %v, want %v", sparse, want)
	}
	if want := []int{30, 70, 110, 150}; !slices.Equal(dense, want) {
		t.Errorf("dense from epochs %v, want %v", dense, want)
	}
}

// TestReplace: as many weights as before; the smallest go; those with the greatest gradients come.
func TestReplace(t *testing.T) {
	kept := []bool{true, true, true, false, false, false}
	weights := []float64{0.5, -0.1, 2, 0, 0, 0}
	gradients := []float64{0, 0, 9, 1, -7, 3}
	if got, want := replace(kept, weights, gradients, 1), []bool{true, false, true, false, true, false}; !slices.Equal(got, want) {
		t.Errorf("one replaced: %v, want %v", got, want)
	}
	if got := replace(kept, weights, gradients, 0); !slices.Equal(got, kept) {
		t.Errorf("none replaced: %v, want %v", got, kept)
	}
	// A weight that was dropped competes with its gradient too.
	gradients[1] = 100
	if got := replace(kept, weights, gradients, 1); !slices.Equal(got, kept) {
		t.Errorf("the dropped weight has the greatest gradient: %v, want %v", got, kept)
	}
}
