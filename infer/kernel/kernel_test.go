// Tests of the kernels: each set that this processor can run, against its own simple loop.

package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

func numbers(rng *rand.Rand, n int) []float32 {
	list := make([]float32, n)
	for i := range list {
		list[i] = float32(rng.NormFloat64())
	}
	return list
}

// guarded is a slice with a mark behind it, which kernels must not write over.
func guarded(n int) (list []float32, intact func() bool) {
	all := make([]float32, n+Width)
	for i := range all {
		all[i] = 12345
	}
	return all[:n:n], func() bool {
		for _, v := range all[n:] {
			if v != 12345 {
				return false
			}
		}
		return true
	}
}

// near allows for sums of some hundred products in another order.
func near(a, b float32) bool {
	x, y := float64(a), float64(b)
	return math.IsNaN(x) && math.IsNaN(y) || x == y || math.Abs(x-y) <= 1e-4*max(1, math.Abs(y))
}

var lows = []float32{float32(math.Inf(-1)), 0}

// TestSets: the portable set is always there, and the best is the last.
func TestSets(t *testing.T) {
	sets := Sets()
	if sets[0] != Portable || sets[len(sets)-1].Name != Best.Name {
		t.Errorf("%d sets, the first %s, the best %s", len(sets), sets[0].Name, Best.Name)
	}
	for _, s := range sets {
		t.Log("this processor runs", s.Name)
	}
}

func TestRows(t *testing.T) {
	for _, s := range Sets() {
		rng := rand.New(rand.NewPCG(1, 2))
		for _, width := range []int{8, 16, 24, 40, 64, 72, 128, 200, 264} {
			for _, count := range []int{1, 3, 10} {
				for _, scale := range []int{1, width} {
					ptr := make([]int32, count+1)
					var offs []int32
					for r := range count {
						ptr[r+1] = ptr[r] + int32(rng.IntN(20)*rng.IntN(2))
						for range ptr[r+1] - ptr[r] {
							offs = append(offs, int32(rng.IntN(30)))
						}
					}
					in, vals, bias := numbers(rng, 30*scale+width+Width), numbers(rng, len(offs)), numbers(rng, count)
					in[rng.IntN(len(in))] = float32(math.NaN())
					in[rng.IntN(len(in))] = float32(math.Inf(1))
					low, stride := lows[rng.IntN(2)], width+8
					out, intact := guarded((count-1)*stride + width)
					s.Rows(out, stride, in, ptr, offs, vals, bias, low, width, scale)
					for r := range count {
						for j := range width {
							want := bias[r]
							for k := ptr[r]; k < ptr[r+1]; k++ {
								want += vals[k] * in[int(offs[k])*scale+j]
							}
							if want = max(want, low); !near(out[r*stride+j], want) {
								t.Fatalf("%s: width %d: row %d, value %d is %g: must be %g", s.Name, width, r, j, out[r*stride+j], want)
							}
						}
					}
					if !intact() {
						t.Fatalf("%s: width %d: written past the end", s.Name, width)
					}
				}
			}
		}
	}
}

func TestPanels(t *testing.T) {
	for _, s := range Sets() {
		rng := rand.New(rand.NewPCG(1, 2))
		for _, width := range []int{8, 16, 24, 40, 64, 104} {
			for _, rows := range []int{1, 5, 6, 7, 12, 20} {
				taps, scale := 1+rng.IntN(40), 1+rng.IntN(9)
				offs := make([]int32, taps)
				for k := range offs {
					offs[k] = int32(rng.IntN(50))
				}
				whole := (rows + Tall - 1) / Tall * Tall
				in, values, bias := numbers(rng, 50*scale+width), numbers(rng, whole*taps), numbers(rng, whole)
				in[rng.IntN(len(in))] = float32(math.NaN())
				low, stride := lows[rng.IntN(2)], width+8
				out, intact := guarded((rows-1)*stride + width)
				s.Panels(out, stride, in, offs, values, bias, low, rows, width, scale)
				for r := range rows {
					for j := range width {
						want := bias[r]
						for k, o := range offs {
							want += values[(r/Tall*taps+k)*Tall+r%Tall] * in[int(o)*scale+j]
						}
						if want = max(want, low); !near(out[r*stride+j], want) {
							t.Fatalf("%s: width %d: row %d of %d, value %d is %g: must be %g", s.Name, width, r, rows, j, out[r*stride+j], want)
						}
					}
				}
				if !intact() {
					t.Fatalf("%s: width %d: written past the end", s.Name, width)
				}
			}
		}
	}
}

