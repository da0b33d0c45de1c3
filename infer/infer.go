// Package infer runs pruned networks: it loads a file that package deploy wrote, or compiles a
// graph, and predicts. It is pure Go and imports neither fmt nor reflect nor GoMLX, so that a
// program with an embedded network is small and builds for every target of Go.
//
//	network, err := infer.Load(file)
//	...
//	err = network.Predict(scores, pixels) // as many images as pixels has room for
//
// Several images at once are computed in lanes: one instruction works on the same value of several
// images. For each layer the cheapest of several kernels is chosen, dense ones included.
package infer

import (
	"errors"
	"strconv"
	"sync"

	"gsmlab/infer/code"
	"gsmlab/infer/graph"
	"gsmlab/infer/kernel"
)

// A Network is ready to predict. Its methods may be called by several goroutines at once.
type Network struct {
	inputs, outputs []port
	steps           []step
	arena           int // values of all buffers, for one lane
	lanes           int // the most images computed at once
	few             int // with fewer images left than this, they are computed one by one
	in, out         int // values of an image, in and out
	layers          []Layer
	set             *kernel.Set

	mu   sync.Mutex
	free []*scratch // of calls that have ended
}

// A port is where a value of an image enters or leaves.
type port struct {
	shape []int
	size  int
	at    ref
	pos   []int32 // where the values are in the buffer; nil is in order
}

// Options change what Compile makes.
type Options struct {
	// Kernels says which kernels layers may use. The zero value is Auto.
	Kernels Kernels
	// Lanes is the most images computed at once: 1, or a multiple of 8. Zero lets Compile choose,
	// by the sizes of the values.
	Lanes int

	set *kernel.Set // nil is the best
}

// Kernels is a choice of kernels for all layers, to measure one against another.
type Kernels uint8

const (
	Auto      Kernels = iota // the cheapest for each layer
	Sparse                   // work on the weights that are not zero, whatever the cost
	Compacted                // dense, without the inputs that no output reads
	Dense                    // dense, zeros included
)

// A Layer says how a layer of weights is computed.
type Layer struct {
	Name             string
	Weights, Nonzero int
	One, Many        string // the kernel for one image, and for several
}

// Load makes the network of a .gsm file ready to predict.
func Load(file []byte) (*Network, error) {
	g, nonzero, err := code.DecodeSparse(file)
	if err != nil {
		return nil, err
	}
	return Options{}.compile(g, nonzero) // which DecodeSparse has checked
}

// Compile makes a graph ready to predict.
func Compile(g *graph.Graph) (*Network, error) {
	return Options{}.Compile(g)
}

// Compile makes a graph ready to predict.
func (o Options) Compile(g *graph.Graph) (*Network, error) {
	if o.Lanes < 0 || o.Lanes > 1<<10 || o.Lanes > 1 && o.Lanes%8 != 0 {
		return nil, errors.New("infer: " + strconv.Itoa(o.Lanes) + " lanes: must be 1 or a multiple of 8 up to 1024")
	}
	if err := graph.Check(g); err != nil {
		return nil, err
	}
	return o.compile(g, nil)
}

// compile is Compile for options and a graph that are right. nonzero lists for each node the
// weights that are not zero, output by output, or is nil where that is not known.
func (o Options) compile(g *graph.Graph, nonzero [][]int32) (*Network, error) {
	g, err := fold(g)
	if err != nil {
		return nil, err
	}
	return plan(g, nonzero, o)
}

// InputSize is the number of values of one image: those of all inputs, one input after another.
func (n *Network) InputSize() int { return n.in }

// OutputSize is the number of values that the network returns for one image: those of all outputs,
// one after another.
func (n *Network) OutputSize() int { return n.out }

// InputShapes are the shapes of the inputs for one image.
func (n *Network) InputShapes() [][]int { return shapes(n.inputs) }

// OutputShapes are the shapes of the outputs for one image.
func (n *Network) OutputShapes() [][]int { return shapes(n.outputs) }

func shapes(ports []port) [][]int {
	list := make([][]int, len(ports))
	for i, p := range ports {
		list[i] = append([]int{}, p.shape...)
	}
	return list
}

// Layers says how each layer of weights is computed.
func (n *Network) Layers() []Layer { return append([]Layer(nil), n.layers...) }

// Predict computes the images in src, one after another, into dst. Whole numbers for an input of
// type int are given as floats. A call allocates nothing, except where no earlier call has left its
// buffers: the first one, the first with more images at once, and one beside others.
func (n *Network) Predict(dst, src []float32) error {
	images, err := n.images(dst, src)
	if err != nil || images == 0 {
		return err
	}
	s := n.acquire()
	n.predict(s, dst, src, images)
	n.release(s)
	return nil
}

// PredictParallel is Predict with the images spread over as many goroutines as workers says.
func (n *Network) PredictParallel(dst, src []float32, workers int) error {
	images, err := n.images(dst, src)
	if err != nil || images == 0 {
		return err
	}
	// A worker takes whole blocks of lanes, where there are enough.
	share := (images + max(workers, 1) - 1) / max(workers, 1)
	if n.lanes > 1 {
		share = (share + n.lanes - 1) / n.lanes * n.lanes
	}
	var done sync.WaitGroup
	for from := 0; from < images; from += share {
		to := min(from+share, images)
		done.Go(func() {
			s := n.acquire()
			n.predict(s, dst[from*n.out:to*n.out], src[from*n.in:to*n.in], to-from)
			n.release(s)
		})
	}
	done.Wait()
	return nil
}

// images is how many images src holds. dst must have exactly their room.
func (n *Network) images(dst, src []float32) (int, error) {
	if n.in == 0 {
		return 0, errors.New("infer: the network has no input")
	}
	images := len(src) / n.in
	if len(src) != images*n.in {
		return 0, errors.New("infer: " + strconv.Itoa(len(src)) + " input values: an image has " + strconv.Itoa(n.in))
	}
	if len(dst) != images*n.out {
		return 0, errors.New("infer: room for " + strconv.Itoa(len(dst)) + " output values: " + strconv.Itoa(images) + " images give " + strconv.Itoa(images*n.out))
	}
	return images, nil
}
