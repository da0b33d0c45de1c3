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

// maxPool has Set.Max4, and Set.Halve for windows of two by two of one image.
func maxPool() {
	TEXT("max4AVX2", NOSPLIT, "func(out, a, b, c, d *float32, n int)")
	Pragma("noescape")
	var in [4]reg.Register
	for i, name := range []string{"a", "b", "c", "d"} {
		in[i] = Load(Param(name), GP64())
	}
	out := Load(Param("out"), GP64())
	n := Load(Param("n"), GP64())
	k, x := GP64(), YMM()
	XORQ(k, k)
	Label("four_of")
	CMPQ(k, n)
	JGE(LabelRef("four_done"))
	VMOVUPS(Mem{Base: in[0], Index: k, Scale: 4}, x)
	for _, p := range in[1:] {
		greatest(Mem{Base: p, Index: k, Scale: 4}, x)
	}
	VMOVUPS(x, Mem{Base: out, Index: k, Scale: 4})
	ADDQ(U8(8), k)
	JMP(LabelRef("four_of"))
	Label("four_done")
	VZEROUPPER()
	RET()

	TEXT("halveAVX2", NOSPLIT, "func(out, a, b *float32, n int)")
	Pragma("noescape")
	out = Load(Param("out"), GP64())
	a := Load(Param("a"), GP64())
	b := Load(Param("b"), GP64())
	n = Load(Param("n"), GP64())
	k = GP64()
	low, high, even, odd := YMM(), YMM(), YMM(), YMM()
	XORQ(k, k)
	Label("half")
	CMPQ(k, n)
	JGE(LabelRef("half_done"))
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
	JMP(LabelRef("half"))
	Label("half_done")
	VZEROUPPER()
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
