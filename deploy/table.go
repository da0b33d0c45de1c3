package deploy

// What the Go package and the page have in common: a network as a list of steps, with weights as
// tables of the ones that are not zero. Both carry the same small loop.

import (
	"fmt"
	"slices"

	net "gsmlab/infer/graph"
)

// step is one node of the table, on numbered buffers: buffer 0 is the input, and step k writes
// buffer k+1.
type step struct {
	Kind  string `json:"k"` // "layer", "max" (pool), "same" (the input under another shape)
	In    int    `json:"i"`
	Shape []int  `json:"s"` // height, width, channels; 1, 1, n of a vector
	// of a layer: for each output channel, how many weights it has; for each weight, where in the
	// window it is, and its value
	Counts []int     `json:"n"`
	Places []int     `json:"p"` // (row*window width + column)*channels + channel
	Values []float32 `json:"v"`
	Bias   []float32 `json:"b"`
	Act    string    `json:"a,omitempty"` // "relu" or ""
	Window [2]int    `json:"w"`
	Stride [2]int    `json:"t"`
	Pads   [2]int    `json:"d"` // top and left; what is beyond the input counts as nothing
	name   string
}

// table reads a network as steps. It knows dense layers, convolutions and maximum pools with ReLU:
// LeNets and perceptrons.
func table(g *net.Graph) ([]step, error) {
	if inputs := g.Inputs(); len(inputs) != 1 || len(g.Outputs) != 1 {
		return nil, fmt.Errorf("deploy: %d inputs and %d outputs: the small loop takes one of each", len(inputs), len(g.Outputs))
	}
	var steps []step
	at := make([]int, len(g.Nodes))
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Op == net.Input {
			continue
		}
		s, err := stepOf(g, i)
		if err != nil {
			return nil, err
		}
		s.In = at[n.In[0]]
		steps = append(steps, s)
		at[i] = len(steps)
	}
	if len(steps) == 0 || at[g.Outputs[0]] != len(steps) {
		return nil, fmt.Errorf("deploy: the output is not the last step: the small loop cannot run this network")
	}
	return steps, nil
}

// asImage is a shape as height, width and channels.
func asImage(shape []int) ([]int, bool) {
	switch len(shape) {
	case 1:
		return []int{1, 1, shape[0]}, true
	case 3:
		return slices.Clone(shape), true
	}
	return nil, false
}

func stepOf(g *net.Graph, i int) (s step, err error) {
	n := &g.Nodes[i]
	s = step{Window: [2]int{1, 1}, Stride: [2]int{1, 1}, name: n.Name}
	var ok bool
	if s.Shape, ok = asImage(n.Shape); !ok {
		return s, fmt.Errorf("deploy: %s: its shape is %v: the small loop takes vectors and images", g.Where(i), n.Shape)
	}
	refuse := func(why string) error {
		return fmt.Errorf("deploy: %s: %s: the small loop cannot run it", g.Where(i), why)
	}
	switch {
	case n.Op == net.Reshape:
		s.Kind = "same"
		return s, nil
	case n.Op == net.MaxPool && ones(n.Dilation) == [2]int{1, 1}:
		s.Kind, s.Window, s.Stride, s.Pads = "max", n.Window, ones(n.Stride), [2]int{n.Pads[0], n.Pads[2]}
		return s, nil
	case !isLayer(n):
		return s, refuse("the operation is neither a layer nor a pool")
	case n.Groups > 1 || ones(n.Dilation) != [2]int{1, 1}:
		return s, refuse("it has groups or a dilation")
	case n.Act != net.None && n.Act != net.Relu:
		return s, refuse("its activation is " + n.Act.String())
	}
	s.Kind = "layer"
	if n.Act == net.Relu {
		s.Act = "relu"
	}
	if n.Op == net.Conv2D {
		s.Window, s.Stride, s.Pads = [2]int{n.Weights.Shape[0], n.Weights.Shape[1]}, ones(n.Stride), [2]int{n.Pads[0], n.Pads[2]}
	}
	outs := widthOf(n.Weights.Shape)
	s.Places, s.Values, s.Bias = []int{}, []float32{}, make([]float32, outs)
	copy(s.Bias, n.Bias)
	for o := range outs {
		before := len(s.Places)
		for k := o; k < len(n.Weights.Values); k += outs {
			if v := n.Weights.Values[k]; v != 0 {
				s.Places, s.Values = append(s.Places, k/outs), append(s.Values, v)
			}
		}
		s.Counts = append(s.Counts, len(s.Places)-before)
	}
	return s, nil
}
