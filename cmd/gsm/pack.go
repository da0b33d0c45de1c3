// The command pack: from a run or a file of weights to a small file.

package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/deploy"
	"gsmlab/infer"
	"gsmlab/infer/code"
	"gsmlab/infer/graph"
	"gsmlab/internal/phrase"
	"gsmlab/models"
	"gsmlab/models/data"
	"gsmlab/models/recipe"
	"gsmlab/models/weights"
)

// packAction makes a small file of a pruned network.
type packAction struct {
	machine
	model, out, as, bits string
	mean, std            string
	loss                 float64
	train                int
	seed                 uint64
}

// On how many images the accuracy is measured that codebooks may cost: on as many as take some
// tenths of a second, since it is measured hundreds of times.
const (
	tuneLeast, tuneProducts   = 10_000, 12_000_000_000
	tuneImagesDeep, deepFloor = 1_000, 12 // networks of more layers than that
)

// tuneImages is how many images codebooks are chosen with.
func tuneImages(g *graph.Graph) int {
	layers, products := 0, 1
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if len(n.Weights.Values) == 0 {
			continue
		}
		layers++
		_, nonzero := weightsOf(&graph.Graph{Nodes: g.Nodes[i : i+1]})
		products += nonzero * graph.Elements(n.Shape) / n.Weights.Shape[len(n.Weights.Shape)-1]
	}
	if layers > deepFloor {
		return tuneImagesDeep
	}
	return max(tuneLeast, tuneProducts/products)
}

func (a *packAction) flags(fs *flag.FlagSet) {
	fs.StringVar(&a.model, "model", "", "`MODEL` that the weights of a safetensors file belong to")
	fs.StringVar(&a.out, "o", "", "`FILE` to write; for --as go a folder (default: beside RUN, or named after FILE)")
	fs.StringVar(&a.as, "as", "gsm", fmt.Sprintf("`%s`: what to write (default: gsm)", strings.Join(forms(), "|")))
	fs.StringVar(&a.bits, "bits", "auto", "`32|auto`: exact weights, or a small codebook for each layer, chosen so that the accuracy on training images holds (default: auto)")
	fs.Float64Var(&a.loss, "loss", 0.05, "with --bits auto: the rounding may cost `POINTS` of the accuracy on training images; fewer make a larger file (default: 0.05)")
	fs.IntVar(&a.train, "train", 0, "with --bits auto: go `N` times through the training images and train the weights to take fewer bits; 16 take minutes and save a tenth (default: 0)")
	fs.Uint64Var(&a.seed, "seed", 1, "`N`: --train repeats exactly with the same seed on the same machine (default: 1)")
	fs.StringVar(&a.mean, "mean", "", "comma-separated `NUMBERS`, one for each channel: the network was trained on (pixel/255 - mean) / std (default: the data set's)")
	fs.StringVar(&a.std, "std", "", "comma-separated `NUMBERS`, as --mean (default: the data set's)")
	fs.StringVar(&a.data, "data", "", "`DIR` with the data set's files, instead of looking for them")
	fs.StringVar(&a.json, "json", "", "write the report to `FILE` too; - is the standard output")
}

// source is the network to pack.
type source struct {
	model models.Model
	store *model.Store
	from  string // as the user named it
}

