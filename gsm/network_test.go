// Tests of what counts as the network of an optimizer, and of the settings of GoMLX's optimizers
// that gsm honours.

package gsm_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/checkpoint"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/gomlx/gomlx/ml/train/optimizer"
	"github.com/gomlx/gomlx/ml/train/optimizer/cosineschedule"

	"gsmlab/gsm"
	"gsmlab/gsm/snapshot"
	"gsmlab/internal/pjrt/backendtest"
)

// These tests check what counts as the network of an optimizer: training, Cut, masks and counts
// must agree, whatever else is in the store.

// modelFn is a model function as GoMLX's trainer takes it.
type modelFn = func(scope *model.Scope, x *graph.Node) *graph.Node

// dense returns a model with one dense layer in a scope, 6 -> 4.
func dense(path string) modelFn {
	return func(scope *model.Scope, x *graph.Node) *graph.Node {
		return layers.Dense(scope.Store().Scope(path), x, true, 4)
	}
}

// bench trains a model on random data: 8 rows, 6 numbers in, 4 out.
type bench struct {
	store   *model.Store
	trainer *train.Trainer
	rng     *rand.Rand
}

func newBench(b compute.Backend, store *model.Store, net modelFn, opt optimizer.Interface) *bench {
	return &bench{store: store, trainer: train.NewTrainer(b, store, net, loss.MeanSquaredError, opt, nil, nil), rng: rand.New(rand.NewPCG(1, 2))}
}

func (b *bench) try(steps int) error {
	for range steps {
		_, err := b.trainer.TrainStep(train.Batch{
			Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(narrow(random(b.rng, 8*6)), 8, 6)},
			Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(narrow(random(b.rng, 8*4)), 8, 4)},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) train(t *testing.T, steps int) {
	t.Helper()
	if err := b.try(steps); err != nil {
		t.Fatal(err)
	}
}

// agree checks that all counts of a network of n prunable weights are those of training, then cuts
// it to q.
func agree(t *testing.T, what string, store *model.Store, o *gsm.Optimizer, n, q int) {
	t.Helper()
	if got := gsm.CountPrunable(store, nil); got != n {
		t.Errorf("%s: %d prunable weights, want %d", what, got, n)
	}
	active, err := gsm.ActiveMask(store, nil)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	telemetry, err := gsm.ReadTelemetry(store)
	if err != nil {
		t.Fatal(err)
	}
	if active.Size() != n || active.Kept() != telemetry.ActiveTotal() || active.Kept() < q {
		t.Errorf("%s: %d of %d active, want %d of %d", what, active.Kept(), active.Size(), telemetry.ActiveTotal(), n)
	}
	magnitude, _, err := gsm.MagnitudeMask(store, nil, q)
	if err != nil {
		t.Fatal(err)
	}
	cut, _, err := o.Cut(store)
	if err != nil {
		t.Fatal(err)
	}
	if !cut.Equal(magnitude) || cut.Size() != n || cut.Kept() != q {
		t.Errorf("%s: the cut keeps %d of %d, want %d of %d; as by magnitude: %t", what, cut.Kept(), cut.Size(), q, n, cut.Equal(magnitude))
	}
	counts, err := gsm.Nonzero(store, nil)
	if err != nil {
		t.Fatal(err)
	}
	nonzero := 0
	for i, c := range counts {
		nonzero += c
		if c != cut.Layers[i].Kept() {
			t.Errorf("%s: %d weights of %s are not zero, the mask keeps %d", what, c, cut.Layers[i].Path, cut.Layers[i].Kept())
		}
	}
	if nonzero != q {
		t.Errorf("%s: %d weights are not zero, want %d", what, nonzero, q)
	}
}

// seven keeps 7 weights, and records what it does.
var seven = gsm.Config{Q: 7, Momentum: .9, WeightDecay: 1e-2, LearningRate: gsm.Schedule{Base: .05}, Telemetry: true}

func TestNetwork(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		t.Run("unused variables", func(t *testing.T) { unusedVariable(t, b) })
		t.Run("scopes of GoMLX", func(t *testing.T) { scopesOfGoMLX(t, b) })
		t.Run("two networks", func(t *testing.T) { twoNetworks(t, b) })
		t.Run("frozen parts", func(t *testing.T) { frozenParts(t, b) })
		t.Run("own steps", func(t *testing.T) { ownSteps(t, b) })
		t.Run("decay", func(t *testing.T) { prunableDecays(t, b) })
		t.Run("GoMLX's hyperparameters", func(t *testing.T) { hyperparameters(t, b) })
		t.Run("cosine schedule", func(t *testing.T) { cosine(t, b) })
		t.Run("old checkpoint", func(t *testing.T) { oldCheckpoint(t, b) })
	})
}

