package main

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/pack"
)

// gemm256 is the template of the GEMM kernels of 256 bits: one panel (16 rows, two
// halves of 8) by 4 tokens over one slab, for all tiles of a pass. Weights are plain
// unsigned bytes, or with AVX2 int16 pairs where 8 bits are needed. What it does with
// a block is shared with tile256, which reads packed records.
type gemm256 struct {
	*asm
	plane pack.Plane
	bits  int // of a weight: 4, 5, 6 or 8
	vnni  bool

	weights func(g int) // loads group g of a block into Y8 and Y9
	scale   func()      // Y11, Y12 = dw·2^-e of the halves, e in Y10
	ones    string      // int16, an operand
}

const gemm256Doc = `GEMM kernels, %s: one panel (16 rows, two halves of 8) by 4 tokens over one slab, for
all tiles of a pass.

	SI weights   BX scales   DI activations   R9 correction or min plane
	R10 exponents   R11 bases   R12 C tile [4][16]   R8 slab accumulators
	[4][16] in memory   CX blocks left   R13 tiles left   DX arguments
	Y0-Y7 sums [token][half]   Y8, Y9 weights   Y10-Y13 temporary   Y15 ones

The slab accumulators are touched once per block: a load and a store each hide behind
the products, and the registers are free for 8 sums.

Weights are unsigned bytes without shift (0..15, 0..31, 0..63%s`

const gemm256AVX2 = `); 8-bit weights and their
activations are int16. VPMADDUBSW adds two products in int16 and must not saturate:
63·127·2 = 16002. The sums of several groups must end in range: 15·127·2·8 = 30480 for
the eight groups of a block of 4-bit values, 31·127·2·4 = 31496 for four groups of 5-bit
values. Those of 6-bit values start at -32 times the sum of the same activations (VPADDW
wraps on the way) and end at 32·127·2·4 = 32512 at most. 8-bit values take VPMADDWD.`

const gemm256VNNI = `, or 8 bits
with the zero point at 128). Sums of types with a zero point start at minus that times
the sum of the block, which is init = -128 · sum, shifted.`

// bits is the width of a weight's byte.
func (r recipe) bits() int {
	if r.LUT != nil {
		return 8
	}
	return r.LowBits + r.HighBits
}

// gemm256Name is the kernel of r: of AVX2 one per width and plane, named after the first
// type that has them, of AVX-VNNI one per plane and zero point.
func gemm256Name(r recipe, vnni bool) string {
	switch {
	case !vnni:
		for _, q := range quantised() {
			if q.bits() == r.bits() && q.Plane == r.Plane {
				return "gemm256" + q.name
			}
		}
	case r.Plane == pack.PlaneInit:
		return fmt.Sprint("gemm256VOffset", r.bits())
	case r.Plane == pack.PlaneInit16:
		return "gemm256VOffset16"
	case r.Plane == pack.PlaneMinPair:
		return "gemm256VMinK"
	}
	return "gemm256VMin"
}

func gemm256File(vnni bool, s scheme) *asm {
	s.check("gemm256")
	a := &asm{doc: fmt.Sprintf(gemm256Doc, "AVX2", gemm256AVX2)}
	if vnni {
		a.doc, a.include = fmt.Sprintf(gemm256Doc, "AVX-VNNI", gemm256VNNI), []string{"vnni256_amd64.h"}
	}
	done := map[string]bool{}
	for _, r := range quantised() {
		name := gemm256Name(r, vnni)
		if !done[name] {
			a.text(name, "a *gemm256Args", "")
			gemm256{asm: a, plane: r.Plane, bits: r.bits(), vnni: vnni}.kernel()
		}
		done[name] = true
	}
	if !vnni {
		storeRows(a, "storeRows256", y(0, 2), "AX")
	}
	return a
}

var lo, hi = []string{"Y0", "Y2", "Y4", "Y6"}, []string{"Y1", "Y3", "Y5", "Y7"}

