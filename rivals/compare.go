// Compare: carries out the runs of a grid, one after another, each in a run folder of its own.

package rivals

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gomlx/compute"

	"gsmlab/gsm"
	"gsmlab/models"
	"gsmlab/models/data"
	"gsmlab/models/recipe"
)

// Options are what a caller chooses besides the grid.
type Options struct {
	Out     string // the folder of the comparison
	Shard   Shard
	Backend compute.Backend
	Spec    string // name of the backend, for records
	Data    data.Split
	Command string
	Say     func(string)    // gets remarks in words; may be nil
	Watch   recipe.Progress // may be nil
}

func (o Options) say(format string, args ...any) {
	if o.Say != nil {
		o.Say(fmt.Sprintf(format, args...))
	}
}

// Failure is a run that failed.
type Failure struct {
	Cell Cell
	Err  error
}

// Compare carries out the runs of the grid that belong to the shard and have no row in the folder
// yet. It returns the rows of the shard and the runs that failed; those are tried again the next
// time. Several processes may work in one folder. It returns an error that wraps recipe.ErrStopped
// when ctx ends; the same call then continues.
func Compare(ctx context.Context, g Grid, o Options) ([]Row, []Failure, error) {
	if err := g.Check(o.Backend); err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(filepath.Join(o.Out, rowsDir), 0o777); err != nil {
		return nil, nil, fmt.Errorf("rivals: %w", err)
	}
	if err := g.shared().claim(o.Out, "this one"); err != nil {
		return nil, nil, err
	}
	var rows []Row
	var failed []Failure
	cells := o.Shard.Of(g.Cells())
	for i, c := range cells {
		place := fmt.Sprintf("[%d/%d] %s", i+1, len(cells), c)
		var row Row
		if err := readJSON(rowFile(o.Out, c), &row); err == nil {
			rows = append(rows, row)
			continue
		} else if !errors.Is(err, os.ErrNotExist) {
			return rows, failed, err
		}
		row, err := g.run(ctx, o, c, place)
		switch {
		case err == nil:
			rows = append(rows, row)
			o.say("%s: %.2f %% (dense %.2f %%), %d weights, %d steps, %.0f s", place, 100*row.AccuracyPruned, 100*row.AccuracyDense, row.Nonzero, row.Steps, row.Seconds)
		case ctx.Err() != nil || errors.Is(err, recipe.ErrStopped):
			return rows, failed, err
		case errors.Is(err, recipe.ErrBusy):
			o.say("%s: another process has it", place)
		default:
			failed = append(failed, Failure{c, err})
			o.say("%s failed: %v", place, err)
		}
	}
	return rows, failed, nil
}

// run carries out one cell and writes its row.
func (g Grid) run(ctx context.Context, o Options, c Cell, place string) (Row, error) {
	method, err := Lookup(c.Method)
	if err != nil {
		return Row{}, err
	}
	variant, err := g.choose(ctx, o, method)
	if err != nil {
		return Row{}, err
	}
	return g.attempt(ctx, o, c, method, variant, place)
}

// attempt prunes one network in the folder o.Out, measures it on o.Data.Test, and writes its row.
func (g Grid) attempt(ctx context.Context, o Options, c Cell, method Method, variant Variant, place string) (row Row, err error) {
	plan := g.planOf(c)
	base, err := g.base(ctx, o, c.Seed)
	if err != nil {
		return row, err
	}
	m, err := models.Lookup(plan.Model)
	if err != nil {
		return row, err
	}
	q, err := gsm.Quota(m.Prunable, c.Compression)
	if err != nil {
		return row, err
	}
	dir := filepath.Join(o.Out, runsDir, c.String())
	w, err := recipe.Begin(plan, o.recipe(plan, dir, base, place))
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	began, before := time.Now(), spent(dir)
	t := &Task{
		model: m, plan: plan, q: q, steps: g.Steps(o.Data.Train.Len()), training: o.Data.Train, backend: o.Backend, work: w,
		say: func(line string) { o.say("%s: %s", place, line) },
	}
	n, dense, err := t.carry(ctx, variant)
	seconds := before + time.Since(began).Seconds()
	if err != nil {
		return row, errors.Join(err, writeJSON(filepath.Join(dir, spentFile), seconds))
	}
	row = Row{
		Model: plan.Model, Method: method.Name, Compression: c.Compression, Seed: c.Seed, AccuracyDense: dense, AccuracyPruned: n.Accuracy(),
		Steps: t.trained, Seconds: seconds, Setting: variant.About, Notes: t.notes,
	}
	if err := t.weigh(n, &row); err != nil {
		return row, err
	}
	if err := writeJSON(rowFile(o.Out, c), row); err != nil {
		return row, err
	}
	return row, w.Forget(t.stages) // the row is on disk: nothing needs the way there any more
}

