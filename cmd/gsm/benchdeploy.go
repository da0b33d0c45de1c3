// bench --deploy: how long a pruned network takes for a batch, in this runtime and in others.

package main

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
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
	"gsmlab/models/data"
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

//go:embed onnxbench.py
var onnxBench string

// deployed measures the network of a packed file, or of a run.
func (a *benchAction) deployed(ctx context.Context, std stdio, c *console) error {
	var g, full *graph.Graph
	if isPacked(a.deploy) {
		var err error
		if g, _, err = loadPacked("bench --deploy", a.deploy); err != nil {
			return err
		}
		full = g
	} else {
		p := packAction{machine: a.machine, bits: "32"}
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
	engines, err := enginesFor(ctx, g, full, a.inputs(ctx, g, c), c)
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
	rows, err := measureEngines(ctx, engines, baseName(a.deploy))
	if err != nil {
		return err
	}
	w := a.human(std)
	fmt.Fprintf(w, "%s, microseconds for an image, medians of %d rounds, one thread but for gomlx-go and gomlx-xla\n\n", a.deploy, deployRounds)
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "batch\t")
	for _, e := range engines {
		fmt.Fprintf(t, "%s\t", e.name)
	}
	fmt.Fprintln(t)
	for i, batch := range deployBatches {
		fmt.Fprintf(t, "%d\t", batch)
		for _, r := range rows[i*len(engines) : (i+1)*len(engines)] {
			fmt.Fprintf(t, "%.2f\t", r.USPerImage)
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return a.writeJSON(std, rows)
}

// measureEngines lets the engines take turns.
func measureEngines(ctx context.Context, engines []engine, model string) ([]deployRow, error) {
	var rows []deployRow
	for _, batch := range deployBatches {
		times := make([][]time.Duration, len(engines))
		for round := range deployRounds + 1 {
			for k, e := range engines {
				if err := ctx.Err(); err != nil {
					return nil, err
				}
				took, err := e.run(batch)
				if err != nil {
					return nil, fmt.Errorf("bench --deploy: %s: %w", e.name, err)
				}
				if round > 0 { // the first one compiles
					times[k] = append(times[k], took)
				}
			}
		}
		for k, e := range engines {
			slices.Sort(times[k])
			median := times[k][len(times[k])/2]
			rows = append(rows, deployRow{model, e.name, batch, e.threads, float64(median.Nanoseconds()) / 1000 / float64(batch)})
		}
	}
	return rows, nil
}

// enginesFor makes the engines that are there. full is the network before dead units were removed,
// and images are as many as the largest batch has.
func enginesFor(ctx context.Context, g, full *graph.Graph, images []float32, c *console) ([]engine, error) {
	var list []engine
	for _, k := range []struct {
		name    string
		graph   *graph.Graph
		kernels infer.Kernels
	}{{"infer-sparse", g, infer.Auto}, {"infer-compacted", g, infer.Compacted}, {"infer-dense", full, infer.Dense}} {
		n, err := infer.Options{Kernels: k.kernels}.Compile(k.graph)
		if err != nil {
			return list, err
		}
		list = append(list, inferEngine(k.name, n, images))
	}
	list = append(list, gomlxEngine("gomlx-go", gobackend.GetBackend(), full, images))
	if b, info, err := pjrt.Open(ctx, "xla:cpu", c.say); err == nil && info.Spec == "xla:cpu" {
		list = append(list, gomlxEngine("gomlx-xla", b, full, images))
	} else {
		c.say("without gomlx-xla: the backend xla:cpu is not here")
	}
	e, err := onnxEngine(full, images)
	if err != nil {
		c.say("without onnxruntime: " + err.Error())
		return list, nil
	}
	return append(list, e), nil
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

// onnxEngine runs the dense ONNX model in onnxruntime, in a Python process that waits for sizes of
// the batch. Its time is measured there.
func onnxEngine(g *graph.Graph, images []float32) (engine, error) {
	model, err := deploy.ONNX(g, false)
	if err != nil {
		return engine{}, err
	}
	python := "python3"
	if plugins, err := pjrt.CacheDir(); err == nil { // what install.sh has made for tests
		if own := filepath.Join(filepath.Dir(plugins), "onnx-clients", "bin", "python3"); exists(own) {
			python = own
		}
	}
	dir, err := os.MkdirTemp("", "gsm-bench")
	if err != nil {
		return engine{}, err
	}
	file := filepath.Join(dir, "net.onnx")
	var raw []byte
	for _, v := range images {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	if err := errors.Join(os.WriteFile(file, model, 0o666), os.WriteFile(file+".in", raw, 0o666)); err != nil {
		return engine{}, errors.Join(err, os.RemoveAll(dir))
	}
	command := exec.Command(python, "-c", onnxBench, file, file+".in")
	to, err1 := command.StdinPipe()
	from, err2 := command.StdoutPipe()
	if err := errors.Join(err1, err2, command.Start()); err != nil {
		return engine{}, errors.Join(err, os.RemoveAll(dir))
	}
	lines := bufio.NewScanner(from)
	stop := func() {
		to.Close()
		_ = command.Wait() // it ends with its input
		os.RemoveAll(dir)
	}
	if !lines.Scan() || lines.Text() != "ready" {
		stop()
		return engine{}, fmt.Errorf("%s has no onnxruntime: run ./install.sh", python)
	}
	return engine{name: "onnxruntime", threads: 1, close: stop, run: func(batch int) (time.Duration, error) {
		if _, err := fmt.Fprintln(to, batch); err != nil {
			return 0, err
		}
		if !lines.Scan() {
			return 0, io.ErrUnexpectedEOF
		}
		var seconds float64
		_, err := fmt.Sscan(strings.TrimSpace(lines.Text()), &seconds)
		return time.Duration(seconds * float64(time.Second)), err
	}}, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
