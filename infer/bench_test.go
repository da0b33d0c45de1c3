// Benchmarks: networks of the usual shapes and sparsities, with weights at random places, by each
// kind of kernels. Trained networks are measured by gsm bench --deploy.

package infer

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"gsmlab/infer/graph"
)

// lenet300 is LeNet-300-100 with a share of its weights, on the inputs that a digit uses.
func lenet300(density float64) *graph.Graph {
	b := newBuilder(1)
	x := b.input(784)
	for i, size := range [][2]int{{784, 300}, {300, 100}, {100, 10}} {
		w := b.tensor(1-min(1, density*[]float64{0.8, 2, 15}[i]), size[0], size[1])
		for k := range w.Values {
			if px := k / size[1]; i == 0 && density < 1 && (px%28 < 4 || px%28 > 23 || px < 112 || px > 670) {
				w.Values[k] = 0
			}
		}
		n := graph.Node{Op: graph.Dense, Name: fmt.Sprint("fc", i+1), In: []int{x}, Weights: w, Bias: b.numbers(size[1], 0)}
		if i < 2 {
			n.Act = graph.Relu
		}
		x = b.add(n)
	}
	return b.graph(x)
}

// lenet5 is LeNet-5 with 20 and 50 channels and 500 units.
func lenet5(density float64) *graph.Graph {
	b := newBuilder(1)
	x := b.input(28, 28, 1)
	conv := func(density float64, shape ...int) {
		x = b.add(graph.Node{Op: graph.Conv2D, Name: fmt.Sprint("conv", shape[3]), In: []int{x}, Weights: b.tensor(1-min(1, density), shape...), Bias: b.numbers(shape[3], 0)})
		x = b.add(graph.Node{Op: graph.MaxPool, In: []int{x}, Window: [2]int{2, 2}, Stride: [2]int{2, 2}})
	}
	conv(density*25, 5, 5, 1, 20)
	conv(density*4, 5, 5, 20, 50)
	x = b.add(graph.Node{Op: graph.Reshape, In: []int{x}, Shape: []int{800}})
	x = b.add(graph.Node{Op: graph.Dense, Name: "fc1", In: []int{x}, Weights: b.tensor(1-min(1, density*0.6), 800, 500), Bias: b.numbers(500, 0), Act: graph.Relu})
	x = b.add(graph.Node{Op: graph.Dense, Name: "fc2", In: []int{x}, Weights: b.tensor(1-min(1, density*10), 500, 10), Bias: b.numbers(10, 0)})
	return b.graph(x)
}

// resnet56 is ResNet-56 for CIFAR-10 with batch norm folded.
func resnet56(density float64) *graph.Graph {
	b := newBuilder(1)
	x := b.input(32, 32, 3)
	count := 0
	conv := func(x, in, out, stride int, act graph.Op) int {
		count++
		return b.add(graph.Node{Op: graph.Conv2D, Name: fmt.Sprint("conv", count), In: []int{x}, Weights: b.tensor(1-density, 3, 3, in, out), Bias: b.numbers(out, 0), Act: act,
			Stride: [2]int{stride, stride}, Pads: [4]int{1, 1, 1, 1}})
	}
	x = conv(x, 3, 16, 1, graph.Relu)
	in := 16
	for _, out := range []int{16, 32, 64} {
		for k := range 9 {
			stride := 1
			skip := x
			if k == 0 && out > 16 {
				stride = 2
				skip = b.add(graph.Node{Op: graph.Slice, In: []int{x}, Start: []int{0, 0, 0}, Step: []int{2, 2, 1}, Shape: []int{512 / out, 512 / out, in}})
				skip = b.add(graph.Node{Op: graph.Pad, In: []int{skip}, Low: []int{0, 0, in / 2}, High: []int{0, 0, in / 2}})
			}
			y := conv(conv(x, in, out, stride, graph.Relu), out, out, 1, graph.None)
			x = b.add(graph.Node{Op: graph.Relu, In: []int{b.add(graph.Node{Op: graph.Add, In: []int{y, skip}})}})
			in = out
		}
	}
	x = b.add(graph.Node{Op: graph.ReduceMean, In: []int{x}, Axes: []int{0, 1}})
	x = b.add(graph.Node{Op: graph.Dense, Name: "fc", In: []int{x}, Weights: b.tensor(0.5, 64, 10), Bias: b.numbers(10, 0)})
	return b.graph(x)
}

