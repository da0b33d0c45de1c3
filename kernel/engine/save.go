package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gsmlab/kernel/engine/rt"
)

// Saved says what Save has written.
type Saved struct {
	Names []string // variables
	Left  []Left
}

// Loaded says what Load has brought back.
type Loaded struct {
	Names []string // variables
	Left  []Left
	Notes []string // what follows from it
}

// Left is a variable that could not be saved or loaded, and why.
type Left struct{ Name, Reason string }

// savedVar is a variable in a checkpoint.
type savedVar struct {
	Name, File string
	Cell       int
	Type       string // as source, with import paths in quotes for the names of packages
	Shown      string // the type as people see it
	Needs      string // Type and what the cells' types in it are
	GoMLX      bool   // holds something that only package keep can read
}

// savedSession is the index of a checkpoint.
type savedSession struct {
	Vars  []savedVar
	Types []string // that interfaces hold
}

// describe fills in what a checkpoint says of the type of a variable.
func (s *session) describe(v *types.Var) (savedVar, error) {
	d := savedVar{Name: v.Name(), Shown: typeText(v.Type())}
	var cellTypes []*types.TypeName
	write := func(t types.Type) (string, error) {
		w := typeWriter{asWritten: true, pkg: func(p *types.Package) string {
			d.GoMLX = d.GoMLX || strings.HasPrefix(p.Path(), "github.com/gomlx/gomlx/")
			return strconv.Quote(p.Path())
		}}
		w.ref = func(o types.Object) (string, bool) {
			if name, ok := o.(*types.TypeName); ok && !slices.Contains(cellTypes, name) {
				cellTypes = append(cellTypes, name)
			}
			return o.Name(), true
		}
		w.typ(t)
		return w.out.String(), w.err
	}
	text, err := write(v.Type())
	if err != nil {
		return d, err
	}
	d.Type, d.Needs = text, text
	for i := 0; i < len(cellTypes); i++ { // grows
		text, err := write(cellTypes[i].Type().Underlying())
		if err != nil {
			return d, err
		}
		d.Needs += "; " + cellTypes[i].Name() + " " + text
	}
	return d, nil
}

// stored returns how the worker finds a variable.
func (s *session) stored(name, file string) rt.Stored {
	r := s.names.refs[s.names.objects[name]]
	return rt.Stored{Name: name, Cell: r.pkg, Built: r.name, File: file}
}

// Save implements Engine.
func (s *session) Save(ctx context.Context, path string) (Saved, error) {
	s.running.Lock()
	defer s.running.Unlock()
	var saved Saved
	if err := s.alive(); err != nil {
		return saved, err
	}
	dir, err := os.MkdirTemp(s.tools.dir, "save")
	if err != nil {
		return saved, fmt.Errorf("engine: %w", err)
	}
	defer os.RemoveAll(dir)
	var index savedSession
	var vars []rt.Stored
	keep := false
	for _, name := range slices.Sorted(maps.Keys(s.names.objects)) {
		v, ok := s.names.objects[name].(*types.Var)
		if !ok || v == s.ctx {
			continue
		}
		d, err := s.describe(v)
		if err != nil {
			saved.Left = append(saved.Left, Left{name, err.Error()})
			continue
		}
		d.Cell, d.File = s.names.cells[name], fmt.Sprintf("v%d", len(vars))
		keep = keep || d.GoMLX
		vars = append(vars, s.stored(name, d.File))
		index.Vars = append(index.Vars, d)
	}
	report, err := s.transfer(ctx, "save", dir, vars, keep)
	if err != nil {
		return saved, err
	}
	good := index.Vars[:0]
	for i, v := range report.Vars {
		if v.Err != "" {
			saved.Left = append(saved.Left, Left{v.Name, clean(v.Err)})
			continue
		}
		saved.Names = append(saved.Names, v.Name)
		good = append(good, index.Vars[i])
	}
	index.Vars, index.Types = good, slices.Sorted(maps.Keys(report.Types))
	return saved, writeCheckpoint(s.inDir(path), dir, index)
}

// inDir returns a path as it is seen from the worker's folder.
func (s *session) inDir(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(s.Dir(), path)
}

// alive returns an error when the worker has ended meanwhile.
func (s *session) alive() error {
	select {
	case <-s.process.dead:
		return s.crashed(0, s.process.howItEnded())
	default:
		return nil
	}
}

type transferReport struct {
	Vars  []rt.Stored
	Types map[string]bool
}

// transfer has the worker save or load variables.
func (s *session) transfer(ctx context.Context, do, dir string, vars []rt.Stored, keep bool) (report transferReport, err error) {
	if keep && !s.process.keeps {
		if _, err := s.hiddenCell("import _ \"" + runtimePath + "/keep\""); err != nil {
			return report, err
		}
		s.process.keeps = true
	}
	s.process.listen()
	s.process.send(rt.Command{Do: do, Path: dir, Vars: vars})
	if err := s.wait(ctx, 0); err != nil {
		return report, err
	}
	data, err := os.ReadFile(filepath.Join(dir, rt.Report))
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

// hiddenCell runs a cell of the engine's own, which may use names with a tick.
func (s *session) hiddenCell(code string) (*checked, error) {
	defer func(shown int) { s.shown = shown }(s.shown)
	s.shown = s.hiddenNumber()
	c, err := s.check(s.shown, code)
	if err != nil {
		return nil, err
	}
	return c, s.runHidden(c)
}
