package main

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/pack"
)

// gemv512 is the template of the GEMV kernels, AVX-512 VNNI: one panel of 16 rows
// by one token, a tile of four, or two tiles; packed records are read in place,
// each expanded once for all tokens.
type gemv512 struct {
	decode512
	tokens int // 1, 4 or 8

	sums, odd []string // int32, of the odd groups where there are registers
	acc, c    []string // of the slab; C, in memory for eight tokens
	t, u      string   // temporaries: a scale, and the same times 2^-e
	d, factor string   // d of a super block; exponent of 2^-shift, 2^-shift, 1/8 or 1
}

const gemv512Doc = `GEMV kernels, AVX-512 VNNI: one panel of 16 rows by %s, packed records
read in place. The order of operations is that of the GEMM kernels.

	SI record   DI activations   R8 distance of the second tile   R9 init, minpair or
	bsum plane   R10 exponents   R11 bases   CX records left   R13 records left in the slab
	%s

Records are fetched ahead of their use, into the next panel at the end of one.`

func gemv512File(tokens int, s scheme) *asm {
	s.check("gemv512")
	what := map[int]string{1: "one token", 4: "a tile of two to four tokens", 8: "two tiles, five to eight tokens"}[tokens]
	regs := "Z0, Z1 int32 sums (even and odd groups)   Z16 C   Z17 slab accumulator"
	switch tokens {
	case 4:
		regs = "Z0-Z7 int32 sums (even groups of four tokens, odd groups)   Z24-Z27 slab\n\taccumulators   Z28-Z31 C"
	case 8:
		regs = "Z0-Z7 int32 sums   Z24-Z31 slab accumulators   C stays in memory"
	}
	a := &asm{doc: fmt.Sprintf(gemv512Doc, what, regs), constants: fmt.Sprintf("gemv%dConst", tokens)}
	prefix := map[int]string{1: "gemv", 4: "gemv4x", 8: "gemv8x"}[tokens]
	for _, r := range quantised() {
		k := gemv512{decode512: decode512{asm: a, r: r, w0: "Z8", w1: "Z9", h: "Z10", h0: "Z11", h1: "Z12",
			mask: "Z20", top: "Z22", table: "Z19"}, tokens: tokens,
			sums: z(0, tokens), odd: z(4, 4), acc: z(24, tokens), c: z(28, 4), t: "Z13", u: "Z14", d: "Z18", factor: "Z21"}
		switch tokens {
		case 1:
			k.w0, k.w1, k.h, k.h0, k.h1, k.t, k.u = "Z2", "Z3", "Z4", "Z5", "Z6", "Z2", "Z3"
			k.odd, k.acc, k.c = z(1, 1), z(17, 1), z(16, 1)
		case 8:
			k.odd, k.c = nil, nil
		}
		a.text(prefix+r.name, "a *gemvArgs", "")
		k.kernel()
	}
	return a
}

func (k gemv512) kernel() {
	k.p("MOVQ a+0(FP), DX; MOVQ gemvArgs_rec(DX), SI; MOVQ gemvArgs_act(DX), DI; MOVQ gemvArgs_init(DX), R9")
	k.p("MOVQ gemvArgs_exp(DX), R10; MOVQ gemvArgs_base(DX), R11")
	if k.c != nil {
		k.p("MOVQ gemvArgs_c(DX), AX")
	}
	k.p("MOVQ gemvArgs_records(DX), CX")
	if k.c != nil {
		k.zip("VMOVUPS %d(AX), %s", seq{0, 64}, k.c)
	} else {
		k.p("MOVQ $1024, R8")
	}
	k.masks()
	k.label("slab")
	k.zip("VPXORD %[1]s, %[1]s, %[1]s", k.acc)
	if k.r.super() {
		k.superSlab()
		k.p("DECQ CX; JNZ slab")
	} else {
		k.slab()
		k.p("TESTQ CX, CX; JNZ slab")
	}
	if k.c != nil {
		k.p("MOVQ gemvArgs_c(DX), DI")
		k.zip("VMOVUPS %s, %d(DI)", k.c, seq{0, 64})
	}
	k.p("VZEROUPPER; RET")
}

// masks loads what decoding a type needs.
func (k gemv512) masks() {
	k.decode512.masks()
	switch s := k.r.shift(); {
	case k.r.super() && k.r.init():
		k.p("VBROADCASTSS %s, %s", k.constant(uint32(127-s)<<23), k.factor)
	case k.r.super():
		k.p("VBROADCASTSS %s, %s", k.constant(124<<23), k.factor) // 1/8
	case !k.r.HasZero():
		k.p("VPBROADCASTD %s, %s", k.constant(127<<23), k.factor)
	case s > 0:
		k.p("VPBROADCASTD %s, %s", k.constant(uint32(-s)<<23), k.factor)
	}
}

