package lesson

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"gsmlab/gsm"
	"gsmlab/internal/nbformat"
	"gsmlab/models"
)

// TestExercises: the answers are what gsm and arithmetic say, and each lesson asks for its own.
func TestExercises(t *testing.T) {
	lenet, resnet := Must(models.Lookup("lenet-300-100")), Must(models.Lookup("resnet-56"))
	q := Must(gsm.Quota(lenet.Prunable, 60))
	budget := func(rate, decay, momentum float64, steps int) float64 {
		return gsm.BudgetS(gsm.Config{Compression: 2, LearningRate: gsm.Schedule{Base: rate}, Momentum: momentum, WeightDecay: decay}, steps).S
	}
	for name, want := range map[string]float64{
		"00-tour":               float64(Must(gsm.Quota(lenet.Prunable, 75))),
		"01-taylor-scoring":     float64(Scores([]float32{0.5}, []float32{-0.2})[0]),
		"02-momentum":           budget(0.03, 0.001, 0.98, 10_000),
		"03-mask-evolution":     561,
		"04-winning-tickets":    float64(q) * float64(q) / float64(lenet.Prunable),
		"05-your-own-model":     math.Round(800 * 8 / budget(0.1, 0.01, 0.9, 800)),
		"06-very-deep":          100 * float64(Must(gsm.Quota(resnet.Prunable, 6.66667))) / float64(resnet.Prunable),
		"08-rivals":             2 * 2 / (2 * 4.0),
		"07-smaller-and-faster": 8 * 4718.0 / float64(q),
	} {
		if e := exercises[name]; math.Abs(e.answer-want) > max(e.within, 1e-6) {
			t.Errorf("%s: %v, want %v", name, e.answer, want)
		}
		if text, err := feedback(name, want); err != nil || !strings.HasPrefix(text, "**Right.**") {
			t.Errorf("%s: %v is %q, %v", name, want, text, err)
		}
		if text, _ := feedback(name, 2*want); !strings.HasPrefix(text, "**Not yet:**") {
			t.Errorf("%s: %v is %q", name, 2*want, text)
		}
		nb, err := nbformat.Read(filepath.Join("..", name+".ipynb"))
		if err != nil {
			t.Fatal(err)
		}
		asked := false
		for i, c := range nb.Cells {
			if strings.Contains(c.Source, `lesson.Exercise("`+name+`", answer)`) {
				before := nb.Cells[i-1].Source
				asked = strings.Count(before, "<details>") == 2 && strings.Contains(before, "<summary>Hint</summary>") && strings.Contains(before, "<summary>Solution</summary>")
				text, _ := feedback(name, 0)
				if len(c.Outputs) != 1 || c.Outputs[0].Data["text/markdown"] != text {
					t.Errorf("%s: the exercise shows %v, want %q", name, c.Outputs, text)
				}
			}
		}
		if !asked {
			t.Errorf("%s does not ask its exercise, with a hint and a solution folded before it", name)
		}
	}
	if _, err := feedback("99", 1); err == nil {
		t.Error("an exercise that does not exist was checked")
	}
}
