package record_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/dataset"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"

	"gsmlab/gsm"
	"gsmlab/gsm/record"
	"gsmlab/gsm/trace"
	"gsmlab/internal/pjrt"
)

// Two lines record a training loop: Attach and Close.
func Example() {
	backend, _, err := pjrt.Open(context.Background(), "go", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	// Your program: points (x, y) from which to learn x*y, a network, an optimizer, a loop.
	points, products := [][]float32{}, [][]float32{}
	for i := range 64 {
		x, y := float32(i%8)/8, float32(i/8)/8
		points, products = append(points, []float32{x, y}), append(products, []float32{x * y})
	}
	data, err := dataset.InMemoryFromData(backend, "products", []any{points}, []any{products})
	if err != nil {
		fmt.Println(err)
		return
	}
	network := func(scope *model.Scope, inputs []*graph.Node) []*graph.Node {
		x := graph.Tanh(layers.Dense(scope.In("hidden"), inputs[0], true, 16))
		return []*graph.Node{layers.Dense(scope.In("out"), x, true, 1)}
	}
	config := gsm.Config{Compression: 4, LearningRate: gsm.Schedule{Base: 0.05}, Momentum: 0.9, WeightDecay: 1e-3, Telemetry: true}
	opt, err := gsm.New(config)
	if err != nil {
		fmt.Println(err)
		return
	}
	store := model.NewStore()
	trainer := train.NewTrainer(backend, store, network, loss.MeanSquaredError, opt, nil, nil)
	loop := train.NewLoop(trainer)

	dir, err := os.MkdirTemp("", "record")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "trace.jsonl")
	rec, err := record.Attach(loop, path, config, record.Options{Steps: 100})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rec.Close()

	if _, err := loop.RunSteps(data.BatchSize(16, true).Infinite(true), 100); err != nil {
		fmt.Println(err)
		return
	}
	run, err := trace.Load(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	last := run.Steps[len(run.Steps)-1]
	fmt.Printf("%d of %d weights are active in step %d, of %v\n", last.Active[0]+last.Active[1], run.Header.Prunable, last.Step, run.Header.Layers[0].Name)
	// Output: 12 of 48 weights are active in step 100, of hidden
}
