// Encoding: what only the writer of a file needs. The precision of the values, the choice of the
// coder's parameters by trying, and the account of the bytes.

package code

import (
	"errors"
	"hash/crc32"
	"math"
	"slices"
	"strconv"

	"gsmlab/infer/graph"
)

// Options say how a graph is written.
type Options struct {
	// Precision says how the values of the layer at a node are written. Nil is exact for all.
	Precision func(node int) Precision
	// Names keeps the names of nodes.
	Names bool
}

// Precision is how the values of a layer are written. The zero value is exact.
type Precision struct {
	// Entries is the size of the codebook of the layer's weights, at most MaxEntries. 0 is exact.
	Entries int
	// Thrift is how much the choice of an entry weighs its bytes against the error: 0 takes the
	// nearest entry. The unit is the variance of the weights for one bit.
	Thrift float64
	// Bias is the greatest multiple of a step that a bias may be, at most 127, which is 8 bits with
	// the sign. 0 is exact.
	Bias int
	// Step and BiasStep, if they are not 0, say that all weights and all biases are whole multiples
	// of them already, at most 127. Of a step, the lower 16 bits are zero.
	Step, BiasStep float32
}

// A Report says where the bytes of a file went.
type Report struct {
	Total  int // of the file
	Layers []Bytes
	Rest   Bytes // nodes that are no layers, and the file's frame
}

// Bytes are those of a layer, by category. They are fractions of bytes: the coder spends fractions
// of bits.
type Bytes struct {
	Node    int
	Name    string
	Weights int // in the tensor
	Nonzero int
	Spent   [Categories]float64
}

// Encode writes a graph. What Decode returns for it differs from the graph only by the precision,
// and by the names where they are left out.
func Encode(g *graph.Graph, o Options) ([]byte, *Report, error) {
	if err := graph.Check(g); err != nil {
		return nil, nil, err
	}
	g = clone(g)
	forms := make([]form, len(g.Nodes))
	for i := range g.Nodes {
		if !isLayer(&g.Nodes[i]) {
			continue
		}
		var err error
		if forms[i], err = formOf(g, i, o); err != nil {
			return nil, nil, err
		}
	}
	e := newEncoder()
	c := &coder{enc: e}
	if err := c.graph(g, budgetOf(1<<30), o.Names, forms); err != nil {
		return nil, nil, errors.New("code: " + err.Error())
	}
	data := append([]byte(magic), e.finish()...)
	sum := crc32.ChecksumIEEE(data)
	data = append(data, byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24))
	decoded, err := Decode(data)
	if err != nil {
		return nil, nil, errors.New("code: the graph needs more room than a file may ask for: " + err.Error())
	}
	if len(decoded.Nodes) != len(g.Nodes) {
		return nil, nil, errors.New("code: the file does not decode to the graph")
	}
	return data, e.report(g, len(data)), nil
}

func isLayer(n *graph.Node) bool {
	return n.Op == graph.Dense || n.Op == graph.Conv2D || n.Op == graph.Embed
}

// clone copies all lists, which the coder writes to.
func clone(g *graph.Graph) *graph.Graph {
	out := &graph.Graph{Nodes: slices.Clone(g.Nodes), Outputs: slices.Clone(g.Outputs)}
	for i := range out.Nodes {
		n := &out.Nodes[i]
		n.Weights.Values, n.Weights.Shape = slices.Clone(n.Weights.Values), slices.Clone(n.Weights.Shape)
		n.Bias, n.In, n.Shape = slices.Clone(n.Bias), slices.Clone(n.In), slices.Clone(n.Shape)
		n.Values, n.Axes = slices.Clone(n.Values), slices.Clone(n.Axes)
		n.Start, n.Step, n.Low, n.High = slices.Clone(n.Start), slices.Clone(n.Step), slices.Clone(n.Low), slices.Clone(n.High)
		if len(n.Name) > 255 {
			n.Name = n.Name[:255]
		}
	}
	return out
}

// formOf rounds the weights of a layer and chooses how they are written.
func formOf(g *graph.Graph, i int, o Options) (form, error) {
	var p Precision
	if o.Precision != nil {
		p = o.Precision(i)
	}
	if p.Entries < 0 || p.Entries > MaxEntries {
		return form{}, errors.New("code: " + g.Where(i) + ": a codebook of " + strconv.Itoa(p.Entries) + " entries: at most " + strconv.Itoa(MaxEntries))
	}
	if p.Bias < 0 || p.Bias > most {
		return form{}, errors.New("code: " + g.Where(i) + ": biases of up to " + strconv.Itoa(p.Bias) + " steps: at most " + strconv.Itoa(most))
	}
	n := &g.Nodes[i]
	out := form{bias: p.Bias, biasStep: p.BiasStep}
	if p.Entries > 0 {
		out.values = quantize(n.Weights.Values, p)
	}
	// The image's width is not in the graph where a layer comes after a Reshape. A few are tried.
	best := math.Inf(1)
	for _, near := range gridsFor(g, i) {
		e := newEncoder()
		p := out.values
		p.book = slices.Clone(p.book)
		c := &coder{enc: e}
		if _, err := c.tensor(newTensorModel(), slices.Clone(n.Weights.Values), frameOf(n.Weights.Shape, near), &p); err != nil {
			return form{}, errors.New("code: " + g.Where(i) + ": " + err.Error())
		}
		if spent := e.total(); spent < best {
			best, out.near = spent, near
		}
	}
	return out, nil
}

