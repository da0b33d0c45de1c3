package snapshot_test

import (
	"context"
	"fmt"
	"log"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/gsm/snapshot"
	"gsmlab/internal/pjrt"
)

// Keep the initial weights, and put them back after training has changed them.
func Example() {
	b, _, err := pjrt.Open(context.Background(), "go", nil)
	if err != nil {
		log.Fatal(err)
	}
	net := func(scope *model.Scope, x *graph.Node) *graph.Node { return layers.Dense(scope.In("fc"), x, false, 2) }
	store := model.NewStore()
	if _, err := model.CallOnce(b, store, net, [][]float32{{1, 2}}); err != nil {
		// makes the weights
		log.Fatal(err)
	}
	before, err := snapshot.Take(store)
	if err != nil {
		log.Fatal(err)
	}
	weights := store.GetVariable("/fc/dense/weights")
	first := fmt.Sprint(weights.MustValue())
	if err := weights.SetValue(tensors.FromShape(weights.Shape())); err != nil {
		// stands for training
		log.Fatal(err)
	}
	if err := before.Restore(store); err != nil {
		log.Fatal(err)
	}
	fmt.Println("as they were:", fmt.Sprint(weights.MustValue()) == first)
	// Output: as they were: true
}