// wide reports whether weights and activations are int16.
func (k gemm256) wide() bool { return !k.vnni && k.bits == 8 }

func (k gemm256) kernel() {
	k.ones = "Y15"
	k.weights = func(g int) { k.p("VMOVDQU %d(SI), Y8; VMOVDQU %d(SI), Y9", 64*g, 64*g+32) }
	k.scale = func() { k.p("VPADDD (BX), Y10, Y11; VPADDD 32(BX), Y10, Y12") }
	k.p("MOVQ a+0(FP), DX")
	k.load("gemm256Args", "act DI", "plane R9", "exp R10", "base R11", "c R12", "tiles R13", "acc R8")
	if !k.vnni && !k.wide() {
		k.p("VMOVDQU %s, Y15", k.constant32("ones16", 0x0001000100010001))
	}
	k.loop("tile", "R13", func() {
		k.load("gemm256Args", "w SI", "scale BX", "blocks CX")
		k.clearAcc()
		k.loop("block", "CX", k.block)
		if k.plane == pack.PlaneInit && !k.wide() {
			k.p("ADDQ gemm256Args_skip(DX), R9") // blocks that a short slab lacks
		}
		if k.plane != pack.PlaneInit16 {
			k.p("ADDQ gemm256Args_skip(DX), R10")
		}
		switch k.plane {
		case pack.PlaneMinPair:
			k.load("gemm256Args", "min AX")
			k.minPairs(func(p int) { k.p("VMOVDQU %d(AX), Y8; VMOVDQU %d(AX), Y9", 64*p, 64*p+32) }, func() {
				k.load("gemm256Args", "dmin AX")
				k.p("VMOVUPS (AX), Y8; VMOVUPS 32(AX), Y9")
			})
		case pack.PlaneBSum:
			k.minFloats()
		default:
			k.loadAcc()
		}
		k.finish()
		k.p("ADDQ $16, R11; ADDQ $256, R12")
	})
	k.p("VZEROUPPER; RET")
}

// clearAcc sets the slab accumulators to +0.
func (k gemm256) clearAcc() {
	k.p("VXORPS Y0, Y0, Y0")
	for o := 0; o < 256; o += 32 {
		k.p("VMOVUPS Y0, %d(R8)", o)
	}
}

func (k gemm256) block() {
	wide := 0
	switch {
	case k.plane == pack.PlaneInit16:
		for g := range 2 {
			k.sums16(4 * g)
			k.scales()
			k.p("ADDQ $64, BX; ADDQ $16, R9")
		}
		k.p("ADDQ $512, SI; ADDQ $128, DI; ADDQ $16, R10")
		return
	case k.wide():
		k.wideBlock()
		wide = 1
	default:
		k.sums()
	}
	k.scales()
	k.p("ADDQ $%d, SI; ADDQ $64, BX; ADDQ $%d, DI; ADDQ $16, R10", 512<<wide, 128<<wide)
	if k.plane == pack.PlaneInit && !k.wide() {
		k.p("ADDQ $16, R9")
	}
}

// sums makes the sums of a block of bytes.
func (k gemm256) sums() {
	switch {
	case k.vnni:
		k.start()
		k.groups(0, 8)
	case k.bits == 4:
		k.products(0, 8)
		k.widen()
	default:
		k.products(0, 4)
		k.widen()
		k.zip("VMOVDQU %s, %d(R8)", y(0, 8), seq{256, 32}) // half of a block waits in memory
		k.products(4, 8)
		k.widen()
		k.zip("VPADDD %[2]d(R8), %[1]s, %[1]s", y(0, 8), seq{256, 32})
	}
	if k.plane == pack.PlaneInit && !k.vnni {
		for t := range 4 { // the zero point times the sum of the block
			k.p("VPBROADCASTD %d(R9), Y10; VPSRAD $%d, Y10, Y10", 4*t, 8-k.bits)
			k.p("VPADDD Y10, %[1]s, %[1]s; VPADDD Y10, %[2]s, %[2]s", lo[t], hi[t])
		}
	}
}

