// Tests of tickets on each backend: rewinding, masks that hold, checkpoints.

package ticket_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/checkpoint"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"gsmlab/gsm"
	"gsmlab/gsm/snapshot"
	"gsmlab/gsm/ticket"
	"gsmlab/internal/pjrt/backendtest"
)

var (
	sgd      = gsm.Config{Compression: 1, Momentum: .9, WeightDecay: 1e-2, LearningRate: gsm.Schedule{Base: .1}}
	nesterov = gsm.Config{Compression: 1, Momentum: .9, Nesterov: true, WeightDecay: 1e-2, LearningRate: gsm.Schedule{Base: .1, WarmupSteps: 3}}
)

func TestTicket(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		t.Run("pruned weights stay zero", func(t *testing.T) { staysZero(t, b) })
		t.Run("accumulated gradients", func(t *testing.T) { accumulated(t, b) })
		t.Run("checkpoint", func(t *testing.T) { resumed(t, b) })
		t.Run("rewind", func(t *testing.T) { rewind(t, b) })
		t.Run("errors", func(t *testing.T) { maskErrors(t, b) })
	})
}

// staysZero trains a ticket with every kind of optimizer.
func staysZero(t *testing.T, b compute.Backend) {
	const q = 30
	store := mustStore(t, b)
	init, err := snapshot.Take(store)
	if err != nil {
		t.Fatal(err)
	}
	mask := someMask(t, store, q, 1)
	for name, inner := range map[string]optimizer.Interface{
		"momentum": mustGSM(t, sgd),
		"Nesterov": mustGSM(t, nesterov),
		"GSM":      mustGSM(t, gsm.Config{Q: 10, Momentum: .9, WeightDecay: 1e-2, LearningRate: gsm.Schedule{Base: .1}}),
		"SGD":      optimizer.StochasticGradientDescent().WithLearningRate(.1).Done(),
		"Adam":     optimizer.Adam().LearningRate(.01).Done(),
		"AdamW":    optimizer.Adam().LearningRate(.01).WeightDecay(.01).Done(),
	} {
		t.Run(name, func(t *testing.T) {
			store := model.NewStore()
			if err := ticket.Rewind(store, init, mask); err != nil {
				t.Fatal(err)
			}
			before := values(t, store)
			opt, err := ticket.Optimizer(inner, mask)
			if err != nil {
				t.Fatal(err)
			}
			if err := steps(newTrainer(b, store, opt), rand.New(rand.NewPCG(2, 2)), 15); err != nil {
				t.Fatal(err)
			}
			counts, err := gsm.Nonzero(store, nil)
			if err != nil || counts[0]+counts[1] != q {
				t.Errorf("%v weights are not zero (%v), want %d", counts, err, q)
			}
			for path, w := range values(t, store) {
				if slices.Equal(w, before[path]) {
					t.Errorf("%s did not train", path)
				}
				l, pruned := mask.Layer(path)
				for i := range w {
					switch {
					case pruned && !l.Keep(i) && w[i] != 0:
						t.Fatalf("pruned weight %s[%d] is %g", path, i, w[i])
					// A hidden unit whose outputs are all pruned has no gradient.
					case strings.HasPrefix(path, "/readout") && (!pruned || l.Keep(i)) && w[i] == before[path][i]:
						t.Fatalf("%s[%d] did not train", path, i)
					}
				}
			}
		})
	}
}

