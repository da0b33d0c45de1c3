package lesson

import (
	"slices"
	"testing"

	"gsmlab/gsm"
)

func TestOnPaths(t *testing.T) {
	layer := func(path string, in, out int, kept ...int) gsm.MaskLayer {
		keep := make([]bool, in*out)
		for _, w := range kept {
			keep[w] = true
		}
		return Must(gsm.NewMaskLayer(path, []int{in, out}, keep))
	}
	// 2 inputs, 3 units, 2 units, 2 outputs. Unit 0 leads nowhere, unit 1 leads on, unit 2 has no
	// input.
	mask := gsm.Mask{Layers: []gsm.MaskLayer{
		layer("/a", 2, 3, 0, 1, 4), // 0->0, 0->1, 1->1
		layer("/b", 3, 2, 2, 3, 5), // 1->0, 1->1, 2->1
		layer("/c", 2, 2, 1),       // 0->1
	}}
	if got := OnPaths(mask); !slices.Equal(got, []int{2, 1, 1}) {
		t.Errorf("%v weights are on paths, want [2 1 1]", got)
	}
	mask.Layers[2] = layer("/c", 2, 2)
	if got := OnPaths(mask); !slices.Equal(got, []int{0, 0, 0}) {
		t.Errorf("%v weights are on paths that end nowhere, want none", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("layers that do not follow each other are accepted")
		}
	}()
	mask.Layers[1] = layer("/b", 2, 2)
	OnPaths(mask)
}
