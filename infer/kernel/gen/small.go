// The smaller kernels: columns of a sparse matrix, a transposition, sums and greatest values.

package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// columns is Set.Columns: eight inputs are looked at together, and the zeros among them passed
// over. Columns are multiples of four values long.
func columns() {
	TEXT("columnsAVX2", NOSPLIT, "func(out, x *float32, ptr *int32, index *uint16, vals *float32, inputs int)")
	Pragma("noescape")
	out := Load(Param("out"), GP64())
	x := Load(Param("x"), GP64())
	ptr := Load(Param("ptr"), GP64())
	index := Load(Param("index"), GP64())
	vals := Load(Param("vals"), GP64())
	left := Load(Param("inputs"), GP64())
	none, values := YMM(), YMM()
	VXORPS(none, none, none)
	mask, bit, k, end, at := GP32(), GP32(), GP64(), GP64(), GP64()
	factor := XMM()

	Label("eight")
	TESTQ(left, left)
	JLE(LabelRef("end"))
	VMOVUPS(Mem{Base: x}, values)
	VCMPPS(U8(4), none, values, values) // not equal, or no number
	VMOVMSKPS(values, mask)
	Label("next")
	TESTL(mask, mask)
	JE(LabelRef("none"))
	TZCNTL(mask, bit)
	BLSRL(mask, mask)
	VBROADCASTSS(Mem{Base: x, Index: bit.As64(), Scale: 4}, factor)
	MOVLQSX(Mem{Base: ptr, Index: bit.As64(), Scale: 4}, k)
	MOVLQSX(Mem{Base: ptr, Index: bit.As64(), Scale: 4, Disp: 4}, end)
	Label("four")
	CMPQ(k, end)
	JGE(LabelRef("next"))
	for i := range 4 {
		v := XMM()
		MOVWQZX(Mem{Base: index, Index: k, Scale: 2, Disp: 2 * i}, at)
		VMOVSS(Mem{Base: vals, Index: k, Scale: 4, Disp: 4 * i}, v)
		VFMADD213SS(Mem{Base: out, Index: at, Scale: 4}, factor, v)
		VMOVSS(v, Mem{Base: out, Index: at, Scale: 4})
	}
	ADDQ(U8(4), k)
	JMP(LabelRef("four"))
	Label("none")
	ADDQ(U8(32), x)
	ADDQ(U8(32), ptr)
	SUBQ(U8(8), left)
	JMP(LabelRef("eight"))
	Label("end")
	VZEROUPPER()
	RET()
}

// spread transposes eight rows: out[i*lanes+k] = row k[i], for i below size, a multiple of 8. Rows
// behind the last image repeat it.
func spread() {
	TEXT("spreadAVX2", NOSPLIT, "func(out, in *float32, size, stride, images, lanes int)")
	Pragma("noescape")
	out := Load(Param("out"), GP64())
	stride := Load(Param("stride"), GP64())
	SHLQ(U8(2), stride)
	images := Load(Param("images"), GP64())
	var row [8]reg.GPVirtual
	for k := range row {
		row[k] = GP64()
		if k == 0 {
			Load(Param("in"), row[0])
			continue
		}
		MOVQ(row[k-1], row[k])
		next := GP64()
		LEAQ(Mem{Base: row[k], Index: stride, Scale: 1}, next)
		CMPQ(images, U8(k))
		CMOVQGT(next, row[k])
	}
	lanes := Load(Param("lanes"), GP64())
	SHLQ(U8(2), lanes)
	size := Load(Param("size"), GP64())

	Label("block")
	TESTQ(size, size)
	JLE(LabelRef("done"))
	var a, b [8]reg.VecVirtual
	for k := range 4 {
		// Halves of rows k and k+4 side by side, for the first and the last four values.
		for h := range 2 {
			a[k+4*h] = YMM()
			VMOVUPS(Mem{Base: row[k], Disp: 16 * h}, a[k+4*h].AsX())
			VINSERTF128(U8(1), Mem{Base: row[k+4], Disp: 16 * h}, a[k+4*h], a[k+4*h])
		}
	}
	for h := range 2 {
		for k := range 2 {
			// Of four registers, interleave the values of rows 2k and 2k+1.
			b[4*h+2*k], b[4*h+2*k+1] = YMM(), YMM()
			VUNPCKLPS(a[4*h+2*k+1], a[4*h+2*k], b[4*h+2*k])
			VUNPCKHPS(a[4*h+2*k+1], a[4*h+2*k], b[4*h+2*k+1])
		}
		for i := range 4 {
			low, high := b[4*h+i/2], b[4*h+2+i/2]
			v := YMM()
			if i%2 == 0 {
				VSHUFPS(U8(0x44), high, low, v)
			} else {
				VSHUFPS(U8(0xee), high, low, v)
			}
			VMOVUPS(v, Mem{Base: out})
			ADDQ(lanes, out)
		}
	}
	for k := range row {
		ADDQ(U8(32), row[k])
	}
	SUBQ(U8(8), size)
	JMP(LabelRef("block"))
	Label("done")
	VZEROUPPER()
	RET()
}

