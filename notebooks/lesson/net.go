// Net: a trained network as a function of one vector of weights, for lessons about the loss.

package lesson

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/loss"

	"gsmlab/gsm"
	"gsmlab/models"
	"gsmlab/models/data"
	"gsmlab/models/recipe"
)

// A Net is a trained network as a function L(w), for lessons about the loss. The vector w holds the
// prunable weights of all layers, one layer after the other. Biases stay as they were trained.
type Net struct {
	Layers []NetLayer

	weights      []float32
	kernels      []*model.Variable
	measure      *model.Exec // images, labels -> loss, accuracy
	slope        *model.Exec // images, labels -> the gradient of each kernel
	train, tests *data.Images
	batches      map[batch][2]*tensors.Tensor
}

// batch names images of a set.
type batch struct {
	set         *data.Images
	from, count int
}

// A NetLayer says which part of the vector is the kernel of a layer: w[From:To].
type NetLayer struct {
	Name     string
	From, To int
}

// Open reads the network that a stage (trace.StageBase, trace.StageGSM or recipe.StagePruned) of
// the run called name left. Its data must be in memory, like MNIST and the digits.
func Open(name, stage string) *Net {
	m := Must(models.Lookup(Must(recipe.LoadPlan(Dir(name))).Model))
	split := Data(m)
	n := &Net{train: split.Train.(*data.Images), tests: split.Test.(*data.Images), batches: map[batch][2]*tensors.Tensor{}}
	store := Weights(name, stage)
	// In float64 from the logits on, because removing one weight in 266,200 changes the loss by
	// little more than float32 resolves.
	losses := func(scope *model.Scope, images, labels *graph.Node) (logits, mean *graph.Node) {
		logits = graph.ConvertDType(m.Logits(scope, images), dtypes.Float64)
		return logits, graph.ReduceAllMean(loss.SparseCategoricalCrossEntropyLogits([]*graph.Node{labels}, []*graph.Node{logits}))
	}
	n.measure = Must(model.NewExec(Backend(), store, func(scope *model.Scope, images, labels *graph.Node) []*graph.Node {
		logits, mean := losses(scope, images, labels)
		right := graph.Equal(graph.ArgMax(logits, -1, dtypes.Int32), graph.Squeeze(labels, -1))
		return []*graph.Node{mean, graph.ReduceAllMean(graph.ConvertDType(right, dtypes.Float64))}
	}))
	n.slope = Must(model.NewExec(Backend(), store, func(scope *model.Scope, images, labels *graph.Node) []*graph.Node {
		_, mean := losses(scope, images, labels)
		var at []*graph.Node
		for _, k := range n.kernels {
			at = append(at, k.NodeValue(mean))
		}
		return graph.Gradient(mean, at...)
	}))
	n.kernels = gsm.Prunable(store, nil)
	for _, k := range n.kernels {
		from := len(n.weights)
		n.weights = append(n.weights, tensors.MustCopyFlatData[float32](k.MustValue())...)
		n.Layers = append(n.Layers, NetLayer{models.LayerName(k.Path()), from, len(n.weights)})
	}
	return n
}

// Weights returns a copy of the trained weights.
func (n *Net) Weights() []float32 { return append([]float32(nil), n.weights...) }

// Loss is L(w) on count training images, starting with number from.
func (n *Net) Loss(w []float32, from, count int) float64 {
	l, _ := n.at(w, n.train, from, count)
	return l
}

// Gradient is dL/dw on count training images, starting with number from.
func (n *Net) Gradient(w []float32, from, count int) []float32 {
	n.set(w)
	images, labels := n.pick(batch{n.train, from, count})
	var flat []float32
	for _, g := range n.slope.MustCall(images, labels) {
		flat = append(flat, tensors.MustCopyFlatData[float32](g)...)
	}
	return flat
}

// Accuracy is the share of the test images that are classified correctly with the weights w, 0 to
// 1.
func (n *Net) Accuracy(w []float32) float64 {
	_, accuracy := n.at(w, n.tests, 0, n.tests.Len())
	return accuracy
}

func (n *Net) at(w []float32, set *data.Images, from, count int) (loss, accuracy float64) {
	n.set(w)
	images, labels := n.pick(batch{set, from, count})
	l, a := n.measure.MustCall2(images, labels)
	return tensors.ToScalar[float64](l), tensors.ToScalar[float64](a)
}

// set puts w into the network.
func (n *Net) set(w []float32) {
	if len(w) != len(n.weights) {
		panic(fmt.Errorf("lesson.Net: %d weights: the network has %d", len(w), len(n.weights)))
	}
	for i, k := range n.kernels {
		part := w[n.Layers[i].From:n.Layers[i].To]
		Check(k.SetValue(tensors.FromFlatDataAndDimensions(part, k.Shape().Dimensions...)))
	}
}

// pick returns images and labels as tensors, as batches hold them. After the last image it starts
// over.
func (n *Net) pick(b batch) (images, labels *tensors.Tensor) {
	if made, ok := n.batches[b]; ok {
		return made[0], made[1]
	}
	set := b.set
	pixels, classes := make([]float32, 0, b.count*set.Size()), make([]int32, b.count)
	for i := range classes {
		at := (b.from + i) % set.Len()
		classes[i] = set.Labels[at]
		for j, p := range set.Image(at) {
			c := j % set.Channels
			pixels = append(pixels, (float32(p)/255-set.Mean[c])/set.Std[c])
		}
	}
	images = tensors.FromFlatDataAndDimensions(pixels, b.count, set.Height, set.Width, set.Channels)
	labels = tensors.FromFlatDataAndDimensions(classes, b.count, 1)
	n.batches[b] = [2]*tensors.Tensor{images, labels}
	return images, labels
}

// Scores is |w * g| of every weight: Taylor's estimate of how much the loss changes without the
// weight.
func Scores(w, g []float32) []float32 {
	t := make([]float32, len(w))
	for i := range w {
		t[i] = float32(math.Abs(float64(w[i]) * float64(g[i])))
	}
	return t
}

// Order returns the indices of the values, from the least to the greatest.
func Order[F ~float32 | ~float64](values []F) []int {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(values[a], values[b]) })
	return order
}

// RankCorrelation is Spearman's: 1 if a and b have the same order, 0 if one says nothing about the
// other, -1 if the orders are opposite. Values that tie share the mean of their ranks.
func RankCorrelation(a, b []float64) float64 {
	ra, rb := ranks(a), ranks(b)
	middle := float64(len(a)-1) / 2
	var ab, aa, bb float64
	for i := range ra {
		x, y := ra[i]-middle, rb[i]-middle
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	return ab / math.Sqrt(aa*bb)
}

func ranks(values []float64) []float64 {
	order, ranks := Order(values), make([]float64, len(values))
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && values[order[to]] == values[order[from]] {
			to++
		}
		for _, i := range order[from:to] {
			ranks[i] = float64(from+to-1) / 2
		}
		from = to
	}
	return ranks
}
