package lesson

import (
	"path/filepath"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/checkpoint"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/gomlx/gomlx/ml/train/metric"

	"gsmlab/gsm"
	"gsmlab/gsm/trace"
	"gsmlab/kernel/engine/rt/cell"
	"gsmlab/models"
	"gsmlab/models/data"
	"gsmlab/models/recipe"
)

// CutDense cuts the dense network of the run called name to its largest weights, 1 in ratio, as Cut does but without GSM before
// it, and returns its accuracy on the test set. The run is not changed.
func CutDense(name string, ratio float64) float64 {
	m := Must(models.Lookup(Must(recipe.LoadPlan(Dir(name))).Model))
	store := model.NewStore()
	_, err := checkpoint.Load(store).Dir(filepath.Join(Dir(name), trace.StageBase)).Immediate().Done()
	Check(err)
	_, _, err = gsm.Cut(store, nil, Must(gsm.Quota(m.Prunable, ratio)))
	Check(err)
	set := Must(data.Load(cell.Ctx, m.Dataset, data.Options{}))
	opt := Must(gsm.New(gsm.Config{Compression: 1})) // a trainer wants one, to evaluate too
	trainer := train.NewTrainer(Backend(), store, m.Logits, loss.SparseCategoricalCrossEntropyLogits, opt,
		nil, []metric.Interface{metric.NewSparseCategoricalAccuracy("accuracy", "accuracy")})
	metrics := Must(trainer.Eval(Must(data.NewEval(set.Test, 1000))))
	return float64(tensors.ToScalar[float32](metrics[1]))
}
