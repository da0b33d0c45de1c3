package recipe

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/gsm"
	"gsmlab/internal/atomicfile"
	"gsmlab/models"
)

// Report is the outcome of a run. Accuracies are fractions of the test set.
type Report struct {
	Model       string  `json:"model"`
	Preset      string  `json:"preset"`
	Backend     string  `json:"backend"`
	Seed        int64   `json:"seed"`
	Compression float64 `json:"compression"`
	Q           int     `json:"q"`
	// nonzero prunable weights, counted after the cut
	Nonzero           int     `json:"nonzero"`
	Prunable          int     `json:"prunable"`
	AccuracyDense     float64 `json:"accuracy_dense"`      // of the base network
	AccuracyBeforeCut float64 `json:"accuracy_before_cut"` // after GSM
	AccuracyPruned    float64 `json:"accuracy_pruned"`
	BudgetS           float64 `json:"budget_s"`
	// of the whole model, with what stays dense; zero in reports of earlier versions
	Size   gsm.Size      `json:"size"`
	Layers []LayerReport `json:"layers"`
	Steps  int           `json:"steps"` // of the GSM stage
	// of this call, without stages that were done before it
	Seconds float64 `json:"seconds"`
	// median GSM step, batch and bookkeeping included; 0 if none ran in this call
	StepMS float64 `json:"step_ms"`
}

// LayerReport is one layer after the cut.
type LayerReport struct {
	Name     string  `json:"name"`
	Prunable int     `json:"prunable"`
	Nonzero  int     `json:"nonzero"`
	Density  float64 `json:"density"`
}

// report counts what is really in the store. It checks claims and does not repeat them.
func (r *run) report(s *stage, mask gsm.Mask, dense, before, after float64) (*Report, error) {
	p := r.plan
	budget, _ := p.Budget(r.Data.Train.Len())
	out := &Report{
		Model: p.Model, Preset: p.Preset, Backend: r.Spec, Seed: p.Seed, Compression: p.Compression, Q: r.q, Prunable: r.model.Prunable,
		AccuracyDense: dense, AccuracyBeforeCut: before, AccuracyPruned: after, BudgetS: budget.S, Steps: s.steps, StepMS: s.medianStep(),
	}
	var err error
	if out.Nonzero, out.Layers, err = countLayers(s.store, mask); err != nil {
		return nil, err
	}
	out.Size = gsm.SizeOf(s.store, nil, out.Nonzero)
	if out.Nonzero != r.q {
		return nil, fmt.Errorf("recipe: %d weights are left instead of %d: some kept weights are exactly zero; train longer or with another seed", out.Nonzero, r.q)
	}
	return out, nil
}

// countLayers counts the nonzero weights in the store for each layer of the mask.
func countLayers(store *model.Store, mask gsm.Mask) (total int, layers []LayerReport, err error) {
	counts, err := gsm.Nonzero(store, nil)
	if err != nil {
		return 0, nil, err
	}
	for i, l := range mask.Layers {
		total += counts[i]
		layers = append(layers, LayerReport{
			Name: models.LayerName(l.Path), Prunable: l.Size(), Nonzero: counts[i], Density: float64(counts[i]) / float64(l.Size()),
		})
	}
	return total, layers, nil
}

// LoadReport reads the report of a run folder.
func LoadReport(dir string) (*Report, error) {
	return loadReport[Report](filepath.Join(dir, ReportFile))
}

func loadReport[R any](path string) (*R, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("recipe: no report yet: %w: let the run finish first", err)
	}
	r := new(R)
	if err := json.Unmarshal(raw, r); err != nil {
		return nil, fmt.Errorf("recipe: %s: %w: run the same command again to rewrite it", path, err)
	}
	return r, nil
}

// writeJSON writes a file whole or not at all.
func writeJSON(path string, value any) error {
	if err := atomicfile.WriteJSON(path, value); err != nil {
		return fmt.Errorf("recipe: writing %s: %w", path, err)
	}
	return nil
}
