package main

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/pack"
)

// gemv256 is the template of the GEMV kernels of 256 bits: one panel of 16 rows in two
// halves of 8, one token, packed records read in place.
type gemv256 struct {
	*asm
	r    recipe
	vnni bool
}

const gemv256Doc = `GEMV kernels, %s: one panel of 16 rows in two halves of 8, one token, packed
records read in place. The order of operations is that of the GEMM kernels.

	SI record   DI activations   R9 correction, minpair or bsum plane
	R10 exponents   R11 bases   R12 C   CX records left   R13 records left in the slab
	Y0, Y1 sums of the halves   Y14, Y15 further sums   Y12, Y13 slab accumulators
	Y2-Y5 weights: two groups, two halves each   Y6, Y7 temporary
	Y8, Y9 d   Y10, Y11 masks`

const gemv256AVX2 = `

The int16 sums of VPMADDUBSW are widened as in the GEMM: after eight groups of 4-bit
values, four of 5-bit values, two of 6-bit values, each pair of bytes (|w| and
sign(w)·q: 128·127·2 = 32512).`

func gemv256File(vnni bool, s scheme) *asm {
	s.check("gemv256")
	a, prefix := &asm{doc: fmt.Sprintf(gemv256Doc, "AVX2") + gemv256AVX2, constants: "gemv256Const"}, "gemv256"
	if vnni {
		prefix = "gemv256V"
		a = &asm{doc: fmt.Sprintf(gemv256Doc, "AVX-VNNI"), constants: "gemv256VConst", include: []string{"vnni256_amd64.h"}}
	}
	for _, r := range quantised() {
		a.text(prefix+r.name, "a *gemvArgs", "")
		gemv256{a, r, vnni}.kernel()
	}
	return a
}

func (k gemv256) kernel() {
	r := k.r
	k.p("MOVQ a+0(FP), DX")
	k.load("gemvArgs", "rec SI", "act DI", "init R9", "exp R10", "base R11", "c R12", "records CX")
	if r.LowBits == 4 {
		k.p("VPBROADCASTD %s, Y11", k.constant(bytes4(15)))
	}
	if r.HighBits > 0 {
		k.p("VPBROADCASTD %s, Y10", k.constant(bytes4((1<<r.HighBits-1)<<4)))
	}
	if r.LowBits == 8 && !k.vnni {
		k.p("VPBROADCASTD %s, Y10; VMOVDQU %s, Y11", k.constant(bytes4(128)), k.ones())
	}
	k.label("slab")
	k.p("VXORPS Y12, Y12, Y12; VXORPS Y13, Y13, Y13")
	if r.super() {
		k.superSlab()
		k.p("DECQ CX; JNZ slab")
	} else {
		k.slab()
		k.p("TESTQ CX, CX; JNZ slab")
	}
	k.p("VZEROUPPER; RET")
}

// zeros reports whether sums are corrected by the plane of zero points; where bytes
// are made signed they need not be.
func (k gemv256) zeros() bool { return k.r.init() && (k.vnni || k.r.bits() < 8) }

func (k gemv256) ones() string { return k.constant32("ones16", 0x0001000100010001) }

// slab: at most four records of two blocks of 32 channels.
func (k gemv256) slab() {
	r := k.r
	k.p("MOVQ $4, R13; CMPQ CX, R13; CMOVQLT CX, R13; SUBQ R13, CX")
	if r.HasMin() {
		k.p("MOVQ SI, AX; MOVQ R13, BX") // the mins of a slab follow its blocks
	}
	k.loop("rec", "R13", func() {
		for b := range 2 {
			k.block(b)
			k.p("VCVTPH2PS %d(SI), Y2; VCVTPH2PS %d(SI), Y3", 32*b, 32*b+16)
			k.addScaled(b)
		}
		k.p("ADDQ $%d, SI; ADDQ $64, DI; ADDQ $8, R10", r.Size)
		if k.zeros() {
			k.p("ADDQ $8, R9")
		}
	})
	if r.HasMin() { // acc = fma(bsum, m, acc)
		k.loop("min", "BX", func() {
			k.zip("VCVTPH2PS %d(AX), %s", seq{r.Min, 16}, y(2, 4))
			k.p("VBROADCASTSS (R9), Y6; VBROADCASTSS 4(R9), Y7")
			k.p("VFMADD231PS Y6, Y2, Y12; VFMADD231PS Y6, Y3, Y13; VFMADD231PS Y7, Y4, Y12; VFMADD231PS Y7, Y5, Y13")
			k.p("ADDQ $8, R9; ADDQ $%d, AX", r.Size)
		})
	}
	k.endSlab()
}

