package lesson

import (
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/gomlx/gomlx/ml/train/metric"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"gsmlab/gsm"
	"gsmlab/gsm/snapshot"
	"gsmlab/kernel/display"
	"gsmlab/models"
	"gsmlab/models/data"
	"gsmlab/models/recipe"
)

// Weights returns a store with the weights with which a stage of the run called name ended, without
// what training left beside them. Stages are trace.StageBase, the dense network; trace.StageGSM,
// before the cut; recipe.StagePruned, after it; and those of tickets.
func Weights(name, stage string) *model.Store {
	_, saved, err := recipe.LoadStage(Dir(name), stage, say)
	Check(err)
	weights := Must(snapshot.Take(saved))
	store := model.NewStore()
	Check(weights.Restore(store))
	return store
}

// Data loads the images that a network is trained on, once per program.
func Data(net models.Model) data.Split {
	split, loaded := sets[net.Dataset]
	if !loaded {
		split = Must(data.Load(display.Context(), net.Dataset, data.Options{}))
		sets[net.Dataset] = split
	}
	return split
}

var sets = make(map[string]data.Split)

// Images returns the first n training images of a network, in the form the network takes, and their
// labels. n should divide the set's size.
func Images(net models.Model, n int) []any {
	for batch, err := range Must(data.NewEval(Data(net).Train, n)).Iter() {
		Check(err)
		return []any{batch.Inputs[0], batch.Labels[0]}
	}
	panic("lesson.Images: no images")
}

// Accuracy is the share of the test set that a network answers correctly with the weights in the
// store. If the store is empty, it makes the weights. It is not for stores in training: GoMLX's
// trainers keep their state there, and Accuracy makes another trainer.
func Accuracy(net models.Model, store *model.Store) float64 {
	accuracy := metric.NewSparseCategoricalAccuracy("Accuracy", "#acc")
	trainer := train.NewTrainer(Backend(), store, net.Logits, loss.SparseCategoricalCrossEntropyLogits, optimizer.StochasticGradientDescent().Done(),
		nil, []metric.Interface{accuracy})
	measured := Must(trainer.Eval(Must(data.NewEval(Data(net).Test, 1000))))
	return float64(tensors.ToScalar[float32](measured[1]))
}

// Schedule is the learning rate of a stage of a plan in steps, see recipe.Stage.Schedule.
func Schedule(stage interface{ Schedule(int) gsm.Schedule }, perEpoch int) gsm.Schedule {
	return stage.Schedule(perEpoch)
}
