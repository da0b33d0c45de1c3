// Package bench measures what a training step costs with plain momentum SGD and with GSM.
package bench

import (
	"context"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"

	"gsmlab/gsm"
	"gsmlab/models"
	"gsmlab/models/data"
	"gsmlab/models/distill"
)

// Case is one network to measure, at its published compression.
type Case struct {
	Model       string
	Compression float64
}

// DefaultCases are the paper's two networks that are quick to measure.
var DefaultCases = []Case{{"lenet-300-100", 60}, {"lenet-5", 125}}

// Options says what to measure. The comment of each field says what its zero value means.
type Options struct {
	Cases []Case // nil: DefaultCases
	Batch int    // images in a batch; 0: 256
	Pairs int    // pairs of timed steps; 0: 200
	// pairs of steps before the timed ones, which compile and settle the threshold; 0: 30, or fewer
	// where fewer are timed
	WarmUp int
	Seed   int64 // of the weights and the order of the images; 0: 1
	// of GSM, the fields of gsm.Config of these names; 0: the paper's rule
	PassiveDecay, ScoreMemory float64
	// share of a teacher, a network like the one that is trained, in the loss of GSM, which asks it
	// in each step; 0: no teacher
	Distill float64
	// starts PyTorch, which takes its turn after each pair, on random images; nil: without
	PyTorch func(c Case, batch int) (Peer, error)
	// images for the networks that use this data set; others get Synthetic ones
	Train    data.Set
	Progress func(model string, done, total int) // called after each pair, if not nil
}

// Peer is another program that trains the same network, by SGD and by GSM.
type Peer interface {
	// Step takes one step, by GSM or by SGD, and returns its milliseconds.
	Step(gsm bool) (ms float64, err error)
	Close()
}

// Row is the outcome for one network. Times are medians over the pairs, in milliseconds. Ratios are
// the medians of those within the pairs; other work disturbs them less than the ratio of the
// medians. PyTorch's are 0 without PyTorch.
type Row struct {
	Model       string  `json:"model"`
	Batch       int     `json:"batch"`
	SGDms       float64 `json:"sgd_ms"`
	GSMms       float64 `json:"gsm_ms"`
	Ratio       float64 `json:"ratio"`
	Compression float64 `json:"compression"`
	Pairs       int     `json:"pairs"`
	Data        string  `json:"data"` // name of the images

	PyTorchSGDms float64 `json:"pytorch_sgd_ms,omitempty"`
	PyTorchGSMms float64 `json:"pytorch_gsm_ms,omitempty"`
	OverPyTorch  float64 `json:"sgd_over_pytorch,omitempty"` // SGD here / SGD there
}