// accumulated feeds the halves of each batch one by one.
func accumulated(t *testing.T, b compute.Backend) {
	store := mustStore(t, b)
	init, err := snapshot.Take(store)
	if err != nil {
		t.Fatal(err)
	}
	mask := someMask(t, store, 40, 3)
	opt, err := ticket.Optimizer(mustGSM(t, nesterov), mask)
	if err != nil {
		t.Fatal(err)
	}
	whole, halves := model.NewStore(), model.NewStore()
	for _, s := range []*model.Store{whole, halves} {
		if err := ticket.Rewind(s, init, mask); err != nil {
			t.Fatal(err)
		}
	}
	a, c := newTrainer(b, whole, opt), newTrainer(b, halves, opt)
	if err := c.AccumulateGradients(2); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(4, 4))
	for range 8 {
		x, y := points(rng, rows)
		for _, step := range []struct {
			trainer *train.Trainer
			batch   train.Batch
		}{{a, batchOf(x, y)}, {c, batchOf(x[:rows/2*in], y[:rows/2])}, {c, batchOf(x[rows/2*in:], y[rows/2:])}} {
			if _, err := step.trainer.TrainStep(step.batch); err != nil {
				t.Fatal(err)
			}
		}
	}
	same(t, "accumulated", values(t, halves), values(t, whole), 1e-5)
	if n, err := gsm.Nonzero(halves, nil); err != nil || n[0]+n[1] != 40 {
		t.Errorf("%v weights are not zero (%v), want 40", n, err)
	}
}

