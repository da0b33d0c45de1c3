// Packed networks: their accuracy, for eval, and what they say of images, for predict.

package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"

	"gsmlab/deploy"
	"gsmlab/infer"
	"gsmlab/infer/graph"
	"gsmlab/internal/phrase"
	"gsmlab/models/data"
	"gsmlab/models/recipe"
)

// packedReport is the accuracy of a packed network.
type packedReport struct {
	File     string  `json:"file"`
	Bytes    int     `json:"bytes"`
	Dataset  string  `json:"dataset"`
	Accuracy float64 `json:"accuracy"` // fraction of the test set
	Loss     float64 `json:"loss"`     // mean over the test set
	Images   int     `json:"images"`
	Weights  int     `json:"weights"` // in the file, without the units that were removed
	Nonzero  int     `json:"nonzero"`
}

// packed measures a packed network on the test set.
func (a *evalAction) packed(ctx context.Context, std stdio, file string) error {
	g, n, err := loadPacked("eval", file)
	if err != nil {
		return err
	}
	r := packedReport{File: file}
	if info, err := os.Stat(file); err == nil {
		r.Bytes = int(info.Size())
	}
	if r.Dataset, err = datasetOf("eval", file, n); err != nil {
		return err
	}
	test, err := data.LoadTest(ctx, r.Dataset, a.where(newConsole(std.err)))
	if err != nil {
		return err
	}
	s, err := samplesOf(ctx, test, math.MaxInt)
	if err != nil {
		return err
	}
	r.Images = len(s.Labels)
	r.Weights, r.Nonzero = weightsOf(g)
	if r.Accuracy, r.Loss, err = s.Measure(ctx, n); err != nil {
		return err
	}
	r.Accuracy = recipe.Decimal(r.Accuracy)
	fmt.Fprintf(a.human(std), "%s: accuracy %s, loss %.4f on %s test images of %s; %s bytes, %s weights are not zero\n",
		file, percent(r.Accuracy), r.Loss, phrase.Count(r.Images), r.Dataset, phrase.Count(r.Bytes), phrase.Count(r.Nonzero))
	return a.writeJSON(std, r)
}

// weightsOf counts the weights of a network.
func weightsOf(g *graph.Graph) (all, nonzero int) {
	for i := range g.Nodes {
		for _, v := range g.Nodes[i].Weights.Values {
			if all++; v != 0 {
				nonzero++
			}
		}
	}
	return all, nonzero
}

// predictAction shows images to a packed network.
type predictAction struct {
	machine
	top int
}

func (a *predictAction) flags(fs *flag.FlagSet) {
	fs.IntVar(&a.top, "top", 3, "show the `N` most likely classes (default: 3)")
	fs.StringVar(&a.json, "json", "", "write the report to `FILE` too; - is the standard output")
}

// prediction is what a network says of one image.
type prediction struct {
	Image   string       `json:"image"`
	Classes []likelihood `json:"classes"` // the most likely ones first
}

type likelihood struct {
	Class int     `json:"class"`
	Share float64 `json:"probability"`
}

func (a *predictAction) run(ctx context.Context, std stdio, in input) error {
	if len(in.args) < 2 {
		return usagef("predict: which network, and which images? Usage: gsm predict FILE.gsm IMAGE...")
	}
	if a.top < 1 {
		return usagef("predict: --top %d: must be at least 1", a.top)
	}
	if err := a.check(); err != nil {
		return err
	}
	file := in.args[0]
	_, n, err := loadPacked("predict", file)
	if err != nil {
		return err
	}
	shapes := n.InputShapes()
	if len(shapes) != 1 || len(shapes[0]) != 3 || shapes[0][2] != 1 && shapes[0][2] != 3 {
		return fmt.Errorf("predict %s: it reads inputs of shape %v, which are no images", file, shapes)
	}
	c := newConsole(std.err)
	var list []prediction
	for _, name := range in.args[1:] {
		if err := ctx.Err(); err != nil {
			return err
		}
		pixels, err := readImage(name, shapes[0], c)
		if err != nil {
			return err
		}
		p, err := predict(n, pixels, a.top)
		if err != nil {
			return err
		}
		p.Image = name
		list = append(list, p)
		fmt.Fprintf(a.human(std), "%s: %d", name, p.Classes[0].Class)
		for i, l := range p.Classes {
			fmt.Fprintf(a.human(std), "%s%d %s", []string{" (", ", "}[min(i, 1)], l.Class, percent(l.Share))
		}
		fmt.Fprintln(a.human(std), ")")
	}
	return a.writeJSON(std, list)
}

// predict runs one image. The outputs count as logits.
func predict(n *infer.Network, pixels []float32, top int) (p prediction, err error) {
	scores := make([]float32, n.OutputSize())
	if err := n.Predict(scores, pixels); err != nil {
		return p, err
	}
	for class, share := range deploy.Probabilities(scores) {
		p.Classes = append(p.Classes, likelihood{class, share})
	}
	slices.SortStableFunc(p.Classes, func(a, b likelihood) int { return cmp.Compare(b.Share, a.Share) })
	p.Classes = p.Classes[:min(top, len(p.Classes))]
	return p, nil
}

// readImage reads an image file as the network's pixels between 0 and 1. A picture of another size
// is scaled. The digits of MNIST are bright on black: of a picture in one channel with a bright
// border the negative is taken, and that is said.
func readImage(name string, shape []int, c *console) ([]float32, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("predict %s: %w: name an image file", name, plain(err))
	}
	picture, err := data.Decode(content)
	if err != nil {
		return nil, fmt.Errorf("predict %s: %w: JPEG and PNG can be read", name, err)
	}
	h, w, channels := shape[0], shape[1], shape[2]
	if picture.Height*w != picture.Width*h {
		c.say(fmt.Sprintf("%s: it is %d pixels wide and %d high, and is stretched to %dx%d", name, picture.Width, picture.Height, w, h))
	}
	if channels == 1 {
		picture = picture.Grey()
	}
	to := data.Picture{Pixels: make([]uint8, h*w*channels), Height: h, Width: w, Channels: channels}
	data.Resize(to, picture)
	pixels := make([]float32, len(to.Pixels))
	for i, v := range to.Pixels {
		pixels[i] = float32(v) / 255
	}
	if slices.Max(pixels)-slices.Min(pixels) < 0.1 {
		c.say(name + ": it looks the same everywhere, once what is transparent lies on white: the answer means nothing")
	}
	if channels == 1 && border(pixels, h, w) > 0.5 {
		c.say(name + ": dark on bright, so its negative is taken: the network knows bright digits on black")
		for i, v := range pixels {
			pixels[i] = 1 - v
		}
	}
	return pixels, nil
}

// border is the mean of the pixels at the border.
func border(pixels []float32, h, w int) float32 {
	sum, n := float32(0), float32(0)
	for i, v := range pixels {
		if y, x := i/w, i%w; y == 0 || x == 0 || y == h-1 || x == w-1 {
			sum += v
			n++
		}
	}
	return sum / n
}