// carry opens the dense network, prunes it, and measures both.
func (t *Task) carry(ctx context.Context, variant Variant) (n *recipe.Network, dense float64, err error) {
	if t.base, err = t.work.Base(ctx); err != nil {
		return nil, 0, err
	}
	t.layers = layersOf(t.base.Store())
	dense = t.base.Accuracy()
	if n, err = variant.prune(ctx, t); err != nil {
		return nil, dense, err
	}
	if err := n.RenewAverages(t.training, t.plan.Seed); err != nil {
		return nil, dense, err
	}
	return n, dense, n.Measure()
}

// weigh counts what is left of a network, saves it, and refuses one that does not have q weights.
func (t *Task) weigh(n *recipe.Network, row *Row) error {
	weights, err := weightsOf(n.Store(), t.layers)
	if err != nil {
		return err
	}
	kept := make(keep, len(weights))
	for i, l := range weights {
		kept[i] = make([]bool, len(l))
		for j, w := range l {
			kept[i][j] = w != 0
		}
	}
	counts := kept.counts()
	row.Nonzero = sum(counts)
	for i, l := range t.layers {
		if counts[i] == 0 {
			row.Empty = append(row.Empty, l.name())
		}
	}
	if row.Nonzero != t.q {
		return fmt.Errorf("rivals: %s left %d weights instead of %d", row.Method, row.Nonzero, t.q)
	}
	mask, err := kept.mask(t.layers)
	if err != nil {
		return err
	}
	return t.work.Save(n, mask)
}

// base returns the run folder or file with the dense network of a seed, which it trains if it has
// to. Another process may be at it.
func (g Grid) base(ctx context.Context, o Options, seed int64) (string, error) {
	if g.Base != "" {
		return g.Base, nil
	}
	dir := filepath.Join(o.Out, fmt.Sprintf("base-seed%d", seed))
	plan := g.Plan
	plan.Seed = seed
	return dir, whenFree(ctx, o, dir, func() error {
		w, err := recipe.Begin(plan, o.recipe(plan, dir, "", fmt.Sprintf("dense network of seed %d", seed)))
		if err != nil {
			return err
		}
		_, err = w.Base(ctx)
		return errors.Join(err, w.Close())
	})
}

// whenFree does something in a folder as soon as no other process works there.
func whenFree(ctx context.Context, o Options, dir string, do func() error) error {
	for told := false; ; told = true {
		err := do()
		if !errors.Is(err, recipe.ErrBusy) {
			return err
		}
		if !told {
			o.say("waiting for another process in %s", dir)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w while waiting for %s", recipe.ErrStopped, dir)
		case <-time.After(time.Second):
		}
	}
}

// recipe returns the options of a run in a folder; place says in progress what it is.
func (o Options) recipe(plan recipe.Plan, dir, base, place string) recipe.Options {
	r := recipe.Options{Out: dir, Base: base, Backend: o.Backend, Spec: o.Spec, Data: o.Data, Command: o.Command}
	// The budget S of the plan says nothing about methods other than GSM, whose notes have it.
	_, warning := plan.Budget(o.Data.Train.Len())
	r.Say = func(line string) {
		if warning == "" || line != "warning: "+warning {
			o.say("%s: %s", place, line)
		}
	}
	if o.Watch != nil {
		r.Watch = func(e recipe.Event) {
			e.Stage = place + " " + e.Stage
			o.Watch(e)
		}
	}
	return r
}

// spentFile is where a run that stopped keeps how long it has taken, in seconds.
const spentFile = "seconds.json"

func spent(dir string) (seconds float64) {
	_ = readJSON(filepath.Join(dir, spentFile), &seconds) // none: nothing was spent
	return seconds
}

// byCell orders cells by ratio, method and seed.
func byCell(a, b Cell) int {
	at := func(name string) int { return slices.Index(Names(), name) }
	return cmp.Or(cmp.Compare(a.Compression, b.Compression), cmp.Compare(at(a.Method), at(b.Method)), cmp.Compare(a.Seed, b.Seed))
}
