package main

import "github.com/tessera-llm/tessera/pkg/pack"

// streamNEON is the template of the GEMV kernels, NEON, that read the packed records of
// a panel once, in place, and expand them in registers.
type streamNEON struct {
	*asm
	r recipe
}

const streamNEONDoc = `One packed panel by one token whose channels are contiguous, all slabs: the records
are read once, in place, and expanded in registers. Values with a zero point stay unsigned; it
is in the initial sum (init plane, shifted). Bytes are made signed.

	R0 arguments     R1 record       R2 values of the block   R3 activations
	R4 exponents     R5 slab bases   R6 C                     R7 blocks left of the slab
	R8 records left  R10 scales      R11 init or minpair plane   R12 upper bits
	V0-V3, V4-V7 int32 sums of even and odd groups   V16-V19 slab sums
	V12-V15 C (32-block types) or d   V20-V27 weights, scales   V28, V29 activations
	V10 mask of the low bits   V14 of the upper ones   V30 2^-e   V31 bits of 1.0

Per 64 bytes of nibbles: 2 loads of pairs, 4 VAND, 4 VUSHR, 8 SDOT (128 MACs); per block
of q4_0 four times that and 33 others: 105 instructions.`

// streams reports whether there is a kernel for r: the others are expanded slab by slab.
func (r recipe) streams() bool { return r.Plane != pack.PlaneBSum && r.HighBits != 1 }

func streamNEONFile(s scheme) *asm {
	s.check("streamNEON")
	a := &asm{doc: streamNEONDoc, include: []string{"neon_arm64.h"}}
	for _, r := range quantised() {
		if r.streams() {
			a.text("neonGemv"+r.name, "a *neonGemvArgs", "")
			streamNEON{a, r}.kernel()
		}
	}
	return a
}

func (k streamNEON) kernel() {
	k.p("MOVD a+0(FP), R0")
	k.loadARM("neonGemvArgs", "rec", "R1", "act", "R3", "exp", "R4", "base", "R5", "init", "R11", "c", "R6", "records", "R8")
	k.one()
	k.masks()
	if k.r.super() {
		k.label("slab")
		k.superSlab()
		k.p("ADD $%d, R1; SUB $1, R8; CBNZ R8, slab; RET", k.r.Size)
		return
	}
	k.loadC()
	k.label("slab")
	k.slab()
	k.p("CBNZ R8, slab")
	k.storeC()
	k.p("RET")
}

func (k streamNEON) masks() {
	if k.r.LowBits == 8 {
		k.p("VMOVI $128, V10.B16")
	} else {
		k.p("VMOVI $15, V10.B16")
	}
	if k.r.LUT != nil {
		k.p("MOVD $%s, R9; VLD1 (R9), [V11.B16]", k.lookup(k.r, 0))
	}
	k.upperMask()
}

func (k streamNEON) upperMask() {
	if k.r.HighBits == 2 {
		k.p("VMOVI $3, V14.B16")
	}
}

func (k streamNEON) loadC()  { k.p("FLDPQ (R6), (F12, F13); FLDPQ 32(R6), (F14, F15)") }
func (k streamNEON) storeC() { k.p("FSTPQ (F12, F13), (R6); FSTPQ (F14, F15), 32(R6)") }

// addSlab: C = fma(acc, base, C).
func (k streamNEON) addSlab() {
	k.p("VLD1R.P 4(R5), [V30.S4]")
	k.zip("FMLA(%s, %s, 30)", numbers(12, 4), numbers(16, 4))
}

// slab: at most four records of two blocks of 32 channels.
func (k streamNEON) slab() {
	k.clear(16, 4)
	k.p("MOVD $4, R7")
	k.label("record")
	k.p("ADD $%d, R1, R2", k.r.Low)
	for b := range 2 {
		k.block()
		k.p("FLDPQ %d(R1), (F24, F25); FCVTL(20, 24); FCVTL2(21, 24); FCVTL(22, 25); FCVTL2(23, 25)", 32*b)
		k.addScaled()
	}
	k.p("ADD $%d, R1; SUB $1, R8; CBZ R8, last; SUB $1, R7; CBNZ R7, record", k.r.Size)
	k.label("last")
	k.addSlab()
}