// superSlab: one record, its scales d times integers.
func (k gemv256) superSlab() {
	r, extend := k.r, "VPMOVZXBD"
	if r.Scale == pack.ScaleI8 {
		extend = "VPMOVSXBD"
	}
	k.p("VCVTPH2PS (SI), Y8; VCVTPH2PS 16(SI), Y9")
	n := 256 / r.Group
	for i := range n {
		k.block(i)
		k.p("%[1]s %[2]d(SI), Y2; %[1]s %[3]d(SI), Y3", extend, r.Sub+16*i, r.Sub+16*i+8)
		k.p("VCVTDQ2PS Y2, Y2; VCVTDQ2PS Y3, Y3; VMULPS Y8, Y2, Y2; VMULPS Y9, Y3, Y3")
		k.addScaled(8 * i / n)
	}
	plane := 4 * n
	if r.HasMin() {
		k.superMins()
		plane = 16
	}
	k.endSlab()
	k.p("ADDQ $%d, SI; ADDQ $256, DI; ADDQ $32, R10; ADDQ $%d, R9", r.Size, plane)
}

// superMins: acc = fma(-float(sum of mins), dmin/8, acc).
func (k gemv256) superMins() {
	k.p("VPXOR Y0, Y0, Y0; VPXOR Y1, Y1, Y1")
	for p := range 4 {
		k.p("VPMOVZXBW %d(SI), Y2; VPMOVZXBW %d(SI), Y3", k.r.SubMin+32*p, k.r.SubMin+32*p+16)
		k.p("VPBROADCASTD %d(R9), Y6; VPMADDWD Y6, Y2, Y2; VPMADDWD Y6, Y3, Y3; VPADDD Y2, Y0, Y0; VPADDD Y3, Y1, Y1", 4*p)
	}
	k.p("VCVTDQ2PS Y0, Y0; VCVTDQ2PS Y1, Y1; VBROADCASTSS %s, Y6", k.constant(124<<23))
	k.p("VCVTPH2PS %d(SI), Y2; VCVTPH2PS %d(SI), Y3; VMULPS Y6, Y2, Y2; VMULPS Y6, Y3, Y3", k.r.Min, k.r.Min+16)
	k.p("VFNMADD231PS Y2, Y0, Y12; VFNMADD231PS Y3, Y1, Y13")
}

// endSlab: C = fma(acc, base, C).
func (k gemv256) endSlab() {
	k.p("VBROADCASTSS (R11), Y2; VFMADD213PS (R12), Y2, Y12; VFMADD213PS 32(R12), Y2, Y13")
	k.p("VMOVUPS Y12, (R12); VMOVUPS Y13, 32(R12); ADDQ $4, R11")
}

// addScaled: acc = fma(float(sum), dw·2^-e, acc), dw in Y2 and Y3. Exact scales would be
// multiplied in here. Where a scale may be 0 it is multiplied by 2^-e.
func (k gemv256) addScaled(b int) {
	k.p("VCVTDQ2PS Y0, Y0; VCVTDQ2PS Y1, Y1; VPBROADCASTD %d(R10), Y6", 4*b)
	if k.r.HasZero() {
		k.p("VPADDD Y6, Y2, Y2; VPADDD Y6, Y3, Y3")
	} else {
		k.p("VPBROADCASTD %s, Y7; VPADDD Y7, Y6, Y6; VMULPS Y6, Y2, Y2; VMULPS Y6, Y3, Y3", k.constant(127<<23))
	}
	k.p("VFMADD231PS Y2, Y0, Y12; VFMADD231PS Y3, Y1, Y13")
}

