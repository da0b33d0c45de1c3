// What the training commands share: flags about the machine and the plan, and the way from flags to
// an opened backend, data and plan.

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"gsmlab/gsm"
	"gsmlab/internal/atomicfile"
	"gsmlab/internal/phrase"
	"gsmlab/internal/pjrt"
	"gsmlab/models"
	"gsmlab/models/data"
	"gsmlab/models/recipe"
	"gsmlab/models/recipe/bench"
)

// defaultModel is the network that `gsm prune` prunes if none is named.
const defaultModel = "lenet-300-100"

// machine holds the flags that say where a command runs; most commands share them.
type machine struct{ spec, data, json string }

func (m *machine) flags(fs *flag.FlagSet) {
	fs.StringVar(&m.spec, "backend", "auto", "`auto|go|xla:cpu|xla:cuda`: what computes; auto takes the fastest one available")
	fs.StringVar(&m.data, "data", "", "`DIR` with the data set's files, instead of looking for them")
	fs.StringVar(&m.json, "json", "", "write the report to `FILE` too; - is the standard output")
}

// human is where text for people goes: not to the standard output if JSON goes there.
func (m *machine) human(std stdio) io.Writer {
	if m.json == "-" {
		return std.err
	}
	return std.out
}

// check reports mistakes that can be seen before anything starts.
func (m *machine) check() error {
	if m.json == "" || m.json == "-" {
		return nil
	}
	dir := filepath.Dir(m.json)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return usagef("--json %s: %s is not a folder: make it, or name a file elsewhere", m.json, dir)
	}
	if info, err := os.Stat(m.json); err == nil && info.IsDir() {
		return usagef("--json %s: is a folder: name a file", m.json)
	}
	return nil
}

// writeJSON writes the report where --json says.
func (m *machine) writeJSON(std stdio, report any) error {
	if m.json == "" {
		return nil
	}
	raw, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return err
	}
	raw = append(raw, '\n')
	if m.json == "-" {
		_, err = std.out.Write(raw)
		return err
	}
	if err := atomicfile.WriteBytes(m.json, raw); err != nil {
		return fmt.Errorf("--json %s: %w: name a file elsewhere", m.json, err)
	}
	return nil
}

// open loads a data set and opens the backend, and puts both into o.
func (m *machine) open(ctx context.Context, o *recipe.Options, dataset string, c *console) (err error) {
	if o.Data, err = data.Load(ctx, dataset, m.where(c)); err != nil {
		return err
	}
	return m.openBackend(ctx, o, c)
}

// openTest is open for commands that only measure: the training images may be missing.
func (m *machine) openTest(ctx context.Context, o *recipe.Options, dataset string, c *console) (err error) {
	if o.Data.Test, err = data.LoadTest(ctx, dataset, m.where(c)); err != nil {
		return err
	}
	return m.openBackend(ctx, o, c)
}

// where says where to look for data.
func (m *machine) where(c *console) data.Options {
	return data.Options{Dir: m.data, Offline: offline(), Say: c.say}
}

func (m *machine) openBackend(ctx context.Context, o *recipe.Options, c *console) error {
	o.Say, o.Watch = c.say, c.progress
	var info pjrt.Info
	var err error
	if o.Backend, info, err = pjrt.OpenDevices(ctx, m.spec, max(o.Devices, 1), c.say); err != nil {
		return err
	}
	if info.Note != "" {
		c.say("note: " + info.Note)
	}
	o.Spec = info.Spec
	return nil
}

// offline reports whether the user forbids the network.
func offline() bool { return os.Getenv(pjrt.EnvOffline) != "" }

// training holds the flags of commands that carry out a plan.
type training struct {
	machine
	compress, scale   float64
	stage             recipe.GSMStage // the fields that flags of stageFlags set
	preset, out, base string
	goesWay           bool          // whether the command carries out way
	way               []recipe.Plan // the plans before this one, for want of a base
	seed              int64
	devices           int
	cosine            bool
	dry, untimed      bool
	console           *console
}

