package dap

import "testing"

// TestMurmur2 compares with ipykernel 6's murmur2_x86 and its seed.
func TestMurmur2(t *testing.T) {
	for text, want := range map[string]uint32{
		"":         3990065800,
		"a":        2167009006,
		"ab":       2805137849,
		"abc":      3350977461,
		"abcd":     804720481,
		"x := 1\n": 3921949413,
		"sum(3)":   2190682035,
		"π ≈ 3":    4039678190,
	} {
		if got := murmur2(text); got != want {
			t.Errorf("%q: got %d, want %d", text, got, want)
		}
	}
}
