// Grid: what a comparison consists of, its checks, and its parts for several machines.

package rivals

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gomlx/compute"

	"gsmlab/gsm"
	"gsmlab/models"
	"gsmlab/models/recipe"
)

// ErrOtherGrid: a folder holds a comparison that differs in what all its runs share.
var ErrOtherGrid = errors.New("another comparison")

// Grid is a comparison: each method at each ratio with each seed.
type Grid struct {
	// Plan has the model, the base stage, and in the length of its GSM stage the steps that each
	// method may train beyond the base. Its own compression and seed do not count.
	Plan         recipe.Plan
	Compressions []float64
	Methods      []string
	Seeds        []int64
	// Base is a safetensors file with the dense network; "" trains one for each seed.
	Base string
	// Search tries all variants of each method on a part of the training images and uses the best;
	// else the first variant is used.
	Search bool
}

// Cell is one run of a grid.
type Cell struct {
	Method      string
	Compression float64
	Seed        int64
}

// String is the cell's name, also in files.
func (c Cell) String() string {
	return fmt.Sprintf("%s-%sx-seed%d", c.Method, strconv.FormatFloat(c.Compression, 'f', -1, 64), c.Seed)
}

// Cells lists the runs of the grid: ratio by ratio, method by method, seed by seed.
func (g Grid) Cells() []Cell {
	var cells []Cell
	for _, c := range g.Compressions {
		for _, m := range g.Methods {
			for _, s := range g.Seeds {
				cells = append(cells, Cell{m, c, s})
			}
		}
	}
	return cells
}

// Shard is a part of a grid: part Index of Count, counted from 1. The zero value is all of it.
type Shard struct{ Index, Count int }

// ParseShard reads a shard such as 2/8.
func ParseShard(text string) (Shard, error) {
	index, count, ok := strings.Cut(text, "/")
	i, err := strconv.Atoi(index)
	n, err2 := strconv.Atoi(count)
	if !ok || err != nil || err2 != nil {
		return Shard{}, fmt.Errorf("rivals: shard %q: must be two whole numbers, such as 2/8", text)
	}
	if n < 1 || i < 1 || i > n {
		return Shard{}, fmt.Errorf("rivals: shard %q: out of range: of %d parts the first is 1/%d and the last %d/%d", text, max(n, 1), max(n, 1), max(n, 1), max(n, 1))
	}
	return Shard{i, n}, nil
}

// Of returns the shard's cells: every Count-th. Cells that differ only in their seed lie side by
// side, so that where there are as many shards as seeds, each shard needs one dense network.
func (s Shard) Of(cells []Cell) []Cell {
	if s.Count == 0 {
		return cells
	}
	var own []Cell
	for i := s.Index - 1; i < len(cells); i += s.Count {
		own = append(own, cells[i])
	}
	return own
}

// Check reports the first mistake of the grid: a list that is empty or names something twice, a
// ratio that leaves a layer empty whatever the method, a method that does not fit the model. The
// backend computes nothing.
func (g Grid) Check(b compute.Backend) error {
	if err := g.Plan.Check(); err != nil {
		return err
	}
	if err := distinct("method", g.Methods); err != nil {
		return err
	}
	if err := distinct("compression", g.Compressions); err != nil {
		return err
	}
	if err := distinct("seed", g.Seeds); err != nil {
		return err
	}
	if slices.Contains(g.Seeds, 0) {
		return errors.New("rivals: seed 0: any other number makes runs repeatable")
	}
	if g.Base != "" && g.Search {
		return fmt.Errorf("rivals: no search with the network of %s: it has seen the images that a search holds out", g.Base)
	}
	m, err := models.Lookup(g.Plan.Model)
	if err != nil {
		return err
	}
	for _, name := range g.Methods { // before a backend is needed
		method, err := Lookup(name)
		if err != nil {
			return err
		}
		if method.Scratch && g.Base != "" {
			return fmt.Errorf("rivals: %s begins with the initial weights, which %s does not have: leave it out", name, g.Base)
		}
	}
	store, err := recipe.Declare(b, m)
	if err != nil {
		return err
	}
	layers := layersOf(store)
	for _, c := range g.Compressions {
		q, err := gsm.Quota(m.Prunable, c)
		if err != nil {
			return err
		}
		if q < len(layers) {
			return fmt.Errorf("rivals: compression %g keeps %d weights of %s: at least one of its %d layers would be empty", c, q, m.Name, len(layers))
		}
		for _, name := range g.Methods {
			method, err := Lookup(name)
			if err != nil {
				return err
			}
			if method.fits == nil {
				continue
			}
			if err := method.fits(m, layers, q); err != nil {
				return fmt.Errorf("rivals: %s does not fit %s at %gx: %w", name, m.Name, c, err)
			}
		}
	}
	return nil
}

// distinct reports an empty list, or a value that is in it twice.
func distinct[T comparable](what string, list []T) error {
	if len(list) == 0 {
		return fmt.Errorf("rivals: no %s: name at least one", what)
	}
	for i, x := range list {
		if slices.Contains(list[:i], x) {
			return fmt.Errorf("rivals: %s %v is named twice", what, x)
		}
	}
	return nil
}

// Steps is how many steps each method may train beyond the dense network.
func (g Grid) Steps(images int) int { return g.Plan.GSM.Epochs * g.Plan.StepsPerEpoch(images) }

// planOf is the plan of a cell.
func (g Grid) planOf(c Cell) recipe.Plan {
	p := g.Plan
	p.Compression, p.Seed = c.Compression, c.Seed
	return p
}