func (t *training) flags(fs *flag.FlagSet) {
	fs.Float64Var(&t.compress, "compress", 0, "keep one weight in `C`, at least 1 (default: the preset's)")
	for _, f := range stageFlags {
		fs.Float64Var(f.field(&t.stage), f.name, 0, f.usage)
	}
	fs.BoolVar(&t.cosine, "cosine", false, "while pruning, let the learning rate fall along half a cosine to 0, instead of in the preset's drops")
	fs.StringVar(&t.preset, "preset", "", fmt.Sprintf("`%s`: the training plan (default: quick)", presetChoices()))
	fs.Int64Var(&t.seed, "seed", 1, "`N`: of the initial weights and of the order of images, not 0 (default: 1)")
	fs.StringVar(&t.out, "out", "", "run folder `DIR`; a run in it is resumed (default: runs/MODEL-Cx-PRESET-seedN)")
	fs.StringVar(&t.base, "base", "", "run folder `DIR` whose trained dense network is used; DIR/gsm is its network before the cut; or a safetensors file")
	fs.Float64Var(&t.scale, "epochs-scale", 1, "multiply all lengths of the plan by `F`, for a shorter or longer run")
	fs.IntVar(&t.devices, "devices", 1, "share each batch among `N` devices of the backend, such as GPUs (default: 1)")
	fs.BoolVar(&t.dry, "dry-run", false, "show the plan, its budget S, steps, memory and time; train nothing")
	fs.BoolVar(&t.untimed, "untimed", false, "with --dry-run: do not estimate the time, which takes a few steps of training")
	t.machine.flags(fs)
}

// plan makes the plan that the flags describe, and chooses the run folder.
func (t *training) plan(in input, name string) (recipe.Plan, error) {
	if _, err := models.Lookup(name); err != nil {
		return recipe.Plan{}, unknown("model", name, models.Names())
	}
	var presets []string
	for _, p := range recipe.Presets(name) {
		presets = append(presets, p.Name)
	}
	p, err := recipe.New(name, t.preset)
	if err != nil {
		return p, unknown(name+" preset", t.preset, presets)
	}
	if in.set["compress"] {
		if math.IsNaN(t.compress) || math.IsInf(t.compress, 0) || t.compress < 1 {
			return p, usagef("--compress %g: must be at least 1, as in --compress %g", t.compress, p.Compression)
		}
		p.Compression = t.compress
	}
	p.Seed = t.seed
	if t.goesWay && t.base == "" {
		t.way = p.Way()
	}
	suffix, err := t.setStage(in, &p.GSM)
	if err != nil {
		return p, err
	}
	if t.devices < 1 || p.Batch%t.devices != 0 {
		return p, usagef("--devices %d: must be at least 1 and divide the batch of %d images", t.devices, p.Batch)
	}
	if !(t.scale > 0 && t.scale <= 1000) { // NaN too
		return p, usagef("--epochs-scale %g: must be above 0 and at most 1000", t.scale)
	}
	if t.seed == 0 {
		return p, usagef("--seed 0: any other number makes the run repeatable")
	}
	p, suffix = p.Scaled(t.scale), suffix+t.scaled()
	if err := p.Check(); err != nil {
		return p, usageError{err}
	}
	if t.out == "" {
		t.out = filepath.Join("runs", folderName(p, suffix))
	}
	return p, t.machine.check()
}

// folderName is the name of a plan's run folder; suffix says what flags have changed.
func folderName(p recipe.Plan, suffix string) string {
	return fmt.Sprintf("%s-%gx-%s-seed%d%s", p.Model, p.Compression, p.Preset, p.Seed, suffix)
}

// scaled is the part of a folder's name that says how much longer or shorter the run is than its
// preset.
func (t *training) scaled() string {
	if t.scale == 1 {
		return ""
	}
	return fmt.Sprintf("-epochs%g", t.scale)
}

