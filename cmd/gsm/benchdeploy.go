// bench --deploy: how long a pruned network takes for a batch, in this runtime and in others.

package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"
	mlx "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gsmlab/deploy"
	"gsmlab/infer"
	"gsmlab/infer/graph"
	"gsmlab/internal/pjrt"
	"gsmlab/models"
	"gsmlab/models/data"
	"gsmlab/models/weights"
)

// deployRow is one engine at one size of the batch.
type deployRow struct {
	Model      string  `json:"model"`
	Engine     string  `json:"engine"`
	Batch      int     `json:"batch"`
	Threads    int     `json:"threads"`
	USPerImage float64 `json:"us_per_image"`
}

// engine computes a batch. It returns how long that took.
type engine struct {
	name    string
	threads int
	run     func(batch int) (time.Duration, error)
	close   func()
}

// Batches that are measured, and how often: the median of so many rounds, in each of which every
// engine has its turn.
var deployBatches = []int{1, 16, 64, 37}

const deployRounds = 25

// Where rounds take long, fewer do: at least so many, and no more after such a time. An engine
// whose batch takes longer than a call may is left out of this size of the batch.
const (
	deployLeast    = 5
	deployPatience = 40 * time.Second
	callPatience   = 10 * time.Second
)

// engineNames are the engines in the order of the table.
var engineNames = []string{"infer-sparse", "infer-compacted", "infer-dense", "gomlx-go", "gomlx-xla", "onnxruntime", "pytorch"}

// wanted reads --engines.
func (a *benchAction) wanted() ([]string, error) {
	if a.engines == "" {
		return engineNames, nil
	}
	if a.deploy == "" {
		return nil, usagef("bench: --engines says who takes part in --deploy: name a network with it")
	}
	var names []string
	for name := range strings.SplitSeq(a.engines, ",") {
		name = strings.TrimSpace(name)
		if !slices.Contains(engineNames, name) {
			return nil, unknown("engine", name, engineNames)
		}
		names = append(names, name)
	}
	return names, nil
}

