package recipe

import (
	"fmt"
	"strconv"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/dataset"
	"github.com/gomlx/gomlx/ml/layers/norm"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/gomlx/gomlx/ml/train/metric"
	"github.com/gomlx/gomlx/ml/train/optimizer"
	"github.com/gomlx/gomlx/ml/train/optimizer/cosineschedule"

	"gsmlab/gsm"
	"gsmlab/models"
	"gsmlab/models/data"
)

// Network is an opened network. It has all its variables and can be measured; a stage trains it.
type Network struct {
	model    models.Model
	store    *model.Store
	train    *train.Trainer
	test     train.Dataset
	accuracy float64 // on the test set, 0 to 1, when it was last measured
	loss     float32 // mean over the test set, likewise
}

// Store holds the network's variables, and what training keeps beside them.
func (n *Network) Store() *model.Store { return n.store }

// Accuracy is the fraction of the test set that the network had right when it was last measured: at
// the end of its stage, when it was opened, or by Measure.
func (n *Network) Accuracy() float64 { return n.accuracy }

// Restorer restores values into a store, as a snapshot.Snapshot does.
type Restorer interface{ Restore(*model.Store) error }

// learning is how a network is trained. Its zero value is for networks that are only measured.
type learning struct {
	opt  optimizer.Interface
	loss train.LossFn // nil is the cross-entropy of the labels
}

// openNetwork builds the network in the store, with the values that the store has or loads, and
// measures it. Where the parameters of the store have one (see Stage.schedule), training follows
// GoMLX's cosine schedule.
func openNetwork(b compute.Backend, m models.Model, store *model.Store, test data.Set, l learning) (*Network, error) {
	if l.opt == nil {
		l.opt = optimizer.StochasticGradientDescent().Done()
	}
	if l.loss == nil {
		l.loss = loss.SparseCategoricalCrossEntropyLogits
	}
	logits := func(scope *model.Scope, images *graph.Node) *graph.Node {
		cosineschedule.New(scope, images.Graph(), dtypes.Float32).FromScope().Done()
		return m.Logits(scope, images)
	}
	n := &Network{model: m, store: store}
	var err error
	if n.test, err = data.NewEval(test, 1000); err != nil {
		return nil, err
	}
	n.train = train.NewTrainer(b, store, logits, l.loss, l.opt,
		nil, []metric.Interface{metric.NewSparseCategoricalAccuracy("Accuracy", "#acc")})
	// The first evaluation builds the network, so all its variables exist from here on.
	if err := n.Measure(); err != nil {
		return nil, err
	}
	if got := gsm.CountPrunable(store, nil); got != m.Prunable {
		return nil, fmt.Errorf("recipe: these weights are of another model: %d of them are prunable, %s has %d", got, m.Name, m.Prunable)
	}
	return n, nil
}

// Measure evaluates the network on the test set and sets what Accuracy returns.
func (n *Network) Measure() error {
	metrics, err := n.train.Eval(n.test)
	if err != nil {
		return fmt.Errorf("recipe: evaluating %s: %w", n.model.Name, err)
	}
	n.loss, n.accuracy = tensors.ToScalar[float32](metrics[0]), Decimal(tensors.ToScalar[float32](metrics[1]))
	return nil
}

// averagesBatch and averagesBatches say from how many training images the averages of batch norm
// are computed after the cut.
const averagesBatch, averagesBatches = 250, 40

// RenewAverages computes the averages of batch norm, if the network has batch norm, for the weights
// as they are now. The averages that training left belong to weights that the cut removed. No
// weight changes. The images are augmented as in training, because the network was trained with the
// statistics of augmented images. The statistics of plain images cost accuracy (docs/results.md).
func (n *Network) RenewAverages(training data.Set, seed int64) error {
	images, err := data.NewBatches(training, averagesBatch, seed, data.WithAugment(training.Form().Augment))
	if err != nil {
		return err
	}
	if _, err := norm.UpdateBatchNormAverages(n.train, dataset.Take(images, averagesBatches)); err != nil {
		return fmt.Errorf("recipe: averages of batch norm after the cut: %w", err)
	}
	return nil
}

// Decimal is the shortest decimal number that means a float32, as GoMLX's metrics are: 0.9802, not
// 0.9801999926567078.
func Decimal[T float32 | float64](x T) float64 {
	// its own output always parses
	wide, _ := strconv.ParseFloat(strconv.FormatFloat(float64(x), 'g', -1, 32), 64)
	return wide
}