// plane is the bytes of an entry of a plane, of all tokens of a tile, and those of a
// tile with n entries.
func (k gemv512) plane(n int) (perEntry, tile int) {
	if k.tokens == 1 {
		return 4, 4 * n
	}
	return 16, 16 * n
}

// operands is a column of the addresses of entry i of a plane of n entries, for
// all tokens.
func (k gemv512) operands(base string, n, i int) []string {
	per, tile := k.plane(n)
	var ops []string
	for t := range k.tokens {
		ops = append(ops, fmt.Sprintf("%d(%s)", t/4*tile+per*i+4*(t%4), base))
	}
	return ops
}

// slab: at most four records of two blocks of 32 channels.
func (k gemv512) slab() {
	k.p("MOVQ $4, R13; CMPQ CX, R13; CMOVQLT CX, R13; SUBQ R13, CX")
	if k.tokens == 8 {
		k.p("MOVQ R13, R8; SHLQ $8, R8")
	}
	step, _ := k.plane(0)
	mins := k.r.HasMin()
	if mins {
		k.p("MOVQ SI, AX; MOVQ R13, BX") // the mins of a slab follow its blocks
	}
	k.label("rec")
	for b := range 2 {
		k.block(b, 8)
		k.sumUp()
		k.p("VCVTPH2PS %d(SI), %s", 32*b, k.t)
		if k.r.shift() > 0 {
			k.p("VPADDD %s, %[2]s, %[2]s", k.factor, k.t)
		}
		k.addScaled(b)
	}
	k.p("ADDQ $%d, SI; ADDQ $%d, DI", k.r.Size, 16*step)
	if !mins {
		k.p("ADDQ $%d, R9", 2*step)
	}
	k.p("ADDQ $%d, R10; DECQ R13; JNZ rec", 2*step)
	if mins {
		k.label("min") // acc = fma(bsum, m, acc) for both blocks of the record at AX
		for b := range 2 {
			k.p("VCVTPH2PS %d(AX), %s", k.r.Min+32*b, k.t)
			k.zip("VFMADD231PS.BCST %s, %s, %s", k.operands("R9", 8, b), k.t, k.acc)
		}
		k.p("ADDQ $%d, R9; ADDQ $%d, AX; DECQ BX; JNZ min", 2*step, k.r.Size)
	}
	k.endSlab()
}

// superSlab: one record, its scales d times integers, in eight rounds of 32 channels:
// unrolled it would not fit the cache of decoded instructions.
func (k gemv512) superSlab() {
	k.p("VCVTPH2PS (SI), %s", k.d)
	if k.r.init() {
		k.p("VMULPS %s, %[2]s, %[2]s", k.factor, k.d)
	}
	blocks, extend := 32/k.r.Group, "VPMOVZXBD"
	if k.r.Scale == pack.ScaleI8 {
		extend = "VPMOVSXBD"
	}
	step, _ := k.plane(0)
	steps := fmt.Sprintf("ADDQ $%d, SI; ADDQ $%d, AX; ADDQ $%d, DI; ADDQ $%d, R10", 64*k.r.LowBits, 16*blocks, 8*step, step)
	k.p("LEAQ %d(SI), AX; MOVQ $8, R13", k.r.Sub)
	if k.r.HighBits > 0 {
		k.highBase = "BX"
		k.p("LEAQ %d(SI), BX", k.r.High)
		steps += fmt.Sprintf("; ADDQ $%d, BX", 64*k.r.HighBits)
	}
	if k.r.init() {
		steps += fmt.Sprintf("; ADDQ $%d, R9", step*blocks)
	}
	k.loop("round", "R13", func() {
		for i := range blocks {
			k.block(i, 8*blocks)
			k.sumUp()
			k.p("%s %d(AX), %s; VCVTDQ2PS %[3]s, %[3]s; VMULPS %s, %[3]s, %[3]s", extend, 16*i, k.t, k.d)
			k.addScaled(0)
		}
		k.p("%s", steps)
	})
	k.p("SUBQ $%d, SI", 512*k.r.LowBits)
	if k.r.HasMin() {
		k.superMins()
		k.p("ADDQ $%d, R9", 4*step)
	}
	k.endSlab()
	k.p("ADDQ $%d, SI", k.r.Size)
}

