// A network as a Go package that imports nothing of ours: tables of the weights that are not zero,
// and a small loop.

package deploy

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"go/format"
	"go/token"
	"math"
	"strings"

	net "gsmlab/infer/graph"
)

// GoPackage writes a network as the files of a Go package that imports nothing: tables and a small
// loop. It is for networks of dense layers, convolutions and maximum pools with ReLU.
//
//	files["net.go"], by name; the package has func Predict(pixels []float32) []float32
func GoPackage(g *net.Graph, name string) (map[string][]byte, error) {
	if !token.IsIdentifier(name) {
		return nil, fmt.Errorf("deploy: %q is no name of a Go package: take letters and digits", name)
	}
	steps, err := table(g)
	if err != nil {
		return nil, err
	}
	input := g.Nodes[g.Inputs()[0]].Shape
	in, ok := asImage(input)
	if !ok {
		return nil, fmt.Errorf("deploy: the input's shape is %v: the small loop takes vectors and images", input)
	}
	last := steps[len(steps)-1].Shape
	var b bytes.Buffer
	fmt.Fprintf(&b, goHead, name, input, net.Elements(input), net.Elements(last))
	fmt.Fprintf(&b, "var inputShape = [3]int{%d, %d, %d}\n\nvar steps = []step{\n", in[0], in[1], in[2])
	for _, s := range steps {
		kind := map[string]string{"layer": "layer", "max": "maximum", "same": "same"}[s.Kind]
		fmt.Fprintf(&b, "{kind: %s, in: %d, shape: [3]int{%d, %d, %d}, window: [2]int{%d, %d}, stride: [2]int{%d, %d}, pads: [2]int{%d, %d}, relu: %t", kind, s.In, s.Shape[0], s.Shape[1], s.Shape[2],
			s.Window[0], s.Window[1], s.Stride[0], s.Stride[1], s.Pads[0], s.Pads[1], s.Act == "relu")
		if s.Kind == "layer" {
			fmt.Fprintf(&b, ",\ncounts: %s,\nplaces: %s,\nvalues: %s,\nbias: %s", packInts(s.Counts), packInts(s.Places), packFloats(s.Values), packFloats(s.Bias))
		}
		fmt.Fprintln(&b, "},")
	}
	fmt.Fprintln(&b, "}")
	source, err := format.Source(append(b.Bytes(), goLoop...))
	if err != nil {
		return nil, fmt.Errorf("deploy: the Go package: %w", err)
	}
	return map[string][]byte{"net.go": source, "go.mod": []byte("module " + name + "\n\ngo 1.21\n")}, nil
}

// packInts writes numbers as a constant string, four bytes each, which the compiler does not spell
// out as code.
func packInts(list []int) string {
	var raw []byte
	for _, v := range list {
		raw = binary.LittleEndian.AppendUint32(raw, uint32(v))
	}
	return quoted(raw)
}

func packFloats(list []float32) string {
	var raw []byte
	for _, v := range list {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return quoted(raw)
}

// quoted is a Go string of bytes.
func quoted(raw []byte) string {
	var s strings.Builder
	s.WriteByte('"')
	for _, c := range raw {
		fmt.Fprintf(&s, `\x%02x`, c)
	}
	s.WriteByte('"')
	return s.String()
}

const goHead = `// Package %s is a pruned neural network, written by gsm pack: tables and a small loop.
package %[1]s

import "math"

// Predict computes the network's outputs for one input of shape %[2]v: %[3]d numbers, such as pixels
// between 0 and 1 in rows. It returns %[4]d numbers, the greatest of which is the class. With another
// number of inputs it returns nil.
func Predict(input []float32) []float32 {
	if len(input) != %[3]d {
		return nil
	}
	buffers, shapes := [][]float32{input}, [][3]int{inputShape}
	for k := range steps {
		s := &steps[k]
		buffers = append(buffers, s.run(buffers[s.in], shapes[s.in]))
		shapes = append(shapes, s.shape)
	}
	return buffers[len(steps)]
}

`

const goLoop = `
const (
	layer = iota
	maximum
	same
)

// A step reads an earlier buffer and makes the next one. Strings hold four bytes a number.
type step struct {
	kind, in             int
	shape                [3]int // height, width, channels
	window, stride, pads [2]int
	relu                 bool
	counts               string // how many weights each output channel has
	places               string // of each weight: (row*width + column)*channels + channel in the window
	values, bias         string
}

func number(s string, i int) uint32 {
	return uint32(s[4*i]) | uint32(s[4*i+1])<<8 | uint32(s[4*i+2])<<16 | uint32(s[4*i+3])<<24
}

func (s *step) run(in []float32, shape [3]int) []float32 {
	if s.kind == same {
		return in
	}
	out := make([]float32, 0, s.shape[0]*s.shape[1]*s.shape[2])
	for y := 0; y < s.shape[0]; y++ {
		for x := 0; x < s.shape[1]; x++ {
			top, left := y*s.stride[0]-s.pads[0], x*s.stride[1]-s.pads[1]
			if s.kind == maximum {
				out = s.greatest(out, in, shape, top, left)
				continue
			}
			at := 0
			for c := 0; c < s.shape[2]; c++ {
				sum := math.Float32frombits(number(s.bias, c))
				for end := at + int(number(s.counts, c)); at < end; at++ {
					place := int(number(s.places, at))
					channel, column := place%shape[2], place/shape[2]
					i, j := top+column/s.window[1], left+column%s.window[1]
					if i >= 0 && i < shape[0] && j >= 0 && j < shape[1] {
						sum += math.Float32frombits(number(s.values, at)) * in[(i*shape[1]+j)*shape[2]+channel]
					}
				}
				if s.relu && sum < 0 {
					sum = 0
				}
				out = append(out, sum)
			}
		}
	}
	return out
}

func (s *step) greatest(out, in []float32, shape [3]int, top, left int) []float32 {
	for c := 0; c < shape[2]; c++ {
		best := float32(math.Inf(-1))
		for i := top; i < top+s.window[0]; i++ {
			for j := left; j < left+s.window[1]; j++ {
				if i >= 0 && i < shape[0] && j >= 0 && j < shape[1] {
					if v := in[(i*shape[1]+j)*shape[2]+c]; v > best {
						best = v
					}
				}
			}
		}
		out = append(out, best)
	}
	return out
}
`