// gridsFor are the ways in which rows of weights may be neighbours in an image.
func gridsFor(g *graph.Graph, i int) []grid {
	n := &g.Nodes[i]
	rows := graph.Elements(n.Weights.Shape) / n.Weights.Shape[len(n.Weights.Shape)-1]
	list := []grid{{}}
	try := func(step, pitch int) {
		if near := (grid{step, pitch}); step < pitch && pitch < rows && !slices.Contains(list, near) {
			list = append(list, near)
		}
	}
	if n.Op == graph.Conv2D {
		try(n.Weights.Shape[2], n.Weights.Shape[1]*n.Weights.Shape[2])
		return list
	}
	for _, j := range n.In {
		for from := g.Nodes[j]; ; from = g.Nodes[from.In[0]] {
			if len(from.Shape) == 3 {
				try(from.Shape[2], from.Shape[1]*from.Shape[2])
			}
			if from.Op != graph.Reshape {
				break
			}
		}
	}
	if side := int(math.Sqrt(float64(rows))); side*side == rows {
		try(1, side)
	}
	return list
}

// An encoder takes bits and keeps account of them.
type encoder struct {
	low, size uint64 // of the range
	out       []byte
	at        Category
	spent     [][Categories]float64 // bits, of each node; the first is the file's frame
}

func newEncoder() *encoder {
	return &encoder{size: 1<<64 - 1, spent: make([][Categories]float64, 1)}
}

func (e *encoder) node()               { e.spent = append(e.spent, [Categories]float64{}) }
func (e *encoder) category(c Category) { e.at = c }

func (e *encoder) put(bit int, p uint32) {
	chance := float64(p) / 65536
	if bit == 0 {
		chance = 1 - chance
	}
	e.spent[len(e.spent)-1][e.at] -= math.Log2(chance)
	if part := e.size >> 16 * uint64(p); bit == 1 {
		e.size = part
	} else {
		e.size -= part
		e.add(part)
	}
	if e.size < enough {
		e.out = append(e.out, byte(e.low>>56), byte(e.low>>48), byte(e.low>>40), byte(e.low>>32))
		e.low, e.size = e.low<<32, e.size<<32
	}
}

// add moves the range up, and carries into the bytes that are written already.
func (e *encoder) add(v uint64) {
	if e.low += v; e.low >= v {
		return
	}
	for k := len(e.out) - 1; k >= 0; k-- {
		if e.out[k]++; e.out[k] != 0 {
			return
		}
	}
}

// finish writes as few bytes as tell the range apart: behind the end a decoder reads zeros.
func (e *encoder) finish() []byte {
	for n := 0; ; n++ {
		rest := uint64(1)<<(64-8*n) - 1 // of 64 bits, all for n of 0
		up := -e.low & rest             // to the next number of n bytes
		if up >= e.size && n < 8 {
			continue
		}
		e.add(up)
		for k := range n {
			e.out = append(e.out, byte(e.low>>(56-8*k)))
		}
		break
	}
	for range trimmed {
		if len(e.out) > 0 && e.out[len(e.out)-1] == 0 {
			e.out = e.out[:len(e.out)-1]
		}
	}
	return e.out
}

func (e *encoder) total() float64 {
	sum := 0.0
	for _, list := range e.spent {
		for _, v := range list {
			sum += v
		}
	}
	return sum
}

func (e *encoder) report(g *graph.Graph, size int) *Report {
	r := &Report{Total: size, Rest: Bytes{Node: -1}}
	sum := 0.0
	for i, list := range e.spent {
		b := &r.Rest
		if i > 0 && isLayer(&g.Nodes[i-1]) {
			n := &g.Nodes[i-1]
			r.Layers = append(r.Layers, Bytes{Node: i - 1, Name: n.Name, Weights: len(n.Weights.Values)})
			b = &r.Layers[len(r.Layers)-1]
			for _, v := range n.Weights.Values {
				b.Nonzero += b2i(v != 0)
			}
		}
		for k, v := range list {
			b.Spent[k] += v / 8
			sum += v / 8
		}
	}
	r.Rest.Spent[Header] += float64(size) - sum // the frame, and the last byte's rest
	return r
}
