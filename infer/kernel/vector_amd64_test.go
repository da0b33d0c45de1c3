package kernel

import "testing"

// TestAgrees: the check at the start passes a right set, and refuses one that leaves out a bias.
func TestAgrees(t *testing.T) {
	if Best == Portable {
		t.Skip("this processor has no set in assembly")
	}
	if !agrees(Best) {
		t.Errorf("%s is refused", Best.Name)
	}
	wrong := *Best
	wrong.Panels = func(out []float32, stride int, in []float32, offs []int32, panels, bias []float32, low float32, rows, width, scale int) {
		Best.Panels(out, stride, in, offs, panels, make([]float32, len(bias)), low, rows, width, scale)
	}
	if agrees(&wrong) {
		t.Error("a wrong set is not refused")
	}
}