// deployed measures the network of a packed file, of a run, or of a file of weights, in the named
// engines.
func (a *benchAction) deployed(ctx context.Context, std stdio, names []string, c *console) error {
	var g, full *graph.Graph
	if isPacked(a.deploy) {
		var err error
		if g, _, err = loadPacked("bench --deploy", a.deploy); err != nil {
			return err
		}
		full = g
	} else {
		if strings.HasSuffix(a.deploy, weights.Suffix) && a.models == "" {
			return usagef("bench --deploy %s: which network are these the weights of? Say so with --models: known are %s", a.deploy, strings.Join(models.Names(), ", "))
		}
		p := packAction{machine: a.machine, bits: "32", model: a.models}
		src, err := p.open(a.deploy, c)
		if err != nil {
			return err
		}
		// the set's form alone; pack says it where the images are not here
		split, missing := p.images(ctx, src.model.Dataset, c)
		if ctx.Err() != nil {
			return missing
		}
		if full, g, err = p.simplified(src, split); err != nil {
			return err
		}
	}
	engines, err := enginesFor(ctx, names, g, full, a.inputs(ctx, g, c), c)
	defer func() {
		for _, e := range engines {
			if e.close != nil {
				e.close()
			}
		}
	}()
	if err != nil {
		return err
	}
	if len(engines) == 0 {
		return fmt.Errorf("bench --deploy: none of the engines %s is here: name others with --engines", strings.Join(names, ", "))
	}
	rows, err := measureEngines(ctx, engines, baseName(a.deploy), c)
	if err != nil {
		return err
	}
	w := a.human(std)
	fmt.Fprintf(w, "%s, microseconds for an image, medians of at most %d rounds, one thread but for gomlx-go and gomlx-xla\n\n", a.deploy, deployRounds)
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "batch\t")
	for _, e := range engines {
		fmt.Fprintf(t, "%s\t", e.name)
	}
	fmt.Fprintln(t)
	for _, batch := range deployBatches {
		fmt.Fprintf(t, "%d\t", batch)
		for _, e := range engines {
			cell := "-"
			if i := slices.IndexFunc(rows, func(r deployRow) bool { return r.Batch == batch && r.Engine == e.name }); i >= 0 {
				cell = fmt.Sprintf("%.2f", rows[i].USPerImage)
			}
			fmt.Fprintf(t, "%s\t", cell)
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return a.writeJSON(std, rows)
}

// measureEngines lets the engines take turns, and says from time to time how far they are.
func measureEngines(ctx context.Context, engines []engine, model string, c *console) ([]deployRow, error) {
	var rows []deployRow
	perImage := make([]time.Duration, len(engines)) // in the batch before
	shown := time.Now()
	for _, batch := range deployBatches {
		times := make([][]time.Duration, len(engines))
		start := time.Now()
		for round := range deployRounds + 1 {
			if round > deployLeast && time.Since(start) > deployPatience {
				break
			}
			for k, e := range engines {
				if err := ctx.Err(); err != nil {
					return nil, err
				}
				if expected := perImage[k] * time.Duration(batch); expected > callPatience {
					if round == 0 {
						c.say(fmt.Sprintf("without %s on %d images: they would take about %s", e.name, batch, clock(expected)))
					}
					continue
				}
				took, err := e.run(batch)
				if err != nil {
					return nil, fmt.Errorf("bench --deploy: %s: %w", e.name, err)
				}
				if round > 0 { // the first one compiles
					times[k] = append(times[k], took)
				}
				if now := time.Now(); now.Sub(shown) > lineEvery/2 {
					shown = now
					c.say(fmt.Sprintf("batch %d: %s, round %d of at most %d", batch, e.name, round, deployRounds))
				}
			}
		}
		for k, e := range engines {
			if len(times[k]) == 0 {
				continue
			}
			slices.Sort(times[k])
			median := times[k][len(times[k])/2]
			perImage[k] = median / time.Duration(batch)
			rows = append(rows, deployRow{model, e.name, batch, e.threads, float64(median.Nanoseconds()) / 1000 / float64(batch)})
		}
	}
	return rows, nil
}

// enginesFor makes those of the named engines that are there. full is the network before dead units
// were removed, and images are as many as the largest batch has.
func enginesFor(ctx context.Context, names []string, g, full *graph.Graph, images []float32, c *console) ([]engine, error) {
	var list []engine
	for _, k := range []struct {
		name    string
		graph   *graph.Graph
		kernels infer.Kernels
	}{{"infer-sparse", g, infer.Auto}, {"infer-compacted", g, infer.Compacted}, {"infer-dense", full, infer.Dense}} {
		if !slices.Contains(names, k.name) {
			continue
		}
		n, err := infer.Options{Kernels: k.kernels}.Compile(k.graph)
		if err != nil {
			return list, err
		}
		list = append(list, inferEngine(k.name, n, images))
	}
	if slices.Contains(names, "gomlx-go") {
		list = append(list, gomlxEngine("gomlx-go", gobackend.GetBackend(), full, images))
	}
	if slices.Contains(names, "gomlx-xla") {
		if b, info, err := pjrt.Open(ctx, "xla:cpu", c.say); err == nil && info.Spec == "xla:cpu" {
			list = append(list, gomlxEngine("gomlx-xla", b, full, images))
		} else {
			c.say("without gomlx-xla: the backend xla:cpu is not here")
		}
	}
	for _, other := range []struct {
		name  string
		start func(*graph.Graph, []float32) (engine, error)
	}{{"onnxruntime", onnxEngine}, {"pytorch", torchEngine}} {
		if !slices.Contains(names, other.name) {
			continue
		}
		if e, err := other.start(full, images); err == nil {
			list = append(list, e)
		} else {
			c.say("without " + other.name + ": " + err.Error())
		}
	}
	return list, nil
}

// inputs are test images for the largest batch, since zeros among pixels are passed over by some
// kernels. Where the images are not here, every fifth value is not zero.
func (a *benchAction) inputs(ctx context.Context, g *graph.Graph, c *console) []float32 {
	most := slices.Max(deployBatches)
	if n, err := infer.Compile(g); err == nil {
		if set, err := datasetOf("bench --deploy", a.deploy, n); err == nil {
			if test, err := data.LoadTest(ctx, set, a.where(c)); err == nil {
				if s, err := samplesOf(ctx, test, most); err == nil && len(s.Labels) == most {
					return s.Values
				}
			}
		}
	}
	c.say("the test images are not here: the inputs are made up")
	x := make([]float32, most*graph.Elements(g.Nodes[g.Inputs()[0]].Shape))
	for i := range x {
		if i%5 == 0 {
			x[i] = float32(i%17) / 17
		}
	}
	return x
}

// repeated runs a call often enough for the clock, and returns the time of one.
func repeated(call func() error) (time.Duration, error) {
	for n := 1; ; n *= 4 {
		start := time.Now()
		for range n {
			if err := call(); err != nil {
				return 0, err
			}
		}
		if took := time.Since(start); took > 200*time.Microsecond {
			return took / time.Duration(n), nil
		}
	}
}

func inferEngine(name string, n *infer.Network, in []float32) engine {
	out := make([]float32, slices.Max(deployBatches)*n.OutputSize())
	return engine{name: name, threads: 1, run: func(batch int) (time.Duration, error) {
		return repeated(func() error { return n.Predict(out[:batch*n.OutputSize()], in[:batch*n.InputSize()]) })
	}}
}

// gomlxEngine runs the network dense in GoMLX, whose backends take all processors.
func gomlxEngine(name string, b compute.Backend, g *graph.Graph, images []float32) engine {
	shape := g.Nodes[g.Inputs()[0]].Shape
	var program *mlx.Exec
	return engine{name: name, threads: runtime.GOMAXPROCS(0), run: func(batch int) (time.Duration, error) {
		if program == nil {
			var err error
			if program, err = mlx.NewExec(b, func(x *mlx.Node) *mlx.Node { return deploy.Build(g, x)[0] }); err != nil {
				return 0, err
			}
		}
		x := tensors.FromFlatDataAndDimensions(images[:batch*graph.Elements(shape)], append([]int{batch}, shape...)...)
		return repeated(func() error {
			out, err := program.Call(x)
			if err != nil {
				return err
			}
			if _, err := tensors.CopyFlatData[float32](out[0]); err != nil {
				return err
			}
			return out[0].FinalizeAll()
		})
	}, close: func() {
		if program != nil {
			program.Finalize()
		}
	}}
}
