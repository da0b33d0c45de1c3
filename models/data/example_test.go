package data_test

import (
	"context"
	"fmt"

	"gsmlab/models/data"
)

func Example() {
	set, err := data.Load(context.Background(), "digits", data.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	batches, err := data.NewBatches(set.Train, 128, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(set.Train.Len(), set.Test.Len(), batches.StepsPerEpoch())
	batches.StartAt(1000) // a resumed run
	for batch, err := range batches.Iter() {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(batch.Inputs[0].Shape(), batch.Labels[0].Shape())
		_ = batch.Finalize()
		break
	}
	// Output:
	// 1437 360 12
	// (Float32)[128, 8, 8, 1] (Int32)[128, 1]
}
