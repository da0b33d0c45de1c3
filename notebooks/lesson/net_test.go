package lesson

import (
	"math"
	"testing"

	"gsmlab/gsm/trace"
	"gsmlab/models/recipe"
)

// The network of a run is the one that the run measured. Its gradient is that of its loss, and
// reading it changes nothing.
func TestNet(t *testing.T) {
	t.Setenv("GSM_LESSON_RUNS", t.TempDir())
	if testing.Short() {
		t.Setenv("GOMLX_BACKEND", "go") // XLA takes seconds to compile each graph
	}
	report, _ := Prune("digits", Must(recipe.New("mlp-digits", "quick")).Scaled(0.05), "")
	n := Open("digits", trace.StageBase)
	w := n.Weights()
	if got := n.Accuracy(w); math.Abs(got-report.AccuracyDense) > 1e-6 {
		t.Errorf("accuracy %v, the run measured %v", got, report.AccuracyDense)
	}
	if last := n.Layers[len(n.Layers)-1]; len(w) != 11_900 || len(n.Layers) != 3 || last.Name != "fc3" || last.To != len(w) || last.To-last.From != 500 {
		t.Errorf("%d weights in layers %v", len(w), n.Layers)
	}
	g := n.Gradient(w, 10, 50)
	before := n.Loss(w, 10, 50)
	top := Order(Scores(w, g))[len(w)-1]
	const h = 1e-3
	up := n.Weights()
	up[top] += h
	if slope := (n.Loss(up, 10, 50) - before) / h; math.Abs(slope-float64(g[top])) > 0.02*math.Abs(slope) {
		t.Errorf("gradient %v of the weight with the greatest score, by differences %v", g[top], slope)
	}
	if again := n.Loss(w, 10, 50); again != before {
		t.Errorf("loss %v, before %v", again, before)
	}
}

func TestRankCorrelation(t *testing.T) {
	for _, tt := range []struct {
		a, b []float64
		want float64
	}{
		{[]float64{1, 2, 3}, []float64{10, 20, 1000}, 1},
		{[]float64{1, 2, 3}, []float64{3, 2, 1}, -1},
		{[]float64{1, 2, 3, 4}, []float64{2, 1, 4, 3}, 0.6},
		{[]float64{1, 1, 2, 2}, []float64{1, 2, 1, 2}, 0},
		{[]float64{5, 5, 1}, []float64{7, 7, 3}, 1},
	} {
		if got := RankCorrelation(tt.a, tt.b); math.Abs(got-tt.want) > 1e-12 {
			t.Errorf("%v and %v: %v, want %v", tt.a, tt.b, got, tt.want)
		}
	}
}
