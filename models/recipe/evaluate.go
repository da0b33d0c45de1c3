// Work with the weights of a finished run, or of a file, without training: measuring, loading and
// exporting them. Nothing here writes to a run folder.

package recipe

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"gsmlab/gsm"
	"gsmlab/gsm/trace"
	"gsmlab/models"
	"gsmlab/models/data"
	"gsmlab/models/weights"
)

// EvalReport is the accuracy of saved weights.
type EvalReport struct {
	Model    string  `json:"model"`
	Weights  string  `json:"weights"` // folder of the checkpoint, or a file
	Backend  string  `json:"backend"`
	Accuracy float64 `json:"accuracy"` // fraction of the test set
	Loss     float64 `json:"loss"`     // mean over the test set
	Images   int     `json:"images"`
	Prunable int     `json:"prunable"`
	Nonzero  int     `json:"nonzero"`
}

// StagePruned names the weights after the cut.
const StagePruned = "pruned"

// EvalStages lists the stages whose weights Evaluate can measure.
func EvalStages() []string {
	return []string{trace.StageBase, trace.StageGSM, StagePruned, ticketStage(TicketGSM), ticketStage(TicketMagnitude)}
}

// Evaluate measures the newest weights of a stage (one of EvalStages) of the run folder o.Out on
// the test set. It uses only the test images. It only reads the folder, which may belong to
// somebody else or be in use by a running run.
func Evaluate(ctx context.Context, stage string, o Options) (*EvalReport, error) {
	if !slices.Contains(EvalStages(), stage) {
		return nil, fmt.Errorf("recipe: unknown stage %q: known are %s", stage, strings.Join(EvalStages(), ", "))
	}
	p, err := LoadPlan(o.Out)
	if err != nil {
		return nil, err
	}
	if err := p.Check(); err != nil {
		return nil, err
	}
	m, err := models.Lookup(p.Model)
	if err != nil {
		return nil, err
	}
	saved, err := savedStage(o.Out, stage)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	store := model.NewStore()
	name, err := saved.read(store, false, o.say)
	if err != nil {
		return nil, err
	}
	if name == "" {
		return nil, unreadable(o.Out, stage)
	}
	n, err := openNetwork(o.Backend, m, store, o.Data.Test, learning{})
	if err != nil {
		return nil, err
	}
	return n.evaluated(saved.dir, o)
}

// savedStage returns the checkpoints of a stage in the run folder out. It is an error if there are
// none.
func savedStage(out, stage string) (checkpoints, error) {
	saved := checkpoints{dir: filepath.Join(out, stage)}
	if names, err := saved.names(); err != nil || len(names) == 0 {
		return saved, fmt.Errorf("recipe: %s has no weights of the stage %q yet: let the run get there first", out, stage)
	}
	return saved, nil
}

func unreadable(out, stage string) error {
	return fmt.Errorf("recipe: %s has no readable weights of the stage %q", out, stage)
}

// EvaluateWeights measures the weights of a safetensors file on the test set, in the network called
// name. The file uses PyTorch's names (package weights).
func EvaluateWeights(ctx context.Context, name, file string, o Options) (*EvalReport, error) {
	m, err := models.Lookup(name)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n, err := openFile(o.Backend, m, o.Data.Test, file)
	if err != nil {
		return nil, err
	}
	return n.evaluated(file, o)
}

// openFile opens a network with the weights of a safetensors file that somebody else trained.
func openFile(b compute.Backend, m models.Model, test data.Set, file string) (*Network, error) {
	store, err := LoadFile(b, m, file)
	if err != nil {
		return nil, err
	}
	return openNetwork(b, m, store, test, learning{})
}

// LoadFile reads the weights of a safetensors file with PyTorch's names (package weights), which
// must be those of the network m. The backend computes nothing.
func LoadFile(b compute.Backend, m models.Model, file string) (*model.Store, error) {
	declared, err := Declare(b, m)
	if err != nil {
		return nil, err
	}
	kernels, err := weights.GoMLX().For(declared)
	if err != nil {
		return nil, err
	}
	f, err := weights.Read(file, m.Flat, kernels)
	if err != nil {
		return nil, err
	}
	if err := f.Check(declared, m.Name); err != nil {
		return nil, err
	}
	store := model.NewStore()
	if err := f.Restore(store); err != nil {
		return nil, err
	}
	return store, nil
}

// Declare declares the variables of a network, without values. The backend computes nothing.
func Declare(b compute.Backend, m models.Model) (*model.Store, error) {
	store := model.NewStore()
	err := exceptions.TryCatch[error](func() {
		g := graph.NewGraph(b, "variables of "+m.Name)
		defer g.Finalize()
		m.Logits(store.RootScope(), graph.Parameter(g, "images", shapes.Make(dtypes.Float32, 1, m.Image[0], m.Image[1], m.Image[2])))
	})
	if err != nil {
		return nil, fmt.Errorf("recipe: building %s: %w", m.Name, err)
	}
	return store, nil
}

// LoadStage reads the plan of the run folder run. It also loads the newest good weights of a stage
// (one of EvalStages), with whatever training left beside them. It only reads the folder. say,
// which may be nil, is told about damaged checkpoints.
func LoadStage(run, stage string, say func(string)) (Plan, *model.Store, error) {
	p, err := LoadPlan(run)
	if err != nil {
		return p, nil, err
	}
	saved, err := savedStage(run, stage)
	if err != nil {
		return p, nil, err
	}
	o, store := Options{Say: say}, model.NewStore()
	name, err := saved.read(store, true, o.say)
	if err == nil && name == "" {
		err = unreadable(run, stage)
	}
	return p, store, err
}

// Export writes the newest good weights of a stage (one of EvalStages) of the run folder out to a
// safetensors file with PyTorch's names and layouts. masked adds a mask that says which of the
// exported weights are not zero (see weights.Write).
func Export(out, stage, file string, masked bool, say func(string)) error {
	p, store, err := LoadStage(out, stage, say)
	if err != nil {
		return err
	}
	m, err := models.Lookup(p.Model)
	if err != nil {
		return err
	}
	var mask *gsm.Mask
	if masked {
		// Not the mask of the run's cut: each stage has its own, and a dense network keeps all
		// weights.
		if mask, err = maskOf(store); err != nil {
			return err
		}
	}
	return weights.Write(file, store, mask, m.Flat, map[string]string{
		"model": p.Model, "stage": stage, "compression": fmt.Sprintf("%g", p.Compression), "format": "pt",
	}, weights.GoMLX())
}

// maskOf returns which prunable weights in the store are not zero.
func maskOf(store *model.Store) (*gsm.Mask, error) {
	counts, err := gsm.Nonzero(store, nil)
	if err != nil {
		return nil, err
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	// the largest ones, which are the nonzero ones
	mask, _, err := gsm.MagnitudeMask(store, nil, total)
	return &mask, err
}

// evaluated reports what opening the network measured.
func (n *Network) evaluated(from string, o Options) (*EvalReport, error) {
	r := &EvalReport{
		Model: n.model.Name, Weights: from, Backend: o.Spec, Images: o.Data.Test.Len(), Prunable: n.model.Prunable,
		Loss: Decimal(n.loss), Accuracy: n.accuracy,
	}
	counts, err := gsm.Nonzero(n.store, nil)
	if err != nil {
		return nil, err
	}
	for _, c := range counts {
		r.Nonzero += c
	}
	return r, nil
}