func unusedVariable(t *testing.T, b compute.Backend) {
	store := model.NewStore()
	store.VariableWithValue("/unused/weights", tensors.FromFlatDataAndDimensions(narrow(random(rand.New(rand.NewPCG(3, 3)), 100*100)), 100, 100))
	o := mustNew(t, seven)
	newBench(b, store, dense("/used"), o).train(t, 3)
	agree(t, "unused", store, o, 24, 7)
	if n := gsm.CountPrunable(store, gsm.IsKernel); n != 24 {
		t.Errorf("%d kernels, want the 24 weights trained", n)
	}
}

func scopesOfGoMLX(t *testing.T, b compute.Backend) {
	for _, path := range []string{"/metrics/layer", "/trainer/layer", "/optimizer/layer", "/gsm/layer", "/metrics"} {
		store := model.NewStore()
		o := mustNew(t, seven)
		newBench(b, store, dense(path), o).train(t, 3)
		if s, err := snapshot.Take(store); err != nil {
			t.Errorf("%s: %v", path, err)
		} else if _, ok := s.Dims(path + "/dense/weights"); !ok {
			t.Errorf("%s: the snapshot leaves the layer out", path)
		}
		agree(t, path, store, o, 24, 7)
	}
	// Also where no GoMLX layer gives the names.
	store := model.NewStore()
	own := func(scope *model.Scope, x *graph.Node) *graph.Node {
		w := store.VariableWithValue("/trainer/w", tensors.FromFlatDataAndDimensions(narrow(random(rand.New(rand.NewPCG(3, 3)), 24)), 6, 4))
		return graph.Dot(x, w.NodeValue(x)).Product()
	}
	o := mustNew(t, seven)
	newBench(b, store, own, o).train(t, 3)
	agree(t, "/trainer/w", store, o, 24, 7)
}

