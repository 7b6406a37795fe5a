package main

import "github.com/tessera-llm/tessera/pkg/pack"

// gemvNEON is the template of the GEMV kernels over one expanded slab of signed bytes,
// NEON, one kernel per correction plane.
type gemvNEON struct {
	*asm
	plane pack.Plane
}

const gemvNEONDoc = `One panel (16 rows, four quarters) by one token whose channels are contiguous, over
one expanded slab: lane i of SDOT by element is group i of the register.

	R0 arguments   R1 weights   R2 scales   R3 activations   R4 exponents
	R8 blocks left   R10 mins   R11 plane of the mins
	V0-V3, V4-V7 int32 sums of even and odd groups   V16-V19 slab sums
	V24-V27 weights, scales   V28, V29 activations   V30 2^-e   V31 bits of 1.0

A block is 32 SDOT (512 MACs), 17 loads of pairs, 28 others: 6.6 MACs per instruction.`

func gemvNEONFile(s scheme) *asm {
	s.check("gemvNEON")
	a := &asm{doc: gemvNEONDoc, include: []string{"neon_arm64.h"}}
	for p, suffix := range planesNEON {
		a.text("neonGemv"+suffix, "a *neonArgs", planeDocs[p])
		gemvNEON{a, pack.Plane(p)}.kernel()
	}
	return a
}

func (k gemvNEON) kernel() {
	k.p("MOVD a+0(FP), R0")
	k.loadARM("neonArgs", "w", "R1", "scale", "R2", "act", "R3", "exp", "R4", "c", "R6", "blocks", "R8", "min", "R10", "plane", "R11")
	k.one()
	k.clear(16, 4)
	k.countdown("block", "R8", k.block)
	switch k.plane {
	case pack.PlaneMinPair: // acc = fma(-float(sum of mn*minq), dmin, acc)
		k.clear(0, 4)
		k.p("FMOVQ (R11), F8")
		for b := range 8 {
			k.p("FLDPQ %d(R10), (F24, F25); SMLALI(0, 24, 8, %[2]d); SMLAL2I(1, 24, 8, %[2]d); SMLALI(2, 25, 8, %[2]d); SMLAL2I(3, 25, 8, %[2]d)", 32*b, b)
		}
		k.p("MOVD neonArgs_dmin(R0), R9; FLDPQ (R9), (F24, F25); FLDPQ 32(R9), (F26, F27)")
		k.zip("SCVTF(%[1]s, %[1]s)", numbers(0, 4))
		k.zip("FMLS(%s, %s, %s)", numbers(16, 4), numbers(0, 4), numbers(24, 4))
	case pack.PlaneBSum: // acc = fma(bsum, m, acc)
		k.loadARM("neonArgs", "blocks", "R8")
		k.countdown("mins", "R8", func() {
			k.p("VLD1R.P 4(R11), [V8.S4]; FLDPQ (R10), (F24, F25); FLDPQ 32(R10), (F26, F27)")
			k.zip("FMLA(%s, %s, 8)", numbers(16, 4), numbers(24, 4))
			k.p("ADD $64, R10")
		})
	}
	k.p("MOVD neonArgs_base(R0), R5; VLD1R (R5), [V30.S4]") // C = fma(acc, base, C)
	k.p("FLDPQ (R6), (F24, F25); FLDPQ 32(R6), (F26, F27)")
	k.zip("FMLA(%s, %s, 30)", numbers(24, 4), numbers(16, 4))
	k.p("FSTPQ (F24, F25), (R6); FSTPQ (F26, F27), 32(R6); RET")
}

func (k gemvNEON) block() {
	k.p("FLDPQ (R3), (F28, F29)")
	if k.plane == pack.PlaneInit16 {
		k.power()
	}
	k.clear(0, 8)
	k.groups(0, 4)
	if k.plane == pack.PlaneInit16 {
		k.scales(0)
		k.clear(0, 8)
		k.groups(4, 8)
		k.scales(64)
		k.p("ADD $512, R1; ADD $128, R2; ADD $32, R3")
		return
	}
	k.groups(4, 8)
	k.power()
	k.scales(0)
	k.p("ADD $512, R1; ADD $64, R2; ADD $32, R3")
}

func (k gemvNEON) power() { k.p("VLD1R.P 4(R4), [V30.S4]; VADD V31.S4, V30.S4, V30.S4") }

func (k gemvNEON) groups(from, to int) {
	for g := from; g < to; g++ {
		k.p("FLDPQ %d(R1), (F24, F25); FLDPQ %d(R1), (F26, F27)", 64*g, 64*g+32)
		k.zip("SDOTI(%s, %s, %d, %d)", numbers(g%2*4, 4), numbers(24, 4), 28+g/4, g%4)
	}
}

// scales: acc = fma(float(sum), scale·2^-e, acc). Exact scales would be multiplied
// in here, in place of 2^-e.
func (k gemvNEON) scales(at int) {
	k.oddToEven()
	k.p("FLDPQ %d(R2), (F24, F25); FLDPQ %d(R2), (F26, F27)", at, at+32)
	k.scaled(24)
}

// oddToEven adds the sums of odd groups to those of even ones.
func (a *asm) oddToEven() {
	a.zip("VADD %s.S4, %s.S4, %[2]s.S4", registers("V", 4, 4), registers("V", 0, 4))
}

// scaled: acc = fma(float(sum), scale·V30, acc), the scales of 16 rows in four vectors
// from v on.
func (a *asm) scaled(v int) {
	a.zip("FMUL(%[1]s, %[1]s, 30)", numbers(v, 4))
	a.zip("SCVTF(%[1]s, %[1]s)", numbers(0, 4))
	a.zip("FMLA(%s, %s, %s)", numbers(16, 4), numbers(0, 4), numbers(v, 4))
}
