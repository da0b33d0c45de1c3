// Tests of the file: what is written is read, and damaged and hostile files are errors.

package code

import (
	"encoding/binary"
	"flag"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gsmlab/infer/graph"
)

// sample is a graph with each kind of attribute.
func sample(rng *rand.Rand) *graph.Graph {
	numbers := func(n int, zeros float64) []float32 {
		list := make([]float32, n)
		for i := range list {
			if rng.Float64() >= zeros {
				list[i] = float32(rng.NormFloat64())
			}
		}
		return list
	}
	g := &graph.Graph{}
	add := func(n graph.Node) int {
		g.Nodes = append(g.Nodes, n)
		i := len(g.Nodes) - 1
		shape, err := graph.ShapeOf(g, i)
		if err != nil {
			panic(err)
		}
		g.Nodes[i].Shape = shape
		return i
	}
	x := add(graph.Node{Op: graph.Input, Name: "pixels", Shape: []int{12, 12, 2}})
	x = add(graph.Node{Op: graph.Conv2D, Name: "conv ä", In: []int{x}, Stride: [2]int{1, 2}, Dilation: [2]int{2, 1}, Pads: [4]int{1, 2, 3, 0}, Groups: 2,
		Weights: graph.Tensor{Shape: []int{3, 3, 1, 6}, Values: numbers(54, 0.5)}, Bias: numbers(6, 0), Act: graph.LeakyRelu, Alpha: 0.1})
	y := add(graph.Node{Op: graph.MaxPool, In: []int{x}, Window: [2]int{2, 2}, Stride: [2]int{2, 2}})
	turned := add(graph.Node{Op: graph.Transpose, In: []int{y}, Axes: []int{2, 0, 1}})
	part := add(graph.Node{Op: graph.Slice, In: []int{turned}, Start: []int{1, 0, 0}, Step: []int{2, 1, 1}, Shape: []int{2, 2, 2}})
	part = add(graph.Node{Op: graph.Pad, In: []int{part}, Low: []int{0, 1, 0}, High: []int{0, 0, 2}, Fill: -2})
	part = add(graph.Node{Op: graph.Concat, In: []int{part, part}, Axes: []int{1}})
	product := add(graph.Node{Op: graph.MatMul, In: []int{part, part}, TransposeB: true})
	y = add(graph.Node{Op: graph.Reshape, In: []int{y}, Shape: []int{graph.Elements(g.Nodes[y].Shape)}})
	size := g.Nodes[y].Shape[0]
	y = add(graph.Node{Op: graph.Dense, In: []int{y}, Weights: graph.Tensor{Shape: []int{size, 40}, Values: numbers(size*40, 0.95)}, Bias: numbers(40, 0), Act: graph.Relu})
	y = add(graph.Node{Op: graph.Dense, In: []int{y}, Weights: graph.Tensor{Shape: []int{40, 10}, Values: numbers(400, 0.7)}})
	c := add(graph.Node{Op: graph.Const, Shape: []int{2, 1}, Values: []float32{0.25, -3}})
	y = add(graph.Node{Op: graph.Mul, In: []int{y, c}})
	whole := add(graph.Node{Op: graph.Convert, In: []int{y}, Type: graph.Int})
	k := add(graph.Node{Op: graph.Const, Type: graph.Int, Shape: []int{}, Values: []float32{-7}})
	whole = add(graph.Node{Op: graph.Max, In: []int{whole, k}, Type: graph.Int})
	e := add(graph.Node{Op: graph.Embed, In: []int{whole}, Weights: graph.Tensor{Shape: []int{5, 3}, Values: numbers(15, 0)}})
	kept := add(graph.Node{Op: graph.ReduceMean, In: []int{e}, Axes: []int{1}, Shape: []int{2, 1, 3}})
	e = add(graph.Node{Op: graph.ReduceMax, In: []int{e}, Axes: []int{1, 2}})
	soft := add(graph.Node{Op: graph.Softmax, In: []int{kept}, Axes: []int{0, 2}})
	mask := add(graph.Node{Op: graph.Const, Type: graph.Bool, Shape: []int{3}, Values: []float32{1, 0, 1}})
	soft = add(graph.Node{Op: graph.Select, In: []int{mask, soft, kept}})
	wide := add(graph.Node{Op: graph.Broadcast, In: []int{e}, Shape: []int{3, 2}})
	g.Outputs = []int{soft, wide, product}
	return g
}