func (a *packAction) run(ctx context.Context, std stdio, in input) error {
	from := in.arg(0)
	if from == "" {
		return usagef("pack: which network? Usage: gsm pack RUN, gsm pack RUN/STAGE, or gsm pack FILE.safetensors --model MODEL")
	}
	if !slices.Contains(forms(), a.as) {
		return unknown("form", a.as, forms())
	}
	if a.bits != "32" && a.bits != "auto" {
		return usagef("--bits %s: must be 32 or auto", a.bits)
	}
	if !(a.loss >= 0 && a.loss < 100) {
		return usagef("--loss %g: must be a number of points from 0 to 100", a.loss)
	}
	if a.train < 0 || a.train > 0 && a.bits != "auto" {
		return usagef("--train %d: must be at least 0, and with --bits auto", a.train)
	}
	if err := a.check(); err != nil {
		return err
	}
	c := newConsole(std.err)
	src, err := a.open(from, c)
	if err != nil {
		return err
	}
	p, err := a.pack(ctx, src, c)
	if err != nil {
		return err
	}
	if a.out == "" {
		a.out = defaultOut(from, a.as)
	}
	if p.report.Files, err = p.write(a.as, a.out); err != nil {
		return err
	}
	p.report.File, p.report.As = a.out, a.as
	if err := p.report.table(a.human(std)); err != nil {
		return err
	}
	return a.writeJSON(std, p.report)
}

// open reads the weights of a run, of one of its stages, or of a file.
func (a *packAction) open(from string, c *console) (source, error) {
	if strings.HasSuffix(from, weights.Suffix) {
		if a.model == "" {
			return source{}, usagef("pack %s: which network are these the weights of? Say so with --model: known are %s", from, strings.Join(models.Names(), ", "))
		}
		m, err := models.Lookup(a.model)
		if err != nil {
			return source{}, unknown("model", a.model, models.Names())
		}
		store, err := recipe.LoadFile(gobackend.GetBackend(), m, from)
		return source{m, store, from}, err
	}
	run, stage := recipe.SplitBase(from)
	if _, err := loadPlan("pack", run); err != nil {
		return source{}, err
	}
	plan, store, err := recipe.LoadStage(run, cmp.Or(stage, recipe.StagePruned), c.say)
	if err != nil {
		return source{}, err
	}
	if a.model != "" && a.model != plan.Model {
		return source{}, usagef("--model %s: %s is a run of %s", a.model, run, plan.Model)
	}
	m, err := models.Lookup(plan.Model)
	return source{m, store, from}, err
}

// defaultOut is where the file goes if the user does not say: into the folder of a run, or beside a
// file.
func defaultOut(from, as string) string {
	suffix := map[string]string{"safetensors": ".csr.safetensors", "onnx": ".onnx", "go": "_net", "page": ".html"}[as]
	if suffix == "" {
		suffix = packedSuffix
	}
	if strings.HasSuffix(from, weights.Suffix) {
		return strings.TrimSuffix(from, weights.Suffix) + suffix
	}
	run, stage := recipe.SplitBase(from)
	return filepath.Join(run, cmp.Or(stage, recipe.StagePruned)+suffix)
}

// packed is a network that was packed, with what is to be said about it.
type packed struct {
	src    source
	full   *graph.Graph // before dead units were removed, with exact weights
	graph  *graph.Graph // as the file holds it, with names
	file   []byte
	report packReport
}

// simplified records the network of pixels, as large as it was trained and without dead units.
func (a *packAction) simplified(src source, split data.Split) (full, small *graph.Graph, err error) {
	mean, std, err := a.normalisation(src.model, split)
	if err != nil {
		return nil, nil, err
	}
	recorded, err := deploy.Record(src.store, deploy.Pixels(src.model.Logits, mean, std), shapes.Make(dtypes.Float32, src.model.Image[:]...))
	if err != nil {
		return nil, nil, err
	}
	if full, err = deploy.Simplify(recorded); err != nil {
		return nil, nil, err
	}
	small, err = deploy.Optimize(full)
	return full, small, err
}

