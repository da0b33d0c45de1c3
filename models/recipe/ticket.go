package recipe

import (
	"context"
	"errors"
)

// TicketReport compares winning tickets: masked initial weights, retrained with the base recipe.
type TicketReport struct {
	Model         string  `json:"model"`
	Preset        string  `json:"preset"`
	Backend       string  `json:"backend"`
	Seed          int64   `json:"seed"`
	Compression   float64 `json:"compression"`
	Q             int     `json:"q"`
	Prunable      int     `json:"prunable"`
	AccuracyDense float64 `json:"accuracy_dense"`
	// Tickets are the outcomes, "gsm" (mask from the magnitude after GSM) and "magnitude" (from the
	// normally trained network).
	Tickets []TicketOutcome `json:"tickets"`
	Seconds float64         `json:"seconds"`
}

// TicketOutcome is one retrained ticket.
type TicketOutcome struct {
	Name     string        `json:"name"`
	Accuracy float64       `json:"accuracy"`
	Nonzero  int           `json:"nonzero"`
	Layers   []LayerReport `json:"layers"`
}

// Ticket carries out the plan's base and GSM stages, or continues or reuses them, and then retrains
// two tickets from the same initial weights. Errors are as those of Prune.
func Ticket(ctx context.Context, env *Env) (*TicketReport, error) {
	return nil, errors.New("recipe: not there yet")
}

// EvalReport is the accuracy of saved weights.
type EvalReport struct {
	Model    string  `json:"model"`
	Weights  string  `json:"weights"` // folder of the checkpoint
	Backend  string  `json:"backend"`
	Accuracy float64 `json:"accuracy"`
	Loss     float64 `json:"loss"`
	Images   int     `json:"images"`
	Prunable int     `json:"prunable"`
	Nonzero  int     `json:"nonzero"`
}

// Evaluate measures the weights of a stage ("base", "gsm", "pruned", ...) of the run folder env.Out on
// the test set. env.Plan is filled in from the folder.
func Evaluate(ctx context.Context, env *Env, stage string) (*EvalReport, error) {
	return nil, errors.New("recipe: not there yet")
}
