// The table of ways to train in docs/models.md as a test.

package gsm_test

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/distributed"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/dataset"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/regularizer"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/checkpoint"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/gomlx/gomlx/ml/train/optimizer"
	"github.com/gomlx/gomlx/ml/train/optimizer/cosineschedule"

	"gsmlab/gsm"
	"gsmlab/gsm/ticket"
	"gsmlab/internal/pjrt/backendtest"
)

// way is a way of training that GoMLX offers, named in the words of docs/models.md. Each ends in
// the checks of TestConformance.
type way struct {
	name, what string
	run        func(t *testing.T, b compute.Backend)
	each       bool // run on each backend, because it depends on more than gsm's graph
}

var ways = []way{
	{"gradient accumulation (`Trainer.AccumulateGradients`)", "scores are those of the mean gradient; a step is one of the optimizer's", accumulating, false},
	{"several devices (`dataset.NewDistributedAccumulator`)", "masks and weights are those of one device", distributing, true},
	{"frozen parts (`SetTrainable(false)`)", "are not scored, not counted and not cut", freezing, false},
	{"regularizers (`l1_regularization`, `l2_regularization`)", "act on active weights alone, and count in the score; passive weights shrink by `Config.WeightDecay`", regularising, false},
	{"the cosine schedule (`cosine_schedule_steps`)", "sets the rate, which `Config.LearningRate` multiplies by its warm-up and milestones; `BudgetIn` knows it", annealing, false},
	{"half precision (`bfloat16`)", "is trained as a float32 copy, which checkpoints hold", func(t *testing.T, b compute.Backend) { halving(t, b, dtypes.BFloat16) }, true},
	{"half precision (`float16`)", "is trained as a float32 copy, which checkpoints hold", func(t *testing.T, b compute.Backend) { halving(t, b, dtypes.Float16) }, true},
	{"double precision (`float64`)", "is scored and cut in float64", func(t *testing.T, b compute.Backend) { halving(t, b, dtypes.Float64) }, false},
	{"checkpoints, loaded as the model asks", "resume with the same weights; Cut reads what it needs", func(t *testing.T, b compute.Backend) { checkpointing(t, b, shrinking, false) }, false},
	{"checkpoints, loaded at once (`Immediate`)", "resume with the same weights; Cut takes what was trained, frozen parts left out", func(t *testing.T, b compute.Backend) { checkpointing(t, b, shrinking, true) }, false},
	{"split decay and score memory (`Config.PassiveDecay`, `Config.ScoreMemory`)", "passive weights shrink by their own decay; checkpoints hold the remembered scores", remembering, false},
	{"clipping (`clip_nan`, `clip_step_by_value`)", "is honoured; a step that is clipped shrinks passive weights less than the budget says", clipping, false},
	{"under a mask (`ticket.Optimizer`)", "weights outside the mask stay exactly zero", masking, false},
}

func TestWays(t *testing.T) {
	backendtest.EachDevices(t, 2, func(t *testing.T, b compute.Backend) {
		for _, w := range ways {
			t.Run(w.name, func(t *testing.T) {
				if goes := os.Getenv(backendtest.EnvOne) == "go"; !goes && (!w.each || testing.Short()) {
					t.Skip("once is enough: the go backend has run it")
				}
				w.run(t, b)
			})
		}
	})
}

// twoDense is the model of these tests: 6 -> 5 -> 4, 50 prunable weights.
func twoDense(scope *model.Scope, x *graph.Node) *graph.Node {
	return readout(scope, layers.Dense(scope.In("layer"), x, true, 5))
}

const twoDenseWeights = 6*5 + 5*4

// conforms trains a model as prepared and checks everything.
func conforms(t *testing.T, b compute.Backend, net modelFn, n int, prepare func(store *model.Store, trainer *train.Trainer) (steps int)) {
	t.Helper()
	store := initialise(t, b, net)
	before := kernels(t, b, store)
	o := mustNew(t, shrinking)
	r := newBench(b, store, net, o)
	steps := prepare(store, r.trainer)
	r.train(t, steps)
	shrank(t, b, store, before, shrinking, shrinkSteps, 1e-4)
	agree(t, "counts", store, o, n, n/4)
}

