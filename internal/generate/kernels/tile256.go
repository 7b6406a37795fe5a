package main

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/pack"
)

// tile256 is the template of the kernels of 256 bits for few tokens: one panel by a tile
// of 4 tokens of a c4 activation, packed records read in place. With a block it does
// what the GEMM does, but for weights that AVX2 multiplies as signed bytes.
type tile256 struct {
	gemm256
	r recipe
}

const tile256Doc = `Kernels for few tokens, %s: one panel (16 rows, two halves of 8) by a tile of two to
four tokens, packed records read in place. The order of operations is that of the GEMM kernels.

	Registers as in the GEMM, but: SI record, or vectors of a round   BX scales of a super
	block   AX its upper bits (else BX, AX how many mins, and where)   R8 behind the slab
	accumulators first sums of a block and d [16]   CX records left   R13 those of a slab,
	or rounds   Y14 mask   Y15 ones, or mask of upper bits

Records are fetched ahead of their use, into the next panel at the end of one.`

// tile256Ahead is the distance of what is fetched, in bytes.
const tile256Ahead = 4096

func tile256File(vnni bool, s scheme) *asm {
	s.check("tile256")
	a, prefix := &asm{doc: fmt.Sprintf(tile256Doc, "AVX2"), constants: "tile256Const"}, "tile256"
	if vnni {
		prefix = "tile256V"
		a = &asm{doc: fmt.Sprintf(tile256Doc, "AVX-VNNI"), constants: "tile256VConst", include: []string{"vnni256_amd64.h"}}
	}
	for _, r := range quantised() {
		a.text(prefix+r.name, "a *gemvArgs", "")
		tile256{gemm256{asm: a, plane: r.Plane, bits: r.bits(), vnni: vnni}, r}.kernel()
	}
	return a
}

func (k tile256) kernel() {
	k.masks()
	k.scale = func() {
		op := "VPADDD"
		if !k.r.HasZero() { // a scale may be 0: times 2^-e
			k.p("VPADDD %s, Y10, Y10", k.constant32("one", 0x3f8000003f800000))
			op = "VMULPS"
		}
		k.zip("%s %s, Y10, %s", op, y(8, 2), y(11, 2))
	}
	k.p("MOVQ a+0(FP), DX")
	k.load("gemvArgs", "rec SI", "act DI", "init R9", "exp R10", "base R11", "c R12", "records CX", "acc R8")
	k.label("slab")
	k.clearAcc()
	if k.r.super() {
		k.superSlab()
		k.p("ADDQ $%d, SI; DECQ CX", k.r.Size)
	} else {
		k.slab()
	}
	k.finish()
	k.p("ADDQ gemvArgs_actSkip(DX), DI; ADDQ gemvArgs_initSkip(DX), R9")
	k.p("ADDQ gemvArgs_expSkip(DX), R10; ADDQ gemvArgs_baseStep(DX), R11; TESTQ CX, CX; JNZ slab; VZEROUPPER; RET")
}

// masks loads what decoding and widening need.
func (k *tile256) masks() {
	if k.r.LowBits == 4 {
		k.p("VPBROADCASTD %s, Y14", k.constant(bytes4(15)))
	} else if !k.vnni {
		k.p("VPBROADCASTD %s, Y14", k.constant(bytes4(128)))
	}
	k.ones = k.constant32("ones16", 0x0001000100010001)
	if k.r.HighBits > 0 {
		k.p("VPBROADCASTD %s, Y15", k.constant(bytes4((1<<k.r.HighBits-1)<<4)))
	} else if !k.vnni {
		k.p("VMOVDQU %s, Y15", k.ones)
		k.ones = "Y15"
	}
}

// ahead fetches the lines of n bytes.
func (k tile256) ahead(at, n int, base string) {
	for o := at; o < at+n; o += 64 {
		k.p("PREFETCHT0 %d(%s)", tile256Ahead+o, base)
	}
}

// slab: at most four records of two blocks of 32 channels.
func (k tile256) slab() {
	r := k.r
	k.p("MOVQ $4, R13; CMPQ CX, R13; CMOVQLT CX, R13; SUBQ R13, CX")
	if r.HasMin() {
		k.p("MOVQ SI, AX; MOVQ R13, BX") // the mins of a slab follow its blocks
	}
	k.loop("rec", "R13", func() {
		k.ahead(0, r.Low, "SI")
		for b := range 2 {
			k.block(b, 8*b, r.High, "SI")
			k.halves(32*b, "SI")
			k.scales()
			k.p("ADDQ $128, DI; ADDQ $16, R10")
			if r.init() && !k.wide() {
				k.p("ADDQ $16, R9")
			}
		}
		k.p("ADDQ $%d, SI", r.Size)
	})
	k.loadAcc()
	if r.HasMin() {
		k.loop("min", "BX", func() {
			for b := range 2 {
				k.halves(r.Min+32*b, "AX")
				k.addMin()
				k.p("ADDQ $16, R9")
			}
			k.p("ADDQ $%d, AX", r.Size)
		})
	}
}

// halves makes floats of 16 fp16.
func (k tile256) halves(at int, base string) {
	k.zip("VCVTPH2PS %d(%s), %s", seq{at, 16}, base, y(8, 2))
}

