package ticket_test

import (
	"context"
	"fmt"
	"log"
	"math/rand/v2"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/gsm"
	"gsmlab/gsm/snapshot"
	"gsmlab/gsm/ticket"
	"gsmlab/internal/pjrt"
)

// The magnitude ticket: train a network normally, keep its greatest weights, and train those alone
// from where they began.
func Example() {
	b, _, err := pjrt.Open(context.Background(), "go", nil)
	if err != nil {
		log.Fatal(err)
	}
	store, err := newStore(b)
	if err != nil {
		log.Fatal(err)
	}
	init, err := snapshot.Take(store)
	if err != nil {
		log.Fatal(err)
	}

	config := gsm.Config{Compression: 1, Momentum: .9, WeightDecay: 5e-4, LearningRate: gsm.Schedule{Base: .05}}
	sgd, err := gsm.New(config)
	if err != nil {
		log.Fatal(err)
	}
	if err := steps(newTrainer(b, store, sgd), rand.New(rand.NewPCG(1, 1)), 100); err != nil {
		log.Fatal(err)
	}
	mask, _, err := gsm.MagnitudeMask(store, nil, 36) // 4x
	if err != nil {
		log.Fatal(err)
	}

	if err := ticket.Rewind(store, init, mask); err != nil {
		log.Fatal(err)
	}
	opt, err := ticket.Optimizer(sgd, mask)
	if err != nil {
		log.Fatal(err)
	}
	if err := steps(newTrainer(b, store, opt), rand.New(rand.NewPCG(1, 1)), 100); err != nil {
		log.Fatal(err)
	}
	nonzero, err := gsm.Nonzero(store, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("weights left:", nonzero[0]+nonzero[1], "of", gsm.CountPrunable(store, nil))
	fmt.Println("better than 90 %:", accuracy(b, store) > .9)
	// Output:
	// weights left: 36 of 144
	// better than 90 %: true
}

// accuracy on 1000 new points.
func accuracy(b compute.Backend, store *model.Store) float64 {
	x, y := points(rand.New(rand.NewPCG(2, 2)), 1000)
	guess, err := model.CallOnce(b, store, func(scope *model.Scope, x *graph.Node) *graph.Node {
		return graph.ArgMax(net(scope, x), -1)
	}, tensors.FromFlatDataAndDimensions(x, len(y), in))
	if err != nil {
		log.Fatal(err)
	}
	right := 0
	for i, g := range tensors.MustCopyFlatData[int32](guess) {
		if g == y[i] {
			right++
		}
	}
	return float64(right) / float64(len(y))
}
