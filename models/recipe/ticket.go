package recipe

import (
	"context"
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
	// Tickets are the outcomes, TicketGSM (mask from the magnitude after GSM) and TicketMagnitude (from
	// the normally trained network, the paper's comparison).
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

// Ticket carries out the plan's base and GSM stages, or continues or reuses them, and then retrains
// two tickets from the same initial weights. Errors are as those of Prune.
func Ticket(ctx context.Context, env *Env) (*TicketReport, error) {
	began := time.Now()
	if run, stage := SplitBase(env.Base); env.Base != "" && (run == "" || stage != "") {
		return nil, fmt.Errorf("recipe: a ticket needs the initial weights, which %s does not have: take a run folder as the base, or none", env.Base)
	}
	pruned, err := Prune(ctx, env)
	if err != nil {
		return nil, err
	}
	defer env.trace.close()
	dir, err := env.baseDir()
	if err != nil {
		return nil, err
	}
	init, err := snapshot.Load(filepath.Join(dir, InitFile))
	if err != nil {
		return nil, err
	}
	r := &TicketReport{
		Model: env.Plan.Model, Preset: env.Plan.Preset, Backend: env.Spec, Seed: env.Plan.Seed, Compression: env.Plan.Compression,
		Q: env.q, Prunable: pruned.Prunable, AccuracyDense: pruned.AccuracyDense,
	}
	for _, name := range []string{TicketGSM, TicketMagnitude} {
		mask, err := env.ticketMask(ctx, name)
		if err != nil {
			return nil, err
		}
		outcome, err := env.retrain(ctx, name, init, mask)
		if err != nil {
			return nil, err
		}
		r.Tickets = append(r.Tickets, *outcome)
	}
	r.Seconds = time.Since(began).Seconds()
	return r, writeJSON(filepath.Join(env.Out, TicketFile), r)
}

// ticketMask returns the mask that a ticket is drawn with.
func (e *Env) ticketMask(ctx context.Context, name string) (gsm.Mask, error) {
	if name == TicketGSM {
		return gsm.LoadMask(filepath.Join(e.Out, MaskFile))
	}
	base, err := e.trainBase(ctx) // trained already: this only loads it
	if err != nil {
		return gsm.Mask{}, err
	}
	mask, _, err := gsm.MagnitudeMask(base.store, nil, e.q)
	return mask, err
}

// retrain trains the masked initial weights with the base recipe; pruned weights stay exactly zero.
func (e *Env) retrain(ctx context.Context, name string, init snapshot.Snapshot, mask gsm.Mask) (*TicketOutcome, error) {
	config := e.Plan.Base.config(1, e.Plan.StepsPerEpoch(e.Data.Train.Len()))
	dense, err := gsm.New(config)
	if err != nil {
		return nil, err
	}
	opt, err := ticket.Optimizer(dense, mask)
	if err != nil {
		return nil, err
	}
	t, err := newTrainer(e, e.Out, ticketStage(name), config, opt, e.Plan.Base.Epochs, rewound{init, mask})
	if err != nil {
		return nil, err
	}
	if err := t.begin(); err != nil {
		return nil, err
	}
	if err := t.run(ctx); err != nil {
		return nil, err
	}
	out := &TicketOutcome{Name: name, Accuracy: t.accuracy}
	if out.Nonzero, out.Layers, err = countLayers(t, mask); err != nil {
		return nil, err
	}
	if out.Nonzero > e.q {
		return nil, fmt.Errorf("recipe: ticket %s has %d weights instead of %d: its mask did not hold", name, out.Nonzero, e.q)
	}
	return out, nil
}

// rewound restores initial values with the mask applied.
type rewound struct {
	init snapshot.Snapshot
	mask gsm.Mask
}

// Restore implements restorer.
func (r rewound) Restore(store *model.Store) error { return ticket.Rewind(store, r.init, r.mask) }