// prepare checks, before the long work, whether the run folder can be written.
func (t *training) prepare() error {
	if run, _ := recipe.SplitBase(t.base); run != "" {
		if _, err := loadPlan("--base", run); err != nil {
			return err
		}
	}
	_, missing := os.Stat(t.out)
	if err := os.MkdirAll(t.out, 0o777); err != nil {
		return fmt.Errorf("--out %s: %w: name another folder", t.out, plain(err))
	}
	if err := recipe.CheckFree(t.out); err != nil {
		return err
	}
	probe, err := os.CreateTemp(t.out, ".writable-*")
	if err != nil {
		return fmt.Errorf("--out %s: %w: name another folder", t.out, plain(err))
	}
	err = errors.Join(probe.Close(), os.Remove(probe.Name()))
	if missing != nil {
		// the run makes it again; if the run fails before that, nothing is left behind
		err = errors.Join(err, os.Remove(t.out))
	}
	return err
}

// loadPlan reads the plan of a run folder; what is the flag or argument that named it.
func loadPlan(what, dir string) (recipe.Plan, error) {
	p, err := recipe.LoadPlan(dir)
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("%s %s: no %s in it: name the folder of a run", what, dir, recipe.PlanFile)
	}
	return p, err
}

// plain is the cause of a file error, without the path, because the message already has it.
func plain(err error) error {
	if e := new(os.PathError); errors.As(err, &e) {
		return e.Err
	}
	return err
}

// describe prints what a plan will do.
func (t *training) describe(ctx context.Context, w io.Writer, p recipe.Plan, c *console) error {
	m, err := models.Lookup(p.Model)
	if err != nil {
		return err
	}
	q, err := gsm.Quota(m.Prunable, p.Compression)
	if err != nil {
		return err
	}
	images, err := data.TrainLen(m.Dataset)
	if err != nil {
		return err
	}
	perEpoch := p.StepsPerEpoch(images)
	budget, warning := p.Budget(images)
	fmt.Fprintf(w, "model         %s: %s prunable weights\n", p.Model, phrase.Count(m.Prunable))
	fmt.Fprintf(w, "data          %s, %s training images, %d in a batch\n", m.Dataset, phrase.Count(images), p.Batch)
	fmt.Fprintf(w, "compression   %gx: %s weights stay", p.Compression, phrase.Count(q))
	if active := (gsm.Config{Margin: p.GSM.Margin}).Active(q); active != q {
		fmt.Fprintf(w, ", %s are active in a step (margin %g)", phrase.Count(active), p.GSM.Margin)
	}
	fmt.Fprintln(w)
	fmt.Fprintf(w, "preset        %s, seed %d\n", p.Preset, p.Seed)
	stage := func(s recipe.Stage) string {
		rate := fmt.Sprintf("%g, times %g after epochs %v", s.LearningRate, cmp.Or(s.Factor, 0.1), s.Milestones)
		if s.Cosine {
			rate = fmt.Sprintf("%g, falling to 0 along a cosine", s.LearningRate)
		}
		return fmt.Sprintf("%d epochs, %s steps; learning rate %s; momentum %g, weight decay %g",
			s.Epochs, phrase.Count(s.Epochs*perEpoch), rate, s.Momentum, s.WeightDecay)
	}
	base := stage(p.Base)
	if t.base != "" {
		base = "none: the network of " + t.base
	}
	if len(t.way) == 0 {
		fmt.Fprintf(w, "base stage    %s\n", base)
	}
	for i, q := range t.way {
		fmt.Fprintf(w, "run %d before  %gx, preset %s: %s\n", i+1, q.Compression, q.Preset, t.wayFolder(q))
	}
	fmt.Fprintf(w, "gsm stage     %s%s\n", stage(p.GSM.Stage), departures(p.GSM))
	fmt.Fprintf(w, "budget S      %.2f", budget.S)
	if !p.GSM.Cosine {
		fmt.Fprintf(w, ", of it %.2f before the learning rate last drops", budget.BeforeLastDrop)
	}
	fmt.Fprintln(w)
	if warning != "" {
		fmt.Fprintf(w, "warning       %s\n", warning)
	}
	// Weights, gradients, momentum and two score-sized temporaries, float32.
	numbers := 5
	for _, option := range []float64{p.GSM.ScoreMemory, p.GSM.Distill} { // the scores, the teacher
		if option > 0 {
			numbers++
		}
	}
	fmt.Fprintf(w, "memory        about %.1f MiB for weights, gradients, momentum and scores; activations, data and the backend come on top\n", float64(m.Prunable*4*numbers)/(1<<20))
	var baseTime time.Duration
	if !t.untimed {
		var text string
		text, baseTime = t.duration(ctx, p, m, perEpoch, c)
		fmt.Fprintf(w, "time          %s\n", text)
	}
	if hint := t.baseHint(p, baseTime); hint != "" {
		fmt.Fprintf(w, "hint          %s\n", hint)
	}
	_, err = fmt.Fprintf(w, "run folder    %s\n", t.out)
	return err
}

