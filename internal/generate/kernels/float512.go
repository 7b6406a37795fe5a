package main

import "fmt"

// floatTypes are the float weight types and the bytes of a pair of channels of 16 rows.
var floatTypes = []struct {
	name string
	pair int
}{{"F16", 64}, {"BF16", 64}, {"F32", 128}}

func gemvFloat512File() *asm {
	a := &asm{constants: "highHalf", doc: `Float GEMV, AVX-512 FMA: one panel, one token; a chain of fused steps per slab, added
to C. The panel is one stream, fetched 2 KiB ahead: that is faster than several slabs in
flight, and one chain is still above the speed of memory.

	SI weights   DI activations   CX steps left in the slab   BX slabs left   Z16 C`}
	for _, t := range floatTypes {
		n := 256 / t.pair // channels of a step
		a.text("gemvSlabs"+t.name, "a *gemvFloatArgs", "whole slabs")
		a.p("MOVQ a+0(FP), DX")
		a.load("gemvFloatArgs", "w SI", "x DI", "c AX", "pairs BX")
		a.p("VMOVUPS (AX), Z16; VPBROADCASTD %s, Z20", a.constant(0xffff0000))
		a.loop("slab", "BX", func() {
			a.p("VPXORD Z0, Z0, Z0; MOVQ $%d, CX", 256/n)
			a.label("loop")
			a.p("PREFETCHT0 2048(SI); PREFETCHT0 2112(SI)")
			floats512(a, t.name, n, z(4, 4))
			a.zip("VFMADD231PS.BCST %d(DI), %s, Z0", seq{0, 4}, z(4, n))
			a.p("ADDQ $128, SI; ADDQ $%d, DI; DECQ CX; JNZ loop", 4*n)
			a.p("VADDPS Z0, Z16, Z16")
		})
		a.p("VMOVUPS Z16, (AX); VZEROUPPER; RET")
	}
	for _, t := range floatTypes {
		a.text("gemv1"+t.name, "a *gemvFloatArgs", "one slab of 2·pairs channels")
		a.p("MOVQ a+0(FP), DX")
		a.load("gemvFloatArgs", "w SI", "x DI", "pairs CX")
		a.p("VPBROADCASTD %s, Z20; VPXORD Z0, Z0, Z0", a.constant(0xffff0000))
		a.loop("loop", "CX", func() {
			floats512(a, t.name, 2, z(4, 2))
			a.zip("VFMADD231PS.BCST %d(DI), %s, Z0", seq{0, 4}, z(4, 2))
			a.p("ADDQ $%d, SI; ADDQ $8, DI", t.pair)
		})
		a.load("gemvFloatArgs", "c AX")
		a.p("VADDPS (AX), Z0, Z0; VMOVUPS Z0, (AX); VZEROUPPER; RET")
	}
	return a
}

// floats512 decodes n channels at SI to registers; Z20 is the mask of upper halves.
func floats512(a *asm, t string, n int, r []string) {
	switch t {
	case "F16":
		a.zip("VCVTPH2PS %d(SI), %s", seq{0, 32}, r[:n])
	case "F32":
		a.zip("VMOVUPS %d(SI), %s", seq{0, 64}, r[:n])
	case "BF16":
		for i := 0; i < n; i += 2 {
			a.p("VMOVDQU32 %d(SI), %s; VPANDD Z20, %[2]s, %[3]s; VPSLLD $16, %[2]s, %[2]s", 32*i, r[i], r[i+1])
		}
	}
}

const gemmFloat512Doc = `Float GEMM, AVX-512 FMA: two panels by 12 tokens (three tiles of a c4 activation), at
the end by 8 or 4, over one slab of f32 weights [panel][channel][16]. Z0-Z11 are the
chains of the first panel, Z12-Z23 those of the second; then C = C + chain, read from one
place and written to another.

A channel by 12 tokens is 24 FMA, 2 weight loads and 12 broadcasts: 12 cycles of the two
FMA ports, 14 of 24 load slots, 38 of 72 slots of a six-wide core. Three panels by 8
tokens would load less (11), but their weights outgrow the first cache and chains must be
stored in mid-slab: no faster.

	SI weights   R8 bytes of a panel   DI activations   R9 bytes of a tile
	R10, R12 C to read and its bytes per token   R11, R13 C to write
	CX groups of 4 channels left   BX tiles left   R15 activations of the tiles`

func gemmFloat512File() *asm {
	a := &asm{doc: gemmFloat512Doc}
	a.text("gemmFloat", "a *floatArgs", "")
	a.p("MOVQ a+0(FP), DX")
	a.load("floatArgs", "panel R8", "x R15", "tile R9", "tiles BX", "in R10", "inStep R12", "out R11", "outStep R13")
	a.p("SUBQ $3, BX; JLT rest")
	a.label("three") // the records that will be expanded next go to the second cache
	a.p("MOVQ floatArgs_next(DX), AX; MOVQ floatArgs_next+8(DX), DI; MOVQ floatArgs_lines(DX), CX; TESTQ CX, CX; JZ ready")
	a.loop("fetch", "CX", func() { a.p("PREFETCHT1 (AX); PREFETCHT1 (DI); ADDQ $64, AX; ADDQ $64, DI") })
	a.p("MOVQ AX, floatArgs_next(DX); MOVQ DI, floatArgs_next+8(DX)")
	a.label("ready")
	gemmFloat512Tiles(a, 3)
	a.p("LEAQ (R9)(R9*2), AX; ADDQ AX, R15; SUBQ $3, BX; JGE three")
	a.label("rest")
	a.p("ADDQ $2, BX; JLT done; JEQ four") // tiles left - 1
	gemmFloat512Tiles(a, 2)
	a.p("JMP done")
	a.label("four")
	gemmFloat512Tiles(a, 1)
	a.label("done")
	a.p("VZEROUPPER; RET")
	return a
}

