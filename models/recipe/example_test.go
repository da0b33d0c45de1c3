package recipe_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"gsmlab/internal/pjrt"
	"gsmlab/models/data"
	"gsmlab/models/recipe"
)

// A named plan is shortened, trained and pruned in a run folder. Then the pruned network is
// measured again from its file. The same call resumes a stopped run.
func Example() {
	ctx := context.Background()
	backend, info, err := pjrt.Open(ctx, "go", nil)
	if err != nil {
		log.Fatal(err)
	}
	plan, err := recipe.New("mlp-digits", "quick")
	if err != nil {
		log.Fatal(err)
	}
	plan = plan.Scaled(0.02)
	digits, err := data.Load(ctx, "digits", data.Options{})
	if err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "recipe")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	options := recipe.Options{Out: filepath.Join(dir, "run"), Backend: backend, Spec: info.Spec, Data: digits}
	report, err := recipe.Prune(ctx, plan, options)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d of %d weights stay\n", report.Nonzero, report.Prunable)
	again, err := recipe.Evaluate(ctx, recipe.StagePruned, options)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the saved network is as good:", again.Accuracy == report.AccuracyPruned)
	// Output:
	// 595 of 11900 weights stay
	// the saved network is as good: true
}

// The plans of a model.
func ExamplePresets() {
	for _, p := range recipe.Presets("lenet-5") {
		fmt.Println(p.Name)
	}
	// Output:
	// quick
	// paper
	// refine
	// published
}