// TestExact: without codebooks the graph comes back as it was.
func TestExact(t *testing.T) {
	g := sample(rand.New(rand.NewPCG(1, 2)))
	before := clone(g)
	data, report, err := Encode(g, Options{Names: true})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(g, before) {
		t.Error("Encode changed the graph")
	}
	got, nonzero, err := DecodeSparse(data)
	if err != nil {
		t.Fatal(err)
	}
	for i := range g.Nodes {
		if have, want := nonzero[i], byOutput(g.Nodes[i].Weights); !slices.Equal(have, want) {
			t.Errorf("%s: weights at %v: must be at %v", g.Where(i), have, want)
		}
		if want, have := normal(g.Nodes[i]), normal(got.Nodes[i]); !reflect.DeepEqual(have, want) {
			t.Errorf("%s:\n%+v: must be\n%+v", g.Where(i), have, want)
		}
	}
	if !slices.Equal(got.Outputs, g.Outputs) {
		t.Errorf("outputs %v: must be %v", got.Outputs, g.Outputs)
	}
	sum := 0.0
	for _, b := range append(report.Layers, report.Rest) {
		for _, v := range b.Spent {
			sum += v
		}
	}
	if report.Total != len(data) || int(sum+0.5) != len(data) || len(report.Layers) != 4 {
		t.Errorf("a file of %d bytes, of which %d layers account for %g", len(data), len(report.Layers), sum)
	}
}

// byOutput lists the weights that are not zero, output by output.
func byOutput(w graph.Tensor) (list []int32) {
	for from := 0; len(w.Shape) > 0 && from < w.Shape[len(w.Shape)-1]; from++ {
		for k := from; k < len(w.Values); k += w.Shape[len(w.Shape)-1] {
			if w.Values[k] != 0 {
				list = append(list, int32(k))
			}
		}
	}
	return list
}

// normal has empty lists as nil.
func normal(n graph.Node) graph.Node {
	if len(n.Shape) == 0 {
		n.Shape = nil
	}
	return n
}

