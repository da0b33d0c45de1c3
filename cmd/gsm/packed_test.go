package main

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"testing"

	"gsmlab/models/data"
)

// TestPackedNetworks: the networks that are kept in the repository are as small and as good as
// docs/deploy.md says.
func TestPackedNetworks(t *testing.T) {
	if testing.Short() {
		t.Skip("it measures on MNIST")
	}
	test, err := data.LoadTest(context.Background(), "mnist", data.Options{Offline: true})
	if err != nil {
		t.Skip(err)
	}
	samples, err := samplesOf(context.Background(), test, math.MaxInt)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		file     string
		bytes    int
		accuracy float64
	}{
		{"lenet-300-100-60x.gsm", 4_470, 0.9827},
		{"lenet-300-100-100x.gsm", 3_076, 0.9817},
	} {
		path := filepath.Join("..", "..", "models", "packed", c.file)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		_, n, err := loadPacked("test", path)
		if err != nil {
			t.Fatal(err)
		}
		accuracy, _, err := samples.Measure(context.Background(), n)
		if err != nil {
			t.Fatal(err)
		}
		// kernels differ between machines, and with them the last bits of a sum
		if info.Size() != int64(c.bytes) || math.Abs(accuracy-c.accuracy) > 0.0002 {
			t.Errorf("%s: %d bytes, accuracy %g: want %d and %g", c.file, info.Size(), accuracy, c.bytes, c.accuracy)
		}
	}
}
