package main

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/pack"
)

// gemm512 is the template of the GEMM kernels, AVX-512 VNNI: 3 panels (48 rows) by 4
// tokens over one slab of expanded weights, one kernel per correction plane.
type gemm512 struct {
	*asm
	plane pack.Plane
	fma   bool
}

const (
	gemm512Doc = `GEMM kernels, AVX-512 VNNI: 3 panels (48 rows) by 4 tokens over one slab, for cores %s

Weights are unsigned bytes w·2^s + 128 (offset form; the sums start at -128·Σq, the 2^-s
is in the scale) or plain 0..31 (min form; sums start at 0). The sums of a block stay
below 2^20 in magnitude: exact in f32.

	Z0-Z11 int32 sums [panel][token]   Z12-Z23 f32 slab accumulators   Z24-Z26 weights of
	one K4 group   Z27-Z29 scales of one block   Z30, Z31 broadcasts
	AX weights of the block (panels 4096 bytes apart)   BX scales of the block
	DI activations   R9 correction plane   R10 exponents   R11 base plane
	R12 C tile [4][48]   DX arguments   CX tiles left   R13 blocks left`
	gemm512Int = `whose integer
adds and conversions do not compete with dot products (AMD Zen 4 and 5): the scale of a
block gets the exponent of the token by an integer add.`
	gemm512FMA = `that have two
512-bit ports for everything (Intel). Conversion, exponent add and FMA would take three
slots per sum; here it is two FMAs. The sums start at the bits of M = 1.5·2^23, so that
read as a float they are M + sum, exactly; then sum·2^-e = fma(M + sum, 2^-e, -M·2^-e),
exactly, and acc = fma(sum·2^-e, dw, acc) is the one rounding of the definition.

For each tile a prologue writes to the buffer: sums to start from [16][4], 2^-e [8][4] at
256, -M·2^-e [8][4] at 384. R9 walks the first, R10 the others. The plane pointers of the
arguments advance from tile to tile.`
	magic, minusMagic = 0x4b400000, 0xcb400000
)

// planes names the kernels of expanded slabs by what corrects their sums.
var planes = [pack.NumPlanes]struct{ suffix, doc string }{
	pack.PlaneInit:    {"Offset", "sums start at the init plane"},
	pack.PlaneInit16:  {"Offset16", "blocks of 16 channels; the init plane has 16 entries per tile, two of them share an exponent"},
	pack.PlaneMinPair: {"Min", "init is the minpair plane; mins are int16 pairs [3][4][16][2] and dmin f32 [3][16], scaled by 1/8"},
	pack.PlaneBSum:    {"MinF", "init is the bsum plane; mins are f32 [3][8][16]"},
}

func gemm512File(fma bool, s scheme) *asm {
	s.check("gemm512")
	a := &asm{doc: fmt.Sprintf(gemm512Doc, gemm512Int), constants: "gemm512Const"}
	form := ""
	if fma {
		a.doc, form = fmt.Sprintf(gemm512Doc, gemm512FMA), "FMA"
	}
	for p, names := range planes {
		a.text("gemm"+names.suffix+form, "a *gemmArgs", names.doc)
		gemm512{a, pack.Plane(p), fma}.kernel()
	}
	if !fma {
		storeRows(a, "storeRows3", z(0, 3), "R8")
	}
	return a
}

// storeRows writes a function that copies n rows of the width of some vectors,
// contiguous in src, stride bytes apart in dst.
func storeRows(a *asm, name string, regs []string, stride string) {
	params := "dst *float32, stride int, src *float32, n int"
	a.text(name, params, "n rows, stride bytes apart in dst, contiguous in src")
	a.arguments(params, map[string]string{"dst": "DI", "stride": stride, "src": "SI", "n": "CX"})
	width := 64
	if regs[0][0] == 'Y' {
		width = 32
	}
	a.loop("loop", "CX", func() {
		a.zip("VMOVUPS %d(SI), %s", seq{0, width}, regs)
		a.zip("VMOVUPS %s, %d(DI)", regs, seq{0, width})
		a.p("ADDQ $%d, SI; ADDQ %s, DI", width*len(regs), stride)
	})
	a.p("VZEROUPPER; RET")
}

// load reads arguments of the struct at DX to registers, "field register" each.
func (a *asm) load(args string, pairs ...string) {
	for _, p := range pairs {
		var field, reg string
		fmt.Sscan(p, &field, &reg)
		a.p("MOVQ %s_%s(DX), %s", args, field, reg)
	}
}