// block makes the sums of block i of the record.
func (k gemv256) block(i int) {
	r, n := k.r, k.r.groups()
	k.clear()
	for g := n * i; g < n*(i+1); g += 2 {
		switch {
		case k.vnni || r.bits() < 8:
			if g == n*i+n/2 && r.HighBits > 0 && !k.vnni {
				k.p("VPMADDWD %[1]s, Y0, Y14; VPMADDWD %[1]s, Y1, Y15", k.ones())
				k.clear()
			}
			k.pair(g)
			k.dots(g)
		case r.LowBits == 8:
			for i := g; i < g+2; i++ {
				at := r.Low + 64*i
				k.p("PREFETCHT0 %d(SI); VPXOR %d(SI), Y10, Y2; VPXOR %d(SI), Y10, Y3", 4096+64*i, at, at+32)
				k.signed(i, "Y2", "Y3")
			}
		default:
			k.pair(g)
			k.p("VMOVDQA Y4, Y14; VMOVDQA Y5, Y15")
			k.signed(g, "Y2", "Y3")
			k.signed(g+1, "Y14", "Y15")
		}
	}
	switch {
	case k.vnni:
		k.p("VPADDD Y14, Y0, Y0; VPADDD Y15, Y1, Y1")
	case r.bits() < 8:
		k.p("VPMADDWD %[1]s, Y0, Y0; VPMADDWD %[1]s, Y1, Y1", k.ones())
		if r.HighBits > 0 {
			k.p("VPADDD Y14, Y0, Y0; VPADDD Y15, Y1, Y1")
		}
	}
	// the zero point times the sum of the block: init = -128 · sum, shifted
	if k.zeros() {
		k.p("VPBROADCASTD %d(R9), Y6; VPSRAD $%d, Y6, Y6; VPADDD Y6, Y0, Y0; VPADDD Y6, Y1, Y1", 4*i, r.shift())
	}
}

func (k gemv256) clear() {
	k.p("VPXOR Y0, Y0, Y0; VPXOR Y1, Y1, Y1")
	if k.vnni {
		k.p("VPXOR Y14, Y14, Y14; VPXOR Y15, Y15, Y15")
	}
}

// pair decodes groups g and g+1.
func (k gemv256) pair(g int) {
	r := k.r
	if r.LowBits == 8 {
		at := r.Low + 64*g
		k.p("PREFETCHT0 %d(SI); VMOVDQU %d(SI), Y2; VMOVDQU %d(SI), Y3", 4096+64*g, at, at+32)
		k.p("PREFETCHT0 %d(SI); VMOVDQU %d(SI), Y4; VMOVDQU %d(SI), Y5", 4160+64*g, at+64, at+96)
		return
	}
	at := r.Low + 32*g
	k.p("PREFETCHT0 %d(SI); VMOVDQU %d(SI), Y2; VMOVDQU %d(SI), Y3", 4096+32*g, at, at+32)
	k.p("VPSRLW $4, Y2, Y4; VPSRLW $4, Y3, Y5")
	k.zip("VPAND Y11, %[1]s, %[1]s", y(2, 4))
	if r.HighBits > 0 {
		for i := range 2 {
			k.upper256(r, g+i, r.High+64*((g+i)/r.perHigh()), "SI", y(2+2*i, 2), y(6, 2), "Y10")
		}
	}
	if r.LUT != nil {
		zero := 128
		if !k.vnni {
			zero = 0
		}
		k.p("VBROADCASTI128 %s, Y6", k.lookup(r, zero))
		k.zip("VPSHUFB %[1]s, Y6, %[1]s", y(2, 4))
	}
}

// dots multiplies groups g and g+1.
func (k gemv256) dots(g int) {
	k.p("VPBROADCASTD %d(DI), Y6; VPBROADCASTD %d(DI), Y7", 4*g, 4*g+4)
	if k.vnni {
		k.p("DPBUSD256(6, 2, 0); DPBUSD256(6, 3, 1); DPBUSD256(7, 4, 14); DPBUSD256(7, 5, 15)")
		return
	}
	k.p("VPMADDUBSW Y6, Y2, Y2; VPMADDUBSW Y6, Y3, Y3; VPMADDUBSW Y7, Y4, Y4; VPMADDUBSW Y7, Y5, Y5")
	k.p("VPADDW Y2, Y0, Y0; VPADDW Y3, Y1, Y1; VPADDW Y4, Y0, Y0; VPADDW Y5, Y1, Y1")
}

// signed multiplies group g of signed bytes in lo and hi: |w| and sign(w)·q.
func (k gemv256) signed(g int, lo, hi string) {
	a, b, ones := "Y4", "Y5", "Y11"
	if k.r.LUT != nil {
		ones = k.ones()
	}
	k.p("VPBROADCASTD %d(DI), Y6; VPABSB %s, %s; VPABSB %s, %s", 4*g, lo, a, hi, b)
	k.p("VPSIGNB %[1]s, Y6, %[1]s; VPSIGNB %[2]s, Y6, %[2]s; VPMADDUBSW %[1]s, %[3]s, %[1]s; VPMADDUBSW %[2]s, %[4]s, %[2]s", lo, hi, a, b)
	k.p("VPMADDWD %[3]s, %[1]s, %[1]s; VPMADDWD %[3]s, %[2]s, %[2]s; VPADDD %[1]s, Y0, Y0; VPADDD %[2]s, Y1, Y1", lo, hi, ones)
}
