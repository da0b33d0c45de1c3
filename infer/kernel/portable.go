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

func max4(out, a, b, c, d []float32) {
	for i := range out {
		out[i] = max(a[i], b[i], c[i], d[i])
	}
}

func halve(out, a, b []float32) {
	for i := range out {
		out[i] = max(a[2*i], a[2*i+1], b[2*i], b[2*i+1])
	}
}
