package main

import "github.com/tessera-llm/tessera/pkg/pack"

// gemmNEON is the template of the GEMM kernels, NEON: half a panel (8 rows, two
// quarters) by tiles of 4 tokens over one slab of signed bytes, one kernel per
// correction plane; with dot products, or with products of 8-bit matrices.
type gemmNEON struct {
	*asm
	plane pack.Plane
	i8mm  bool
}

const gemmNEONDoc = `GEMM kernels, NEON with dot products: half a panel (8 rows, two quarters) by tiles
of 4 tokens over one slab. Weights are signed bytes with the zero point removed,
[group][16 rows][4], so a sum starts from zero. A c4 activation register holds four
tokens of a group of 4 channels: lane t of SDOT by element is token t.

	R0 arguments        R1 weights     R2 scales   R3 activations
	R4 exponents        R5 slab bases  R6 C        R7 tiles left
	R8 blocks left      R10 mins       R11 plane of the mins
	V0-V3 int32 sums of quarter 0, tokens 0-3; V4-V7 of quarter 1
	V16-V19, V20-V23 the same of the slab, float32
	V24-V27 weights (two groups), scales; V28, V29 activations
	V8-V15 scale * 2^-e   V30 2^-e of four tokens   V31 bits of 1.0

A block of 32 channels is 64 SDOT for 8*4*32 MACs (16 per SDOT), 12 loads of pairs, and
8 clears, 8 FMUL, 8 SCVTF, 8 FMLA: 114 instructions with the loop, 9.0 MACs per
instruction. Accumulators give 8 independent chains.`

const gemmI8MMDoc = `GEMM kernels with products of 8-bit matrices: half a panel (8 rows) by tiles of 4
tokens over one slab. One SMMLA is two rows by two tokens by 8 channels. The weights are
pairs of rows, [8 channels][8 pairs][2][8], as neonPairs leaves them; two registers of a
c4 activation, zipped, are two pairs of tokens.

	R0 arguments        R1 weights     R2 scales   R3 activations
	R4 exponents        R5 slab bases  R6 C        R7 tiles left
	R8 blocks left      R10 mins       R11 plane of the mins
	V0-V7 int32 sums, V16-V23 float32 sums: [pair of rows][pair of tokens], each
	  row 0 token 0, row 0 token 1, row 1 token 0, row 1 token 1
	V24-V27 weights; V26-V29 scales, every row twice
	V28, V29 activations   V12, V13 zipped   V14, V15 2^-e of a pair of tokens, twice

A block of 32 channels is 32 SMMLA for 8*4*32 MACs (32 per SMMLA), 13 loads of pairs and
one of 2^-e, 12 zips, 8 clears, 8 FMUL, 8 SCVTF, 8 FMLA: 98 instructions with the loop,
10.4 MACs per instruction (SDOT: 9.0), 13.0 per instruction of the vector pipes (10.6).`

func gemmNEONFile(i8mm bool, s scheme) *asm {
	s.check("gemmNEON")
	a, prefix := &asm{doc: gemmNEONDoc, include: []string{"neon_arm64.h"}}, "neonGemm"
	if i8mm {
		a.doc, prefix = gemmI8MMDoc, "i8mmGemm"
	}
	for p, suffix := range planesNEON {
		a.text(prefix+suffix, "a *neonArgs", planeDocs[p])
		gemmNEON{a, pack.Plane(p), i8mm}.kernel()
	}
	return a
}

// planesNEON and planeDocs name the kernels of expanded slabs of signed bytes.
var (
	planesNEON = [pack.NumPlanes]string{pack.PlaneInit16: "16", pack.PlaneMinPair: "Min", pack.PlaneBSum: "MinF"}
	planeDocs  = [pack.NumPlanes]string{"blocks of 32", "scales of 16 channels", "integer mins", "float32 mins"}
)

// clear zeroes n vectors from first on.
func (a *asm) clear(first, n int) {
	a.zip("VEOR %[1]s.B16, %[1]s.B16, %[1]s.B16", registers("V", first, n))
}

// countdown is loop on arm64.
func (a *asm) countdown(label, counter string, body func()) {
	a.label(label)
	body()
	a.p("SUB $1, %[1]s; CBNZ %[1]s, %[2]s", counter, label)
}

// loadARM is load on arm64.
func (a *asm) loadARM(args string, fields ...string) {
	for i := 0; i < len(fields); i += 2 {
		a.p("MOVD %s_%s(R0), %s", args, fields[i], fields[i+1])
	}
}

// one sets V31 to the bits of 1.0, to which exponents are added.
func (a *asm) one() { a.p("MOVD $127<<23, R9; VDUP R9, V31.S4") }

// numbers is a column of n numbers from start on.
func numbers(start, n int) []string { return registers("", start, n) }

func (k gemmNEON) kernel() {
	k.p("MOVD a+0(FP), R0")
	k.loadARM("neonArgs", "act", "R3", "exp", "R4", "base", "R5", "c", "R6", "tiles", "R7", "plane", "R11")
	k.one()
	k.label("tile")
	k.loadARM("neonArgs", "w", "R1", "scale", "R2", "blocks", "R8", "min", "R10")
	k.clear(16, 8)
	k.countdown("block", "R8", k.block)
	if k.i8mm {
		k.unpair(16)
		k.unpair(20)
	}
	switch k.plane {
	case pack.PlaneMinPair:
		k.minPairs()
	case pack.PlaneBSum:
		k.loadARM("neonArgs", "blocks", "R8")
		k.countdown("mins", "R8", func() { // acc = fma(bsum, m, acc)
			k.p("FLDPQ (R10), (F24, F25); FMOVQ.P 16(R11), F8")
			k.zip("FMLAI(%s, 24, 8, %d)", numbers(16, 4), seq{0, 1})
			k.zip("FMLAI(%s, 25, 8, %d)", numbers(20, 4), seq{0, 1})
			k.p("ADD $64, R10")
		})
		k.p("MOVD neonArgs_skip(R0), R9; ADD R9, R11")
	}
	k.p("FMOVQ.P 16(R5), F30") // C = fma(acc, base, C)
	for t := range 4 {
		k.p("FLDPQ %d(R6), (F24, F25); FMLAI(24, %d, 30, %d); FMLAI(25, %d, 30, %[3]d); FSTPQ (F24, F25), %[1]d(R6)", 64*t, 16+t, t, 20+t)
	}
	k.p("ADD $256, R6; MOVD neonArgs_skip(R0), R9; ADD R9, R4; SUB $1, R7; CBNZ R7, tile; RET")
}