// sums16 makes the sums of 16 channels, four groups from g on.
func (k gemm256) sums16(g int) {
	if k.vnni {
		k.start()
		k.groups(g, g+4)
	} else {
		k.products(g, g+4)
		k.widen()
	}
}

// start sets the sums, AVX-VNNI.
func (k gemm256) start() {
	switch s := 8 - k.bits; {
	case k.plane == pack.PlaneMinPair || k.plane == pack.PlaneBSum:
		k.zip("VPXOR %[1]s, %[1]s, %[1]s", y(0, 8))
	case s == 0:
		k.zip("VPBROADCASTD %d(R9), %s", seq{0, 4}, lo)
		k.zip("VMOVDQA %s, %s", lo, hi)
	default:
		k.zip("VPBROADCASTD %[1]d(R9), %[2]s; VPSRAD $%[3]d, %[2]s, %[2]s; VMOVDQA %[2]s, %[4]s", seq{0, 4}, lo, s, hi)
	}
}

func (k gemm256) groups(from, to int) {
	for g := from; g < to; g++ {
		k.weights(g)
		k.zip("VPBROADCASTD %d(DI), %s", seq{16 * g, 4}, y(10, 4))
		for t := range 4 {
			k.p("DPBUSD256(%[1]d, 8, %[2]d); DPBUSD256(%[1]d, 9, %[3]d)", 10+t, 2*t, 2*t+1)
		}
	}
}

// products makes the int16 sums of groups [from, to), AVX2. The first products start
// the sums; those of 6 bits are corrected at once.
func (k gemm256) products(from, to int) {
	for g := from; g < to; g++ {
		k.weights(g)
		for t := range 4 {
			act := 16*g + 4*t
			switch {
			case g > from:
				b := []string{"Y10", "Y13"}[t%2]
				k.p("VPBROADCASTD %d(DI), %[2]s; VPMADDUBSW %[2]s, Y8, Y11; VPMADDUBSW %[2]s, Y9, Y12", act, b)
				k.p("VPADDW Y11, %[1]s, %[1]s; VPADDW Y12, %[2]s, %[2]s", lo[t], hi[t])
			case k.bits == 6:
				k.p("VPBROADCASTD %d(DI), Y10; VPBROADCASTD %d(R9), Y11", act, 4*t)
				k.p("VPMADDUBSW Y10, Y8, %[1]s; VPMADDUBSW Y10, Y9, %[2]s; VPADDW Y11, %[1]s, %[1]s; VPADDW Y11, %[2]s, %[2]s", lo[t], hi[t])
			default:
				k.p("VPBROADCASTD %d(DI), Y10; VPMADDUBSW Y10, Y8, %s; VPMADDUBSW Y10, Y9, %s", act, lo[t], hi[t])
			}
		}
	}
}

// widen makes int32 of the sums.
func (k gemm256) widen() { k.zip("VPMADDWD %[1]s, %[2]s, %[2]s", k.ones, y(0, 8)) }

// wideBlock makes the sums of a block of int16. Pairs are, of the four channels of a
// group, first and third, then second and fourth; activations of the first pairs of two
// groups lie before those of the second.
func (k gemm256) wideBlock() {
	for h := range 16 {
		act := 64*(h/4) + []int{0, 32, 16, 48}[h%4]
		k.weights(h)
		for t := range 4 {
			if h == 0 {
				k.p("VPBROADCASTD %d(DI), Y10; VPMADDWD Y10, Y8, %s; VPMADDWD Y10, Y9, %s", act+4*t, lo[t], hi[t])
				continue
			}
			r := y(10+3*(t%2), 3)
			k.p("VPBROADCASTD %d(DI), %[2]s; VPMADDWD %[2]s, Y8, %[3]s; VPMADDWD %[2]s, Y9, %[4]s", act+4*t, r[0], r[1], r[2])
			k.p("VPADDD %[1]s, %[3]s, %[3]s; VPADDD %[2]s, %[4]s, %[4]s", r[1], r[2], lo[t], hi[t])
		}
	}
}