// Run measures each case on the backend b. Both optimizers train their own network from the same
// weights on the same batches, which are on the device before the clock starts. They take turns:
// one step of SGD, one of GSM. A step ends when its loss has been read. If ctx is cancelled, Run
// stops between steps.
func Run(ctx context.Context, b compute.Backend, o Options) ([]Row, error) {
	o, err := o.filled()
	if err != nil {
		return nil, err
	}
	var rows []Row
	for _, c := range o.Cases {
		row, err := o.measure(ctx, b, c)
		if err != nil {
			return rows, fmt.Errorf("bench: %s: %w", c.Model, err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (o Options) filled() (Options, error) {
	if o.Cases == nil {
		o.Cases = DefaultCases
	}
	fill := func(name string, value *int, nothing int) error {
		if *value < 0 {
			return fmt.Errorf("bench: %s %d: must be at least 1, or 0 for %d", name, *value, nothing)
		}
		if *value == 0 {
			*value = nothing
		}
		return nil
	}
	if err := fill("Batch", &o.Batch, 256); err != nil {
		return o, err
	}
	if err := fill("Pairs", &o.Pairs, 200); err != nil {
		return o, err
	}
	if err := fill("WarmUp", &o.WarmUp, min(30, o.Pairs)); err != nil {
		return o, err
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	if o.Progress == nil {
		o.Progress = func(string, int, int) {}
	}
	return o, nil
}

// chunk is how many pairs of batches are put on the device at a time. Making batches needs the
// processor too, so it must not happen while steps are timed.
const chunk = 20

// afterPeer is a pause after another program's step, whose idle threads look for work a while.
const afterPeer = 10 * time.Millisecond

func (o Options) measure(ctx context.Context, b compute.Backend, c Case) (Row, error) {
	m, err := models.Lookup(c.Model)
	if err != nil {
		return Row{}, err
	}
	images := o.images(m)
	row := Row{Model: c.Model, Batch: o.Batch, Compression: c.Compression, Pairs: o.Pairs, Data: images.Form().Name}
	var runners [2]*runner
	sgd := gsm.Config{Compression: 1, Momentum: 0.9, WeightDecay: 5e-4, LearningRate: gsm.Schedule{Base: 0.01}}
	pruning := sgd
	pruning.Compression, pruning.PassiveDecay, pruning.ScoreMemory = c.Compression, o.PassiveDecay, o.ScoreMemory
	for i, how := range []struct {
		config  gsm.Config
		distill float64
	}{{sgd, 0}, {pruning, o.Distill}} {
		r, err := o.newRunner(b, m, images, how.config, how.distill)
		if err != nil {
			return row, err
		}
		defer r.close()
		runners[i] = r
	}
	steps := []func() (float64, error){runners[0].step, runners[1].step}
	if o.PyTorch != nil {
		peer, err := o.PyTorch(c, o.Batch)
		if err != nil {
			return row, fmt.Errorf("PyTorch: %w", err)
		}
		defer peer.Close()
		steps = append(steps, func() (float64, error) { return peer.Step(false) }, func() (float64, error) {
			ms, err := peer.Step(true)
			time.Sleep(afterPeer)
			return ms, err
		})
	}
	ms := make([][]float64, len(steps))
	total := o.WarmUp + o.Pairs
	for done := range total {
		if done%chunk == 0 {
			for _, r := range runners {
				if err := r.stage(min(chunk, total-done)); err != nil {
					return row, err
				}
			}
		}
		for i, step := range steps {
			if err := ctx.Err(); err != nil {
				return row, err
			}
			took, err := step()
			if err != nil {
				return row, err
			}
			if done >= o.WarmUp {
				ms[i] = append(ms[i], took)
			}
		}
		o.Progress(c.Model, done+1, total)
	}
	row.SGDms, row.GSMms, row.Ratio = median(ms[0]), median(ms[1]), median(ratios(ms[1], ms[0]))
	if len(ms) > 2 {
		row.PyTorchSGDms, row.PyTorchGSMms, row.OverPyTorch = median(ms[2]), median(ms[3]), median(ratios(ms[0], ms[2]))
	}
	return row, nil
}

// runner is one network with its optimizer and its own copy of the stream of batches.
type runner struct {
	trainer *train.Trainer
	teacher *distill.Teacher // nil without distillation
	next    func() (train.Batch, error, bool)
	stop    func()
	staged  []train.Batch
}

func (o Options) newRunner(b compute.Backend, m models.Model, images data.Set, config gsm.Config, share float64) (*runner, error) {
	opt, err := gsm.New(config)
	if err != nil {
		return nil, err
	}
	store := model.NewStore()
	store.SetParam(model.ParamInitialSeed, o.Seed)
	batches, err := data.NewBatches(images, o.Batch, o.Seed, data.OnDevice(b, 0))
	if err != nil {
		return nil, err
	}
	r, lossOf := new(runner), loss.SparseCategoricalCrossEntropyLogits
	if share > 0 {
		lossOf = distill.Loss(share, 4)
		other := model.NewStore()
		other.SetParam(model.ParamInitialSeed, o.Seed+1)
		if r.teacher, err = distill.NewTeacher(b, other, m.Logits); err != nil {
			return nil, err
		}
	}
	r.trainer = train.NewTrainer(b, store, m.Logits, lossOf, opt, nil, nil)
	r.next, r.stop = iter.Pull2(batches.Iter())
	return r, nil
}

// stage puts the next n batches on the device.
func (r *runner) stage(n int) error {
	for range n {
		batch, err, ok := r.next()
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("the stream of batches ended")
		}
		r.staged = append(r.staged, batch)
	}
	return nil
}

// step trains on the next staged batch and returns the milliseconds it took.
func (r *runner) step() (float64, error) {
	batch := r.staged[0]
	r.staged = r.staged[1:]
	begin := time.Now()
	if r.teacher != nil {
		if err := r.teacher.Teach(&batch); err != nil {
			return 0, err
		}
	}
	metrics, err := r.trainer.TrainStep(batch)
	if err != nil {
		return 0, err
	}
	value, err := tensors.CopyFlatData[float32](metrics[0])
	ms := float64(time.Since(begin).Nanoseconds()) / 1e6
	if err != nil {
		return 0, err
	}
	for _, m := range metrics {
		m.MustFinalizeAll()
	}
	if l := float64(value[0]); math.IsNaN(l) || math.IsInf(l, 0) {
		return 0, fmt.Errorf("the loss is %g: these times are not those of training", l)
	}
	return ms, nil
}

func (r *runner) close() { r.stop() }

// images are the images that a network is fed.
func (o Options) images(m models.Model) data.Set {
	if o.Train != nil {
		if f := o.Train.Form(); m.Image == [3]int{f.Height, f.Width, f.Channels} && m.Classes == f.Classes {
			return o.Train
		}
	}
	return Synthetic(20*o.Batch, o.Seed, m.Image, m.Classes)
}

// Synthetic makes n random images of the given height, width and channels with random labels, for
// machines without the real ones. A step costs the same, but the search for the threshold may take
// a different number of passes.
func Synthetic(n int, seed int64, image [3]int, classes int) *data.Images {
	rng := rand.New(rand.NewPCG(uint64(seed), 28))
	d := &data.Images{Name: "synthetic", Height: image[0], Width: image[1], Channels: image[2], Classes: classes, Labels: make([]int32, n)}
	for range d.Channels {
		d.Mean, d.Std = append(d.Mean, 0.13), append(d.Std, 0.31)
	}
	d.Pixels = make([]uint8, n*d.Size())
	for i := range d.Pixels {
		if rng.IntN(5) == 0 { // about as many inked pixels as in MNIST
			d.Pixels[i] = uint8(rng.IntN(256))
		}
	}
	for i := range d.Labels {
		d.Labels[i] = int32(rng.IntN(classes))
	}
	return d
}

// ratios divides the times of each pair.
func ratios(x, y []float64) []float64 {
	z := make([]float64, len(x))
	for i := range z {
		z[i] = x[i] / y[i]
	}
	return z
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	n := len(x)
	return (x[(n-1)/2] + x[n/2]) / 2
}