func twoNetworks(t *testing.T, b compute.Backend) {
	store := model.NewStore()
	c := seven
	first := mustNew(t, c)
	one := newBench(b, store, dense("/one"), first)
	two := newBench(b, store, dense("/two"), mustNew(t, c))
	same := newBench(b, store, dense("/two"), first)
	c.Name, c.Q, c.LearningRate = "second", 5, gsm.Schedule{Base: .25, WarmupSteps: 2}
	second := mustNew(t, c)
	// now, because a new trainer makes GoMLX forget the rate of earlier ones
	named := newBench(b, store, dense("/two"), second)
	one.train(t, 3)
	for _, two := range []*bench{two, same} {
		if err := two.try(1); err == nil || !strings.Contains(err.Error(), `gsm: the store has the state of an optimizer named "gsm" that prunes "/one/dense/weights" and not only "/two/dense/weights": give each`) {
			t.Errorf("a second network in the same state: error %v", err)
		}
	}
	named.train(t, 2)
	one.train(t, 2)
	named.train(t, 2)
	rate := tensors.ToScalar[float32](store.GetVariable("/optimizers/second/learning_rate").MustValue())
	steps := tensors.ToScalar[int64](store.GetVariable("/optimizers/second/step").MustValue())
	others := tensors.ToScalar[int64](store.GetVariable("/optimizers/gsm/step").MustValue())
	if rate != .25 || steps != 4 || others != 5 {
		t.Errorf("the second one has rate %g after %d steps, the first did %d", rate, steps, others)
	}
	if n := gsm.CountPrunable(store, nil); n != 48 {
		t.Errorf("%d prunable weights in both, want 48", n)
	}
	for _, err := range []error{
		func() error { _, _, err := gsm.Cut(store, nil, 7); return err }(),
		func() error { _, err := gsm.ReadTelemetry(store); return err }(),
		func() error { _, err := gsm.ActiveMask(store, nil); return err }(),
	} {
		if err == nil || !strings.Contains(err.Error(), "several optimizers") {
			t.Errorf("error %v, want one that asks for a choice", err)
		}
	}
	before := fmt.Sprint(store.GetVariable("/one/dense/weights").MustValue().Value())
	for _, c := range []struct {
		o    *gsm.Optimizer
		q    int
		path string
	}{{second, 5, "/two"}, {first, 7, "/one"}} {
		active, err := c.o.ActiveMask(store)
		if err != nil || active.Size() != 24 {
			t.Errorf("%d weights active or not (%v), want 24", active.Size(), err)
		}
		mask, _, err := c.o.Cut(store)
		if err != nil || mask.Kept() != c.q || len(mask.Layers) != 1 || mask.Layers[0].Path != c.path+"/dense/weights" {
			t.Errorf("%s: %d kept (%v) of %+v", c.path, mask.Kept(), err, mask.Layers)
		}
		if c.path == "/two" && fmt.Sprint(store.GetVariable("/one/dense/weights").MustValue().Value()) != before {
			t.Error("the cut of the second network changed the first")
		}
	}
	// Each optimizer's Clear leaves the other's state.
	if err := second.Clear(store.RootScope()); err != nil {
		t.Fatal(err)
	}
	agree(t, "after Clear of the second", store, first, 24, 7)
}

// frozenParts: features that do not train are not cut, even where a checkpoint has forgotten that.
func frozenParts(t *testing.T, b compute.Backend) {
	net := func(scope *model.Scope, x *graph.Node) *graph.Node {
		features := layers.Dense(scope.In("features"), x, true, 16)
		for v := range scope.Store().Scope("/features").IterVariables() {
			v.SetTrainable(false)
		}
		return layers.Dense(scope.In("head"), graph.StopGradient(features), true, 4)
	}
	store, dir := model.NewStore(), t.TempDir()
	o := mustNew(t, seven)
	handler, err := checkpoint.Build(store).Dir(dir).Done()
	if err != nil {
		t.Fatal(err)
	}
	newBench(b, store, net, o).train(t, 3)
	if err := handler.Save(); err != nil {
		t.Fatal(err)
	}
	for _, immediate := range []bool{false, true} {
		reopened := model.NewStore()
		build := checkpoint.Build(reopened).Dir(dir)
		if immediate {
			build = build.Immediate()
		}
		if _, err := build.Done(); err != nil {
			t.Fatal(err)
		}
		agree(t, fmt.Sprintf("immediate %t", immediate), reopened, mustNew(t, seven), 64, 7)
	}
	agree(t, "frozen", store, o, 64, 7)

	// Features that are freed belong to the network from then on.
	for v := range store.Scope("/features").IterVariables() {
		v.SetTrainable(true)
	}
	whole := func(scope *model.Scope, x *graph.Node) *graph.Node {
		return layers.Dense(scope.In("head"), layers.Dense(scope.In("features"), x, true, 16), true, 4)
	}
	o = mustNew(t, seven)
	newBench(b, store, whole, o).train(t, 2)
	agree(t, "freed", store, o, 64+96, 7)
}

