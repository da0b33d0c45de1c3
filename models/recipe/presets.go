// The named plans, and which of them go by way of others.

package recipe

import (
	"fmt"
	"strings"

	"gsmlab/models"
)

// preset is a plan for one model, without a seed.
type preset struct {
	name, about string
	plan        Plan
	trained     bool // its base is a network that is already trained
}

// presets lists the presets of each model; the first one is the default.
//
// The paper's base recipe is 200 epochs and its GSM recipe 280. Its learning rates leave too many
// weights well above zero (docs/results.md). quick and paper take three times its learning rate,
// and so spend S of 30 to 40 in fewer steps, most of it before the rate first drops.
func presets() []preset {
	// Shared by presets of one network, so that they also share its base.
	paper300 := Stage{Epochs: 60, LearningRate: 0.03, WarmupEpochs: 5, Milestones: []int{40, 50}, Momentum: 0.9, WeightDecay: 5e-4}
	prune300 := Stage{Epochs: 160, LearningRate: 0.03, WarmupEpochs: 5, Milestones: []int{110, 135}, Momentum: 0.99, WeightDecay: 5e-4, Nesterov: true}
	quickDigits := Stage{Epochs: 40, LearningRate: 0.05, WarmupEpochs: 2, Milestones: []int{25, 35}, Momentum: 0.9, WeightDecay: 5e-4}
	pruneDigits := Stage{Epochs: 120, LearningRate: 0.05, WarmupEpochs: 2, Milestones: []int{90, 110}, Momentum: 0.98, WeightDecay: 2e-3, Nesterov: true}
	list := []preset{
		{"quick", "60x at 98.0 % or more, in two to three minutes on two cores", Plan{
			Model: "lenet-300-100", Compression: 60, Batch: 256,
			Base: Stage{Epochs: 30, LearningRate: 0.03, WarmupEpochs: 3, Milestones: []int{20, 26}, Momentum: 0.9, WeightDecay: 5e-4},
			GSM:  GSMStage{Stage: Stage{Epochs: 120, LearningRate: 0.03, WarmupEpochs: 3, Milestones: []int{90, 107}, Momentum: 0.99, WeightDecay: 5e-4, Nesterov: true}},
		}, false},
		{"paper", "aims at the paper's table: 60x without loss", Plan{
			Model: "lenet-300-100", Compression: 60, Batch: 256, Base: paper300, GSM: GSMStage{Stage: prune300},
		}, false},
		{"refine", "100x by way of 60x and 68x", Plan{
			Model: "lenet-300-100", Compression: 100, Batch: 256, Base: paper300, GSM: GSMStage{Stage: prune300, Margin: 0.2},
		}, false},
		{"published", "the recipe of the published code, for comparison: it does not reproduce the table", Plan{
			Model: "lenet-300-100", Compression: 60, Batch: 256, Base: publishedBase(), GSM: publishedGSM(),
		}, false},
		{"quick", "125x, a first look", Plan{
			Model: "lenet-5", Compression: 125, Batch: 256,
			Base: Stage{Epochs: 15, LearningRate: 0.03, WarmupEpochs: 1, Milestones: []int{10, 13}, Momentum: 0.9, WeightDecay: 5e-4},
			GSM:  GSMStage{Stage: Stage{Epochs: 30, LearningRate: 0.03, WarmupEpochs: 2, Milestones: []int{21, 26}, Momentum: 0.99, WeightDecay: 8e-4, Nesterov: true}},
		}, false},
		{"paper", "aims at the paper's table: 125x and 300x", Plan{
			Model: "lenet-5", Compression: 125, Batch: 256,
			Base: Stage{Epochs: 40, LearningRate: 0.03, WarmupEpochs: 5, Milestones: []int{25, 35}, Momentum: 0.9, WeightDecay: 5e-4},
			GSM: GSMStage{Stage: Stage{Epochs: 190, LearningRate: 0.03, WarmupEpochs: 5, Milestones: []int{60, 155, 178}, Factor: 0.3, Momentum: 0.99, WeightDecay: 5e-4, Nesterov: true},
				Margin: 0.06},
		}, false},
		{"refine", "300x without loss, by way of 125x", Plan{
			Model: "lenet-5", Compression: 300, Batch: 256,
			Base: Stage{Epochs: 40, LearningRate: 0.03, WarmupEpochs: 5, Milestones: []int{25, 35}, Momentum: 0.9, WeightDecay: 5e-4},
			GSM: GSMStage{Stage: Stage{Epochs: 45, LearningRate: 0.03, WarmupEpochs: 1, Milestones: []int{20, 36, 42}, Factor: 0.3, Momentum: 0.99, WeightDecay: 5e-4, Nesterov: true},
				Margin: 0.3},
		}, false},
		{"quick", "20x in seconds, on the embedded digits", Plan{
			Model: "mlp-digits", Compression: 20, Batch: 64, Base: quickDigits, GSM: GSMStage{Stage: pruneDigits},
		}, false},
		{"refine", "40x by way of 20x, in seconds", Plan{
			Model: "mlp-digits", Compression: 40, Batch: 64, Base: quickDigits, GSM: GSMStage{Stage: pruneDigits, Margin: 0.2},
		}, false},
		{"published", "the recipe of the published code, for comparison", Plan{
			Model: "lenet-5", Compression: 125, Batch: 256, Base: publishedBase(), GSM: publishedGSM(),
		}, false},
	}

	// The deep networks for CIFAR-10 use the GSM paper's base recipe. DenseNet-40's GSM stage was
	// never published, so it takes that of ResNet-56. quick and long are what a CPU can do: to
	// reach S above 8 in so few epochs, passive weights decay fast, and only they, since active
	// ones would pay for it. Scores remember, so that in so few steps the mask settles. The decay
	// spends S by itself, so that long needs no large learning rate for it (docs/results.md).
	for _, name := range []string{"resnet-56", "resnet-56-projection", "densenet-40"} {
		base := Stage{Epochs: 500, LearningRate: 0.1, WarmupEpochs: 5, Milestones: []int{100, 200, 300, 400}, Momentum: 0.9, WeightDecay: 1e-4}
		list = append(list,
			preset{"quick", "10x of a trained network in 4 epochs: 25 minutes on two CPU cores", Plan{
				Model: name, Compression: 10, Batch: 64, Base: base,
				GSM: GSMStage{Stage: Stage{Epochs: 4, LearningRate: 5e-3, Milestones: []int{2, 3}, Factor: 0.15, Momentum: 0.99, WeightDecay: 1e-4, Nesterov: true},
					PassiveDecay: 9.6e-3, ScoreMemory: 0.9},
			}, true},
			preset{"long", "10x of a trained network in 12 epochs: one to two hours on two CPU cores", Plan{
				Model: name, Compression: 10, Batch: 64, Base: base,
				GSM: GSMStage{Stage: Stage{Epochs: 12, LearningRate: 1.5e-3, Milestones: []int{8, 11}, Factor: 0.2, Momentum: 0.99, WeightDecay: 1e-4, Nesterov: true},
					PassiveDecay: 1.3e-2, ScoreMemory: 0.9, Margin: 0.05},
			}, true},
			preset{"paper", "10x by the published recipe, drops a little later for S above 8: for a GPU", Plan{
				Model: name, Compression: 10, Batch: 64, Base: base,
				GSM: GSMStage{Stage: Stage{Epochs: 600, LearningRate: 5e-3, WarmupEpochs: 5, Milestones: []int{410, 505}, Momentum: 0.98, WeightDecay: 1e-4, Nesterov: true}},
			}, false})
	}
	// Its GSM stage was never published as code; S is 9 to 10 at both 4x and 5x.
	list = append(list, preset{"paper", "5x on ImageNet: for a GPU", Plan{
		Model: "resnet-50", Compression: 5, Batch: 256,
		Base: Stage{Epochs: 90, LearningRate: 0.1, WarmupEpochs: 5, Milestones: []int{30, 60, 80}, Momentum: 0.9, WeightDecay: 1e-4},
		GSM:  GSMStage{Stage: Stage{Epochs: 90, LearningRate: 4e-3, WarmupEpochs: 5, Milestones: []int{50, 70}, Momentum: 0.99, WeightDecay: 1e-4, Nesterov: true}},
	}, false})
	return list
}