// TestCodebooks: with few entries the zeros stay, the values are few and near, and the file is much
// smaller.
func TestCodebooks(t *testing.T) {
	g := sample(rand.New(rand.NewPCG(1, 2)))
	exact, _, err := Encode(g, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []Precision{{Entries: 1}, {Entries: 5, Bias: 127}, {Entries: 16, Bias: 127}, {Entries: 16, Thrift: 0.05}} {
		data, _, err := Encode(g, Options{Precision: func(int) Precision { return p }})
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		again, _, err := Encode(got, Options{Precision: func(int) Precision { return p }})
		if err != nil || len(again) > len(data)+8 {
			t.Errorf("%+v: encoded again: %d bytes, %v: were %d", p, len(again), err, len(data))
		}
		for i := range g.Nodes {
			w, v := g.Nodes[i].Weights.Values, got.Nodes[i].Weights.Values
			seen, worst := map[float32]bool{}, float32(0)
			for k := range w {
				if (w[k] == 0) != (v[k] == 0) {
					t.Fatalf("%+v: %s: weight %d is %g: was %g", p, g.Where(i), k, v[k], w[k])
				}
				seen[v[k]] = true
				worst = max(worst, w[k]-v[k], v[k]-w[k])
			}
			if len(seen) > p.Entries+1 || p.Entries == 16 && worst > 0.6 {
				t.Errorf("%+v: %s: %d values, the worst off by %g", p, g.Where(i), len(seen), worst)
			}
			for k, b := range g.Nodes[i].Bias {
				if d := b - got.Nodes[i].Bias[k]; d > 0.02 || d < -0.02 {
					t.Errorf("%+v: %s: bias %d is %g: was %g", p, g.Where(i), k, got.Nodes[i].Bias[k], b)
				}
			}
		}
		if len(data) > len(exact)*2/3 {
			t.Errorf("%+v: %d bytes: exact it is %d", p, len(data), len(exact))
		}
	}
	if _, _, err := Encode(g, Options{Precision: func(int) Precision { return Precision{Entries: 33} }}); err == nil || !strings.Contains(err.Error(), "at most 32") {
		t.Errorf("33 entries: %v", err)
	}
}

// TestDamage: each cut and each changed byte is an error.
func TestDamage(t *testing.T) {
	data, _, err := Encode(sample(rand.New(rand.NewPCG(1, 2))), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for n := range data {
		if _, err := Decode(data[:n]); err == nil {
			t.Fatalf("cut to %d bytes: no error", n)
		}
		changed := slices.Clone(data)
		changed[n] ^= 1 << (n % 8)
		if _, err := Decode(changed); err == nil {
			t.Fatalf("byte %d changed: no error", n)
		}
	}
	for _, c := range []struct{ data, want string }{
		{"", "no .gsm file"}, {"PK\x03\x04", "no .gsm file"}, {"gsm\x03aaaaaaaa", "version 3"}, {"gsm\x01aaaaaaaa", "version 1"}, {"gsm\x02", "checksum"},
		{sign("gsm\x02"), "damaged"},
	} {
		if _, err := Decode([]byte(c.data)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v: it should contain %q", c.data, err, c.want)
		}
	}
}

// sign adds the checksum.
func sign(data string) string {
	return string(binary.LittleEndian.AppendUint32([]byte(data), crc32.ChecksumIEEE([]byte(data))))
}

// TestBomb: a small file cannot ask for much memory.
func TestBomb(t *testing.T) {
	g := &graph.Graph{Nodes: []graph.Node{
		{Op: graph.Input, Shape: []int{1 << 12}},
		{Op: graph.Dense, In: []int{0}, Shape: []int{1 << 12}, Weights: graph.Tensor{Shape: []int{1 << 12, 1 << 12}, Values: make([]float32, 1<<24)}},
	}, Outputs: []int{1}}
	if _, _, err := Encode(g, Options{}); err == nil || !strings.Contains(err.Error(), "too large for so small a file") {
		t.Errorf("error %v: a file of a few bytes must not ask for 64 MB", err)
	}
}

// TestInfinite: a number that is not finite is refused where it is read, because the runtime relies
// on there being none. No encoder writes one, so the test spells what a hostile file would hold.
func TestInfinite(t *testing.T) {
	exactWeight := func(v float32) func(*coder) {
		return func(c *coder) { c.float(v, &floatModel{}) }
	}
	entry := func(step float32, q int) func(*coder) {
		return func(c *coder) {
			m := newTensorModel()
			c.short(step, &m.floats)
			c.number(q+most, &m.size)
		}
	}
	exactBias := func(v float32) func(*coder) {
		return func(c *coder) {
			c.flag(true, new(chance))
			c.float(v, &floatModel{})
		}
	}
	bias := func(step float32, q int) func(*coder) {
		return func(c *coder) {
			c.flag(false, new(chance))
			c.short(step, &floatModel{})
			c.number(zigzag(q), &number{})
		}
	}
	readWeight := func(c *coder) error {
		_, err := newValues(newTensorModel(), &precision{}, 0).code(c, new(float32), 0, 0)
		return err
	}
	readBook := func(c *coder) error { return c.codebook(newTensorModel(), &precision{entries: 1}) }
	readBias := func(c *coder) error { return c.bias(&biasModel{}, make([]float32, 1), 0, 0) }
	inf, nan := float32(math.Inf(-1)), float32(math.NaN())
	for _, c := range []struct {
		want  string
		write func(*coder)
		read  func(*coder) error
	}{
		{"", exactWeight(2), readWeight},
		{"a weight that is not finite", exactWeight(inf), readWeight},
		{"a weight that is not finite", exactWeight(nan), readWeight},
		{"", entry(1<<127, 1), readBook},
		{"an entry that is not finite", entry(1<<127, -2), readBook},
		{"", exactBias(2), readBias},
		{"a bias that is not finite", exactBias(inf), readBias},
		{"a bias that is not finite", exactBias(nan), readBias},
		{"", bias(1<<127, 1), readBias},
		{"a bias that is not finite", bias(1<<127, -2), readBias},
	} {
		e := newEncoder()
		c.write(&coder{enc: e})
		err := c.read(newDecoder(e.finish()))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("error %v: must contain %q", err, c.want)
		}
	}
}

// FuzzDecode: whatever a signed file holds, Decode returns a right graph or an error.
func FuzzDecode(f *testing.F) {
	data, _, err := Encode(sample(rand.New(rand.NewPCG(1, 2))), Options{Precision: func(i int) Precision { return Precision{Entries: i % 4 * 5} }})
	if err != nil {
		f.Fatal(err)
	}
	body := data[len(magic) : len(data)-4]
	f.Add(body)
	f.Add(body[:40])
	f.Add(slices.Repeat([]byte{255}, 50))
	f.Fuzz(func(t *testing.T, body []byte) {
		g, err := Decode([]byte(sign(magic + string(body))))
		if err != nil {
			return
		}
		if err := graph.Check(g); err != nil {
			t.Fatal(err)
		}
		size := 0
		for i := range g.Nodes {
			size += len(g.Nodes[i].Weights.Values)
		}
		if size > 1<<14 { // to try all parameters takes long
			return
		}
		if _, _, err := Encode(g, Options{}); err != nil && !strings.Contains(err.Error(), "room") {
			t.Fatal(err)
		}
	})
}

var update = flag.Bool("update", false, "write testdata anew, after a change of the format's version")

// TestFormat: files of version 2 that exist stay readable, with the same values.
func TestFormat(t *testing.T) {
	const path = "testdata/sample.gsm"
	few := Options{Precision: func(i int) Precision { return Precision{Entries: i % 4 * 5, Bias: i % 2 * 127} }}
	if *update {
		data, _, err := Encode(sample(rand.New(rand.NewPCG(1, 2))), few)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	g, err := Decode(want)
	if err != nil {
		t.Fatal(err)
	}
	exact, _, err := Encode(g, Options{})
	if err != nil {
		t.Fatal(err)
	}
	// with its own checksum at its end, every file has the same one
	if got := crc32.ChecksumIEEE(exact[:len(exact)-4]); got != sampleChecksum {
		t.Errorf("the sample, written exactly, has checksum %#x: must be %#x", got, uint32(sampleChecksum))
	}
}

const sampleChecksum = 0x5e41e197