// scales: acc = fma(float(sum), dw·2^-e, acc). Exact scales would be multiplied here.
func (k gemm256) scales() {
	for t := range 4 {
		k.p("VPBROADCASTD %d(R10), Y10; VCVTDQ2PS %[2]s, %[2]s; VCVTDQ2PS %[3]s, %[3]s", 4*t, lo[t], hi[t])
		k.scale()
		k.p("VFMADD213PS %d(R8), Y11, %s; VFMADD213PS %d(R8), Y12, %s", 64*t, lo[t], 64*t+32, hi[t])
		k.p("VMOVUPS %s, %d(R8); VMOVUPS %s, %d(R8)", lo[t], 64*t, hi[t], 64*t+32)
	}
}

func (k gemm256) loadAcc() { k.zip("VMOVUPS %d(R8), %s", seq{0, 32}, y(0, 8)) }

// finish: C = fma(acc, base, C).
func (k gemm256) finish() {
	for t := range 4 {
		k.p("VBROADCASTSS %d(R11), Y10", 4*t)
		k.p("VFMADD213PS %d(R12), Y10, %s; VFMADD213PS %d(R12), Y10, %s", 64*t, lo[t], 64*t+32, hi[t])
		k.p("VMOVUPS %s, %d(R12); VMOVUPS %s, %d(R12)", lo[t], 64*t, hi[t], 64*t+32)
	}
}

// minPairs: acc = fma(-float(sum), dmin/8, acc), the sum of int16 pairs of mins times
// pairs of rounded block sums. mins and dmin load them into Y8 and Y9.
func (k gemm256) minPairs(mins func(p int), dmin func()) {
	for p := range 4 {
		mins(p)
		for t := range 4 {
			k.p("VPBROADCASTD %d(R9), Y10", 16*p+4*t)
			if p == 0 {
				k.p("VPMADDWD Y10, Y8, %s; VPMADDWD Y10, Y9, %s", lo[t], hi[t])
				continue
			}
			k.p("VPMADDWD Y10, Y8, Y11; VPMADDWD Y10, Y9, Y12")
			k.p("VPADDD Y11, %[1]s, %[1]s; VPADDD Y12, %[2]s, %[2]s", lo[t], hi[t])
		}
	}
	dmin()
	for t := range 4 {
		k.p("VCVTDQ2PS %[1]s, %[1]s; VCVTDQ2PS %[2]s, %[2]s", lo[t], hi[t])
		k.p("VFNMADD213PS %d(R8), Y8, %s; VFNMADD213PS %d(R8), Y9, %s", 64*t, lo[t], 64*t+32, hi[t])
	}
	k.p("ADDQ $64, R9")
}

// minFloats: acc = fma(bsum, m, acc) for every block.
func (k gemm256) minFloats() {
	k.load("gemm256Args", "min AX", "blocks CX")
	k.loadAcc()
	k.loop("min", "CX", func() {
		k.p("VMOVUPS (AX), Y8; VMOVUPS 32(AX), Y9")
		k.addMin()
		k.p("ADDQ $64, AX; ADDQ $16, R9")
	})
	k.p("ADDQ gemm256Args_skip(DX), R9")
}

// addMin: acc = fma(bsum, m, acc), m in Y8 and Y9.
func (k gemm256) addMin() {
	for t := range 4 {
		k.p("VBROADCASTSS %d(R9), Y10; VFMADD231PS Y10, Y8, %s; VFMADD231PS Y10, Y9, %s", 4*t, lo[t], hi[t])
	}
}