// ownSteps: a schedule starts at its own beginning, whoever has trained before or trains in
// between.
func ownSteps(t *testing.T, b compute.Backend) {
	rest := gsm.Config{Q: 24, LearningRate: gsm.Schedule{Base: .5, WarmupSteps: 2, Milestones: []int{3}}}
	for _, between := range []bool{false, true} {
		store := model.NewStore()
		adam := newBench(b, store, dense("/net"), optimizer.Adam().LearningRate(1e-3).Done())
		adam.train(t, 5)
		ours := newBench(b, store, dense("/net"), mustNew(t, rest))
		other := newBench(b, store, dense("/other"), optimizer.StochasticGradientDescent())
		fresh := model.NewStore()
		s, err := snapshot.Take(store)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Restore(fresh); err != nil {
			t.Fatal(err)
		}
		alone := newBench(b, fresh, dense("/net"), mustNew(t, rest))
		for step := range 5 {
			ours.train(t, 1)
			alone.train(t, 1)
			if between { // another network trains in the same store
				other.train(t, 1)
			}
			got, want := store.GetVariable("/net/dense/weights").MustValue(), fresh.GetVariable("/net/dense/weights").MustValue()
			if !got.Equal(want) {
				t.Fatalf("others in between %t: step %d differs from that of an optimizer that is alone", between, step)
			}
		}
	}
}

// prunableDecays: what Prunable accepts decays. A Decayed that leaves some of it out is refused.
func prunableDecays(t *testing.T, b compute.Backend) {
	biases := func(v *model.Variable) bool { return v.Name() == "biases" }
	all := func(v *model.Variable) bool { return true }
	c := gsm.Config{Q: 1, WeightDecay: .5, LearningRate: gsm.Schedule{Base: 1}, Prunable: biases, Telemetry: true}
	store := model.NewStore()
	bias := store.VariableWithValue("/net/dense/biases", []float32{1, 2, 3, 4})
	o := mustNew(t, c)
	newBench(b, store, dense("/net"), o).train(t, 1)
	active, err := o.ActiveMask(store)
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range tensors.MustCopyFlatData[float32](bias.MustValue()) {
		if !active.Layers[0].Keep(i) && w != float32(i+1)/2 {
			t.Errorf("bias %d is passive and went from %d to %g, want half", i, i+1, w)
		}
	}

	c.Prunable, c.Decayed = all, biases
	err = newBench(b, model.NewStore(), dense("/net"), mustNew(t, c)).try(1)
	wantError(t, err, nil, `gsm: "/net/dense/weights" is prunable and Config.Decayed refuses it, so that its passive weights would never shrink: let Decayed accept it, or set Config.PruneUndecayed`)
	c.PruneUndecayed = true
	newBench(b, model.NewStore(), dense("/net"), mustNew(t, c)).train(t, 1)
	if w := gsm.BudgetS(c, 1000).Warning(c, 1000); !strings.Contains(w, "other prunable weights never shrink") {
		t.Errorf("warning %q", w)
	}
}

// hyperparameters: the settings that GoMLX's optimizers honour.
func hyperparameters(t *testing.T, b compute.Backend) {
	nan := float32(math.NaN())
	for _, dtype := range []dtypes.DType{dtypes.Float32, dtypes.BFloat16} {
		store := model.NewStore()
		store.SetParam(optimizer.ParamClipNaN, true)
		store.SetParam(optimizer.ParamClipStepByValue, .25)
		v := store.VariableWithValue("/kernel", convert(t, b, tensors.FromFlatDataAndDimensions([]float32{1, 2, 3, 4}, 1, 4), dtype))
		o := mustNew(t, gsm.Config{Q: 2, Momentum: .5, LearningRate: gsm.Schedule{Base: 1}})
		exec, err := model.NewExec(b, store, func(scope *model.Scope, d *graph.Node) *graph.Node {
			v.NodeValue(d)
			o.UpdateGraphWithGradients(scope, []*graph.Node{graph.ConvertDType(d, dtype)}, dtypes.Float32)
			return v.NodeValue(d)
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			gradient, want []float32
		}{
			// dropped, and not kept by momentum
			{[]float32{nan, 1, 1, 1}, []float32{1, 2, 3, 4}},
			{[]float32{0, 0, 8, 8}, []float32{1, 2, 2.75, 3.75}}, // clipped
			// momentum continues
			{[]float32{float32(math.Inf(1)), 0, 0, 0}, []float32{1, 2, 2.5, 3.5}},
		} {
			if _, err := exec.Call(tensors.FromFlatDataAndDimensions(c.gradient, 1, 4)); err != nil {
				t.Fatal(err)
			}
			if got := tensors.MustCopyFlatData[float32](convert(t, b, v.MustValue(), dtypes.Float32)); fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("%s, gradient %v: weights %v, want %v", dtype, c.gradient, got, c.want)
			}
		}
	}
}