// superMins: acc = fma(-float(sum of mins), dmin/8, acc).
func (k gemv512) superMins() {
	k.zip("VPXORD %[1]s, %[1]s, %[1]s", k.sums)
	for p := range 4 {
		k.p("VPMOVZXBW %d(SI), %s", k.r.SubMin+32*p, k.t)
		k.zip("VPDPWSSD.BCST %s, %s, %s", k.operands("R9", 4, p), k.t, k.sums)
	}
	k.p("VCVTPH2PS %d(SI), %s; VMULPS %s, %[2]s, %[2]s", k.r.Min, k.t, k.factor)
	k.zip("VCVTDQ2PS %[1]s, %[1]s; VFNMADD231PS %[2]s, %[1]s, %[3]s", k.sums, k.t, k.acc)
}

// endSlab: C = fma(acc, base, C); tiles of other tokens are skipped.
func (k gemv512) endSlab() {
	bases := k.operands("R11", 1, 0)
	if k.c != nil {
		k.zip("VFMADD231PS.BCST %s, %s, %s", bases, k.acc, k.c)
	} else {
		k.p("MOVQ gemvArgs_c(DX), AX")
		k.zip("VBROADCASTSS %s, %s; VFMADD213PS %d(AX), %[2]s, %[4]s; VMOVUPS %[4]s, %[3]d(AX)", bases, k.t, seq{0, 64}, k.acc)
	}
	if k.tokens == 1 {
		k.p("ADDQ $4, R11")
		return
	}
	k.p("ADDQ gemvArgs_actSkip(DX), DI; ADDQ gemvArgs_initSkip(DX), R9")
	k.p("ADDQ gemvArgs_expSkip(DX), R10; ADDQ gemvArgs_baseStep(DX), R11")
}

// block makes the int32 sums of block i of n in a slab, or in a record.
func (k gemv512) block(i, n int) {
	zero := k.odd
	if k.r.init() {
		k.zip("VPBROADCASTD %s, %s", k.operands("R9", n, i), k.sums)
	} else {
		zero = append(append([]string{}, k.sums...), k.odd...)
	}
	if len(zero) > 0 {
		k.zip("VPXORD %[1]s, %[1]s, %[1]s", zero)
	}
	for g := k.r.groups() * i; g < k.r.groups()*(i+1); g += 2 {
		k.pair(g, k.ahead)
		k.dots(g)
	}
}

// ahead fetches a vector that is needed later. Where a record is little work that is
// 8 KiB ahead into the second cache, where it is more 2 KiB into the first, and both where
// it is most (5 and 6 bits, several tokens).
func (k gemv512) ahead(at int, high bool) {
	at, base := at-k.r.Low, "SI" // the distance counts from the record's start
	if high && k.highBase != "" {
		base = k.highBase
	}
	switch {
	case high && (k.tokens > 1 || !k.r.super()):
	case k.tokens > 1 && k.r.LowBits < 8, k.r.HighBits > 0:
		k.p("PREFETCHT0 %d(%[2]s); PREFETCHT1 %[3]d(%[2]s)", 1024+at, base, 8192+at)
	case k.r.HasMin() && k.tokens == 1:
		k.p("PREFETCHT0 %d(SI)", 2048+at)
	default:
		k.p("PREFETCHT1 %d(SI)", 8192+at)
	}
}

// dots multiplies groups g and g+1 by the activations of every token.
func (k gemv512) dots(g int) {
	for i, w := range []string{k.w0, k.w1} {
		sums, per := k.sums, 16
		if i == 1 && k.odd != nil {
			sums = k.odd
		}
		if k.tokens == 1 {
			per = 4
		}
		k.zip("VPDPBUSD.BCST %d(DI), %s, %s", seq{per * (g + i), 4}, w, sums[:min(4, k.tokens)])
		if k.tokens == 8 {
			k.zip("VPDPBUSD.BCST %d(DI)(R8*1), %s, %s", seq{per * (g + i), 4}, w, sums[4:])
		}
	}
}

// sumUp makes floats of the sums.
func (k gemv512) sumUp() {
	if k.odd != nil {
		k.zip("VPADDD %s, %s, %[2]s", k.odd, k.sums)
	}
	k.zip("VCVTDQ2PS %[1]s, %[1]s", k.sums)
}

// addScaled: acc = fma(float(sum), scale·2^-e, acc), the scale in t, for the
// exponents of block b. Exact scales would be multiplied in here. Where a scale may be 0
// it is multiplied by 2^-e.
func (k gemv512) addScaled(b int) {
	exps := k.operands("R10", 8, b)
	if !k.r.HasZero() {
		k.zip("VPADDD.BCST %[1]s, %[2]s, %[3]s; VMULPS %[4]s, %[3]s, %[3]s; VFMADD231PS %[3]s, %[5]s, %[6]s", exps, k.factor, k.u, k.t, k.sums, k.acc)
		return
	}
	k.zip("VPADDD.BCST %s, %s, %s; VFMADD231PS %[3]s, %s, %s", exps, k.t, k.u, k.sums, k.acc)
}
