// bench: how long training steps take, by SGD and by GSM.

package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"gsmlab/internal/pjrt"
	"gsmlab/models"
	"gsmlab/models/data"
	"gsmlab/models/recipe"
	"gsmlab/models/recipe/bench"
)

type benchAction struct {
	machine
	models       string
	deploy       string
	engines      string
	pytorch      bool
	steps, batch int
	stage        recipe.GSMStage // the fields that flags of benchedFlags set
}

// benchedFlags are those flags of prune that change the work of a GSM step.
func benchedFlags() []stageFlag {
	var flags []stageFlag
	for _, f := range stageFlags {
		if slices.Contains([]string{"passive-decay", "score-memory", "distill"}, f.name) {
			flags = append(flags, f)
		}
	}
	return flags
}

func (a *benchAction) flags(fs *flag.FlagSet) {
	fs.StringVar(&a.models, "models", "", "comma-separated `MODELS` (default: lenet-300-100,lenet-5)")
	fs.IntVar(&a.steps, "steps", 200, "time `N` steps of each optimizer (default: 200)")
	fs.IntVar(&a.batch, "batch", 256, "`N` images in a batch (default: 256)")
	fs.StringVar(&a.deploy, "deploy", "", "`RUN|FILE`: time this pruned network in this runtime and in others, instead of training steps; FILE is what pack wrote, or weights (.safetensors) of the network that --models names")
	fs.StringVar(&a.engines, "engines", "", "with --deploy: comma-separated `ENGINES` that take part, of "+strings.Join(engineNames, ", ")+" (default: all that are here)")
	fs.BoolVar(&a.pytorch, "pytorch", false, "PyTorch trains the same networks in turn, by SGD and by GSM; it needs a Python with torch (Debian: apt install python3-torch)")
	for _, f := range benchedFlags() {
		value := strings.Split(f.usage, "`")[1]
		fs.Float64Var(f.field(&a.stage), f.name, 0, "`"+value+"`: time GSM with this option of prune, as in --"+f.name+" "+f.example+" (default: without)")
	}
	a.machine.flags(fs)
}

// cases are the networks to measure, at the compression of their first presets.
func (a *benchAction) cases() ([]bench.Case, error) {
	if a.models == "" {
		return bench.DefaultCases, nil
	}
	var cases []bench.Case
	for name := range strings.SplitSeq(a.models, ",") {
		name = strings.TrimSpace(name)
		if _, err := models.Lookup(name); err != nil {
			return nil, unknown("model", name, models.Names())
		}
		p, err := recipe.New(name, "")
		if err != nil {
			return nil, err
		}
		cases = append(cases, bench.Case{Model: name, Compression: p.Compression})
	}
	return cases, nil
}

func (a *benchAction) run(ctx context.Context, std stdio, in input) error {
	if err := a.check(); err != nil {
		return err
	}
	engines, err := a.wanted()
	if err != nil {
		return err
	}
	if a.deploy != "" {
		if a.pytorch {
			return usagef("bench: --pytorch compares training steps: with --deploy, name pytorch among the --engines")
		}
		return a.deployed(ctx, std, engines, newConsole(std.err))
	}
	if a.steps < 1 || a.batch < 1 {
		return usagef("bench: --steps %d --batch %d: both must be at least 1", a.steps, a.batch)
	}
	for _, f := range benchedFlags() {
		if err := f.check(*f.field(&a.stage)); err != nil {
			return err
		}
	}
	cases, err := a.cases()
	if err != nil {
		return err
	}
	c := newConsole(std.err)
	images, err := a.images(ctx, c)
	if err != nil {
		return err
	}
	b, info, err := pjrt.Open(ctx, a.spec, c.say)
	if err != nil {
		return err
	}
	if info.Note != "" {
		c.say("note: " + info.Note)
	}
	shown := time.Now()
	o := bench.Options{Cases: cases, Batch: a.batch, Pairs: a.steps, Train: images,
		PassiveDecay: a.stage.PassiveDecay, ScoreMemory: a.stage.ScoreMemory, Distill: a.stage.Distill, Progress: func(model string, done, total int) {
			if now := time.Now(); now.Sub(shown) > lineEvery/2 {
				shown = now
				c.say(fmt.Sprintf("%s: %d of %d pairs of steps", model, done, total))
			}
		}}
	if a.pytorch {
		o.PyTorch = startTorch
	}
	rows, err := bench.Run(ctx, b, o)
	if err != nil {
		return err
	}
	w := a.human(std)
	fmt.Fprintf(w, "one training step, medians (of a ratio, those of the pairs of steps), %s, data %s%s\n\n", info.Spec, rows[0].Data, departures(a.stage))
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "model\tbatch\tSGD ms\tGSM ms\tGSM/SGD\t")
	if a.pytorch {
		fmt.Fprint(t, "PyTorch's SGD ms\tits GSM ms\tSGD/PyTorch's\t")
	}
	fmt.Fprintln(t)
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%d\t%.3f\t%.3f\t%.3f\t", r.Model, r.Batch, r.SGDms, r.GSMms, r.Ratio)
		if a.pytorch {
			fmt.Fprintf(t, "%.3f\t%.3f\t%.3f\t", r.PyTorchSGDms, r.PyTorchGSMms, r.OverPyTorch)
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return a.writeJSON(std, rows)
}

// images is MNIST's training part if it is on disk. It is nil, for random images, if MNIST would
// have to be downloaded: a step costs the same.
func (a *benchAction) images(ctx context.Context, c *console) (data.Set, error) {
	opt := data.Options{Dir: a.data, Offline: offline(), Say: c.say}
	if a.data == "" {
		places, err := data.Places(ctx, "mnist", opt)
		if err != nil {
			return nil, err
		}
		found := false
		for _, p := range places {
			found = found || p.Found
		}
		if !found {
			c.say("MNIST is not on disk: using random images instead")
			return nil, nil
		}
	}
	split, err := data.Load(ctx, "mnist", opt)
	if err != nil {
		return nil, err
	}
	return split.Train, nil
}