// cosine: GoMLX's cosine schedule sets the rate, and BudgetIn takes it into account.
func cosine(t *testing.T, b compute.Backend) {
	const steps = 40
	store := model.NewStore()
	store.SetParam(optimizer.ParamLearningRate, .2)
	store.SetParam(cosineschedule.ParamPeriodSteps, 25)
	store.SetParam(cosineschedule.ParamWarmUpSteps, 5)
	store.SetParam(cosineschedule.ParamMinLearningRate, .01)
	c := gsm.Config{Q: 1, WeightDecay: .1}
	if s := gsm.BudgetS(c, steps); !math.IsNaN(s.S) || !strings.Contains(s.Warning(c, steps), "gsm.BudgetIn") {
		t.Errorf("S is %g (%q) where the config does not know the rate", s.S, s.Warning(c, steps))
	}
	net := func(scope *model.Scope, x *graph.Node) *graph.Node {
		cosineschedule.New(scope, x.Graph(), dtypes.Float32).FromScope().Done()
		w := store.VariableWithValue("/w", [][]float32{{1, 1, 1, 1}})
		return graph.Mul(graph.OnesLike(graph.Slice(x, graph.AxisRange(), graph.AxisRange(0, 4))), graph.StopGradient(w.NodeValue(x)))
	}
	newBench(b, store, net, mustNew(t, c)).train(t, steps)
	want := 1.0
	for step := range steps {
		want *= 1 - (gsm.BudgetIn(store, c, step+1).S - gsm.BudgetIn(store, c, step).S)
	}
	got := float64(tensors.MustCopyFlatData[float32](store.GetVariable("/w").MustValue())[3])
	near(t, "weight after GoMLX's cosine schedule", got, want, 1e-4, 0)
	near(t, "S of a rate in the store", gsm.BudgetIn(model.NewStore(), c, 10).S, 10*.1*.1, 1e-9, 0)
}

// oldCheckpoint: a store of a version that used GoMLX's step count and kept no record of its
// network.
func oldCheckpoint(t *testing.T, b compute.Backend) {
	c := seven
	c.LearningRate = gsm.Schedule{Base: .05, WarmupSteps: 2, Milestones: []int{5}}
	whole, old := model.NewStore(), model.NewStore()
	one := newBench(b, whole, dense("/net"), mustNew(t, c))
	one.train(t, 4)
	for v := range whole.IterVariables() {
		if v.Path() == "/gsm_networks" || v.Path() == "/optimizers/gsm/step" {
			continue
		}
		if _, err := v.CloneToStore(old); err != nil {
			t.Fatal(err)
		}
	}
	old.VariableWithValue("/unused/weights", [][]float32{{1, 2, 3}})
	if n := gsm.CountPrunable(old, nil); n != 24 {
		t.Errorf("%d prunable weights in an old checkpoint, want 24", n)
	}
	two := newBench(b, old, dense("/net"), mustNew(t, c))
	two.rng = rand.New(rand.NewPCG(7, 7))
	one.rng = rand.New(rand.NewPCG(7, 7))
	one.train(t, 4)
	two.train(t, 4)
	if !whole.GetVariable("/net/dense/weights").MustValue().Equal(old.GetVariable("/net/dense/weights").MustValue()) {
		t.Error("an old checkpoint goes on otherwise than the run did")
	}
	agree(t, "old", old, mustNew(t, c), 24, 7)
}