func TestColumns(t *testing.T) {
	for _, s := range Sets() {
		rng := rand.New(rand.NewPCG(1, 2))
		for _, inputs := range []int{8, 16, 784} {
			const outs = 37
			ptr := make([]int32, inputs+1)
			var index []uint16
			for i := range inputs {
				ptr[i+1] = ptr[i] + int32(rng.IntN(4)*4)
				for range ptr[i+1] - ptr[i] {
					index = append(index, uint16(rng.IntN(outs)))
				}
			}
			x, vals := numbers(rng, inputs), numbers(rng, len(index))
			for i := range x {
				if rng.IntN(2) == 0 {
					x[i] = float32(math.Copysign(0, float64(x[i])))
				}
			}
			out, intact := guarded(outs)
			copy(out, numbers(rng, outs))
			want := append([]float32(nil), out...)
			for i, v := range x {
				for k := ptr[i]; k < ptr[i+1]; k++ {
					want[index[k]] += v * vals[k]
				}
			}
			s.Columns(out, x, ptr, index, vals)
			for o := range want {
				if !near(out[o], want[o]) {
					t.Fatalf("%s: %d inputs: value %d is %g: must be %g", s.Name, inputs, o, out[o], want[o])
				}
			}
			if !intact() {
				t.Fatalf("%s: written past the end", s.Name)
			}
		}
	}
}

func TestSpread(t *testing.T) {
	for _, s := range Sets() {
		rng := rand.New(rand.NewPCG(1, 2))
		for _, size := range []int{1, 7, 8, 30, 64, 200} {
			for _, images := range []int{1, 3, 8, 13, 16} {
				lanes, stride := (images+7)&^7, size+3
				in := numbers(rng, images*stride)
				out, intact := guarded(size * lanes)
				s.Spread(out, in, size, stride, images, lanes)
				for i := range size {
					for k := range images {
						if out[i*lanes+k] != in[k*stride+i] {
							t.Fatalf("%s: %d values of %d images: value %d of image %d is %g: must be %g", s.Name, size, images, i, k, out[i*lanes+k], in[k*stride+i])
						}
					}
				}
				if !intact() {
					t.Fatalf("%s: written past the end", s.Name)
				}
			}
		}
	}
}

// TestAdd: with what is no number on either side.
func TestAdd(t *testing.T) {
	for _, s := range Sets() {
		rng := rand.New(rand.NewPCG(1, 2))
		for _, n := range []int{1, 7, 8, 24, 45} {
			var in [2][]float32
			for k := range in {
				in[k] = numbers(rng, 2*n)
				in[k][rng.IntN(2*n)] = float32(math.NaN())
			}
			for _, low := range lows {
				out, intact := guarded(n)
				s.Add(out, in[0][:n], in[1][:n], low)
				for i, v := range out {
					if want := max(in[0][i]+in[1][i], low); !near(v, want) {
						t.Fatalf("%s: sum %d is %g: must be %g", s.Name, i, v, want)
					}
				}
				if !intact() {
					t.Fatalf("%s: written past the end", s.Name)
				}
			}
		}
	}
}

// TestPools: the greatest of two by two, with what is no number among them.
func TestPools(t *testing.T) {
	for _, s := range Sets() {
		rng := rand.New(rand.NewPCG(1, 2))
		for _, lanes := range []int{1, 8, 24} {
			for _, n := range []int{1, 4, 8, 12, 17} {
				rows, pitch, outPitch := 1+rng.IntN(5), (2*n+3)*lanes, (n+1)*lanes
				in := numbers(rng, 2*rows*pitch+4*Width)
				in[rng.IntN(len(in))] = float32(math.NaN())
				out, intact := guarded((rows-1)*outPitch + Up(n)*lanes)
				if lanes == 1 {
					s.Halve(out, outPitch, in, pitch, rows, n)
				} else {
					s.Max4(out, outPitch, in, pitch, rows, n, lanes)
				}
				for y := range rows {
					for i := range n * lanes {
						from := in[2*y*pitch+i/lanes*2*lanes+i%lanes:]
						want := max(from[0], from[lanes], from[pitch], from[pitch+lanes])
						if got := out[y*outPitch+i]; !near(got, want) {
							t.Fatalf("%s: %d lanes: row %d, value %d is %g: must be %g", s.Name, lanes, y, i, got, want)
						}
					}
				}
				if !intact() {
					t.Fatalf("%s: written past the end", s.Name)
				}
			}
		}
	}
}

func TestDots(t *testing.T) {
	for _, s := range Sets() {
		rng := rand.New(rand.NewPCG(1, 2))
		const ins, outs = 50, 23
		x, bias := numbers(rng, ins), numbers(rng, outs)
		var rows, lengths []int32
		var index []uint16
		for r := range outs {
			rows, lengths = append(rows, int32((r*7)%outs)), append(lengths, int32(r%12))
			for range r % 12 {
				index = append(index, uint16(rng.IntN(ins)))
			}
		}
		x[3] = float32(math.NaN())
		vals := numbers(rng, len(index))
		for _, low := range lows {
			out, intact := guarded(outs)
			s.Dots(out, x, rows, lengths, index, vals, bias, low)
			at := 0
			for r, row := range rows {
				want := bias[row]
				for range lengths[r] {
					want += vals[at] * x[index[at]]
					at++
				}
				if want = max(want, low); !near(out[row], want) {
					t.Fatalf("%s: value %d is %g: must be %g", s.Name, row, out[row], want)
				}
			}
			if !intact() {
				t.Fatalf("%s: written past the end", s.Name)
			}
		}
	}
}
