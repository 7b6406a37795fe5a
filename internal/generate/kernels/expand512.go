package main

import "github.com/tessera-llm/tessera/pkg/pack"

// expand512 is the template of the expansion of packed records into the scratch of
// the GEMM kernels, AVX-512.
type expand512 struct{ decode512 }

// params are the parameters of a function, in order, all of 8 bytes.
func (k expand512) params() string {
	switch k.r.Plane {
	case pack.PlaneInit:
		return "w *byte, scale *float32, rec *byte, n int"
	case pack.PlaneBSum:
		return "w *byte, scale, min *float32, rec *byte, n int"
	case pack.PlaneMinPair:
		return "w *byte, scale *float32, min *int16, dmin *float32, rec *byte"
	}
	return "w *byte, scale *float32, rec *byte"
}

func expand512File() *asm {
	a := &asm{constants: "expand512Const", doc: `Expansion of the n packed records of a slab into the scratch of the GEMM kernels: weights as
bytes w, 64 per group of 4 channels by 16 rows, and f32 scales [block][16], times 2^-shift where the
bytes are shifted. min is f32 [block][16], or for types with a dmin (divided by 8) int16 pairs [4][16][2].
The same place of the next slab is prefetched; beyond the last one that is harmless.

	DI weights   SI record   R8 scales   R9 mins   R10 dmin   BX upper bits   CX what is left`}
	for _, r := range quantised() {
		k := expand512{decode512{asm: a, r: r, w0: "Z0", w1: "Z1", h: "Z2", h0: "Z3", h1: "Z4",
			mask: "Z20", top: "Z22", table: "Z19"}}
		a.text("expand"+r.name, k.params(), "")
		a.arguments(k.params(), map[string]string{"w": "DI", "scale": "R8", "min": "R9", "dmin": "R10", "rec": "SI", "n": "CX"})
		k.masks()
		if r.super() {
			k.superRecord()
		} else {
			k.records()
		}
		a.p("VZEROUPPER; RET")
	}
	return a
}

// records: scales and mins are converted, 64 channels decoded per turn.
func (k expand512) records() {
	r := k.r
	if r.shift() > 0 || !r.HasZero() {
		k.p("VBROADCASTSS %s, Z21", k.constant(uint32(127-r.shift())<<23))
	}
	if !r.HasZero() {
		k.p("VPBROADCASTD %s, Z22", k.constant(bytes4(128)))
	}
	k.loop("loop", "CX", func() {
		k.p("VCVTPH2PS 0(SI), Z0; VCVTPH2PS 32(SI), Z1")
		if r.shift() > 0 {
			k.p("VMULPS Z21, Z0, Z0; VMULPS Z21, Z1, Z1")
		}
		if !r.HasZero() { // a zero scale becomes 1 over zeros
			k.p("VXORPS Z5, Z5, Z5; VCMPPS $4, Z5, Z0, K1; VCMPPS $4, Z5, Z1, K2")
			k.p("VBLENDMPS Z0, Z21, K1, Z0; VBLENDMPS Z1, Z21, K2, Z1")
		}
		k.p("VMOVUPS Z0, (R8); VMOVUPS Z1, 64(R8); ADDQ $128, R8")
		if r.HasMin() {
			k.p("VCVTPH2PS %d(SI), Z0; VCVTPH2PS %d(SI), Z1", r.Min, r.Min+32)
			k.p("VMOVUPS Z0, (R9); VMOVUPS Z1, 64(R9); ADDQ $128, R9")
		}
		k.groups(16)
		k.p("ADDQ $%d, SI; ADDQ $1024, DI", r.Size)
	})
}

// superRecord: scales are d times integers; the record is decoded in turns of 16
// groups, or of those that share a vector of upper bits.
func (k expand512) superRecord() {
	r := k.r
	extend, factor := "VPMOVZXBD", uint32(124)<<23 // 1/8, of dmin
	if r.Scale == pack.ScaleI8 {
		extend = "VPMOVSXBD"
	}
	if !r.HasMin() {
		factor = uint32(127-r.shift()) << 23
	}
	k.p("VBROADCASTSS %s, Z21; VCVTPH2PS (SI), Z0", k.constant(factor))
	if !r.HasMin() {
		k.p("VMULPS Z21, Z0, Z0")
	}
	for i := range 256 / r.Group {
		k.p("%s %d(SI), Z1; VCVTDQ2PS Z1, Z1; VMULPS Z1, Z0, Z1; VMOVUPS Z1, %d(R8)", extend, r.Sub+16*i, 64*i)
	}
	if r.HasMin() {
		k.zip("VPMOVZXBW %d(SI), %s", seq{r.SubMin, 32}, z(1, 4))
		k.zip("VMOVDQU64 %s, %d(R9)", z(1, 4), seq{0, 64})
		k.p("VCVTPH2PS %d(SI), Z0; VMULPS Z21, Z0, Z0; VMOVUPS Z0, (R10)", r.Min)
	}
	n := 16
	if r.HighBits > 0 {
		n = r.perHigh()
		k.highBase = "BX"
		k.p("LEAQ %d(SI), BX", r.High)
	}
	k.p("MOVQ $%d, CX", 64/n)
	k.loop("loop", "CX", func() {
		k.groups(n)
		if r.HighBits > 0 {
			k.p("ADDQ $64, BX")
		}
		k.p("ADDQ $%d, SI; ADDQ $%d, DI", 32*n, 64*n)
	})
}

// groups decodes n groups from SI on.
func (k expand512) groups(n int) {
	slab := 256 / k.r.Channels * k.r.Size
	for g := 0; g < n; g += 2 {
		k.pair(g, func(at int, high bool) {
			base := "SI"
			if high && k.highBase != "" {
				base = k.highBase
			}
			k.p("PREFETCHT0 %d(%s)", at+slab, base)
		})
		if !k.r.HasZero() {
			k.p("VPBLENDMD %[1]s, Z22, K%[3]d, %[1]s; VPBLENDMD %[2]s, Z22, K%[3]d, %[2]s", k.w0, k.w1, 1+g/8)
		}
		k.p("VMOVDQU64 %s, %d(DI); VMOVDQU64 %s, %d(DI)", k.w0, 64*g, k.w1, 64*g+64)
	}
}
