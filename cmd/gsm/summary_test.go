package main

import (
	"math"
	"testing"
)

func TestSpread(t *testing.T) {
	s := spreadOf([]float64{0.9, 0.8, 0.7, 0.8})
	if math.Abs(s.Mean-0.8) > 1e-12 || s.Min != 0.7 || math.Abs(s.Deviation-math.Sqrt(0.02/3)) > 1e-12 {
		t.Errorf("%+v", s)
	}
	if s := spreadOf([]float64{0.5}); s != (spread{Mean: 0.5, Min: 0.5}) {
		t.Errorf("one value: %+v", s)
	}
}

func TestSeedList(t *testing.T) {
	for want, seeds := range map[string][]int64{"1": {1}, "1-3": {2, 1, 3}, "1-2,7,9-10": {10, 7, 1, 9, 2}, "-3--2": {-2, -3}} {
		if got := seedList(seeds); got != want {
			t.Errorf("%v: %q, want %q", seeds, got, want)
		}
	}
}
