package gsm_test

import (
	"bytes"
	"fmt"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"

	"gsmlab/gsm"
)

// A plan is checked before it is trained: S of at least 8 lets pruned weights vanish.
func ExampleBudgetS() {
	config := gsm.Config{
		Compression: 60, Momentum: 0.98, WeightDecay: 5e-4,
		LearningRate: gsm.Schedule{Base: 0.01, Milestones: []int{8_000}},
	}
	budget := gsm.BudgetS(config, 10_000)
	fmt.Printf("S = %.2f, %.2f of it before the learning rate drops\n", budget.S, budget.BeforeLastDrop)
	fmt.Println(budget.Warning(config, 10_000))

	config.Momentum = 0.99
	config.WeightDecay = 2e-3
	fmt.Printf("S = %.2f\n", gsm.BudgetS(config, 10_000).S)
	// Output:
	// S = 2.05, 2.00 of it before the learning rate drops
	// budget S is 2.05, below 8: weights to be cut keep 0.13 of their size; weight decay 0.002, or momentum 0.9949, or 39025 steps with milestones in proportion would make it 8
	// S = 16.40
}

// Any GoMLX model trains with gsm; the cut afterwards keeps exactly Q weights.
func Example() {
	backend, err := compute.NewWithConfig("go")
	if err != nil {
		fmt.Println(err)
		return
	}
	// A network of 8*16 + 16*2 weights is to keep 1 in 8 of them.
	net := func(scope *model.Scope, x *graph.Node) *graph.Node {
		x = graph.Tanh(layers.Dense(scope.In("hidden"), x, true, 16))
		return layers.Dense(scope.In("output"), x, true, 2)
	}
	opt, err := gsm.New(gsm.Config{
		Compression: 8, Momentum: 0.9, WeightDecay: 0.01, LearningRate: gsm.Schedule{Base: 0.1},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	store := model.NewStore()
	store.SetParam(model.ParamInitialSeed, int64(7))
	trainer := train.NewTrainer(backend, store, net, loss.SparseCategoricalCrossEntropyLogits, opt, nil, nil)
	for step := range 200 { // is the first number larger than the last?
		x, y := make([]float32, 32*8), make([]int32, 32)
		for i := range x {
			x[i] = float32((i*7919+step*104729)%1000)/500 - 1
		}
		for i := range y {
			if x[i*8] > x[i*8+7] {
				y[i] = 1
			}
		}
		batch := train.Batch{
			Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(x, 32, 8)},
			Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(y, 32, 1)},
		}
		if _, err := trainer.TrainStep(batch); err != nil {
			fmt.Println(err)
			return
		}
	}
	mask, _, err := opt.Cut(store)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("kept %d of %d weights\n", mask.Kept(), mask.Size())
	// Output: kept 20 of 160 weights
}

// A mask is a value: it is made by magnitude, combined, saved and loaded.
func ExampleMask() {
	backend, err := compute.NewWithConfig("go")
	if err != nil {
		fmt.Println(err)
		return
	}
	net := func(scope *model.Scope, x *graph.Node) *graph.Node { return layers.Dense(scope.In("fc"), x, false, 4) }
	store := model.NewStore()
	if _, err := model.CallOnce(backend, store, net, [][]float32{{1, 2, 3}}); err != nil {
		// makes 12 weights
		fmt.Println(err)
		return
	}
	mask, _, err := gsm.MagnitudeMask(store, nil, 5)
	if err != nil {
		fmt.Println(err)
		return
	}
	fewer, _, err := gsm.MagnitudeMask(store, nil, 3)
	if err != nil {
		fmt.Println(err)
		return
	}
	dropped, err := mask.Diff(fewer)
	if err != nil {
		fmt.Println(err)
		return
	}
	var file bytes.Buffer
	if err := mask.Encode(&file); err != nil {
		fmt.Println(err)
		return
	}
	again, err := gsm.DecodeMask(&file, "a buffer")
	fmt.Println(mask.Kept(), fewer.Kept(), dropped.Kept(), again.Equal(mask), err)
	// Output: 5 3 2 true <nil>
}