// strokes are images with as many zeros as digits have.
func strokes(images, size int) []float32 {
	rng := rand.New(rand.NewPCG(1, 1))
	list := make([]float32, images*size)
	for i := range list {
		if at := i % size; size != 784 || at/28 > 4 && at/28 < 24 && (at%28+i/size%7)%10 < 4 {
			list[i] = rng.Float32()
		}
	}
	return list
}

var networks = map[string]func() *graph.Graph{
	"lenet-300 60x": func() *graph.Graph { return lenet300(1. / 60) },
	"lenet-300":     func() *graph.Graph { return lenet300(1) },
	"lenet-5 125x":  func() *graph.Graph { return lenet5(1. / 125) },
	"resnet-56 10%": func() *graph.Graph { return resnet56(0.1) },
}

var kinds = []struct {
	name    string
	kernels Kernels
}{{"auto", Auto}, {"sparse", Sparse}, {"compacted", Compacted}, {"dense", Dense}}

func BenchmarkPredict(b *testing.B) {
	for name, build := range networks {
		g := build()
		for _, k := range kinds {
			n, err := Options{Kernels: k.kernels}.Compile(g)
			if err != nil {
				b.Fatal(err)
			}
			for _, batch := range []int{1, 16, 37, 64} {
				src, dst := strokes(batch, n.InputSize()), make([]float32, batch*n.OutputSize())
				b.Run(fmt.Sprintf("%s/%s/batch-%d", strings.ReplaceAll(name, " ", "-"), k.name, batch), func(b *testing.B) {
					for b.Loop() {
						if err := n.Predict(dst, src); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*batch), "us/image")
				})
			}
		}
	}
}

var table = flag.String("table", "", "print the times of the networks whose names contain this, all kinds in turn")

// TestNoSlower: what is chosen is not slower than our own dense kernels, whatever the sparsity and
// the batch. The margin is for what else the machine does.
func TestNoSlower(t *testing.T) {
	if testing.Short() {
		t.Skip("measures")
	}
	for _, density := range []float64{1. / 60, 0.1, 0.3, 1} {
		for _, batch := range []int{1, 13, 64} {
			best := race(t, lenet300(density), batch, 25)
			if auto, dense := best[0], best[3]; auto > dense*3/2 {
				t.Errorf("density %.2g, batch %d: %v as chosen: dense takes %v", density, batch, auto, dense)
			}
		}
	}
}

// TestTable prints microseconds an image, of rounds in which each kind has its turn, so that what
// else the machine does disturbs them alike. It is a tool, and asserts nothing that TestNoSlower
// does not.
func TestTable(t *testing.T) {
	if *table == "" {
		t.Skip("prints a table with -table NAME")
	}
	for name, build := range networks {
		if !strings.Contains(name, *table) {
			continue
		}
		for _, batch := range []int{1, 16, 37, 64} {
			fmt.Printf("%-14s batch %2d:", name, batch)
			for i, best := range race(t, build(), batch, 60) {
				fmt.Printf("  %s %.2f", kinds[i].name, best.Seconds()*1e6/float64(batch))
			}
			fmt.Println(" us/image")
		}
	}
}

// race is the least time of each kind to predict a batch, over so many rounds.
func race(t *testing.T, g *graph.Graph, batch, rounds int) []time.Duration {
	var list []*Network
	for _, k := range kinds {
		n, err := Options{Kernels: k.kernels}.Compile(g)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, n)
	}
	src, dst := strokes(batch, list[0].InputSize()), make([]float32, batch*list[0].OutputSize())
	best := slices.Repeat([]time.Duration{time.Hour}, len(list))
	for range rounds {
		for i, n := range list {
			// Long enough for the clock, and short enough to find a time in which nobody else runs.
			repeats := 1
			for {
				start := time.Now()
				for range repeats {
					if err := n.Predict(dst, src); err != nil {
						t.Fatal(err)
					}
				}
				took := time.Since(start)
				if took > 100*time.Microsecond {
					best[i] = min(best[i], took/time.Duration(repeats))
					break
				}
				repeats *= 2
			}
		}
	}
	return best
}
