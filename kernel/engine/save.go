// Values of variables in a file: what can be saved, and how the worker is asked to save it.

package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"gsmlab/kernel/engine/lang"
	"gsmlab/kernel/engine/wire"
)

// Saved says what Save wrote.
type Saved struct {
	Names []string // variables
	Left  []Left
}

// Loaded says what Load brought back.
type Loaded struct {
	Names []string // variables
	Left  []Left
	Notes []string // consequences of loading
}

// Left is a variable that could not be saved or loaded, and why.
type Left struct{ Name, Reason string }

// savedVar is a variable in a checkpoint.
type savedVar struct {
	Name, File string
	Cell       int
	Type       string // see lang.Description
	Shown      string
	Needs      string
	GoMLX      bool // holds something that only package keep can read
}

// contents is the index of a checkpoint.
type contents struct {
	Vars  []savedVar
	Types []string // that interfaces hold
}

// Save writes the values of variables to a file, as far as possible. A relative path starts at Dir.
func (e *Engine) Save(ctx context.Context, path string) (Saved, error) {
	e.holdOff()
	e.running.Lock()
	defer e.running.Unlock()
	e.drainInterrupt()
	if err := e.alive(); err != nil {
		return Saved{}, err
	}
	g, err := e.gather(ctx, false)
	defer os.RemoveAll(g.dir)
	if err != nil {
		return g.saved, err
	}
	return g.saved, writeCheckpoint(e.inDir(path), g.dir, g.index)
}

// gathered is what the worker wrote for a checkpoint.
type gathered struct {
	dir   string
	index contents
	saved Saved
}

// gather makes the worker write its variables to a folder. With byItself, it leaves out what takes
// long and what would run code of cells.
func (e *Engine) gather(ctx context.Context, byItself bool) (g gathered, err error) {
	if g.dir, err = os.MkdirTemp(e.tools.Dir(), "save"); err != nil {
		return g, fmt.Errorf("engine: %w", err)
	}
	saved, index := &g.saved, &g.index
	var vars []wire.Variable
	keep := false
	for _, v := range e.scope.Variables() {
		name := v.Name()
		d, err := lang.Describe(v)
		if err != nil {
			saved.Left = append(saved.Left, Left{name, err.Error()})
			continue
		}
		file := fmt.Sprintf("v%d", len(vars))
		keep = keep || d.GoMLX
		vars = append(vars, e.scope.Stored(name, file))
		index.Vars = append(index.Vars, savedVar{name, file, e.scope.CellOf(name), d.Type, d.Shown, d.Needs, d.GoMLX})
	}
	do := wire.DoSave
	if byItself {
		do = wire.DoAutosave
	}
	report, err := e.transfer(ctx, do, g.dir, vars, keep)
	if err != nil {
		return g, err
	}
	good := index.Vars[:0]
	for i, v := range report.Vars {
		if v.Err != "" {
			saved.Left = append(saved.Left, Left{v.Name, v.Err})
			continue
		}
		saved.Names = append(saved.Names, v.Name)
		good = append(good, index.Vars[i])
	}
	index.Vars, index.Types = good, slices.Sorted(maps.Keys(report.Types))
	return g, nil
}

// inDir returns a path as seen from the worker's folder.
func (e *Engine) inDir(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(e.Dir(), path)
}

// transfer makes the worker save or load variables.
func (e *Engine) transfer(ctx context.Context, do wire.Do, dir string, vars []wire.Variable, keep bool) (report wire.Report, err error) {
	if keep && !e.process.keeps {
		err := e.interruptibly(ctx, func(ctx context.Context) error { return e.hiddenCell(ctx, fmt.Sprintf("import _ %q", wire.KeepPath)) })
		if err != nil {
			return report, err
		}
		e.process.keeps = true
	}
	e.process.listen()
	e.process.send(wire.Command{Do: do, Path: dir, Vars: vars})
	if do == wire.DoAutosave {
		err = e.waitAside(ctx)
	} else {
		_, err = e.wait(ctx, 0)
	}
	if err != nil {
		return report, err
	}
	data, err := os.ReadFile(filepath.Join(dir, wire.ReportFile))
	if err == nil {
		err = json.Unmarshal(data, &report)
	}
	if err == nil && len(report.Vars) != len(vars) {
		err = errors.New("its report is not whole")
	}
	if err != nil {
		return report, fmt.Errorf("engine: the worker could not %s the variables: %w", do, err)
	}
	return report, nil
}