// add is Set.Add.
func add() {
	TEXT("addAVX2", NOSPLIT, "func(out, a, b *float32, low float32, n int)")
	Pragma("noescape")
	out := Load(Param("out"), GP64())
	a := Load(Param("a"), GP64())
	b := Load(Param("b"), GP64())
	n := Load(Param("n"), GP64())
	low, x := YMM(), YMM()
	bound, err := Param("low").Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(bound.Addr, low)
	k := GP64()
	XORQ(k, k)
	Label("vector")
	CMPQ(k, n)
	JGE(LabelRef("summed"))
	VMOVUPS(Mem{Base: a, Index: k, Scale: 4}, x)
	VADDPS(Mem{Base: b, Index: k, Scale: 4}, x, x)
	VMAXPS(x, low, x)
	VMOVUPS(x, Mem{Base: out, Index: k, Scale: 4})
	ADDQ(U8(8), k)
	JMP(LabelRef("vector"))
	Label("summed")
	VZEROUPPER()
	RET()
}

// maxPool has Set.Max4, and Set.Halve for windows of two by two of one image. Both go over a plane.
func maxPool() {
	plane := func(name, signature string, row func(out, a, b, n, lanes reg.Register)) {
		TEXT(name, NOSPLIT, signature)
		Pragma("noescape")
		out := Load(Param("out"), GP64())
		outPitch := Load(Param("outPitch"), GP64())
		SHLQ(U8(2), outPitch)
		in := Load(Param("in"), GP64())
		pitch := Load(Param("pitch"), GP64())
		SHLQ(U8(2), pitch)
		rows := Load(Param("rows"), GP64())
		n := Load(Param("n"), GP64())
		var lanes reg.Register
		if name == "max4AVX2" {
			lanes = Load(Param("lanes"), GP64())
			SHLQ(U8(2), lanes)
		}
		below, dst := GP64(), GP64()
		Label(name + "row")
		TESTQ(rows, rows)
		JLE(LabelRef(name + "done"))
		LEAQ(Mem{Base: in, Index: pitch, Scale: 1}, below)
		MOVQ(out, dst)
		row(dst, in, below, n, lanes)
		LEAQ(Mem{Base: in, Index: pitch, Scale: 2}, in)
		ADDQ(outPitch, out)
		DECQ(rows)
		JMP(LabelRef(name + "row"))
		Label(name + "done")
		VZEROUPPER()
		RET()
	}

	plane("max4AVX2", "func(out *float32, outPitch int, in *float32, pitch, rows, n, lanes int)", func(out, a, b, n, lanes reg.Register) {
		x, k, p, q, left := YMM(), GP64(), GP64(), GP64(), GP64()
		MOVQ(a, p)
		MOVQ(b, q)
		MOVQ(n, left)
		Label("pixel")
		TESTQ(left, left)
		JLE(LabelRef("pixels"))
		XORQ(k, k)
		Label("lane")
		VMOVUPS(Mem{Base: p, Index: k, Scale: 1}, x)
		greatest(Mem{Base: q, Index: k, Scale: 1}, x)
		second := GP64()
		LEAQ(Mem{Base: lanes, Index: k, Scale: 1}, second)
		greatest(Mem{Base: p, Index: second, Scale: 1}, x)
		greatest(Mem{Base: q, Index: second, Scale: 1}, x)
		VMOVUPS(x, Mem{Base: out, Index: k, Scale: 1})
		ADDQ(U8(32), k)
		CMPQ(k, lanes)
		JL(LabelRef("lane"))
		ADDQ(lanes, out)
		LEAQ(Mem{Base: p, Index: lanes, Scale: 2}, p)
		LEAQ(Mem{Base: q, Index: lanes, Scale: 2}, q)
		DECQ(left)
		JMP(LabelRef("pixel"))
		Label("pixels")
	})

	plane("halveAVX2", "func(out *float32, outPitch int, in *float32, pitch, rows, n int)", func(out, a, b, n, _ reg.Register) {
		k, low, high, even, odd := GP64(), YMM(), YMM(), YMM(), YMM()
		XORQ(k, k)
		Label("half")
		VMOVUPS(Mem{Base: a, Index: k, Scale: 8}, low)
		greatest(Mem{Base: b, Index: k, Scale: 8}, low)
		VMOVUPS(Mem{Base: a, Index: k, Scale: 8, Disp: 32}, high)
		greatest(Mem{Base: b, Index: k, Scale: 8, Disp: 32}, high)
		VSHUFPS(U8(0x88), high, low, even)
		VSHUFPS(U8(0xdd), high, low, odd)
		greatest(odd, even)
		VPERMPD(U8(0xd8), even, even)
		VMOVUPS(even, Mem{Base: out, Index: k, Scale: 4})
		ADDQ(U8(8), k)
		CMPQ(k, n)
		JL(LabelRef("half"))
	})
}

