// Progress of what takes more than a few seconds.

package lesson

import (
	"fmt"
	"math"
	"time"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/train"

	"gsmlab/models/recipe"
)

// Progress shows how far a training loop is: call it before the loop runs, with a name for what is
// trained. It shows what Prune shows of its stages.
func Progress(loop *train.Loop, stage string) {
	show := progress()
	loop.OnStep("progress", 0, func(loop *train.Loop, metrics []*tensors.Tensor) error {
		show(recipe.Event{
			Stage: stage, Step: loop.LoopStep + 1 - loop.StartStep, Steps: loop.EndStep - loop.StartStep,
			Loss: float64(tensors.ToScalar[float32](metrics[0])), Accuracy: math.NaN(),
		})
		return nil
	})
}

// progress shows one line per stage, which overwrites itself.
func progress() recipe.Progress {
	var shown, began time.Time
	stage := ""
	return func(e recipe.Event) {
		if e.Stage != stage {
			stage, began = e.Stage, time.Now()
		}
		last := e.Step == e.Steps
		if !last && time.Since(shown) < 2*time.Second {
			return
		}
		shown = time.Now()
		line := fmt.Sprintf("%s: step %d of %d, loss %.4f", e.Stage, e.Step, e.Steps, e.Loss)
		if !math.IsNaN(e.Accuracy) {
			line += fmt.Sprintf(", accuracy %.2f %%", 100*e.Accuracy)
		}
		fmt.Printf("\r%-78s", line)
		if last {
			fmt.Printf("\r%-78s\n", fmt.Sprintf("%s, %.0f s", line, time.Since(began).Seconds()))
		}
	}
}
