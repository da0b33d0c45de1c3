package topk_test

import (
	"context"
	"fmt"
	"log"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"gsmlab/gsm/topk"
	"gsmlab/internal/pjrt"
)

// The three greatest scores of two layers together.
func ExampleGreatest() {
	b, _, err := pjrt.Open(context.Background(), "go", nil)
	if err != nil {
		log.Fatal(err)
	}
	out, err := graph.CallOnceN(b, func(first, second *graph.Node) []*graph.Node {
		// no threshold of a step before
		start := graph.Zeros(first.Graph(), topk.StartShape(dtypes.Float32))
		found := topk.Greatest([]*graph.Node{first, second}, 3, start)
		return []*graph.Node{found.Among(first), found.Among(second)}
	}, []float32{0.2, 0.9, 0.1}, []float32{0.8, 0.3, 0.7, 0})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(out[0].Value(), out[1].Value())
	// Output: [false true false] [true false true false]
}
