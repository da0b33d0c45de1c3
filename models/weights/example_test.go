package weights_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/internal/pjrt"
	"gsmlab/models/weights"
)

// Weights are written to a file that PyTorch reads, and read again.
func Example() {
	b, _, err := pjrt.Open(context.Background(), "go", nil)
	if err != nil {
		log.Fatal(err)
	}
	net := func(scope *model.Scope, x *graph.Node) *graph.Node { return layers.Dense(scope.In("fc"), x, true, 3) }
	store := model.NewStore()
	if _, err := model.CallOnce(b, store, net, [][]float32{{1, 2}}); err != nil {
		// makes the weights
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "weights")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "net"+weights.Suffix)
	if err := weights.Write(path, store, nil, nil, map[string]string{"model": "example"}); err != nil {
		log.Fatal(err)
	}
	file, err := weights.Read(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	again := model.NewStore()
	if err := file.Restore(again); err != nil {
		log.Fatal(err)
	}
	for v := range again.IterVariables() {
		fmt.Println(v.Path(), v.Shape())
	}
	// Output:
	// /fc/dense/biases (Float32)[3]
	// /fc/dense/weights (Float32)[2, 3]
}