func accumulating(t *testing.T, b compute.Backend) {
	conforms(t, b, twoDense, twoDenseWeights, func(_ *model.Store, trainer *train.Trainer) int {
		if err := trainer.AccumulateGradients(2); err != nil {
			t.Fatal(err)
		}
		return 2 * shrinkSteps
	})
}

func regularising(t *testing.T, b compute.Backend) {
	net := func(scope *model.Scope, x *graph.Node) *graph.Node {
		scope.SetParam(regularizer.ParamL2, 1e-2)
		scope.SetParam(regularizer.ParamL1, 1e-3)
		return twoDense(scope, x)
	}
	conforms(t, b, net, twoDenseWeights, func(*model.Store, *train.Trainer) int { return shrinkSteps })
}

func freezing(t *testing.T, b compute.Backend) {
	net := func(scope *model.Scope, x *graph.Node) *graph.Node {
		features := layers.Dense(scope.In("layer"), x, true, 5)
		for v := range scope.Store().Scope("/layer").IterVariables() {
			v.SetTrainable(false)
		}
		return readout(scope, features)
	}
	conforms(t, b, net, 5*4, func(*model.Store, *train.Trainer) int { return shrinkSteps })
}

// annealing: the rate is GoMLX's cosine of the step, so the rule is followed with that rate.
func annealing(t *testing.T, b compute.Backend) {
	net := func(scope *model.Scope, x *graph.Node) *graph.Node {
		scope.SetParam(optimizer.ParamLearningRate, .1)
		scope.SetParam(cosineschedule.ParamPeriodSteps, shrinkSteps)
		cosineschedule.New(scope, x.Graph(), dtypes.Float32).FromScope().Done()
		return twoDense(scope, x)
	}
	store := initialise(t, b, net)
	before := kernels(t, b, store)
	c := shrinking
	c.Momentum, c.LearningRate = 0, gsm.Schedule{}
	o := mustNew(t, c)
	newBench(b, store, net, o).train(t, shrinkSteps)
	left := 1.0
	for s := range shrinkSteps {
		left *= 1 - (gsm.BudgetIn(store, c, s+1).S - gsm.BudgetIn(store, c, s).S)
	}
	c.LearningRate, c.WeightDecay = gsm.Schedule{Base: 1}, 1-left // one step that shrinks as much
	shrank(t, b, store, before, c, 1, 1e-4)
	agree(t, "counts", store, o, twoDenseWeights, twoDenseWeights/4)
}

// halving trains in another type than float32.
func halving(t *testing.T, b compute.Backend, dtype dtypes.DType) {
	net := func(scope *model.Scope, x *graph.Node) *graph.Node {
		// no layers.Dense: the go backend has it only in float32
		weights := func(name string, dims ...int) *graph.Node {
			return scope.In("%s", name).VariableWithShape("weights", shapes.Make(dtype, dims...)).NodeValue(x)
		}
		x = graph.Dot(graph.ConvertDType(x, dtype), weights("layer", 6, 5)).Product()
		return graph.ConvertDType(graph.Dot(x, weights("readout", 5, 4)).Product(), dtypes.Float32)
	}
	store := initialise(t, b, net)
	before := kernels(t, b, store)
	c := shrinking
	// a step is smaller than half precision can tell from a weight
	c.LearningRate = gsm.Schedule{Base: 2e-3}
	o := mustNew(t, c)
	const steps = 300
	newBench(b, store, net, o).train(t, steps)
	shrank(t, b, store, before, c, steps, 1e-2) // bfloat16 rounds to 1/256
	agree(t, "counts", store, o, twoDenseWeights, twoDenseWeights/4)
}

func checkpointing(t *testing.T, b compute.Backend, c gsm.Config, immediate bool) {
	whole := initialise(t, b, twoDense)
	dir := t.TempDir()
	handler, err := checkpoint.Build(whole).Dir(dir).Done()
	if err != nil {
		t.Fatal(err)
	}
	before := kernels(t, b, whole)
	one := newBench(b, whole, twoDense, mustNew(t, c))
	one.train(t, shrinkSteps/2)
	if err := handler.Save(); err != nil {
		t.Fatal(err)
	}
	reopened := model.NewStore()
	build := checkpoint.Build(reopened).Dir(dir)
	if immediate {
		build = build.Immediate()
	}
	if _, err := build.Done(); err != nil {
		t.Fatal(err)
	}
	o := mustNew(t, c)
	two := newBench(b, reopened, twoDense, o)
	one.rng, two.rng = rand.New(rand.NewPCG(8, 8)), rand.New(rand.NewPCG(8, 8))
	one.train(t, shrinkSteps/2)
	two.train(t, shrinkSteps/2)
	if got, want := kernels(t, b, reopened), kernels(t, b, whole); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("resumed %v, want %v", got, want)
	}
	shrank(t, b, reopened, before, c, shrinkSteps, 1e-4)
	agree(t, "counts", reopened, o, twoDenseWeights, twoDenseWeights/4)
}

