// Command gen writes the assembly of package kernel. It is a module of its own, so that avo is no
// dependency of those who use gsmlab. Run it by go generate in ../.
package main

import (
	"strconv"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A width is a kind of vector registers.
type width struct {
	suffix string
	bytes  int
	vector func() reg.VecVirtual
}

var (
	avx2   = width{"AVX2", 32, YMM}
	avx512 = width{"AVX512", 64, ZMM}
)

func main() {
	ConstraintExpr("amd64")
	for _, w := range []width{avx2, avx512} {
		rows(w)
		panels(w)
	}
	columns()
	dots()
	spread()
	add()
	maxPool()
	cpuid()
	Generate()
}

// A chunk is how many vectors a loop works on at once, and how many sums each has, so that one
// multiplication need not wait for the one before.
type chunk struct {
	w             width
	vectors, sums int
}

// chunks are those of a width, largest first. Lengths are multiples of 8 values, so that the last
// is half a register of AVX-512.
func chunks(w width) []chunk {
	list := []chunk{{w, 8, 1}, {w, 4, 2}, {w, 2, 4}, {w, 1, 8}}
	if w.bytes == 64 {
		list = append(list, chunk{avx2, 1, 8})
	}
	return list
}

// rows is Set.Rows: see kernel.go.
func rows(w width) {
	name := "rows" + w.suffix
	TEXT(name, NOSPLIT, "func(out *float32, stride int, in *float32, ptr, offs *int32, vals, bias *float32, low float32, rows, width, scale int)")
	Pragma("noescape")
	out := Load(Param("out"), GP64())
	stride := Load(Param("stride"), GP64())
	SHLQ(U8(2), stride)
	in := Load(Param("in"), GP64())
	left := Load(Param("width"), GP64())
	scale := Load(Param("scale"), GP64())
	for _, c := range chunks(w) {
		label := name + strconv.Itoa(c.w.bytes*c.vectors)
		lanes := c.vectors * c.w.bytes / 4
		Label(label)
		CMPQ(left, U32(lanes))
		JL(LabelRef(label + "done"))
		rowsChunk(c, label, out, stride, in, scale)
		ADDQ(U32(4*lanes), out)
		ADDQ(U32(4*lanes), in)
		SUBQ(U32(lanes), left)
		JMP(LabelRef(label))
		Label(label + "done")
	}
	VZEROUPPER()
	RET()
}

// rowsChunk computes one chunk of all rows.
func rowsChunk(c chunk, label string, out, stride, in, scale reg.Register) {
	ptr := Load(Param("ptr"), GP64())
	offs := Load(Param("offs"), GP64())
	vals := Load(Param("vals"), GP64())
	bias := Load(Param("bias"), GP64())
	count := Load(Param("rows"), GP64())
	dst := GP64()
	MOVQ(out, dst)
	k, end := GP64(), GP64()
	MOVLQSX(Mem{Base: ptr}, k)

	low, weight := c.w.vector(), c.w.vector()
	bound, err := Param("low").Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(bound.Addr, low)
	sums := make([][]reg.VecVirtual, c.sums)
	for s := range sums {
		for range c.vectors {
			sums[s] = append(sums[s], c.w.vector())
		}
	}
	multiply := func(sum []reg.VecVirtual, step int) {
		off := GP64()
		MOVLQSX(Mem{Base: offs, Index: k, Scale: 4, Disp: 4 * step}, off)
		IMULQ(scale, off)
		VBROADCASTSS(Mem{Base: vals, Index: k, Scale: 4, Disp: 4 * step}, weight)
		for v, x := range sum {
			VFMADD231PS(Mem{Base: in, Index: off, Scale: 4, Disp: v * c.w.bytes}, weight, x)
		}
	}

	Label(label + "row")
	TESTQ(count, count)
	JE(LabelRef(label + "end"))
	for s, sum := range sums {
		for _, x := range sum {
			if s == 0 {
				VBROADCASTSS(Mem{Base: bias}, x)
			} else {
				zero(x)
			}
		}
	}
	MOVLQSX(Mem{Base: ptr, Disp: 4}, end)
	if c.sums > 1 {
		SUBQ(U8(c.sums-1), end)
		Label(label + "many")
		CMPQ(k, end)
		JGE(LabelRef(label + "few"))
		for s := range sums {
			multiply(sums[s], s)
		}
		ADDQ(U8(c.sums), k)
		JMP(LabelRef(label + "many"))
		Label(label + "few")
		ADDQ(U8(c.sums-1), end)
	}
	Label(label + "one")
	CMPQ(k, end)
	JGE(LabelRef(label + "sum"))
	multiply(sums[0], 0)
	INCQ(k)
	JMP(LabelRef(label + "one"))
	Label(label + "sum")
	for half := c.sums / 2; half > 0; half /= 2 {
		for s := range half {
			for v := range sums[s] {
				VADDPS(sums[s+half][v], sums[s][v], sums[s][v])
			}
		}
	}
	for v, x := range sums[0] {
		VMAXPS(x, low, x) // in this order, what is no number stays so
		VMOVUPS(x, Mem{Base: dst, Disp: v * c.w.bytes})
	}
	ADDQ(stride, dst)
	ADDQ(U8(4), ptr)
	ADDQ(U8(4), bias)
	DECQ(count)
	JMP(LabelRef(label + "row"))
	Label(label + "end")
}

// zero clears a register.
func zero(x reg.VecVirtual) {
	if x.Size() == 64 {
		VPXORD(x, x, x)
		return
	}
	VXORPS(x, x, x)
}

const tall = 6 // kernel.Tall

// panels is Set.Panels: see kernel.go.
func panels(w width) {
	name := "panels" + w.suffix
	TEXT(name, NOSPLIT, "func(out *float32, stride int, in *float32, offs *int32, taps int, panels, bias *float32, low float32, rows, width, scale int)")
	Pragma("noescape")
	out := Load(Param("out"), GP64())
	stride := Load(Param("stride"), GP64())
	SHLQ(U8(2), stride)
	scale := Load(Param("scale"), GP64())
	panel := Load(Param("panels"), GP64())
	bias := Load(Param("bias"), GP64())
	count := Load(Param("rows"), GP64())

	Label(name)
	TESTQ(count, count)
	JLE(LabelRef(name + "end"))
	in := Load(Param("in"), GP64())
	left := Load(Param("width"), GP64())
	dst := GP64()
	MOVQ(out, dst)
	list := []chunk{{w, 2, 1}, {w, 1, 1}}
	if w.bytes == 64 {
		list = append(list, chunk{avx2, 1, 1})
	}
	for _, c := range list {
		label := name + strconv.Itoa(c.w.bytes*c.vectors)
		lanes := c.vectors * c.w.bytes / 4
		Label(label)
		CMPQ(left, U32(lanes))
		JL(LabelRef(label + "done"))
		panelChunk(c, label, dst, stride, in, scale, panel, bias, count)
		ADDQ(U32(4*lanes), dst)
		ADDQ(U32(4*lanes), in)
		SUBQ(U32(lanes), left)
		JMP(LabelRef(label))
		Label(label + "done")
	}
	taps := Load(Param("taps"), GP64())
	IMUL3Q(U8(4*tall), taps, taps)
	ADDQ(taps, panel)
	ADDQ(U8(4*tall), bias)
	IMUL3Q(U8(tall), stride, taps)
	ADDQ(taps, out)
	SUBQ(U8(tall), count)
	JMP(LabelRef(name))
	Label(name + "end")
	VZEROUPPER()
	RET()
}

// panelChunk computes one chunk of one panel.
func panelChunk(c chunk, label string, dst, stride, in, scale, panel, bias, count reg.Register) {
	offs := Load(Param("offs"), GP64())
	taps := Load(Param("taps"), GP64())
	at, row := GP64(), GP64()
	MOVQ(panel, at)
	var sums [tall][]reg.VecVirtual
	for r := range tall {
		for range c.vectors {
			x := c.w.vector()
			VBROADCASTSS(Mem{Base: bias, Disp: 4 * r}, x)
			sums[r] = append(sums[r], x)
		}
	}
	weight := c.w.vector()
	var x []reg.VecVirtual
	for range c.vectors {
		x = append(x, c.w.vector())
	}
	Label(label + "tap")
	off := GP64()
	MOVLQSX(Mem{Base: offs}, off)
	IMULQ(scale, off)
	for v := range x {
		VMOVUPS(Mem{Base: in, Index: off, Scale: 4, Disp: v * c.w.bytes}, x[v])
	}
	for r := range tall {
		VBROADCASTSS(Mem{Base: at, Disp: 4 * r}, weight)
		for v := range x {
			VFMADD231PS(x[v], weight, sums[r][v])
		}
	}
	ADDQ(U8(4*tall), at)
	ADDQ(U8(4), offs)
	DECQ(taps)
	JNE(LabelRef(label + "tap"))

	bound, err := Param("low").Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(bound.Addr, weight)
	MOVQ(dst, row)
	for r := range tall {
		CMPQ(count, U8(r))
		JLE(LabelRef(label + "stored"))
		for v, s := range sums[r] {
			VMAXPS(s, weight, s)
			VMOVUPS(s, Mem{Base: row, Disp: v * c.w.bytes})
		}
		ADDQ(stride, row)
	}
	Label(label + "stored")
}