// pack records the network, makes it small, and measures it.
func (a *packAction) pack(ctx context.Context, src source, c *console) (*packed, error) {
	split, missing := a.images(ctx, src.model.Dataset, c)
	if missing != nil && (a.bits == "auto" || ctx.Err() != nil) {
		return nil, fmt.Errorf("%w (with --bits 32 no image is needed)", missing)
	}
	full, small, err := a.simplified(src, split)
	if err != nil {
		return nil, err
	}
	p := &packed{src: src, full: full}
	rounded, o := small, code.Options{}
	if a.bits == "auto" {
		if rounded, o, err = a.rounded(ctx, small, split.Train, c); err != nil {
			return nil, err
		}
	}
	var spent *code.Report
	if p.file, spent, err = code.Encode(rounded, o); err != nil {
		return nil, err
	}
	if p.graph, err = code.Decode(p.file); err != nil {
		return nil, err
	}
	for i := range p.graph.Nodes {
		p.graph.Nodes[i].Name = small.Nodes[i].Name
	}
	if p.report, err = newPackReport(src, small, p.graph, spent, a.bits); err != nil {
		return nil, err
	}
	if missing != nil {
		c.say("the accuracy is not measured: " + missing.Error())
		return p, nil
	}
	test, err := samplesOf(ctx, split.Test, math.MaxInt)
	if err != nil {
		return nil, err
	}
	p.report.Images = len(test.Labels)
	for g, accuracy := range map[*graph.Graph]**float64{small: &p.report.AccuracyBefore, p.graph: &p.report.AccuracyDecoded} {
		n, err := infer.Compile(g)
		if err != nil {
			return nil, err
		}
		share, _, err := test.Measure(ctx, n)
		if err != nil {
			return nil, err
		}
		share = recipe.Decimal(share)
		*accuracy = &share
	}
	return p, nil
}

// rounded chooses codebooks for the weights, or trains them.
func (a *packAction) rounded(ctx context.Context, g *graph.Graph, train data.Set, c *console) (*graph.Graph, code.Options, error) {
	images := tuneImages(g)
	if a.train > 0 {
		images = math.MaxInt
	}
	samples, err := samplesOf(ctx, train, images)
	if err != nil {
		return nil, code.Options{}, err
	}
	t := deploy.Tuning{Samples: samples, Loss: a.loss / 100, Say: c.say}
	if a.train > 0 {
		c.say(fmt.Sprintf("training the weights that are left on %s images", phrase.Count(len(samples.Labels))))
		return deploy.Train(ctx, g, t, a.train, a.seed)
	}
	c.say(fmt.Sprintf("choosing codebooks on %s training images", phrase.Count(len(samples.Labels))))
	return deploy.Tune(ctx, g, t)
}

// images loads what packing measures on.
func (a *packAction) images(ctx context.Context, dataset string, c *console) (data.Split, error) {
	if a.bits == "auto" {
		return data.Load(ctx, dataset, a.where(c))
	}
	test, err := data.LoadTest(ctx, dataset, a.where(c))
	return data.Split{Test: test}, err
}

// normalisation is what the network was trained on: the set's mean and deviation, if the user says
// nothing else.
func (a *packAction) normalisation(m models.Model, split data.Split) (mean, std []float32, err error) {
	if split.Test != nil {
		mean, std = split.Test.Form().Mean, split.Test.Form().Std
	}
	for _, f := range []struct {
		name, text string
		to         *[]float32
	}{{"--mean", a.mean, &mean}, {"--std", a.std, &std}} {
		if f.text == "" {
			continue
		}
		var list []float32
		for part := range strings.SplitSeq(f.text, ",") {
			v, err := strconv.ParseFloat(strings.TrimSpace(part), 32)
			if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || f.name == "--std" && v <= 0 {
				return nil, nil, usagef("%s %s: %q is no number that it can be", f.name, f.text, part)
			}
			list = append(list, float32(v))
		}
		if len(list) == 1 {
			list = slices.Repeat(list, m.Image[2])
		}
		if len(list) != m.Image[2] {
			return nil, nil, usagef("%s %s: %s has %d channels", f.name, f.text, m.Name, m.Image[2])
		}
		*f.to = list
	}
	if mean == nil || std == nil {
		return nil, nil, usagef("pack: the images of %s are not here, so say with --mean and --std what the network was trained on", m.Dataset)
	}
	return mean, std, nil
}