// block makes the sums of 32 channels.
func (k streamNEON) block() {
	if k.r.LowBits == 8 || k.r.LUT != nil {
		k.p("FLDPQ.P 32(R3), (F28, F29)")
		k.clear(0, 8)
	} else {
		k.zeroPoint()
		k.p("FLDPQ.P 32(R3), (F28, F29)")
	}
	if k.r.LowBits == 8 {
		for g := range 8 {
			k.p("FLDPQ %d(R2), (F24, F25); FLDPQ %d(R2), (F26, F27)", 64*g, 64*g+32)
			k.zip("VEOR V10.B16, %[1]s.B16, %[1]s.B16", registers("V", 24, 4))
			k.dots(g%2*4, 24, g)
		}
		k.p("ADD $512, R2")
		return
	}
	for j := range 4 {
		k.nibbles(j)
		k.dots(0, 20, 2*j)
		k.dots(4, 24, 2*j+1)
	}
	k.p("ADD $256, R2")
}

// zeroPoint starts the sums at minus the zero point times the sum of the block:
// init = -128 · sum, shifted. Types without one start at 0.
func (k streamNEON) zeroPoint() {
	if !k.r.init() {
		k.clear(0, 8)
		return
	}
	k.p("VLD1R.P 4(R11), [V0.S4]; SSHRS(0, 0, %d)", k.r.shift())
	k.zip("VMOV V0.B16, %s.B16", registers("V", 1, 3))
	k.clear(4, 4)
}

// dots multiplies group g of a block, in four vectors from w on, into sums from a on.
func (k streamNEON) dots(a, w, g int) {
	k.zip("SDOTI(%s, %s, %d, %d)", numbers(a, 4), numbers(w, 4), 28+g/4, g%4)
}

// nibbles decodes vector j: groups 2j and 2j+1, in V20-V23 and V24-V27.
func (k streamNEON) nibbles(j int) {
	k.p("FLDPQ %d(R2), (F24, F25); FLDPQ %d(R2), (F26, F27)", 64*j, 64*j+32)
	k.zip("VAND V10.B16, %s.B16, %s.B16", registers("V", 24, 4), registers("V", 20, 4))
	k.zip("VUSHR $4, %[1]s.B16, %[1]s.B16", registers("V", 24, 4))
	if k.r.LUT != nil {
		k.zip("VTBL %[1]s.B16, [V11.B16], %[1]s.B16", registers("V", 20, 8))
	}
}

// addScaled: acc = fma(float(sum), scale·2^-e, acc), the scales in V20-V23. Exact scales
// would be multiplied in here, in place of 2^-e.
func (k streamNEON) addScaled() {
	k.p("VLD1R.P 4(R4), [V30.S4]; VADD V31.S4, V30.S4, V30.S4")
	k.oddToEven()
	k.scaled(20)
}

// superSlab: one record, its scales d times integers.
func (k streamNEON) superSlab() {
	k.clear(16, 4)
	if k.r.HighBits == 0 {
		k.loadD()
	}
	k.p("ADD $%d, R1, R2; ADD $%d, R1, R10", k.r.Low, k.r.Sub)
	if k.r.HighBits > 0 {
		k.p("ADD $%d, R1, R12", k.r.High)
	}
	k.p("MOVD $8, R7")
	k.countdown("block", "R7", func() {
		if k.r.Group == 32 {
			k.block()
			k.superScales()
			return
		}
		k.p("FLDPQ.P 32(R3), (F28, F29)")
		k.sixteen(0)
		k.superScales()
		k.p("SUB $4, R4") // the exponents move on with every second group
		k.upperMask()
		k.sixteen(4)
		k.superScales()
		k.upperMask()
	})
	if k.r.HasMin() {
		k.superMins()
	}
	k.loadC()
	k.addSlab()
	k.storeC()
	k.upperMask()
}

