package rivals

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"gsmlab/models/data"
)

// choice is what a search found for a method. Accuracies are of the images held out.
type choice struct {
	Method      string      `json:"method"`
	Compression float64     `json:"compression"`
	Seed        int64       `json:"seed"`
	Held        int         `json:"images_held_out"`
	Tried       []candidate `json:"tried"`
	Best        string      `json:"best"` // the setting
}

type candidate struct {
	Setting  string  `json:"setting"`
	Accuracy float64 `json:"accuracy"` // 0 if it failed
	Failed   string  `json:"failed,omitempty"`
}

// searchDir holds the runs of a search and what it found.
const searchDir = "search"

// heldShare is the share of the training images that a search holds out: one in heldShare.
const heldShare = 12 // 5,000 of MNIST's

// choose returns the variant that the grid's runs of a method use. A search tries each variant
// once, at the middle ratio and the first seed of the grid, with a dense network and training that
// have not seen the images by which it is judged; those are training images too. What it finds is
// kept.
func (g Grid) choose(ctx context.Context, o Options, m Method) (Variant, error) {
	if !g.Search || len(m.Variants) == 1 {
		return m.Variants[0], nil
	}
	path := filepath.Join(o.Out, searchDir, m.Name+".json")
	var found choice
	if err := readJSON(path, &found); err == nil {
		return found.variant(m)
	} else if !errors.Is(err, os.ErrNotExist) {
		return Variant{}, err
	}
	held := max(1, o.Data.Train.Len()/heldShare)
	rest, last, err := data.Holdout(o.Data.Train, held)
	if err != nil {
		return Variant{}, err
	}
	ratios := slices.Sorted(slices.Values(g.Compressions))
	found = choice{Method: m.Name, Compression: ratios[len(ratios)/2], Seed: g.Seeds[0], Held: held}
	best := -1.0
	for i, v := range m.Variants {
		try := o
		try.Data = data.Split{Train: rest, Test: last}
		try.Out = filepath.Join(o.Out, searchDir)
		row, err := g.try(ctx, try, Cell{fmt.Sprintf("%s.%d", m.Name, i+1), found.Compression, found.Seed}, m, v)
		c := candidate{Setting: v.About, Accuracy: row.AccuracyPruned}
		if err != nil {
			if ctx.Err() != nil {
				return Variant{}, err
			}
			c.Failed = err.Error()
		}
		found.Tried = append(found.Tried, c)
		if c.Failed == "" && c.Accuracy > best {
			best, found.Best = c.Accuracy, c.Setting
		}
	}
	if found.Best == "" {
		return Variant{}, fmt.Errorf("rivals: each setting of %s failed in the search: %s", m.Name, found.Tried[0].Failed)
	}
	if err := writeJSON(path, found); err != nil {
		return Variant{}, err
	}
	return found.variant(m)
}

// try is one run of a search, whose row is kept too.
func (g Grid) try(ctx context.Context, o Options, c Cell, m Method, v Variant) (row Row, err error) {
	if err := readJSON(rowFile(o.Out, c), &row); err == nil {
		return row, nil
	}
	if err := os.MkdirAll(filepath.Join(o.Out, rowsDir), 0o777); err != nil {
		return row, err
	}
	place := fmt.Sprintf("search %s", c)
	err = whenFree(ctx, o, filepath.Join(o.Out, runsDir, c.String()), func() error {
		if err := readJSON(rowFile(o.Out, c), &row); err == nil {
			return nil // the other process has done it
		}
		var err error
		if row, err = g.attempt(ctx, o, c, m, v, place); err != nil {
			return err
		}
		o.say("%s: %.2f %% of %d images held out, with %s", place, 100*row.AccuracyPruned, o.Data.Test.Len(), v.About)
		return nil
	})
	return row, err
}

// variant is the method's variant that was found best.
func (c choice) variant(m Method) (Variant, error) {
	for _, v := range m.Variants {
		if v.About == c.Best {
			return v, nil
		}
	}
	return Variant{}, fmt.Errorf("rivals: the search of %s found the setting %q, which this version does not have: start a new folder", c.Method, c.Best)
}