// publishedBase is the recipe of the published code.
func publishedBase() Stage {
	return Stage{Epochs: 200, LearningRate: 0.03, WarmupEpochs: 5, Milestones: []int{40, 80, 120, 160}, Momentum: 0.9, WeightDecay: 5e-4}
}

func publishedGSM() GSMStage {
	return GSMStage{Stage: Stage{Epochs: 280, LearningRate: 0.01, WarmupEpochs: 5, Milestones: []int{160, 200, 240}, Momentum: 0.99, WeightDecay: 5e-4, Nesterov: true}}
}

// Way returns the plans to carry out first where the plan's preset prunes a network that GSM has
// trained for lower ratios: each begins with the network before the cut of the one before
// (Options.Base), and the plan with that of the last. They have the plan's seed. It is empty for
// most presets, which begin with the dense network.
func (p Plan) Way() []Plan {
	var way []Plan
	switch [2]string{p.Model, p.Preset} {
	case [2]string{"lenet-300-100", "refine"}:
		way = []Plan{p.before("paper", 60, 0), p.before("paper", 68, 0.1)}
	case [2]string{"lenet-5", "refine"}:
		way = []Plan{p.before("paper", 125, 0.06)}
	case [2]string{"mlp-digits", "refine"}:
		way = []Plan{p.before("quick", 20, 0)}
	}
	return way
}

// before is a plan of the same model and seed.
func (p Plan) before(preset string, compression, margin float64) Plan {
	q, err := New(p.Model, preset)
	if err != nil {
		panic(err) // a preset that Way names and nobody made
	}
	q.Seed, q.Compression, q.GSM.Margin = p.Seed, compression, margin
	return q
}

// Preset is a named plan, for lists.
type Preset struct {
	Name, Model, About string
	// it prunes a network that is already trained (Options.Base); training one would take days
	Trained bool
}

// Presets lists the named plans of a model, or of all models if model is "".
func Presets(model string) []Preset {
	var list []Preset
	for _, p := range presets() {
		if model == "" || p.plan.Model == model {
			list = append(list, Preset{Name: p.name, Model: p.plan.Model, About: p.about, Trained: p.trained})
		}
	}
	return list
}

// New returns a copy of a named plan with seed 1. An unknown model or preset is an error that lists
// the known ones. An empty preset means the model's first one.
func New(model, name string) (Plan, error) {
	if _, err := models.Lookup(model); err != nil {
		return Plan{}, err
	}
	var known []string
	for _, p := range presets() {
		if p.plan.Model != model {
			continue
		}
		known = append(known, p.name)
		if name == p.name || name == "" {
			plan := p.plan
			plan.Preset, plan.Seed = p.name, 1
			return plan, nil
		}
	}
	return Plan{}, fmt.Errorf("recipe: unknown preset %q for %s: known are %s", name, model, strings.Join(known, ", "))
}