// dots is Set.Dots: rows of like length follow one another, so that the ends of the loops are
// foreseen.
func dots() {
	TEXT("dotsAVX2", NOSPLIT, "func(out, x *float32, rows *int32, lengths *int32, count int, index *uint16, vals, bias *float32, low float32)")
	Pragma("noescape")
	out := Load(Param("out"), GP64())
	x := Load(Param("x"), GP64())
	row := Load(Param("rows"), GP64())
	length := Load(Param("lengths"), GP64())
	count := Load(Param("count"), GP64())
	index := Load(Param("index"), GP64())
	vals := Load(Param("vals"), GP64())
	bias := Load(Param("bias"), GP64())
	low := XMM()
	Load(Param("low"), low)
	left, at := GP64(), GP64()
	var sums [4]reg.VecVirtual
	for i := range sums {
		sums[i] = XMM()
	}
	product := func(i int) {
		v, from := XMM(), GP64()
		MOVWQZX(Mem{Base: index, Disp: 2 * i}, from)
		VMOVSS(Mem{Base: vals, Disp: 4 * i}, v)
		VFMADD231SS(Mem{Base: x, Index: from, Scale: 4}, v, sums[i])
	}
	Label("row")
	TESTQ(count, count)
	JLE(LabelRef("done"))
	MOVLQSX(Mem{Base: row}, at)
	MOVLQSX(Mem{Base: length}, left)
	VMOVSS(Mem{Base: bias, Index: at, Scale: 4}, sums[0])
	SUBQ(U8(4), left)
	JL(LabelRef("short"))
	for _, s := range sums[1:] {
		VXORPS(s, s, s)
	}
	Label("fours")
	for i := range 4 {
		product(i)
	}
	ADDQ(U8(8), index)
	ADDQ(U8(16), vals)
	SUBQ(U8(4), left)
	JGE(LabelRef("fours"))
	VADDSS(sums[1], sums[0], sums[0])
	VADDSS(sums[3], sums[2], sums[2])
	VADDSS(sums[2], sums[0], sums[0])
	Label("short")
	ADDQ(U8(4), left)
	JLE(LabelRef("finish"))
	Label("one")
	product(0)
	ADDQ(U8(2), index)
	ADDQ(U8(4), vals)
	DECQ(left)
	JNE(LabelRef("one"))
	Label("finish")
	VMAXSS(sums[0], low, sums[0])
	VMOVSS(sums[0], Mem{Base: out, Index: at, Scale: 4})
	ADDQ(U8(4), row)
	ADDQ(U8(4), length)
	DECQ(count)
	JMP(LabelRef("row"))
	Label("done")
	RET()
}

// greatest is x = max(x, y), where what is no number wins from either side.
func greatest(y Op, x reg.VecVirtual) {
	unordered, other := YMM(), YMM()
	VMOVUPS(y, other)
	VCMPPS(U8(3), x, x, unordered)
	m := YMM()
	VMAXPS(other, x, m) // other where one is no number
	VBLENDVPS(unordered, x, m, x)
}

// cpuid has the two instructions that say what the processor has.
func cpuid() {
	TEXT("cpuid", NOSPLIT, "func(leaf, sub uint32) (a, b, c, d uint32)")
	Load(Param("leaf"), reg.EAX)
	Load(Param("sub"), reg.ECX)
	CPUID()
	Store(reg.EAX, ReturnIndex(0))
	Store(reg.EBX, ReturnIndex(1))
	Store(reg.ECX, ReturnIndex(2))
	Store(reg.EDX, ReturnIndex(3))
	RET()

	TEXT("xgetbv", NOSPLIT, "func() (low uint32)")
	XORL(reg.ECX, reg.ECX)
	XGETBV()
	Store(reg.EAX, ReturnIndex(0))
	RET()
}
