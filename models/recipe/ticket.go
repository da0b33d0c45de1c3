// Winning tickets: after pruning, a run's initial weights are retrained under two masks.

package recipe

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/gsm"
	"gsmlab/gsm/snapshot"
	"gsmlab/gsm/ticket"
	"gsmlab/gsm/trace"
)

// TicketReport compares winning tickets: masked initial weights, retrained with the base recipe.
// Accuracies are fractions of the test set.
type TicketReport struct {
	Model         string  `json:"model"`
	Preset        string  `json:"preset"`
	Backend       string  `json:"backend"`
	Seed          int64   `json:"seed"`
	Compression   float64 `json:"compression"`
	Q             int     `json:"q"`
	Prunable      int     `json:"prunable"`
	AccuracyDense float64 `json:"accuracy_dense"`
	// Tickets are the outcomes: TicketGSM (mask from the magnitude after GSM) and TicketMagnitude
	// (mask from the normally trained network, the paper's comparison).
	Tickets []TicketOutcome `json:"tickets"`
	Seconds float64         `json:"seconds"` // of this call
}

// TicketOutcome is one retrained ticket.
type TicketOutcome struct {
	Name     string        `json:"name"`
	Accuracy float64       `json:"accuracy"`
	Nonzero  int           `json:"nonzero"`
	Layers   []LayerReport `json:"layers"`
}

// Names of tickets.
const (
	TicketGSM       = "gsm"
	TicketMagnitude = "magnitude"
)

// TicketFile is the report of Ticket in the run folder.
const TicketFile = "ticket.json"

// LoadTicketReport reads the report of Ticket in a run folder.
func LoadTicketReport(dir string) (*TicketReport, error) {
	return loadReport[TicketReport](filepath.Join(dir, TicketFile))
}

// ticketStage is the stage, and the folder of checkpoints, in which a ticket is retrained.
func ticketStage(name string) string { return trace.StageTicket + "-" + name }

// Ticket carries out the plan's base and GSM stages, or continues or reuses them. Then it retrains
// two tickets from the same initial weights. Errors are those of Prune.
func Ticket(ctx context.Context, plan Plan, o Options) (*TicketReport, error) {
	if run, stage := SplitBase(o.Base); o.Base != "" && (run == "" || stage != "") {
		return nil, tagged{fmt.Errorf("recipe: a ticket needs the initial weights, which %s does not have", o.Base), ErrNoInit}
	}
	r, err := begin(plan, o)
	if err != nil {
		return nil, err
	}
	report, err := r.tickets(ctx)
	return report, errors.Join(err, r.close())
}

// tickets is Ticket in a locked folder.
func (r *run) tickets(ctx context.Context) (*TicketReport, error) {
	began := time.Now()
	pruned, err := r.prune(ctx)
	if err != nil {
		return nil, err
	}
	init, err := r.initial()
	if err != nil {
		return nil, err
	}
	p := r.plan
	report := &TicketReport{
		Model: p.Model, Preset: p.Preset, Backend: r.Spec, Seed: p.Seed, Compression: p.Compression,
		Q: r.q, Prunable: pruned.Prunable, AccuracyDense: pruned.AccuracyDense,
	}
	for _, name := range []string{TicketGSM, TicketMagnitude} {
		mask, err := r.ticketMask(ctx, name)
		if err != nil {
			return nil, err
		}
		outcome, err := r.retrain(ctx, name, init, mask)
		if err != nil {
			return nil, err
		}
		report.Tickets = append(report.Tickets, *outcome)
	}
	report.Seconds = time.Since(began).Seconds()
	return report, writeJSON(filepath.Join(r.Out, TicketFile), report)
}

// ticketMask returns the mask with which a ticket is drawn.
func (r *run) ticketMask(ctx context.Context, name string) (gsm.Mask, error) {
	if name == TicketGSM {
		return gsm.LoadMask(filepath.Join(r.Out, MaskFile))
	}
	base, err := r.trainBase(ctx) // already trained, so this only loads it
	if err != nil {
		return gsm.Mask{}, err
	}
	mask, _, err := gsm.MagnitudeMask(base.store, nil, r.q)
	return mask, err
}

// retrain trains the masked initial weights with the base recipe. Pruned weights stay exactly zero.
func (r *run) retrain(ctx context.Context, name string, init snapshot.Snapshot, mask gsm.Mask) (*TicketOutcome, error) {
	config := r.plan.Base.Config(r.perEpoch)
	dense, err := gsm.New(config)
	if err != nil {
		return nil, err
	}
	opt, err := ticket.Optimizer(dense, mask)
	if err != nil {
		return nil, err
	}
	s, err := r.openStage(ticketStage(name), method{Stage: r.plan.Base, config: config, learning: learning{opt: opt}}, rewound{init, mask})
	if err != nil {
		return nil, err
	}
	if err := s.begin(); err != nil {
		return nil, err
	}
	if err := s.train(ctx); err != nil {
		return nil, err
	}
	out := &TicketOutcome{Name: name, Accuracy: s.accuracy}
	if out.Nonzero, out.Layers, err = countLayers(s.store, mask); err != nil {
		return nil, err
	}
	if out.Nonzero > r.q {
		return nil, fmt.Errorf("recipe: ticket %s has %d weights instead of %d: its mask did not hold", name, out.Nonzero, r.q)
	}
	return out, nil
}

// rewound restores initial values with the mask applied.
type rewound struct {
	init snapshot.Snapshot
	mask gsm.Mask
}

// Restore implements Restorer.
func (r rewound) Restore(store *model.Store) error { return ticket.Rewind(store, r.init, r.mask) }