func (k gemm512) mins() bool { return k.plane == pack.PlaneMinPair || k.plane == pack.PlaneBSum }

func (k gemm512) kernel() {
	k.p("MOVQ a+0(FP), DX")
	k.load("gemmArgs", "w SI", "scale R8", "act DI")
	if !k.fma {
		k.load("gemmArgs", "init R9", "exp R10")
	}
	k.load("gemmArgs", "base R11", "c R12", "tiles CX")
	k.loop("tile", "CX", func() {
		if k.fma {
			k.prologue()
		}
		k.zip("VPXORD %[1]s, %[1]s, %[1]s", z(12, 12))
		k.p("MOVQ SI, AX; MOVQ R8, BX")
		if k.plane == pack.PlaneMinPair {
			k.p("MOVQ $8, R13")
		} else {
			k.load("gemmArgs", "blocks R13")
		}
		k.loop("block", "R13", k.block)
		switch k.plane {
		case pack.PlaneMinPair:
			k.minPairs()
		case pack.PlaneBSum:
			k.minFloats()
		}
		k.finish()
		k.p("ADDQ $16, R11; ADDQ $768, R12")
	})
	k.p("VZEROUPPER; RET")
}

// block: the sums of 8 groups, or twice of 4, are scaled and added.
func (k gemm512) block() {
	if k.plane != pack.PlaneInit16 {
		k.start()
		k.groups(0, 8)
		k.scales(512)
		k.p("ADDQ $512, AX; ADDQ $64, BX; ADDQ $128, DI")
		if !k.mins() {
			k.p("ADDQ $16, R9")
		}
		k.p("ADDQ $16, R10")
		return
	}
	for g := 0; g < 8; g += 4 {
		k.start()
		k.groups(g, g+4)
		k.scales(1024)
		k.p("ADDQ $16, R9; ADDQ $64, BX")
	}
	k.p("ADDQ $512, AX; ADDQ $128, DI; ADDQ $16, R10")
}

// prologue fills the buffer of the FMA form.
func (k gemm512) prologue() {
	if !k.mins() {
		k.load("gemmArgs", "init AX")
	}
	k.load("gemmArgs", "buf R9")
	if !k.mins() {
		k.p("VPBROADCASTD %s, Z27", k.constant(magic))
		n := 128
		if k.plane == pack.PlaneInit16 {
			n = 256
		}
		for o := 0; o < n; o += 64 {
			k.p("VPADDD %[1]d(AX), Z27, Z0; VMOVDQU64 Z0, %[1]d(R9)", o)
		}
		k.p("ADDQ $%d, AX; MOVQ AX, gemmArgs_init(DX)", n)
	}
	k.load("gemmArgs", "exp BX")
	k.p("VPBROADCASTD %s, Z28; VPBROADCASTD %s, Z29", k.constant(127<<23), k.constant(minusMagic))
	k.p("VMOVDQU64 (BX), Z0; VMOVDQU64 64(BX), Z1")
	k.p("VPADDD Z0, Z28, Z2; VPADDD Z1, Z28, Z3; VPADDD Z0, Z29, Z4; VPADDD Z1, Z29, Z5")
	k.zip("VMOVDQU64 %s, %d(R9)", z(2, 4), seq{256, 64})
	k.p("ADDQ $128, BX; MOVQ BX, gemmArgs_exp(DX); LEAQ 256(R9), R10")
}

// start sets the sums.
func (k gemm512) start() {
	switch {
	case !k.mins():
		k.zip("VPBROADCASTD %d(R9), %s", seq{0, 4}, z(0, 4))
		k.zip("VMOVDQA64 %s, %s", append(z(0, 4), z(0, 4)...), z(4, 8))
	case k.fma:
		k.p("VPBROADCASTD %s, Z0", k.constant(magic))
		k.zip("VMOVDQA64 Z0, %s", z(1, 11))
	default:
		k.zip("VPXORD %[1]s, %[1]s, %[1]s", z(0, 12))
	}
}

// sums lists the sums of token t, of every panel.
func (k gemm512) sums(t int) []string { return []string{z(t, 1)[0], z(4+t, 1)[0], z(8+t, 1)[0]} }

// acc lists the accumulators of token t.
func (k gemm512) acc(t int) []string { return []string{z(12+t, 1)[0], z(16+t, 1)[0], z(20+t, 1)[0]} }

