package models_test

import (
	"context"
	"fmt"
	"log"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/internal/pjrt"
	"gsmlab/models"
)

// A network is a function of a scope: GoMLX builds it, on any backend.
func ExampleLookup() {
	b, _, err := pjrt.Open(context.Background(), "go", nil)
	if err != nil {
		log.Fatal(err)
	}
	m, err := models.Lookup("lenet-300-100")
	if err != nil {
		log.Fatal(err)
	}
	images := tensors.FromShape(shapes.Make(dtypes.Float32, 2, m.Image[0], m.Image[1], m.Image[2]))
	logits, err := model.CallOnce(b, model.NewStore(), m.Logits, images)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(m.Prunable, "weights;", logits.Shape())
	// Output: 266200 weights; (Float32)[2, 10]
}
