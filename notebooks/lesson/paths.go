package lesson

import (
	"fmt"

	"gsmlab/gsm"
)

// OnPaths counts, for each dense layer of a mask, the kept weights that lie on an unbroken path of
// kept weights from an input of the first layer to an output of the last one. The other weights
// carry nothing of the image to the answer, because everything before or after their unit was
// pruned.
func OnPaths(mask gsm.Mask) []int {
	layers := mask.Layers
	// reached[i] holds the units before layer i that an input reaches; leads[i] holds those after
	// it that lead to an output.
	reached, leads := make([][]bool, len(layers)+1), make([][]bool, len(layers))
	for i, l := range layers {
		if len(l.Dims) != 2 || i > 0 && l.Dims[0] != layers[i-1].Dims[1] {
			panic(fmt.Errorf("lesson.OnPaths: layer %s of dimensions %v does not follow the one before it", l.Path, l.Dims))
		}
	}
	reached[0] = all(layers[0].Dims[0])
	for i, l := range layers {
		reached[i+1] = make([]bool, l.Dims[1])
		for w := range l.Size() {
			if from, to := w/l.Dims[1], w%l.Dims[1]; l.Keep(w) && reached[i][from] {
				reached[i+1][to] = true
			}
		}
	}
	leads[len(layers)-1] = all(layers[len(layers)-1].Dims[1])
	for i := len(layers) - 1; i > 0; i-- {
		leads[i-1] = make([]bool, layers[i].Dims[0])
		for w := range layers[i].Size() {
			if from, to := w/layers[i].Dims[1], w%layers[i].Dims[1]; layers[i].Keep(w) && leads[i][to] {
				leads[i-1][from] = true
			}
		}
	}
	counts := make([]int, len(layers))
	for i, l := range layers {
		for w := range l.Size() {
			if l.Keep(w) && reached[i][w/l.Dims[1]] && leads[i][w%l.Dims[1]] {
				counts[i]++
			}
		}
	}
	return counts
}

func all(n int) []bool {
	list := make([]bool, n)
	for i := range list {
		list[i] = true
	}
	return list
}