// baseHint says that the user can name a base, if the plan would train one for hours or days. base
// is how long that takes, 0 if unknown.
func (t *training) baseHint(p recipe.Plan, base time.Duration) string {
	if t.base != "" || len(t.way) > 0 {
		return ""
	}
	for _, preset := range recipe.Presets(p.Model) {
		if preset.Name == p.Preset && preset.Trained {
			return fmt.Sprintf("the preset %s is meant for a %s that is already trained: name it with --base, or the base stage of %d epochs comes first", p.Preset, p.Model, p.Base.Epochs)
		}
	}
	if base > 2*time.Hour {
		return fmt.Sprintf("a %s that is already trained can be named with --base, which leaves out the base stage", p.Model)
	}
	return ""
}

// duration estimates how long a plan takes on this machine, from a few steps on made-up images.
func (t *training) duration(ctx context.Context, p recipe.Plan, m models.Model, perEpoch int, c *console) (text string, base time.Duration) {
	b, info, err := pjrt.Open(ctx, t.spec, c.say)
	if err != nil {
		return "not known: " + err.Error(), 0
	}
	batch := p.Batch
	if pixels := m.Image[0] * m.Image[1]; pixels > 100*100 && info.Spec != "xla:cuda" {
		batch = min(batch, 8) // a whole batch may not fit in memory
	}
	rows, err := bench.Run(ctx, b, bench.Options{Cases: []bench.Case{{Model: p.Model, Compression: p.Compression}}, Batch: batch, WarmUp: 1, Pairs: 2,
		PassiveDecay: p.GSM.PassiveDecay, ScoreMemory: p.GSM.ScoreMemory, Distill: p.GSM.Distill})
	if err != nil {
		return "not known: " + err.Error(), 0
	}
	scale := float64(p.Batch) / float64(batch)
	lasts := func(epochs int, ms float64) time.Duration {
		return (time.Duration(float64(epochs*perEpoch)*ms*scale) * time.Millisecond).Round(time.Second)
	}
	r, epochs := rows[0], p.GSM.Epochs
	for _, q := range t.way {
		epochs += q.Scaled(t.scale).GSM.Epochs
	}
	if t.base != "" {
		return fmt.Sprintf("about %s on %s here (%.3g ms for a step of %d made-up images)", lasts(epochs, r.GSMms), info.Spec, r.GSMms, batch), 0
	}
	base = lasts(p.Base.Epochs, r.SGDms)
	return fmt.Sprintf("about %s for the base stage and %s for gsm on %s here (%.3g and %.3g ms for a step of %d made-up images)",
		base, lasts(epochs, r.GSMms), info.Spec, r.SGDms, r.GSMms, batch), base
}