// superSlab: one record, its scales d times integers, in eight rounds of 32 channels.
func (k tile256) superSlab() {
	r, extend := k.r, "VPMOVZXBD"
	if r.Scale == pack.ScaleI8 {
		extend = "VPMOVSXBD"
	}
	k.ahead(0, r.Low, "SI")
	k.halves(0, "SI")
	k.zip("VMOVUPS %s, %d(R8)", y(8, 2), seq{512, 32})
	k.p("LEAQ %d(SI), BX; MOVQ $8, R13", r.Sub)
	steps := fmt.Sprintf("ADDQ $%d, SI; ADDQ $128, DI; ADDQ $16, R10", 64*r.LowBits)
	if r.HighBits > 0 {
		k.p("LEAQ %d(SI), AX", r.High)
		steps += fmt.Sprintf("; ADDQ $%d, AX", 64*r.HighBits)
	}
	k.loop("round", "R13", func() {
		for i := range 32 / r.Group {
			k.block(i, 0, 0, "AX")
			k.zip("%s %d(BX), %[3]s; VCVTDQ2PS %[3]s, %[3]s; VMULPS %[4]d(R8), %[3]s, %[3]s", extend, seq{0, 8}, y(8, 2), seq{512, 32})
			k.p("ADDQ $16, BX")
			k.scales()
			if r.init() {
				k.p("ADDQ $16, R9")
			}
		}
		k.p("%s", steps)
	})
	k.p("SUBQ $%d, SI", 512*r.LowBits)
	if !r.HasMin() {
		k.loadAcc()
		return
	}
	k.minPairs(func(p int) { k.zip("VPMOVZXBW %d(SI), %s", seq{r.SubMin + 32*p, 16}, y(8, 2)) }, func() {
		k.halves(r.Min, "SI")
		k.zip("VMULPS %s, %[2]s, %[2]s", k.constant32("eighth", 0x3e0000003e000000), y(8, 2))
	})
}

// block makes the sums under scale i of a record or round, whose groups begin at the
// group first of it and whose upper bits lie 64 bytes apart from high on.
func (k tile256) block(i, first, high int, base string) {
	k.weights = func(g int) { k.decode(first+g, high+64*i, base) }
	switch {
	case k.plane == pack.PlaneInit16:
		k.sums16(4 * i)
	case k.wide():
		k.signed()
	default:
		k.sums()
	}
}

// decode loads group g of the record or round into Y8 and Y9, its upper bits from high on.
func (k tile256) decode(g, high int, base string) {
	r, at := k.r, k.r.Low+64*(g*k.r.LowBits/8)
	load := "VPAND %d(SI), Y14, %s"
	switch {
	case r.LowBits == 8 && k.vnni:
		load = "VMOVDQU %d(SI), %s"
	case r.LowBits == 8:
		load = "VPXOR %d(SI), Y14, %s"
	case g%2 == 1:
		load = "VMOVDQU %d(SI), %s; VPSRLW $4, %[2]s, %[2]s; VPAND Y14, %[2]s, %[2]s"
	}
	if g%2 == 0 || r.LowBits == 8 {
		k.ahead(at, 64, "SI")
	}
	k.zip(load, seq{at, 32}, y(8, 2))
	if r.HighBits > 0 {
		if g%r.perHigh() == 0 {
			k.ahead(high, 64, base)
		}
		k.upper256(r, g, high, base, y(8, 2), y(10, 2), "Y15")
	}
	if r.LUT != nil {
		zero := 128
		if !k.vnni {
			zero = 0
		}
		k.p("VBROADCASTI128 %s, Y10", k.lookup(r, zero))
		k.zip("VPSHUFB %[1]s, Y10, %[1]s", y(8, 2))
	}
}

// upper256 adds the upper bits of group g, whose vector lies at an address, to w. t are
// temporaries, top is the mask of the bits.
func (a *asm) upper256(r recipe, g, at int, base string, w, t []string, top string) {
	op, n := "VPSLLW", 4-r.HighBits*(g%r.perHigh())
	if n <= 0 {
		op, n = "VPSRLW", -n
	}
	a.zip("VMOVDQU %d(%s), %s", seq{at, 32}, base, t)
	a.zip("%s $%d, %[3]s, %[3]s", op, n, t)
	a.zip("VPAND %s, %[2]s, %[2]s", top, t)
	a.zip("VPOR %s, %[2]s, %[2]s", t, w)
}

// signed makes the sums of a block of signed bytes: |w| and sign(w)·q, each pair of
// products at most 128·127·2 = 32512.
func (k tile256) signed() {
	for g := range 8 {
		k.weights(g)
		k.zip("VPABSB %s, %s", y(8, 2), y(10, 2))
		for t := range 4 {
			sums, products := y(2*t, 2), []string{"Y13", "Y12"}
			k.p("VPBROADCASTD %d(DI), Y12", 16*g+4*t)
			k.zip("VPSIGNB %s, Y12, %s", y(8, 2), products)
			k.zip("VPMADDUBSW %[1]s, %[2]s, %[1]s", products, y(10, 2))
			if g == 0 {
				k.zip("VPMADDWD Y15, %s, %s", products, sums)
				continue
			}
			k.zip("VPMADDWD Y15, %[1]s, %[1]s; VPADDD %[1]s, %[2]s, %[2]s", products, sums)
		}
	}
}
