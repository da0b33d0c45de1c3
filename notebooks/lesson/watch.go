package lesson

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/gomlx/gomlx/ml/train/metric"
	"github.com/janpfeifer/gonb/gonbui"

	"gsmlab/gsm"
	"gsmlab/gsm/chart"
	"gsmlab/gsm/record"
	"gsmlab/gsm/trace"
	"gsmlab/internal/phrase"
	"gsmlab/models"
	"gsmlab/models/data"
)

// pictures is how often Watch draws.
const pictures = 12

// Watch trains net with GSM for so many steps, with its weights in store, and returns the trace.
// While it trains it draws, in one picture that is replaced: how the magnitudes of the weights are
// spread, and which weights of the first layer a cut would keep at that moment.
func Watch(net models.Model, store *model.Store, config gsm.Config, steps int) *trace.Run {
	dir := Must(os.MkdirTemp("", "watch-*"))
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "trace.jsonl")
	accuracy := []metric.Interface{metric.NewSparseCategoricalAccuracy("Accuracy", "#acc")}
	trainer := train.NewTrainer(Backend(), store, net.Logits, loss.SparseCategoricalCrossEntropyLogits, Must(gsm.New(config)), nil, accuracy)
	loop := train.NewLoop(trainer)
	rec := Must(record.Attach(loop, path, config, record.Options{
		Steps: steps, Header: trace.Header{Model: net.Name},
		Evaluate: func() (float64, float64, error) {
			measured, err := trainer.Eval(Must(data.NewEval(Data(net).Test, 256)))
			if err != nil {
				return 0, 0, err
			}
			return float64(measured[1].Value().(float32)), float64(measured[0].Value().(float32)), nil
		},
	}))
	batches := Must(data.NewBatches(Data(net).Train, 64, 1))
	id := gonbui.UniqueId()
	var run *trace.Run
	for loop.LoopStep < steps {
		Must(loop.RunSteps(batches, min(max(1, steps/pictures), steps-loop.LoopStep)))
		run = Must(trace.Load(path))
		gonbui.UpdateHTML(id, string(Must(moment(net, store, run).SVG())))
	}
	Check(rec.Close())
	return run
}

// moment is the picture of Watch.
func moment(net models.Model, store *model.Store, run *trace.Run) *chart.Figure {
	mask, _, err := gsm.MagnitudeMask(store, nil, run.Header.Q)
	Check(err)
	first := mask.Layers[0]
	dims := first.Dims
	if pixels := net.Image[0] * net.Image[1] * net.Image[2]; len(dims) == 2 && dims[0] == pixels {
		dims = []int{net.Image[0], net.Image[1], net.Image[2], dims[1]} // what each unit sees
	}
	last := run.Evals[len(run.Evals)-1]
	title := fmt.Sprintf("Step %s: accuracy %s", phrase.Commas(fmt.Sprint(last.Step)), Percent(last.Accuracy))
	return Must(chart.Beside(title, Must(chart.Collapse(run)), Must(chart.Mask("What the first layer sees of the image", first.Bools(), dims...))))
}
