// The files of a comparison: what all runs share, and a row for each run that has ended.

package rivals

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"gsmlab/internal/atomicfile"
	"gsmlab/models/recipe"
)

// Row is the outcome of one run. Accuracies are fractions of the test set.
type Row struct {
	Model          string  `json:"model"`
	Method         string  `json:"method"`
	Compression    float64 `json:"compression"`
	Seed           int64   `json:"seed"`
	AccuracyDense  float64 `json:"accuracy_dense"`
	AccuracyPruned float64 `json:"accuracy_pruned"`
	// Nonzero counts the prunable weights that are left.
	Nonzero int `json:"nonzero"`
	// Steps are those that the method trained; the dense network's are not among them.
	Steps int `json:"steps"`
	// Seconds is the time of the method, over all calls that stopped by themselves.
	Seconds float64 `json:"seconds"`
	Setting string  `json:"setting"` // its hyperparameters
	// Notes are what the method had to say about this run.
	Notes []string `json:"notes,omitempty"`
	// Empty names the layers that have no weight left.
	Empty []string `json:"empty_layers,omitempty"`
}

// Cell is what the row is about.
func (r Row) Cell() Cell { return Cell{r.Method, r.Compression, r.Seed} }

// Files of a comparison's folder.
const (
	GridFile = "grid.json" // what all runs share
	rowsDir  = "rows"      // a file for each run that has ended
	runsDir  = "runs"      // a run folder for each run
)

// shared is what all runs of a folder have in common.
type shared struct {
	Plan   recipe.Plan `json:"plan"`
	Base   string      `json:"base,omitempty"`
	Search bool        `json:"search"`
}

func (g Grid) shared() shared { return shared{g.Plan, g.Base, g.Search} }

// claim writes what all runs share to the folder, or checks that it is what is there; name says
// whose it is.
func (s shared) claim(dir, name string) error {
	have, err := loadShared(dir)
	if errors.Is(err, os.ErrNotExist) {
		return writeJSON(filepath.Join(dir, GridFile), s)
	}
	if err != nil {
		return err
	}
	return same(have, s, dir, name)
}

// same reports how two comparisons differ.
func same(a, b shared, nameA, nameB string) error {
	differs := func(what string, x, y any) error {
		return fmt.Errorf("%w: %s has %s %v, %s %v", ErrOtherGrid, nameA, what, x, nameB, y)
	}
	switch {
	case a.Plan.Model != b.Plan.Model:
		return differs("model", a.Plan.Model, b.Plan.Model)
	case a.Base != b.Base:
		return differs("base", quoted(a.Base), quoted(b.Base))
	case a.Search != b.Search:
		return differs("search", a.Search, b.Search)
	case a.Plan.Preset != b.Plan.Preset:
		return differs("preset", a.Plan.Preset, b.Plan.Preset)
	case a.Plan.GSM.Epochs != b.Plan.GSM.Epochs || a.Plan.Base.Epochs != b.Plan.Base.Epochs:
		return differs("epochs", fmt.Sprintf("%d+%d", a.Plan.Base.Epochs, a.Plan.GSM.Epochs), fmt.Sprintf("%d+%d", b.Plan.Base.Epochs, b.Plan.GSM.Epochs))
	case !reflect.DeepEqual(a, b):
		return fmt.Errorf("%w: the plans of %s and %s differ", ErrOtherGrid, nameA, nameB)
	}
	return nil
}

func quoted(s string) string { return fmt.Sprintf("%q", s) }

func loadShared(dir string) (shared, error) {
	var s shared
	return s, readJSON(filepath.Join(dir, GridFile), &s)
}

func rowFile(dir string, c Cell) string { return filepath.Join(dir, rowsDir, c.String()+".json") }

// LoadRows reads the rows of a folder, in the order of their cells' names.
func LoadRows(dir string) ([]Row, error) {
	if _, err := loadShared(dir); err != nil {
		return nil, fmt.Errorf("rivals: %s is not the folder of a comparison: %w", dir, err)
	}
	entries, err := os.ReadDir(filepath.Join(dir, rowsDir))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("rivals: %w", err)
	}
	var rows []Row
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		var r Row
		if err := readJSON(filepath.Join(dir, rowsDir, e.Name()), &r); err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// Merge joins the rows of several folders of one comparison, such as those of its shards, in the
// folder out, which may be one of them. Rows of one cell must agree in all but their time.
func Merge(out string, dirs []string) ([]Row, error) {
	if len(dirs) == 0 {
		return nil, errors.New("rivals: nothing to merge: name the folders of the shards")
	}
	var first shared
	found := map[Cell]Row{}
	from := map[Cell]string{}
	for i, dir := range dirs {
		rows, err := LoadRows(dir)
		if err != nil {
			return nil, err
		}
		s, err := loadShared(dir)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			first = s
		} else if err := same(first, s, dirs[0], dir); err != nil {
			return nil, fmt.Errorf("rivals: %w", err)
		}
		for _, r := range rows {
			old, again := found[r.Cell()]
			timed := r
			timed.Seconds = old.Seconds
			if again && !reflect.DeepEqual(old, timed) {
				return nil, fmt.Errorf("rivals: %s and %s disagree about %s (%.4f and %.4f): remove one of the rows", from[r.Cell()], dir, r.Cell(), old.AccuracyPruned, r.AccuracyPruned)
			}
			if !again {
				found[r.Cell()], from[r.Cell()] = r, dir
			}
		}
	}
	if err := os.MkdirAll(filepath.Join(out, rowsDir), 0o777); err != nil {
		return nil, fmt.Errorf("rivals: %w", err)
	}
	if err := first.claim(out, dirs[0]); errors.Is(err, ErrOtherGrid) {
		return nil, fmt.Errorf("rivals: %w", err)
	} else if err != nil {
		return nil, err
	}
	var rows []Row
	for _, c := range slices.SortedFunc(maps.Keys(found), byCell) {
		rows = append(rows, found[c])
		if err := writeJSON(rowFile(out, c), found[c]); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// writeJSON writes a file whole or not at all.
func writeJSON(path string, value any) error {
	if err := atomicfile.WriteJSON(path, value); err != nil {
		return fmt.Errorf("rivals: writing %s: %w", path, err)
	}
	return nil
}

func readJSON(path string, value any) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("rivals: %w", err)
	}
	if err := json.Unmarshal(raw, value); err != nil {
		return fmt.Errorf("rivals: %s: %w: the file is damaged: remove it", path, err)
	}
	return nil
}