// remembering resumes with the two options that the paper does not have.
func remembering(t *testing.T, b compute.Backend) {
	c := shrinking
	c.WeightDecay, c.PassiveDecay, c.ScoreMemory = c.WeightDecay/10, c.WeightDecay, .9
	checkpointing(t, b, c, false)
}

// clipping: the steps of active weights are clipped; those of passive ones are smaller than the
// limit.
func clipping(t *testing.T, b compute.Backend) {
	conforms(t, b, twoDense, twoDenseWeights, func(store *model.Store, _ *train.Trainer) int {
		store.SetParam(optimizer.ParamClipNaN, true)
		store.SetParam(optimizer.ParamClipStepByValue, .5)
		return shrinkSteps
	})
}

func masking(t *testing.T, b compute.Backend) {
	store := initialise(t, b, twoDense)
	mask, _, err := gsm.Cut(store, nil, 20)
	if err != nil {
		t.Fatal(err)
	}
	c := shrinking
	c.Compression, c.Q = 0, 10
	inner := mustNew(t, c)
	o, err := ticket.Optimizer(inner, mask)
	if err != nil {
		t.Fatal(err)
	}
	before := kernels(t, b, store)
	newBench(b, store, twoDense, o).train(t, shrinkSteps)
	counts, err := gsm.Nonzero(store, nil)
	if err != nil || counts[0]+counts[1] != 20 {
		t.Errorf("%v weights are not zero (%v), want 20", counts, err)
	}
	shrank(t, b, store, before, c, shrinkSteps, 1e-4)
	agree(t, "counts", store, inner, twoDenseWeights, 10)
}

// rows is an endless data set of batches.
type rows struct{ rng *rand.Rand }

func (rows) Name() string { return "rows" }

func (r rows) Iter() iter.Seq2[train.Batch, error] {
	return func(yield func(train.Batch, error) bool) {
		for yield(train.Batch{
			Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(narrow(random(r.rng, 2*6)), 2, 6)},
			Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(narrow(random(r.rng, 2*4)), 2, 4)},
		}, nil) {
		}
	}
}

// distributing trains on two devices.
func distributing(t *testing.T, b compute.Backend) {
	const devices = 2
	if b.NumDevices() < devices {
		t.Skipf("%s has %d device", b.Name(), b.NumDevices())
	}
	mesh, err := distributed.NewDeviceMesh([]int{devices}, []string{"batch"})
	if err != nil {
		t.Fatal(err)
	}
	split, err := distributed.BuildSpec(mesh).S("batch").Done()
	if err != nil {
		t.Fatal(err)
	}
	specs := []*distributed.ShardingSpec{split}
	batches, err := dataset.NewDistributedAccumulator(b, rows{rand.New(rand.NewPCG(4, 4))}, distributed.AutoSharding, specs, specs, nil)
	if err != nil {
		t.Fatal(err)
	}
	store := initialise(t, b, twoDense)
	before := kernels(t, b, store)
	o := mustNew(t, shrinking)
	loop := train.NewLoop(train.NewTrainer(b, store, twoDense, loss.MeanSquaredError, o, nil, nil))
	if _, err := loop.RunSteps(batches, shrinkSteps); err != nil {
		t.Fatal(err)
	}
	shrank(t, b, store, before, shrinking, shrinkSteps, 1e-4)
	agree(t, "counts", store, o, twoDenseWeights, twoDenseWeights/4)
	if !slices.Contains([]string{"/layer/dense/weights", "/readout/dense/weights"}, gsm.Prunable(store, nil)[0].Path()) {
		t.Error("another network")
	}
}