// sixteen makes the sums of 16 channels, of groups g to g+3 of a block: two vectors of
// nibbles, and one of upper bits in V9, V11, V12, V13.
func (k streamNEON) sixteen(g int) {
	k.zeroPoint()
	k.p("FLDPQ.P 32(R12), (F9, F11); FLDPQ.P 32(R12), (F12, F13)")
	for j := range 2 {
		k.nibbles(j)
		for i := range 8 {
			shift, v, from := 4*j+i/4*2, 20+i, []string{"V9", "V11", "V12", "V13"}[i%4]
			if shift > 0 {
				k.p("VUSHR $%d, %s.B16, V15.B16", shift, from)
				from = "V15"
			}
			k.p("VAND V14.B16, %s.B16, V15.B16; VSHL $4, V15.B16, V15.B16; VORR V15.B16, V%d.B16, V%[2]d.B16", from, v)
		}
		k.dots(0, 20, g+2*j)
		k.dots(4, 24, g+2*j+1)
	}
	k.p("ADD $128, R2")
}

func (k streamNEON) loadD() {
	k.p("FLDPQ (R1), (F24, F25); FCVTL(12, 24); FCVTL2(13, 24); FCVTL(14, 25); FCVTL2(15, 25)")
}

// superScales: d times the integer scales of the next group. d is loaded again where
// its registers hold upper bits.
func (k streamNEON) superScales() {
	k.p("FMOVQ.P 16(R10), F24")
	if k.r.Scale == pack.ScaleI8 {
		k.p("SXTLB(25, 24); SXTLB2(26, 24)")
	} else {
		k.p("VUXTL V24.B8, V25.H8; VUXTL2 V24.B16, V26.H8")
	}
	k.p("SXTLH(20, 25); SXTLH2(21, 25); SXTLH(22, 26); SXTLH2(23, 26)")
	k.zip("SCVTF(%[1]s, %[1]s)", numbers(20, 4))
	if k.r.HighBits > 0 {
		k.loadD()
	}
	k.zip("FMUL(%[1]s, %[1]s, %s)", numbers(20, 4), numbers(12, 4))
	k.addScaled()
}

// superMins: acc = fma(-float(sum of mn*minq), dmin/8, acc).
func (k streamNEON) superMins() {
	k.clear(0, 4)
	k.p("FMOVQ.P 16(R11), F8")
	for p := range 4 { // of two blocks each
		k.p("FLDPQ.P 32(R10), (F24, F25); VUZP1 V25.B16, V24.B16, V26.B16; VUZP2 V25.B16, V24.B16, V27.B16")
		k.p("VUXTL V26.B8, V20.H8; VUXTL2 V26.B16, V21.H8; VUXTL V27.B8, V22.H8; VUXTL2 V27.B16, V23.H8")
		for b := 2 * p; b < 2*p+2; b++ {
			v := 20 + b%2*2
			k.p("SMLALI(0, %[1]d, 8, %[3]d); SMLAL2I(1, %[1]d, 8, %[3]d); SMLALI(2, %[2]d, 8, %[3]d); SMLAL2I(3, %[2]d, 8, %[3]d)", v, v+1, b)
		}
	}
	k.p("FMOVS $0.125, F30; FLDPQ %d(R1), (F24, F25); FCVTL(20, 24); FCVTL2(21, 24); FCVTL(22, 25); FCVTL2(23, 25)", k.r.Min)
	k.zip("FMULI(%[1]s, %[1]s, 30, 0)", numbers(20, 4))
	k.zip("SCVTF(%[1]s, %[1]s)", numbers(0, 4))
	k.zip("FMLS(%s, %s, %s)", numbers(16, 4), numbers(0, 4), numbers(20, 4))
}
