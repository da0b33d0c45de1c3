// The sets in assembly for amd64: which of them this processor and its system can run, and the
// checks of what they are given.

package kernel

//go:generate go run -C gen . -out ../vector_amd64.s -stubs ../stubs_amd64.go -pkg kernel

// vectorSets are the sets in assembly that this processor can run.
func vectorSets() []*Set {
	const (
		fma, osxsave, avx    = 1 << 12, 1 << 27, 1 << 28 // leaf 1, c
		bmi1, avx2, avx512f  = 1 << 3, 1 << 5, 1 << 16   // leaf 7, b
		avxState, zmmState   = 0x6, 0xe6                 // what the system saves of registers
		avx512vl, avx512dq   = 1 << 31, 1 << 17
		features1, features7 = fma | osxsave | avx, bmi1 | avx2
	)
	leaves, _, _, _ := cpuid(0, 0)
	if leaves < 7 {
		return nil
	}
	_, _, c1, _ := cpuid(1, 0)
	_, b7, _, _ := cpuid(7, 0)
	if c1&features1 != features1 || b7&features7 != features7 || xgetbv()&avxState != avxState {
		return nil
	}
	sets := []*Set{vectorSet("avx2", rowsAVX2, panelsAVX2)}
	const wide = avx512f | avx512vl | avx512dq
	if b7&wide == wide && xgetbv()&zmmState == zmmState {
		if set := vectorSet("avx512", rowsAVX512, panelsAVX512); agrees(set) {
			sets = append(sets, set)
		}
	}
	return sets
}

// agrees tries a set on a few small whole numbers, for which all sets give the same sums. It guards
// the kernels for AVX-512, which were written on a machine that has none: where they were wrong,
// AVX2 would be used.
func agrees(set *Set) bool {
	const rows, width, taps = Tall + 1, 16 + 32 + 64 + 128 + Width, 11
	in, vals, bias := make([]float32, width+taps+Width), make([]float32, 2*Tall*taps), make([]float32, 2*Tall)
	offs, ptr := make([]int32, rows*taps), make([]int32, rows+1)
	for i := range in {
		in[i] = float32(i*i%13 - 6)
	}
	for i := range vals {
		vals[i] = float32(i*7%5 - 2)
	}
	for i := range offs {
		offs[i] = int32(i * 3 % taps)
	}
	for r := range rows {
		ptr[r+1], bias[r] = int32((r+1)*taps), float32(r)
	}
	want, got := make([]float32, rows*width), make([]float32, rows*width)
	for _, low := range []float32{-1000, 0} {
		for _, compute := range []func(s *Set, out []float32){
			func(s *Set, out []float32) { s.Rows(out, width, in, ptr, offs, vals, bias, low, width, 1) },
			func(s *Set, out []float32) {
				s.Panels(out, width, in, offs[:taps], vals, bias, low, rows, width, 1)
			},
		} {
			compute(Portable, want)
			compute(set, got)
			for i := range want {
				if want[i] != got[i] {
					return false
				}
			}
		}
	}
	return true
}

type rowsFunc func(out *float32, stride int, in *float32, ptr, offs *int32, vals, bias *float32, low float32, rows, width, scale int)
type panelsFunc func(out *float32, stride int, in *float32, offs *int32, taps int, panels, bias *float32, low float32, rows, width, scale int)

// vectorSet makes a set of kernels in assembly. What they read is checked here, once a call, so
// that a mistake is a panic and not a read of other memory.
func vectorSet(name string, rows rowsFunc, panels panelsFunc) *Set {
	return &Set{
		Name: name,
		Rows: func(out []float32, stride int, in []float32, ptr, offs []int32, vals, bias []float32, low float32, width, scale int) {
			n := len(ptr) - 1
			if n <= 0 || width <= 0 {
				return
			}
			_, _ = out[(n-1)*stride+width-1], bias[n-1]
			if ptr[n] == 0 { // no weights at all: nothing to point at
				rows(&out[0], stride, &out[0], &ptr[0], &ptr[0], &bias[0], &bias[0], low, n, width, scale)
				return
			}
			_, _ = vals[ptr[n]-1], offs[ptr[n]-1]
			rows(&out[0], stride, &in[0], &ptr[0], &offs[0], &vals[0], &bias[0], low, n, width, scale)
		},
		Panels: func(out []float32, stride int, in []float32, offs []int32, values, bias []float32, low float32, rows, width, scale int) {
			if rows <= 0 || width <= 0 {
				return
			}
			whole := (rows + Tall - 1) / Tall * Tall
			_, _, _ = out[(rows-1)*stride+width-1], bias[whole-1], values[whole*len(offs)-1]
			panels(&out[0], stride, &in[0], &offs[0], len(offs), &values[0], &bias[0], low, rows, width, scale)
		},
		Columns: func(out, x []float32, ptr []int32, index []uint16, vals []float32) {
			n := len(ptr) - 1
			if len(vals) == 0 {
				return
			}
			_, _, _ = x[n-1], vals[ptr[n]-1], index[ptr[n]-1]
			columnsAVX2(&out[0], &x[0], &ptr[0], &index[0], &vals[0], n)
		},
		Spread: func(out, in []float32, size, stride, images, lanes int) {
			whole := size &^ 7
			_, _ = in[(images-1)*stride+size-1], out[size*lanes-1]
			const tile = 64 // values, so that what is written stays in the first cache
			for i := 0; i < whole; i += tile {
				for k := 0; k < lanes; k += 8 {
					from := min(k, images-1)
					spreadAVX2(&out[i*lanes+k], &in[from*stride+i], min(tile, whole-i), stride, images-from, lanes)
				}
			}
			spread(out[whole*lanes:], in[whole:], size-whole, stride, images, lanes)
		},
		Add: func(out, a, b []float32, low float32) {
			n := len(out) &^ 7
			a, b = a[:len(out)], b[:len(out)]
			if n > 0 {
				addAVX2(&out[0], &a[0], &b[0], low, n)
			}
			add(out[n:], a[n:], b[n:], low)
		},
		Max4: func(out []float32, outPitch int, in []float32, pitch, rows, n, lanes int) {
			if rows <= 0 || n <= 0 {
				return
			}
			_, _ = out[(rows-1)*outPitch+n*lanes-1], in[(2*rows-1)*pitch+2*n*lanes-1]
			max4AVX2(&out[0], outPitch, &in[0], pitch, rows, n, lanes)
		},
		Halve: func(out []float32, outPitch int, in []float32, pitch, rows, n int) {
			if rows <= 0 || n <= 0 {
				return
			}
			whole := Up(n)
			_, _ = out[(rows-1)*outPitch+whole-1], in[(2*rows-1)*pitch+2*whole-1]
			halveAVX2(&out[0], outPitch, &in[0], pitch, rows, n)
		},
		Dots: func(out, x []float32, rows, lengths []int32, index []uint16, vals, bias []float32, low float32) {
			if len(vals) == 0 {
				dots(out, x, rows, lengths, index, vals, bias, low)
				return
			}
			lengths = lengths[:len(rows)]
			dotsAVX2(&out[0], &x[0], &rows[0], &lengths[0], len(rows), &index[0], &vals[0], &bias[0], low)
		},
	}
}