// gemmFloat512Tiles computes n tiles.
func gemmFloat512Tiles(a *asm, n int) {
	a.load("floatArgs", "w SI")
	a.p("MOVQ R15, DI")
	a.load("floatArgs", "groups CX")
	a.zip("VPXORD %[1]s, %[1]s, %[1]s", append(z(0, 4), z(12, 4)...))
	if n > 1 {
		a.zip("VPXORD %[1]s, %[1]s, %[1]s", append(z(4, 4*n-4), z(16, 4*n-4)...))
	}
	a.loop(fmt.Sprint("loop", 4*n), "CX", func() {
		for c := range 4 {
			a.p("VMOVUPS %[1]d(SI), Z24; VMOVUPS %[1]d(SI)(R8*1), Z25", 64*c)
			for t := range 4 * n {
				tile := []string{"", "(R9*1)", "(R9*2)"}[t/4]
				a.p("VBROADCASTSS %d(DI)%s, Z%[3]d; VFMADD231PS Z%[3]d, Z24, Z%[4]d; VFMADD231PS Z%[3]d, Z25, Z%[5]d",
					4*c+16*(t%4), tile, 26+t%6, t, 12+t)
			}
		}
		a.p("ADDQ $256, SI; ADDQ $64, DI")
	})
	for t := range 4 * n {
		a.p("VADDPS (R10), Z%[1]d, Z%[1]d; VADDPS 64(R10), Z%[2]d, Z%[2]d; VMOVUPS Z%[1]d, (R11); VMOVUPS Z%[2]d, 64(R11)", t, 12+t)
		a.p("ADDQ R12, R10; ADDQ R13, R11")
	}
}

func expandFloat512File() *asm {
	a := &asm{constants: "expandConst", doc: `Expansion of packed records of one panel to f32 [channel][16 rows]. The same place of the
next slab, for few tokens the next to be read, is fetched.

	DI weights   SI record   CX what is left`}
	regs := map[string]string{"dst": "DI", "src": "SI", "n": "CX", "scale": "R10", "min": "R11"}
	put := func(r []string) {
		a.zip("VMOVUPS %s, %d(DI)", r, seq{0, 64})
		a.p("ADDQ $%d, DI", 64*len(r))
	}
	for _, t := range []string{"F16", "BF16"} {
		a.function("expand"+t, "dst *float32, src *byte, n int", "n pairs of channels", regs, func() {
			if t == "BF16" {
				a.p("VPBROADCASTD %s, Z20", a.constant(0xffff0000))
			}
			a.p("SUBQ $4, CX; JLT rest")
			a.label("loop")
			for i := range 4 {
				a.p("PREFETCHT1 %d(SI)", 8192+64*i)
			}
			floats512(a, t, 8, z(0, 8))
			put(z(0, 4))
			put(z(4, 4))
			a.p("ADDQ $256, SI; SUBQ $4, CX; JGE loop")
			a.label("rest")
			a.p("ADDQ $4, CX; JZ done")
			a.loop("pair", "CX", func() {
				floats512(a, t, 2, z(0, 2))
				put(z(0, 2))
				a.p("ADDQ $64, SI")
			})
			a.label("done")
		})
	}
	a.function("expandBytes", "dst *float32, src *byte, n int, scale, min *float32, groups, zero int",
		"n blocks of 4·groups channels, as the integer kernels expand them: bytes\n// [group][16][4], zero the byte of a zero, scale and min [block][16]", regs, func() {
			a.p("VPBROADCASTD %s, Z20; VPBROADCASTD zero+48(FP), Z22; VPXORD Z25, Z25, Z25", a.constant(255))
			a.loop("block", "CX", func() {
				a.p("VMOVUPS (R10), Z23; VMOVUPS (R11), Z24; MOVQ groups+40(FP), AX")
				a.loop("group", "AX", func() {
					a.p("VMOVDQU32 (SI), Z3; VPANDD Z20, Z3, Z0; VPSRLD $8, Z3, Z1; VPANDD Z20, Z1, Z1")
					a.p("VPSRLD $16, Z3, Z2; VPANDD Z20, Z2, Z2; VPSRLD $24, Z3, Z3")
					// value = ((byte - zero)*scale + 0) - min; adding +0 turns -0 into +0
					a.zip("VPSUBD Z22, %[1]s, %[1]s; VCVTDQ2PS %[1]s, %[1]s; VMULPS Z23, %[1]s, %[1]s; VADDPS Z25, %[1]s, %[1]s; VSUBPS Z24, %[1]s, %[1]s", z(0, 4))
					put(z(0, 4))
					a.p("ADDQ $64, SI")
				})
				a.p("ADDQ $64, R10; ADDQ $64, R11")
			})
		})
	return a
}
