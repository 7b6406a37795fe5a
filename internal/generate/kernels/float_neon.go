package main

import "fmt"

const floatNEONDoc = `Float kernels, NEON.

GEMM: one panel by tiles of 4 tokens over one slab. V0-V15 sums [token][quarter], V16-V23
weights of two channels, V24-V27 four channels of the four tokens. Four channels are 64
FMLA (256 MACs), 10 loads of pairs and 5 others: 3.2 MACs per instruction of 4.

GEMV: one panel by one token. The sums of a slab are one chain per row, so the kernels run
four whole slabs beside each other: V0-V15 sums [slab][quarter], V16-V19 (V20-V23) the
weights of a channel, V24-V27 four channels of each slab, R7-R10 weights, R11-R14
activations of the slabs.`

func floatNEONFile() *asm {
	a := &asm{doc: floatNEONDoc, include: []string{"neon_arm64.h"}}
	gemmFloatNEON(a)
	for _, t := range []string{"F32", "F16", "BF16"} {
		a.text("neonGemv4"+t, "a *neonFloatGemvArgs", "four whole slabs")
		a.p("MOVD a+0(FP), R0")
		a.loadARM("neonFloatGemvArgs", "w", "R7", "x", "R11", "c", "R3", "step", "R6")
		a.p("ADD R6, R7, R8; ADD R6, R8, R9; ADD R6, R9, R10")
		a.p("ADD $1024, R11, R12; ADD $1024, R12, R13; ADD $1024, R13, R14; MOVD $64, R5")
		a.clear(0, 16)
		if t == "BF16" {
			a.p("MOVD $0xFFFF0000, R1; VDUP R1, V28.S4")
		}
		gemvFloatNEON(a, t, 4)
	}
	a.text("neonGemv1F32", "a *neonFloatGemvArgs", "one slab of groups of 4 channels")
	a.p("MOVD a+0(FP), R0")
	a.loadARM("neonFloatGemvArgs", "w", "R7", "x", "R11", "c", "R3", "groups", "R5")
	a.clear(0, 4)
	gemvFloatNEON(a, "F32", 1)
	return a
}

// rowsNEON adds 16 rows, in w to w+3, times lane i of x, to a to a+3.
func (a *asm) rowsNEON(to, w, x, i int) {
	a.zip("FMLAI(%s, %s, %d, %d)", numbers(to, 4), numbers(w, 4), x, i)
}

func gemmFloatNEON(a *asm) {
	a.text("neonGemmFloat", "a *neonFloatArgs", "")
	a.p("MOVD a+0(FP), R0")
	a.loadARM("neonFloatArgs", "x", "R2", "c", "R3", "tiles", "R4", "step", "R6")
	a.countdown("tile", "R4", func() {
		a.loadARM("neonFloatArgs", "w", "R1", "groups", "R5")
		a.p("MOVD R2, R7")
		a.clear(0, 16)
		a.countdown("group", "R5", func() {
			a.p("FLDPQ (R7), (F24, F25); FLDPQ 32(R7), (F26, F27)")
			for c := range 4 {
				w := 16 + 4*(c%2)
				a.p("FLDPQ %d(R1), (F%d, F%d); FLDPQ %d(R1), (F%d, F%d)", 64*c, w, w+1, 64*c+32, w+2, w+3)
				for t := range 4 {
					a.rowsNEON(4*t, w, 24+t, c)
				}
			}
			a.p("ADD $256, R1; ADD $64, R7")
		})
		for t := range 4 {
			a.p("FLDPQ %d(R3), (F16, F17); FLDPQ %d(R3), (F18, F19)", 64*t, 64*t+32)
			a.zip("FADD(%[1]s, %[1]s, %[2]s)", numbers(16, 4), numbers(4*t, 4))
			a.p("FSTPQ (F16, F17), %d(R3); FSTPQ (F18, F19), %d(R3)", 64*t, 64*t+32)
		}
		a.p("ADD R6, R2; ADD $256, R3")
	})
	a.p("RET")
}

// gemvFloatNEON is the loop over groups of 4 channels, and C += chains.
func gemvFloatNEON(a *asm, t string, slabs int) {
	a.countdown("group", "R5", func() {
		for s := range slabs {
			a.p("FMOVQ.P 16(R%d), F%d", 11+s, 24+s)
		}
		step := 1
		if t == "BF16" {
			step = 2 // channels: the low and the high halves of 16 words
		}
		for c := 0; c < 4; c += step {
			for s := range slabs {
				floatsNEON(a, t, fmt.Sprint("R", 7+s))
				a.rowsNEON(4*s, 16, 24+s, c)
				if t == "BF16" {
					a.zip("VAND V28.B16, %[1]s.B16, %[1]s.B16", registers("V", 20, 4))
					a.rowsNEON(4*s, 20, 24+s, c+1)
				}
			}
		}
	})
	a.p("FLDPQ (R3), (F16, F17); FLDPQ 32(R3), (F18, F19)")
	for s := range slabs {
		a.zip("FADD(%[1]s, %[1]s, %[2]s)", numbers(16, 4), numbers(4*s, 4))
	}
	a.p("FSTPQ (F16, F17), (R3); FSTPQ (F18, F19), 32(R3); RET")
}

// floatsNEON loads a channel at p to V16-V19, of bf16 the second of a pair to V20-V23.
func floatsNEON(a *asm, t, p string) {
	switch t {
	case "F32":
		a.p("VLD1.P 64(%s), [V16.S4, V17.S4, V18.S4, V19.S4]", p)
	case "F16":
		a.p("VLD1.P 32(%s), [V20.H8, V21.H8]; FCVTL(16, 20); FCVTL2(17, 20); FCVTL(18, 21); FCVTL2(19, 21)", p)
	case "BF16":
		a.p("VLD1.P 64(%s), [V20.S4, V21.S4, V22.S4, V23.S4]", p)
		a.zip("VSHL $16, %s.S4, %s.S4", registers("V", 20, 4), registers("V", 16, 4))
	}
}
