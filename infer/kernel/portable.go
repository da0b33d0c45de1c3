package kernel

func rows(out []float32, stride int, in []float32, ptr, offs []int32, vals, bias []float32, low float32, width, scale int) {
	for r := range len(ptr) - 1 {
		vals, offs := vals[ptr[r]:ptr[r+1]], offs[ptr[r]:ptr[r+1]]
		offs = offs[:len(vals)]
		dst := out[r*stride:]
		for j := 0; j < width; j += Width {
			b := bias[r]
			s0, s1, s2, s3, s4, s5, s6, s7 := b, b, b, b, b, b, b, b
			for k, v := range vals {
				x := (*[Width]float32)(in[int(offs[k])*scale+j:])
				s0 += v * x[0]
				s1 += v * x[1]
				s2 += v * x[2]
				s3 += v * x[3]
				s4 += v * x[4]
				s5 += v * x[5]
				s6 += v * x[6]
				s7 += v * x[7]
			}
			d := (*[Width]float32)(dst[j:])
			d[0], d[1], d[2], d[3] = max(s0, low), max(s1, low), max(s2, low), max(s3, low)
			d[4], d[5], d[6], d[7] = max(s4, low), max(s5, low), max(s6, low), max(s7, low)
		}
	}
}

func panels(out []float32, stride int, in []float32, offs []int32, panels, bias []float32, low float32, rows, width, scale int) {
	for r := range rows {
		panel := panels[r/Tall*len(offs)*Tall+r%Tall:]
		dst := out[r*stride:]
		for j := 0; j < width; j += Width {
			b := bias[r]
			s0, s1, s2, s3, s4, s5, s6, s7 := b, b, b, b, b, b, b, b
			for k, o := range offs {
				v := panel[k*Tall]
				x := (*[Width]float32)(in[int(o)*scale+j:])
				s0 += v * x[0]
				s1 += v * x[1]
				s2 += v * x[2]
				s3 += v * x[3]
				s4 += v * x[4]
				s5 += v * x[5]
				s6 += v * x[6]
				s7 += v * x[7]
			}
			d := (*[Width]float32)(dst[j:])
			d[0], d[1], d[2], d[3] = max(s0, low), max(s1, low), max(s2, low), max(s3, low)
			d[4], d[5], d[6], d[7] = max(s4, low), max(s5, low), max(s6, low), max(s7, low)
		}
	}
}

func columns(out, x []float32, ptr []int32, index []uint16, vals []float32) {
	from := ptr[0]
	for i, v := range x[:len(ptr)-1] {
		to := ptr[i+1]
		if v != 0 {
			vals, index := vals[from:to], index[from:to]
			index = index[:len(vals)]
			for k, w := range vals {
				out[index[k]] += w * v
			}
		}
		from = to
	}
}

// spread works in blocks, so that neither side leaves the cache.
func spread(out, in []float32, size, stride, images, lanes int) {
	const block = 16
	for i0 := 0; i0 < size; i0 += block {
		i1 := min(i0+block, size)
		for k := range lanes {
			from := min(k, images-1) * stride
			at := i0*lanes + k
			for _, v := range in[from+i0 : from+i1] {
				out[at] = v
				at += lanes
			}
		}
	}
}

func add(out, a, b []float32, low float32) {
	for i := range out {
		out[i] = max(a[i]+b[i], low)
	}
}

func max4(out []float32, outPitch int, in []float32, pitch, rows, n, lanes int) {
	for y := range rows {
		a, b, d := in[2*y*pitch:], in[(2*y+1)*pitch:], out[y*outPitch:]
		for x := range n {
			i := 2 * x * lanes
			for l := range lanes {
				d[x*lanes+l] = max(a[i+l], a[i+lanes+l], b[i+l], b[i+lanes+l])
			}
		}
	}
}

func halve(out []float32, outPitch int, in []float32, pitch, rows, n int) {
	for y := range rows {
		a, b, d := in[2*y*pitch:][:2*n], in[(2*y+1)*pitch:][:2*n], out[y*outPitch:][:n]
		for x := range d {
			d[x] = max(a[2*x], a[2*x+1], b[2*x], b[2*x+1])
		}
	}
}

func dots(out, x []float32, rows, lengths []int32, index []uint16, vals, bias []float32, low float32) {
	from := 0
	for r, row := range rows {
		to := from + int(lengths[r])
		vals, index := vals[from:to], index[from:to]
		index = index[:len(vals)]
		a, b := bias[row], float32(0)
		k := 0
		for ; k+1 < len(vals); k += 2 {
			a += vals[k] * x[index[k]]
			b += vals[k+1] * x[index[k+1]]
		}
		if k < len(vals) {
			a += vals[k] * x[index[k]]
		}
		out[row] = max(a+b, low)
		from = to
	}
}
