package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/gomlx/gomlx/core/tensors"

	"gsmlab/deploy"
	"gsmlab/infer"
	"gsmlab/infer/code"
	"gsmlab/infer/graph"
	"gsmlab/internal/atomicfile"
	"gsmlab/models"
	"gsmlab/models/data"
)

// packedSuffix is how the names of packed networks end.
const packedSuffix = ".gsm"

// isPacked reports a file of a packed network.
func isPacked(name string) bool { return strings.HasSuffix(name, packedSuffix) }

// samplesOf reads at most n images of a set, evenly spread, as pixels between 0 and 1.
func samplesOf(ctx context.Context, set data.Set, n int) (deploy.Samples, error) {
	var s deploy.Samples
	if set.Len() > n {
		set = set.Subset(n)
	}
	batches, err := data.NewEval(set, 500)
	if err != nil {
		return s, err
	}
	form := set.Form()
	for b, err := range batches.Iter() {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return s, err
		}
		values := tensors.MustCopyFlatData[float32](b.Inputs[0])
		for i, v := range values {
			c := i % form.Channels
			// the byte that it was
			values[i] = float32(math.Round(float64(v*form.Std[c]+form.Mean[c])*255)) / 255
		}
		s.Values = append(s.Values, values...)
		s.Labels = append(s.Labels, tensors.MustCopyFlatData[int32](b.Labels[0])...)
	}
	return s, nil
}

// loadPacked reads a packed network.
func loadPacked(what, file string) (*graph.Graph, *infer.Network, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, fmt.Errorf("%s %s: %w: name a file that `gsm pack` wrote", what, file, plain(err))
	}
	g, err := code.Decode(raw)
	if err != nil {
		return nil, nil, fmt.Errorf("%s %s: %w", what, file, err)
	}
	n, err := infer.Compile(g)
	if err != nil {
		return nil, nil, fmt.Errorf("%s %s: %w", what, file, err)
	}
	return g, n, nil
}

// datasetOf is the set whose images a packed network reads, by their size and the classes.
func datasetOf(what, file string, n *infer.Network) (string, error) {
	in := n.InputShapes()
	for _, m := range models.All() {
		if len(in) == 1 && len(in[0]) == 3 && [3]int(in[0]) == m.Image && n.OutputSize() == m.Classes {
			return m.Dataset, nil
		}
	}
	return "", fmt.Errorf("%s %s: it reads inputs of shape %v and gives %d numbers: no known data set has such images", what, file, in, n.OutputSize())
}

// write writes a file, or says what else to name.
func write(flag, file string, raw []byte) error {
	if err := atomicfile.WriteBytes(file, raw); err != nil {
		return fmt.Errorf("%s %s: %w: name a file in a folder that can be written", flag, file, plain(err))
	}
	return nil
}

// baseName is the name of a file or folder without its suffix.
func baseName(path string) string {
	name := filepath.Base(filepath.Clean(path))
	return strings.TrimSuffix(name, filepath.Ext(name))
}
