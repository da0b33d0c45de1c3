package backend_test

import (
	"context"
	"fmt"
	"log"

	"github.com/gomlx/gomlx/core/graph"

	"gsmlab/backend"
)

// "auto" opens the fastest backend; "go" is the one that is always there.
func ExampleOpen() {
	b, info, err := backend.Open(context.Background(), "go", nil)
	if err != nil {
		log.Fatal(err)
	}
	sum, err := graph.CallOnce(b, graph.Add, []float32{1, 2}, []float32{3, 4})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.Spec, sum.Value())
	// Output: go [4 6]
}
