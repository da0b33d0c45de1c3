package lesson

import (
	"gsmlab/gsm"
	"gsmlab/gsm/trace"
	"gsmlab/models"
	"gsmlab/models/recipe"
)

// CutDense cuts the dense network of the run called name to its largest weights, 1 in ratio, and
// returns its accuracy on the test set. Unlike Cut, it uses no GSM before the cut. The run is not
// changed.
func CutDense(name string, ratio float64) float64 {
	m := Must(models.Lookup(Must(recipe.LoadPlan(Dir(name))).Model))
	store := Weights(name, trace.StageBase)
	_, _, err := gsm.Cut(store, nil, Must(gsm.Quota(m.Prunable, ratio)))
	Check(err)
	return Accuracy(m, store)
}
