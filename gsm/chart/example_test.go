package chart_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"gsmlab/gsm/chart"
	"gsmlab/gsm/trace"
)

// short is a run as trace.Load returns it: two steps, measured once, and a cut.
func short() *trace.Run {
	layers := []trace.Layer{{Name: "/fc1/weights", Shape: []int{8, 8}, Prunable: 64}, {Name: "/fc2/weights", Shape: []int{8, 2}, Prunable: 16}}
	return &trace.Run{
		Header: trace.Header{Model: "small", Compression: 8, Q: 10, Prunable: 80, Layers: layers},
		Steps: []trace.Step{
			{Stage: trace.StageGSM, Step: 1, Loss: 0.7, LearningRate: 0.1, Threshold: new(2e-4), Active: []int{8, 2}},
			{Stage: trace.StageGSM, Step: 2, Loss: 0.5, LearningRate: 0.1, Threshold: new(1e-4), Active: []int{6, 4}},
		},
		Evals: []trace.Eval{{Stage: trace.StageGSM, Step: 2, Accuracy: 0.9, Loss: 0.4}},
		Cuts:  []trace.Cut{{Stage: trace.StageGSM, Step: 2, Threshold: 0.01, Kept: []int{6, 4}}},
	}
}

// All charts that a run has data for.
func ExampleAll() {
	figures, err := chart.All(short())
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range figures {
		fmt.Println(f.Name)
	}
	// Output:
	// density
	// accuracy
	// layers
	// threshold
}

// A page about a run, in one file.
func ExampleRunPage() {
	dir, err := os.MkdirTemp("", "page")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	page, err := chart.RunPage(short())
	if err != nil {
		log.Fatal(err)
	}
	if err := chart.SaveHTML(filepath.Join(dir, "report.html"), page); err != nil {
		log.Fatal(err)
	}
	fmt.Println(page.Title)
	// Output: small pruned 8× by global sparse momentum
}

// Any numbers with an x and a y.
func ExampleLines() {
	f, err := chart.Lines("Accuracy and ratio", "compression", "test accuracy in %", []chart.Series{
		{Name: "GSM", X: []float64{60, 68, 100}, Mean: []float64{98.26, 98.30, 98.18}},
	}, chart.LineOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(f.Alt)
	// Output: Line chart of test accuracy in % against compression. Last values: GSM 98.18.
}

// One bar per name.
func ExampleBars() {
	f, err := chart.Bars("steps", "Time of a step", "ms", []chart.Bar{{Name: "SGD", Value: 32.1}, {Name: "GSM", Value: 32.6}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(f.Alt)
	// Output: Bar chart of ms with 2 bars.
}
