// Package distill lets a network learn from the outputs of another one that is already trained, its
// teacher, besides the labels (Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural
// Network", 2015, arXiv:1503.02531). It works for any GoMLX classifier:
//
//	teacher, err := distill.NewTeacher(backend, store, logits) // the trained network
//	trainer := train.NewTrainer(backend, student, logits, distill.Loss(0.9, 4), optimizer, nil, nil)
//	train.NewLoop(trainer).RunSteps(teacher.Dataset(images), steps)
package distill

import (
	"errors"
	"fmt"
	"iter"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"
)

// Loss returns a loss that has the share of the teacher in it, in [0, 1]:
//
//	(1-share) * CE(labels, z) + share * T^2 * KL(softmax(t/T) || softmax(z/T))
//
// z [batch, classes] are the student's logits and t those of the teacher; T is the temperature,
// above 0. CE is the cross-entropy and KL the Kullback-Leibler divergence, each the mean over the
// batch in nats. The factor T^2 keeps the gradient's size for every T (section 2.1 of the paper):
// with respect to z it is, times the batch,
//
//	(1-share) * (softmax(z) - onehot(label)) + share * T * (softmax(z/T) - softmax(t/T))
//
// The labels are what Teacher.Dataset gives: int classes [batch, 1], then t. Where t is missing, as
// when the student is evaluated, the loss is CE.
func Loss(share, temperature float64) train.LossFn {
	return func(labels, predictions []*graph.Node) *graph.Node {
		hard := loss.SparseCategoricalCrossEntropyLogits(labels[:1], predictions)
		if len(labels) == 1 {
			return hard
		}
		soften := func(logits *graph.Node) *graph.Node { return graph.DivScalar(logits, temperature) }
		t, z := soften(labels[1]), soften(predictions[0])
		p := []*graph.Node{graph.Softmax(t)}
		divergence := graph.Sub(
			loss.CategoricalCrossEntropyLogits(p, []*graph.Node{z}),
			loss.CategoricalCrossEntropyLogits(p, []*graph.Node{t})) // the teacher's entropy
		return graph.Add(graph.MulScalar(hard, 1-share), graph.MulScalar(divergence, share*temperature*temperature))
	}
}

// Teacher is a trained network whose outputs others learn. Nothing changes its weights.
type Teacher struct{ exec *model.Exec }

// NewTeacher makes a teacher of the network that logits builds with the variables of the store:
// images [batch, ...] -> logits [batch, classes]. The network answers as in evaluation; batch norm,
// for example, uses its averages. The store may not be finalized while the teacher is in use.
func NewTeacher(backend compute.Backend, store *model.Store, logits func(*model.Scope, *graph.Node) *graph.Node) (*Teacher, error) {
	exec, err := model.NewExec(backend, store, func(scope *model.Scope, images *graph.Node) *graph.Node {
		scope.Store().SetTraining(images.Graph(), false)
		return logits(scope, images)
	})
	if err != nil {
		return nil, fmt.Errorf("distill: %w", err)
	}
	return &Teacher{exec}, nil
}

// Teach adds the teacher's logits to a batch, for Loss. The batch has one input, the images, and
// one label, the classes.
func (t *Teacher) Teach(b *train.Batch) error {
	if len(b.Inputs) != 1 || len(b.Labels) != 1 {
		return fmt.Errorf("distill: a batch of %d inputs and %d labels: must be one of each", len(b.Inputs), len(b.Labels))
	}
	logits, err := t.Logits(b.Inputs[0])
	if err != nil {
		return err
	}
	b.Labels, b.Spec = append(b.Labels, logits), spec{}
	return nil
}

// Logits returns what the teacher says about a batch of images. Images in the host's memory stay
// there, and the logits are there too, so that a distributed data set can send both to any device.
func (t *Teacher) Logits(images *tensors.Tensor) (logits *tensors.Tensor, err error) {
	if !images.IsOnAnyDevice() {
		// A call would move them to its device, and GoMLX v0.28.2 frees a tensor while it copies
		// it on to another one.
		if images, err = images.LocalClone(); err != nil {
			return nil, fmt.Errorf("distill: copying images for the teacher: %w", err)
		}
		defer func() {
			if err == nil {
				err = errors.Join(logits.ToLocal(), images.FinalizeAll())
			}
		}()
	}
	if logits, err = t.exec.Call1(images); err != nil {
		return nil, fmt.Errorf("distill: asking the teacher: %w", err)
	}
	return logits, nil
}

// Dataset returns the batches of d, each of which the teacher has taught (see Teach).
func (t *Teacher) Dataset(d train.Dataset) train.Dataset { return &taught{d, t} }

// spec is the Batch.Spec of batches with two labels. Without one of their own, a trainer would
// refuse the batches with one label that the student is evaluated on.
type spec struct{}

// String names the graphs of such batches.
func (spec) String() string { return "distilled" }

// taught is a data set with a teacher.
type taught struct {
	train.Dataset
	teacher *Teacher
}

// Iter implements train.Dataset.
func (d *taught) Iter() iter.Seq2[train.Batch, error] {
	return func(yield func(train.Batch, error) bool) {
		for batch, err := range d.Dataset.Iter() {
			if err == nil {
				err = d.teacher.Teach(&batch)
			}
			if !yield(batch, err) || err != nil {
				return
			}
		}
	}
}