func (k gemm512) groups(from, to int) {
	for g := from; g < to; g++ {
		k.zip("VMOVDQU64 %d(AX), %s", seq{64 * g, 4096}, z(24, 3))
		for t := range 4 {
			k.p("VPBROADCASTD %d(DI), Z%d", 16*g+4*t, 30+t%2)
			k.zip(fmt.Sprintf("VPDPBUSD Z%d, %%s, %%s", 30+t%2), z(24, 3), k.sums(t))
		}
	}
}

// scales: acc = fma(float(sum), dw·2^-e, acc). Exact scales would be multiplied here.
func (k gemm512) scales(pitch int) {
	k.zip("VMOVUPS %d(BX), %s", seq{0, pitch}, z(27, 3))
	for t := range 4 {
		if k.fma {
			k.p("VBROADCASTSS %d(R10), Z30; VBROADCASTSS %d(R10), Z31", 4*t, 128+4*t)
			k.zip("VFMADD213PS Z31, Z30, %[1]s; VFMADD231PS %[2]s, %[1]s, %[3]s", k.sums(t), z(27, 3), k.acc(t))
			continue
		}
		k.p("VPBROADCASTD %d(R10), Z30", 4*t)
		k.zip("VCVTDQ2PS %[1]s, %[1]s; VPADDD Z30, %[2]s, Z31; VFMADD231PS Z31, %[1]s, %[3]s", k.sums(t), z(27, 3), k.acc(t))
	}
}

// minPairs: acc = fma(-float(sum of mins), dmin/8, acc).
func (k gemm512) minPairs() {
	k.zip("VPXORD %[1]s, %[1]s, %[1]s", z(0, 12))
	if k.fma {
		k.load("gemmArgs", "init R9")
	}
	k.load("gemmArgs", "min BX")
	for p := range 4 {
		k.zip("VMOVDQU64 %d(BX), %s", seq{64 * p, 256}, z(24, 3))
		for t := range 4 {
			k.p("VPBROADCASTD %d(R9), Z%d", 4*t, 30+t%2)
			k.zip(fmt.Sprintf("VPDPWSSD Z%d, %%s, %%s", 30+t%2), z(24, 3), k.sums(t))
		}
		k.p("ADDQ $16, R9")
	}
	if k.fma {
		k.p("MOVQ R9, gemmArgs_init(DX)")
	}
	k.load("gemmArgs", "dmin BX")
	k.zip("VMOVUPS %d(BX), %s", seq{0, 64}, z(27, 3))
	for p := range 3 {
		k.zip(fmt.Sprintf("VCVTDQ2PS %%[1]s, %%[1]s; VFNMADD231PS Z%d, %%[1]s, %%[2]s", 27+p), z(4*p, 4), z(12+4*p, 4))
	}
}

// minFloats: acc = fma(bsum, m, acc) for every block.
func (k gemm512) minFloats() {
	if k.fma {
		k.load("gemmArgs", "init R9")
	}
	k.load("gemmArgs", "min BX", "blocks R13")
	k.loop("min", "R13", func() {
		k.zip("VMOVUPS %d(BX), %s", seq{0, 512}, z(27, 3))
		for t := range 4 {
			k.p("VBROADCASTSS %d(R9), Z%d", 4*t, 30+t%2)
			k.zip(fmt.Sprintf("VFMADD231PS Z%d, %%s, %%s", 30+t%2), z(27, 3), k.acc(t))
		}
		k.p("ADDQ $64, BX; ADDQ $16, R9")
	})
	if k.fma {
		k.p("ADDQ gemmArgs_skip(DX), R9; MOVQ R9, gemmArgs_init(DX)") // blocks a short slab lacks
	}
}

// finish: C = fma(acc, base, C).
func (k gemm512) finish() {
	for t := range 4 {
		k.p("VBROADCASTSS %d(R11), Z30", 4*t)
		k.zip("VMOVUPS %d(R12), %s", seq{192 * t, 64}, z(24, 3))
		k.zip("VFMADD231PS Z30, %s, %s", k.acc(t), z(24, 3))
		k.zip("VMOVUPS %s, %d(R12)", z(24, 3), seq{192 * t, 64})
	}
	if !k.fma && (k.plane == pack.PlaneInit || k.plane == pack.PlaneBSum) {
		k.load("gemmArgs", "skip R13")
		k.p("ADDQ R13, R9; ADDQ R13, R10") // the planes of blocks that a short slab lacks
	}
}