// resumed stops after half of the steps and resumes from a checkpoint, loaded in both of GoMLX's
// ways.
func resumed(t *testing.T, b compute.Backend) {
	store := mustStore(t, b)
	init, err := snapshot.Take(store)
	if err != nil {
		t.Fatal(err)
	}
	mask := someMask(t, store, 40, 5)
	if err := ticket.Rewind(store, init, mask); err != nil {
		t.Fatal(err)
	}
	newOptimizer := func(mask gsm.Mask) optimizer.Interface {
		o, err := ticket.Optimizer(mustGSM(t, nesterov), mask)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	dir := t.TempDir()
	saved, err := checkpoint.Build(store).Dir(dir).Done()
	if err != nil {
		t.Fatal(err)
	}
	trainer := newTrainer(b, store, newOptimizer(mask))
	if err := steps(trainer, rand.New(rand.NewPCG(6, 6)), 5); err != nil {
		t.Fatal(err)
	}
	if err := saved.Save(); err != nil {
		t.Fatal(err)
	}
	if err := steps(trainer, rand.New(rand.NewPCG(7, 7)), 5); err != nil {
		t.Fatal(err)
	}
	load := func(immediate bool) *model.Store {
		t.Helper()
		again := model.NewStore()
		c := checkpoint.Build(again).Dir(dir)
		if immediate {
			c = c.Immediate()
		}
		if _, err := c.Done(); err != nil {
			t.Fatal(err)
		}
		return again
	}
	for _, immediate := range []bool{false, true} {
		again := load(immediate)
		if err := steps(newTrainer(b, again, newOptimizer(mask)), rand.New(rand.NewPCG(7, 7)), 5); err != nil {
			t.Fatal(err)
		}
		same(t, "resumed", values(t, again), values(t, store), 0)
		if n := gsm.CountPrunable(again, nil); n != prunable {
			t.Errorf("immediate %t: %d prunable weights, want %d", immediate, n, prunable)
		}
	}
	if n := gsm.CountPrunable(load(true), nil); n != prunable {
		// a checkpoint loaded at once marks everything as trainable
		t.Errorf("as loaded: %d prunable weights, want %d", n, prunable)
	}

	// Another mask is refused until the old one is cleared.
	other := newOptimizer(someMask(t, store, 40, 8))
	again := load(false)
	err = steps(newTrainer(b, again, other), rand.New(rand.NewPCG(7, 7)), 1)
	if err == nil || !strings.Contains(err.Error(), "ticket: the store holds another mask for") {
		t.Errorf("another mask: error %v", err)
	}
	again = load(false)
	if err := other.Clear(again.RootScope()); err != nil {
		t.Fatal(err)
	}
	if err := steps(newTrainer(b, again, other), rand.New(rand.NewPCG(7, 7)), 1); err != nil {
		t.Errorf("after Clear: %v", err)
	}
}

func rewind(t *testing.T, b compute.Backend) {
	store := mustStore(t, b)
	init, err := snapshot.Take(store)
	if err != nil {
		t.Fatal(err)
	}
	start := values(t, store)
	if err := steps(newTrainer(b, store, mustGSM(t, sgd)), rand.New(rand.NewPCG(9, 9)), 5); err != nil {
		t.Fatal(err)
	}
	mask, _, err := gsm.MagnitudeMask(store, nil, 25)
	if err != nil {
		t.Fatal(err)
	}

	// Nothing of a wrong mask gets in.
	trained := values(t, store)
	wrong := someMask(t, store, 25, 1)
	wrong.Layers[1].Path = "/elsewhere"
	want := `ticket: mask of another model: the snapshot has no variable "/elsewhere"`
	if err := ticket.Rewind(store, init, wrong); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	same(t, "after an error", values(t, store), trained, 0)

	if err := ticket.Rewind(store, init, mask); err != nil {
		t.Fatal(err)
	}
	for path, w := range start {
		if l, ok := mask.Layer(path); ok {
			for i := range w {
				if !l.Keep(i) {
					w[i] = 0
				}
			}
		}
	}
	same(t, "ticket", values(t, store), start, 0)
	for v := range store.IterVariables() {
		if gsm.IsState(v) && v.Name() != model.RNGStateVariableName {
			t.Errorf("%s is left", v.Path())
		}
	}
	// The same store trains on like a new one.
	fresh := model.NewStore()
	if err := ticket.Rewind(fresh, init, mask); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*model.Store{store, fresh} {
		opt, err := ticket.Optimizer(mustGSM(t, sgd), mask)
		if err != nil {
			t.Fatal(err)
		}
		if err := steps(newTrainer(b, s, opt), rand.New(rand.NewPCG(10, 10)), 3); err != nil {
			t.Fatal(err)
		}
	}
	same(t, "rewound and fresh", values(t, store), values(t, fresh), 0)
}

// lossOnly is an optimizer that cannot take gradients.
type lossOnly struct{}

func (lossOnly) UpdateGraph(*model.Scope, *graph.Graph, *graph.Node) {}
func (lossOnly) Clear(*model.Scope) error                            { return nil }

func maskErrors(t *testing.T, b compute.Backend) {
	store := mustStore(t, b)
	mask := someMask(t, store, 10, 1)
	for _, c := range []struct {
		inner   optimizer.Interface
		mask    gsm.Mask
		message string
	}{
		{lossOnly{}, mask, "ticket: optimizer ticket_test.lossOnly does not take gradients (train.OptimizeWithGradients): use gsm.New, or GoMLX's SGD or Adam"},
		{nil, mask, "ticket: optimizer <nil> does not take gradients (train.OptimizeWithGradients): use gsm.New, or GoMLX's SGD or Adam"},
		{mustGSM(t, sgd), gsm.Mask{}, "ticket: the mask is empty: make one with gsm.MagnitudeMask or gsm.Cut"},
	} {
		if _, err := ticket.Optimizer(c.inner, c.mask); err == nil || err.Error() != c.message {
			t.Errorf("error %v, want %s", err, c.message)
		}
	}
	train := func(mask gsm.Mask) error {
		opt, err := ticket.Optimizer(mustGSM(t, sgd), mask)
		if err != nil {
			t.Fatal(err)
		}
		return steps(newTrainer(b, mustStore(t, b), opt), rand.New(rand.NewPCG(1, 1)), 1)
	}
	elsewhere := someMask(t, store, 10, 1)
	elsewhere.Layers[0].Path = "/elsewhere"
	l, err := gsm.NewMaskLayer(mask.Layers[0].Path, []int{1, 1}, []bool{true})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		mask    gsm.Mask
		message string
	}{
		{elsewhere, "ticket: mask of another model: only 1 of its 2 layers are trained"},
		{gsm.Mask{Layers: []gsm.MaskLayer{l}}, `ticket: mask of another model: "` + l.Path + `" has shape [8 12], the mask [1 1]`},
	} {
		if err := train(c.mask); err == nil || !strings.HasSuffix(err.Error(), c.message) {
			t.Errorf("error %v, want %s", err, c.message)
		}
	}
}
