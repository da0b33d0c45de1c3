package rivals

import (
	"testing"

	"gsmlab/gsm"
	"gsmlab/models/data"
	"gsmlab/models/recipe"
)

// TestSparseMomentum: gsm is the paper's rule, and gsm-split has our options, whether the plan has
// them or not; both let passive weights vanish as fast as the plan does.
func TestSparseMomentum(t *testing.T) {
	digits, err := data.Digits()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		model                   string
		one                     float64 // the decay of gsm
		active, passive, memory float64 // of gsm-split
	}{
		{"lenet-300-100", 5e-4, 2.5e-4, 5e-4, 0.9}, // the plan has one decay
		{"resnet-56", 9.6e-3, 1e-4, 9.6e-3, 0.9},   // the plan has both options
	} {
		plan, err := recipe.New(c.model, "quick")
		if err != nil {
			t.Fatal(err)
		}
		task := &Task{plan: plan, training: digits.Train}
		same := func(name string, got gsm.Config, decay, passive, memory float64) {
			if got.WeightDecay != decay || got.PassiveDecay != passive || got.ScoreMemory != memory {
				t.Errorf("%s of %s: decay %g, passive %g, memory %g; want %g, %g, %g",
					name, c.model, got.WeightDecay, got.PassiveDecay, got.ScoreMemory, decay, passive, memory)
			}
		}
		same("gsm", oneDecay{1}.config(task), c.one, 0, 0)
		same("gsm-split", splitDecay{1, 1, 0}.config(task), c.active, c.passive, c.memory)
		same("gsm-split's third", splitDecay{0.5, 2, 0.5}.config(task), c.active/2, c.passive*2, 0.5)
	}
}