func (k gemmNEON) block() {
	if k.plane != pack.PlaneInit16 {
		k.sums(0, 8)
		k.powers()
		k.scales(0)
		k.p("ADD $512, R1; ADD $64, R2; ADD $128, R3")
		return
	}
	k.powers()
	k.sums(0, 4)
	k.scales(0)
	k.sums(4, 8)
	k.scales(64)
	k.p("ADD $512, R1; ADD $128, R2; ADD $128, R3")
}

// powers loads 2^-e of four tokens.
func (k gemmNEON) powers() {
	k.p("FMOVQ.P 16(R4), F30; VADD V31.S4, V30.S4, V30.S4")
	if k.i8mm {
		k.p("VDUP V30.D[0], V14.D2; VDUP V30.D[1], V15.D2")
	}
}

// sums makes the sums of groups [from, to), two at a time.
func (k gemmNEON) sums(from, to int) {
	k.clear(0, 8)
	second := 64
	if k.i8mm {
		second = 32
	}
	for g := from; g < to; g += 2 {
		k.p("FLDPQ %d(R1), (F24, F25); FLDPQ %d(R3), (F28, F29); FLDPQ %d(R1), (F26, F27)", 64*g, 16*g, 64*g+second)
		if k.i8mm {
			k.p("VZIP1 V29.S4, V28.S4, V12.S4; VZIP2 V29.S4, V28.S4, V13.S4")
			k.zip("SMMLA(%s, %s, 12); SMMLA(%s, %[2]s, 13)", []string{"0", "2", "4", "6"}, numbers(24, 4), []string{"1", "3", "5", "7"})
			continue
		}
		for i := range 2 {
			k.zip("SDOTI(%s, %d, %d, %d)", numbers(0, 4), 24+2*i, 28+i, seq{0, 1})
			k.zip("SDOTI(%s, %d, %d, %d)", numbers(4, 4), 25+2*i, 28+i, seq{0, 1})
		}
	}
}

// scales: acc = fma(float(sum), scale·2^-e, acc). Exact scales would be multiplied
// in here, in place of 2^-e.
func (k gemmNEON) scales(at int) {
	k.p("FLDPQ %d(R2), (F24, F25)", at)
	if k.i8mm {
		for i := range 4 {
			k.p("VZIP%d V%d.S4, V%[2]d.S4, V%d.S4", 1+i%2, 24+i/2, 26+i)
		}
		for i := range 4 {
			x, y := 2*i, 2*i+1
			k.p("FMUL(8, %[1]d, 14); FMUL(9, %[1]d, 15); SCVTF(%[2]d, %[2]d); SCVTF(%[3]d, %[3]d)", 26+i, x, y)
			k.p("FMLA(%d, %d, 8); FMLA(%d, %d, 9)", 16+x, x, 16+y, y)
		}
		return
	}
	for t := range 4 {
		k.p("FMULI(%d, 24, 30, %d); FMULI(%d, 25, 30, %[2]d)", 8+t, t, 12+t)
		k.p("SCVTF(%[1]d, %[1]d); SCVTF(%[2]d, %[2]d); FMLA(%[3]d, %[1]d, %[4]d); FMLA(%[5]d, %[2]d, %[6]d)", t, 4+t, 16+t, 8+t, 20+t, 12+t)
	}
}

// unpair turns the pairs of a quarter to rows of tokens 0-3.
func (k gemmNEON) unpair(v int) {
	k.p("VUZP1 V%[3]d.S4, V%[1]d.S4, V8.S4; VUZP2 V%[3]d.S4, V%[1]d.S4, V9.S4; VUZP1 V%[4]d.S4, V%[2]d.S4, V10.S4; "+
		"VUZP2 V%[4]d.S4, V%[2]d.S4, V%[4]d.S4; VMOV V8.B16, V%[1]d.B16; VMOV V9.B16, V%[2]d.B16; VMOV V10.B16, V%[3]d.B16",
		v, v+1, v+2, v+3)
}

// minPairs: acc = fma(-float(sum of mn*minq), dmin, acc) of four pairs of blocks.
func (k gemmNEON) minPairs() {
	k.clear(0, 8)
	for range 4 {
		k.p("FMOVQ.P 16(R11), F8")
		for j := range 2 {
			k.p("FMOVQ.P 32(R10), F24")
			k.zip("SMLALI(%s, 24, 8, %d)", numbers(0, 4), seq{j, 2})
			k.zip("SMLAL2I(%s, 24, 8, %d)", numbers(4, 4), seq{j, 2})
		}
	}
	k.p("MOVD neonArgs_dmin(R0), R9; FLDPQ (R9), (F24, F25)")
	for t := range 4 {
		k.p("SCVTF(%[1]d, %[1]d); SCVTF(%[2]d, %[2]d); FMLS(%[3]d, %[1]d, 24); FMLS(%[4]d, %[2]d, 25)", t, 4+t, 16+t, 20+t)
	}
}
