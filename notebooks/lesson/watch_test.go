package lesson

import (
	"strings"
	"testing"

	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/gsm"
	"gsmlab/gsm/trace"
	"gsmlab/models"
)

// Watch trains for as many steps as it is asked for, in the end and in the trace, and its picture
// shows where it is.
func TestWatch(t *testing.T) {
	net, store := Must(models.Lookup("mlp-digits")), model.NewStore()
	config := gsm.Config{Compression: 20, Momentum: 0.9, WeightDecay: 1e-3, LearningRate: gsm.Schedule{Base: 0.05}}
	run := Watch(net, store, config, 40) // not a multiple of the number of pictures
	if len(run.Magnitudes) != 14 || len(run.Evals) != 14 || run.Evals[13].Step != 40 || run.Header.Q != 595 || run.Header.Stages[0] != (trace.StagePlan{Name: trace.StageGSM, Steps: 40}) {
		t.Errorf("%d histograms, the last evaluation %+v, header %+v", len(run.Magnitudes), run.Evals[len(run.Evals)-1], run.Header)
	}
	svg := string(Must(moment(net, store, run).SVG()))
	for _, want := range []string{"Step 40: accuracy", "of 6,400 kept", "gsm, step 40"} {
		if !strings.Contains(svg, want) {
			t.Errorf("the picture lacks %q", want)
		}
	}
	if a := Accuracy(net, store); a != run.Evals[13].Accuracy {
		t.Errorf("the network has an accuracy of %v, the trace says %v", a, run.Evals[13].Accuracy)
	}
}
