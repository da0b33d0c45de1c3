package rivals

import (
	"math"
	"reflect"
	"slices"
	"testing"
)

func TestGreatestKeepsExactlyQ(t *testing.T) {
	scores := numbers{{3, 1, 3}, {3, 0}}
	for q, want := range map[int]keep{
		0: {{false, false, false}, {false, false}},
		2: {{true, false, true}, {false, false}}, // ties stay in order
		4: {{true, true, true}, {true, false}},
		5: {{true, true, true}, {true, true}},
		9: {{true, true, true}, {true, true}},
	} {
		if got := greatest(scores, q); !reflect.DeepEqual(got, want) {
			t.Errorf("greatest of %v, %d: %v, want %v", scores, q, got, want)
		}
	}
}

func TestApportionAddsUp(t *testing.T) {
	for _, c := range []struct {
		densities []float64
		sizes     []int
		q         int
		want      []int
	}{
		{[]float64{0.5, 0.5}, []int{10, 10}, 10, []int{5, 5}},
		{[]float64{0.25, 0.25, 0.25}, []int{1, 1, 2}, 1, []int{0, 0, 1}},
		{[]float64{1, 0.1}, []int{3, 10}, 5, []int{3, 2}}, // the full layer gets no more
		{[]float64{1, 1}, []int{2, 2}, 3, []int{2, 1}},    // too much: the least remainder gives
		{[]float64{0, 0}, []int{2, 2}, 4, []int{2, 2}},
	} {
		if got := apportion(c.densities, c.sizes, c.q); !slices.Equal(got, c.want) {
			t.Errorf("apportion(%v, %v, %d) = %v, want %v", c.densities, c.sizes, c.q, got, c.want)
		}
	}
}

// lenet300 has the layers of LeNet-300-100.
func lenet300() []layer {
	return []layer{{"/fc1/dense/weights", []int{784, 300}}, {"/fc2/dense/weights", []int{300, 100}}, {"/fc3/dense/weights", []int{100, 10}}}
}

// TestERKProportions: the densities are in proportion to (n_in + n_out) / (n_in n_out), as in the
// authors' tests, and add up to q.
func TestERKProportions(t *testing.T) {
	layers := lenet300()
	const q = 4436
	d := erk(layers, q)
	total := 0.0
	for i, l := range layers {
		total += d[i] * float64(l.size())
	}
	if math.Abs(total-q) > 1e-6 {
		t.Errorf("ERK keeps %g weights, want %d", total, q)
	}
	factor := func(l layer) float64 { return float64(sum(l.dims)) / float64(l.size()) }
	for i := range layers {
		if got, want := d[i]/factor(layers[i]), d[0]/factor(layers[0]); math.Abs(got-want) > 1e-9 {
			t.Errorf("layer %d: density over its factor is %g, that of the first layer %g", i, got, want)
		}
	}
}

// TestERKFullLayers: where a layer would have more weights than there are, it is dense, and the
// others share the rest in proportion.
func TestERKFullLayers(t *testing.T) {
	layers := []layer{{"/a", []int{100, 100}}, {"/b", []int{2, 2}}, {"/c", []int{10, 10}}}
	d := erk(layers, 400)
	if d[1] != 1 {
		t.Errorf("a layer of 4 weights has density %g, want 1", d[1])
	}
	if n := d[0]*1e4 + d[1]*4 + d[2]*100; math.Abs(n-400) > 1e-6 {
		t.Errorf("ERK keeps %g weights, want 400", n)
	}
	if ratio, want := d[2]/d[0], (20.0/100)/(200.0/1e4); d[2] < 1 && math.Abs(ratio-want) > 1e-9 {
		t.Errorf("densities have ratio %g, want %g", ratio, want)
	}
}

// TestERKPublished: by the densities of ERK a ResNet-50 needs the share of multiplications that the
// RigL paper's table 2 has for it: 0.42 at sparsity 0.8, 0.24 at 0.9. The paper counts all
// convolutions and the dense layer.
func TestERKPublished(t *testing.T) {
	var layers []layer
	var outputs []int // positions
	conv := func(size, k, in, out int) {
		layers = append(layers, layer{"/conv", []int{k, k, in, out}})
		outputs = append(outputs, size*size)
	}
	conv(112, 7, 3, 64)
	in := 64
	for stage, blocks := range []int{3, 4, 6, 3} {
		width, size := 64<<stage, 56>>stage
		for b := range blocks {
			first := size // the stride lies in the 3x3 convolution
			if b == 0 && stage > 0 {
				first = 2 * size
			}
			conv(first, 1, in, width)
			conv(size, 3, width, width)
			conv(size, 1, width, 4*width)
			if b == 0 {
				conv(size, 1, in, 4*width)
			}
			in = 4 * width
		}
	}
	layers, outputs = append(layers, layer{"/fc", []int{2048, 1000}}), append(outputs, 1)
	n := sum(sizes(layers))
	if n != 25_502_912 {
		t.Fatalf("ResNet-50 has %d weights here, want 25,502,912", n)
	}
	for sparsity, want := range map[float64]float64{0.8: 0.42, 0.9: 0.24} {
		d := erk(layers, int((1-sparsity)*float64(n)+0.5))
		sparse, all := 0.0, 0.0
		for i, l := range layers {
			work := float64(l.size() * outputs[i])
			sparse, all = sparse+d[i]*work, all+work
		}
		if got := sparse / all; math.Abs(got-want) > 0.01 {
			t.Errorf("sparsity %g: ERK needs %.3f of the multiplications, published %g", sparsity, got, want)
		}
	}
}

func TestNoneEmpty(t *testing.T) {
	if err := noneEmpty(lenet300(), []int{1, 0, 1}, "a rule", 2); err == nil {
		t.Error("no error for an empty layer")
	}
	if err := noneEmpty(lenet300(), []int{1, 1, 1}, "a rule", 3); err != nil {
		t.Error(err)
	}
}
